package explore

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"vitrine/explore/apk"
)

// bigIndex is as large as that of Alpine's largest repository.
func bigIndex(b *testing.B) []byte {
	var text strings.Builder
	for i := range 25_000 {
		fmt.Fprintf(&text, "C:Q1qvTGHdzF6KLavt4PO0gs2a6pQ%02d=\nP:package-%d\nV:1.%d.%d-r1\nA:x86_64\nS:%d\nI:%d\nT:What it does, in a few words %d\nU:https://example.com/%d\nL:MIT\no:package-%d\n"+
			"m:Some Body <body@example.com>\nt:17000%05d\nc:%040x\nD:so:libc.musl-x86_64.so.1 so:lib%d.so.1 package-%d\np:cmd:p%d=1-r1 so:lib%d.so.1=1.0.0\n\n",
			0, i/2, i%2, i, i*7, i*31, i, i, i/2, i, i*7919, i*13%997, i*17%25000, i, i)
	}
	raw, err := apk.WriteIndex(apk.Records(strings.NewReader(text.String())), nil)
	if err != nil {
		b.Fatal(err)
	}
	return raw
}

func BenchmarkAPKIndex(b *testing.B) {
	s := newSite(b, nil)
	d := s.blob("app", string(bigIndex(b)))
	for _, query := range []string{"", "search=package-77", "provide=so:lib77.so.1", "depend=package-77"} {
		b.Run(query, func(b *testing.B) {
			for b.Loop() {
				r := httptest.NewRequest("GET", "/apk/app@"+string(d)+"?"+query, nil) // get would read the page as well
				r.Header.Set("Accept", "text/html")
				w := httptest.NewRecorder()
				s.ServeHTTP(w, r)
				if w.Code != 200 {
					b.Fatal(w.Code)
				}
			}
		})
	}
}

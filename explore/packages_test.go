package explore

import (
	"net/http"
	"os"
	"strings"
	"testing"
)

// TestPackagePages opens packages whose payload can and cannot be read: what the header says, the files, and what is said of one that has no content here.
func TestPackagePages(t *testing.T) {
	s := newSite(t, nil)
	at := map[string]string{}
	for _, codec := range []string{"gzip", "xz"} {
		b, err := os.ReadFile("rpm/testdata/alpha-" + codec + ".rpm")
		if err != nil {
			t.Fatal(err)
		}
		at[codec] = "/app@" + string(s.blob("app", string(b)))
	}
	for _, c := range []struct {
		url    string
		status int
		want   string
	}{
		{"/blob$gzip", 200, "alpha-2:1.2~rc1-3.noarch"},
		{"/blob$xz", 200, `href="https://example.org/alpha?a=1&amp;b=2"`},
		{"/blob$xz", 200, "Header SHA256 digest"},
		{"/fs$gzip/", 200, ">usr/"},
		{"/fs$gzip/etc/alpha/a.conf", 200, "conf"},
		{"/fs$xz/", 200, "rpm, xz payload"},
		{"/fs$xz/usr/share/alpha/", 200, "with space &amp; &lt;lt&gt;"},
		{"/fs$xz/etc/alpha/a.conf", 200, "Its content cannot be shown: this is rpm: its payload is xz, which cannot be decompressed here"},
		{"/fs$xz/etc/alpha/a.conf", 200, "8d0d4c8a1e6ab75ae2f81ab"},
		{"/fs$xz/etc/alpha/a.conf?raw", 415, "its payload is xz"},
		{"/fs$xz/etc/?tar", 415, "its payload is xz"},
		{"/fs$gzip/etc/?tar", 200, "conf\n\x00"},
		{"/fs$xz/etc/none", 404, ""},
	} {
		url := c.url
		for codec, path := range at {
			url = strings.Replace(url, "$"+codec, path, 1)
		}
		w := s.get(url)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s: %d %s, want %d with %s\n%s", c.url, w.Code, http.StatusText(w.Code), c.status, c.want, w.Body)
		}
	}
}

package rpm

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

func TestMergeDocuments(t *testing.T) {
	for _, c := range []struct {
		kind      string
		documents []string
		want      string // what it decompresses to, or the error
	}{
		{"updateinfo", []string{`<?xml version="1.0"?><updates><!-- x --><update type="security"><id>A-1</id><title>a &amp; b</title></update></updates>`,
			"<updates>\n<update><id> A-1 </id><title>other</title></update>\n <update><id>B-1</id><pkglist><collection><id>no</id></collection></pkglist></update></updates>"},
			xmlHeader + "<updates>\n<!-- x --><update type=\"security\"><id>A-1</id><title>a &amp; b</title></update>\n" +
				"<update><id>B-1</id><pkglist><collection><id>no</id></collection></pkglist></update>\n</updates>\n"},
		{"group", []string{`<!DOCTYPE comps PUBLIC "-//Red Hat, Inc.//DTD Comps info//EN" "comps.dtd"><comps><group><id>core</id><name xml:lang="de">Kern</name></group><langpacks/></comps>`,
			`<comps><group><id>core</id></group><environment><id>core</id></environment><langpacks><match/></langpacks></comps>`},
			xmlHeader + "<comps>\n<group><id>core</id><name xml:lang=\"de\">Kern</name></group>\n<langpacks/>\n<environment><id>core</id></environment>\n" +
				"<langpacks><match/></langpacks>\n</comps>\n"},
		{"modules", []string{"---\na: 1\n...\n", "b: 2", ""}, "---\na: 1\n...\n---\nb: 2\n"},
		{"updateinfo", nil, xmlHeader + "<updates>\n</updates>\n"},
		{"productid", nil, `rpm: no documents of the kind "productid" can be merged`},
		{"updateinfo", []string{"<html/>"}, "updateinfo of member 0: rpm: damaged: a root that is no updates at byte 7 of XML"},
		{"updateinfo", []string{"<updates><update><id>a</id></update>"}, "updateinfo of member 0: rpm: damaged: unexpected EOF at byte 36 of XML"},
		{"updateinfo", []string{"<updates xmlns:x='y'><x:update/></updates>"}, "updateinfo of member 0: rpm: damaged: an element that cannot be copied at byte 32 of XML"},
		{"updateinfo", []string{"<updates><update>\x01</update></updates>"}, "updateinfo of member 0: rpm: damaged: an element that cannot be copied at byte 27 of XML"},
		{"updateinfo", []string{"<updates><update>\xff</update></updates>"}, "updateinfo of member 0: rpm: damaged: an element that cannot be copied at byte 27 of XML"},
		{"group", []string{"\x28\xb5\x2f\xfd"}, "group of member 0: rpm: zstd, which is not decompressed here"},
	} {
		s := spool{}
		w, err := s.create(c.kind)
		if err != nil {
			t.Fatal(err)
		}
		var all []io.Reader
		for _, d := range c.documents {
			all = append(all, strings.NewReader(d))
		}
		d, err := MergeDocuments(c.kind, all, w, time.Unix(17, 0))
		if err != nil {
			if err.Error() != c.want {
				t.Errorf("%s: %v, want %s", c.kind, err, c.want)
			}
			continue
		}
		got := s.plain(t, c.kind)
		if got != c.want || d.Open != sumOf([]byte(got)) || d.Checksum != sumOf(s[c.kind].Bytes()) || d.Type != c.kind || !d.Location.IsLocal() {
			t.Errorf("%s: %+v\n%s\nwant\n%s", c.kind, d, got, c.want)
		}
		g, err := Build(nil, BuildOptions{Create: spool{}.create, Data: []Data{d}})
		if err != nil || g.Find(c.kind) == nil {
			t.Errorf("%s: a generation of %+v, %v", c.kind, g, err)
		}
	}
	broken := errors.New("broken")
	if _, err := MergeDocuments("group", []io.Reader{strings.NewReader("<comps><a/></comps>")}, failingWriter{broken}, time.Time{}); !errors.Is(err, broken) {
		t.Errorf("a writer that fails: %v", fmt.Sprint(err))
	}
}

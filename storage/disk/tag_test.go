package disk

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// TestDatesAfterRestart checks that the time of a tag is that of its record.
func TestDatesAfterRestart(t *testing.T) {
	root := t.TempDir()
	s := open(t, root)
	m := putManifest(t, s, "app", index)
	if err := s.SetTag(t.Context(), "app", "1", m.Digest, storage.Match{}); err != nil {
		t.Fatal(err)
	}
	fi, err := os.Lstat(filepath.Join(root, "repos/app/_tags/1"))
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range []storage.Reader{s, reopen(t, s)} {
		for tag, err := range storage.DatedTags(t.Context(), s, "app") {
			off := tag.Time.Sub(fi.ModTime()).Abs() // the kernel's clock for files goes in steps
			if err != nil || tag.Tag != "1" || tag.Digest != m.Digest || off > time.Minute || i > 0 && off > 0 {
				t.Errorf("restarted %d times: %v, %v, the record is of %v", i, tag, err, fi.ModTime())
			}
		}
	}
}

// BenchmarkDatedTags is what a page costs that shows what was pushed last: 10,000 tags in 1,000 repositories, in memory already and not yet.
func BenchmarkDatedTags(b *testing.B) {
	root := b.TempDir()
	s, err := Open(root, &Options{NoSync: true})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { s.Close() }()
	m, _, err := storage.ParseManifest("", []byte(index), "")
	if err != nil {
		b.Fatal(err)
	}
	for i := range 10_000 {
		name := oci.Name(fmt.Sprintf("team-%d/app-%d", i%10, i%1000))
		if i < 1000 {
			err = s.PutManifest(b.Context(), name, m)
		}
		if err == nil {
			err = s.SetTag(b.Context(), name, oci.Tag(fmt.Sprint(i)), m.Digest, storage.Match{})
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	look := func() {
		n := 0
		for name, err := range s.Repositories(b.Context(), "") {
			if err != nil {
				b.Fatal(err)
			}
			for _, err := range s.DatedTags(b.Context(), name) {
				if err != nil {
					b.Fatal(err)
				}
				n++
			}
		}
		if n != 10_000 {
			b.Fatal(n)
		}
	}
	b.Run("warm", func(b *testing.B) {
		look()
		for b.Loop() {
			look()
		}
	})
	b.Run("cold", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			s.Close()
			if s, err = Open(root, &Options{NoSync: true}); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
			look()
		}
	})
}

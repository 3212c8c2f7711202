package repodata

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// kinds are what a generation has. Those that are plain have no checksum in their name, as comps.xml often has none.
var kinds = []struct {
	name, file string
	plain      bool
}{
	{"primary", "primary.xml.gz", false},
	{"filelists", "filelists.xml.gz", false},
	{"other", "other.xml.gz", false},
	{"group", "comps.xml.gz", true},
}

// Make returns the files of generation n by path, as a server has them: nothing of other generations is among them. No two generations have a file that is the same.
func Make(n int) map[string][]byte {
	files := map[string][]byte{}
	data := &strings.Builder{}
	for _, k := range kinds {
		open := fmt.Appendf(nil, "<metadata xmlns=\"http://linux.duke.edu/metadata/common\" packages=\"0\"><!-- %s of %d %s --></metadata>\n", k.name, n, strings.Repeat("x", 1000))
		packed := pack(open)
		path := "repodata/" + k.file
		if !k.plain {
			path = "repodata/" + Sum(packed) + "-" + k.file
		}
		files[path] = packed
		fmt.Fprintf(data, "<data type=\"%s\"><checksum type=\"sha256\">%s</checksum><open-checksum type=\"sha256\">%s</open-checksum>"+
			"<location href=\"%s\"/><timestamp>%d</timestamp><size>%d</size><open-size>%d</open-size></data>\n", k.name, Sum(packed), Sum(open), path, n, len(packed), len(open))
	}
	md := fmt.Appendf(nil, "<?xml version=\"1.0\"?>\n<repomd xmlns=\"http://linux.duke.edu/metadata/repo\"><revision>%d</revision>\n%s</repomd>\n", n, data)
	files[root], files[root+".asc"] = md, signature(md)
	return files
}

// root is the index of all.
const root = "repodata/repomd.xml"

// signature is what stands for one: it fits its index only.
func signature(md []byte) []byte { return []byte("signed " + Sum(md) + "\n") }

func pack(plain []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write(plain) // a buffer takes all
	w.Close()
	return b.Bytes()
}

// Sum is the SHA-256 of b in hexadecimal.
func Sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

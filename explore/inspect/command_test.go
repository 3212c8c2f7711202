package inspect

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestCommands runs the command lines that Docs show, on the file as standard input, and looks for what the Docs have in what they print.
func TestCommands(t *testing.T) {
	read := func(name string) []byte {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil
		}
		return data
	}
	for _, c := range []struct {
		program string
		data    []byte
		find    func(d *Doc) []string
	}{
		{"readelf", read("/bin/ls"), func(d *Doc) []string {
			return append(append(column(d, "Sections", "Name"), fieldsOf(d, "Needs")...), fieldsOf(d, "Interpreter")...)
		}},
		{"jq", safetensorsFile(`{"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 8), func(d *Doc) []string { return column(d, "Tensors", "Name") }},
		{"sqlite3", sqliteSample(t), func(d *Doc) []string { return column(d, "Tables, indexes, views, triggers", "SQL") }},
		{"objdump", goroot(t, "debug/pe/testdata", "gcc-386-mingw-no-symbols-exec")["gcc-386-mingw-no-symbols-exec"], func(d *Doc) []string {
			return append(column(d, "Imports", "Function"), column(d, "Sections", "Name")...)
		}},
	} {
		if !hasProgram(t, c.program) || c.data == nil {
			continue
		}
		d, err := inspect(t, c.program, c.data)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("sh", "-c", d.Command)
		cmd.Dir, cmd.Stdin = t.TempDir(), bytes.NewReader(c.data)
		out, err := cmd.Output()
		if err != nil {
			t.Errorf("%s: %v", d.Command, err)
			continue
		}
		found := c.find(d)
		for _, s := range found {
			if !strings.Contains(string(out), s) {
				t.Errorf("%s does not print %q", d.Command, s)
			}
		}
		if len(found) == 0 {
			t.Errorf("%s: nothing to look for", d.Command)
		}
	}
}

func sqliteSample(t *testing.T) []byte {
	if !hasProgram(t, "sqlite3") {
		return nil
	}
	return sqlite3(t, "CREATE TABLE a (b TEXT);")
}

package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestConfigErrors(t *testing.T) {
	for _, tt := range []struct{ file, want string }{
		{`{}`, ``},
		{`{"adr": ":1"}`, `f:1:2: unknown key "adr", did you mean "addr"?`},
		{`{"zzzzzzzz": 1}`, `f:1:2: unknown key "zzzzzzzz"`},
		{"{\n  \"tls\": {\"crt\": \"a\"}}", `f:2:11: tls: unknown key "crt", did you mean "cert"?`},
		{`{"tls.cert": "a"}`, `f:1:2: unknown key "tls.cert"`},
		{`{"tls": "a"}`, `f:1:9: tls: want an object, have the string "a"`},
		{`[]`, `f:1:1: want an object, have an array`},
		{`7`, `f:1:1: want an object, have 7`},
		{`{"read_only": "yes"}`, `f:1:15: read_only: want true or false, have the string "yes"`},
		{`{"read_only": null}`, `f:1:15: read_only: want true or false, have null`},
		{`{"addr": 5000}`, `f:1:10: addr: want a string, have 5000`},
		{`{"addr": {"a": 1}}`, `f:1:10: addr: want a string, have an object`},
		{`{"uploads": {"expire": "1 day"}}`, `f:1:24: uploads.expire: want a duration such as "90s" or "24h", have "1 day"`},
		{`{"uploads": {"expire": "-1h"}}`, `f:1:24: uploads.expire: want a duration greater than zero, have "-1h"`},
		{`{"uploads": {"expire": 24}}`, `f:1:24: uploads.expire: want a duration such as "90s" or "24h", have 24`},
		{`{"explore": {"cache": 5}}`, `f:1:23: explore.cache: want a size such as "512MiB" or "2GiB", have 5`},
		{`{"explore": {"cache": "0"}}`, `f:1:23: explore.cache: want a size greater than zero such as "512MiB" or "2GiB", have "0"`},
		{`{"explore": {"cache": "9999999TiB"}}`, `f:1:23: explore.cache: want a size greater than zero such as "512MiB" or "2GiB", have "9999999TiB"`},
		{`{"log": {"format": "xml"}}`, `f:1:20: log.format: want text or json, have "xml"`},
		{`{"log": {"level": 1}}`, `f:1:19: log.level: want debug or info or warn or error, have 1`},
		{"{\"addr\": \":1\",\n \"addr\": \":2\"}", `f:2:2: "addr" is given twice, first in line 1`},
		{"{\"tls\": {\"cert\": \"a\",\n\"cert\": \"b\"}}", `f:2:1: "cert" is given twice, first in line 1`},
		{`{"addr": ":1"`, `f:1:14: the file ends in the middle`},
		{``, `f:1:1: the file ends in the middle`},
		{`{"addr": ":1" "root": "a"}`, `f:1:15: invalid character '"' after object key:value pair`},
		{`{"addr": ":1"} x`, `f:1:16: invalid character 'x' after top-level value`},
		{`{addr: 1}`, `f:1:2: invalid character 'a' looking for beginning of object key string`},
		{`{,}`, `f:1:2: invalid character ',' looking for beginning of object key string`},
		{`{"addr": ":1",,}`, `f:1:15: invalid character ',' looking for beginning of object key string`},
		{`,{}`, `f:1:1: invalid character ',' looking for beginning of value`},
		{"{\n/* never", `f:2:1: this comment never ends`},
		{`{/*/}`, `f:1:2: this comment never ends`},
		{`{"root": "é", "bad": 1}`, `f:1:15: unknown key "bad"`},
		{"{\"a\": 1,\n\"b\": 2}", "f:1:2: unknown key \"a\"\nf:2:1: unknown key \"b\""},
		{strings.Repeat("[", 66) + strings.Repeat("]", 66), `f:1:66: nested deeper than 64 levels`},
		{`{"auth": {"rules": {}}}`, `f:1:20: auth.rules: want an array of rules, have an object`},
		{`{"auth": {"rules": ["x"]}}`, `f:1:21: auth.rules[0]: want an object, have the string "x"`},
		{`{"auth": {"rules": [{"repositories": "**"}, {"pul": []}]}}`, `f:1:46: auth.rules[1]: unknown key "pul", did you mean "pull"?`},
		{`{"auth": {"rules": [{"repositories": "**", "push": "bob"}]}}`, `f:1:52: auth.rules[0].push: want an array of strings, have the string "bob"`},
		{`{"auth": {"rules": [{"repositories": "**", "push": ["a", 1]}]}}`, `f:1:58: auth.rules[0].push[1]: want a string, have 1`},
		{`{"auth": {"rules": [{"pull": ["a"]}]}}`, `f:1:20: auth.rules: policy: rule 1: "repositories" is empty; "**" is all of them`},
	} {
		c := defaults()
		got := ""
		if err := c.loadBytes("f", []byte(tt.file)); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s\n got %s\nwant %s", tt.file, got, tt.want)
		}
	}
}

func TestConfigErrorsBounded(t *testing.T) {
	var b strings.Builder
	for i := range 50 {
		b.WriteString(strings.Repeat("x", 30+i) + `": 0, "`)
	}
	err := defaults().loadBytes("f", []byte(`{"`+b.String()+`": 0}`))
	if lines := strings.Split(err.Error(), "\n"); len(lines) != maxErrors+1 || lines[maxErrors] != "f: and more" {
		t.Errorf("%d lines, the last %q", len(lines), lines[len(lines)-1])
	}
}

const commented = "\xef\xbb\xbf" + `// of the whole
{
  "addr": ":1", /* not // "addr" */ "root": "a // b /* c */ \" d",
  "tls": {"cert": "x,]", "key": "y",},
  "auth": {"htpasswd": "h", "rules": [
    {"repositories": "**", "pull": ["anonymous",], "push": ["*"],}, // the last
  ],},
  "uploads": {"expire": "36h",},
} // and after`

func TestComments(t *testing.T) {
	c := defaults()
	if err := c.loadBytes("f", []byte(commented)); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ got, want string }{
		{c.addr, ":1"}, {c.root, `a // b /* c */ " d`}, {c.tlsCert, "x,]"}, {c.tlsKey, "y"},
		{c.uploadAge.String(), "36h0m0s"}, {c.from["tls.key"], "f:4"}, {c.from["fsync"], "default"},
	} {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
	if len(c.rules) != 1 || c.rules[0].Repositories != "**" || c.rules[0].Push[0] != "*" {
		t.Errorf("rules %v", c.rules)
	}
}

// TestPrecedence has one setting per source, and looks who wins.
func TestPrecedence(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.json")
	write(t, file, `{"addr": "file:1"}`)
	for _, tt := range []struct{ args, env, addr, from string }{
		{"", "", ":5000", "default"},
		{"--config FILE", "", "file:1", "FILE:1"},
		{"", "VITRINE_CONFIG=FILE", "file:1", "FILE:1"},
		{"--config FILE", "REGISTRY_HTTP_ADDR=alias:1", "alias:1", "REGISTRY_HTTP_ADDR"},
		{"--config FILE", "REGISTRY_HTTP_ADDR=alias:1 VITRINE_ADDR=env:1", "env:1", "VITRINE_ADDR"},
		{"--config FILE --addr flag:1", "REGISTRY_HTTP_ADDR=alias:1 VITRINE_ADDR=env:1", "flag:1", "--addr"},
		{"--addr a:1 --addr b:1", "", "b:1", "--addr"},
		{"--config FILE", "VITRINE_ADDR= REGISTRY_HTTP_ADDR=", "file:1", "FILE:1"},
	} {
		fill := strings.NewReplacer("FILE", file).Replace
		c, _, _, err := load(strings.Fields(fill(tt.args)), strings.Fields(fill(tt.env)))
		if err != nil {
			t.Errorf("%s %s: %v", tt.env, tt.args, err)
			continue
		}
		if from := c.from["addr"]; c.addr != tt.addr || from != fill(tt.from) {
			t.Errorf("%s %s: %q from %q, want %q from %q", tt.env, tt.args, c.addr, from, tt.addr, fill(tt.from))
		}
	}
}

func TestLoadErrors(t *testing.T) {
	for _, tt := range []struct{ args, env, want string }{
		{"--adr :1", "", "unknown flag --adr, did you mean \"--addr\"?"},
		{"--addr", "", "flag needs an argument: -addr"},
		{"--fsync maybe", "", `invalid value "maybe" for flag -fsync: want true or false, or on or off, have "maybe"`},
		{"--addr 5000", "", `addr (from --addr): want HOST:PORT or :PORT, have "5000"`},
		{"", "VITRINE_UPLOAD_AGE=1d", `VITRINE_UPLOAD_AGE: want a duration such as "90s" or "24h", have "1d"`},
		{"", "VITRINE_TLS_KEY=k", `tls.key (from VITRINE_TLS_KEY): needs tls.cert too`},
		{"--external-url registry.example.com", "", `auth.external_url (from --external-url): want a URL such as https://registry.example.com, have "registry.example.com"`},
		{"--root=", "", `root (from --root): is empty`},
		{"--tls-cert c", "", `tls.cert (from --tls-cert): needs tls.key too`},
		{"--anonymous-pull", "", `auth.anonymous_pull (from --anonymous-pull): needs auth.htpasswd, without which everybody may push too`},
		{"", "REGISTRY_AUTH=token", `REGISTRY_AUTH: only htpasswd is known here, and going on without would open the registry to everybody`},
		{"", "REGISTRY_AUTH_TOKEN_REALM=x", `REGISTRY_AUTH_TOKEN_REALM: only htpasswd is known here, and going on without would open the registry to everybody`},
		{"", "REGISTRY_AUTH=htpasswd", `REGISTRY_AUTH: asks for users, and REGISTRY_AUTH_HTPASSWD_PATH names no file`},
		{"", "REGISTRY_AUTH_HTPASSWD_REALM=x", `REGISTRY_AUTH_HTPASSWD_REALM: asks for users, and REGISTRY_AUTH_HTPASSWD_PATH names no file`},
		{"", "REGISTRY_AUTH_HTPASSWD_REALM=x REGISTRY_AUTH_HTPASSWD_PATH=", `REGISTRY_AUTH_HTPASSWD_REALM: asks for users, and REGISTRY_AUTH_HTPASSWD_PATH names no file`},
		{"", "REGISTRY_STORAGE_DELETE_ENABLED=perhaps", `REGISTRY_STORAGE_DELETE_ENABLED: want true or false, or on or off, have "perhaps"`},
		{"--config /nonexistent/c.json", "", `configuration: open /nonexistent/c.json: no such file or directory`},
	} {
		_, _, _, err := load(strings.Fields(tt.args), strings.Fields(tt.env))
		if err == nil || err.Error() != tt.want {
			t.Errorf("%s %s\n got %v\nwant %s", tt.env, tt.args, err, tt.want)
		}
	}
}

func TestNotes(t *testing.T) {
	c, notes, _, err := load(nil, []string{
		"PATH=/bin", "VITRINE_ROOOT=x", "VITRINE_SERVICE_HOST=1.2.3.4", "REGISTRY_HTTP_SECRET=s", "REGISTRY_AUTH=htpasswd",
		"REGISTRY_AUTH_HTPASSWD_PATH=/p", "REGISTRY_AUTH_HTPASSWD_REALM=R", "REGISTRY_STORAGE_DELETE_ENABLED=false",
		"REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY=/r", "REGISTRY_HTTP_TLS_CERTIFICATE=/c", "REGISTRY_HTTP_TLS_KEY=/k",
	})
	if err != nil {
		t.Fatal(err)
	}
	if c.htpasswd != "/p" || c.root != "/r" || c.tlsCert != "/c" || c.tlsKey != "/k" || c.delete {
		t.Errorf("got %v", c)
	}
	var got []string
	for _, n := range notes {
		got = append(got, n.level.String()+" "+n.text)
	}
	want := []string{
		"INFO REGISTRY_AUTH_HTPASSWD_PATH understood as VITRINE_HTPASSWD",
		"INFO REGISTRY_HTTP_TLS_CERTIFICATE understood as VITRINE_TLS_CERT",
		"INFO REGISTRY_HTTP_TLS_KEY understood as VITRINE_TLS_KEY",
		"INFO REGISTRY_STORAGE_DELETE_ENABLED understood as VITRINE_DELETE",
		"INFO REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY understood as VITRINE_ROOT",
		"WARN ignored, as nothing here is like it: REGISTRY_AUTH_HTPASSWD_REALM, REGISTRY_HTTP_SECRET",
		"WARN VITRINE_ROOOT means nothing here, did you mean \"VITRINE_ROOT\"?",
		"WARN VITRINE_SERVICE_HOST means nothing here",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

// TestNoUsersIsSaid: a compose file that passes on what nobody has set must not open a registry in silence.
func TestNoUsersIsSaid(t *testing.T) {
	const open = " is set to nothing: there are no users, and everybody may do everything"
	users := filepath.Join(t.TempDir(), "users")
	write(t, users, "")
	for _, tt := range []struct{ args, env, want string }{
		{"", "", ""},
		{"", "VITRINE_HTPASSWD=", "VITRINE_HTPASSWD" + open},
		{"", "REGISTRY_AUTH_HTPASSWD_PATH=", "REGISTRY_AUTH_HTPASSWD_PATH" + open},
		{"", "REGISTRY_AUTH=", "REGISTRY_AUTH" + open},
		{"--htpasswd=", "", "auth.htpasswd (from --htpasswd)" + open},
		{"--htpasswd=" + users, "VITRINE_HTPASSWD=", ""},
	} {
		_, notes, _, err := load(strings.Fields(tt.args), strings.Fields(tt.env))
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, n := range notes {
			got += n.text
		}
		if got != tt.want || got != "" && notes[0].level != slog.LevelWarn {
			t.Errorf("%s %s: %v, want a warning %q", tt.args, tt.env, notes, tt.want)
		}
	}
}

func TestConfigPrintGolden(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	write(t, "c.json", commented)
	p := &process{args: strings.Fields("config print --config c.json --read-only --delete=off"), env: []string{"VITRINE_ADDR=:7", "REGISTRY_LOG_LEVEL=warn"}}
	out, _ := mustRun(t, p, exitOK)
	golden(t, "config-print.jsonc", out)
}

// golden compares got with testdata/golden/name.
func golden(t *testing.T, name, got string) {
	t.Helper()
	name = filepath.Join(sourceDir, "testdata", "golden", name)
	if *update {
		write(t, name, got)
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}

// sourceDir is where the tests stand, whatever directory one of them goes to.
var sourceDir, _ = os.Getwd()

func write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestDuration(t *testing.T) {
	for _, s := range []string{"90s", "1m30s", "24h", "10m", "1h0m1s", "500ms", "1m"} {
		c := defaults()
		d := duration{&c.stall}
		if err := d.set(s); err != nil {
			t.Fatal(err)
		}
		before := c.stall
		if err := d.set(strings.Trim(d.show(), `"`)); err != nil || c.stall != before {
			t.Errorf("%s is shown as %s, which is %v, %v", s, d.show(), c.stall, err)
		}
	}
}

func TestSize(t *testing.T) {
	for _, tt := range []struct {
		in, shown string
		want      int64
	}{{"1", "1", 1}, {"1024", "1KiB", 1024}, {"1536 MiB", "1536MiB", 1536 << 20}, {"2GiB", "2GiB", 2 << 30}, {"4096GiB", "4TiB", 4 << 40}} {
		var n int64
		v := size{&n}
		if err := v.set(tt.in); err != nil || n != tt.want || v.show() != quote(tt.shown) {
			t.Errorf("%s: %d shown as %s, %v; want %d as %s", tt.in, n, v.show(), err, tt.want, tt.shown)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, tt := range []struct {
		a, b  string
		limit int
		want  int
	}{
		{"", "", 9, 0}, {"a", "", 9, 1}, {"", "ab", 9, 2}, {"kitten", "sitting", 9, 3}, {"kitten", "sitting", 2, 2},
		{"root", "roots", 9, 1}, {"abcdef", "f", 3, 3}, {"flaw", "lawn", 9, 2},
	} {
		if got := distance(tt.a, tt.b, tt.limit); got != tt.want {
			t.Errorf("distance(%q, %q, %d) = %d, want %d", tt.a, tt.b, tt.limit, got, tt.want)
		}
	}
}

// FuzzConfig holds that what is JSON needs no blanking, that blanking keeps every offset, and that a configuration
// which is printed makes itself.
func FuzzConfig(f *testing.F) {
	for _, s := range []string{commented, `{}`, `{"a":[1,{"b":null},],}`, `{"addr":"\"//"}`, "{/*\n*/}//", `[,]`, `"\`, `{"log":{"access":false}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		clean, err := blank(src)
		if err == nil && (len(clean) != len(src) || bytes.Count(clean, []byte("\n")) != bytes.Count(src, []byte("\n"))) {
			t.Fatalf("blank(%q) = %q", src, clean)
		}
		if json.Valid(src) && (err != nil || !bytes.Equal(clean, src)) {
			t.Fatalf("blank(%q) = %q, %v: want it as it was", src, clean, err)
		}
		c := defaults()
		if c.loadBytes("f", src) != nil {
			return
		}
		again := defaults()
		if err := again.loadBytes("f", []byte(c.String())); err != nil {
			t.Fatalf("%v\n%s", err, c)
		}
		if a, b := c.valuesString(), again.valuesString(); a != b {
			t.Fatalf("%s\nbecame\n%s", a, b)
		}
	})
}

// valuesString shows the values without where they came from.
func (c *config) valuesString() string {
	var b strings.Builder
	for _, s := range settings {
		b.WriteString(s.key + " " + s.value(c).show() + "\n")
	}
	return b.String()
}

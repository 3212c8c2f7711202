package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vitrine/registry/auth"
	"vitrine/storage"
	"vitrine/storage/disk"

	"github.com/opencontainers/go-digest"
)

// mustRun runs a command to its end and returns what it printed.
func mustRun(t *testing.T, p *process, code int) (stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	p.stdout, p.stderr = &out, &errs
	if p.stdin == nil {
		p.stdin = strings.NewReader("")
	}
	if got := run(t.Context(), p); got != code {
		t.Fatalf("%q: exit code %d, want %d\n%s%s", p.args, got, code, out.String(), errs.String())
	}
	return out.String(), errs.String()
}

func TestExitCodes(t *testing.T) {
	empty := t.TempDir()
	for _, tt := range []struct {
		args string
		code int
		says string // somewhere in what is printed
	}{
		{"", exitUsage, "vitrine serve"},
		{"help", exitOK, "config check|print"},
		{"--help", exitOK, "config check|print"},
		{"serve --help", exitOK, "--upload-age DURATION"},
		{"serve -h", exitOK, "--read-only[=on|off]"},
		{"help passwd", exitOK, "users.htpasswd"},
		{"help configuration", exitOK, "VITRINE_TLS_CERT"},
		{"help registry2", exitOK, "REGISTRY_HTTP_ADDR"},
		{"help exit", exitOK, "3  a check"},
		{"help serv", exitUsage, `did you mean "serve"?`},
		{"help serve more", exitUsage, `unexpected argument "more"`},
		{"srve", exitUsage, `did you mean "serve"?`},
		{"serve extra", exitUsage, `unexpected argument "extra"`},
		{"serve --fsyc=off", exitUsage, `did you mean "--fsync"?`},
		{"serve --htpasswd " + empty + "/none", exitUsage, "auth.htpasswd (from --htpasswd)"},
		{"serve --tls-cert " + empty + "/c --tls-key " + empty + "/k", exitUsage, "TLS: certificate"},
		{"serve --addr 127.0.0.1:99999", exitFailure, "invalid port"},
		{"version", exitOK, "vitrine "},
		{"--version", exitOK, "vitrine "},
		{"version x", exitUsage, "unexpected"},
		{"passwd", exitUsage, "vitrine passwd USER"},
		{"passwd a:b", exitUsage, `"a:b" can't be the name of a user`},
		{"passwd anonymous", exitUsage, "can't be the name"},
		{"passwd bob", exitFailure, "no password came"},
		{"config", exitUsage, "config check"},
		{"config chek", exitUsage, `did you mean "check"?`},
		{"config check", exitOK, "The configuration is right."},
		{"config check --addr x", exitUsage, "want HOST:PORT"},
		{"config check /nonexistent", exitUsage, "no such file"},
		{"verify --root " + empty, exitFailure, empty},
		{"verify --addr :1", exitUsage, "unknown flag --addr"},
		{"verify x", exitUsage, "unexpected"},
	} {
		out, errs := mustRun(t, &process{args: strings.Fields(tt.args)}, tt.code)
		if !strings.Contains(out+errs, tt.says) {
			t.Errorf("vitrine %s: %q is not in\n%s%s", tt.args, tt.says, out, errs)
		}
	}
}

func TestPasswd(t *testing.T) {
	line, _ := mustRun(t, &process{args: []string{"passwd", "bob"}, stdin: strings.NewReader(" sp ace \nmore\n")}, exitOK)
	file := filepath.Join(t.TempDir(), "users")
	write(t, file, line)
	users, err := auth.Load(file)
	if err != nil || len(users.Problems) > 0 {
		t.Fatal(err, users.Problems)
	}
	if !users.Verify(t.Context(), "bob", " sp ace ") {
		t.Errorf("the line does not let bob in: %s", line)
	}
	mustRun(t, &process{args: []string{"passwd", "bob"}, stdin: strings.NewReader("\n")}, exitFailure)
}

// TestPasswdGivesUp: Ctrl-C ends it while it waits.
func TestPasswdGivesUp(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r, w := io.Pipe()
	defer w.Close()
	if got := run(ctx, &process{args: []string{"passwd", "bob"}, stdin: r, stdout: io.Discard, stderr: io.Discard}); got != exitFailure {
		t.Errorf("exit code %d", got)
	}
}

func TestReadPassword(t *testing.T) {
	for _, tt := range []struct{ in, want, rest string }{
		{"secret\n", "secret", ""}, {"secret", "secret", ""}, {"secret\r\n", "secret", ""}, {"one\ntwo\n", "one", "two\n"}, {"\n", "", ""},
	} {
		r := strings.NewReader(tt.in)
		got, err := readPassword(r)
		rest, _ := io.ReadAll(r)
		if got != tt.want || err != nil || string(rest) != tt.rest {
			t.Errorf("readPassword(%q) = %q, %v and leaves %q", tt.in, got, err, rest)
		}
	}
	for _, in := range []string{"", strings.Repeat("x", maxPassword+1)} {
		if got, err := readPassword(strings.NewReader(in)); err == nil {
			t.Errorf("readPassword(%d bytes) = %d bytes", len(in), len(got))
		}
	}
}

func TestConfigCheckFindsBadLines(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/users", "bob:plain\n")
	write(t, dir+"/c.json", `{"auth": {"htpasswd": "`+dir+`/users"}}`)
	out, _ := mustRun(t, &process{args: []string{"config", "check", dir + "/c.json"}}, exitProblems)
	if !strings.Contains(out, "users: line 1: user \"bob\"") {
		t.Error(out)
	}
	out, _ = mustRun(t, &process{args: []string{"config", "check"}, env: []string{"VITRINE_RUT=x"}}, exitProblems)
	if !strings.Contains(out, `did you mean "VITRINE_ROOT"?`) {
		t.Error(out)
	}
}

func TestVerify(t *testing.T) {
	root := filepath.Join(t.TempDir(), "store")
	d := fill(t, root)
	out, _ := mustRun(t, &process{args: []string{"verify"}, env: []string{"VITRINE_ROOT=" + root}}, exitOK)
	if !strings.HasSuffix(out, ": 1 blobs (5 bytes), 1 links, 0 manifests, 0 tags and 0 paths of files read, 0 problems\n") {
		t.Error(out)
	}
	damage(t, root, d)
	out, _ = mustRun(t, &process{args: []string{"verify", "--root", root}}, exitProblems)
	if !strings.Contains(out, d.Encoded()) || !strings.Contains(out, " 1 problems") {
		t.Error(out)
	}
}

// fill makes a store that holds one blob.
func fill(t *testing.T, root string) digest.Digest {
	t.Helper()
	s, err := disk.Open(root, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	d := digest.FromString("hello")
	if err := storage.PutBlob(context.Background(), s, "a", d, strings.NewReader("hello")); err != nil {
		t.Fatal(err)
	}
	return d
}

func damage(t *testing.T, root string, d digest.Digest) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "blobs", "*", "*", d.Encoded()))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	os.Chmod(files[0], 0o600)
	write(t, files[0], "hallo")
}

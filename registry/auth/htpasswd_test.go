package auth

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

const (
	bcryptUU = "$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW" // of "U*U"
	shaABC   = "{SHA}qZk+NkcGgWq6PiVxeFDCbJzQ2J0="                            // of "abc"
)

func TestParseHtpasswd(t *testing.T) {
	for _, tt := range []struct {
		file     string // BCRYPT and SHA stand for hashes
		users    string
		problems string // each by a part of its text
	}{
		{"", "", ""},
		{"alice:BCRYPT\nbob:SHA\n", "alice bob", ""},
		{"alice:BCRYPT\r\n\r\n# a comment\r\n  \t\r\nbob:SHA  \r\n", "alice bob", ""},
		{"\ufeffalice:BCRYPT", "alice", ""},
		{"  alice:SHA:Alice Liddell:more\n", "alice", ""},
		{"пётр o'neil:SHA\n", "пётр o'neil", ""},
		{"alice:SHA\nbob:SHA\nalice:BCRYPT\n", "alice bob", `line 3: user "alice": line 1 has the same user and counts`},
		{"alice:secret\nbob:SHA\n", "bob", `line 1: user "alice": the password's hash cannot be used: it is plain text`},
		{"alice:secret\n", "", `run: vitrine passwd alice`},
		{"\no'neil:$2y$31$", "", `line 2: user "o'neil"|run: vitrine passwd 'o'\''neil'`},
		{"alice:secret\nalice:SHA\n", "", "line 1: |line 2: user \"alice\": line 1 has the same user"},
		{"alice\n", "", "line 1: it has no colon"},
		{"alice:\n", "", "there is no hash"},
		{":SHA\n", "", "line 1: the user's name is empty"},
		{"anonymous:SHA\n*:SHA\n", "", "line 1: |line 2: "},
		{"a\x1bb:SHA\n", "", `a\x1bb`},
		{strings.Repeat("a", 256) + ":SHA\n", "", "256 bytes"},
	} {
		file := strings.NewReplacer("BCRYPT", bcryptUU, "SHA", shaABC).Replace(tt.file)
		users, problems := parseHtpasswd([]byte(file))
		var names []string
		for name := range users {
			names = append(names, name)
		}
		slices.Sort(names)
		if got := strings.Join(names, " "); got != tt.users {
			t.Errorf("%q: users %q, want %q", tt.file, got, tt.users)
		}
		text := fmt.Sprint(problems)
		if (text == "[]") != (tt.problems == "") {
			t.Errorf("%q: problems %s, want %q", tt.file, text, tt.problems)
		}
		for want := range strings.SplitSeq(tt.problems, "|") {
			if !strings.Contains(text, want) {
				t.Errorf("%q: problems %s, want %q in it", tt.file, text, want)
			}
		}
	}
}

func TestProblemsKeepSecrets(t *testing.T) {
	_, problems := parseHtpasswd([]byte("alice:hunter2\nbob hunter2\ncarol:$hunter2$x\nalice:hunter2\ndave:{SHA}hunter2\n"))
	if len(problems) != 5 {
		t.Fatalf("%d problems, want 5: %v", len(problems), problems)
	}
	for _, p := range problems {
		if strings.Contains(p.String(), "hunter2") && p.User != "carol" { // $hunter2$ is where the kind of a hash stands
			t.Errorf("a problem shows what stands for the password: %s", p)
		}
	}
}

func FuzzHtpasswd(f *testing.F) {
	for line := range strings.Lines(published) {
		f.Add("alice:" + strings.TrimSpace(line[strings.LastIndexByte(line, '"')+1:]))
	}
	f.Add("\ufeffa:{SHA}\r\n#\nb\n:$2y$\n$1$:$1$\na:{}\nz:$pbkdf2-sha512$\n")
	f.Fuzz(func(t *testing.T, file string) {
		users, problems := parseHtpasswd([]byte(file))
		lines := strings.Split(file, "\n")
		for _, p := range problems {
			if p.Line < 1 || p.Line > len(lines) || !strings.Contains(lines[p.Line-1], p.User) {
				t.Errorf("%q: %+v names another line", file, p)
			}
			if p.Reason == "" || len(p.String()) > 1000 || strings.ContainsFunc(p.String(), isControl) {
				t.Errorf("%q: %q does not fit into a log", file, p)
			}
		}
		used := 0
		for _, line := range lines {
			if line = strings.TrimSpace(strings.TrimPrefix(line, "\ufeff")); line != "" && line[0] != '#' {
				used++
			}
		}
		if len(users)+len(problems) != used {
			t.Errorf("%q: %d users and %d problems of %d lines", file, len(users), len(problems), used)
		}
		for name, e := range users {
			if checkName(name) != nil || e.kind() == "" {
				t.Errorf("%q: user %q with a hash of kind %q", file, name, e.kind())
			}
		}
	})
}

package conformance

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// A script is requests and what must come back, one a line; "#" begins a comment, " | " separates:
//
//	METHOD TARGET | Header: value | Body: text  =>  STATUS CODE | Header: want | Body: want
//	BLOB REPO text        pushes a blob
//	BLOBS REPO            pushes the blobs of $img
//	LET name = text       for what comes below
//
// STATUS and CODE may be alternatives, a|b. A want is the exact value, or * (any), ! (absent), ~REGEXP, or >name, which
// keeps the value; JSON bodies are compared as JSON. Values of Location are compared, and kept, without scheme and host.
// A second "?" in a TARGET becomes "&", since a session's location may have a query of its own. Text may hold $name and
// $func(args), see funcs. $r and $r2 are new repositories, $r/$long has 255 bytes, and what is kept under a name u is in $u_of_r2 as r2's.
type script struct {
	t    *testing.T
	tg   *target
	vars map[string]string
}

// scriptCase is a script of a table. need names what the registry must do for it: "delete", or "strict" for reference checks.
type scriptCase struct {
	name, need, text string
}

func newScript(t *testing.T, tg *target) *script {
	repo := newRepo()
	return &script{t, tg, map[string]string{
		"r": repo, "r2": newRepo(), "long": strings.Repeat("a", 255-len(repo)-1), "absent": digestOf("sha256", "absent "+run), "uuid": "00000000-0000-4000-8000-000000000000",
		"image": mtImage, "index": mtIndex, "docker": mtDocker, "list": mtDockerList,
	}}
}

// runScripts runs each case as a subtest on every target.
func runScripts(t *testing.T, cases []scriptCase) {
	onEach(t, func(t *testing.T, tg *target) {
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				if !tg.can(c.need) {
					t.Skipf("this registry is not set up for %q", c.need)
				}
				newScript(t, tg).run(c.text)
			})
		}
	})
}

func (tg *target) can(need string) bool {
	switch need {
	case "delete":
		return tg.deletes
	case "strict":
		return !tg.sparse
	}
	return true
}

// run performs text line by line and stops the test at the first line that fails.
func (s *script) run(text string) {
	s.t.Helper()
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			s.line(line)
		}
	}
}

func (s *script) line(line string) {
	s.t.Helper()
	word, rest, _ := strings.Cut(line, " ")
	switch word {
	case "LET":
		name, text, _ := strings.Cut(rest, "=")
		s.vars[strings.TrimSpace(name)] = s.expand(strings.TrimSpace(text))
	case "BLOB":
		repo, text, _ := strings.Cut(rest, " ")
		s.push(s.expand(repo), s.expand(text))
	case "BLOBS":
		s.push(s.expand(rest), "{}")
		s.push(s.expand(rest), "layer")
	default:
		s.request(line)
	}
}

// request performs one request line and compares the answer.
func (s *script) request(line string) *answer {
	s.t.Helper()
	call, want, ok := strings.Cut(line, "=>")
	if !ok {
		s.t.Fatalf("%s: no =>", line)
	}
	req := s.parseRequest(strings.TrimSpace(call))
	a := do(s.t, req)
	for _, err := range s.compare(a, strings.Split(strings.TrimSpace(want), " | ")) {
		s.t.Errorf("%s\n     %s %s\n%v", line, req.Method, clip(req.URL.String()), err)
	}
	if s.t.Failed() {
		s.t.Fatalf("the answer was %s", a)
	}
	return a
}

func (s *script) parseRequest(call string) *http.Request {
	s.t.Helper()
	parts := strings.Split(call, " | ")
	method, target, _ := strings.Cut(parts[0], " ")
	target = s.expand(strings.TrimSpace(target))
	if i := strings.Index(target, "?"); i >= 0 {
		target = target[:i+1] + strings.ReplaceAll(target[i+1:], "?", "&")
	}
	if strings.HasPrefix(target, "/") {
		target = s.tg.base.String() + target
	}
	h := http.Header{}
	var body io.Reader
	for _, p := range parts[1:] {
		k, v, _ := strings.Cut(p, ":")
		switch v = s.expand(strings.TrimSpace(v)); strings.TrimSpace(k) {
		case "Body":
			body = strings.NewReader(v)
		case "Transfer-Encoding":
			body = io.MultiReader(body) // a type whose length net/http does not know
		default:
			h.Add(strings.TrimSpace(k), v)
		}
	}
	req, err := http.NewRequest(method, target, body)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header = h
	return req
}

// compare returns how a differs from what is wanted, and keeps what is to be kept.
func (s *script) compare(a *answer, want []string) (errs []error) {
	status, codes, _ := strings.Cut(strings.TrimSpace(want[0]), " ")
	if !oneOf(status, strconv.Itoa(a.status)) {
		errs = append(errs, fmt.Errorf("got status %d, want %s", a.status, status))
	}
	if codes != "" && !oneOf(codes, a.code()) {
		errs = append(errs, fmt.Errorf("got code %q, want %s", a.code(), codes))
	}
	for _, w := range want[1:] {
		k, v, _ := strings.Cut(w, ":")
		if err := s.field(a, strings.TrimSpace(k), strings.TrimSpace(v)); err != nil {
			errs = append(errs, err)
		}
	}
	return append(errs, a.faults(s.tg)...)
}

// field compares one header, or the body, with its want.
func (s *script) field(a *answer, key, want string) error {
	got, present := a.field(s.tg, key)
	switch {
	case want == "!" && present, want == "*" && !present:
		return fmt.Errorf("%s: got %q, want %s", key, clip(got), map[string]string{"!": "none", "*": "any"}[want])
	case want == "!" || want == "*":
		return nil
	case strings.HasPrefix(want, ">"):
		s.keep(want[1:], got)
		return nil
	case strings.HasPrefix(want, "~"):
		if re := s.expand(want[1:]); !regexp.MustCompile(re).MatchString(got) {
			return fmt.Errorf("%s: got %q, want a match of %s", key, clip(got), re)
		}
		return nil
	}
	if want = s.expand(want); got != want && !(key == "Body" && sameJSON(got, want)) {
		return fmt.Errorf("%s: got %q, want %q", key, clip(got), clip(want))
	}
	return nil
}

func (s *script) keep(name, value string) {
	s.vars[name] = value
	s.vars[name+"_of_r2"] = strings.Replace(value, "/"+s.vars["r"]+"/", "/"+s.vars["r2"]+"/", 1)
}

// push stores text as a blob of repo, by POST and PUT, and returns its sha256.
func (s *script) push(repo, text string) string {
	s.t.Helper()
	d := digestOf("sha256", text)
	u := s.request("POST /v2/" + repo + "/blobs/uploads/ => 202 | Location: *").location(s.tg)
	s.vars["pushed"] = text
	s.request("PUT " + u + "?digest=" + d + " | Body: $pushed => 201")
	return d
}

// oneOf reports whether got is among the alternatives of want, a|b.
func oneOf(want, got string) bool {
	for w := range strings.SplitSeq(want, "|") {
		if strings.TrimSpace(w) == got {
			return true
		}
	}
	return false
}

// clip bounds what a failure prints.
func clip(s string) string {
	if len(s) > 400 {
		return fmt.Sprintf("%s... (%d bytes)", s[:400], len(s))
	}
	return s
}

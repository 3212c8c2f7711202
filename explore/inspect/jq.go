package inspect

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ErrPipeline is what is wrong with a pipeline's text, as opposed to what it is fed with.
var ErrPipeline = errors.New("no such pipeline")

const (
	maxStages   = 16       // deeper nesting of encodings than any artifact in the field has, by far
	maxPipeline = 16 << 10 // bytes of text; it comes in a URL
)

// Pipeline takes a part out of a file: the little of jq and its usual companions that pages link to. As text it is a shell line:
//
//	jq -r '.annotations["dev.sigstore.cosign/bundle"]' | jq -r .Payload.body | base64 -d
//
// The stages are
//
//	jq [-r] PROGRAM        PROGRAM is paths (.a.b, .["k"], .a[0], .[-1]) and fromjson, between them |
//	PROGRAM                short for jq -r PROGRAM; fromjson goes on with the program before it
//	base64 -d, gunzip      as GNU's
//	tr _- /+               from the alphabet of base64url to that of base64 (RFC 4648, 5)
//	awk '{print $1"="}'    puts padding back; also with "=="
//
// The zero Pipeline returns what it is given.
type Pipeline struct{ stages []stage }

// stage is one command of the line.
type stage struct {
	name string // jq, base64, gunzip, tr, awk
	raw  bool   // of jq: -r
	pad  string // of awk: "=" or "=="
	prog []term // of jq
}

// term is what stands between the |s of a program: fromjson, or a path with a string or int for each step.
type term struct {
	fromJSON bool
	path     []any
}

// ParsePipeline reads the stages of parts, one after another; a part may itself hold several with | between them. Its errors are ErrPipeline.
func ParsePipeline(parts []string) (Pipeline, error) {
	var p Pipeline
	size := 0
	for _, part := range parts {
		if size += len(part); size > maxPipeline {
			return Pipeline{}, fmt.Errorf("%w: longer than %d bytes", ErrPipeline, maxPipeline)
		}
		commands, err := splitPipes(part)
		if err != nil {
			return Pipeline{}, err
		}
		for _, c := range commands {
			if err := p.add(c); err != nil {
				return Pipeline{}, err
			}
		}
	}
	return p, nil
}

// add parses one command. A bare fromjson belongs to the jq before it: between the two commands its string would have lost its quotes.
func (p *Pipeline) add(command string) error {
	s, err := parseStage(command)
	if err != nil {
		return err
	}
	last := len(p.stages) - 1
	if command == "fromjson" && last >= 0 && p.stages[last].name == "jq" {
		p.stages[last].prog = append(p.stages[last].prog, s.prog...)
	} else {
		p.stages = append(p.stages, s)
	}
	if len(p.stages) > maxStages || last >= 0 && len(p.stages[last].prog) > maxStages {
		return fmt.Errorf("%w: more than %d stages", ErrPipeline, maxStages)
	}
	return nil
}

// splitPipes splits s at the |s that stand in neither kind of quotes. Spaces around the pieces are gone.
func splitPipes(s string) (pieces []string, err error) {
	start := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '\'', '"':
			n := quoted(s[i:])
			if n == 0 {
				return nil, fmt.Errorf("%w: %.64q has a quote without an end", ErrPipeline, s)
			}
			i += n - 1
		case '|':
			pieces = append(pieces, strings.TrimSpace(s[start:i]))
			start = i + 1
		}
	}
	return append(pieces, strings.TrimSpace(s[start:])), nil
}

// quoted returns the length of the quoted text that s begins with, 0 if it has no end. Only double quotes may have escapes inside.
func quoted(s string) int {
	for i := 1; i < len(s); i++ {
		if s[i] == s[0] {
			return i + 1
		}
		if s[i] == '\\' && s[0] == '"' {
			i++
		}
	}
	return 0
}

// plainStages are the commands that have only the arguments they have here, in the spellings that are understood.
var plainStages = map[string]stage{
	"base64 -d":               {name: "base64"},
	"base64 --decode":         {name: "base64"},
	"gunzip":                  {name: "gunzip"},
	"gunzip -c":               {name: "gunzip"},
	"tr _- /+":                {name: "tr"},
	"tr '_-' '/+'":            {name: "tr"},
	`awk '{print $1"="}'`:     {name: "awk", pad: "="},
	`awk '{print $1"=="}'`:    {name: "awk", pad: "=="},
	`awk '{ print $1 "=" }'`:  {name: "awk", pad: "="},
	`awk '{ print $1 "==" }'`: {name: "awk", pad: "=="},
	`jq`:                      {name: "jq", prog: []term{{}}},
	`jq -r`:                   {name: "jq", prog: []term{{}}, raw: true},
}

func parseStage(s string) (stage, error) {
	if st, ok := plainStages[s]; ok {
		return st, nil
	}
	st := stage{name: "jq", raw: true}
	text, isJQ := strings.CutPrefix(s, "jq ")
	if isJQ {
		text, st.raw = strings.CutPrefix(strings.TrimSpace(text), "-r ")
	} else if rest, ok := strings.CutPrefix(text, "-r "); ok {
		text = rest
	} else if text == "" || text[0] != '.' && text[0] != '[' && text != "fromjson" {
		return stage{}, fmt.Errorf("%w: %.64q is none of: jq, a path such as .a[0], fromjson, base64 -d, gunzip, tr _- /+, awk '{print $1\"=\"}'", ErrPipeline, s)
	}
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "'") {
		var ok bool
		if text, ok = shellUnquote(text); !ok {
			return stage{}, fmt.Errorf("%w: %.64q is not quoted as a shell wants it", ErrPipeline, s)
		}
	}
	var err error
	st.prog, err = parseProgram(text)
	return st, err
}

// shellUnquote undoes shellQuote: pieces in single quotes, and escaped characters between them.
func shellUnquote(s string) (string, bool) {
	var b strings.Builder
	for s != "" {
		switch {
		case s[0] == '\'' && quoted(s) > 0:
			n := quoted(s)
			b.WriteString(s[1 : n-1])
			s = s[n:]
		case s[0] == '\\' && len(s) > 1:
			b.WriteByte(s[1])
			s = s[2:]
		default:
			return "", false
		}
	}
	return b.String(), true
}

// shellSafe are the characters that no shell does anything with, besides letters and digits.
const shellSafe = "_./:=@%+,-"

// shellQuote writes s as one word of a POSIX shell.
func shellQuote(s string) string {
	special := func(r rune) bool {
		return r >= 0x80 || !isIdentifier("a"+string(r)) && !strings.ContainsRune(shellSafe, r)
	}
	if s != "" && !strings.ContainsFunc(s, special) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

func parseProgram(s string) (prog []term, err error) {
	pieces, err := splitPipes(s)
	if err != nil {
		return nil, err
	}
	if len(pieces) > maxStages {
		return nil, fmt.Errorf("%w: a program of more than %d terms", ErrPipeline, maxStages)
	}
	for _, piece := range pieces {
		t := term{fromJSON: piece == "fromjson"}
		if !t.fromJSON {
			if t.path, err = ParsePath(piece); err != nil {
				return nil, err
			}
		}
		prog = append(prog, t)
	}
	return prog, nil
}

// ParsePath reads a path as Node.Path writes it: .a.b, .["k"], ."k", .a[0], .[-1]. It returns a string or an int for each step, for Node.Get.
func ParsePath(s string) (path []any, err error) {
	rest := s
	if rest == "." {
		return nil, nil
	}
	for rest != "" {
		var step any
		switch {
		case rest[0] == '[':
			step, rest, err = bracketStep(rest)
		case rest[0] == '.' && len(rest) > 1 && rest[1] == '[':
			step, rest, err = bracketStep(rest[1:])
		case rest[0] == '.' && len(rest) > 1 && rest[1] == '"':
			step, rest, err = stringStep(rest[1:])
		case rest[0] == '.':
			n := 1
			for n < len(rest) && isIdentifier(rest[1:n+1]) {
				n++
			}
			step, rest = rest[1:n], rest[n:]
			if step == "" {
				err = errors.New("a key is missing")
			}
		default:
			err = fmt.Errorf("%.20q", rest)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %.64q is no path of the kind .a[0][\"b\"]: %w", ErrPipeline, s, err)
		}
		path = append(path, step)
	}
	if len(path) == 0 {
		return nil, fmt.Errorf("%w: an empty path", ErrPipeline)
	}
	return path, nil
}

// bracketStep reads ["key"] or [12] or [-1].
func bracketStep(s string) (step any, rest string, err error) {
	if len(s) > 1 && s[1] == '"' {
		step, rest, err = stringStep(s[1:])
		var ok bool
		if rest, ok = strings.CutPrefix(rest, "]"); err == nil && !ok {
			err = errors.New("a bracket without an end")
		}
		return step, rest, err
	}
	index, rest, ok := strings.Cut(s[1:], "]")
	i, err := strconv.Atoi(index)
	switch {
	case !ok:
		err = errors.New("a bracket without an end")
	case err != nil || len(index) > 9 || index[0] == '+':
		err = fmt.Errorf("%.20q is no index", index)
	}
	return i, rest, err
}

// stringStep reads "key", escaped as in JSON.
func stringStep(s string) (step any, rest string, err error) {
	p := jsonParser{s: s}
	key, err := p.string()
	if err != nil {
		return nil, "", err
	}
	return key, s[p.i:], nil
}

// String returns the shell line that does the same.
func (p Pipeline) String() string {
	var line []string
	for _, s := range p.stages {
		line = append(line, s.String())
	}
	return strings.Join(line, " | ")
}

func (s stage) String() string {
	switch s.name {
	case "base64":
		return "base64 -d"
	case "tr":
		return "tr _- /+"
	case "awk":
		return `awk '{print $1"` + s.pad + `"}'`
	case "jq":
		var terms []string
		for _, t := range s.prog {
			terms = append(terms, t.String())
		}
		command := "jq "
		if s.raw {
			command = "jq -r "
		}
		return command + shellQuote(strings.Join(terms, " | "))
	}
	return s.name
}

func (t term) String() string {
	if t.fromJSON {
		return "fromjson"
	}
	return FormatPath(t.path)
}

// FormatPath is the inverse of ParsePath.
func FormatPath(path []any) string {
	var b strings.Builder
	for _, step := range path {
		switch step := step.(type) {
		case string:
			b.WriteString(jqKey(step))
		case int:
			b.WriteString("[" + strconv.Itoa(step) + "]")
		}
	}
	if s := b.String(); strings.HasPrefix(s, ".") {
		return s
	}
	return "." + b.String()
}

// Then returns the pipeline that does p first and q after it.
func (p Pipeline) Then(q Pipeline) Pipeline {
	return Pipeline{slices.Concat(p.stages, q.stages)}
}

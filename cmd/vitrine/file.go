package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"vitrine/registry/auth"
)

// maxErrors is how many errors of a file are told at once.
const maxErrors = 20

// loadFile sets in c what the file says. The error has a line "FILE:LINE:COLUMN: what is wrong" for each thing that is.
func (c *config) loadFile(name string) error {
	src, err := os.ReadFile(name)
	if err != nil {
		return usagef("configuration: %w", err)
	}
	return c.loadBytes(name, src)
}

func (c *config) loadBytes(name string, src []byte) error {
	root, err := parse(src)
	if err == nil {
		c.where = func(at int) string {
			line, _ := lineColumn(src, at)
			return fmt.Sprintf("%s:%d", name, line)
		}
		err = root.object("", c.fields(""))
	}
	if err != nil {
		return usageError{locate(name, src, err)}
	}
	return nil
}

// locate writes the errors that are joined in err with their places.
func locate(name string, src []byte, err error) error {
	var lines []error
	for _, e := range split(err) {
		if len(lines) == maxErrors {
			lines = append(lines, fmt.Errorf("%s: and more", name))
			break
		}
		var p *position
		if !errors.As(e, &p) {
			p = &position{0, e}
		}
		line, column := lineColumn(src, p.at)
		lines = append(lines, fmt.Errorf("%s:%d:%d: %w", name, line, column, e))
	}
	return errors.Join(lines...)
}

// split undoes errors.Join, however deep.
func split(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, split(e)...)
	}
	return all
}

// field is a key that an object may have. load gets the path of the key for its errors, which wrap a *position.
type field struct {
	key  string
	load func(path string, n *node) error
}

// object loads the members of n, an object at path, by fields. It goes on behind what is wrong, to tell of all at once.
func (n *node) object(path string, fields []field) error {
	if n.token != json.Delim('{') {
		return n.errorf("%swant an object, have %s", label(path), n)
	}
	known := make([]string, len(fields))
	for i, f := range fields {
		known[i] = f.key
	}
	var errs []error
	for _, m := range n.members {
		if i := slices.Index(known, m.key); i >= 0 {
			errs = append(errs, fields[i].load(strings.TrimPrefix(path+"."+m.key, "."), m.value))
			continue
		}
		errs = append(errs, &position{m.at, fmt.Errorf("%sunknown key %.64q%s", label(path), m.key, didYouMean(m.key, known))})
	}
	return errors.Join(errs...)
}

// array calls load with each item of n, an array at path.
func (n *node) array(path, of string, load func(path string, n *node) error) error {
	if n.token != json.Delim('[') {
		return n.errorf("%swant an array of %s, have %s", label(path), of, n)
	}
	var errs []error
	for i, item := range n.items {
		errs = append(errs, load(fmt.Sprintf("%s[%d]", path, i), item))
	}
	return errors.Join(errs...)
}

func label(path string) string {
	if path == "" {
		return ""
	}
	return path + ": "
}

// fields makes fields of the settings whose keys begin with prefix: "", or "tls.".
func (c *config) fields(prefix string) []field {
	var fields []field
	for _, s := range settings {
		rest, ok := strings.CutPrefix(s.key, prefix)
		if !ok {
			continue
		}
		first, _, nested := strings.Cut(rest, ".")
		known := slices.ContainsFunc(fields, func(f field) bool { return f.key == first })
		switch {
		case nested && !known:
			fields = append(fields, field{first, func(path string, n *node) error {
				return n.object(path, c.fields(path+"."))
			}})
		case !nested:
			fields = append(fields, field{first, func(path string, n *node) error {
				c.from[path] = c.where(n.at)
				return s.value(c).load(path, n)
			}})
		}
	}
	return fields
}

// ruleList is the list of rules that say who may do what.
type ruleList struct {
	fileOnly
	p *[]auth.Rule
}

func (v ruleList) load(path string, n *node) error {
	var rules []auth.Rule
	err := n.array(path, "rules", func(path string, n *node) error {
		var r auth.Rule
		err := n.object(path, []field{
			{"repositories", text{&r.Repositories}.load},
			{"pull", stringList{&r.Pull}.load},
			{"push", stringList{&r.Push}.load},
			{"delete", stringList{&r.Delete}.load},
		})
		rules = append(rules, r)
		return err
	})
	if err != nil {
		return err
	}
	if _, err := auth.NewPolicy(rules); err != nil {
		return n.errorf("%s: %w", path, err)
	}
	*v.p = rules
	return nil
}

func (v ruleList) show() string {
	lines := make([]string, 0, len(*v.p))
	for _, r := range *v.p {
		b, _ := json.Marshal(r) // strings always marshal
		lines = append(lines, string(b))
	}
	return "[" + strings.Join(lines, ", ") + "]"
}

type stringList struct{ p *[]string }

func (v stringList) load(path string, n *node) error {
	return n.array(path, "strings", func(path string, n *node) error {
		var s string
		err := text{&s}.load(path, n)
		*v.p = append(*v.p, s)
		return err
	})
}

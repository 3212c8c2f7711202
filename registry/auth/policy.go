package auth

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"vitrine/storage/oci"
)

// Action is what can be done to a repository.
type Action int

// The actions. Whoever may push or delete may also pull: clients look what is there before they do either.
const (
	Pull   Action = iota // read blobs, manifests, tags and referrers; see the repository in the catalog
	Push                 // upload or mount blobs, put manifests, set tags
	Delete               // delete blobs, manifests and tags
)

// Words that stand for users in a rule, and that no user can have as a name.
const (
	Everyone  = "*"         // every known user
	Anonymous = "anonymous" // everybody, with or without a name
)

// Rule says who may do what to the repositories that a pattern matches. Its lists hold names of users, Everyone or Anonymous.
//
// A pattern is a repository name in which "*", "?" and "[a-z]" match within one component, as in path.Match, and a
// component "**" stands for any number of components, none included: "team/**" matches "team", "team/a" and "team/a/b".
type Rule struct {
	Repositories string   `json:"repositories"`
	Pull         []string `json:"pull,omitempty"`
	Push         []string `json:"push,omitempty"`
	Delete       []string `json:"delete,omitempty"`
}

// Policy is a list of rules, of which the first that matches a repository decides; where none does, nobody may do anything.
// The nil and the empty Policy let every known user do everything, and anonymous callers nothing. A Policy doesn't change.
type Policy struct {
	rules []Rule
}

// NewPolicy checks the rules and makes a Policy of them. "Everybody may pull, known users may push" is one rule:
//
//	Rule{Repositories: "**", Pull: []string{"anonymous"}, Push: []string{"*"}, Delete: []string{"*"}}
func NewPolicy(rules []Rule) (*Policy, error) {
	for i, r := range rules {
		if err := r.check(); err != nil {
			return nil, fmt.Errorf("policy: rule %d: %w", i+1, err)
		}
		for j, before := range rules[:i] {
			if before.Repositories == "**" || before.Repositories == r.Repositories {
				return nil, fmt.Errorf("policy: rule %d (%.64q) never applies: rule %d (%.64q) comes first and decides",
					i+1, r.Repositories, j+1, before.Repositories)
			}
		}
	}
	return &Policy{rules: slices.Clone(rules)}, nil
}

func (r Rule) check() error {
	if r.Repositories == "" {
		return fmt.Errorf(`"repositories" is empty; "**" is all of them`)
	}
	for part := range strings.SplitSeq(r.Repositories, "/") {
		if part == "" {
			return fmt.Errorf("pattern %.64q has an empty component", r.Repositories)
		}
		if _, err := path.Match(part, ""); err != nil {
			return fmt.Errorf("pattern %.64q: %w", r.Repositories, err)
		}
		if part != "**" && strings.Contains(part, "**") {
			return fmt.Errorf(`pattern %.64q: "**" has to be a whole component`, r.Repositories)
		}
		if !possible(part) {
			return fmt.Errorf("pattern %.64q fits no repository: no name has a component that %.64q fits; names are in lower case", r.Repositories, part)
		}
	}
	for _, user := range slices.Concat(r.Pull, r.Push, r.Delete) {
		if err := checkName(user); err != nil && user != Everyone && user != Anonymous {
			return err
		}
	}
	return nil
}

// Allows reports whether the user may do a to repo. known is false for an anonymous caller, whose name does not count.
func (p *Policy) Allows(user string, known bool, a Action, repo oci.Name) bool {
	if p == nil || len(p.rules) == 0 {
		return known
	}
	for i := range p.rules {
		if matches(p.rules[i].Repositories, string(repo)) {
			return p.rules[i].allows(user, known, a)
		}
	}
	return false
}

func (r *Rule) allows(user string, known bool, a Action) bool {
	switch a {
	case Pull:
		return names(r.Pull, user, known) || names(r.Push, user, known) || names(r.Delete, user, known)
	case Push:
		return names(r.Push, user, known)
	case Delete:
		return names(r.Delete, user, known)
	}
	return false
}

// names reports whether list means the user.
func names(list []string, user string, known bool) bool {
	for _, n := range list {
		if n == Anonymous || known && (n == Everyone || n == user) {
			return true
		}
	}
	return false
}

// AllowsAnonymous reports whether there is anything that an anonymous caller may do.
func (p *Policy) AllowsAnonymous() bool {
	if p == nil {
		return false
	}
	return slices.ContainsFunc(p.rules, func(r Rule) bool { return r.allows("", false, Pull) })
}

// matches reports whether the whole of name fits the pattern. It backs up to the last "**" only, which is enough, as every
// earlier one has taken as little as it could: the time is at most the product of both lengths.
func matches(pattern, name string) bool {
	retryPattern, retryName, retry := "", "", false
	for {
		part, rest, _ := strings.Cut(pattern, "/")
		switch {
		case part == "**":
			retryPattern, retryName, retry = rest, name, true
			pattern = rest
			continue
		case part == "" && name == "":
			return true
		case part != "" && name != "":
			have, more, _ := strings.Cut(name, "/")
			if ok, _ := path.Match(part, have); ok {
				pattern, name = rest, more
				continue
			}
		}
		if !retry || retryName == "" {
			return false
		}
		_, retryName, _ = strings.Cut(retryName, "/")
		pattern, name = retryPattern, retryName
	}
}

// letters are all that names are made of.
const letters = "abcdefghijklmnopqrstuvwxyz0123456789._-"

// possible reports whether there is a legal component of a name that the pattern fits. It goes through the pattern with all the
// states that the grammar of names can then be in: which separators, if any, were the last letters of a component.
func possible(pattern string) bool {
	states := map[string]bool{"": true}
	for pattern != "" {
		n := elementLen(pattern)
		element := pattern[:n]
		pattern = pattern[n:]
		if element != "*" {
			states = follow(states, element)
			continue
		}
		for before := 0; before < len(states); { // any letter, as often as that leads on
			before = len(states)
			for s := range follow(states, "?") {
				states[s] = true
			}
		}
	}
	return states["a"]
}

// follow returns the states that come after a letter that the element fits.
func follow(states map[string]bool, element string) map[string]bool {
	next := make(map[string]bool)
	for _, c := range letters {
		if ok, _ := path.Match(element, string(c)); !ok {
			continue
		}
		for s := range states {
			switch {
			case c != '.' && c != '_' && c != '-':
				next["a"] = true
			case s == "a" || s == "_" && c == '_':
				next[strings.TrimPrefix(s, "a")+string(c)] = true
			case s == "-" && c == '-':
				next[s] = true
			}
		}
	}
	return next
}

// elementLen returns the length of what stands for one letter, or of a "*", at the start of a pattern that path.Match takes.
func elementLen(pattern string) int {
	switch pattern[0] {
	case '\\':
		return 2
	case '[':
		i := 1
		for pattern[i] != ']' {
			if pattern[i] == '\\' {
				i++
			}
			i++
		}
		return i + 1
	}
	return 1
}

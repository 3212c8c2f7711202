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

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"vitrine/explore/apk"
	"vitrine/storage/oci"
)

// repositoryList is what the key "repositories" holds: an object of repositories by name.
type repositoryList struct {
	fileOnly
	c *config
}

func (v repositoryList) load(path string, n *node) error {
	if n.token != json.Delim('{') {
		return n.errorf("%s: want an object of repositories by their names, have %s", path, n)
	}
	l := &repositoryLoader{c: v.c, path: path, known: map[string]*repository{}, nodes: map[string]*node{}}
	for _, m := range n.members {
		l.load(m)
	}
	for _, r := range l.all {
		l.check(r)
	}
	if len(l.errs) > 0 {
		return errors.Join(l.errs...)
	}
	v.c.repositories = l.all
	return nil
}

func (v repositoryList) show() string {
	var b strings.Builder
	b.WriteString("{")
	for _, r := range v.c.repositories {
		fmt.Fprintf(&b, "\n    %s: %s,", quote(r.name), r.show())
	}
	if len(v.c.repositories) > 0 {
		b.WriteString("\n  ")
	}
	return b.String() + "}"
}

// repositoryLoader collects repositories, and what is wrong with them.
type repositoryLoader struct {
	c     *config
	path  string
	all   []*repository
	known map[string]*repository
	nodes map[string]*node
	errs  []error
}

// say notes that something is wrong at an offset.
func (l *repositoryLoader) say(at int, format string, args ...any) {
	l.errs = append(l.errs, &position{at, fmt.Errorf(format, args...)})
}

// load takes in one member of the object.
func (l *repositoryLoader) load(m member) {
	if name, err := oci.ParseName(m.key); err != nil || strings.Contains(string(name), "/") {
		l.say(m.at, "%s: %.64q can't be the name of a repository: want lower case letters, digits, and single . _ - between them", l.path, m.key)
		return
	}
	r := newRepository(m.key)
	path := l.path + "." + m.key
	fields := make([]field, len(repositoryFields))
	for i, f := range repositoryFields {
		fields[i] = field{f.key, func(path string, n *node) error {
			l.c.from[path] = l.c.where(n.at)
			return f.value(r).load(path, n)
		}}
	}
	fields = append(fields, field{"password", func(path string, n *node) error {
		return n.errorf("%s: passwords don't stand here: %q names a file that holds one, %q a variable", path, "password_file", "password_env")
	}})
	if err := m.value.object(path, fields); err != nil {
		l.errs = append(l.errs, err)
	}
	l.all = append(l.all, r)
	l.known[r.name], l.nodes[r.name] = r, m.value
}

// check finds what is wrong with values that are right each by itself. Where the type or the package is not known, that has been said.
func (l *repositoryLoader) check(r *repository) {
	n, path := l.nodes[r.name], l.path+"."+r.name
	if n.token != json.Delim('{') {
		return
	}
	for _, f := range repositoryFields[:2] { // type and package
		if n.find(f.key) == nil {
			l.say(n.at, "%s: has no %q: want %s", path, f.key, strings.Join(choicesOf(f.value(r)), " or "))
		}
	}
	if r.kind == "" || r.pkg == "" {
		return
	}
	for _, f := range repositoryFields {
		if m := n.find(f.key); m != nil && !f.fits(r) {
			l.say(m.at, "%s.%s: a %s repository of %s packages has no such thing", path, f.key, r.kind, r.pkg)
		}
	}
	for i, host := range r.standsAs {
		if o := l.standsFor(host); o != nil && o != r {
			l.say(n.find("namespaces").value.items[i].at, "%s.namespaces[%d]: %s stands for %.64q already", path, i, o.name, host)
		}
	}
	if name := r.keyFile(); name != "" && apk.CheckKeyName(name) != nil {
		l.say(n.at, "%s.key_name: %.100q can't be the name of a key: want letters, digits and @._+-, 78 at most", path, strings.TrimSuffix(name, ".rsa.pub"))
	}
	switch r.kind {
	case "remote":
		l.checkRemote(r, n, path)
	case "virtual":
		l.checkMembers(r, n, path)
	}
}

func choicesOf(v value) []string {
	if p, ok := v.(packageName); ok {
		return p.of
	}
	return v.(choice).of
}

func (l *repositoryLoader) checkRemote(r *repository, n *node, path string) {
	if n.find("base_url") == nil {
		l.say(n.at, "%s: a remote repository needs %q, which says where the other registry is", path, "base_url")
	}
	l.checkLogin(r, n, path)
	if m := n.find("reserve"); m != nil && !r.mirror {
		l.say(m.at, "%s.reserve: means nothing where %q is not true", path, "mirror")
	}
	i := slices.IndexFunc(l.all, func(o *repository) bool { return o.mirror })
	if m := n.find("mirror"); m != nil && r.mirror && l.all[i] != r {
		l.say(m.at, "%s.mirror: %s is the mirror already, and a name can be looked for in one only", path, l.all[i].name)
	}
}

// standsFor returns the first repository that names host as one of its namespaces.
func (l *repositoryLoader) standsFor(host string) *repository {
	for _, r := range l.all {
		if slices.Contains(r.standsAs, host) {
			return r
		}
	}
	return nil
}

// checkLogin finds credentials that are not whole, or two of them.
func (l *repositoryLoader) checkLogin(r *repository, n *node, path string) {
	at := func(key string) int {
		if m := n.find(key); m != nil {
			return m.at
		}
		return n.at
	}
	secret := "password_file"
	if r.passwordFile == "" {
		secret = "password_env"
	}
	switch hasSecret := r.passwordFile != "" || r.passwordEnv != ""; {
	case r.credentials != "" && (r.username != "" || hasSecret):
		l.say(at("credentials"), "%s.credentials: can't stand beside a username or a password", path)
	case r.passwordFile != "" && r.passwordEnv != "":
		l.say(at("password_env"), "%s.password_env: can't stand beside password_file", path)
	case r.username != "" && !hasSecret:
		l.say(at("username"), "%s.username: needs password_file or password_env too", path)
	case r.username == "" && hasSecret:
		l.say(at(secret), "%s.%s: needs username too", path, secret)
	}
	if _, ok := lookup(l.c.env, r.passwordEnv); r.passwordEnv != "" && !ok {
		l.say(n.find("password_env").value.at, "%s.password_env: the variable %.64q is not set", path, r.passwordEnv)
	}
}

// lookup returns what env has for the variable. One that is empty is not set.
func lookup(env []string, name string) (string, bool) {
	for _, e := range env {
		if k, v, _ := strings.Cut(e, "="); k == name && v != "" {
			return v, true
		}
	}
	return "", false
}

func (l *repositoryLoader) checkMembers(r *repository, n *node, path string) {
	m := n.find("members")
	if m == nil || m.value.token == json.Delim('[') && len(m.value.items) == 0 {
		l.say(n.at, "%s: a virtual repository needs %q, which it is made of", path, "members")
		return
	}
	if len(r.members) != len(m.value.items) { // one of them is no string, which has been said
		return
	}
	for i, name := range r.members {
		if wrong := l.wrongMember(r, name, i); wrong != "" {
			l.say(m.value.items[i].at, "%s.members[%d]: %s", path, i, wrong)
		}
	}
}

// wrongMember says what is wrong with the member i of r, "" if nothing is.
func (l *repositoryLoader) wrongMember(r *repository, name string, i int) string {
	o := l.known[name]
	switch {
	case o == nil:
		return fmt.Sprintf("there is no repository %.64q%s", name, didYouMean(name, l.names()))
	case slices.Index(r.members, name) < i:
		return name + " is a member already"
	case o.kind == "virtual":
		return name + " is virtual, and those are made of local and remote ones"
	case o.pkg != "" && o.pkg != r.pkg:
		return fmt.Sprintf("%s holds %s packages, not %s", name, o.pkg, r.pkg)
	}
	return ""
}

// names are those of the repositories that can be members.
func (l *repositoryLoader) names() (names []string) {
	for _, r := range l.all {
		if r.kind != "virtual" {
			names = append(names, r.name)
		}
	}
	return names
}

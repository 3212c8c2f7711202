package main

import (
	"cmp"
	"encoding/json"
	"strings"
	"time"
)

// repository is one of those that the configuration names: what is served below its name, and where that comes from.
type repository struct {
	name      string // one component of an oci.Name
	kind, pkg string // local, remote or virtual; docker, rpm, alpine or generic

	baseURL                          string
	indexTTL, fileTTL, negativeTTL   time.Duration
	username                         string
	passwordFile, passwordEnv        string
	credentials, caFile              string
	trustedRealms, include, standsAs []string
	maxSize                          int64 // bytes; 0: no bound
	mirror, offline                  bool

	members []string
	reserve bool
	keyName string // "": that of the repository
}

// repositoryField is a key that a repository may have.
type repositoryField struct {
	key      string
	kinds    string // of repositories that have it, with spaces between
	packages string // of which; "": all
	help     string
	value    func(*repository) value
}

// repositoryFields is the one list of them: loading, checking, printing and the documentation are made of it.
var repositoryFields = []repositoryField{
	{"type", "local remote virtual", "", "`local`: pushed or put here; `remote`: another server's, kept as it is read; `virtual`: several repositories under one name",
		func(r *repository) value { return choice{&r.kind, []string{"local", "remote", "virtual"}} }},
	{"package", "local remote virtual", "", "what it holds: `docker` (or `oci`, which is the same), `rpm`, `alpine` or `generic`",
		func(r *repository) value {
			return packageName{choice{&r.pkg, []string{"docker", "rpm", "alpine", "generic"}}}
		}},
	{"base_url", "remote", "", "where the other registry is, or the server of files: `https://HOST[:PORT][/PATH]`, without `/v2/`; `docker.io` means Docker Hub's. With `http://` that host, and no other, is asked without TLS",
		func(r *repository) value { return baseURL{&r.baseURL} }},
	{"index_ttl", "remote", "", "for how long what may change is taken to be as it was: what a tag points at, lists of tags and of referrers, indexes of packages. `\"0\"`: it is asked for each time",
		func(r *repository) value { return ttl{duration{&r.indexTTL}} }},
	{"file_ttl", "remote", "", "for how long content by digest, and packages, are served without asking whether the other registry still has them. `\"0\"`: for ever",
		func(r *repository) value { return ttl{duration{&r.fileTTL}} }},
	{"negative_ttl", "remote", "", "for how long what is not there is not asked for again. `\"0\"`: it is asked for each time",
		func(r *repository) value { return ttl{duration{&r.negativeTTL}} }},
	{"username", "remote", "", "who we are to the other registry; anonymous without one",
		func(r *repository) value { return text{&r.username} }},
	{"password_file", "remote", "", "the file that holds the password, or a token, alone; read again each time",
		func(r *repository) value { return text{&r.passwordFile} }},
	{"password_env", "remote", "", "the variable of the environment that holds it, in place of a file",
		func(r *repository) value { return text{&r.passwordEnv} }},
	{"credentials", "remote", "docker", "`docker`: whatever `docker login` has left in the `config.json` of whoever runs the server, with its `credHelpers` and `credsStore`",
		func(r *repository) value { return choice{&r.credentials, []string{"docker"}} }},
	{"trusted_realms", "remote", "docker", "hosts, besides the registry's own and those of its domain, whose token service may be told the password: `HOST` or `HOST:PORT`",
		func(r *repository) value { return hostList{p: &r.trustedRealms} }},
	{"ca_file", "remote", "", "PEM file with the certificates that the other registry's may be signed by, besides the system's",
		func(r *repository) value { return text{&r.caFile} }},
	{"include_patterns", "remote", "", "regular expressions (RE2), of which one has to match the image's name, or the file's path, anywhere in it, or the request is refused; none: everything is let through",
		func(r *repository) value { return patternList{p: &r.include} }},
	{"max_size", "remote", "", "how much of it is kept, such as `\"50GiB\"`; the least recently used goes first, and never what a local repository has too. Without it there is no bound",
		func(r *repository) value { return roomFor{size{&r.maxSize}} }},
	{"mirror", "remote", "docker", "names below no configured repository that are not known here are looked for there, as Docker's `registry-mirrors` wants it. One repository may be that",
		func(r *repository) value { return boolean{&r.mirror} }},
	{"namespaces", "local remote virtual", "docker", "hosts, besides that of `base_url`, that this repository stands for where a client says whose image it wants (`?ns=`, containerd)",
		func(r *repository) value { return hostList{p: &r.standsAs} }},
	{"offline", "remote", "", "the other registry is not asked: what is kept is served, however old, and nothing else",
		func(r *repository) value { return boolean{&r.offline} }},
	{"members", "virtual", "", "the repositories that it is made of, local or remote, in the order in which they are asked; pushes go to the first that is local",
		func(r *repository) value { return nameList{p: &r.members} }},
	{"reserve", "remote virtual", "docker", "of a virtual repository, and of a mirror: names that a local repository has images of are never looked for elsewhere, so that nobody else's image can stand in for one of ours",
		func(r *repository) value { return boolean{&r.reserve} }},
	{"key_name", "local virtual", "alpine", "what the key is called that signs the repository's indexes: its public half is at `/keys/KEY_NAME.rsa.pub`, and made when it is first used. Repositories with the same name have the same key; without it, it is the repository's",
		func(r *repository) value { return text{&r.keyName} }},
}

// keyFile is what the public key that signs r's indexes is called, "" where none does.
func (r *repository) keyFile() string {
	if r.pkg != "alpine" || r.kind == "remote" {
		return ""
	}
	return cmp.Or(r.keyName, r.name) + ".rsa.pub"
}

func newRepository(name string) *repository {
	return &repository{name: name, indexTTL: 5 * time.Minute, negativeTTL: 5 * time.Second, reserve: true}
}

// fits reports whether the field means something in a repository like r.
func (f *repositoryField) fits(r *repository) bool {
	return contains(f.kinds, r.kind) && (f.packages == "" || contains(f.packages, r.pkg))
}

// contains reports whether word is one of those in list.
func contains(list, word string) bool {
	for w := range strings.FieldsSeq(list) {
		if w == word {
			return true
		}
	}
	return false
}

// show returns the JSON of r: what is not as it is by default.
func (r *repository) show() string {
	blank := newRepository(r.name)
	var parts []string
	for _, f := range repositoryFields {
		if s := f.value(r).show(); s != f.value(blank).show() {
			parts = append(parts, quote(f.key)+": "+s)
		}
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// showAll returns the JSON of what v holds, for values that are arrays of strings.
func showAll(v []string) string {
	quoted := make([]string, len(v))
	for i, s := range v {
		quoted[i] = quote(s)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// find returns the member of an object that has the key, nil if there is none.
func (n *node) find(key string) *member {
	if n.token != json.Delim('{') {
		return nil
	}
	for i := range n.members {
		if n.members[i].key == key {
			return &n.members[i]
		}
	}
	return nil
}

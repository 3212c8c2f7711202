package main

import (
	"strings"
	"testing"
)

// TestRepositoryErrors has in each row what stands in "repositories", and what is said of it. A line break stands for the one behind "repositories": {.
func TestRepositoryErrors(t *testing.T) {
	const hub = `"hub": {"type": "remote", "package": "docker", "base_url": "https://a.example"}`
	const team = `"team": {"type": "local", "package": "docker"}`
	remote := func(more string) string {
		return `"hub": {"type": "remote", "package": "docker", "base_url": "https://a.example", ` + more + `}`
	}
	for _, tt := range []struct{ in, want string }{
		{"", ""},
		{hub + ",\n" + team, ""},
		{`"hub": {"type": "remote", "package": "oci", "base_url": "docker.io"}`, ""},
		{`"docker.io": {"type": "remote", "package": "oci", "base_url": "http://localhost:5000/team/", "index_ttl": "0", "file_ttl": "0"}`, ""},
		{remote(`"username": "u", "password_env": "SECRET"`), ""},

		{`"Hub": {}`, `f:2:1: repositories: "Hub" can't be the name of a repository: want lower case letters, digits, and single . _ - between them`},
		{`"a/b": {}`, `f:2:1: repositories: "a/b" can't be the name of a repository: want lower case letters, digits, and single . _ - between them`},
		{`"": {}`, `f:2:1: repositories: "" can't be the name of a repository: want lower case letters, digits, and single . _ - between them`},
		{`"hub": 7`, `f:2:8: repositories.hub: want an object, have 7`},
		{`"hub": {}`, `f:2:8: repositories.hub: has no "type": want local or remote or virtual|f:2:8: repositories.hub: has no "package": want docker or rpm or alpine or generic`},
		{`"hub": {"type": "proxy", "package": "docker"}`, `f:2:17: repositories.hub.type: want local or remote or virtual, have "proxy"`},
		{`"hub": {"type": "local", "package": "deb"}`, `f:2:37: repositories.hub.package: want docker or rpm or alpine or generic, have "deb"`},
		{`"hub": {"type": "local", "package": 1}`, `f:2:37: repositories.hub.package: want docker or rpm or alpine or generic, have 1`},
		{`"apks": {"type": "local", "package": "alpine", "key_name": "us@a-1"}`, ""},
		{`"apks": {"type": "local", "package": "alpine", "key_name": "../a"}`, `f:2:9: repositories.apks.key_name: "../a" can't be the name of a key: want letters, digits and @._+-, 78 at most`},
		{`"apks": {"type": "remote", "package": "alpine", "base_url": "https://a", "key_name": "a"}`, `f:2:74: repositories.apks.key_name: a remote repository of alpine packages has no such thing`},
		{`"team": {"type": "local", "package": "docker", "members": []}`, `f:2:48: repositories.team.members: a local repository of docker packages has no such thing`},
		{`"team": {"type": "local", "package": "docker", "base_url": "https://a"}`, `f:2:48: repositories.team.base_url: a local repository of docker packages has no such thing`},
		{`"yum": {"type": "remote", "package": "rpm", "base_url": "https://a", "mirror": true}`, `f:2:70: repositories.yum.mirror: a remote repository of rpm packages has no such thing`},
		{remote(`"members": ["a"]`), `f:2:81: repositories.hub.members: a remote repository of docker packages has no such thing`},
		{remote(`"index_tll": "1m"`), `f:2:81: repositories.hub: unknown key "index_tll", did you mean "index_ttl"?`},
		{remote(`"password": "x"`), `f:2:93: repositories.hub.password: passwords don't stand here: "password_file" names a file that holds one, "password_env" a variable`},

		{`"hub": {"type": "remote", "package": "docker"}`, `f:2:8: repositories.hub: a remote repository needs "base_url", which says where the other registry is`},
		{`"hub": {"type": "remote", "package": "docker", "base_url": 1}`, `f:2:60: repositories.hub.base_url: want a URL such as https://registry-1.docker.io, have 1`},
		{`"hub": {"type": "remote", "package": "docker", "base_url": ""}`, `f:2:60: repositories.hub.base_url: want a URL such as https://registry-1.docker.io, have "https://"`},
		{`"hub": {"type": "remote", "package": "docker", "base_url": "ftp://a"}`, `f:2:60: repositories.hub.base_url: want https, or http, have "ftp://a"`},
		{`"hub": {"type": "remote", "package": "docker", "base_url": "https://bob:hunter2@a"}`, `f:2:60: repositories.hub.base_url: a user and a password don't stand in the URL: "username" and "password_file" say them`},
		{`"hub": {"type": "remote", "package": "docker", "base_url": "https://bob:hun%ter2@a"}`, `f:2:60: repositories.hub.base_url: a user and a password don't stand in the URL: "username" and "password_file" say them`},
		{`"hub": {"type": "remote", "package": "docker", "base_url": "https://a?x=1"}`, `f:2:60: repositories.hub.base_url: want a URL without ? and #, have "https://a?x=1"`},
		{`"hub": {"type": "remote", "package": "docker", "base_url": "https://a/#"}`, `f:2:60: repositories.hub.base_url: want a URL without ? and #, have "https://a/#"`},
		{`"hub": {"type": "remote", "package": "docker", "base_url": "https://a/v2/"}`, `f:2:60: repositories.hub.base_url: want it without /v2, which is added, have "https://a/v2/"`},
		{`"hub": {"type": "remote", "package": "docker", "base_url": "https://a b"}`, `f:2:60: repositories.hub.base_url: want a URL such as https://registry-1.docker.io, have "https://a b"`},

		{remote(`"index_ttl": "-1s"`), `f:2:94: repositories.hub.index_ttl: want a duration that is not less than zero, have "-1s"`},
		{remote(`"file_ttl": "1d"`), `f:2:93: repositories.hub.file_ttl: want a duration such as "5m" or "0", have "1d"`},
		{remote(`"negative_ttl": 5`), `f:2:97: repositories.hub.negative_ttl: want a duration such as "5m" or "0", have 5`},
		{remote(`"max_size": "0"`), `f:2:93: repositories.hub.max_size: want a size greater than zero such as "512MiB" or "2GiB", have "0"`},
		{remote(`"max_size": "50"`), `f:2:93: repositories.hub.max_size: want at least "1MiB", have the string "50"`},
		{remote(`"include_patterns": ["^library/", "^(?!x)"]`), "f:2:115: repositories.hub.include_patterns[1]: error parsing regexp: invalid or unsupported Perl syntax: `(?!` (the syntax is RE2's, which can't look around or back)"},
		{remote(`"include_patterns": ["a(", 3]`), "f:2:102: repositories.hub.include_patterns[0]: error parsing regexp: missing closing ): `a(`|f:2:108: repositories.hub.include_patterns[1]: want a regular expression, have 3"},
		{remote(`"include_patterns": "x"`), `f:2:101: repositories.hub.include_patterns: want an array of regular expressions, have the string "x"`},
		{remote(`"namespaces": ["docker.io", "https://x"]`), `f:2:109: repositories.hub.namespaces[1]: want HOST or HOST:PORT, have the string "https://x"`},
		{remote(`"trusted_realms": ["x/y"]`), `f:2:100: repositories.hub.trusted_realms[0]: want HOST or HOST:PORT, have the string "x/y"`},

		{remote(`"username": "u"`), `f:2:81: repositories.hub.username: needs password_file or password_env too`},
		{remote(`"password_file": "p"`), `f:2:81: repositories.hub.password_file: needs username too`},
		{remote(`"password_env": "SECRET"`), `f:2:81: repositories.hub.password_env: needs username too`},
		{remote(`"username": "u", "password_env": "NONE"`), `f:2:114: repositories.hub.password_env: the variable "NONE" is not set`},
		{remote(`"username": "u", "password_file": "p", "password_env": "SECRET"`), `f:2:120: repositories.hub.password_env: can't stand beside password_file`},
		{remote(`"username": "u", "credentials": "docker"`), `f:2:98: repositories.hub.credentials: can't stand beside a username or a password`},
		{remote(`"credentials": "aws"`), `f:2:96: repositories.hub.credentials: want docker, have "aws"`},

		{remote(`"reserve": true`), `f:2:81: repositories.hub.reserve: means nothing where "mirror" is not true`},
		{remote(`"mirror": true`) + `,"b": {"type": "remote", "package": "docker", "base_url": "https://b", "mirror": true}`, `f:2:167: repositories.b.mirror: hub is the mirror already, and a name can be looked for in one only`},
		{remote(`"namespaces": ["x.io"]`) + `,"b": {"type": "remote", "package": "docker", "base_url": "https://b", "namespaces": ["X.io"]}`, `f:2:190: repositories.b.namespaces[0]: hub stands for "x.io" already`},

		{`"all": {"type": "virtual", "package": "docker"}`, `f:2:8: repositories.all: a virtual repository needs "members", which it is made of`},
		{`"all": {"type": "virtual", "package": "docker", "members": []}`, `f:2:8: repositories.all: a virtual repository needs "members", which it is made of`},
		{team + `,"all": {"type": "virtual", "package": "docker", "members": ["teams"]}`, `f:2:108: repositories.all.members[0]: there is no repository "teams", did you mean "team"?`},
		{team + `,"all": {"type": "virtual", "package": "docker", "members": ["team", "A b"]}`, `f:2:116: repositories.all.members[1]: there is no repository "A b"`},
		{team + `,"all": {"type": "virtual", "package": "docker", "members": ["team", "team"]}`, `f:2:116: repositories.all.members[1]: team is a member already`},
		{`"all": {"type": "virtual", "package": "docker", "members": ["all"]}`, `f:2:61: repositories.all.members[0]: all is virtual, and those are made of local and remote ones`},
		{`"yum": {"type": "local", "package": "rpm"},"all": {"type": "virtual", "package": "docker", "members": ["yum"]}`, `f:2:104: repositories.all.members[0]: yum holds rpm packages, not docker`},
	} {
		c := defaults()
		c.env = []string{"SECRET=s"}
		got := ""
		if err := c.loadBytes("f", []byte("{\"repositories\": {\n"+tt.in+"}}")); err != nil {
			got = strings.ReplaceAll(err.Error(), "\n", "|")
		}
		if got != tt.want {
			t.Errorf("%s\n got %s\nwant %s", tt.in, got, tt.want)
		}
	}
	for in, want := range map[string]string{`[]`: "f:1:18: repositories: want an object of repositories by their names, have an array"} {
		if err := defaults().loadBytes("f", []byte(`{"repositories": `+in+`}`)); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", in, err, want)
		}
	}
}

const manyRepositories = `{"offline": true, "repositories": {
	"hub": {"type": "remote", "package": "oci", "base_url": "https://docker.io", "index_ttl": "0", "file_ttl": "24h", "negative_ttl": "1m", "username": "bob",
		"password_file": "/p", "trusted_realms": ["auth.example:8443"], "ca_file": "/ca", "include_patterns": ["^a<b>", "\\d"], "max_size": "3GiB", "mirror": true,
		"namespaces": ["Docker.example"], "offline": true, "reserve": false},
	"quay": {"type": "remote", "package": "docker", "base_url": "https://quay.io", "username": "bob", "password_env": "SECRET"},
	"mine": {"type": "remote", "package": "docker", "base_url": "https://quay.io", "credentials": "docker"},
	"team": {"type": "local", "package": "docker"},
	"all": {"type": "virtual", "package": "docker", "members": ["team", "hub"], "reserve": false},
}}`

// TestRepositoriesPrint: what is printed makes itself, and has no secret in it.
func TestRepositoriesPrint(t *testing.T) {
	c, again := defaults(), defaults()
	c.env = []string{"SECRET=hunter2"}
	again.env = c.env
	if err := c.loadBytes("c.json", []byte(manyRepositories)); err != nil {
		t.Fatal(err)
	}
	if err := again.loadBytes("printed", []byte(c.String())); err != nil {
		t.Fatalf("%v\n%s", err, c)
	}
	if a, b := c.valuesString(), again.valuesString(); a != b {
		t.Errorf("%s\nbecame\n%s", a, b)
	}
	if strings.Contains(c.String(), "hunter2") {
		t.Error("the password is printed")
	}
	golden(t, "config-repositories.jsonc", c.String())
}

// TestRepositoryFiles: what a repository names is read before anything is served.
func TestRepositoryFiles(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "empty", "")
	write(t, "two", "a\nb\n")
	write(t, "large", strings.Repeat("x", maxSecret+1))
	write(t, "right", "secret\n")
	for _, tt := range []struct{ in, want string }{
		{`"username": "u", "password_file": "right"`, ""},
		{`"username": "u", "password_file": "none"`, "repositories.hub.password_file (from c.json:2): open none: no such file or directory"},
		{`"username": "u", "password_file": "empty"`, "repositories.hub.password_file (from c.json:2): empty: is empty"},
		{`"username": "u", "password_file": "two"`, "repositories.hub.password_file (from c.json:2): two: has more than one line, and a password is one"},
		{`"username": "u", "password_file": "large"`, "repositories.hub.password_file (from c.json:2): large: is larger than 1048576 bytes"},
		{`"credentials": "docker"`, "repositories.hub.credentials (from c.json:2): neither DOCKER_CONFIG nor HOME says where docker login leaves it"},
		{`"ca_file": "right"`, "repositories.hub.ca_file (from c.json:2): right: holds no certificate in PEM"},
		{`"ca_file": "none"`, "repositories.hub.ca_file (from c.json:2): open none: no such file or directory"},
	} {
		write(t, "c.json", "{\"repositories\": {\n\"hub\": {\"type\": \"remote\", \"package\": \"docker\", \"base_url\": \"https://a.example\", "+tt.in+"}}}")
		p := &process{args: []string{"config", "check", "c.json"}}
		if tt.want == "" {
			mustRun(t, p, exitOK)
			continue
		}
		if _, got := mustRun(t, p, exitUsage); got != "vitrine: "+tt.want+"\n" {
			t.Errorf("%s: got %swant %s", tt.in, got, tt.want)
		}
	}
}

// TestNamespaces says which repository stands for a registry that a client names.
func TestNamespaces(t *testing.T) {
	c := defaults()
	err := c.loadBytes("f", []byte(`{"repositories": {
		"first": {"type": "remote", "package": "docker", "base_url": "https://index.docker.io"},
		"hub": {"type": "remote", "package": "docker", "base_url": "https://docker.io", "mirror": true, "namespaces": ["other.example"]},
		"ghcr": {"type": "remote", "package": "docker", "base_url": "https://GHCR.io/", "namespaces": ["quay.io"]},
		"quay": {"type": "remote", "package": "docker", "base_url": "https://quay.io"},
		"lab": {"type": "remote", "package": "docker", "base_url": "http://lab:5000"},
		"plain": {"type": "remote", "package": "docker", "base_url": "http://plain:80"},
		"below": {"type": "remote", "package": "docker", "base_url": "https://nexus/docker"},
		"team": {"type": "local", "package": "docker", "namespaces": ["team.example:5000"]},
	}, "auth": {"external_url": "https://Registry.example"}}`))
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.plan(nil)
	if err != nil {
		t.Fatal(err)
	}
	m := newMounts(nil, nil, nil)
	m.now.Store(p)
	for host, want := range map[string]string{
		"docker.io": "hub", "index.docker.io": "hub", "registry-1.docker.io": "hub", "other.example": "hub", "Docker.IO": "hub",
		"ghcr.io": "ghcr", "ghcr.io:443": "ghcr", "ghcr.io:80": "", "quay.io": "ghcr", "quay.io:443": "quay", "lab:5000": "lab", "lab": "",
		"plain": "plain", "plain:80": "plain", "nexus": "", "team": "", "": "", "hub": "", "team.example:5000": "team",
	} {
		if got, ok := m.namespace(host); got != want || ok != (want != "") {
			t.Errorf("namespace(%q) = %q, %t; want %q", host, got, ok, want)
		}
	}
	for _, host := range []string{"registry.example", "registry.example:443"} {
		if got, ok := m.namespace(host); got != "" || !ok {
			t.Errorf("namespace(%q) = %q, %t; want our own names", host, got, ok)
		}
	}
	if c.repositories = nil; len(c.namespaces()) != 0 {
		t.Errorf("without other registries there are namespaces: %v", c.namespaces())
	}
}

// TestDockerConfigPath says where docker login leaves things.
func TestDockerConfigPath(t *testing.T) {
	for env, want := range map[string]string{
		"HOME=/h": "/h/.docker/config.json", "HOME=/h DOCKER_CONFIG=/d": "/d/config.json", "HOME=/h DOCKER_CONFIG=": "/h/.docker/config.json", "HOME=": "",
	} {
		if got, err := dockerConfig(strings.Fields(env)); got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %s, %v, want %s", env, got, err, want)
		}
	}
}

// TestIdentities: two repositories of one registry share a client only if they are the same to it.
func TestIdentities(t *testing.T) {
	c := defaults()
	name := t.TempDir() + "/p"
	write(t, name, "x")
	err := c.loadBytes("f", []byte(strings.ReplaceAll(`{"repositories": {
		"a": {"type": "remote", "package": "docker", "base_url": "https://r.example"},
		"b": {"type": "remote", "package": "docker", "base_url": "r.example/", "index_ttl": "1h"},
		"c": {"type": "remote", "package": "docker", "base_url": "https://r.example", "username": "u", "password_file": "P"},
		"d": {"type": "remote", "package": "docker", "base_url": "https://r.example", "username": "v", "password_file": "P"},
		"e": {"type": "remote", "package": "docker", "base_url": "https://r.example", "mirror": true, "offline": true, "namespaces": ["x"]},
	}}`, "P", name)))
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.plan(nil)
	if err != nil {
		t.Fatal(err)
	}
	same := func(a, b string) string {
		got := ""
		if p.remotes[a].who == p.remotes[b].who {
			got += "who "
		}
		if p.remotes[a].key == p.remotes[b].key {
			got += "key"
		}
		return got
	}
	for pair, want := range map[string]string{"a b": "who ", "a c": "", "c d": "", "a e": "who key"} {
		f := strings.Fields(pair)
		if got := same(f[0], f[1]); got != want {
			t.Errorf("%s: the same %q, want %q", pair, got, want)
		}
	}
}

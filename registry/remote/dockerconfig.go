package remote

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// Bounds of Docker's configuration.
const (
	maxDockerConfig = 1 << 20
	helperKept      = 5 * time.Minute // what a helper said
	maxHelped       = 256             // hosts
)

// DockerConfig returns the credentials in the file at path, as "docker login" leaves them: "auths", and the programs that "credHelpers" and "credsStore"
// name, which are run as docker runs them. The file is read again when it has changed; one that is not there holds nothing.
func DockerConfig(path string) Credentials {
	d := &dockerConfig{path: path, helped: newLRU[string, Login](maxHelped)}
	return d.login
}

type dockerConfig struct {
	path    string
	helped  *lru[string, Login]
	flights flights[Login]

	mu    sync.Mutex
	mtime time.Time
	size  int64
	file  dockerFile
}

type dockerFile struct {
	Auths       map[string]dockerAuth `json:"auths"`
	CredHelpers map[string]string     `json:"credHelpers"`
	CredsStore  string                `json:"credsStore"`
}

type dockerAuth struct {
	Auth          string `json:"auth"`
	Username      string `json:"username"`
	Password      string `json:"password"`
	IdentityToken string `json:"identitytoken"`
}

const hubKey = "https://index.docker.io/v1/" // what docker keeps the login of its Hub under

// login implements Credentials.
func (d *dockerConfig) login(ctx context.Context, host string) (Login, error) {
	file, err := d.read()
	if err != nil {
		return Login{}, err
	}
	if helper := file.helper(host); helper != "" {
		login, err := d.help(ctx, helper, serverURL(host))
		if err != nil || login != (Login{}) {
			return login, err
		}
	}
	return file.auth(host)
}

// read returns what the file holds now.
func (d *dockerConfig) read() (dockerFile, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	fi, err := os.Stat(d.path)
	if errors.Is(err, fs.ErrNotExist) {
		return dockerFile{}, nil
	}
	if err != nil {
		return dockerFile{}, err
	}
	if fi.ModTime().Equal(d.mtime) && fi.Size() == d.size {
		return d.file, nil
	}
	f, err := os.Open(d.path)
	if err != nil {
		return dockerFile{}, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxDockerConfig))
	if err != nil {
		return dockerFile{}, err
	}
	var file dockerFile
	if err := json.Unmarshal(raw, &file); err != nil { // without the text, which may be a secret's
		return dockerFile{}, fmt.Errorf("%s is no configuration of docker's", d.path)
	}
	d.file, d.mtime, d.size = file, fi.ModTime(), fi.Size()
	return file, nil
}

// helper is the name of the program that knows the login of host, "" for none.
func (f *dockerFile) helper(host string) string {
	for _, key := range []string{host, serverURL(host)} {
		if h := f.CredHelpers[key]; h != "" {
			return h
		}
	}
	return f.CredsStore
}

// auth is the login of host that stands in the file itself. A key that names the host alone goes before one that is a URL.
func (f *dockerFile) auth(host string) (Login, error) {
	keys := slices.Sorted(maps.Keys(f.Auths))
	for _, key := range slices.Insert(keys, 0, host) {
		a, ok := f.Auths[key]
		if ok && keyHost(key) == keyHost(host) {
			return a.login(host)
		}
	}
	return Login{}, nil
}

// keyHost is the host that a key of "auths" is about: "host", "https://host", "https://host/v1/". All names of Docker's Hub are one.
// A key with any other path is for some of a host's repositories, and taken for none.
func keyHost(key string) string {
	host := key
	for _, scheme := range []string{"https://", "http://"} {
		host = strings.TrimPrefix(host, scheme)
	}
	host, path, _ := strings.Cut(host, "/")
	if path = strings.Trim(path, "/"); path != "" && path != "v1" && path != "v2" {
		return key
	}
	if hub := hubs[host]; hub != "" {
		return hub
	}
	return host
}

// serverURL is what helpers call a host.
func serverURL(host string) string {
	if keyHost(host) == keyHost(hubKey) {
		return hubKey
	}
	return host
}

func (a dockerAuth) login(host string) (Login, error) {
	l := Login{User: a.Username, Password: a.Password, IdentityToken: a.IdentityToken}
	if a.Auth == "" {
		return l, nil
	}
	text, err := base64.StdEncoding.DecodeString(a.Auth)
	user, password, ok := strings.Cut(string(text), ":")
	if err != nil || !ok {
		return Login{}, fmt.Errorf("docker's configuration has an \"auth\" of %s that is not base64 of name:password", host)
	}
	l.User, l.Password = user, strings.TrimRight(password, "\x00")
	return l, nil
}

//go:build linux

package e2e

import (
	"bytes"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"vitrine/conformance/repodata"
)

// filesFront is a Vitrine with repositories of files, two of each package at the same server of files, which is none of ours.
type filesFront struct {
	*server
	t     *testing.T
	depot *repodata.Depot
	line  *line // to the depot
	files map[string][]byte
}

// newFilesFront starts both. more is JSON of further repositories, with a comma before it.
func newFilesFront(t *testing.T, more string) *filesFront {
	t.Helper()
	f := &filesFront{t: t, depot: &repodata.Depot{}, files: map[string][]byte{}}
	socket := filepath.Join(tempDir(t), "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	far := httptest.NewUnstartedServer(f.depot)
	far.Listener.Close()
	far.Listener = listener
	far.Start()
	t.Cleanup(far.Close)
	f.line = newLine(t, socket)
	config := filepath.Join(tempDir(t), "vitrine.json")
	write(t, config, fmt.Appendf(nil, `{"repositories": {
	"apps": {"type": "local", "package": "generic"},
	"far": {"type": "remote", "package": "generic", "base_url": %q, "index_ttl": "0"},
	"all": {"type": "virtual", "package": "generic", "members": ["apps", "far"]},
	"rpms": {"type": "remote", "package": "rpm", "base_url": %[1]q, "index_ttl": "0"},
	"alpine": {"type": "remote", "package": "alpine", "base_url": %[1]q, "index_ttl": "0"}%s
}}`, "http://"+f.line.host, more))
	f.server = start(t, tempDir(t), nil, "--config", config)
	return f
}

// publish has the server of files hold these besides, at once.
func (f *filesFront) publish(more map[string][]byte) {
	maps.Copy(f.files, more)
	f.depot.Publish(maps.Clone(f.files))
}

// warn fails t unless the answer says that it may be stale, and is still what is wanted.
func (f *filesFront) warn(t *testing.T, path string, want []byte) {
	t.Helper()
	a := f.expect(t, 200, "GET", path, nil)
	if w := a.header.Get("Warning"); !strings.HasPrefix(w, "110 ") || a.header.Get("Age") == "" {
		t.Errorf("%s while the server behind is down: Warning %q, Age %q", path, w, a.header.Get("Age"))
	}
	if !bytes.Equal(a.body, want) {
		t.Errorf("%s while the server behind is down: %d bytes, want %d", path, len(a.body), len(want))
	}
}

// headerLine is the value of a header in what curl -D or wget -S prints, of the last answer.
func headerLine(printed, name string) string {
	value := ""
	for l := range strings.Lines(printed) {
		if k, v, ok := strings.Cut(strings.TrimSpace(l), ":"); ok && http.CanonicalHeaderKey(k) == name {
			value = strings.TrimSpace(v)
		}
	}
	return value
}

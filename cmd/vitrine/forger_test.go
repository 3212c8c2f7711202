package main

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"vitrine/registry/remote"
)

// trap is a server inside that a visitor must not reach, though its port is one that is asked.
type trap struct {
	port    string
	reached atomic.Int32
}

func newTrap(t *testing.T) *trap {
	t.Helper()
	trapped := &trap{}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, trapped.port, _ = net.SplitHostPort(l.Addr().String())
	listeners := []net.Listener{l}
	if l, err := net.Listen("tcp6", "[::1]:"+trapped.port); err == nil { // where there is IPv6
		listeners = append(listeners, l)
	}
	for _, l := range listeners {
		t.Cleanup(func() { l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				trapped.reached.Add(1)
				c.Close()
			}
		}()
	}
	return trapped
}

// names is DNS: it answers each question for an address of a name with the next of those that the name has, the last one for ever.
type names struct {
	mu    sync.Mutex
	addrs map[string][]string
}

func (n *names) resolver(t *testing.T) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		buf := make([]byte, 1500)
		for {
			size, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			conn.WriteTo(n.answer(buf[:size]), from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

// answer answers one question (RFC 1035, 4).
func (n *names) answer(q []byte) []byte {
	var labels []string
	end := 12
	for q[end] != 0 {
		labels = append(labels, string(q[end+1:end+1+int(q[end])]))
		end += int(q[end]) + 1
	}
	end += 5
	a := append([]byte{}, q[:end]...)
	binary.BigEndian.PutUint16(a[2:], 0x8180)
	binary.BigEndian.PutUint16(a[10:], 0)
	n.mu.Lock()
	defer n.mu.Unlock()
	name := strings.ToLower(strings.Join(labels, "."))
	addrs := n.addrs[name]
	switch {
	case len(addrs) == 0:
		a[3] |= 3 // NXDOMAIN
		return a
	case binary.BigEndian.Uint16(q[end-4:]) != 1:
		return a
	case len(addrs) > 1:
		n.addrs[name] = addrs[1:]
	}
	binary.BigEndian.PutUint16(a[6:], 1)
	a = append(a, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
	return append(a, netip.MustParseAddr(addrs[0]).AsSlice()...)
}

// serveAbroad serves with a guard that knows more names and ports than it does, and certificates.
func serveAbroad(t *testing.T, g *remote.Guard, roots *x509.CertPool, env []string, args ...string) *httptest.Server {
	t.Helper()
	c, _, _, err := load(append([]string{"--ephemeral", "--explore-remote", "any"}, args...), env)
	if err != nil {
		t.Fatal(err)
	}
	s, err := newServer(c, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	s.abroad.base = elsewhereOptions{guard: g, roots: roots, perMinute: 1000}
	if err := s.openStore(); err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(s.handler())
	t.Cleanup(func() {
		front.Close()
		if err := s.close(); err != nil {
			t.Error(err)
		}
	})
	return front
}

// TestForger asks for what only we can reach, in all spellings, by the front. The first that is reached fails it.
func TestForger(t *testing.T) {
	trap := newTrap(t)
	dns := &names{addrs: map[string][]string{"inside.test": {"127.0.0.1"}, "meta.test": {"169.254.169.254"}, "rebind.test": {"8.8.8.8", "127.0.0.1"}, "private.test": {"10.0.0.1"}}}
	resolver := dns.resolver(t)
	if got, err := resolver.LookupHost(t.Context(), "rebind.test"); err != nil || got[0] != "8.8.8.8" { // as whoever checks a name first would see it
		t.Fatal(got, err)
	}
	front := serveAbroad(t, &remote.Guard{Ports: []string{trap.port}, Resolver: resolver}, nil, nil)
	const refused = "means no public address"
	for _, c := range []struct {
		host string
		code int
		want string
	}{
		{"127.0.0.1:$p", 403, refused}, {"localhost:$p", 403, refused}, {"127.1:$p", 403, refused}, {"0.0.0.0:$p", 403, refused}, {"127.0.0.2:$p", 403, refused},
		{"2130706433:$p", 403, refused}, {"0x7f000001:$p", 403, refused}, {"0x7f.1:$p", 403, refused}, {"0177.0.0.1:$p", 403, refused}, {"017700000001:$p", 403, refused}, {"0:$p", 403, refused},
		{"127.0.0.1", 403, refused}, {"localhost", 403, refused}, {"169.254.169.254", 403, refused}, {"169.254.169.254:80", 403, refused}, {"10.0.0.1", 403, refused}, {"192.168.0.1:5000", 403, refused},
		{"100.64.0.1", 403, refused}, {"168.63.129.16", 403, refused}, {"8.8.8.8:22", 403, refused}, {"8.8.8.8:6379", 403, refused}, {"8.8.8.8:65536", 403, ""},
		{"inside.test:$p", 403, refused}, {"rebind.test:$p", 403, refused}, {"rebind.test:$p", 403, refused}, {"meta.test", 403, refused}, {"private.test", 403, refused}, {"nobody.test", 403, refused},
		{"[::1]:$p", 400, "IPv6"}, {"[::ffff:127.0.0.1]:$p", 400, "IPv6"}, {"[::ffff:7f00:1]:$p", 400, "IPv6"},
	} {
		host := strings.ReplaceAll(c.host, "$p", trap.port)
		for _, url := range []string{"/?image=" + host + "/app:1", "/r/" + host + "/app:1", "/search?q=" + host + "/app:1", "/diff?from=" + host + "/app:1&to=" + host + "/app:1"} {
			code, body := fetch(t, front.URL+url)
			if code != c.code || !strings.Contains(body, c.want) || strings.Contains(body, "dial") {
				t.Errorf("GET %s: %d %s, want %d with %s", url, code, body, c.code, c.want)
			}
		}
	}
	for _, url := range []string{"/?image=http://127.0.0.1:$p/app:1", "/?image=https://127.0.0.1:$p/", "/?image=127.0.0.1:$p@evil.test/app", "/?image=evil.test%2F..%2F127.0.0.1:$p/app", "/r/evil.test%0d%0aHost:127.0.0.1:$p/app:1"} {
		if code, body := fetch(t, front.URL+strings.ReplaceAll(url, "$p", trap.port)); code < 400 || code >= 500 {
			t.Errorf("GET %s: %d %s", url, code, body)
		}
	}
	for _, url := range []string{"/?repo=127.0.0.1:$p", "/r/127.0.0.1_$p", "/fs/127.0.0.1:$p/app@$d/", "/blob/inside.test_$p/app@$d?raw", "/layers/127.1:$p/app@$d/", "/referrers/localhost:$p/app@$d", "/zurl/127.0.0.1_$p/app@$d/x",
		"/cache/0/127.0.0.1_$p/app@$d/", "/size/0x7f.1_$p/app@$d", "/sizes/127.0.0.1_$p/app@$d"} {
		url = strings.NewReplacer("$p", trap.port, "$d", "sha256:"+strings.Repeat("0", 64)).Replace(url)
		if code, body := fetch(t, front.URL+url); code != 403 || !strings.Contains(body, refused) {
			t.Errorf("GET %s: %d %s", url, code, body)
		}
	}
	if n := trap.reached.Load(); n != 0 {
		t.Errorf("%d connections", n)
	}
}

// TestForgerDetours: a registry that may be asked leads inside, by a redirect or a realm, or away from https.
func TestForgerDetours(t *testing.T) {
	trap := newTrap(t)
	var status int
	var header, value string
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(header, value)
		w.WriteHeader(status)
	})
	plain, secure := httptest.NewServer(h), httptest.NewTLSServer(h)
	defer plain.Close()
	defer secure.Close()
	roots := x509.NewCertPool()
	roots.AddCert(secure.Certificate())
	host, secureHost := strings.TrimPrefix(plain.URL, "http://"), strings.TrimPrefix(secure.URL, "https://")
	front := serveAbroad(t, &remote.Guard{Ports: []string{trap.port}}, roots, nil, "--explore-remote-allow", "http://"+host+","+secureHost)
	visit := func(host string, code int, want string) {
		t.Helper()
		for _, url := range []string{"/r/$h/app:1", "/r/$h/app", "/blob/$h/app@$d?raw", "/fs/$h/app@$d/?format=json"} {
			url = strings.NewReplacer("$h", strings.Replace(host, ":", "_", 1), "$d", "sha256:"+strings.Repeat("0", 64)).Replace(url)
			got, body := fetch(t, front.URL+url)
			if got != code || !strings.Contains(body, want) {
				t.Errorf("%d, %s: %s\nGET %s: %d %s\nwant %d with %s", status, header, value, url, got, body, code, want)
			}
		}
	}
	status, header, value = 307, "Location", "file:///etc/passwd"
	visit(host, 502, "a redirect to no URL of https")
	for _, to := range []string{"http://127.0.0.1:$p/", "http://localhost:$p/", "http://[::1]:$p/", "http://[::ffff:127.0.0.1]:$p/", "http://2130706433:$p/", "http://0x7f.1:$p/", "https://127.0.0.1:$p/",
		"http://169.254.169.254/latest/meta-data/", "https://10.0.0.1/", "//127.1:$p/"} {
		to = strings.ReplaceAll(to, "$p", trap.port)
		status, header, value = 307, "Location", to
		visit(host, 403, "means no public address")
		if !strings.HasPrefix(to, "//") {
			status, header, value = 401, "WWW-Authenticate", `Bearer realm="`+to+`",service="x"`
			visit(host, 403, "means no public address")
		}
	}
	status, header, value = 307, "Location", "http://"+host+"/v2/"
	visit(secureHost, 502, "a redirect from https to plain http")
	status, header, value = 401, "WWW-Authenticate", `Bearer realm="http://`+host+`/token"`
	visit(secureHost, 502, "a realm that is not https")
	visit("8.8.8.8:22", 403, "means no public address")
	if n := trap.reached.Load(); n != 0 {
		t.Errorf("%d connections", n)
	}
}

// TestForgerGetsNoLogin: whoever looks at a registry that we have a login for looks at it as nobody, and nothing of his own request gets there.
func TestForgerGetsNoLogin(t *testing.T) {
	var asked []http.Header
	var mu sync.Mutex
	u := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, r.Header.Clone())
		w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
		w.WriteHeader(401)
	}))
	defer u.Close()
	host, dir := strings.TrimPrefix(u.URL, "http://"), t.TempDir()
	secret := base64.StdEncoding.EncodeToString([]byte("operator:hunter2"))
	write(t, filepath.Join(dir, "config.json"), `{"auths": {"`+host+`": {"auth": "`+secret+`"}, "`+u.URL+`": {"auth": "`+secret+`"}}}`)
	write(t, filepath.Join(dir, "password"), "hunter2")
	file := filepath.Join(dir, "c.json")
	write(t, file, `{"repositories": {"hub": {"type": "remote", "package": "docker", "base_url": "`+u.URL+`", "username": "operator", "password_file": "`+filepath.Join(dir, "password")+`"}}}`)
	env := []string{"DOCKER_CONFIG=" + dir, "HOME=" + dir, "HTTP_PROXY=http://127.0.0.1:1", "HTTPS_PROXY=http://127.0.0.1:1"}
	front := serveAbroad(t, nil, nil, env, "--explore-remote-allow", "http://"+host, "--config", file)
	for _, path := range []string{"/app:1", "/app", "/app@sha256:" + strings.Repeat("0", 64), ""} {
		req, err := http.NewRequest("GET", front.URL+"/r/"+strings.Replace(host, ":", "_", 1)+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range []string{"Cookie", "Authorization", "X-Forwarded-For", "Referer", "User-Agent", "Accept-Language", "X-Anything"} {
			req.Header.Set(h, "visitor")
		}
		resp, err := client(t).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != 403 && resp.StatusCode != 501 || resp.Header.Get("WWW-Authenticate") != "" {
			t.Errorf("%s: %s %s", path, resp.Status, body)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if len(asked) == 0 {
		t.Fatal("nobody was asked")
	}
	for _, h := range asked {
		for k, v := range h {
			if k == "Authorization" || strings.Contains(strings.Join(v, " "), "visitor") {
				t.Errorf("the registry got %s: %q", k, v)
			}
		}
	}
	if fi, err := os.Stat(file); err != nil || fi.Size() == 0 {
		t.Fatal(err)
	}
}

package remote

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"

	"vitrine/storage"
)

// forbidden is the list of a request forger.
const forbidden = `
	0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.100.100.200 100.127.255.255 127.0.0.1 127.255.255.254 169.254.0.1 169.254.169.254
	172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.192 192.0.2.1 192.88.99.1 192.168.0.1 192.168.255.255 198.18.0.1 198.19.255.255 198.51.100.1
	203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 168.63.129.16
	:: ::1 ::7f00:1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:8.8.8.8 ::ffff:0:127.0.0.1 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::1 100::1
	2001::1 2001:0:53aa:64c:0:fbff:f5ff:fffe 2001:db8::1 2002:7f00:1:: 2002:a9fe:a9fe::1 3fff::1 5f00::1 fc00::1 fd00:ec2::254 fdff::1 fe80::1 fe80::1%lo fec0::1 ff02::1 ff0e::1`

func TestPublic(t *testing.T) {
	for s := range strings.FieldsSeq(forbidden) {
		if public(netip.MustParseAddr(s)) {
			t.Errorf("%s is taken for public", s)
		}
	}
	for s := range strings.FieldsSeq("8.8.8.8 1.1.1.1 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 172.15.0.1 172.32.0.1 192.0.1.0 192.167.0.1 192.169.0.1 223.255.255.255 2606:4700::1 2a00::1 2001:4860:4860::8888") {
		if !public(netip.MustParseAddr(s)) {
			t.Errorf("%s is not taken for public", s)
		}
		if err := control(t.Context(), "tcp4", netip.AddrPortFrom(netip.MustParseAddr(s), 443).String(), nil); err != nil {
			t.Errorf("control of %s: %v", s, err)
		}
	}
	if public(netip.Addr{}) || control(t.Context(), "udp4", "8.8.8.8:443", nil) == nil || control(t.Context(), "tcp4", "/run/docker.sock", nil) == nil {
		t.Error("what is no address of TCP is taken for public")
	}
}

// trap is a server on loopback that nobody may reach, on a port that a guard would let through.
func trap(t *testing.T) (port string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Errorf("somebody reaches the server on loopback")
			c.Close()
		}
	}()
	_, port, _ = net.SplitHostPort(l.Addr().String())
	guardedPorts[port] = true
	t.Cleanup(func() { delete(guardedPorts, port) })
	return port
}

// wantRefused checks that err says that an address may not be dialled, and nothing of which one it was.
func wantRefused(t *testing.T, what string, err error) {
	t.Helper()
	u, ok := errors.AsType[*storage.UpstreamError](err)
	if !errors.Is(err, storage.ErrDenied) || !ok || u.Status != 0 || !strings.Contains(err.Error(), "only public addresses") {
		t.Errorf("%s: %v, want %v", what, err, storage.ErrDenied)
		return
	}
	if text := strings.ReplaceAll(err.Error(), u.Host, ""); strings.Contains(text, "127.0.0.1") || strings.Contains(text, "dial") {
		t.Errorf("%s: %v says what the name means", what, err)
	}
}

// TestGuardRefuses: addresses, spellings of them, ports.
func TestGuardRefuses(t *testing.T) {
	noneLeft(t)
	port := trap(t)
	var bases []string
	for s := range strings.FieldsSeq(forbidden) {
		if a := netip.MustParseAddr(s); a.Zone() == "" {
			bases = append(bases, "https://"+netip.AddrPortFrom(a, 443).String(), "http://"+netip.AddrPortFrom(a, 80).String())
		}
	}
	for _, host := range strings.Fields("127.0.0.1 localhost 2130706433 0x7f000001 0x7f.1 0X7F.0.0.1 017700000001 0177.0.0.1 127.1 127.0.1 0 0.0.0.0 [::1] [::ffff:127.0.0.1] [::ffff:7f00:1] 127.0.0.1.") {
		bases = append(bases, "http://"+host+":"+port)
	}
	for _, p := range strings.Fields("22 25 1 6379 8080 8443 65535 5432") {
		bases = append(bases, "https://8.8.8.8:"+p)
	}
	for _, base := range bases {
		u, err := url.Parse(base)
		if err != nil {
			t.Fatal(err)
		}
		r, err := New(base, &Options{Guard: &Guard{}, PlainHTTP: []string{u.Host}})
		if err != nil {
			t.Errorf("New(%s) = %v", base, err)
			continue
		}
		_, err = r.ResolveTag(t.Context(), app, "1")
		wantRefused(t, base, err)
		r.Close()
	}
}

// guarded is a client of f, which is the one that the guard makes an exception for.
func (f *far) guarded(g *Guard) *Registry {
	g.Named = append(g.Named, f.host)
	return f.client(Options{Guard: g})
}

// TestGuardRedirects: a registry that is all right sends elsewhere, by a redirect or by a realm.
func TestGuardRedirects(t *testing.T) {
	f := start(t)
	port := trap(t)
	m := f.image(app, "m")
	d := f.blob("b", noise(100))
	for _, to := range []string{"http://127.0.0.1:" + port + "/x", "http://localhost:" + port + "/x", "http://[::1]:" + port + "/x", "http://2130706433:" + port + "/x",
		"http://169.254.169.254/latest/meta-data/", "https://169.254.169.254/", "https://10.0.0.1/", "https://8.8.8.8:22/", "//0x7f.1:" + port + "/"} {
		f.fail(says(307, "", "Location: "+to))
		_, err := readAll(t, f.guarded(&Guard{}), d)
		wantRefused(t, "a redirect to "+to, err)
		if strings.HasPrefix(to, "//") {
			continue
		}
		f.fail(says(401, "", `WWW-Authenticate: Bearer realm="`+to+`",service="x"`))
		_, err = f.guarded(&Guard{}).GetManifest(t.Context(), app, m.Digest)
		wantRefused(t, "the realm "+to, err)
	}
	f.fail(func(w http.ResponseWriter, r *http.Request) bool { // a harmless hop before
		to := "http://127.0.0.1:" + port + "/"
		if !strings.HasPrefix(r.URL.Path, "/hop") {
			to = "/hop"
		}
		http.Redirect(w, r, to, 302)
		return true
	})
	_, err := readAll(t, f.guarded(&Guard{}), d)
	wantRefused(t, "the second redirect", err)
}

// TestGuardLetsNamed: what the configuration names is reached, and no proxy is.
func TestGuardLetsNamed(t *testing.T) {
	f := start(t)
	port := trap(t)
	m := f.image(app, "m")
	proxy := func(*http.Request) (*url.URL, error) { return url.Parse("http://127.0.0.1:" + port) }
	r := f.client(Options{Guard: &Guard{Named: []string{f.host}}, Proxy: proxy})
	if _, err := r.GetManifest(t.Context(), app, m.Digest); err != nil {
		t.Error(err)
	}
	g := &Guard{Named: []string{"registry.test", "other.test:81", "::1"}}
	for _, tt := range []struct {
		host, port string
		want       bool
	}{
		{"registry.test", "443", true}, {"REGISTRY.test", "5000", true}, {"registry.test", "22", false}, {"x.registry.test", "443", false},
		{"other.test", "81", true}, {"other.test", "443", false}, {"::1", "80", true}, {"::2", "80", false},
	} {
		if got := g.names(tt.host, tt.port); got != tt.want {
			t.Errorf("names(%s, %s) = %v", tt.host, tt.port, got)
		}
	}
}

// nameServer is a DNS server on loopback that answers each question for an A record with the next of its addresses, the last one for ever.
type nameServer struct {
	mu    sync.Mutex
	addrs []netip.Addr
	asked int
}

func startNames(t *testing.T, addrs ...string) (*nameServer, *net.Resolver) {
	t.Helper()
	n := &nameServer{}
	for _, a := range addrs {
		n.addrs = append(n.addrs, netip.MustParseAddr(a))
	}
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go n.serve(conn)
	return n, &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

func (n *nameServer) serve(conn net.PacketConn) {
	buf := make([]byte, 1500)
	for {
		size, from, err := conn.ReadFrom(buf)
		if err != nil {
			return
		}
		if answer := n.answer(buf[:size]); answer != nil {
			conn.WriteTo(answer, from)
		}
	}
}

// answer makes an answer of a question (RFC 1035, 4): the same header and question, and the record if an A was asked for.
func (n *nameServer) answer(q []byte) []byte {
	end := 12
	for end < len(q) && q[end] != 0 {
		end += int(q[end]) + 1
	}
	if end += 5; end > len(q) {
		return nil
	}
	a := append([]byte{}, q[:end]...)
	binary.BigEndian.PutUint16(a[2:], 0x8180) // an answer, recursion desired and available
	binary.BigEndian.PutUint16(a[10:], 0)     // nothing additional
	if binary.BigEndian.Uint16(q[end-4:]) != 1 {
		return a
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	addr := n.addrs[min(n.asked, len(n.addrs)-1)]
	n.asked++
	binary.BigEndian.PutUint16(a[6:], 1)
	a = append(a, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4) // the name of the question, A, IN, for no time
	return append(a, addr.AsSlice()...)
}

// TestGuardAfterDNS: names that mean an address inside, from the start or from the second look on.
func TestGuardAfterDNS(t *testing.T) {
	noneLeft(t)
	port := trap(t)
	ctx := t.Context()
	names, resolver := startNames(t, "8.8.8.8", "127.0.0.1")
	const host = "rebind.test"
	if got, err := resolver.LookupHost(ctx, host); err != nil || fmt.Sprint(got) != "[8.8.8.8]" { // as whoever checks a name first would see it
		t.Fatalf("the first look = %v, %v", got, err)
	}
	for range 2 {
		r, err := New("http://"+host+":"+port, &Options{Guard: &Guard{Resolver: resolver}, PlainHTTP: []string{host}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = r.ResolveTag(ctx, app, "1")
		wantRefused(t, host, err)
		r.Close()
	}
	names.mu.Lock()
	defer names.mu.Unlock()
	if names.asked < 3 {
		t.Errorf("DNS was asked %d times", names.asked)
	}
}

// TestGuardIsNotFooledByReuse: the connection to a name that was all right is not one to another name.
func TestGuardIsNotFooledByReuse(t *testing.T) {
	f := start(t)
	m := f.image(app, "m", "1")
	r := f.guarded(&Guard{})
	if _, err := r.GetManifest(t.Context(), app, m.Digest); err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(f.host)
	guardedPorts[port] = true
	t.Cleanup(func() { delete(guardedPorts, port) })
	f.fail(says(302, "", "Location: http://localhost:"+port+"/"))
	f.times0()
	_, err := r.ResolveTag(t.Context(), app, "1")
	wantRefused(t, "the same server by another name", err)
	if f.times() != 1 {
		t.Errorf("%d requests", f.times())
	}
}

// TestRefusalsOpenNoBreaker: what was not asked says nothing of the host.
func TestRefusalsOpenNoBreaker(t *testing.T) {
	noneLeft(t)
	_, resolver := startNames(t, "10.0.0.1")
	r, err := New("https://inside.test", &Options{Guard: &Guard{Resolver: resolver}})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 * maxFailures {
		_, err = r.ResolveTag(t.Context(), app, "1")
		wantRefused(t, "an address inside", err)
	}
}

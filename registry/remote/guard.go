package remote

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Guard lets only public addresses be dialled, and only the ports of registries: where strangers say which registry is asked, they must not
// reach what stands behind our firewall. It looks at each address after DNS, at the moment when it is dialled, so it makes no difference how a name got
// to mean it, whether it meant something else before, or whether a redirect or a token's realm named it. No proxy is used behind a guard.
type Guard struct {
	// Named are the exceptions: "host" for its public ports, "host:port". The host is as in the URL, before DNS.
	Named []string

	Ports    []string      // besides those of registries: 80, 443, 5000
	Resolver *net.Resolver // nil: the system's
}

// errRefused says that a guard stands before an address.
var errRefused = errors.New("only public addresses and the ports 80, 443 and 5000 may be asked")

var guardedPorts = map[string]bool{"80": true, "443": true, "5000": true}

// refusedNets are what is not public: the special-purpose registries of IANA, and the metadata service of one cloud that is at a public address.
// Of IPv6, 2000::/3 is all that is given out; what embeds an IPv4 address is refused as a whole, because it is the address that matters then.
var refusedNets = prefixes(`
	0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.88.99.0/24
	192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4 168.63.129.16/32
	::/3 2001::/23 2001:db8::/32 2002::/16 3fff::/20 4000::/2 8000::/1`)

func prefixes(s string) (all []netip.Prefix) {
	for f := range strings.FieldsSeq(s) {
		all = append(all, netip.MustParsePrefix(f))
	}
	return all
}

// public reports whether a may be dialled by strangers.
func public(a netip.Addr) bool {
	if !a.IsValid() || a.Zone() != "" || a.Is4In6() {
		return false
	}
	for _, p := range refusedNets {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// dialer returns the DialContext of a transport.
func dialer(o *Options) func(context.Context, string, string) (net.Conn, error) {
	plain := &net.Dialer{Timeout: o.DialTimeout, KeepAlive: 30 * time.Second}
	g := o.Guard
	if g == nil {
		return plain.DialContext
	}
	plain.Resolver = g.Resolver
	guarded := *plain
	guarded.ControlContext = control
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		host, port, err := net.SplitHostPort(addr)
		switch {
		case err != nil:
			return nil, err
		case g.names(host, port):
			return plain.DialContext(ctx, network, addr)
		case !guardedPorts[port] && !slices.Contains(g.Ports, port) || !plainHost(host):
			return nil, errRefused
		}
		return guarded.DialContext(ctx, network, addr)
	}
}

// control is called with each address before it is connected to.
func control(_ context.Context, network, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || network != "tcp4" && network != "tcp6" || !public(to.Addr()) {
		return errRefused
	}
	return nil
}

func (g *Guard) names(host, port string) bool {
	for _, n := range g.Named {
		if strings.EqualFold(n, net.JoinHostPort(host, port)) || strings.EqualFold(n, host) && guardedPorts[port] {
			return true
		}
	}
	return false
}

// plainHost reports whether host is a name, or an address that is written as one and public.
func plainHost(host string) bool {
	if a, err := netip.ParseAddr(host); err == nil {
		return public(a)
	}
	return !looksNumeric(host)
}

// looksNumeric reports whether the last label of host is a number, decimal or hexadecimal: resolvers take "2130706433", "0x7f.1" and "127.1" for
// addresses, and no name ends so (RFC 3696, 2).
func looksNumeric(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	last := host[strings.LastIndexByte(host, '.')+1:]
	if hex, ok := strings.CutPrefix(last, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return strings.Trim(last, "0123456789") == ""
}

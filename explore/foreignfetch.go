package explore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage/oci"
)

// fetch gets a blob from where its descriptor says that it is, verifies and keeps it, unless it is kept already.
func (f *foreign) fetch(ctx context.Context, from foreignSource, d oci.Descriptor, url string) error {
	if d.Size > maxForeign {
		return unprocessable(fmt.Sprintf("It has %s, and %s are fetched at most.", iec(d.Size), iec(maxForeign)), "")
	}
	ctx, cancel := context.WithTimeout(ctx, foreignTime)
	defer cancel()
	select {
	case f.slots <- struct{}{}:
		defer func() { <-f.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if f.keep.add(d.Digest, nil, from, url) {
		return nil
	}
	file, err := f.download(ctx, d, url)
	if err != nil {
		return err
	}
	f.keep.add(d.Digest, &keptFile{File: file, size: d.Size}, from, url)
	return nil
}

// download returns the content in a file that has no name any more.
func (f *foreign) download(ctx context.Context, d oci.Descriptor, url string) (file *os.File, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "vitrine")
	res, err := f.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the answer is %.40q", res.Status)
	}
	if file, err = os.CreateTemp("", "vitrine-foreign-*"); err != nil {
		return nil, err
	}
	err = os.Remove(file.Name())
	if err == nil {
		err = copyVerified(file, res.Body, d)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// copyVerified copies content that has to be what its descriptor says.
func copyVerified(w io.Writer, r io.Reader, d oci.Descriptor) error {
	verifier := d.Digest.Verifier()
	n, err := io.Copy(io.MultiWriter(w, verifier), io.LimitReader(r, d.Size+1))
	switch {
	case err != nil:
		return err
	case n != d.Size:
		return fmt.Errorf("what is there does not have the size that the manifest names, %d bytes", d.Size)
	case !verifier.Verified():
		return fmt.Errorf("what is there does not have the digest that the manifest names")
	}
	return nil
}

// keptBlobs are files with content that was fetched, as many as there is room for.
type keptBlobs struct {
	bound int64

	mu    sync.Mutex
	size  int64
	files []*keptFile // the one that was asked for last is the last
}

// keptFile is one of them.
type keptFile struct {
	*os.File
	digest  digest.Digest
	size    int64
	from    []foreignSource
	urls    []string // where it was found
	readers int
	dropped bool
}

// maxSources bounds the manifests, and the URLs, that are remembered of one blob.
const maxSources = 100

// add remembers a file that was found at url, or that what is kept already is named by one more manifest: then it reports true, and f is not needed.
// Without a file that is so only where the same was found at url before: a digest that somebody knows and any URL would else show him what
// others have fetched from where he cannot.
func (k *keptBlobs) add(d digest.Digest, f *keptFile, from foreignSource, url string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if i := k.find(d); i >= 0 {
		old := k.files[i]
		if f == nil && !slices.Contains(old.urls, url) {
			return false
		}
		old.from, old.urls = remember(old.from, from), remember(old.urls, url)
		if f != nil {
			_ = f.Close() // nothing was written that anybody wants
		}
		return true
	}
	if f == nil {
		return false
	}
	f.digest, f.from, f.urls = d, []foreignSource{from}, []string{url}
	k.files, k.size = append(k.files, f), k.size+f.size
	for len(k.files) > 1 && k.size > k.bound {
		k.drop(0)
	}
	return false
}

// remember adds what is new to a list, and forgets the oldest of it where there are too many.
func remember[T comparable](all []T, one T) []T {
	if slices.Contains(all, one) {
		return all
	}
	return append(all[max(0, len(all)-maxSources+1):], one)
}

// find returns the place of a blob, -1 if it is not kept. The caller has the lock.
func (k *keptBlobs) find(d digest.Digest) int {
	return slices.IndexFunc(k.files, func(f *keptFile) bool { return f.digest == d })
}

// drop forgets a file. Who reads it still does.
func (k *keptBlobs) drop(i int) {
	f := k.files[i]
	k.files, k.size = slices.Delete(k.files, i, i+1), k.size-f.size
	f.dropped = true
	if f.readers == 0 {
		_ = f.File.Close() // nothing is left to be written
	}
}

// sources are the manifests that name a blob.
func (k *keptBlobs) sources(d digest.Digest) []foreignSource {
	k.mu.Lock()
	defer k.mu.Unlock()
	if i := k.find(d); i >= 0 {
		return slices.Clone(k.files[i].from)
	}
	return nil
}

// open returns a blob, nil if it is not kept.
func (k *keptBlobs) open(d digest.Digest) *keptBlob {
	k.mu.Lock()
	defer k.mu.Unlock()
	i := k.find(d)
	if i < 0 {
		return nil
	}
	f := k.files[i]
	k.files = append(slices.Delete(k.files, i, i+1), f)
	f.readers++
	return &keptBlob{io.NewSectionReader(f, 0, f.size), k, f, sync.Once{}}
}

// keptBlob is an open one. It implements storage.Blob.
type keptBlob struct {
	*io.SectionReader
	k    *keptBlobs
	f    *keptFile
	once sync.Once
}

// Close closes it; only the first call does anything.
func (b *keptBlob) Close() (err error) {
	b.once.Do(func() {
		b.k.mu.Lock()
		defer b.k.mu.Unlock()
		if b.f.readers--; b.f.readers == 0 && b.f.dropped {
			err = b.f.File.Close()
		}
	})
	return err
}

// errPrivate says that an address is not one of the public internet.
var errPrivate = errors.New("its address is not public, or its port not one that is asked")

// foreignClient fetches from public addresses only: what a stranger's manifest names must not be something that this server reaches and they do not.
// The address is looked at when the connection is made, so that a name cannot mean something else by then.
func foreignClient(may func(netip.AddrPort) bool) *http.Client {
	dialer := &net.Dialer{Timeout: 15 * time.Second, Control: func(_, address string, _ syscall.RawConn) error {
		addr, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		if !may(netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())) {
			return errPrivate
		}
		return nil
	}}
	transport := &http.Transport{DialContext: dialer.DialContext, DisableCompression: true, DisableKeepAlives: true, // no proxy: that would look up names by itself
		TLSHandshakeTimeout: 15 * time.Second, ResponseHeaderTimeout: 30 * time.Second, MaxResponseHeaderBytes: 64 << 10}
	return &http.Client{Transport: transport, CheckRedirect: func(to *http.Request, via []*http.Request) error {
		switch {
		case len(via) > 5:
			return errors.New("it is moved too often")
		case !webURL(to.URL.String()) || via[0].URL.Scheme == "https" && to.URL.Scheme != "https":
			return errors.New("it is moved to where it is not fetched from")
		}
		return nil
	}}
}

// reserved are networks that are no part of the public internet, besides those that netip knows (RFC 6890), and those that lead on to others (RFC 3056,
// 4380, 6052).
var reserved = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"), netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("192.88.99.0/24"), netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("240.0.0.0/4"), netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("100::/64"),
	netip.MustParsePrefix("2001::/23"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("fec0::/10"),
}

// mayFetch reports whether a stranger's manifest may name this place: an address of the public internet, at a port of web servers or registries.
func mayFetch(a netip.AddrPort) bool {
	return public(a.Addr()) && (a.Port() == 80 || a.Port() == 443 || a.Port() == 5000)
}

// public reports whether an address is one of the public internet.
func public(a netip.Addr) bool {
	return a.IsGlobalUnicast() && !a.IsPrivate() && !a.IsLoopback() && !a.IsLinkLocalUnicast() &&
		!slices.ContainsFunc(reserved, func(p netip.Prefix) bool { return p.Contains(a) })
}

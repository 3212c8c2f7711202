package files

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"net/http"
	"strings"

	"github.com/opencontainers/go-digest"

	"vitrine/registry/api"
	"vitrine/storage"
)

// claim is what a client says that the content hashes to.
type claim struct {
	header string
	make   func() hash.Hash
	want   []byte
}

type claims []claim

// checksumHeaders are those with a value each.
var checksumHeaders = []struct {
	name   string
	make   func() hash.Hash
	decode func(string) ([]byte, error)
}{
	{"X-Checksum-Sha256", sha256.New, hex.DecodeString},
	{"X-Checksum-Sha512", sha512.New, hex.DecodeString},
	{"X-Checksum-Sha1", sha1.New, hex.DecodeString},
	{"X-Checksum-Md5", md5.New, hex.DecodeString},
	{"Content-Md5", md5.New, base64.StdEncoding.DecodeString}, // RFC 1864
}

// digestAlgorithms are those of the headers that may have several values (RFC 3230, and RFC 9530 with colons around the value).
var digestAlgorithms = map[string]func() hash.Hash{"sha-256": sha256.New, "sha-512": sha512.New, "sha": sha1.New, "md5": md5.New}

// claimed returns what h says of the content. The error wraps storage.ErrDigestMismatch: what makes no sense fits nothing.
func claimed(h http.Header) (all claims, err error) {
	for _, c := range checksumHeaders {
		v := h.Get(c.name)
		if v == "" {
			continue
		}
		want, err := c.decode(v)
		if err != nil || len(want) != c.make().Size() {
			return nil, malformed(c.name, v)
		}
		all = append(all, claim{c.name, c.make, want})
	}
	for _, name := range []string{"Digest", "Content-Digest", "Repr-Digest"} {
		for one := range strings.SplitSeq(strings.Join(h.Values(name), ","), ",") {
			algorithm, v, _ := strings.Cut(strings.TrimSpace(one), "=")
			make := digestAlgorithms[strings.ToLower(algorithm)]
			if make == nil { // RFC 9530, 2: those that are not known are ignored
				continue
			}
			want, err := base64.StdEncoding.DecodeString(strings.Trim(v, ":"))
			if err != nil || len(want) != make().Size() {
				return nil, malformed(name, one)
			}
			all = append(all, claim{name, make, want})
		}
	}
	if len(all) > maxClaims {
		return nil, fmt.Errorf("%w: %d checksums", api.ErrQuery, len(all))
	}
	return all, nil
}

// maxClaims is more than anybody has a reason for; each is hashed.
const maxClaims = 8

func malformed(header, v string) error {
	return fmt.Errorf("%w: %s is %.64q", storage.ErrDigestMismatch, header, v)
}

// sums hashes content.
type sums struct {
	own    hash.Hash
	claims claims
	hashes []hash.Hash // of the claims
}

func (c claims) sums() *sums {
	s := &sums{own: sha256.New(), claims: c}
	for _, one := range c {
		s.hashes = append(s.hashes, one.make())
	}
	return s
}

func (s *sums) Write(p []byte) (int, error) {
	for _, h := range s.hashes {
		h.Write(p)
	}
	return s.own.Write(p)
}

func (s *sums) digest() digest.Digest { return digest.NewDigest(digest.SHA256, s.own) }

// check returns storage.ErrDigestMismatch unless all claims are true.
func (s *sums) check() error {
	for i, c := range s.claims {
		if got := s.hashes[i].Sum(nil); !bytes.Equal(got, c.want) {
			return fmt.Errorf("%w: %s is %x, the content has %x", storage.ErrDigestMismatch, c.header, c.want, got)
		}
	}
	return nil
}

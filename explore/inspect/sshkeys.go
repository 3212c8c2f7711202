package inspect

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/big"
	"strings"
)

const (
	maxSSH     = 4 << 20 // bytes of a file of public keys
	maxSSHKeys = 2000
)

// sshTypes are the public keys of OpenSSH and what people call them (RFC 4253, 6.6; RFC 5656; RFC 8709; PROTOCOL.u2f).
var sshTypes = map[string]string{
	"ssh-rsa": "RSA", "ssh-dss": "DSA", "ssh-ed25519": "Ed25519", "ssh-ed448": "Ed448",
	"ecdsa-sha2-nistp256": "ECDSA, P-256", "ecdsa-sha2-nistp384": "ECDSA, P-384", "ecdsa-sha2-nistp521": "ECDSA, P-521",
	"sk-ssh-ed25519@openssh.com": "Ed25519 in hardware", "sk-ecdsa-sha2-nistp256@openssh.com": "ECDSA, P-256 in hardware",
	"ssh-rsa-cert-v01@openssh.com": "RSA certificate", "ssh-ed25519-cert-v01@openssh.com": "Ed25519 certificate",
	"ecdsa-sha2-nistp256-cert-v01@openssh.com": "ECDSA, P-256 certificate",
}

// hasSSHKey tells lines of public keys: of ~/.ssh/*.pub, authorized_keys and known_hosts.
func hasSSHKey(s string) bool {
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			_, ok := parseSSHLine(line)
			return ok
		}
	}
	return false
}

// sshKey is a line: what stands before the key (options, or the names of a host), the key, a comment.
type sshKey struct {
	before, kind, comment string
	blob                  []byte
}

func parseSSHLine(line string) (k sshKey, ok bool) {
	words := strings.Fields(line)
	for i, w := range words {
		if sshTypes[w] == "" || i+1 >= len(words) {
			continue
		}
		blob, err := base64.StdEncoding.DecodeString(words[i+1])
		if err != nil || len(blob) < 4 {
			return k, false
		}
		name, _, ok := cutSSH(blob)
		return sshKey{strings.Join(words[:i], " "), w, strings.Join(words[i+2:], " "), blob}, ok && string(name) == w
	}
	return k, false
}

// cutSSH cuts a string off (RFC 4251, 5): its length in four bytes before it.
func cutSSH(b []byte) (s, rest []byte, ok bool) {
	if len(b) < 4 || uint64(binary.BigEndian.Uint32(b)) > uint64(len(b)-4) {
		return nil, nil, false
	}
	n := 4 + int(binary.BigEndian.Uint32(b))
	return b[4:n], b[n:], true
}

// value says which kind of key it is, of RSA also how long: the key is name, exponent, modulus.
func (k sshKey) value() Value {
	v := text(sshTypes[k.kind]).tip(k.kind)
	if k.kind == "ssh-rsa" {
		_, rest, _ := cutSSH(k.blob)
		_, rest, _ = cutSSH(rest)
		if modulus, _, ok := cutSSH(rest); ok {
			v.Text += fmt.Sprintf(", %d bits", new(big.Int).SetBytes(modulus).BitLen())
		}
	}
	return v
}

// fingerprint is what ssh-keygen -l prints.
func (k sshKey) fingerprint() string {
	sum := sha256.Sum256(k.blob)
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
}

// decodeSSH shows who may come in, or which hosts are known.
func decodeSSH(f *file) (*Doc, error) {
	raw, err := f.all(maxSSH)
	if err != nil {
		return nil, err
	}
	d := &Doc{Kind: "ssh", Command: "ssh-keygen -l -f -"}
	s := table("Public keys", "Key", "Fingerprint", "Comment", "For")
	odd := 0
	for line := range bytes.Lines(raw) {
		text := strings.TrimSpace(string(line))
		if text == "" || text[0] == '#' {
			continue
		}
		k, ok := parseSSHLine(text)
		if !ok {
			odd++
			continue
		}
		if len(s.Table.Rows) == maxSSHKeys {
			s.Note = fmt.Sprintf("Only the first %d keys are shown.", maxSSHKeys)
			break
		}
		s.row(k.value(), plain(k.fingerprint()), plain(k.comment), plain(k.before))
	}
	d.Title = plural(len(s.Table.Rows), "SSH public key")
	if odd > 0 {
		d.Note = "Left out: " + plural(odd, "line") + " without a key that can be read."
	}
	d.addSection(s)
	return d, nil
}

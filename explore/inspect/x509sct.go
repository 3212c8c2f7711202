package inspect

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"
)

// logNames are the logs that signatures of images name, by the SHA-256 of their public key.
var logNames = map[string]string{
	"dd3d306ac6c7113263191e1c99673702a24a5eb8de3cadff878a72802f29ee8e": "ctfe.sigstore.dev/2022",
	"086092f02852ff6845d1d16b27849c456718ac163dc338d26de6bc2206366f72": "ctfe.sigstore.dev/test",
	"c0d23d6ad406973f9559f3ba2d1ca01f84147d8ffc5b8445c224f98b9591801d": "rekor.sigstore.dev",
	"cf1199155bddd051268d1f16ac5c0c75c009f6fb5a63f4177f8e18d7051e3fa0": "log2025-1.rekor.sigstore.dev",
}

// sctSection shows the signed certificate timestamps of RFC 6962, 3.3: an OCTET STRING of a list in the presentation language of TLS.
func sctSection(extensions []pkix.Extension) Section {
	s := table("Signed certificate timestamps", "Log", "Time", "Signature", "Log ID")
	s.Note = "These signatures were not checked."
	for _, e := range extensions {
		if e.Id.String() != oidSCT {
			continue
		}
		n, err := parseDER(e.Value, nil)
		if err == nil && !n.is(asn1.TagOctetString) {
			err = fmt.Errorf("%w: no OCTET STRING", ErrSyntax)
		}
		if err == nil {
			err = s.scts(n.content)
		}
		if err != nil {
			s.Note = "The list cannot be read: " + err.Error()
		}
	}
	if len(s.Table.Rows) == 0 {
		s.Note = ""
	}
	return s
}

// scts reads a length of two bytes, and then timestamps with a length of two bytes each.
func (s *Section) scts(list []byte) error {
	list, rest, ok := cut16(list)
	if !ok || len(rest) > 0 {
		return fmt.Errorf("%w: the length of the list", ErrSyntax)
	}
	for len(list) > 0 {
		var sct []byte
		if sct, list, ok = cut16(list); !ok {
			return fmt.Errorf("%w: the length of a timestamp", ErrSyntax)
		}
		if err := s.sct(sct); err != nil {
			return err
		}
	}
	return nil
}

// cut16 cuts off what has its length in two bytes before it.
func cut16(b []byte) (piece, rest []byte, ok bool) {
	if len(b) < 2 {
		return nil, nil, false
	}
	n := int(binary.BigEndian.Uint16(b))
	if b = b[2:]; n > len(b) {
		return nil, nil, false
	}
	return b[:n], b[n:], true
}

// sct reads RFC 6962, 3.2: version, log ID, milliseconds since 1970, extensions, hash, algorithm, signature.
func (s *Section) sct(b []byte) error {
	const fixed = 1 + 32 + 8
	if len(b) < fixed || b[0] != 0 {
		return fmt.Errorf("%w: a timestamp of version 1 has more than %d bytes", ErrSyntax, fixed)
	}
	id, millis := hex.EncodeToString(b[1:33]), binary.BigEndian.Uint64(b[33:])
	_, rest, ok := cut16(b[fixed:])
	if !ok || len(rest) < 4 {
		return fmt.Errorf("%w: the signature of a timestamp", ErrSyntax)
	}
	hashes := map[byte]string{4: "SHA-256", 5: "SHA-384", 6: "SHA-512", 2: "SHA-1"}
	kinds := map[byte]string{1: "RSA", 2: "DSA", 3: "ECDSA"}
	when := Value{}
	if millis < 1<<47 {
		when = text(time.UnixMilli(int64(millis)).UTC().Format("2006-01-02 15:04:05.000 UTC"))
	}
	name := logNames[id]
	if name == "" {
		name = "of an unknown name"
	}
	s.row(text(name), when, text(kinds[rest[1]]+" with "+hashes[rest[0]]), text(id))
	return nil
}

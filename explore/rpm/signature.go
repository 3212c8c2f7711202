package rpm

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"
)

// Signature is what a signature says of itself. Nothing here verifies it.
type Signature struct {
	Over      string // "header", or "header and payload"
	Algorithm string // "RSA", "EdDSA"; empty where the signature could not be read
	Hash      string // as in [Checksum]
	KeyID     string // of the key, in hexadecimal digits: what it is found by
	Time      time.Time
}

// String returns it much as `rpm -qi` prints it: "RSA/SHA256, 2026-01-02T03:04:05Z, key 0123456789abcdef".
func (s Signature) String() string {
	if s.Algorithm == "" {
		return "of a form that is not known"
	}
	text := s.Algorithm + "/" + s.Hash
	if !s.Time.IsZero() {
		text += ", " + s.Time.Format(time.RFC3339)
	}
	if s.KeyID != "" {
		text += ", key " + s.KeyID
	}
	return text
}

// signatureTags are where signatures are.
var signatureTags = []struct {
	tag  Tag
	over string
}{{sigRSA, "header"}, {sigDSA, "header"}, {sigPGP, "header and payload"}, {sigGPG, "header and payload"}}

// maxSignatures bounds those of version 6, which may have several.
const maxSignatures = 16

// Signatures returns the signatures that a package brings.
func (p *Package) Signatures() (all []Signature) {
	for text := range p.Signature.Texts(sigOpenPGP) {
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			b = nil
		}
		if all = append(all, parseSignature(b)); len(all) == maxSignatures {
			break
		}
	}
	for i := range all {
		all[i].Over = "header"
	}
	for _, t := range signatureTags {
		if p.Signature.Has(t.tag) {
			s := parseSignature(p.Signature.Bytes(t.tag))
			s.Over = t.over
			all = append(all, s)
		}
	}
	return all
}

// signers are the algorithms of keys (RFC 9580, 9.1).
var signers = map[byte]string{1: "RSA", 3: "RSA", 17: "DSA", 19: "ECDSA", 22: "EdDSA", 27: "Ed25519", 28: "Ed448"}

// parseSignature reads a packet of a signature (RFC 9580, 5.2): of version 3, 4 or 6.
func parseSignature(b []byte) (s Signature) {
	b = signaturePacket(b)
	if len(b) < 19 {
		return s
	}
	switch b[0] {
	case 3: // 5, type, time u32, key u64, algorithms
		s.Time = time.Unix(int64(binary.BigEndian.Uint32(b[3:])), 0).UTC()
		s.KeyID = hex.EncodeToString(b[7:15])
		s.name(b[15], b[16])
	case 4: // type, algorithms, length u16 and subpackets that are signed, the same of those that are not
		s.name(b[2], b[3])
		s.both(b[4:], 2)
	case 6: // the same, with lengths u32
		s.name(b[2], b[3])
		s.both(b[4:], 4)
	}
	return s
}

func (s *Signature) name(signer, hash byte) {
	s.Algorithm, s.Hash = signers[signer], hashName(uint64(hash))
	if s.Algorithm == "" {
		s.Algorithm = fmt.Sprint("algorithm ", signer)
	}
}

// signaturePacket returns what is in the first packet, if that is a signature (RFC 9580, 4.2).
func signaturePacket(b []byte) []byte {
	if len(b) < 6 || b[0]&0x80 == 0 {
		return nil
	}
	if b[0]&0x40 != 0 {
		n, body := packetLength(b[1:])
		return packet(b[0]&0x3f, body, n)
	}
	kind, size := b[0]>>2&0xf, []int{1, 2, 4, 0}[b[0]&3]
	if size == 0 {
		return nil
	}
	return packet(kind, b[1+size:], int(bigEndian(b[1:][:size])))
}

// packet returns the n bytes of a packet, nil if there are fewer or it is no signature.
func packet(kind byte, body []byte, n int) []byte {
	if kind != 2 || n < 0 || n > len(body) {
		return nil
	}
	return body[:n]
}

func bigEndian(b []byte) (n uint32) {
	for _, c := range b {
		n = n<<8 | uint32(c)
	}
	return n
}

// packetLength reads a length of the new form, which those of subpackets have as well (RFC 9580, 4.2.1); -1 for one in parts.
func packetLength(b []byte) (n int, rest []byte) {
	switch {
	case len(b) > 0 && b[0] < 192:
		return int(b[0]), b[1:]
	case len(b) > 1 && b[0] < 224:
		return (int(b[0])-192)<<8 + int(b[1]) + 192, b[2:]
	case len(b) > 4 && b[0] == 255:
		return int(bigEndian(b[1:5])), b[5:]
	}
	return -1, nil
}

// both reads the two lists of subpackets, whose lengths have width bytes.
func (s *Signature) both(b []byte, width int) {
	for range 2 {
		if len(b) < width {
			return
		}
		n := int(bigEndian(b[:width]))
		if b = b[width:]; n > len(b) {
			return
		}
		s.subpackets(b[:n])
		b = b[n:]
	}
}

// subpackets reads the time and the key (RFC 9580, 5.2.3.7): a length that counts the type, the type, the value.
func (s *Signature) subpackets(b []byte) {
	for len(b) > 0 {
		n, rest := packetLength(b)
		if n < 1 || n > len(rest) {
			return
		}
		kind, value := rest[0]&0x7f, rest[1:n]
		switch {
		case kind == 2 && len(value) == 4:
			s.Time = time.Unix(int64(bigEndian(value)), 0).UTC()
		case kind == 16 && len(value) == 8:
			s.KeyID = hex.EncodeToString(value)
		case kind == 33 && s.KeyID == "" && len(value) == 21: // a fingerprint of version 4 ends in the key's ID
			s.KeyID = hex.EncodeToString(value[13:])
		case kind == 33 && s.KeyID == "" && len(value) == 33: // one of version 6 begins with it
			s.KeyID = hex.EncodeToString(value[1:9])
		}
		b = rest[n:]
	}
}

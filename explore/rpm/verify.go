package rpm

import (
	"encoding/hex"
	"errors"
	"io"
	"strings"
)

// Check is one digest that a package has of itself, and whether it fits.
type Check struct {
	Name string // as `rpm -Kv` has it: "Header SHA256 digest"
	Type string // as in [Checksum]
	Want string // in hexadecimal digits
	OK   bool
}

// Verify reads the package that r is, to its end, and compares it with all digests that it has. It says nothing about signatures. The error is r's.
// What fits is no proof: whoever changed a package can have changed these, too.
func (p *Package) Verify(r io.ReaderAt) ([]Check, error) { return p.verify(r, true) }

// VerifyHeader does the same with the header alone.
func (p *Package) VerifyHeader(r io.ReaderAt) ([]Check, error) { return p.verify(r, false) }

func (p *Package) verify(r io.ReaderAt, all bool) (checks []Check, err error) {
	algorithm := hashName(p.Number(tagPayloadDigestAlgo, 0))
	header := io.NewSectionReader(r, p.HeaderStart, p.HeaderEnd-p.HeaderStart)
	payload := io.NewSectionReader(r, p.HeaderEnd, p.Size-p.HeaderEnd)
	both := io.NewSectionReader(r, p.HeaderStart, p.Size-p.HeaderStart)
	for _, c := range []struct {
		name, kind, want string
		of               *io.SectionReader
	}{
		{"Header SHA3-256 digest", "sha3-256", p.Signature.Text(sigSHA3_256), header},
		{"Header SHA256 digest", "sha256", p.Signature.Text(sigSHA256), header},
		{"Header SHA1 digest", "sha1", p.Signature.Text(sigSHA1), header},
		{"Payload " + strings.ToUpper(algorithm) + " digest", algorithm, p.Text(tagPayloadDigest), payload},
		{"MD5 digest", "md5", hex.EncodeToString(p.Signature.Bytes(sigMD5)), both},
	} {
		if c.want == "" || !all && c.of != header {
			continue
		}
		ok, err := fits(Checksum{c.kind, c.want}, io.NewSectionReader(c.of, 0, c.of.Size()))
		if err != nil {
			return checks, err
		}
		checks = append(checks, Check{c.name, c.kind, c.want, ok})
	}
	if n := p.Signature.size(sigLongSize, sigSize); n > 0 {
		checks = append(checks, Check{"Size", "", decimal(n), n == both.Size()})
	}
	return checks, nil
}

func fits(c Checksum, r io.Reader) (bool, error) {
	err := c.check("", r, 0)
	if errors.Is(err, ErrMismatch) || errors.Is(err, ErrFormat) {
		return false, nil
	}
	return err == nil, err
}

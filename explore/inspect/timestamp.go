package inspect

import (
	"bytes"
	"encoding/asn1"
	"fmt"
	"math/big"
	"strings"
	"time"
)

// timestamp is a time-stamp token of RFC 3161, 2.4.2.
type timestamp struct {
	message  *signedData
	status   *big.Int // of the response around the token; nil without one
	policy   string
	hash     string // object identifier
	imprint  []byte
	serial   *big.Int
	when     time.Time
	accuracy string
	ordering bool
	nonce    *big.Int
	tsa      string
}

// parseTimestamp reads a TimeStampToken, or the TimeStampResp { status, token } that servers answer.
func parseTimestamp(n *derNode) (*timestamp, error) {
	t := &timestamp{}
	if n.at(0, 0).is(asn1.TagInteger) && n.at(1, 0).oid() == oidSignedData {
		t.status = n.at(0, 0).integer()
		n = n.at(1)
	}
	var err error
	if t.message, err = parseSignedData(n); err != nil {
		return nil, err
	}
	if t.message.kind != oidTSTInfo {
		return nil, fmt.Errorf("%w: a signed message, but no timestamp", ErrSyntax)
	}
	info, err := parseDER(t.message.content, nil)
	if err != nil {
		return nil, err
	}
	return t, t.parseInfo(info)
}

// parseInfo reads TSTInfo: version, policy, imprint, serial number, time, and what may be left out.
func (t *timestamp) parseInfo(n *derNode) error {
	t.policy, t.hash, t.serial = n.at(1).oid(), n.at(2, 0, 0).oid(), n.at(3).integer()
	var ok bool
	if t.when, ok = n.at(4).time(); !ok || !n.at(2, 1).is(asn1.TagOctetString) {
		return fmt.Errorf("%w: no TSTInfo (RFC 3161, 2.4.2)", ErrSyntax)
	}
	t.imprint = n.at(2, 1).content
	for _, f := range n.children[5:] {
		switch {
		case f.is(asn1.TagSequence):
			t.accuracy = accuracy(f)
		case f.is(asn1.TagBoolean):
			t.ordering = len(f.content) == 1 && f.content[0] != 0
		case f.is(asn1.TagInteger):
			t.nonce = f.integer()
		case f.isContext(0) && f.at(0).isContext(4): // a GeneralName that is a directoryName
			t.tsa = f.at(0, 0).name()
		}
	}
	return nil
}

// accuracy reads { seconds, [0] millis, [1] micros }.
func accuracy(n *derNode) string {
	var parts []string
	for _, f := range n.children {
		value := new(big.Int).SetBytes(f.content)
		switch {
		case f.is(asn1.TagInteger):
			parts = append(parts, value.String()+" s")
		case f.isContext(0):
			parts = append(parts, value.String()+" ms")
		case f.isContext(1):
			parts = append(parts, value.String()+" µs")
		}
	}
	return strings.Join(parts, " ")
}

// authority names who gave the token: as it says itself, or by its certificate.
func (t *timestamp) authority() string {
	if t.tsa != "" {
		return t.tsa
	}
	for _, s := range t.message.signers {
		if c := t.message.certificate(s); c != nil {
			return certName(c)
		}
	}
	for _, s := range t.message.signers {
		if s.issuer != "" {
			return "a certificate of " + s.issuer
		}
	}
	return "somebody without a name"
}

func (t *timestamp) doc() *Doc {
	d := &Doc{Kind: "timestamp", Title: "Timestamp of " + timeValue(t.when).Text + " by " + visible(t.authority(), 200), Command: "openssl ts -reply -token_in -in /dev/stdin -text"}
	if t.status != nil {
		d.Command = "openssl ts -reply -in /dev/stdin -text"
	}
	d.addSection(t.section("Timestamp"))
	checks := t.message.sections(d)
	d.addSection(checkSection(checks))
	return d
}

func (t *timestamp) section(title string) Section {
	s := Section{Title: title}
	s.add("Time", timeValue(t.when).tip(t.when.Format(time.RFC3339Nano)))
	s.add("Accuracy", text(t.accuracy))
	s.add("Authority", plain(t.authority()))
	s.add("Policy", oidOrNothing(t.policy))
	if t.serial != nil {
		s.add("Serial number", integerValue(t.serial))
	}
	s.add("Digest", oidOrNothing(t.hash))
	s.add("Of what was signed", hexValue(t.imprint))
	if t.nonce != nil {
		s.add("Nonce", integerValue(t.nonce))
	}
	if t.ordering {
		s.add("Ordering", text("later ones of this authority have later times"))
	}
	if t.status != nil {
		s.add("Status", text(timestampStatus(t.status)))
	}
	return s
}

// timestampStatus names a PKIStatus (RFC 3161, 2.4.2).
func timestampStatus(n *big.Int) string {
	names := []string{"granted", "granted with changes", "rejected", "waiting", "revocation warning", "revoked"}
	if n.IsInt64() && n.Int64() >= 0 && n.Int64() < int64(len(names)) {
		return names[n.Int64()]
	}
	return n.String()
}

// checkImprint tells whether the token is about message.
func (t *timestamp) checkImprint(what string, message []byte) Check {
	c := Check{What: "the timestamp is one of " + what}
	h := hashesByOID[t.hash]
	if h == 0 {
		c.Why = "a digest that is not known"
	} else if !bytes.Equal(hashOf(message).sums[h], t.imprint) {
		c.Why = "its digest is that of something else"
	} else {
		c.OK, c.Why = true, "at "+timeValue(t.when).Text
	}
	return c
}

// InspectTimestamp shows a token or a response of RFC 3161 in DER.
func InspectTimestamp(der []byte) (*Doc, error) {
	n, err := parseDER(der, nil)
	if err != nil {
		return nil, err
	}
	t, err := parseTimestamp(n)
	if err != nil {
		return nil, err
	}
	return t.doc(), nil
}

package inspect

import "crypto/x509"

// decodeDER shows what a file in DER is, which is no certificate at first sight: nothing in it says so, but each kind has its own shape.
func decodeDER(f *file) (*Doc, error) {
	raw, err := f.all(int64(derLimits.Size))
	if err != nil {
		return nil, err
	}
	if d, err := InspectCMS(raw); err == nil {
		return d, nil
	}
	for _, k := range derKinds {
		if k.is(raw) {
			d := &Doc{Kind: k.kind, Title: kindOfPEM(k.label), Command: pemCommands[k.label]}
			s := Section{Title: d.Title}
			pemShows[k.label](&s, raw)
			d.addSection(s)
			if d.Command != "" {
				d.Command += " -inform DER"
			}
			return d, nil
		}
	}
	if _, err := x509.ParseCertificate(raw); err == nil { // of version 1
		return InspectCertificate(raw)
	}
	return InspectDER(raw)
}

// derKinds are told by whether crypto/x509 reads them.
var derKinds = []struct {
	kind, label string
	is          func(raw []byte) bool
}{
	{"crl", "X509 CRL", func(raw []byte) bool { _, err := x509.ParseRevocationList(raw); return err == nil }},
	{"csr", "CERTIFICATE REQUEST", func(raw []byte) bool { _, err := x509.ParseCertificateRequest(raw); return err == nil }},
	{"public key", "PUBLIC KEY", func(raw []byte) bool { _, err := x509.ParsePKIXPublicKey(raw); return err == nil }},
}

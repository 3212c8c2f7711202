package inspect

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
)

const (
	oidSAN = "2.5.29.17"
	oidSCT = "1.3.6.1.4.1.11129.2.4.2"
)

// extensionValues show the extensions that are known. What shows in a section of its own is left out of the table of extensions.
var extensionValues = map[string]func(*x509.Certificate, pkix.Extension) []Value{
	"2.5.29.15": func(c *x509.Certificate, _ pkix.Extension) []Value { return []Value{text(usages(c.KeyUsage))} },
	"2.5.29.37": func(_ *x509.Certificate, e pkix.Extension) []Value { return oidList(e.Value) },
	"2.5.29.19": func(c *x509.Certificate, _ pkix.Extension) []Value { return []Value{text(basicConstraints(c))} },
	"2.5.29.14": func(c *x509.Certificate, _ pkix.Extension) []Value { return []Value{hexValue(c.SubjectKeyId)} },
	"2.5.29.35": func(c *x509.Certificate, _ pkix.Extension) []Value { return []Value{hexValue(c.AuthorityKeyId)} },
	"2.5.29.31": func(c *x509.Certificate, _ pkix.Extension) []Value { return urls(c.CRLDistributionPoints) },
	"2.5.29.32": func(_ *x509.Certificate, e pkix.Extension) []Value { return policies(e.Value) },
	"2.5.29.30": nameConstraints,
	"1.3.6.1.5.5.7.1.1": func(c *x509.Certificate, _ pkix.Extension) []Value {
		var all []Value
		for _, v := range urls(c.OCSPServer) {
			all = append(all, v.tip("OCSP"))
		}
		for _, v := range urls(c.IssuingCertificateURL) {
			all = append(all, v.tip("CA Issuers"))
		}
		return all
	},
	oidSAN: func(*x509.Certificate, pkix.Extension) []Value { return nil },
	oidSCT: func(*x509.Certificate, pkix.Extension) []Value { return nil },
}

// extensionSection shows each value of each extension in a row.
func extensionSection(c *x509.Certificate) Section {
	s := table("Extensions", "Extension", "Critical", "Value")
	for _, e := range c.Extensions {
		id := e.Id.String()
		if _, ok := fulcioClaims[id]; ok {
			continue
		}
		show, known := extensionValues[id]
		values := []Value{derSummary(e.Value)}
		if known {
			values = show(c, e)
		}
		critical := Value{}
		if e.Critical {
			critical = text("critical")
		}
		for _, v := range values {
			s.row(oidValue(id), critical, v)
		}
	}
	return s
}

func urls(all []string) (values []Value) {
	for _, s := range all {
		v := plain(s)
		v.Ref = webRef(s)
		values = append(values, v)
	}
	return values
}

// oidList reads SEQUENCE OF OBJECT IDENTIFIER.
func oidList(der []byte) (all []Value) {
	n, err := parseDER(der, nil)
	if err != nil {
		return []Value{hexValue(der)}
	}
	for _, c := range n.children {
		all = append(all, oidValue(c.oid()))
	}
	return all
}

// policies reads SEQUENCE OF { policy, qualifiers } (RFC 5280, 4.2.1.4), of whose qualifiers the URL of the practice statement is shown.
func policies(der []byte) (all []Value) {
	n, err := parseDER(der, nil)
	if err != nil {
		return []Value{hexValue(der)}
	}
	for _, p := range n.children {
		all = append(all, oidValue(p.at(0).oid()))
		for _, q := range p.at(1).all() {
			if cps := q.at(1).str(); cps != "" {
				all = append(all, urls([]string{cps})...)
			}
		}
	}
	return all
}

// all returns the children, none if n is not there.
func (n *derNode) all() []*derNode {
	if n == nil {
		return nil
	}
	return n.children
}

func basicConstraints(c *x509.Certificate) string {
	switch {
	case !c.IsCA:
		return "not a CA"
	case c.MaxPathLen > 0 || c.MaxPathLenZero:
		return fmt.Sprintf("CA, with up to %s below it", plural(c.MaxPathLen, "intermediate CA"))
	}
	return "CA"
}

func nameConstraints(c *x509.Certificate, _ pkix.Extension) (all []Value) {
	add := func(verb string, names []string) {
		for _, name := range names {
			all = append(all, plain(verb+name))
		}
	}
	add("only DNS ", c.PermittedDNSDomains)
	add("not DNS ", c.ExcludedDNSDomains)
	add("only e-mail ", c.PermittedEmailAddresses)
	add("not e-mail ", c.ExcludedEmailAddresses)
	add("only URI ", c.PermittedURIDomains)
	add("not URI ", c.ExcludedURIDomains)
	for _, n := range c.PermittedIPRanges {
		all = append(all, text("only IP "+n.String()))
	}
	for _, n := range c.ExcludedIPRanges {
		all = append(all, text("not IP "+n.String()))
	}
	return all
}

// derSummary shows an extension that is not known: what a single value says, otherwise its bytes.
func derSummary(der []byte) Value {
	n, err := parseDER(der, nil)
	if err != nil || n.constructed {
		return hexValue(der)
	}
	return n.value()
}

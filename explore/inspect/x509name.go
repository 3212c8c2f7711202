package inspect

import (
	"cmp"
	"slices"
	"strings"
)

// nameAttributes are the short names of RFC 4514, 3, and of those that certificates have besides.
var nameAttributes = map[string]string{
	"2.5.4.3": "CN", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.10": "O", "2.5.4.11": "OU", "2.5.4.6": "C", "2.5.4.9": "STREET",
	"0.9.2342.19200300.100.1.25": "DC", "0.9.2342.19200300.100.1.1": "UID", "1.2.840.113549.1.9.1": "emailAddress", "2.5.4.17": "POSTALCODE", "2.5.4.5": "SERIALNUMBER",
}

// nameText writes a Name in DER (RFC 5280, 4.1.2.4) as RFC 4514 does: the last part first, and escaped what would be taken for punctuation.
// It returns "" for what is no name.
func nameText(der []byte) string {
	n, err := parseDER(der, nil)
	if err != nil {
		return ""
	}
	return n.name()
}

func (n *derNode) name() string {
	var parts []string
	for _, rdn := range n.all() {
		var values []string
		for _, v := range rdn.children {
			id := v.at(0).oid()
			if id == "" {
				return ""
			}
			values = append(values, cmp.Or(nameAttributes[id], oidName(id), id)+"="+v.at(1).nameValue())
		}
		parts = append(parts, strings.Join(values, "+"))
	}
	slices.Reverse(parts)
	return strings.Join(parts, ",")
}

// nameValue escapes a string (RFC 4514, 2.4); what is none is written in hex digits.
func (n *derNode) nameValue() string {
	s := n.str()
	if s == "" && n != nil && len(n.content) > 0 {
		return "#" + strings.ReplaceAll(colons(n.raw[:min(len(n.raw), 256)]), ":", "")
	}
	s = strings.NewReplacer(`\`, `\\`, `,`, `\,`, `+`, `\+`, `"`, `\"`, `<`, `\<`, `>`, `\>`, `;`, `\;`).Replace(s)
	if strings.HasPrefix(s, "#") || strings.HasPrefix(s, " ") {
		s = `\` + s
	}
	if strings.HasSuffix(s, " ") {
		s = s[:len(s)-1] + `\ `
	}
	return s
}

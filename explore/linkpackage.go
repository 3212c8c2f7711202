package explore

import (
	"strings"
)

const mediaTypeSPDX = "application/spdx+json"

// packageRules are those of lists of packages: SPDX, CycloneDX, provenance.
var packageRules = []rule{
	{"referenceLocator", nil, purlLink},
	{"purl", nil, purlLink},
	{"bom-ref", nil, purlLink},
	{"uri", nil, uriLink},
	{"downloadLocation", nil, uriLink},
	{"$schema", nil, func(s spot) link { return docURL(s.n.String()) }},
	{"informationUri", nil, func(s spot) link { return docURL(s.n.String()) }},
}

func purlLink(s spot) link { return s.purl(s.n.String()) }

// uriLink goes to what something was made from.
func uriLink(s spot) link {
	u := s.n.String()
	if strings.HasPrefix(u, "pkg:") {
		return s.purl(u)
	}
	return link{Href: gitPage(u)}
}

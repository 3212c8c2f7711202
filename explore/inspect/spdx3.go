package inspect

import (
	"cmp"
	"fmt"
	"strings"
)

// isSPDX3 tells JSON-LD of SPDX 3.
func isSPDX3(n *Node) bool {
	return strings.Contains(contextOf(n), "spdx.org/rdf/3") && n.Get("@graph").Is(Array)
}

// contextOf returns the @context of JSON-LD, the first of several.
func contextOf(n *Node) string {
	if c := n.Get("@context"); c.Is(Array) {
		return c.Str(0)
	}
	return n.Str("@context")
}

// decodeSPDX3 shows the packages of https://spdx.github.io/spdx-spec/v3.0.1/, whose elements stand in one flat list.
func decodeSPDX3(n *Node, _ via) *Doc {
	var packages []bomPackage
	counts := make(map[string]int)
	s := Section{Title: "Document"}
	for _, e := range n.Get("@graph").All() {
		kind := cmp.Or(e.Str("type"), e.Str("@type"))
		counts[kind]++
		switch kind {
		case "SpdxDocument":
			s.add("Name", plain(e.Str("name")))
			s.add("ID", linked(e.Str("spdxId")))
		case "CreationInfo":
			s.add("Created", dateValue(e.Str("created")))
			s.add("Version", documented("SPDX-"+e.Str("specVersion"), "https://spdx.github.io/spdx-spec/"))
		case "software_Package":
			packages = append(packages, spdx3Package(e))
		}
	}
	d := &Doc{Kind: "spdx", Title: "Bill of materials (SPDX 3) with " + plural(len(packages), "package"), Command: "jq ."}
	if more := n.Get("@graph").Omitted; more > 0 {
		d.Note = fmt.Sprintf("Another %s were not looked at.", plural(more, "element"))
	}
	d.addSection(s)
	d.addSection(kindTable(packages))
	d.addSection(packageTable(packages, len(packages)))
	d.addSection(countTable("Elements", "Type", counts))
	return d
}

func spdx3Package(e *Node) bomPackage {
	p := bomPackage{name: e.Str("name"), version: e.Str("software_packageVersion"), purl: e.Str("software_packageUrl"), kind: e.Str("software_primaryPurpose")}
	for _, id := range e.Get("externalIdentifier").All() {
		if id.Str("externalIdentifierType") == "packageUrl" && p.purl == "" {
			p.purl = id.Str("identifier")
		}
	}
	for _, h := range e.Get("verifiedUsing").All() {
		if sum := h.Str("hashValue"); h.Str("algorithm") == "sha256" && isDigest("sha256:"+sum) {
			p.digest = Value{Text: "sha256:" + sum, Ref: Ref{RefFile, sum}}
		}
	}
	return p
}

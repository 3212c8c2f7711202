package inspect

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// bomPackage is a package of a bill of materials of any format.
type bomPackage struct {
	name, version, license, supplier, purl, kind string
	digest                                       Value
}

// packageTable shows packages; total is how many there are when some are not among them.
func packageTable(all []bomPackage, total int) Section {
	s := table("Packages", "Name", "Version", "License", "Supplier", "Package URL", "Digest")
	for _, p := range all[:min(len(all), maxPackages)] {
		name, purl := plain(p.name), linked(p.purl)
		name.Ref = purl.Ref
		s.row(name, plain(p.version), plain(p.license), plain(p.supplier), purl, p.digest)
	}
	if total > len(s.Table.Rows) {
		s.Note = fmt.Sprintf("Only the first %d of %d are shown.", len(s.Table.Rows), total)
	}
	return s
}

// kindTable counts the packages of each kind: the type of their package URL.
func kindTable(all []bomPackage) Section {
	counts := make(map[string]int)
	for _, p := range all {
		kind := p.kind
		if u, err := ParsePurl(p.purl); err == nil {
			kind = u.Type
		}
		counts[cmp.Or(kind, "of no kind")]++
	}
	return countTable("Kinds of packages", "Kind", counts)
}

// countTable shows what there is most of first.
func countTable(title, name string, counts map[string]int) Section {
	s := table(title, name, "#Count")
	keys := sortedKeys(counts)
	slices.SortStableFunc(keys, func(a, b string) int { return counts[b] - counts[a] })
	for _, k := range keys[:min(len(keys), 100)] {
		s.row(plain(k), number(counts[k]))
	}
	return s
}

// isSPDX tells the JSON of SPDX 2.
func isSPDX(n *Node) bool { return strings.HasPrefix(n.Str("spdxVersion"), "SPDX-") }

// decodeSPDX shows https://spdx.github.io/spdx-spec/v2.3/.
func decodeSPDX(n *Node, _ via) *Doc {
	packages := spdxPackages(n)
	total := len(n.Get("packages").All())
	if p := n.Get("packages"); p != nil {
		total += p.Omitted
	}
	files := n.Get("files")
	d := &Doc{Kind: "spdx", Title: "Bill of materials (" + visible(n.Str("spdxVersion"), 32) + ") with " + plural(total, "package"), Command: "jq ."}
	s := Section{Title: "Document"}
	s.add("Name", plain(n.Str("name")))
	s.add("Namespace", linked(n.Str("documentNamespace")))
	s.add("Created", dateValue(n.Str("creationInfo", "created")))
	s.add("Creators", plain(joinStrings(n.Get("creationInfo", "creators"))))
	s.add("Version", documented(n.Str("spdxVersion"), "https://spdx.github.io/spdx-spec/"))
	s.add("Describes", plain(strings.Join(spdxRoots(n), ", ")))
	s.add("Packages", number(total))
	if files != nil {
		s.add("Files", number(len(files.Children)+files.Omitted))
	}
	d.addSection(s)
	d.addSection(kindTable(packages))
	d.addSection(packageTable(packages, total))
	d.addSection(spdxRelationships(n.Get("relationships")))
	d.addSection(spdxFiles(files))
	return d
}

func spdxPackages(n *Node) (all []bomPackage) {
	for _, p := range n.Get("packages").All() {
		b := bomPackage{name: p.Str("name"), version: p.Str("versionInfo"), supplier: spdxKnown(p.Str("supplier")),
			license: cmp.Or(spdxKnown(p.Str("licenseConcluded")), spdxKnown(p.Str("licenseDeclared"))), kind: strings.ToLower(p.Str("primaryPackagePurpose"))}
		for _, r := range p.Get("externalRefs").All() {
			if r.Str("referenceType") == "purl" {
				b.purl = r.Str("referenceLocator")
				break
			}
		}
		b.digest = spdxChecksum(p)
		all = append(all, b)
	}
	return all
}

// spdxKnown returns "" for the words that say that something is not known.
func spdxKnown(s string) string {
	if s == "NOASSERTION" || s == "NONE" {
		return ""
	}
	return strings.TrimPrefix(strings.TrimPrefix(s, "Organization: "), "Person: ")
}

// spdxChecksum returns the SHA-256 of a package or a file, or the first other one.
func spdxChecksum(n *Node) Value {
	var first Value
	for _, c := range n.Get("checksums").All() {
		alg, sum := strings.ToLower(c.Str("algorithm")), c.Str("checksumValue")
		if alg == "sha256" && isDigest("sha256:"+sum) {
			return Value{Text: "sha256:" + sum, Ref: Ref{RefFile, sum}}
		}
		if first.Text == "" && sum != "" {
			first = plain(alg + ":" + sum)
		}
	}
	return first
}

// spdxRoots returns the names of what the document is about.
func spdxRoots(n *Node) (names []string) {
	ids := make(map[string]bool)
	for _, id := range n.Get("documentDescribes").All() {
		ids[id.String()] = true
	}
	for _, r := range n.Get("relationships").All() {
		if r.Str("relationshipType") == "DESCRIBES" && r.Str("spdxElementId") == "SPDXRef-DOCUMENT" {
			ids[r.Str("relatedSpdxElement")] = true
		}
	}
	for _, p := range n.Get("packages").All() {
		if ids[p.Str("SPDXID")] && len(names) < 10 {
			names = append(names, strings.TrimSpace(p.Str("name")+" "+p.Str("versionInfo")))
		}
	}
	return names
}

func spdxRelationships(n *Node) Section {
	counts := make(map[string]int)
	for _, r := range n.All() {
		counts[r.Str("relationshipType")]++
	}
	s := countTable("Relationships", "Type", counts)
	if n != nil && n.Omitted > 0 {
		s.Note = fmt.Sprintf("The first %d of %d were counted.", len(n.Children), len(n.Children)+n.Omitted)
	}
	return s
}

func spdxFiles(n *Node) Section {
	s := table("Files", "Name", "Types", "Checksum")
	for _, f := range n.All() {
		s.row(plain(f.Str("fileName")), plain(joinStrings(f.Get("fileTypes"))), spdxChecksum(f))
	}
	if n != nil && n.Omitted > 0 {
		s.Note = fmt.Sprintf("Only the first %d of %d are shown.", len(n.Children), len(n.Children)+n.Omitted)
	}
	return s
}

// predicateSPDX shows an SPDX document that is a predicate; cosign once put it into a string.
func predicateSPDX(n *Node, v via) *Doc {
	if data := n.Get("Data"); data.Is(String) {
		if inner, err := ParseJSON([]byte(data.Text), &docLimits); err == nil {
			n = inner
		}
	} else if data.Is(Object) {
		n = data
	}
	switch {
	case isSPDX(n):
		return decodeSPDX(n, v)
	case isSPDX3(n):
		return decodeSPDX3(n, v)
	case isCycloneDX(n):
		return decodeCycloneDX(n, v)
	}
	return &Doc{Kind: "in-toto", Title: "A bill of materials that cannot be read"}
}

package inspect

import (
	"cmp"
	"fmt"
	"strings"
)

// isCycloneDX tells the JSON of CycloneDX.
func isCycloneDX(n *Node) bool { return n.Str("bomFormat") == "CycloneDX" }

// decodeCycloneDX shows https://cyclonedx.org/docs/latest/json/.
func decodeCycloneDX(n *Node, _ via) *Doc {
	packages, total := cdxComponents(n.Get("components"), 0)
	version := "CycloneDX " + n.Str("specVersion")
	d := &Doc{Kind: "cyclonedx", Title: "Bill of materials (" + visible(version, 32) + ") with " + plural(total, "component"), Command: "jq ."}
	if v := n.Get("vulnerabilities"); v != nil {
		d.Title += " and " + plural(len(v.Children)+v.Omitted, "vulnerability")
	}
	meta := n.Get("metadata")
	s := Section{Title: "Document"}
	root := cdxComponent(meta.Get("component"))
	about := linked(root.purl)
	about.Text = visible(strings.TrimSpace(root.name+" "+root.version), maxValue)
	s.add("Describes", about)
	s.add("Type", plain(meta.Str("component", "type")))
	s.add("Serial number", plain(n.Str("serialNumber")))
	s.add("Created", dateValue(meta.Str("timestamp")))
	s.add("Tools", plain(cdxTools(meta.Get("tools"))))
	s.add("Version", documented(version, "https://cyclonedx.org/docs/"+cmp.Or(specVersion(n), "latest")+"/json/"))
	s.add("Components", number(total))
	if deps := n.Get("dependencies"); deps != nil {
		s.add("Dependencies", number(len(deps.Children)+deps.Omitted))
	}
	d.addSection(s)
	d.addSection(kindTable(packages))
	d.addSection(packageTable(packages, total))
	d.addSection(cdxVulnerabilities(n.Get("vulnerabilities")))
	return d
}

// specVersion returns the version if it is one that can stand in a URL.
func specVersion(n *Node) string {
	v := n.Str("specVersion")
	if strings.Trim(v, "0123456789.") != "" || len(v) > 8 {
		return ""
	}
	return v
}

// cdxComponents returns components and those inside them, and how many there are in all.
func cdxComponents(n *Node, depth int) (all []bomPackage, total int) {
	for _, c := range n.All() {
		all = append(all, cdxComponent(c))
		if depth < 10 {
			sub, more := cdxComponents(c.Get("components"), depth+1)
			all, total = append(all, sub...), total+more
		}
	}
	if n == nil {
		return nil, 0
	}
	return all, total + len(n.Children) + n.Omitted
}

func cdxComponent(c *Node) bomPackage {
	p := bomPackage{name: c.Str("name"), version: c.Str("version"), purl: c.Str("purl"), kind: c.Str("type"),
		supplier: cmp.Or(c.Str("supplier", "name"), c.Str("publisher"), c.Str("author"))}
	if g := c.Str("group"); g != "" {
		p.name = g + "/" + p.name
	}
	var licenses []string
	for _, l := range c.Get("licenses").All() {
		if s := cmp.Or(l.Str("expression"), l.Str("license", "id"), l.Str("license", "name")); s != "" {
			licenses = append(licenses, s)
		}
	}
	p.license = strings.Join(licenses, ", ")
	for _, h := range c.Get("hashes").All() {
		if sum := h.Str("content"); h.Str("alg") == "SHA-256" && isDigest("sha256:"+sum) {
			p.digest = Value{Text: "sha256:" + sum, Ref: Ref{RefFile, sum}}
		}
	}
	return p
}

// cdxTools names the tools, which were a list up to 1.4 and are components since.
func cdxTools(n *Node) string {
	var all []string
	tools := n
	if n.Is(Object) {
		tools = n.Get("components")
	}
	for _, t := range tools.All() {
		if len(all) < 20 {
			all = append(all, strings.TrimSpace(t.Str("name")+" "+t.Str("version")))
		}
	}
	return strings.Join(all, ", ")
}

func cdxVulnerabilities(n *Node) Section {
	s := table("Vulnerabilities", "ID", "Severity", "State", "Affects")
	for _, v := range n.All() {
		id := plain(v.Str("id"))
		id.Ref = vulnerabilityRef(v.Str("id"))
		var affects []string
		for _, a := range v.Get("affects").All() {
			if len(affects) < 10 {
				affects = append(affects, a.Str("ref"))
			}
		}
		state := plain(v.Str("analysis", "state")).tip(visible(v.Str("analysis", "justification"), 200))
		s.row(id, plain(v.Str("ratings", 0, "severity")), state, plain(strings.Join(affects, ", ")))
	}
	if n != nil && n.Omitted > 0 {
		s.Note = fmt.Sprintf("Only the first %d of %d are shown.", len(n.Children), len(n.Children)+n.Omitted)
	}
	return s
}

// vulnerabilityRef leads to the page of a vulnerability by the form of its name.
func vulnerabilityRef(id string) Ref {
	if len(id) > 64 || strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-:.") != "" {
		return Ref{}
	}
	for _, site := range []struct{ prefix, page string }{
		{"CVE-", "https://www.cve.org/CVERecord?id="}, {"GHSA-", "https://github.com/advisories/"}, {"GO-", "https://pkg.go.dev/vuln/"}, {"DSA-", "https://security-tracker.debian.org/tracker/"},
		{"RUSTSEC-", "https://rustsec.org/advisories/"}, {"PYSEC-", "https://osv.dev/vulnerability/"}, {"USN-", "https://ubuntu.com/security/notices/"}, {"RHSA-", "https://access.redhat.com/errata/"},
	} {
		if strings.HasPrefix(id, site.prefix) {
			return Ref{RefURL, site.page + id}
		}
	}
	return Ref{}
}

package inspect

import (
	"cmp"
	"fmt"
	"strings"
)

// isOpenVEX tells https://github.com/openvex/spec.
func isOpenVEX(n *Node) bool {
	return strings.HasPrefix(contextOf(n), "https://openvex.dev/ns") && n.Get("statements").Is(Array)
}

// maxVEX bounds the table of statements.
const maxVEX = 2000

// decodeOpenVEX shows which vulnerabilities somebody says matter.
func decodeOpenVEX(n *Node, _ via) *Doc {
	statements := n.Get("statements").All()
	d := &Doc{Kind: "openvex", Title: "What " + visible(cmp.Or(n.Str("author"), "somebody"), 200) + " says of " + plural(len(statements), "vulnerability finding"), Command: "jq ."}
	s := Section{Title: "Document"}
	s.add("ID", linked(n.Str("@id")))
	s.add("Author", linked(n.Str("author")))
	s.add("Role", plain(n.Str("role")))
	s.add("Time", dateValue(n.Str("timestamp")))
	s.add("Last updated", dateValue(n.Str("last_updated")))
	s.add("Version", plain(n.Get("version").String()))
	s.add("Tool", plain(n.Str("tooling")))
	d.addSection(s)
	rows := table("Statements", "Vulnerability", "Status", "Product", "Why")
	for i, st := range statements {
		if i == maxVEX {
			rows.Note = fmt.Sprintf("Only the first %d of %d are shown.", maxVEX, len(statements))
			break
		}
		rows.vexRow(st)
	}
	d.addSection(rows)
	return d
}

// vexRow shows a statement; the vulnerability was a string up to version 0.0.1, and so were the products.
func (s *Section) vexRow(n *Node) {
	name := cmp.Or(n.Str("vulnerability", "name"), n.Str("vulnerability"), n.Str("vulnerability", "@id"))
	id := plain(name)
	id.Ref = vulnerabilityRef(name)
	var product Value
	for i, p := range n.Get("products").All() {
		switch what := cmp.Or(p.Str("@id"), p.Str("identifiers", "purl"), p.String()); {
		case i == 0:
			product = linked(what)
		case i < 10:
			product.Tip = strings.TrimSpace(product.Tip + " " + visible(what, 200))
		}
	}
	why := cmp.Or(n.Str("justification"), n.Str("action_statement"))
	s.row(id, plain(n.Str("status")), product, plain(strings.TrimSpace(why+" "+n.Str("impact_statement"))))
}

package explore

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// htmlCheck reads a page as strictly as no browser does: elements are closed in order, attributes quoted, ids unique, paragraphs without blocks in
// them, and what people need who do not see the page is there.
type htmlCheck struct {
	rest   string
	open   []string
	ids    map[string]bool
	labels map[string]bool
	inputs []string // ids
	level  int      // of the last heading
	faults []string
}

// Elements that have no content, and those that end a paragraph.
var (
	voidElements  = strings.Fields("area base br col embed hr img input link meta source track wbr")
	blockElements = strings.Fields("address article aside blockquote details div dl fieldset figure footer form h1 h2 h3 h4 h5 h6 header hr main nav ol p pre section table ul")
	parents       = map[string]string{"li": "ul ol", "dt": "dl div", "dd": "dl div", "tr": "tbody thead tfoot", "td": "tr", "th": "tr", "tbody": "table",
		"thead": "table", "caption": "table", "option": "select optgroup", "summary": "details", "rect": "svg a g", "title": "head svg rect a g path"}
)

var (
	tagPattern       = regexp.MustCompile(`^<(/?)([a-zA-Z][a-zA-Z0-9]*)((?:\s+[a-zA-Z:_-]+(?:="[^"<]*")?)*)\s*(/?)>`)
	attributePattern = regexp.MustCompile(`([a-zA-Z:_-]+)(?:="([^"]*)")?`)
	entityPattern    = regexp.MustCompile(`^&(#[0-9]+|#x[0-9a-fA-F]+|[a-zA-Z]+);`)
)

// checkHTML fails the test for a page that is not well formed.
func checkHTML(t testing.TB, url, page string) {
	t.Helper()
	c := &htmlCheck{rest: page, ids: map[string]bool{}, labels: map[string]bool{}}
	if !strings.HasPrefix(page, "<!doctype html>\n<html lang=") {
		c.fault("the page does not begin with its doctype and language")
	}
	c.rest = strings.TrimPrefix(c.rest, "<!doctype html>")
	for c.rest != "" && len(c.faults) < 10 {
		c.step()
	}
	if len(c.open) > 0 {
		c.fault("not closed: %v", c.open)
	}
	for _, id := range c.inputs {
		if !c.labels[id] {
			c.fault("the input %q has no label", id)
		}
	}
	for _, f := range c.faults {
		t.Errorf("GET %s: %s", url, f)
	}
}

func (c *htmlCheck) fault(format string, args ...any) {
	c.faults = append(c.faults, fmt.Sprintf(format, args...)+fmt.Sprintf(", at %.60q", c.rest))
}

// step reads a piece of text or a tag.
func (c *htmlCheck) step() {
	i := strings.IndexByte(c.rest, '<')
	if i < 0 {
		i = len(c.rest)
	}
	c.text(c.rest[:i])
	if c.rest = c.rest[i:]; c.rest == "" {
		return
	}
	m := tagPattern.FindStringSubmatch(c.rest)
	if m == nil {
		c.fault("no tag")
		c.rest = ""
		return
	}
	if m[1] == "/" {
		c.end(m[2])
	} else {
		c.start(m[2], m[3], m[4] == "/")
	}
	c.rest = c.rest[len(m[0]):]
}

func (c *htmlCheck) text(s string) {
	for i := strings.IndexByte(s, '&'); i >= 0; i = strings.IndexByte(s, '&') {
		if s = s[i:]; !entityPattern.MatchString(s) {
			c.fault("an & that is not escaped: %.20q", s)
		}
		s = s[1:]
	}
}

func (c *htmlCheck) top() string {
	if len(c.open) == 0 {
		return ""
	}
	return c.open[len(c.open)-1]
}

func (c *htmlCheck) end(name string) {
	if c.top() != name {
		c.fault("</%s> where %q is open", name, c.top())
	}
	if len(c.open) > 0 {
		c.open = c.open[:len(c.open)-1]
	}
}

func (c *htmlCheck) start(name, attributes string, closed bool) {
	inSVG := slices.Contains(c.open, "svg")
	switch {
	case !inSVG && slices.Contains(c.open, "p") && slices.Contains(blockElements, name):
		c.fault("<%s> in a paragraph", name)
	case name == "a" && slices.Contains(c.open, "a"), name == "form" && slices.Contains(c.open, "form"):
		c.fault("<%s> in another", name)
	case parents[name] != "" && !slices.Contains(strings.Fields(parents[name]), c.top()):
		c.fault("<%s> in <%s>", name, c.top())
	}
	c.heading(name)
	c.attributes(name, attributes)
	if !closed && !slices.Contains(voidElements, name) {
		c.open = append(c.open, name)
	}
}

func (c *htmlCheck) heading(name string) {
	if len(name) != 2 || name[0] != 'h' || name[1] < '1' || name[1] > '6' {
		return
	}
	level := int(name[1] - '0')
	if level > c.level+1 || level == 1 && c.level != 0 {
		c.fault("<%s> after <h%d>", name, c.level)
	}
	c.level = level
}

func (c *htmlCheck) attributes(name, s string) {
	has := map[string]string{}
	for _, m := range attributePattern.FindAllStringSubmatch(s, -1) {
		if _, twice := has[m[1]]; twice {
			c.fault("%s twice in <%s>", m[1], name)
		}
		if strings.HasPrefix(m[1], "on") || m[1] == "style" {
			c.fault("%s in <%s>, which the policy forbids", m[1], name)
		}
		if strings.HasPrefix(strings.ToLower(strings.TrimSpace(m[2])), "javascript:") {
			c.fault("a script as %s", m[1])
		}
		has[m[1]] = m[2]
		c.text(m[2])
	}
	if id, ok := has["id"]; ok {
		if c.ids[id] {
			c.fault("the id %q twice", id)
		}
		c.ids[id] = true
	}
	_, alt := has["alt"]
	switch {
	case name == "label":
		c.labels[has["for"]] = true
	case (name == "input" || name == "select" || name == "textarea") && has["type"] != "hidden" && has["aria-label"] == "" && !slices.Contains(c.open, "label"):
		c.inputs = append(c.inputs, has["id"])
	case name == "img" && !alt:
		c.fault("<img> without alt")
	case name == "th" && has["scope"] == "":
		c.fault("<th> without scope")
	case name == "svg" && has["aria-hidden"] == "" && has["aria-label"] == "":
		c.fault("<svg> that says nothing")
	}
}

// TestCheckHTML has pages that are wrong.
func TestCheckHTML(t *testing.T) {
	head := "<!doctype html>\n<html lang=\"en\">"
	for _, page := range []string{"<p>x</p>", head + "<p>", head + "<p><div></div></p></html>", head + "<b><i></b></i></html>", head + "a & b</html>",
		head + "<a href=x>y</a></html>", head + `<p id="a"></p><p id="a"></p></html>`, head + `<h1></h1><h3></h3></html>`, head + "<input></html>",
		head + `<img src="x"></html>`, head + `<p onclick="x"></p></html>`, head + `<a href="javascript:x">y</a></html>`, head + "<td></td></html>"} {
		wrong := &testing.T{}
		checkHTML(wrong, "/", page)
		if !wrong.Failed() {
			t.Errorf("passed: %s", page)
		}
	}
}

package explore

import (
	"html/template"
	"strconv"
	"strings"
)

// markup is HTML that is written by hand: a row of a list takes html/template 20 µs, and a page has a thousand of them.
type markup struct{ strings.Builder }

// put writes what comes in turns: markup of ours, a text that is escaped, markup, a text ...
func (m *markup) put(inTurns ...string) {
	for i, s := range inTurns {
		if i%2 == 1 {
			s = template.HTMLEscapeString(s)
		}
		m.WriteString(s)
	}
}

// link writes a link to a page of ours, or the text alone where there is none.
func (m *markup) link(href, text string) {
	if !strings.HasPrefix(href, "/") || strings.HasPrefix(href, "//") {
		m.put("", text)
		return
	}
	m.put(`<a href="`, href, `">`, text, `</a>`)
}

// HTML is the row of a table of files.
func (r *entryRow) HTML() template.HTML {
	var m markup
	m.Grow(512)
	if r.State != "" {
		m.put(`<tr class="dead">`)
	} else {
		m.put(`<tr>`)
	}
	if r.Layer != nil {
		m.put(`<td class="num">`)
		m.link(r.LayerHref, strconv.Itoa(*r.Layer))
		m.put(`</td>`)
	}
	m.put(`<td class="mode">`, r.Mode, `</td><td class="mono" title="`, strconv.FormatInt(r.UID, 10)+"/"+strconv.FormatInt(r.GID, 10), `">`, r.Owner,
		`</td><td class="num mono" title="`, iec(r.Size), `">`, r.Bytes(), `</td><td class="when mono">`, r.When(), `</td><td class="mono">`)
	r.putName(&m)
	m.put("</td></tr>\n")
	return template.HTML(m.String())
}

// putName writes the name, where it leads, and what is to be said about it.
func (r *entryRow) putName(m *markup) {
	name := r.Name
	if r.Dir && r.State == "" {
		name += "/"
	}
	if r.State != "" {
		m.put("<del>")
	}
	m.link(r.Href, name)
	if r.State != "" {
		m.put("</del>")
	}
	if r.Link != "" {
		word := " -> "
		if r.Hard {
			word = " link to "
		}
		m.put("", word)
		m.link(r.LinkHref, r.Link)
	}
	if r.Note != "" {
		m.put(` <span class="note">`, r.Note, `</span>`)
	}
	for _, p := range r.PAX {
		m.put(`<br><span class="note">`, p.Key+"="+p.Value, `</span>`)
	}
}

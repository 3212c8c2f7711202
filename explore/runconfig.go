package explore

import (
	"strconv"
	"strings"
	"time"

	"vitrine/explore/inspect"
)

// runConfig says how an image is run (image-spec, config.md, "config").
type runConfig struct {
	User         string         `json:"User"`
	ExposedPorts map[string]any `json:"ExposedPorts"`
	Env          []string       `json:"Env"`
	Entrypoint   []string       `json:"Entrypoint"`
	Cmd          []string       `json:"Cmd"`
	Volumes      map[string]any `json:"Volumes"`
	WorkingDir   string         `json:"WorkingDir"`
	Labels       map[string]string
	StopSignal   string
	Shell        []string
	OnBuild      []string
	Healthcheck  *healthcheck
}

// healthcheck is Docker's HEALTHCHECK. Times are in nanoseconds.
type healthcheck struct {
	Test                                          []string
	Interval, Timeout, StartPeriod, StartInterval time.Duration
	Retries                                       int
}

// configView is how an image is run, as the page tells.
type configView struct {
	Fields []configField `json:"-"`
	Env    []envRow      `json:"env,omitempty"`
	Labels []labelRow    `json:"labels,omitempty"`
	Href   string        `json:"-"`              // of the document
	More   int           `json:"more,omitempty"` // variables and labels that are left out
}

// configField is a setting, with values of which some are paths in the image.
type configField struct {
	Name   string
	Values []pathValue
	Code   bool // values are words of a command
}

// pathValue is text that may be a link.
type pathValue struct {
	Text string `json:"text"`
	Href string `json:"href,omitempty"`
}

// envRow is a variable.
type envRow struct {
	Name  string      `json:"name"`
	Parts []pathValue `json:"-"` // of PATH each directory
	Value string      `json:"value"`
}

// labelRow is a label or an annotation.
type labelRow struct {
	Key   string `json:"key"`
	Value string `json:"value"`
	Doc   string `json:"-"` // what says what the key means
	Href  string `json:"href,omitempty"`
}

func (h *handler) configView(r *request, m *manifestPage, c *runConfig) *configView {
	v := &configView{Labels: h.labels(r, m, c.Labels), More: max(0, len(c.Env)-maxPairs) + max(0, len(c.Labels)-maxPairs)}
	root := m.t.at(m.t.Digest)
	add := func(name string, code bool, words ...string) {
		f := configField{Name: name, Code: code}
		for _, w := range words[:min(len(words), maxPairs)] {
			if w != "" || code {
				f.Values = append(f.Values, inImage(root, clipText(w, maxValue), code))
			}
		}
		if len(f.Values) > 0 {
			v.Fields = append(v.Fields, f)
		}
	}
	add("Entrypoint", true, c.Entrypoint...)
	add("Command", true, c.Cmd...)
	add("Working directory", false, c.WorkingDir)
	add("User", false, c.User)
	add("Ports", false, sortedKeys(c.ExposedPorts, maxPairs)...)
	add("Volumes", false, sortedKeys(c.Volumes, maxPairs)...)
	add("Stop signal", false, c.StopSignal)
	add("Shell", true, c.Shell...)
	add("Health check", false, c.Healthcheck.String())
	add("On build", false, c.OnBuild...)
	for _, e := range c.Env[:min(len(c.Env), maxPairs)] {
		v.Env = append(v.Env, newEnvRow(root, clipText(e, maxValue)))
	}
	return v
}

// inImage makes a path a link to what is there in the image. Words of commands are shown as a shell wants them.
func inImage(root target, s string, word bool) pathValue {
	p := pathValue{Text: s}
	if word {
		p.Text = quote(s)
	}
	if t, err := root.inside(s); err == nil && strings.HasPrefix(s, "/") {
		p.Href = t.href("layers")
	}
	return p
}

func newEnvRow(root target, s string) envRow {
	name, value, _ := strings.Cut(s, "=")
	e := envRow{Name: name, Value: value}
	if name != "PATH" {
		e.Parts = []pathValue{{Text: value}}
		return e
	}
	for i, dir := range strings.Split(value, ":") {
		if i > 0 {
			e.Parts = append(e.Parts, pathValue{Text: ":"})
		}
		e.Parts = append(e.Parts, inImage(root, dir, false))
	}
	return e
}

func (c *healthcheck) String() string {
	if c == nil || len(c.Test) == 0 {
		return ""
	}
	var b strings.Builder
	for _, f := range []struct {
		name string
		time time.Duration
	}{{"interval", c.Interval}, {"timeout", c.Timeout}, {"start-period", c.StartPeriod}, {"start-interval", c.StartInterval}} {
		if f.time != 0 {
			b.WriteString("--" + f.name + "=" + f.time.String() + " ")
		}
	}
	if c.Retries != 0 {
		b.WriteString("--retries=" + strconv.Itoa(c.Retries) + " ")
	}
	kind, words := c.Test[0], c.Test[1:]
	switch kind {
	case "CMD-SHELL":
		return b.String() + strings.Join(words, " ")
	case "CMD":
		for _, w := range words {
			b.WriteString(quote(w) + " ")
		}
		return strings.TrimSpace(b.String())
	}
	return b.String() + kind
}

// labels are labels or annotations, in the order of their keys, with links to what they name.
func (h *handler) labels(r *request, m *manifestPage, all map[string]string) []labelRow {
	rows := []labelRow{}
	l := linker{h: h, r: r, c: m.json("r")}
	for _, k := range sortedKeys(all, maxPairs) {
		v := all[k]
		rows = append(rows, labelRow{clipText(k, maxValue), clipText(v, maxValue), inspect.KeyDoc(k), l.labelHref(k, v, all)})
	}
	return rows
}

// labelHref is where a label leads.
func (l *linker) labelHref(key, value string, all map[string]string) string {
	if len(value) > maxValue {
		return ""
	}
	switch key {
	case "org.opencontainers.image.source":
		return gitPage(value)
	case "org.opencontainers.image.revision":
		return gitCommit(all["org.opencontainers.image.source"], value)
	case "org.opencontainers.image.base.name":
		return l.imageLink(value, "").Href
	case "org.opencontainers.image.base.digest":
		return l.imageLink(all["org.opencontainers.image.base.name"], value).Href
	}
	if webURL(value) {
		return value
	}
	return ""
}

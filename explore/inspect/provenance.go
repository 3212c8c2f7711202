package inspect

import (
	"cmp"
	"fmt"
	"net/url"
	"strings"
)

// provenance is what both versions of SLSA's provenance tell about a build, under other names.
type provenance struct {
	builder, buildType     string
	repository, commit     string // of what was built
	entry, ref             string // the workflow or Dockerfile, and the branch or tag
	invocation             string // a URL, or a name of the builder's own
	started, finished      string
	parameters, more       *Node // of the build, and what the builder adds
	environment            *Node
	materials              *Node // [{uri, digest}]
	complete               *Node // flags by what they are about
	reproducible, hermetic string
	buildkit               *Node // BuildKit's own metadata
	materialsName          string
}

// decodeProvenance02 reads https://slsa.dev/spec/v0.2/provenance, and v0.1 as far as it is the same.
func decodeProvenance02(n *Node, _ via) *Doc {
	config := n.Get("invocation", "configSource")
	meta := n.Get("metadata")
	p := provenance{
		builder: n.Str("builder", "id"), buildType: n.Str("buildType"),
		repository: config.Str("uri"), commit: firstDigest(config.Get("digest")), entry: config.Str("entryPoint"),
		invocation: meta.Str("buildInvocationID") + meta.Str("buildInvocationId"), started: meta.Str("buildStartedOn"), finished: meta.Str("buildFinishedOn"),
		parameters: n.Get("invocation", "parameters"), environment: n.Get("invocation", "environment"), materials: n.Get("materials"),
		complete: meta.Get("completeness"), reproducible: meta.Get("reproducible").String(),
		hermetic: meta.Get("https://mobyproject.org/buildkit@v1#hermetic").String(), buildkit: meta.Get("https://mobyproject.org/buildkit@v1#metadata"),
		materialsName: "Materials",
	}
	return p.doc()
}

// decodeProvenance1 reads https://slsa.dev/spec/v1.1/provenance with the parameters that GitHub and BuildKit have.
func decodeProvenance1(n *Node, _ via) *Doc {
	def, run := n.Get("buildDefinition"), n.Get("runDetails")
	external, meta := def.Get("externalParameters"), run.Get("metadata")
	workflow, config := external.Get("workflow"), external.Get("configSource")
	p := provenance{
		builder: run.Str("builder", "id"), buildType: def.Str("buildType"),
		repository: cmp.Or(workflow.Str("repository"), config.Str("uri"), external.Str("source")), ref: workflow.Str("ref"),
		entry: cmp.Or(workflow.Str("path"), config.Str("path")), commit: firstDigest(config.Get("digest")),
		invocation: meta.Str("invocationId") + meta.Str("invocationID"), started: meta.Str("startedOn"), finished: meta.Str("finishedOn"),
		parameters: external, more: def.Get("internalParameters"), materials: def.Get("resolvedDependencies"),
		complete: meta.Get("buildkit_completeness"), reproducible: meta.Get("buildkit_reproducible").String(),
		hermetic: meta.Get("buildkit_hermetic").String(), buildkit: meta.Get("buildkit_metadata"),
		materialsName: "Resolved dependencies",
	}
	if p.commit == "" {
		p.commit = p.commitOf(p.repository)
	}
	return p.doc()
}

// firstDigest returns the hex digits of a set's first digest.
func firstDigest(n *Node) string {
	for _, c := range n.All() {
		return c.String()
	}
	return ""
}

// commitOf looks for the repository among the materials.
func (p *provenance) commitOf(repository string) string {
	want := cleanRepository(repository)
	for _, m := range p.materials.All() {
		d := m.Get("digest")
		if commit := cmp.Or(d.Str("gitCommit"), d.Str("sha1")); commit != "" && want != "" && cleanRepository(m.Str("uri")) == want {
			return commit
		}
	}
	return ""
}

// cleanRepository cuts off what URIs of repositories have around the URL: git+https://host/path.git@ref, https://host/path.git#ref.
func cleanRepository(uri string) string {
	uri = strings.TrimPrefix(uri, "git+")
	uri, _, _ = strings.Cut(uri, "#")
	if i := strings.LastIndexByte(uri, '@'); i > strings.LastIndexByte(uri, '/') {
		uri = uri[:i]
	} else if u, err := url.Parse(uri); err == nil && strings.Contains(u.Path, "@refs/") {
		uri = uri[:strings.Index(uri, "@refs/")]
	}
	return strings.TrimSuffix(strings.TrimSuffix(uri, "/"), ".git")
}

func (p *provenance) doc() *Doc {
	if vcs := p.buildkit.Get("vcs"); p.repository == "" {
		p.repository, p.commit = vcs.Str("source"), vcs.Str("revision")
	}
	d := &Doc{Kind: "provenance", Title: p.title()}
	d.addSection(p.summary())
	params := Section{Title: "Parameters"}
	params.scalarFields(p.parameters, "", 3)
	params.scalarFields(p.environment, "environment.", 2)
	params.scalarFields(p.more, "internal.", 2)
	d.addSection(params)
	d.addSection(p.materialTable())
	d.addSection(p.buildkitSection())
	return d
}

// title says in words what was built from what by whom.
func (p *provenance) title() string {
	t := "Provenance"
	if r := cleanRepository(p.repository); r != "" {
		t += ": built from " + r
	}
	if p.commit != "" {
		t += " at commit " + p.commit
	}
	if p.builder != "" {
		t += " by " + p.builder
	}
	return visible(t, maxValue)
}

func (p *provenance) summary() Section {
	s := Section{Title: "Build"}
	s.add("Builder", linked(p.builder))
	s.add("Build type", documented(p.buildType, BuildTypeDoc(p.buildType)))
	repository := plain(p.repository)
	repository.Ref = webRef(cleanRepository(p.repository))
	s.add("Repository", repository)
	commit := plain(p.commit)
	commit.Ref = commitRef(cleanRepository(p.repository), p.commit)
	s.add("Commit", commit)
	s.add("Ref", plain(p.ref))
	entry := plain(p.entry)
	if rev := cmp.Or(p.commit, strings.TrimPrefix(strings.TrimPrefix(p.ref, "refs/heads/"), "refs/tags/")); rev != "" {
		entry.Ref = fileRef(cleanRepository(p.repository), rev, p.entry)
	}
	s.add("Entry point", entry)
	s.add("Invocation", linked(p.invocation))
	s.add("Started", dateValue(p.started))
	s.add("Finished", dateValue(p.finished))
	s.add("Reproducible", plain(p.reproducible))
	s.add("Without network", plain(p.hermetic))
	for _, c := range p.complete.All() {
		s.add("All "+visible(c.Key, 64)+" listed", plain(c.String()))
	}
	return s
}

// fileRef leads to a file of a repository on a forge that is known.
func fileRef(repository, rev, file string) Ref {
	u, err := url.Parse(repository)
	if err != nil || !isWebURL(repository) || file == "" {
		return Ref{}
	}
	forge, ok := forges[u.Host]
	if !ok {
		return Ref{}
	}
	page := url.URL{Scheme: "https", Host: u.Host, Path: u.Path + forge.file + rev + "/" + strings.TrimPrefix(file, "/")}
	return Ref{RefURL, page.String()}
}

// maxMaterials bounds the table; a build of a distribution's image has some hundred packages.
const maxMaterials = 2000

func (p *provenance) materialTable() Section {
	s := table(p.materialsName, "URI", "Digest")
	for i, m := range p.materials.All() {
		if i == maxMaterials {
			s.Note = fmt.Sprintf("Only the first %d of %d are shown.", maxMaterials, len(p.materials.All()))
			break
		}
		uri := linked(m.Str("uri"))
		if uri.Text == "" {
			uri = plain(m.Str("name"))
		}
		digest := digestSet(m.Get("digest"))
		if commit := cmp.Or(m.Str("digest", "gitCommit"), m.Str("digest", "sha1")); commit != "" && digest.Ref == (Ref{}) {
			digest.Ref = commitRef(cleanRepository(m.Str("uri")), commit)
		}
		if c := cleanRepository(m.Str("uri")); uri.Ref.Kind == RefURL && isWebURL(c) {
			uri.Ref.To = c
		}
		s.row(uri, digest)
	}
	return s
}

// buildkitSection shows what BuildKit says of the client's repository, which it did not look at itself.
func (p *provenance) buildkitSection() Section {
	s := Section{Title: "What the client of BuildKit said"}
	vcs := p.buildkit.Get("vcs")
	s.scalarFields(vcs, "", 0)
	if steps := len(p.buildkit.Get("source", "infos").All()); steps > 0 {
		s.add("Sources kept", number(steps))
	}
	if vcs != nil {
		s.Note = "BuildKit was told the repository and the commit, and did not check them."
	}
	return s
}

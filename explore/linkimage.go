package explore

import (
	"net/url"
	"path"
	"regexp"
	"strings"

	"vitrine/explore/inspect"
	"vitrine/storage/oci"
)

// imageRules are those of configurations (image-spec, config.md) and of Docker's first schema.
var imageRules = []rule{
	{"config Env", nil, envLink},
	{"config WorkingDir", nil, pathLink},
	{"config Entrypoint", nil, pathLink},
	{"config Cmd", nil, pathLink},
	{"history created_by", nil, func(s spot) link {
		return link{Href: s.part("jq", s.n.Path(), "render", "created_by"), Tip: "As lines"}
	}},
	{"rootfs diff_ids", nil, diffLink},
	{"os.version", nil, windowsLink},
	{"^ moby.buildkit.buildinfo.v1", nil, base64Link},
	{"^ moby.buildkit.cache.v0", nil, base64Link},
}

// envLink shows what can be run without its path.
func envLink(s spot) link {
	value, ok := strings.CutPrefix(s.n.String(), "PATH=")
	if !ok || s.c.of == "" {
		return link{}
	}
	t := target{Name: s.c.target.Name, Digest: s.c.of, Path: "."}
	return link{Href: withQuery(t.href("layers"), "env", "PATH", "path", value), Tip: "The programs in these directories"}
}

func pathLink(s spot) link { return link{Href: s.inImage(s.n.String())} }

// diffLink goes from the digest of what a layer decompresses to, to that layer.
func diffLink(s spot) link {
	if s.n.Index >= len(s.c.layers) || !s.n.Is(inspect.String) {
		return link{}
	}
	return link{Href: s.to("fs", s.c.layers[s.n.Index].Digest), Tip: "Layer " + short(s.c.layers[s.n.Index].Digest)}
}

// base64Link shows a string decoded.
func base64Link(s spot) link {
	if !s.n.Is(inspect.String) || s.n.Text == "" {
		return link{}
	}
	return link{Href: s.part("jq", s.n.Path()+" | base64 -d"), Tip: "Decoded"}
}

// windowsReleases name the builds that images of Windows are of (Microsoft, "Windows Server release information").
var windowsReleases = map[string]string{
	"10.0.14393": "Windows Server 2016",
	"10.0.16299": "Windows Server, version 1709",
	"10.0.17134": "Windows Server, version 1803",
	"10.0.17763": "Windows Server 2019",
	"10.0.18362": "Windows Server, version 1903",
	"10.0.18363": "Windows Server, version 1909",
	"10.0.19041": "Windows Server, version 2004",
	"10.0.19042": "Windows Server, version 20H2",
	"10.0.20348": "Windows Server 2022",
	"10.0.22000": "Windows 11, version 21H2",
	"10.0.22621": "Windows 11, version 22H2",
	"10.0.25398": "Windows Server, version 23H2",
	"10.0.26100": "Windows Server 2025",
}

func windowsLink(s spot) link {
	version := s.n.String()
	if i := strings.LastIndexByte(version, '.'); strings.Count(version, ".") > 2 {
		version = version[:i]
	}
	if name := windowsReleases[version]; name != "" {
		return link{Href: "https://learn.microsoft.com/en-us/virtualization/windowscontainers/deploy-containers/version-compatibility", Tip: name, Doc: true}
	}
	return link{}
}

// annotationRules are those of annotations and labels.
var annotationRules = []rule{
	{"org.opencontainers.image.base.name", nil, func(s spot) link { return s.imageLink(s.n.String(), "") }},
	{"org.opencontainers.image.base.digest", nil, func(s spot) link {
		return s.imageLink(s.n.Parent.Str("org.opencontainers.image.base.name"), s.n.String())
	}},
	{"vnd.docker.reference.digest", nil, func(s spot) link { return s.digestTo("r", "") }},
	{"vnd.docker.reference.type", nil, func(spot) link {
		return link{Href: "https://docs.docker.com/build/metadata/attestations/attestation-storage/", Doc: true}
	}},
	{"org.opencontainers.image.source", nil, sourceLink},
	{"org.opencontainers.image.url", nil, sourceLink},
	{"org.opencontainers.image.documentation", nil, sourceLink},
	{"org.opencontainers.image.revision", nil, revisionLink},
	{"gitUrl", nil, sourceLink},
	{"dev.sigstore.cosign/certificate", nil, pemLink},
	{"dev.sigstore.cosign/chain", nil, pemLink},
}

// pemLink shows certificates.
func pemLink(s spot) link {
	return link{Href: s.part("jq", s.n.Path(), "render", "x509"), Tip: "The certificates, decoded"}
}

// inAnnotations reports whether n is an annotation.
func inAnnotations(n *inspect.Node) bool {
	return n.Parent.Parent != nil && n.Parent.Key == "annotations"
}

// sourceLink leads to a web site, of git's way to say where something is (URL#COMMIT:PATH) to what a browser shows of that.
func sourceLink(s spot) link { return link{Href: gitPage(s.n.String()), Doc: false} }

// gitPage is the web page of a source: an https URL as it is, of git+https, git@ and git:// the site they have there; "" if it is none.
func gitPage(s string) string {
	s = strings.TrimPrefix(s, "git+")
	if host, p, ok := strings.Cut(strings.TrimPrefix(s, "git@"), ":"); ok && strings.HasPrefix(s, "git@") {
		s = "https://" + host + "/" + p
	}
	if rest, ok := strings.CutPrefix(s, "git://"); ok {
		s = "https://" + rest
	}
	base, fragment, _ := strings.Cut(s, "#")
	if !webURL(base) {
		return ""
	}
	if m := gitHub.FindStringSubmatch(base); m != nil && fragment != "" {
		return gitHubTree(m[1], fragment)
	}
	if m := atCommit.FindStringSubmatch(base); m != nil {
		return gitHubTree(m[1], m[2])
	}
	return s
}

var (
	gitHub   = regexp.MustCompile(`^(https?://github\.com/[\w.-]+/[\w.-]+?)(?:\.git)?/?$`)
	atCommit = regexp.MustCompile(`^(https?://github\.com/[\w.-]+/[\w.-]+?)(?:\.git)?@([\w./-]+)$`) // SLSA's spelling
)

var gitHubTreePage = regexp.MustCompile(`^(https?://github\.com/[\w.-]+/[\w.-]+?)/tree/`)

// gitHubTree is the page of COMMIT or COMMIT:PATH.
func gitHubTree(repo, fragment string) string {
	commit, dir, _ := strings.Cut(fragment, ":")
	return repo + "/tree/" + escapePath(strings.TrimPrefix(path.Join(strings.TrimPrefix(commit, "refs/heads/"), dir), "/"))
}

// revisionLink goes to the commit, where the source is somewhere that has pages of commits.
func revisionLink(s spot) link {
	return link{Href: gitCommit(s.n.Parent.Str("org.opencontainers.image.source"), s.n.String())}
}

// gitCommit is the page of a commit, "" where the site of its source is not known to have any.
func gitCommit(source, commit string) string {
	page := gitPage(source)
	m := gitHub.FindStringSubmatch(page)
	if m == nil {
		m = gitHubTreePage.FindStringSubmatch(page)
	}
	if m == nil || commit == "" {
		return ""
	}
	return m[1] + "/commit/" + url.PathEscape(commit)
}

// imageLink leads to an image by its reference, and by a digest where that is known: here, if it is of this registry or names none, and otherwise
// to the site of its registry, if it has one.
func (l *linker) imageLink(ref, digest string) link {
	if ref == "scratch" {
		return link{Href: "https://hub.docker.com/_/scratch", Doc: true}
	}
	host, rest := splitHost(ref)
	if l.h.anywhere != nil && (host == "" || !l.h.local(l.r, host)) {
		return l.anywhereLink(ref, digest)
	}
	if host != "" && !l.h.local(l.r, host) {
		return link{Href: registrySite(host, rest)}
	}
	t, err := parseTarget(rest)
	if err != nil || t.Path != "" {
		return link{}
	}
	if d, ok := asDigest("", digest); ok {
		t = t.at(d)
	}
	return link{Href: t.href("r")}
}

// anywhereLink leads to an image wherever it is: what it is called here, the front page knows.
func (l *linker) anywhereLink(ref, d string) link {
	named := ref
	if at, ok := asDigest("", d); ok {
		named, _, _ = strings.Cut(ref, "@")
		named += "@" + string(at)
	}
	return link{Href: withQuery("/", "image", named)}
}

// splitHost takes a registry off a reference: the first of several components, if it has a dot or a port, or is localhost.
func splitHost(ref string) (host, rest string) {
	first, rest, ok := strings.Cut(ref, "/")
	if ok && (strings.ContainsAny(first, ".:") || first == "localhost") && hostName.MatchString(first) {
		return first, rest
	}
	return "", ref
}

var hostName = regexp.MustCompile(`^(\[[0-9a-fA-F:.]+\]|[0-9A-Za-z]([0-9A-Za-z.-]*[0-9A-Za-z])?)(:[0-9]+)?$`)

// registrySite is the page that people read about a repository of another registry, "" if it has none that is known of.
func registrySite(host, ref string) string {
	name, _, _ := strings.Cut(ref, "@")
	name, _, _ = strings.Cut(name, ":")
	if _, err := oci.ParseName(name); err != nil {
		return ""
	}
	switch host {
	case "docker.io", "index.docker.io", "registry-1.docker.io":
		if official, ok := strings.CutPrefix(name, "library/"); ok || !strings.Contains(name, "/") {
			return "https://hub.docker.com/_/" + official
		}
		return "https://hub.docker.com/r/" + name
	case "quay.io":
		return "https://quay.io/repository/" + name
	case "ghcr.io", "gcr.io", "mcr.microsoft.com", "registry.k8s.io", "public.ecr.aws":
		return "https://" + host + "/" + name
	}
	return ""
}

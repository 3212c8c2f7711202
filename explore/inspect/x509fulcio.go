package inspect

import (
	"crypto/x509"
	"net/url"
	"strconv"
	"strings"
)

const (
	fulcioArc  = "1.3.6.1.4.1.57264.1."
	fulcioSpec = "https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md"
)

// fulcioClaim is what an extension of Fulcio's certificates tells about who asked for the certificate.
type fulcioClaim struct {
	name string
	slug string // of its heading in fulcioSpec, after the digits
}

// fulcioClaims has the claims by object identifier, fulcioArc and the position in this list, which begins with 1.
var fulcioClaims = claimsByOID(`Issuer (deprecated)|GitHub Workflow Trigger (deprecated)|GitHub Workflow SHA (deprecated)|GitHub Workflow Name (deprecated)
	GitHub Workflow Repository (deprecated)|GitHub Workflow Ref (deprecated)|OtherName SAN|Issuer (V2)|Build Signer URI|Build Signer Digest
	Runner Environment|Source Repository URI|Source Repository Digest|Source Repository Ref|Source Repository Identifier
	Source Repository Owner URI|Source Repository Owner Identifier|Build Config URI|Build Config Digest|Build Trigger|Run Invocation URI
	Source Repository Visibility At Signing|Deployment Environment|Token Subject`)

func claimsByOID(names string) map[string]fulcioClaim {
	all := make(map[string]fulcioClaim)
	for i, name := range strings.FieldsFunc(names, func(r rune) bool { return r == '|' || r == '\n' }) {
		name = strings.TrimSpace(name)
		slug := strings.NewReplacer(" ", "-", "(", "", ")", "").Replace(strings.ToLower(name))
		all[fulcioArc+strconv.Itoa(i+1)] = fulcioClaim{name, slug}
	}
	return all
}

// fulcioDoc returns the heading that describes one of Fulcio's identifiers, "" for others.
func fulcioDoc(id string) string {
	c, ok := fulcioClaims[id]
	switch {
	case ok:
		return fulcioSpec + "#" + strings.ReplaceAll(id, ".", "") + "--" + c.slug
	case strings.HasPrefix(id, "1.3.6.1.4.1.57264"):
		return fulcioSpec
	}
	return ""
}

// fulcioValues decodes the claims of a certificate by the last arc of their identifiers. The first six are bare strings, the others
// strings in DER.
func fulcioValues(c *x509.Certificate) map[int]string {
	all := make(map[int]string)
	for _, e := range c.Extensions {
		arc, ok := strings.CutPrefix(e.Id.String(), fulcioArc)
		i, err := strconv.Atoi(arc)
		if !ok || err != nil {
			continue
		}
		all[i] = string(e.Value)
		if n, err := parseDER(e.Value, nil); i >= 8 && err == nil && n.str() != "" {
			all[i] = n.str()
		}
	}
	return all
}

// fulcioSection shows the claims with links to what they name.
func fulcioSection(c *x509.Certificate) Section {
	s := Section{Title: "Who asked for it, as Fulcio wrote it down"}
	values := fulcioValues(c)
	for i := 1; i <= len(fulcioClaims); i++ {
		id := fulcioArc + strconv.Itoa(i)
		v := plain(values[i]).tip(id)
		switch i {
		case 9, 18:
			v.Ref = workflowRef(values[i])
		case 13:
			v.Ref = commitRef(values[12], values[i])
		case 3:
			v.Ref = commitRef("https://github.com/"+values[5], values[i])
		default:
			v.Ref = webRef(values[i])
		}
		if v.Ref == (Ref{}) {
			v.Ref = Ref{RefOID, id}
		}
		s.add(fulcioClaims[id].name, v)
	}
	return s
}

// forges are the sites whose pages of a commit and of a file are known, by what stands before the revision.
var forges = map[string]struct{ commit, file string }{
	"github.com": {"/commit/", "/blob/"},
	"gitlab.com": {"/-/commit/", "/-/blob/"},
}

// commitRef leads to a commit of a repository on a forge that is known, or to the repository.
func commitRef(repository, commit string) Ref {
	if !isWebURL(repository) || strings.Trim(commit, "0123456789abcdef") != "" || len(commit) < 7 {
		return Ref{}
	}
	repository = strings.TrimSuffix(strings.TrimSuffix(repository, "/"), ".git")
	u, err := url.Parse(repository)
	forge, ok := forges[u.Host]
	if err != nil || !ok || u.RawQuery != "" || u.Fragment != "" {
		return Ref{}
	}
	return Ref{RefURL, repository + forge.commit + commit}
}

// workflowRef leads to the file of https://github.com/OWNER/NAME/.github/workflows/FILE@refs/tags/v1 or of gitlab's ...//.gitlab-ci.yml@...,
// which are no pages themselves, and of other URLs to what they say.
func workflowRef(s string) Ref {
	if !isWebURL(s) {
		return Ref{}
	}
	u, err := url.Parse(s)
	if err != nil {
		return Ref{}
	}
	path, rev, ok := strings.Cut(u.Path, "@")
	forge, known := forges[u.Host]
	if !ok || !known {
		return Ref{RefURL, s}
	}
	rev = strings.TrimPrefix(strings.TrimPrefix(rev, "refs/heads/"), "refs/tags/")
	repository, file, ok := strings.Cut(path, "//")
	if !ok { // owner, name, file
		parts := strings.SplitN(strings.TrimPrefix(path, "/"), "/", 3)
		if len(parts) < 3 {
			return Ref{RefURL, s}
		}
		repository, file = "/"+parts[0]+"/"+parts[1], parts[2]
	}
	page := url.URL{Scheme: "https", Host: u.Host, Path: repository + forge.file + rev + "/" + file}
	return Ref{RefURL, page.String()}
}

// signer says in words who a certificate stands for, from its names and what Fulcio wrote down.
func signer(c *x509.Certificate) string {
	v := fulcioValues(c)
	who := certName(c)
	if i := issuerOf(v); i != "" {
		who += " (issuer " + i + ")"
	}
	repository, commit := v[12], v[13]
	if repository == "" && v[5] != "" {
		repository, commit = "https://github.com/"+v[5], v[3]
	}
	if repository != "" {
		who += ", for " + repository
	}
	if commit != "" {
		who += " at commit " + commit
	}
	return visible(who, maxValue)
}

func issuerOf(claims map[int]string) string {
	if claims[8] != "" {
		return claims[8]
	}
	return claims[1]
}

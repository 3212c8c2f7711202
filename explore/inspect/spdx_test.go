package inspect

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

const spdx2 = `{"spdxVersion":"SPDX-2.3","dataLicense":"CC0-1.0","SPDXID":"SPDXRef-DOCUMENT","name":"hello","documentNamespace":"https://example.org/spdx/hello-1",
"creationInfo":{"created":"2026-01-02T03:04:05Z","creators":["Organization: Anchore, Inc","Tool: syft-1.0"]},
"packages":[{"SPDXID":"SPDXRef-1","name":"libc6","versionInfo":"2.36-9","supplier":"Organization: Debian","licenseConcluded":"NOASSERTION","licenseDeclared":"GPL-2.0-only",
 "externalRefs":[{"referenceCategory":"SECURITY","referenceType":"cpe23Type","referenceLocator":"cpe:2.3:a"},{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:deb/debian/libc6@2.36-9?distro=debian-12"}]},
 {"SPDXID":"SPDXRef-2","name":"ghcr.io/octo/hello","versionInfo":"sha256:1","primaryPackagePurpose":"CONTAINER","checksums":[{"algorithm":"SHA256","checksumValue":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}]}],
"files":[{"fileName":"/bin/sh","fileTypes":["BINARY"],"checksums":[{"algorithm":"SHA1","checksumValue":"12"}]}],
"relationships":[{"spdxElementId":"SPDXRef-DOCUMENT","relatedSpdxElement":"SPDXRef-2","relationshipType":"DESCRIBES"},{"spdxElementId":"SPDXRef-2","relatedSpdxElement":"SPDXRef-1","relationshipType":"CONTAINS"}]}`

const spdx3 = `{"@context":"https://spdx.org/rdf/3.0.1/spdx-context.jsonld","@graph":[{"type":"CreationInfo","@id":"_:c","specVersion":"3.0.1","created":"2026-01-02T03:04:05Z"},
{"type":"SpdxDocument","spdxId":"https://example.org/d","name":"hello"},{"type":"software_Package","name":"left-pad","software_packageVersion":"1.3.0","software_packageUrl":"pkg:npm/left-pad@1.3.0"},
{"type":"software_Package","name":"x","externalIdentifier":[{"externalIdentifierType":"packageUrl","identifier":"pkg:pypi/x@1"}],"verifiedUsing":[{"algorithm":"sha256","hashValue":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}]}]}`

const cyclonedx = `{"bomFormat":"CycloneDX","specVersion":"1.6","serialNumber":"urn:uuid:1","metadata":{"timestamp":"2026-01-02T03:04:05Z","tools":{"components":[{"name":"trivy","version":"0.5"}]},
"component":{"type":"container","name":"hello","version":"1","purl":"pkg:oci/hello@sha256%3A12"}},
"components":[{"type":"library","group":"org.example","name":"a","version":"1.0","purl":"pkg:maven/org.example/a@1.0","licenses":[{"license":{"id":"MIT"}},{"expression":"A OR B"}],"publisher":"me",
"hashes":[{"alg":"SHA-256","content":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}],"components":[{"type":"file","name":"inner"}]}],
"dependencies":[{"ref":"a"}],"vulnerabilities":[{"id":"CVE-2026-1","ratings":[{"severity":"high"}],"analysis":{"state":"not_affected","justification":"code_not_reachable"},"affects":[{"ref":"pkg:maven/org.example/a@1.0"}]}]}`

const openvex = `{"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://openvex.dev/docs/x","author":"Wolfi J Inkinson","timestamp":"2026-01-02T03:04:05Z","version":1,
"statements":[{"vulnerability":{"name":"CVE-2026-1"},"products":[{"@id":"pkg:apk/wolfi/git@2.39"},{"@id":"pkg:apk/wolfi/x@1"}],"status":"not_affected","justification":"inline_mitigations_already_exist","impact_statement":"It is fine."}]}`

func TestBillsOfMaterials(t *testing.T) {
	for _, c := range []struct {
		doc   string
		wants []string
	}{
		{spdx2, []string{"spdx: Bill of materials (SPDX-2.3) with 2 packages", "Document: Describes = ghcr.io/octo/hello sha256:1", "Document: Creators = Organization: Anchore, Inc, Tool: syft-1.0",
			"Document: Namespace = https://example.org/spdx/hello-1 -> url", "Document: Files = 1", "Kinds of packages: | container | 1", "Kinds of packages: | deb | 1",
			"Packages: | libc6 -> purl pkg:deb/debian/libc6@2.36-9?distro=debian-12 | 2.36-9 | GPL-2.0-only | Debian | pkg:deb/debian/libc6@2.36-9?distro=debian-12 -> purl",
			"| " + testDigest + " -> file " + testDigest[7:], "Relationships: | CONTAINS | 1", "Files: | /bin/sh | BINARY | sha1:12"}},
		{spdx3, []string{"spdx: Bill of materials (SPDX 3) with 2 packages", "| left-pad -> purl pkg:npm/left-pad@1.3.0 | 1.3.0", "| x -> purl pkg:pypi/x@1", "Document: Version = SPDX-3.0.1", "Elements: | software_Package | 2"}},
		{cyclonedx, []string{"cyclonedx: Bill of materials (CycloneDX 1.6) with 2 components and 1 vulnerability", "Describes = hello 1 -> purl pkg:oci/hello@sha256%3A12", "Tools = trivy 0.5", "cyclonedx.org/docs/1.6/json/",
			"| org.example/a -> purl pkg:maven/org.example/a@1.0 | 1.0 | MIT, A OR B | me |", "-> file " + testDigest[7:], "Packages: | inner", "Kinds of packages: | file | 1",
			"Vulnerabilities: | CVE-2026-1 -> url https://www.cve.org/CVERecord?id=CVE-2026-1 | high | not_affected (code_not_reachable) |"}},
		{openvex, []string{"openvex: What Wolfi J Inkinson says of 1 vulnerability finding", "| CVE-2026-1 -> url", "| not_affected | pkg:apk/wolfi/git@2.39 (pkg:apk/wolfi/x@1) -> purl", "inline_mitigations_already_exist It is fine."}},
		{statement("https://spdx.dev/Document", spdx2), []string{"Bill of materials (SPDX-2.3) with 2 packages, for ghcr.io/octo/hello", "Packages: | libc6", "Subjects: | ghcr.io/octo/hello"}},
		{statement("https://spdx.dev/Document", `{"Data":`+fmt.Sprintf("%q", strings.ReplaceAll(spdx2, "\n", ""))+`}`), []string{"Packages: | libc6"}},
		{statement("https://spdx.dev/Document/v3", spdx3), []string{"Packages: | left-pad"}},
		{statement("https://cyclonedx.org/bom", cyclonedx), []string{"Packages: | org.example/a"}},
		{statement("https://openvex.dev/ns/v0.2.0", openvex), []string{"Statements: | CVE-2026-1"}},
		{statement("https://spdx.dev/Document", `{}`), []string{"A bill of materials that cannot be read, for ghcr.io/octo/hello"}},
	} {
		if !json.Valid([]byte(c.doc)) {
			t.Fatalf("%.100s is no JSON", c.doc)
		}
		wants(t, look(t, "", []byte(c.doc)), c.wants...)
	}
}

// TestLargeBill has more files and relationships than a tree may have values: they are counted.
func TestLargeBill(t *testing.T) {
	file := `{"fileName":"a","checksums":[{"algorithm":"SHA1","checksumValue":"12"}]},`
	relationship := `{"spdxElementId":"a","relatedSpdxElement":"b","relationshipType":"CONTAINS"},`
	doc := `{"spdxVersion":"SPDX-2.3","files":[` + strings.Repeat(file, 50_000) + `{}],"relationships":[` + strings.Repeat(relationship, 60_000) + `{}],"packages":[{"name":"last"}]}`
	if _, err := ParseJSON([]byte(doc), nil); err == nil {
		t.Fatal("it is not large")
	}
	wants(t, look(t, "", []byte(doc)), "Packages: | last", "Files = 50001", "Only the first 100 of 50001 are shown", "The first 5000 of 60001 were counted", "| CONTAINS | 5000")
}

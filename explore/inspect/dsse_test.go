package inspect

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

const testDigest = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

// statement wraps a predicate.
func statement(predicateType, predicate string) string {
	return fmt.Sprintf(`{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"ghcr.io/octo/hello","digest":{"sha1":"12","sha256":%q}}],"predicateType":%q,"predicate":%s}`,
		strings.TrimPrefix(testDigest, "sha256:"), predicateType, predicate)
}

// envelope signs a payload with a key.
func envelope(t *testing.T, key *ecdsa.PrivateKey, payload string) string {
	t.Helper()
	const kind = "application/vnd.in-toto+json"
	sum := sha256.Sum256(pae(kind, []byte(payload)))
	sig, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`{"payloadType":%q,"payload":%q,"signatures":[{"keyid":"","sig":%q}]}`, kind,
		base64.StdEncoding.EncodeToString([]byte(payload)), base64.StdEncoding.EncodeToString(sig))
}

// followParts runs each pipeline that d refers to over raw.
func followParts(t *testing.T, d *Doc, raw string) {
	t.Helper()
	for _, part := range parts(d) {
		p, err := ParsePipeline([]string{part})
		if err != nil {
			t.Errorf("a reference to the part %s: %v", part, err)
			continue
		}
		if out, err := p.Run([]byte(raw)); err != nil || len(bytes.TrimSpace(out)) == 0 {
			t.Errorf("the part %s is %q: %v", part, out, err)
		}
	}
}

func parts(d *Doc) (all []string) {
	add := func(v Value) {
		if v.Ref.Kind == RefPart {
			all = append(all, v.Ref.To)
		}
	}
	for _, s := range d.Sections {
		for _, f := range s.Fields {
			add(f.Value)
		}
		if s.Table == nil {
			continue
		}
		for _, row := range s.Table.Rows {
			for _, v := range row {
				add(v)
			}
		}
	}
	return all
}

const provenance1 = `{"buildDefinition":{"buildType":"https://actions.github.io/buildtypes/workflow/v1","externalParameters":{"workflow":{"ref":"refs/heads/main","repository":"https://github.com/octo/hello","path":".github/workflows/build.yml"}},
"internalParameters":{"github":{"event_name":"push"}},"resolvedDependencies":[{"uri":"git+https://github.com/octo/hello@refs/heads/main","digest":{"gitCommit":"` + testCommit + `"}},
{"uri":"pkg:docker/alpine@3.19?platform=linux%2Famd64","digest":{"sha256":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}}]},
"runDetails":{"builder":{"id":"https://github.com/actions/runner/github-hosted"},"metadata":{"invocationId":"https://github.com/octo/hello/actions/runs/1","startedOn":"2026-01-02T03:04:05+01:00"}}}`

const provenance02 = `{"builder":{"id":"https://ci.example/1"},"buildType":"https://mobyproject.org/buildkit@v1","materials":[{"uri":"pkg:docker/golang@1.22","digest":{"sha256":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}}],
"invocation":{"configSource":{"entryPoint":"Dockerfile"},"parameters":{"frontend":"dockerfile.v0","args":{"build-arg:VERSION":"1.2"},"locals":[{"name":"context"}],"tags":["a","b"]},"environment":{"platform":"linux/amd64"}},
"metadata":{"buildInvocationID":"xyz","buildStartedOn":"2026-01-02T03:04:05Z","buildFinishedOn":"2026-01-02T03:05:05Z","completeness":{"parameters":true,"materials":false},"reproducible":false,
"https://mobyproject.org/buildkit@v1#metadata":{"vcs":{"source":"https://gitlab.com/octo/hello.git","revision":"` + testCommit + `"},"source":{"infos":[1,2]}}}}`

func TestProvenance(t *testing.T) {
	wants(t, look(t, "", []byte(statement("https://slsa.dev/provenance/v1", provenance1))),
		"provenance: Provenance: built from https://github.com/octo/hello at commit "+testCommit+" by https://github.com/actions/runner/github-hosted, for ghcr.io/octo/hello",
		"Statement: Type = https://in-toto.io/Statement/v1 -> url https://github.com/in-toto/attestation/",
		"Statement: Predicate type = https://slsa.dev/provenance/v1 -> url https://slsa.dev/spec/v1.1/provenance",
		"Subjects: | ghcr.io/octo/hello -> image ghcr.io/octo/hello@"+testDigest+" | "+testDigest+" (sha1:12) -> digest "+testDigest,
		"Build: Commit = "+testCommit+" -> url https://github.com/octo/hello/commit/"+testCommit,
		"Build: Entry point = .github/workflows/build.yml -> url https://github.com/octo/hello/blob/"+testCommit+"/.github/workflows/build.yml",
		"Build: Invocation = https://github.com/octo/hello/actions/runs/1 -> url https://github.com/octo",
		"Build: Started = 2026-01-02 02:04:05 UTC (2026-01-02T03:04:05+01:00)",
		"Parameters: internal.github.event_name = push",
		"Resolved dependencies: | git+https://github.com/octo/hello@refs/heads/main -> url https://github.com/octo/hello | gitCommit:"+testCommit+" -> url https://github.com/octo/hello/commit/"+testCommit,
		"| pkg:docker/alpine@3.19?platform=linux%2Famd64 -> purl pkg:docker/alpine@3.19?platform=linux%2Famd64 | "+testDigest+" -> digest "+testDigest,
	)
	wants(t, look(t, "", []byte(statement("https://slsa.dev/provenance/v0.2", provenance02))),
		"Provenance: built from https://gitlab.com/octo/hello at commit "+testCommit+" by https://ci.example/1, for ghcr.io/octo/hello",
		"Build: Build type = https://mobyproject.org/buildkit@v1 -> url https://github.com/moby/buildkit/",
		"Build: Commit = "+testCommit+" -> url https://gitlab.com/octo/hello/-/commit/"+testCommit,
		"Build: Finished = 2026-01-02 03:05:05 UTC", "Build: Reproducible = false", "Build: All materials listed = false",
		"Parameters: args.build-arg:VERSION = 1.2", "Parameters: tags = a, b", "Parameters: environment.platform = linux/amd64",
		"Materials: | pkg:docker/golang@1.22 -> purl",
		"What the client of BuildKit said: source = https://gitlab.com/octo/hello.git -> url", "did not check them",
	)
}

func TestDSSE(t *testing.T) {
	raw := envelope(t, fixtures().leafKey, statement("https://slsa.dev/provenance/v1", provenance1))
	d := look(t, "", []byte(raw))
	wants(t, d, "dsse: A signed envelope: provenance: built from https://github.com/octo/hello at commit",
		"Envelope: Payload type = application/vnd.in-toto+json -> url https://github.com/in-toto/attestation/",
		"-> part jq -r .payload | base64 -d", "Signatures: | 0 | without a name | ME", "Build: Builder = https://github.com/actions/runner/github-hosted")
	followParts(t, d, raw)
	wants(t, look(t, "", []byte(`{"payload":"!","payloadType":"text/plain","signatures":[{"keyid":"me","sig":"x"}]}`)), "The payload is not in base64", "| 0 | me | x")
	wants(t, look(t, "", []byte(statement("https://example.org/x", "{}"))), "A statement about ghcr.io/octo/hello", "-> url https://example.org/x")
	wants(t, look(t, "", []byte(statement("https://slsa.dev/verification_summary/v1", `{"verifier":{"id":"https://example.org/v"},"verificationResult":"PASSED","verifiedLevels":["SLSA_BUILD_LEVEL_3"]}`))),
		"Predicate: verifier.id = https://example.org/v -> url", "Predicate: verificationResult = PASSED", "Predicate: verifiedLevels = SLSA_BUILD_LEVEL_3")
	wants(t, look(t, "", []byte(statement("https://sigstore.dev/cosign/sign/v1", "{}"))), "cosign: A signature of cosign, for ghcr.io/octo/hello")
	both := strings.ReplaceAll(raw, "\n", "") + "\n" + strings.ReplaceAll(bundle03(t), "\n", "") + "\n"
	lined := look(t, "attestations.jsonl", []byte(both))
	wants(t, lined, "json lines: 2 documents, one in each line", "Line 1: NOTE A signed envelope: provenance", "Line 2: NOTE Signed by https://github.com/octo")
	if len(parts(lined)) > 0 {
		t.Error("a pipeline for a line")
	}
	if d := look(t, "log.jsonl", []byte("{}\n{}\n")); d != nil {
		t.Errorf("%s", lines(d))
	}
	wants(t, look(t, "", []byte(`{"_type":"https://in-toto.io/Statement/v0.1"}`)), "in-toto: A statement about nothing")
}

func TestSubjects(t *testing.T) {
	st := statement("https://example.org/x", "{}")
	for _, c := range []struct {
		doc, want string // the first subject
	}{
		{st, "ghcr.io/octo/hello " + testDigest + " sha1:12"},
		{envelope(t, fixtures().leafKey, st), "ghcr.io/octo/hello " + testDigest + " sha1:12"},
		{`{"dsseEnvelope":` + envelope(t, fixtures().leafKey, st) + `}`, "ghcr.io/octo/hello " + testDigest + " sha1:12"},
		{`{"messageSignature":{"messageDigest":{"algorithm":"SHA2_256","digest":"n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg="}}}`, " " + testDigest},
		{`{"critical":{"identity":{"docker-reference":"a/b"},"image":{"docker-manifest-digest":"` + testDigest + `"},"type":"cosign container image signature"}}`, "a/b " + testDigest},
		{`{"targetArtifact":{"digest":"` + testDigest + `"}}`, " " + testDigest},
		{`{"payload":"` + base64.RawURLEncoding.EncodeToString([]byte(`{"targetArtifact":{"digest":"`+testDigest+`"}}`)) + `","protected":"","signature":""}`, " " + testDigest},
		{envelope(t, fixtures().leafKey, envelope(t, fixtures().leafKey, st)), ""},
		{`[]`, ""}, {`{"payload":"!","payloadType":"","signatures":[]}`, ""},
	} {
		n, err := ParseJSON([]byte(c.doc), nil)
		if err != nil {
			t.Fatal(err)
		}
		all := Subjects(n)
		got := ""
		if len(all) > 0 {
			got = all[0].Name + " " + strings.Join(all[0].Digests, " ")
		}
		if got != c.want {
			t.Errorf("Subjects(%.80s) = %q, want %q", c.doc, got, c.want)
		}
		if check := CheckSubjects(all, testDigest); check.OK != (c.want != "") {
			t.Errorf("CheckSubjects of %.80s: %+v", c.doc, check)
		}
	}
	if c := CheckSubjects([]Subject{{"", []string{"sha256:1"}}}, "sha256:1"); c.OK {
		t.Error("what is no digest fits")
	}
}

// FuzzInspectJSON looks for panics in all decoders of JSON, with members of the documents in the places of others.
func FuzzInspectJSON(f *testing.F) {
	for _, s := range jsonFixtures(f) {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		n, err := ParseJSON(raw, nil)
		if err != nil {
			return
		}
		Subjects(n)
		if d := InspectJSON(n, ""); d != nil {
			if _, err := json.Marshal(d); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(lines(d), "BROKEN ROW") {
				t.Fatalf("%s: a row of another length than the columns", raw)
			}
			for _, part := range parts(d) {
				if _, err := ParsePipeline([]string{part}); err != nil {
					t.Fatalf("a reference to the part %s: %v", part, err)
				}
			}
		}
	})
}

// jsonFixtures are the documents of all tests.
func jsonFixtures(t testing.TB) []string {
	_, annotations := cosignFixture(t)
	return []string{jwsFixture(t), notationPayload, bundle01(t), bundle03(t), annotations[cosignBundle], annotations[cosignTimestamp], spdx2, spdx3, cyclonedx, openvex, statement("https://slsa.dev/provenance/v1", provenance1), statement("https://slsa.dev/provenance/v0.2", provenance02),
		`{"payloadType":"application/vnd.in-toto+json","payload":"e30=","signatures":[{"keyid":"","sig":"AA=="}]}`}
}

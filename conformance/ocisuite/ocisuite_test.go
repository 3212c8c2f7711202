package ocisuite

import (
	"flag"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"vitrine/registry"
	"vitrine/storage/disk"
)

var (
	suite   = flag.String("suite", "", "the OCI conformance suite's `binary` (distribution-spec, folder conformance, go build)")
	suiteV1 = flag.String("suite-v1", "", "the `binary` of v1.1.1's suite (go test -c)")
)

// TestNamed fails when flags were given but name nothing, as `make conformance` without a binary does.
func TestNamed(t *testing.T) {
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || strings.HasPrefix(f.Name, "suite") })
	if given && *suite == "" && *suiteV1 == "" {
		t.Fatal("no suite: make conformance CONFORMANCE=/path/to/binary, or CONFORMANCE_V1=/path/to/old.test, or both")
	}
}

// TestStable runs the suite as OCI_VERSION=1.1. It disables the cancelling of uploads by itself, once for each digest algorithm.
func TestStable(t *testing.T) {
	need(t, *suite)
	addr := serve(t, &registry.Options{})
	rep := runSuite(t, *suite, addr, "OCI_VERSION=1.1")
	judge(t, rep, rep.verdict(0, 2, "post cancel"))
}

// TestDev runs the suite as OCI_VERSION=dev with all that can be turned on.
func TestDev(t *testing.T) {
	need(t, *suite)
	addr := serve(t, &registry.Options{AllowSparse: true})
	rep := runSuite(t, *suite, addr, "OCI_VERSION=dev", "OCI_DATA_SPARSE=true")
	judge(t, rep, rep.verdict(0, 0))
}

// v1Skips are the cases of v1.1.1's suite that no single run can have: they are for a registry that was filled before, for mounts
// that are refused, and for a registry without automatic mounts.
var v1Skips = []string{
	"Get tag name from environment", `Populate registry with test tags \(no push\)`,
	"Cross-mounting of nonexistent blob", "automatic content discovery disabled",
}

// TestV1 runs all workflows of v1.1.1's suite: 75 pass.
func TestV1(t *testing.T) {
	need(t, *suiteV1)
	addr := serve(t, &registry.Options{})
	dir := t.TempDir()
	rep := runBinary(t, *suiteV1, dir, "OCI_ROOT_URL=http://"+addr, "OCI_NAMESPACE=conformance/repo1", "OCI_CROSSMOUNT_NAMESPACE=conformance/repo2",
		"OCI_TEST_PULL=1", "OCI_TEST_PUSH=1", "OCI_TEST_CONTENT_DISCOVERY=1", "OCI_TEST_CONTENT_MANAGEMENT=1",
		"OCI_AUTOMATIC_CROSSMOUNT=1", "OCI_REPORT_DIR="+dir)
	judge(t, rep, rep.verdict(len(v1Skips), 0, v1Skips...))
	if rep.pass != 75 {
		t.Errorf("got %d passed, want 75", rep.pass)
	}
}

// need skips where go test ./... runs without the suites, which the project cannot have.
func need(t *testing.T, binary string) {
	t.Helper()
	if binary == "" {
		t.Skip("no suite named: see make conformance")
	}
}

// serve starts a registry over an empty disk store and returns its address.
func serve(t *testing.T, o *registry.Options) string {
	t.Helper()
	store, err := disk.Open(filepath.Join(t.TempDir(), "root"), nil)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(registry.New(store, o))
	t.Cleanup(func() {
		srv.Close()
		store.Close()
	})
	return srv.Listener.Addr().String()
}

func runSuite(t *testing.T, binary, addr string, env ...string) *report {
	t.Helper()
	dir := t.TempDir()
	return runBinary(t, binary, dir, append(env, "OCI_REGISTRY="+addr, "OCI_TLS=disabled", "OCI_RESULTS_DIR="+dir, "OCI_LOG=error")...)
}

// runBinary runs a suite in dir, where no configuration file of the caller lies, with env alone, and reads dir/junit.xml.
func runBinary(t *testing.T, binary, dir string, env ...string) *report {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary)
	cmd.Dir = dir
	cmd.Env = append(env, "HOME="+dir, "PATH="+os.Getenv("PATH"))
	out, runErr := cmd.CombinedOutput()
	f, err := os.Open(filepath.Join(dir, "junit.xml"))
	if err != nil {
		t.Fatalf("%s (%v) left no report: %v\n%s", binary, runErr, err, firstLines(string(out), 40))
	}
	defer f.Close()
	rep, err := parseReport(f)
	if err != nil {
		t.Fatalf("%v\n%s", err, firstLines(string(out), 40))
	}
	return rep
}

func judge(t *testing.T, rep *report, errs []error) {
	t.Helper()
	t.Logf("%s: %s", t.Name(), rep)
	for _, err := range errs {
		t.Error(err)
	}
}

func TestParseReport(t *testing.T) {
	const head = `<testsuites><testsuite name="x" tests="%T" failures="%F" errors="0" disabled="2" skipped="%S">`
	for _, c := range []struct{ tests, fail, skip, cases, want string }{
		{"4", "0", "0", `<testcase name="a" status="passed"/><testcase name="b/post cancel" status="skipped"/>`, ""},
		{"4", "1", "0", `<testcase name="a" status="failure"><system-out>why` + "\x01" + `</system-out></testcase>`, "failure: a\nwhy"},
		{"4", "0", "1", `<testcase name="mount" status="skipped"/>`, "skipped: mount"},
		{"4", "0", "0", `<testcase name="post cancel" status="error"/>`, "error: post cancel"},
		{"2", "0", "0", ``, "nothing ran"},
	} {
		text := strings.NewReplacer("%T", c.tests, "%F", c.fail, "%S", c.skip).Replace(head) + c.cases + "</testsuite></testsuites>"
		rep, err := parseReport(strings.NewReader(text))
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			for _, err := range rep.verdict(0, 2, "post cancel") {
				got += err.Error() + "\n"
			}
		}
		if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: got %q, want %q", text, got, c.want)
		}
	}
}

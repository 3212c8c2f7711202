//go:build linux

package e2e

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
)

// e2e asks for all tests, also for those that need real clients, root or minutes.
var e2e = os.Getenv("VITRINE_E2E") == "1"

var underTest = flag.String("vitrine", "", "the vitrine `program` to test; empty builds cmd/vitrine")

// scratch is the folder of this run. Its name is short because the path of a Unix socket ends at 108 bytes.
var scratch string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(runAll(m))
}

func runAll(m *testing.M) int {
	dir, err := os.MkdirTemp("", "vitrine-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	scratch = dir
	defer os.RemoveAll(dir)
	defer stopDaemon()
	return m.Run()
}

// needE2E skips t unless everything is asked for.
func needE2E(t *testing.T) {
	t.Helper()
	if !e2e {
		t.Skip("needs real clients, root or minutes: run it with make e2e")
	}
}

// missing ends t because the machine lacks something: a failure in CI, where everything has to be there.
func missing(t *testing.T, what, remedy string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing: %s", what, remedy)
	}
	t.Skipf("%s is missing: %s", what, remedy)
}

// needProgram returns the path of an installed program of a Debian package.
func needProgram(t *testing.T, name, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	for _, dir := range []string{"/usr/sbin", "/sbin"} { // not on the PATH of everyone
		if err != nil {
			path, err = exec.LookPath(filepath.Join(dir, name))
		}
	}
	if err != nil {
		missing(t, name, "apt-get install "+pkg)
	}
	return path
}

// needRoot ends t where it may not mount.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		missing(t, "root", "run it as root: it mounts file systems")
	}
}

// tempDir is t.TempDir with a short path, and one that does not fail the test where something odd is left inside.
func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(scratch, "t")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

var buildVitrine = sync.OnceValues(func() (string, error) {
	path := filepath.Join(scratch, "vitrine")
	return path, goTool(nil, "build", "-o", path, "../../cmd/vitrine")
})

// vitrine returns the path of the program under test.
func vitrine(t *testing.T) string {
	t.Helper()
	if *underTest != "" {
		return *underTest
	}
	path, err := buildVitrine()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// goTool runs the go command for a static program.
func goTool(env []string, args ...string) error {
	cmd := exec.Command("go", args...)
	cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0", "GOTOOLCHAIN=local"), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go %q: %w\n%s", args, err, out)
	}
	return nil
}

// owned is how every child is started: in a process group of its own, and it goes when the test goes.
func owned() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

//go:build linux

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// program is a command line program in a home of its own: nothing of the user's is read or written.
type program struct {
	path string
	home string
	args []string // before those of a call
	env  []string
}

// newProgram gives the program a fresh home.
func newProgram(t *testing.T, path string, args ...string) *program {
	t.Helper()
	home := tempDir(t)
	for _, dir := range []string{"run", "tmp"} {
		if err := os.Mkdir(filepath.Join(home, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(home, "auth.json"), []byte("{}")) // podman and buildah want it to be there
	return &program{path: path, home: home, args: args, env: []string{
		"PATH=" + os.Getenv("PATH") + ":/usr/sbin:/sbin",
		"HOME=" + home,
		"TMPDIR=" + filepath.Join(home, "tmp"),
		"XDG_RUNTIME_DIR=" + filepath.Join(home, "run"),
		"XDG_CONFIG_HOME=" + filepath.Join(home, "config"),
		"DOCKER_CONFIG=" + filepath.Join(home, "docker"),
		"REGISTRY_AUTH_FILE=" + filepath.Join(home, "auth.json"),
		"REGCTL_CONFIG=" + filepath.Join(home, "regctl.json"),
	}}
}

// file is a path in the program's home.
func (p *program) file(name string) string { return filepath.Join(p.home, name) }

// command is a call of the program, ended with its children when ctx is.
func (p *program) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, p.path, append(p.args[:len(p.args):len(p.args)], args...)...)
	cmd.Env, cmd.Dir, cmd.SysProcAttr = p.env, p.home, owned()
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// try runs the program and returns what it printed on stdout.
func (p *program) try(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	cmd := p.command(ctx, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%s %q: %w\n%s%s", filepath.Base(p.path), args, err, &stdout, &stderr)
	}
	return stdout.String(), nil
}

// run is try for what has to work.
func (p *program) run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := p.try(args...)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(out)
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// status runs the program and returns all that it printed, and its exit code.
func (p *program) status(t *testing.T, args ...string) (string, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	cmd := p.command(ctx, args...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

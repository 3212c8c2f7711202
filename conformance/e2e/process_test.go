//go:build linux

package e2e

import (
	"bufio"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestTwoProcesses holds that a root has one server at a time: the second is refused and the first goes on.
func TestTwoProcesses(t *testing.T) {
	s := start(t, tempDir(t), nil)
	c := small(t, s, 1)
	c.push(t)
	out, code := newProgram(t, vitrine(t)).status(t, "serve", "--addr", "127.0.0.1:0", "--root", s.root)
	if code != 1 || !strings.Contains(out, s.root) {
		t.Errorf("a second server on one root exits with %d, want 1 and a message that names the root:\n%s", code, out)
	}
	c.check(t)
	s.kill()
	c.s = start(t, s.root, nil) // the lock of a process that was killed is free
	c.check(t)
}

// TestUnknownLayout holds that a root of a later version is refused and left as it is.
func TestUnknownLayout(t *testing.T) {
	root := tempDir(t)
	s := start(t, root, nil)
	s.stop(t)
	file := filepath.Join(root, "vitrine.json")
	later := strings.Replace(read(t, file), "1", "9000", 1)
	write(t, file, []byte(later))
	for _, command := range []string{"serve", "verify"} {
		args := []string{command, "--root", root}
		if command == "serve" {
			args = append(args, "--addr", "127.0.0.1:0")
		}
		out, code := newProgram(t, vitrine(t)).status(t, args...)
		if code != 1 || !strings.Contains(out, "9000") {
			t.Errorf("%s of an unknown layout exits with %d, want 1 and a message that names it:\n%s", command, code, out)
		}
	}
	if got := read(t, file); got != later {
		t.Errorf("vitrine.json was rewritten: %s", got)
	}
}

// TestStop holds that SIGTERM lets an upload end that is under way.
func TestStop(t *testing.T) {
	s := start(t, tempDir(t), nil)
	c := content{1, 1 << 20}
	conn := s.dial(t, fmt.Sprintf("POST /v2/stop/blobs/uploads/?digest=%s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n",
		c.digest(), s.host, c.size))
	defer conn.Close()
	r := bufio.NewReader(conn)
	if line, err := r.ReadString('\n'); err != nil || !strings.Contains(line, "100") {
		t.Fatalf("%q, %v", line, err)
	}
	r.ReadString('\n')
	s.cmd.Process.Signal(syscall.SIGTERM) // now that its body is being read
	conn.Write(c.bytes()[:1000])
	time.Sleep(300 * time.Millisecond)
	conn.Write(c.bytes()[1000:])
	if line, err := r.ReadString('\n'); err != nil || !strings.Contains(line, "201") {
		t.Errorf("the upload that was under way: %q, %v", line, err)
	}
	<-s.exited
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	s = start(t, s.root, nil)
	if _, err := s.fetch("stop").get(c.digest()); err != nil {
		t.Error(err)
	}
}

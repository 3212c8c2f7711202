//go:build linux

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// daemon is the dockerd of this run. Nothing of it is outside its folder: not its socket, not its key, not its containerd.
type daemon struct {
	dir    string
	cmd    *exec.Cmd
	out    *output
	exited chan struct{}
}

var (
	daemonMu  sync.Mutex
	theDaemon *daemon
)

// needDaemon starts dockerd on its first call.
func needDaemon(t *testing.T) *daemon {
	t.Helper()
	needRoot(t)
	path := needProgram(t, "dockerd", "docker.io")
	needProgram(t, "containerd", "containerd")
	daemonMu.Lock()
	defer daemonMu.Unlock()
	if theDaemon == nil {
		d, err := startDaemon(path, "docker")
		if err != nil {
			t.Fatal(err)
		}
		theDaemon = d
	}
	return theDaemon
}

// stopDaemon ends dockerd, which ends its containerd, at the end of the run.
func stopDaemon() {
	daemonMu.Lock()
	defer daemonMu.Unlock()
	if theDaemon != nil {
		theDaemon.stop()
	}
}

// startDaemon starts a daemon in a folder of its own below scratch.
func startDaemon(path, folder string, options ...string) (*daemon, error) {
	return configureDaemon(path, folder, map[string]any{}, options...)
}

// configureDaemon is startDaemon with what the daemon.json is to hold.
func configureDaemon(path, folder string, settings map[string]any, options ...string) (*daemon, error) {
	d := &daemon{dir: filepath.Join(scratch, folder), out: newOutput(), exited: make(chan struct{})}
	if err := os.MkdirAll(d.dir, 0o711); err != nil {
		return nil, err
	}
	config := filepath.Join(d.dir, "daemon.json")
	settings["deprecated-key-path"] = filepath.Join(d.dir, "key.json")
	text, err := json.Marshal(settings)
	if err == nil {
		err = os.WriteFile(config, text, 0o600)
	}
	if err != nil {
		return nil, err
	}
	d.cmd = exec.Command(path, "--config-file", config, "-H", d.host(), "--pidfile", filepath.Join(d.dir, "pid"),
		"--data-root", filepath.Join(d.dir, "data"), "--exec-root", filepath.Join(d.dir, "exec"),
		"--bridge", "none", "--iptables=false", "--ip6tables=false")
	d.cmd.Args = append(d.cmd.Args, options...)
	d.cmd.Env = []string{"PATH=" + os.Getenv("PATH") + ":/usr/sbin:/sbin", "HOME=" + d.dir, "TMPDIR=" + d.dir}
	d.cmd.Stdout, d.cmd.Stderr, d.cmd.SysProcAttr = d.out, d.out, owned()
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { d.cmd.Wait(); close(d.exited) }()
	if err := d.wait(); err != nil {
		d.stop()
		return nil, fmt.Errorf("dockerd: %w; it printed:\n%s", err, d.out)
	}
	return d, nil
}

func (d *daemon) host() string { return "unix://" + filepath.Join(d.dir, "docker.sock") }

// wait returns when the daemon answers.
func (d *daemon) wait() error {
	p := &program{path: "docker", home: d.dir, env: d.cmd.Env}
	var err error
	for range 120 {
		select {
		case <-d.exited:
			return fmt.Errorf("ended: %v", d.cmd.ProcessState)
		case <-time.After(500 * time.Millisecond):
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		err = p.command(ctx, "-H", d.host(), "version").Run()
		cancel()
		if err == nil {
			return nil
		}
	}
	return err
}

func (d *daemon) stop() {
	d.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-d.exited:
	case <-time.After(30 * time.Second):
		syscall.Kill(-d.cmd.Process.Pid, syscall.SIGKILL)
		<-d.exited
	}
}

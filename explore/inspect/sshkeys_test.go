package inspect

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const ed25519Line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPgKDhBKSQZtG0ppTNH8lj1kXxQhbAOB1tAFTWqZXJqV"

func TestSSHKeys(t *testing.T) {
	file := "# who may come in\n\n" + ed25519Line + " me@example.org and more\nfrom=\"10.0.0.1\",no-pty " + ed25519Line + "\nssh-rsa AAAA broken\n"
	wants(t, look(t, "root/.ssh/authorized_keys", []byte(file)), "ssh: 2 SSH public keys", "| Ed25519 (ssh-ed25519) | SHA256:", "| me@example.org and more | \n", `|  | from="10.0.0.1",no-pty`, "Left out: 1 line without")
	wants(t, look(t, "etc/ssh/known_hosts", []byte("[example.org]:22 "+ed25519Line+"\n")), "ssh: 1 SSH public key", "| [example.org]:22")
	for _, s := range []string{"", "ssh-rsa\n", "ssh-rsa AAAAB3NzaC1kc3M=\n", "ssh-ed25519 AAAA//8=\n", "hello\n" + ed25519Line} {
		if k := Detect("a.pub", []byte(s)); k == KindSSH {
			t.Errorf("%q is taken for keys", s)
		}
	}
}

// TestSSHKeygen compares fingerprints and sizes with those of ssh-keygen.
func TestSSHKeygen(t *testing.T) {
	if _, err := exec.LookPath("ssh-keygen"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("%v: install openssh-client", err)
	}
	for kind, want := range map[string]string{"rsa": "RSA, 2048 bits", "ed25519": "Ed25519", "ecdsa": "ECDSA, P-256"} {
		name := filepath.Join(t.TempDir(), "key")
		args := []string{"-q", "-N", "", "-C", "c", "-t", kind, "-f", name}
		if kind == "rsa" {
			args = append(args, "-b", "2048")
		}
		if out, err := exec.Command("ssh-keygen", args...).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		raw, err := os.ReadFile(name + ".pub")
		if err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("ssh-keygen", "-l", "-f", name+".pub").Output()
		if err != nil {
			t.Fatal(err)
		}
		wants(t, look(t, "key.pub", raw), want+" (", strings.Fields(string(out))[1])
		private, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		wants(t, look(t, "key", private), "OpenSSH private key", "Whoever may pull this has it.")
	}
}

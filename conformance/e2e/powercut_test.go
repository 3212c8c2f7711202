//go:build linux

package e2e

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// TestPowerCut shuts an ext4 down without its log in the middle of concurrent pushes, mounts it again, which replays the
// journal, and holds the server to what it acknowledged.
func TestPowerCut(t *testing.T) {
	needE2E(t)
	v := newExt4(t, 4096)
	root, all, drop := filepath.Join(v.dir, "root"), newJournal(), dropConfig(t)
	for i := range 5 {
		s := start(t, root, nil, "--log=off", "--config", drop)
		round := newJournal()
		round.powerCut = true
		canary := filepath.Join(v.dir, "canary"+strconv.Itoa(i)) // a new one each time: ext4 syncs what replaces
		pushUntil(t, s, round, uint64(1000+i), 10+rand.IntN(500), func() {
			write(t, canary, bytes.Repeat([]byte("x"), 1000))
			v.cut(t)
		})
		s.kill()
		v.detach(t)
		v.attach(t)
		if b, err := os.ReadFile(canary); err == nil && len(b) == 1000 {
			t.Fatal("what was written without fsync is still there: this was no power cut")
		}
		if out, code := verify(t, root); code != 0 {
			t.Errorf("round %d: verify exits with %d:\n%s", i, code, out)
		}
		s = start(t, root, nil, "--log=off", "--config", drop)
		t.Logf("round %d: %v were acknowledged; answers after %v", i, round, s.took)
		round.check(t, s)
		all.merge(round)
		s.kill()
		if t.Failed() {
			return
		}
	}
	s := start(t, root, nil, "--config", drop)
	all.check(t, s)
	s.stop(t)
}

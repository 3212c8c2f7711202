//go:build linux

package e2e

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestKill kills the server in the middle of concurrent pushes, again and again on one root. Three times is fast enough
// for every test run; make e2e does it twenty times.
func TestKill(t *testing.T) {
	if testing.Short() && !e2e {
		t.Skip("-short")
	}
	rounds := 2
	if e2e {
		rounds = 20
	}
	root, all, drop := tempDir(t), newJournal(), dropConfig(t)
	var took []time.Duration
	for i := range rounds {
		s := start(t, root, nil, "--log=off", "--config", drop)
		round := newJournal()
		pushUntil(t, s, round, uint64(i), 10+rand.IntN(250), s.kill)
		if out, code := verify(t, root); code != 0 {
			t.Errorf("round %d: verify exits with %d:\n%s", i, code, out)
		}
		s = start(t, root, nil, "--log=off", "--config", drop)
		took = append(took, s.took)
		t.Logf("round %d: %v were acknowledged; answers after %v", i, round, s.took)
		round.check(t, s)
		all.merge(round)
		if t.Failed() {
			return
		}
		s.kill()
	}
	s := start(t, root, nil, "--config", drop)
	all.check(t, s)
	if code := s.stop(t); code != 0 {
		t.Errorf("SIGTERM: exit code %d, want 0", code)
	}
	slices.Sort(took)
	if median := took[len(took)/2]; median > time.Second { // the median, because the machine may be busy for a moment
		t.Errorf("the server answers %v after its start in the median, want less than 1s", median)
	}
}

// merge takes over what another round acknowledged. Tags that both set are as the later round says.
func (j *journal) merge(later *journal) {
	for b := range later.blobs {
		j.blobs[b] = true
	}
	for m := range later.manifests {
		j.manifests[m] = true
	}
	for subject, d := range later.referrers {
		j.referrers[subject] = d
	}
	j.files.merge(later.files)
	for p, ds := range later.tags {
		if later.acked[p] {
			j.acked[p], j.tags[p] = true, ds
			continue
		}
		for d := range ds {
			if j.acked[p] {
				j.tags[p][d] = true
			}
		}
	}
}

// verify runs `vitrine verify` and returns what it printed, and its exit code.
func verify(t *testing.T, root string) (string, int) {
	t.Helper()
	p := newProgram(t, vitrine(t))
	return p.status(t, "verify", "--root", root)
}

//go:build linux

package e2e

import (
	"slices"
	"strings"
	"testing"
)

// TestVirtual has crane and skopeo use a virtual repository of a local one and of another registry: what they copy within it stays when the other registry is gone,
// and a name that is ours is asked of nobody else.
func TestVirtual(t *testing.T) {
	needE2E(t)
	f := newFront(t, "")
	c, s := newCrane(t, f.server), newSkopeo(t, f.server)
	theirs, ours := newImage(t, 920), newImage(t, 921)
	f.up.push(t, theirs.layout, "private/app:1")
	all := f.host + "/all/"
	if got, _, err := c.pull(all + "private/app:1"); err != nil || !got.equal(theirs.identity) {
		t.Errorf("of the member that is another registry: %v, %v", got, err)
	}
	if err := c.push(ours, all+"own/app:1"); err != nil {
		t.Fatal(err)
	}
	f.checkStored(t, "team/own/app", "1", ours.identity)
	c.run(t, "copy", all+"private/app:1", all+"own/crane:1")
	s.run(t, "copy", f.trust("src-"), f.trust("dest-"), "docker://"+all+"private/app:1", "docker://"+all+"own/skopeo:1")
	if err := c.push(ours, f.host+"/hub/private/app:2"); err == nil || !strings.Contains(err.Error(), "UNSUPPORTED") {
		t.Errorf("a push to another registry's repository: %v", err)
	}

	f.up.down()
	f.again()
	for _, repo := range []string{"team/own/crane", "team/own/skopeo", "all/own/crane"} {
		f.checkStored(t, repo, "1", theirs.identity)
	}
	f.sound(t)
	f.up.line.up(t)
	f.again()

	c, all = newCrane(t, f.server), f.host+"/all/"
	if got, err := c.tags(all + "private/app"); err != nil || !slices.Equal(got, []string{"1"}) {
		t.Errorf("tags are %q, %v", got, err)
	}
	if err := c.push(ours, f.host+"/team/private/app:3"); err != nil {
		t.Fatal(err)
	}
	f.up.forget()
	if got, _, err := c.pull(all + "private/app:1"); err == nil {
		t.Errorf("a tag that ours lacks comes from elsewhere: %v", got)
	}
	if got, err := c.tags(all + "private/app"); err != nil || !slices.Equal(got, []string{"3"}) {
		t.Errorf("tags of a name that is ours are %q, %v", got, err)
	}
	if calls := f.up.asked(); len(calls) > 0 {
		t.Errorf("of a name that is ours, another registry is asked %q", calls)
	}
}

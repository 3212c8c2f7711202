package remote

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestLRU(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newLRU[string, int](10)
		soon := time.Now().Add(time.Minute)
		want := func(what, keys string) {
			t.Helper()
			got := ""
			for _, k := range []string{"a", "b", "c", "d"} {
				if _, ok := m.m[k]; ok {
					got += k
				}
			}
			if got != keys || m.recent.Len() != len(keys) {
				t.Errorf("%s: %s are kept, want %s", what, got, keys)
			}
		}
		m.put("a", 1, 4, soon)
		m.put("b", 2, 4, soon)
		m.get("a")
		m.put("c", 3, 4, soon)
		want("the one that was used last stays", "ac")
		m.put("a", 4, 6, soon)
		if v, ok := m.get("a"); v != 4 || !ok || m.cost != 10 {
			t.Errorf("a = %d, %v, at a cost of %d in all", v, ok, m.cost)
		}
		m.put("d", 5, 11, soon)
		want("what is larger than all room is not kept", "ac")
		m.put("d", 5, 1, time.Now())
		want("what is over is not kept", "ac")
		m.dropIf("a", func(v int) bool { return v == 1 })
		want("another value", "ac")
		m.dropIf("a", func(v int) bool { return v == 4 })
		want("that value", "c")
		time.Sleep(time.Minute)
		if _, ok := m.get("c"); ok || m.cost != 0 {
			t.Error("c is kept for longer than was said")
		}
	})
}

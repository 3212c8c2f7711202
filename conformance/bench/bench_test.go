package main

import (
	"bytes"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"vitrine/registry"
	"vitrine/registry/remote"
	"vitrine/storage"
	"vitrine/storage/memory"
	"vitrine/storage/mux"
	"vitrine/storage/pullthrough"
)

var tiny = sizes{64 << 10, 256 << 10, 20 << 10, 4 << 10, 1, 4, 4, 30, 12, 5, 10, 2}

// boundServer is the yardstick in this process.
func boundServer(t *testing.T, sync bool) *target {
	t.Helper()
	b, err := newBound(t.TempDir(), sync)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(b)
	t.Cleanup(s.Close)
	return &target{name: "bound", host: strings.TrimPrefix(s.URL, "http://")}
}

func tinyBench(targets ...*target) *bench {
	return &bench{sizes: tiny, rounds: 2, duration: 10 * time.Millisecond, targets: targets, content: newContent(int(tiny.big)), log: io.Discard}
}

// TestBound runs every workload on the yardstick: those that it serves pass their checks, the others are shown as none.
func TestBound(t *testing.T) {
	lacks := map[string]bool{"tags-page": true, "referrers": true, "catalog": true, "mount": true}
	for _, durable := range []bool{false, true} {
		b := tinyBench(boundServer(t, durable))
		var log bytes.Buffer
		b.log = &log
		for _, r := range b.measure(workloads) {
			if got := r.cells[0] == nil; got != lacks[r.key] {
				t.Errorf("durable %v: %s: missing is %v, want %v; log:\n%s", durable, r.key, got, lacks[r.key], log.String())
			}
		}
	}
}

// TestRegistry runs every workload on our own handlers: none may be missing.
func TestRegistry(t *testing.T) {
	s := httptest.NewServer(registry.New(memory.New(), nil))
	defer s.Close()
	b := tinyBench(&target{name: "ours", host: strings.TrimPrefix(s.URL, "http://")})
	var log bytes.Buffer
	b.log = &log
	for _, r := range b.measure(workloads) {
		if r.cells[0] == nil {
			t.Errorf("%s is missing; log:\n%s", r.key, log.String())
		}
	}
}

// TestThrough measures one registry that stands before another: what is read there was pushed to the other.
func TestThrough(t *testing.T) {
	far := httptest.NewServer(registry.New(memory.New(), nil))
	defer far.Close()
	source := &target{name: "far", host: strings.TrimPrefix(far.URL, "http://")}
	client, err := remote.New(far.URL, &remote.Options{PlainHTTP: []string{source.host}})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	local := memory.New()
	through := pullthrough.New(local, client, &pullthrough.Options{Prefix: "hub"})
	defer through.Close()
	near := httptest.NewServer(registry.New(mux.New(local, map[string]storage.Store{"hub": through}), nil))
	defer near.Close()
	b := tinyBench(source, &target{name: "near", host: strings.TrimPrefix(near.URL, "http://"), prefix: "hub/", source: source})
	var log bytes.Buffer
	b.log = &log
	for _, r := range b.measure(workloads) {
		if missing := r.cells[1] == nil; missing != (r.writes || r.key == "catalog") { // of the catalog of what was not pulled
			t.Errorf("%s: missing is %v; log:\n%s", r.key, missing, log.String())
		}
	}
	for name := range local.Repositories(t.Context(), "") {
		if !strings.HasPrefix(string(name), "hub/bench/") {
			t.Errorf("%s is in the registry that nothing was pushed to", name)
		}
	}
}

// TestWrongContent gives the checks something to find.
func TestWrongContent(t *testing.T) {
	good := boundServer(t, false)
	c, err := dial(good)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	content := newContent(1 << 10)
	x, other := content.blob(1<<10), content.blob(1<<10)
	if err := x.push(c, "a"); err != nil {
		t.Fatal(err)
	}
	if err := x.check(c, "a"); err != nil {
		t.Errorf("check of what was pushed: %v", err)
	}
	other.digest = x.digest
	if err := other.push(c, "a"); err == nil {
		t.Error("push of other bytes under the same digest: no error")
	}
	x.digest, x.tail = content.blob(1<<10).digest, nil
	if err := x.check(c, "a"); err == nil {
		t.Error("check of a blob that is not there: no error")
	}
}

// TestParts lays the pieces of a blob beside its whole.
func TestParts(t *testing.T) {
	b := &blob{size: 10, base: []byte("abc"), tail: []byte("XY")}
	for _, c := range []struct {
		from, to int64
		want     string
	}{{0, 10, "abcabcabXY"}, {0, 3, "abc"}, {2, 4, "ca"}, {7, 9, "bX"}, {8, 10, "XY"}, {9, 10, "Y"}, {4, 4, ""}} {
		if got := string(bytes.Join(b.parts(c.from, c.to), nil)); got != c.want {
			t.Errorf("parts(%d, %d) = %q, want %q", c.from, c.to, got, c.want)
		}
	}
}

func TestMedian(t *testing.T) {
	got := median([]sample{{rate: 3, p50: 1}, {rate: 1, p50: 9}, {rate: 2, p50: 5}})
	if got.rate != 2 || got.p50 != 5 {
		t.Errorf("median = %+v, want rate 2, p50 5", *got)
	}
	if median(nil) != nil {
		t.Error("median of nothing is something")
	}
}

func TestReport(t *testing.T) {
	b := tinyBench(&target{name: "ours"}, &target{name: "peer"})
	rows := []row{
		{workloads[0], []*sample{{rate: 200, cpu: 1}, {rate: 100, cpu: 2}}},
		{workloads[2], []*sample{{rate: 50}, nil}},
	}
	var out strings.Builder
	if err := b.report(&out, rows, false); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"200 (1.00)", "2.00 (0.50)", "| ours |", "push-many"} {
		if !strings.Contains(strings.Join(strings.Fields(out.String()), " "), want) {
			t.Errorf("report lacks %q:\n%s", want, out.String())
		}
	}
}

func TestArguments(t *testing.T) {
	for _, c := range []struct {
		args string
		ok   bool
	}{
		{"-url http://127.0.0.1:5000", true},
		{"-target a=http://127.0.0.1:5000,pid=7 -target b=http://h:1 -only mount,push-big", true},
		{"", false},
		{"-url https://127.0.0.1:5000", false},
		{"-url http://127.0.0.1", false},
		{"-target a=http://127.0.0.1:5000,pid=x", false},
		{"-target a=http://h:1 -target b=http://h:2/hub,pid=7,from=a -only pull-image", true},
		{"-target b=http://h:2/hub,from=a -target a=http://h:1", true},
		{"-target b=http://h:2/hub,from=a", false},
		{"-target a=http://h:1,from=a", false},
		{"-target a=http://h:1,from=b -target b=http://h:1,from=c -target c=http://h:1", false},
		{"-target a=http://h:1,to=b", false},
		{"-url http://h:1 -only nothing", false},
		{"-url http://h:1 -rounds 0", false},
		{"-url http://h:1 more", false},
	} {
		_, err := parse(strings.Fields(c.args), io.Discard)
		if (err == nil) != c.ok {
			t.Errorf("bench %s: %v, want ok %v", c.args, err, c.ok)
		}
	}
}

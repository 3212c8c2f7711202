package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// bench is one run: workloads on targets.
type bench struct {
	sizes
	rounds   int
	duration time.Duration // of a round, which ends with the operation that is under way
	targets  []*target
	content  *content
	prepared []*image // of push-many
	log      io.Writer
}

// target is a server that is measured.
type target struct {
	name   string
	host   string  // HOST:PORT
	prefix string  // of all names here, with its slash
	source *target // the registry that this one is filled from: everything is pushed there
	proc   process
	writes bool  // takes part in the workloads that write, and in no others
	idle   int64 // VmRSS in bytes before the run
}

var errNothing = errors.New("not one operation ended in time")

// sample is what one round measured. A field is zero where it can't be known.
type sample struct {
	rate     float64 // in the workload's unit
	p50, p99 time.Duration
	cpu      float64 // of the server: seconds per GiB, or microseconds per operation
	peak     float64 // resident memory, MiB
}

// row is a workload's result: one sample for each target, the medians of its rounds; nil for one that can't do it.
type row struct {
	workload
	cells []*sample
}

// measure runs the workloads one after the other. The targets of a workload take turns, so that what else happens on the machine happens
// to all of them.
func (b *bench) measure(list []workload) []row {
	for _, t := range b.targets {
		t.idle = t.proc.memory("VmRSS")
	}
	var rows []row
	for _, w := range list {
		rows = append(rows, b.row(w))
	}
	return rows
}

func (b *bench) row(w workload) row {
	jobs := make([]*job, len(b.targets))
	for i, t := range b.targets {
		jobs[i] = b.ready(w, t)
	}
	all := make([][]sample, len(b.targets))
	for range b.rounds {
		for i, t := range b.targets {
			if jobs[i] == nil {
				continue
			}
			s, err := b.round(w, t, jobs[i])
			if err != nil {
				b.logf("%s: %s: %v", t.name, w.key, err)
				jobs[i] = nil
				continue
			}
			all[i] = append(all[i], s)
		}
	}
	r := row{workload: w}
	for i := range all {
		if jobs[i] == nil {
			all[i] = nil
		}
		r.cells = append(r.cells, median(all[i]))
	}
	return r
}

// ready sets a workload up on a target; nil if the target can't do it.
func (b *bench) ready(w workload, t *target) *job {
	if t.writes && !w.writes || t.source != nil && w.writes {
		return nil
	}
	b.logf("%s: %s", t.name, w.key)
	c, err := dial(t)
	if err != nil {
		b.logf("%s: %v", t.name, err)
		return nil
	}
	defer c.Close()
	j, err := w.setup(b, c, t)
	if err != nil {
		b.logf("%s: %s: %v", t.name, w.key, err)
		return nil
	}
	return j
}

// tally is what one worker counts.
type tally struct {
	times []time.Duration
	bytes int64
	err   error
}

// round times a job once.
func (b *bench) round(w workload, t *target, j *job) (sample, error) {
	conns, err := dialAll(t, w.workers)
	defer closeAll(conns)
	if err != nil {
		return sample{}, err
	}
	settle()
	t.proc.resetPeak()
	tallies, first := make([]tally, len(conns)), j.next
	var next atomic.Int64
	var wg sync.WaitGroup
	cpu, start := t.proc.cpu(), time.Now()
	for k, c := range conns {
		wg.Go(func() { tallies[k].work(c, j, &next, start.Add(b.duration)) })
	}
	wg.Wait()
	elapsed := time.Since(start)
	cpu = t.proc.cpu() - cpu
	j.next += int(next.Load())
	if j.limit > 0 { // every worker reaches one beyond it to see that nothing is left
		j.next = min(j.next, first+j.limit)
	}
	s, err := sum(tallies, w.unit == "MiB/s", elapsed, cpu)
	s.peak = float64(t.proc.memory("VmHWM")) / (1 << 20)
	return s, err
}

// work does operations, one at least, until the time or the round's share is used up, or one fails.
func (t *tally) work(c *conn, j *job, next *atomic.Int64, end time.Time) {
	t.times = make([]time.Duration, 0, 1<<14)
	for now := time.Now(); len(t.times) == 0 || now.Before(end); {
		i := int(next.Add(1)) - 1
		if j.limit > 0 && i >= j.limit {
			return
		}
		n, err := j.do(c, j.next+i)
		if err != nil {
			t.err = err
			return
		}
		done := time.Now()
		t.times = append(t.times, done.Sub(now))
		t.bytes += n
		now = done
	}
}

func dialAll(t *target, n int) (list []*conn, err error) {
	for range n {
		c, err := dial(t)
		if err != nil {
			return list, err
		}
		list = append(list, c)
	}
	return list, nil
}

func closeAll(list []*conn) {
	for _, c := range list {
		c.Close()
	}
}

// sum turns the tallies of a round into a sample.
func sum(tallies []tally, perByte bool, elapsed, cpu time.Duration) (sample, error) {
	var times []time.Duration
	var size int64
	var errs []error
	for _, t := range tallies {
		times = append(times, t.times...)
		size += t.bytes
		errs = append(errs, t.err)
	}
	if err := errors.Join(errs...); err != nil {
		return sample{}, err
	}
	if len(times) == 0 {
		return sample{}, errNothing
	}
	slices.Sort(times)
	s := sample{p50: times[len(times)/2], p99: times[len(times)*99/100]}
	if perByte {
		s.rate = float64(size) / (1 << 20) / elapsed.Seconds()
		s.cpu = cpu.Seconds() / float64(size) * (1 << 30)
	} else {
		s.rate = float64(len(times)) / elapsed.Seconds()
		s.cpu = float64(cpu.Microseconds()) / float64(len(times))
	}
	return s, nil
}

// median takes each number's median by itself; nil of no samples.
func median(list []sample) *sample {
	if len(list) == 0 {
		return nil
	}
	middle := func(of func(sample) float64) float64 {
		var v []float64
		for _, s := range list {
			v = append(v, of(s))
		}
		slices.Sort(v)
		return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
	}
	return &sample{
		rate: middle(func(s sample) float64 { return s.rate }),
		p50:  time.Duration(middle(func(s sample) float64 { return float64(s.p50) })),
		p99:  time.Duration(middle(func(s sample) float64 { return float64(s.p99) })),
		cpu:  middle(func(s sample) float64 { return s.cpu }),
		peak: middle(func(s sample) float64 { return s.peak }),
	}
}

func (b *bench) logf(format string, args ...any) {
	fmt.Fprintf(b.log, time.Now().Format(time.TimeOnly)+" "+format+"\n", args...)
}

// fresh is a repository that no other run has.
func (b *bench) fresh(name string) string {
	return fmt.Sprintf("bench/%s-%s-%d", name, b.content.run, b.content.serial.Add(1))
}

// parallel calls f for every i below n, over 8 connections.
func (b *bench) parallel(t *target, what string, n int, f func(c *conn, i int) error) error {
	conns, err := dialAll(t, 8)
	defer closeAll(conns)
	if err != nil {
		return err
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	errs := make([]error, len(conns))
	for k, c := range conns {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && errs[k] == nil; i = int(next.Add(1)) - 1 {
				errs[k] = f(c, i)
				if i > 0 && i%1000 == 0 {
					b.logf("%s: %d of %d %s", t.name, i, n, what)
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// longTags makes a repository of many tags and returns the manifest that all of them point at. The repository is the same one
// in every run: peers need minutes for it. Tags that putTag added stay in it.
func (b *bench) longTags(c *conn, t *target) (repo string, m []byte, err error) {
	repo, last := fmt.Sprintf("bench/tags-%d", b.tags), tagName(b.tags-1)
	var got strings.Builder
	a, err := c.exchange(&got, "GET", manifestPath(repo, last), wantManifest)
	if err != nil || a.status == 200 {
		return repo, []byte(got.String()), err
	}
	x := b.content.images().next()
	if err := x.push(c, repo, tagName(0)); err != nil {
		return "", nil, err
	}
	err = b.parallel(t, "tags", b.tags-1, func(c *conn, i int) error { return putManifest(c, repo, tagName(i), x.manifest) })
	if err == nil { // the last one says that all are there
		err = putManifest(c, repo, last, x.manifest)
	}
	return repo, x.manifest, err
}

func (b *bench) repoName(i int) string { return fmt.Sprintf("bench/catalog-%d/r%05d", b.repos, i) }

// longCatalog makes many repositories of one small image each; as longTags, once for all runs.
func (b *bench) longCatalog(c *conn, t *target) error {
	last := b.repoName(b.repos - 1)
	a, err := c.exchange(nil, "HEAD", manifestPath(last, "v1"), wantManifest)
	if err != nil || a.status == 200 {
		return err
	}
	x := b.content.images().next()
	err = b.parallel(t, "repositories", b.repos-1, func(c *conn, i int) error { return x.push(c, b.repoName(i), "v1") })
	if err != nil {
		return err
	}
	return x.push(c, last, "v1")
}

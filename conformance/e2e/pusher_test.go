//go:build linux

package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
)

// pusher pushes images in every way that the protocol has, and keeps a journal of what was acknowledged.
type pusher struct {
	s      *server
	j      *journal
	repo   string
	rng    *rand.Rand
	shared content // a layer that all push
	down   *atomic.Bool
}

// errDown ends the pushers of a power cut.
var errDown = errors.New("the power is off")

// pushUntil lets pushers work until the journal has so many things more, and then cuts them short. An error before the cut
// fails t, the first one after it is how a pusher learns of it.
func pushUntil(t *testing.T, s *server, j *journal, seed uint64, count int, cut func()) {
	t.Helper()
	var down atomic.Bool
	var wg sync.WaitGroup
	for i := range 8 {
		p := pusher{
			s: s, j: j, repo: fmt.Sprintf("crash/pusher%d", i), rng: rand.New(rand.NewPCG(seed, uint64(i))),
			shared: content{seed, 100_000}, down: &down,
		}
		wg.Go(func() {
			var err error
			for n := 0; err == nil; n++ {
				err = p.image(fmt.Sprintf("r%d-%d", seed, n))
			}
			if !down.Load() {
				t.Errorf("before the cut: %v", err)
			}
		})
	}
	for patience := time.Now().Add(time.Minute); j.count() < count && time.Now().Before(patience); {
		time.Sleep(time.Millisecond)
	}
	down.Store(true)
	cut()
	wg.Wait()
}

// image pushes layers, a manifest under a tag of its own, a tag that moves and one that all fight for, and a referrer.
// It leaves an upload behind.
func (p *pusher) image(tag string) error {
	m := manifest{SchemaVersion: 2, MediaType: typeManifest}
	for _, l := range []struct {
		content
		push func(content) error
	}{{p.fresh(2000), p.single}, {p.fresh(300_000), p.whole}, {p.fresh(800_000), p.chunked}, {p.shared, p.whole}} {
		if err := l.push(l.content); err != nil {
			return err
		}
		m.Layers = append(m.Layers, descriptor{MediaType: typeLayer, Digest: l.digest(), Size: int64(l.size)})
	}
	m.Config, m.Layers = &m.Layers[0], m.Layers[1:]
	m.Config.MediaType = typeConfig
	for _, tag := range []string{tag, "moves", "fought"} {
		if err := p.manifest(m, tag); err != nil {
			return err
		}
	}
	if err := p.referrer(m); err != nil {
		return err
	}
	if err := p.filesOf(tag); err != nil {
		return err
	}
	_, err := p.begin(p.fresh(400_000), p.rng.IntN(3))
	return err
}

func (p *pusher) fresh(size int) content { return content{p.rng.Uint64(), 1000 + p.rng.IntN(size)} }

// anyOK is any status that says that it is done.
const anyOK = 200

// send makes one request that has to be answered with want. No answer comes out of a machine without power: one that arrives
// after the cut began counts for nothing. (An fsync that is under way when ext4 is shut down may well return success.)
func (p *pusher) send(want int, method, path string, body []byte, header ...string) (answer, error) {
	a, err := p.s.send(method, path, body, header...)
	if p.j.powerCut && p.down.Load() {
		return a, errDown
	}
	if err == nil && a.status != want && (want != anyOK || a.status/100 != 2) {
		err = fmt.Errorf("%s %.100s: status %d, want %d: %.200s", method, path, a.status, want, a.body)
	}
	return a, err
}

func (p *pusher) have(c content) { p.j.note(func() { p.j.blobs[at{p.repo, c.digest()}] = true }) }

// single is one POST [end-4b].
func (p *pusher) single(c content) error {
	_, err := p.send(201, "POST", "/v2/"+p.repo+"/blobs/uploads/?digest="+string(c.digest()), c.bytes(), "Content-Type", "application/octet-stream")
	if err == nil {
		p.have(c)
	}
	return err
}

// whole is POST and PUT [end-4a, end-6].
func (p *pusher) whole(c content) error {
	h, err := p.begin(c, 0)
	if err != nil {
		return err
	}
	return p.finish(h)
}

// chunked is POST, PATCH and PUT [end-4a, end-5, end-6].
func (p *pusher) chunked(c content) error {
	h, err := p.begin(c, 1+p.rng.IntN(3))
	if err != nil {
		return err
	}
	return p.finish(h)
}

// begin opens an upload and appends as many of the four chunks of its content.
func (p *pusher) begin(c content, chunks int) (*half, error) {
	a, err := p.send(202, "POST", "/v2/"+p.repo+"/blobs/uploads/", nil)
	if err != nil {
		return nil, err
	}
	h := &half{repo: p.repo, content: c, location: pathOf(a)}
	p.j.note(func() { p.j.halves[h] = true })
	b, step := c.bytes(), c.size/4
	for range chunks {
		from := h.acked
		h.sent = from + step
		a, err := p.send(202, "PATCH", h.location, b[from:h.sent],
			"Content-Type", "application/octet-stream", "Content-Range", fmt.Sprintf("%d-%d", from, h.sent-1))
		if err != nil {
			return nil, err
		}
		h.acked, h.location = h.sent, pathOf(a)
	}
	return h, nil
}

// finish closes an upload with the rest of its content. While that is under way it may be open or be a blob; which one is
// not the journal's to say.
func (p *pusher) finish(h *half) error {
	p.j.note(func() { delete(p.j.halves, h) })
	b := h.content.bytes()
	path := withQuery(h.location, "digest="+string(digest.FromBytes(b)))
	_, err := p.send(201, "PUT", path, b[h.acked:], "Content-Type", "application/octet-stream")
	if err == nil {
		p.have(h.content)
	}
	return err
}

// pathOf is the Location of an answer without its server, which has another port after a restart.
func pathOf(a answer) string {
	u, err := url.Parse(a.header.Get("Location"))
	if err != nil {
		return ""
	}
	return u.RequestURI()
}

// manifest pushes m under a tag; "fought" is a tag of a repository that all pushers push to.
func (p *pusher) manifest(m manifest, tag string) error {
	raw, err := json.Marshal(m)
	if err != nil {
		return err
	}
	to, contested := pointer{p.repo, tag}, tag == "fought"
	if contested {
		to.repo = "crash/all"
		if err := p.mount(m, to.repo); err != nil {
			return err
		}
	}
	d := digest.FromBytes(raw)
	p.j.mayPoint(to, d)
	if _, err := p.send(201, "PUT", "/v2/"+to.repo+"/manifests/"+tag, raw, "Content-Type", typeManifest); err != nil {
		return err
	}
	p.j.points(to, d, contested)
	p.j.note(func() { p.j.manifests[at{to.repo, d}] = true })
	return nil
}

// mount links what m refers to into another repository [end-11].
func (p *pusher) mount(m manifest, to string) error {
	for _, l := range append(m.Layers[:len(m.Layers):len(m.Layers)], *m.Config) {
		path := fmt.Sprintf("/v2/%s/blobs/uploads/?mount=%s&from=%s", to, l.Digest, p.repo)
		if _, err := p.send(201, "POST", path, nil); err != nil {
			return err
		}
		p.j.note(func() { p.j.blobs[at{to, l.Digest}] = true })
	}
	return nil
}

// referrer pushes an artifact, by its digest, that has m as its subject.
func (p *pusher) referrer(m manifest) error {
	subject, err := json.Marshal(m)
	if err != nil {
		return err
	}
	s := descriptor{MediaType: typeManifest, Digest: digest.FromBytes(subject), Size: int64(len(subject))}
	m.Subject, m.ArtifactType = &s, "application/vnd.example.crash"
	raw, err := json.Marshal(m)
	if err != nil {
		return err
	}
	d := digest.FromBytes(raw)
	if _, err := p.send(201, "PUT", "/v2/"+p.repo+"/manifests/"+string(d), raw, "Content-Type", typeManifest); err != nil {
		return err
	}
	p.j.note(func() { p.j.manifests[at{p.repo, d}], p.j.referrers[at{p.repo, s.Digest}] = true, d })
	return nil
}

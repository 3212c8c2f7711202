//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
)

// herdSize is how many clients come at once; the image that they want has five layers of herdLayer bytes.
const (
	herdSize  = 32
	herdLayer = 40 << 20
	lineSpeed = 50_000_000 // bytes a second: a line of 400 Mbit/s
)

// TestThroughHerd lets 32 clients at once pull an image of 200 MiB that is not here yet. Upstream is asked for each blob once, and nobody waits for the end of
// the download to see its beginning. How long they all take, beside one who pulls from upstream, is only told: the machine may be busy.
func TestThroughHerd(t *testing.T) {
	needE2E(t)
	f := newFront(t, "")
	const repo = "open/herd"
	layers := make([]content, 5)
	for k := range layers {
		layers[k] = content{uint64(860 + k), herdLayer}
	}
	img, packed := newBigImage(t, layers...)
	f.up.push(t, img.layout, repo+":1")
	h := newHerdImage(t, img)
	for _, rate := range []int{lineSpeed, 0} {
		f.up.throttle(rate)
		direct := f.up.direct(t, h, repo)
		f.up.forget()
		times := f.herd(t, h, "hub/"+repo)
		calls := f.up.asked()
		for _, d := range packed {
			if n := count(calls, "GET", string(d)) - count(calls, "GET", string(d), " 401"); n != 1 {
				t.Errorf("upstream is asked %d times for %s", n, d)
			}
		}
		slowest, warm := slices.Max(times), f.pullHerd(t, h, f.base+"/v2/hub/"+repo)
		t.Logf("at %d bytes/s: one direct pull %v; the slowest of %d clients %v, %.2fx; one warm pull %v, %.2fx",
			rate, direct, herdSize, slowest, slowest.Seconds()/direct.Seconds(), warm, warm.Seconds()/direct.Seconds())
		f.sound(t)
		f.kill()
		f.server = start(t, tempDir(t), nil, "--config", f.config) // which has nothing yet
	}
}

// TestThroughFirstByte holds a download up in its middle: all clients have read its beginning by then.
func TestThroughFirstByte(t *testing.T) {
	needE2E(t)
	f := newFront(t, "")
	_, d := f.up.bigBlob(t, 880, 8<<20, "private/first:1")
	stop := f.up.stopAt(string(d), 4<<20)
	all := make([]streaming, herdSize)
	for i := range all {
		all[i] = f.stream("/v2/hub/private/first/blobs/" + string(d))
	}
	for i, c := range all {
		select {
		case <-c.first:
		case r := <-c.done:
			t.Fatalf("client %d: %v", i, r.err)
		case <-time.After(time.Minute):
			t.Fatalf("client %d has not a byte of the 4 MiB that have come", i)
		}
	}
	stop.open()
	for i, c := range all {
		if r := <-c.done; r.err != nil || r.digest != d {
			t.Errorf("client %d: %s, %v", i, r.digest, r.err)
		}
	}
	if calls := f.up.asked(); count(calls, string(d), " 200") != 1 {
		t.Errorf("upstream is asked %q", calls)
	}
}

// herdImage is what a client that pulls wants, and the sum of each part. The sum is one that costs nothing: 32 clients share the processors with the servers.
type herdImage struct {
	manifest digest.Digest
	blobs    []descriptor
	sums     []uint32
}

var cheap = crc32.MakeTable(crc32.Castagnoli)

func newHerdImage(t *testing.T, img *image) *herdImage {
	t.Helper()
	raw, err := layoutBlobs(img.layout).get(img.root.Digest)
	if err != nil {
		t.Fatal(err)
	}
	var m manifest
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	h := &herdImage{manifest: img.root.Digest, blobs: append(m.Layers, *m.Config)}
	for _, d := range h.blobs {
		b, err := layoutBlobs(img.layout).get(d.Digest)
		if err != nil {
			t.Fatal(err)
		}
		h.sums = append(h.sums, crc32.Checksum(b, cheap))
	}
	return h
}

// herd lets clients pull at once and returns how long each took.
func (s *server) herd(t *testing.T, h *herdImage, repo string) []time.Duration {
	t.Helper()
	times := make([]time.Duration, herdSize)
	var clients sync.WaitGroup
	for i := range times {
		clients.Go(func() { times[i] = s.pullHerd(t, h, s.base+"/v2/"+repo) })
	}
	clients.Wait()
	return times
}

func (s *server) pullHerd(t *testing.T, h *herdImage, base string) time.Duration {
	t.Helper()
	begin := time.Now()
	if err := h.pull(s.client, base, ""); err != nil {
		t.Error(err)
	}
	return time.Since(begin)
}

// direct pulls from upstream as one client, with the token that everybody gets.
func (u *upstream) direct(t *testing.T, h *herdImage, repo string) time.Duration {
	t.Helper()
	token, err := u.tokens.token("", []string{"repository:" + repo + ":pull"})
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	if err := h.pull(http.DefaultClient, "http://"+u.host+"/v2/"+repo, token); err != nil {
		t.Error(err)
	}
	return time.Since(begin)
}

// pull gets the image as docker does: what the tag is, the manifest, and the blobs, three at a time.
func (h *herdImage) pull(c *http.Client, base, token string) error {
	if _, err := getSum(c, "HEAD", base+"/manifests/1", token); err != nil {
		return err
	}
	if _, err := getSum(c, "GET", base+"/manifests/"+string(h.manifest), token); err != nil {
		return err
	}
	errs, turns := make(chan error, len(h.blobs)), make(chan struct{}, 3)
	for i, d := range h.blobs {
		go func() {
			turns <- struct{}{}
			sum, err := getSum(c, "GET", base+"/blobs/"+string(d.Digest), token)
			if err == nil && sum != h.sums[i] {
				err = fmt.Errorf("%s comes with other bytes", d.Digest)
			}
			<-turns
			errs <- err
		}()
	}
	var first error
	for range h.blobs {
		if err := <-errs; first == nil {
			first = err
		}
	}
	return first
}

func getSum(c *http.Client, method, url, token string) (uint32, error) {
	req, err := http.NewRequest(method, url, nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Accept", acceptAll)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := c.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("%s %s: %s", method, url, res.Status)
	}
	sum := crc32.New(cheap)
	_, err = io.CopyBuffer(struct{ io.Writer }{sum}, res.Body, make([]byte, 256<<10))
	return sum.Sum32(), err
}

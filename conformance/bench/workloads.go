package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// sizes are how much there is of what the workloads push, pull and list.
type sizes struct {
	big       int64 // bytes of a big blob
	huge      int64 // bytes of the blob that ranges are read of
	chunk     int64 // bytes of a PATCH
	span      int64 // bytes of a range
	bigs      int   // big blobs pushed in a round
	images    int   // images pushed in a round, at most
	puts      int   // tags put in a round, at most
	tags      int   // in the long list
	repos     int   // in the long catalog
	referrers int   // of one subject
	page      int   // entries asked for at once
	few       int   // objects that a small-request workload goes round
}

var (
	fullSize  = sizes{256 << 20, 1 << 30, 8 << 20, 64 << 10, 2, 8000, 1000, 10000, 5000, 1000, 100, 10}
	quickSize = sizes{16 << 20, 32 << 20, 2 << 20, 64 << 10, 2, 500, 100, 500, 200, 50, 20, 10}
)

// perRepo is how many images push-many puts into a repository before it begins the next.
const perRepo = 10

// workload is a row of the table.
type workload struct {
	key     string // for -only
	title   string
	unit    string // of the throughput; one that ends in B/s counts bytes, others operations
	workers int    // connections, each with one request at a time
	writes  bool   // what it measures is writing: the durable bound takes part
	setup   func(b *bench, c *conn, t *target) (*job, error)
}

// job is a workload made ready on one target, its answers checked once.
type job struct {
	do    func(c *conn, i int) (int64, error) // the i-th operation of the run; returns the bytes of content it moved
	limit int                                 // operations in a round; 0 if only time bounds them
	next  int                                 // i of the next round's first
}

// workloads has the rows in the order in which they run.
var workloads = []workload{
	{"push-big", "push-big 256 MiB", "MiB/s", 1, true, pushBig},
	{"push-chunked", "push-chunked 256 MiB in 8 MiB", "MiB/s", 1, true, pushChunked},
	{"push-many", "push-many, 8 pushers", "images/s", 8, true, pushMany},
	{"pull-big", "pull-big, 8 clients", "MiB/s", 8, false, pullBig},
	{"range-get", "64 KiB ranges of 1 GiB, 8 clients", "requests/s", 8, false, rangeGet},
	{"manifest-tag", "manifest GET by tag", "requests/s", 8, false, manifestByTag},
	{"manifest-digest", "manifest GET by digest", "requests/s", 8, false, manifestByDigest},
	{"head-blob", "HEAD blob", "requests/s", 8, false, headBlob},
	{"get-blob", "GET 1 KiB blob", "requests/s", 8, false, getBlob},
	{"tags-page", "tags page n=100 of 10,000", "requests/s", 8, false, tagsPage},
	{"head-tag", "HEAD a tag among 10,000", "requests/s", 8, false, headTag},
	{"put-tag", "put one more tag into 10,000", "requests/s", 8, true, putTag},
	{"referrers", "referrers of 1,000, all", "requests/s", 8, false, referrers},
	{"catalog", "catalog page of 5,000", "requests/s", 8, false, catalogPage},
	{"mount", "mount", "requests/s", 8, true, mount},
	{"pull-image", "pull an image of 256 MiB, 8 clients", "MiB/s", 8, false, pullImage},
	{"pull-many", "pull small images, 8 clients", "images/s", 8, false, pullMany},
	{"pull-cold", "pull a cold image of 256 MiB", "MiB/s", 1, false, pullCold},
	{"pull-herd", "32 clients at once, a cold image of 256 MiB", "MiB/s", herd, false, pullHerd},
}

func pushBig(b *bench, c *conn, t *target) (*job, error) {
	return pushWith(b, c, "big", (*blob).push)
}

func pushChunked(b *bench, c *conn, t *target) (*job, error) {
	return pushWith(b, c, "chunked", func(x *blob, c *conn, repo string) error { return x.pushChunked(c, repo, b.chunk) })
}

func pushWith(b *bench, c *conn, name string, push func(x *blob, c *conn, repo string) error) (*job, error) {
	s, repo := b.content.series(b.big), b.fresh(name)
	first := s.next()
	if err := push(first, c, repo); err != nil {
		return nil, err
	}
	list := make([]*blob, b.rounds*b.bigs)
	for i := range list {
		list[i] = s.next()
	}
	do := func(c *conn, i int) (int64, error) { return b.big, push(list[i], c, repo) }
	return &job{do: do, limit: b.bigs}, first.check(c, repo)
}

// pushMany makes its images once for all targets: hashing them is the client's work, and not what is measured.
func pushMany(b *bench, c *conn, t *target) (*job, error) {
	repo := b.fresh("many")
	first := b.content.images().next()
	if err := first.push(c, repo, "first"); err != nil {
		return nil, err
	}
	if b.prepared == nil {
		s := b.content.images()
		for range b.rounds * b.images {
			b.prepared = append(b.prepared, s.next())
		}
	}
	do := func(c *conn, i int) (int64, error) {
		return 0, b.prepared[i].push(c, fmt.Sprintf("%s/%d", repo, i/perRepo), fmt.Sprintf("v%d", i))
	}
	return &job{do: do, limit: b.images}, first.check(c, repo, "first")
}

func pullBig(b *bench, c *conn, t *target) (*job, error) {
	x, repo := b.content.blob(b.big), b.fresh("pull")
	if err := x.push(c, repo); err != nil {
		return nil, err
	}
	return &job{do: getting("GET", b.big, blobPath(repo, x.digest))}, x.check(c, repo)
}

func rangeGet(b *bench, c *conn, t *target) (*job, error) {
	x, repo := b.content.blob(b.huge), b.fresh("range")
	if err := x.push(c, repo); err != nil {
		return nil, err
	}
	path := blobPath(repo, x.digest)
	do := func(c *conn, i int) (int64, error) {
		at := rand.Int64N(b.huge - b.span)
		n, err := readRange(c, nil, path, at, at+b.span)
		return n, sizeIs(err, path, n, b.span)
	}
	at := b.huge/2 - 1
	var got bytes.Buffer
	if _, err := readRange(c, &got, path, at, at+b.span); err != nil {
		return nil, err
	}
	if !bytes.Equal(got.Bytes(), slices.Concat(x.parts(at, at+b.span)...)) {
		return nil, fmt.Errorf("%w: bytes %d-%d of %s", errContent, at, at+b.span-1, path)
	}
	return &job{do: do}, nil
}

// getting is an operation that asks for one path after the other; each answer has size bytes, or promises them to a HEAD.
func getting(method string, size int64, paths ...string) func(*conn, int) (int64, error) {
	return func(c *conn, i int) (int64, error) {
		path := paths[i%len(paths)]
		a, err := c.do(200, nil, method, path, wantManifest)
		return a.length, sizeIs(err, path, a.length, size)
	}
}

func sizeIs(err error, path string, got, want int64) error {
	if err == nil && got != want {
		return fmt.Errorf("%w: %s: %d bytes, want %d", errContent, path, got, want)
	}
	return err
}

// fewImages pushes a few images into one repository.
func fewImages(b *bench, c *conn) (repo string, list []*image, err error) {
	repo = b.fresh("few")
	s := b.content.images()
	for i := range b.few {
		m := s.next()
		if err := m.push(c, repo, tagName(i)); err != nil {
			return "", nil, err
		}
		if err := m.check(c, repo, tagName(i)); err != nil {
			return "", nil, err
		}
		list = append(list, m)
	}
	return repo, list, nil
}

func tagName(i int) string { return fmt.Sprintf("t%05d", i) }

func manifestByTag(b *bench, c *conn, t *target) (*job, error) {
	return manifestBy(b, c, func(i int, m *image) string { return tagName(i) })
}

func manifestByDigest(b *bench, c *conn, t *target) (*job, error) {
	return manifestBy(b, c, func(i int, m *image) string { return digestOf(m.manifest) })
}

func manifestBy(b *bench, c *conn, ref func(int, *image) string) (*job, error) {
	repo, list, err := fewImages(b, c)
	if err != nil {
		return nil, err
	}
	var do []func(*conn, int) (int64, error)
	for i, m := range list {
		path := manifestPath(repo, ref(i, m))
		do = append(do, getting("GET", int64(len(m.manifest)), path))
		if err := checkManifest(c, repo, ref(i, m), m.manifest); err != nil {
			return nil, err
		}
	}
	return &job{do: func(c *conn, i int) (int64, error) { return do[i%len(do)](c, i) }}, nil
}

func headBlob(b *bench, c *conn, t *target) (*job, error) { return smallBlob(b, c, "HEAD") }
func getBlob(b *bench, c *conn, t *target) (*job, error)  { return smallBlob(b, c, "GET") }

func smallBlob(b *bench, c *conn, method string) (*job, error) {
	repo, list, err := fewImages(b, c)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, m := range list {
		paths = append(paths, blobPath(repo, m.config().digest))
	}
	return ready(c, &job{do: getting(method, list[0].config().size, paths...)})
}

// ready tries a job's operation once. It is the check of those whose answers say all by status and size.
func ready(c *conn, j *job) (*job, error) {
	_, err := j.do(c, j.next)
	j.next++
	return j, err
}

// tagsPage asks for pages from a random place on.
func tagsPage(b *bench, c *conn, t *target) (*job, error) {
	if err := tagLists(b, c); err != nil {
		return nil, err
	}
	repo, _, err := b.longTags(c, t)
	if err != nil {
		return nil, err
	}
	return listPage(b, c, "tags", "/v2/"+repo+"/tags/list", b.tags, tagName)
}

// tagLists says whether the server has lists of tags at all, before thousands are put for nothing.
func tagLists(b *bench, c *conn) error {
	repo := b.fresh("probe")
	if err := b.content.images().next().push(c, repo, "one"); err != nil {
		return err
	}
	_, err := c.do(200, nil, "GET", "/v2/"+repo+"/tags/list", "")
	return err
}

// listPage checks one page of a list of n names, then asks for pages from random places on.
func listPage(b *bench, c *conn, key, path string, n int, name func(int) string) (*job, error) {
	page := func(c *conn, w *bytes.Buffer, at int) (int64, error) {
		full := fmt.Sprintf("%s?n=%d&last=%s", path, b.page, name(at))
		if w == nil { // a nil *bytes.Buffer is no nil io.Writer
			a, err := c.do(200, nil, "GET", full, "")
			return a.length, err
		}
		a, err := c.do(200, w, "GET", full, "")
		return a.length, err
	}
	var got bytes.Buffer
	at := (n - b.page) / 2
	size, err := page(c, &got, at)
	if err != nil {
		return nil, err
	}
	var lists map[string]any
	if err := json.Unmarshal(got.Bytes(), &lists); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", errContent, path, err)
	}
	list, _ := lists[key].([]any)
	if len(list) != b.page || list[0] != name(at+1) || list[b.page-1] != name(at+b.page) {
		return nil, fmt.Errorf("%w: %s: a page of %d, not the %d behind %s", errContent, path, len(list), b.page, name(at))
	}
	return &job{do: func(c *conn, i int) (int64, error) {
		got, err := page(c, nil, rand.IntN(n-b.page))
		return got, sizeIs(err, path, got, size)
	}}, nil
}

func headTag(b *bench, c *conn, t *target) (*job, error) {
	repo, m, err := b.longTags(c, t)
	if err != nil {
		return nil, err
	}
	return ready(c, &job{do: func(c *conn, i int) (int64, error) {
		path := manifestPath(repo, tagName(rand.IntN(b.tags)))
		a, err := c.do(200, nil, "HEAD", path, wantManifest)
		return 0, sizeIs(err, path, a.length, int64(len(m)))
	}})
}

func putTag(b *bench, c *conn, t *target) (*job, error) {
	repo, m, err := b.longTags(c, t)
	if err != nil {
		return nil, err
	}
	name := func(i int) string { return fmt.Sprintf("u%s-%d", b.content.run, i) }
	j, err := ready(c, &job{limit: b.puts, do: func(c *conn, i int) (int64, error) { return 0, putManifest(c, repo, name(i), m) }})
	if err != nil {
		return nil, err
	}
	return j, checkManifest(c, repo, name(0), m)
}

func referrers(b *bench, c *conn, t *target) (*job, error) {
	repo, m := b.fresh("referrers"), b.content.images().next()
	if err := m.push(c, repo, "subject"); err != nil {
		return nil, err
	}
	path := "/v2/" + repo + "/referrers/" + digestOf(m.manifest)
	if _, err := c.origin().do(200, nil, "GET", path, ""); err != nil { // whether there are such lists; what stands before it would keep the empty one
		return nil, err
	}
	if err := emptyBlob().push(c, repo); err != nil {
		return nil, err
	}
	for i := range b.referrers { // one after the other: there are peers that lose some of those that come at once
		a := artifact(i, m.manifest)
		if err := putManifest(c, repo, digestOf(a), a); err != nil {
			return nil, err
		}
	}
	size, err := countReferrers(c, path, b.referrers)
	return &job{do: func(c *conn, i int) (int64, error) {
		n, err := follow(c, path, nil)
		return n, sizeIs(err, path, n, size)
	}}, err
}

// follow reads a list to its end, page after page, and returns the size of all; see is called with each page unless it is nil.
func follow(c *conn, path string, see func([]byte) error) (sum int64, err error) {
	for path != "" && err == nil {
		var a answer
		var page bytes.Buffer
		if see == nil {
			a, err = c.do(200, nil, "GET", path, "")
		} else if a, err = c.do(200, &page, "GET", path, ""); err == nil {
			err = see(page.Bytes())
		}
		sum += a.length
		_, link, _ := strings.Cut(a.link, "<")
		link, _, _ = strings.Cut(link, ">")
		path = c.path(link)
	}
	return sum, err
}

func countReferrers(c *conn, path string, want int) (int64, error) {
	seen := map[string]bool{}
	size, err := follow(c, path, func(page []byte) error {
		var index struct{ Manifests []struct{ Digest string } }
		err := json.Unmarshal(page, &index)
		for _, m := range index.Manifests {
			seen[m.Digest] = true
		}
		return err
	})
	if err == nil && len(seen) != want {
		err = fmt.Errorf("%w: %s lists %d, want %d", errContent, path, len(seen), want)
	}
	return size, err
}

func catalogPage(b *bench, c *conn, t *target) (*job, error) {
	if _, err := c.do(200, nil, "GET", "/v2/_catalog?n=1", ""); err != nil {
		return nil, err
	}
	if err := b.longCatalog(c, t); err != nil {
		return nil, err
	}
	return listPage(b, c, "repositories", "/v2/_catalog", b.repos, b.repoName)
}

// mount links a few blobs of one repository into one repository after the other.
func mount(b *bench, c *conn, t *target) (*job, error) {
	from, s := b.fresh("mounted"), b.content.series(1<<10)
	list := make([]*blob, 10*b.few)
	for i := range list {
		list[i] = s.next()
		if err := list[i].push(c, from); err != nil {
			return nil, err
		}
	}
	into := b.fresh("mount")
	j, err := ready(c, &job{do: func(c *conn, i int) (int64, error) {
		repo, x := fmt.Sprintf("%s/%d", into, i/len(list)), list[i%len(list)]
		_, err := c.do(201, nil, "POST", uploadsPath(repo)+"?mount="+x.digest+"&from="+from, "")
		return 0, err
	}})
	if err != nil {
		return nil, err
	}
	return j, list[0].check(c, into+"/0")
}

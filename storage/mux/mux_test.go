package mux_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/memory"
	"vitrine/storage/mux"
	"vitrine/storage/oci"
	"vitrine/storage/pullthrough"
	"vitrine/storage/storagetest"
)

func TestStore(t *testing.T) {
	storagetest.Run(t, func(*testing.T) storage.Store {
		return mux.New(memory.New(), map[string]storage.Store{"mounted": memory.New(), "all": mux.NewVirtual("all", nil, nil)})
	})
}

// TestVirtualStore runs the contract against a Virtual whose other member is empty.
func TestVirtualStore(t *testing.T) {
	for _, reserve := range []bool{false, true} {
		t.Run(fmt.Sprint("reserve ", reserve), func(t *testing.T) {
			storagetest.Run(t, func(*testing.T) storage.Store {
				members := []mux.Member{{Name: "hub", Store: memory.New()}, {Store: memory.New(), Local: true}}
				return mux.NewVirtual("", members, &mux.VirtualOptions{Reserve: reserve})
			})
		})
	}
}

var errDown = fmt.Errorf("%w: connection refused", storage.ErrUpstream)

// broken is a store that does not answer while err is not nil.
type broken struct {
	storage.Store
	mu  sync.Mutex
	err error
}

func (b *broken) set(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.err = err
}

func (b *broken) why() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

func (b *broken) StatBlob(ctx context.Context, repo oci.Name, d digest.Digest) (int64, error) {
	if err := b.why(); err != nil {
		return 0, err
	}
	return b.Store.StatBlob(ctx, repo, d)
}

func (b *broken) OpenBlob(ctx context.Context, repo oci.Name, d digest.Digest) (storage.Blob, error) {
	if err := b.why(); err != nil {
		return nil, err
	}
	return b.Store.OpenBlob(ctx, repo, d)
}

func (b *broken) GetManifest(ctx context.Context, repo oci.Name, d digest.Digest) (storage.Manifest, error) {
	if err := b.why(); err != nil {
		return storage.Manifest{}, err
	}
	return b.Store.GetManifest(ctx, repo, d)
}

func (b *broken) ResolveTag(ctx context.Context, repo oci.Name, tag oci.Tag) (oci.Descriptor, error) {
	if err := b.why(); err != nil {
		return oci.Descriptor{}, err
	}
	return b.Store.ResolveTag(ctx, repo, tag)
}

func (b *broken) Tags(ctx context.Context, repo oci.Name, after oci.Tag) iter.Seq2[oci.Tag, error] {
	return func(yield func(oci.Tag, error) bool) {
		if err := b.why(); err != nil {
			yield("", err)
			return
		}
		b.Store.Tags(ctx, repo, after)(yield)
	}
}

func (b *broken) Repositories(ctx context.Context, after oci.Name) iter.Seq2[oci.Name, error] {
	return func(yield func(oci.Name, error) bool) {
		if err := b.why(); err != nil {
			yield("", err)
			return
		}
		b.Store.Repositories(ctx, after)(yield)
	}
}

// push makes content a blob of repo.
func push(t *testing.T, s storage.Store, repo oci.Name, content string) digest.Digest {
	t.Helper()
	d := digest.FromString(content)
	if err := storage.PutBlob(t.Context(), s, repo, d, strings.NewReader(content)); err != nil {
		t.Fatalf("PutBlob(%s) = %v", repo, err)
	}
	return d
}

// image makes an image of one layer, without its blobs.
func image(t *testing.T, layer string) storage.Manifest {
	t.Helper()
	raw := fmt.Sprintf(`{"schemaVersion":2,"config":{"mediaType":"a/config","digest":%q,"size":2},"layers":[{"mediaType":"a/layer","digest":%q,"size":%d}]}`,
		digest.FromString("{}"), digest.FromString(layer), len(layer))
	return parse(t, oci.MediaTypeImageManifest, raw)
}

func parse(t *testing.T, mediaType, raw string) storage.Manifest {
	t.Helper()
	m, _, err := storage.ParseManifest(mediaType, []byte(raw), "")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// pushImage pushes an image with its blobs.
func pushImage(t *testing.T, s storage.Store, repo oci.Name, layer string, tags ...oci.Tag) storage.Manifest {
	t.Helper()
	push(t, s, repo, "{}")
	push(t, s, repo, layer)
	m := image(t, layer)
	put(t, s, repo, m, tags...)
	return m
}

func put(t *testing.T, s storage.Store, repo oci.Name, m storage.Manifest, tags ...oci.Tag) {
	t.Helper()
	if err := s.PutManifest(t.Context(), repo, m); err != nil {
		t.Fatalf("PutManifest(%s) = %v", repo, err)
	}
	for _, tag := range tags {
		if err := s.SetTag(t.Context(), repo, tag, m.Digest, storage.Match{}); err != nil {
			t.Fatalf("SetTag(%s, %s) = %v", repo, tag, err)
		}
	}
}

// wantPull checks that repo has an image under a tag, with its layer.
func wantPull(t *testing.T, s storage.Reader, repo oci.Name, tag oci.Tag, layer string) {
	t.Helper()
	want := image(t, layer)
	d, err := s.ResolveTag(t.Context(), repo, tag)
	if d.Digest != want.Digest || err != nil {
		t.Errorf("ResolveTag(%s, %s) = %s, %v, want %s", repo, tag, d.Digest, err, want.Digest)
		return
	}
	if _, err := s.GetManifest(t.Context(), repo, d.Digest); err != nil {
		t.Errorf("GetManifest(%s) = %v", repo, err)
	}
	got, err := storage.ReadBlob(t.Context(), s, repo, digest.FromString(layer), 1000)
	if string(got) != layer || err != nil {
		t.Errorf("ReadBlob(%s) = %q, %v, want %q", repo, got, err, layer)
	}
}

func wantErr(t *testing.T, call string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s = %v, want %v", call, err, want)
	}
}

func collect[T any](t *testing.T, seq iter.Seq2[T, error]) (all []T) {
	t.Helper()
	for v, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	return all
}

func wantNames(t *testing.T, call string, seq iter.Seq2[oci.Name, error], want string) {
	t.Helper()
	if got := fmt.Sprint(collect(t, seq)); got != "["+want+"]" {
		t.Errorf("%s = %s, want [%s]", call, got, want)
	}
}

// house is a registry with one of everything:
//
//	team/...    local
//	hub/...     pulled through from upstream
//	all/...     team, then hub
//	anything    local, or else hub
type house struct {
	*mux.Store
	local, hub *memory.Store // what is kept, and upstream
	line       *broken       // to upstream
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{local: memory.New(), hub: memory.New()}
	h.line = &broken{Store: h.hub}
	through := pullthrough.New(h.local, h.line, &pullthrough.Options{Prefix: "hub", IndexTTL: -1, NegativeTTL: -1})
	t.Cleanup(func() { through.Close() })
	hub := mux.Member{Name: "hub", Store: through}
	all := mux.NewVirtual("all", []mux.Member{{Name: "team", Store: h.local, Local: true}, hub}, nil)
	root := mux.NewVirtual("", []mux.Member{{Store: h.local, Local: true}, hub}, &mux.VirtualOptions{Reserve: true})
	h.Store = mux.New(h.local, map[string]storage.Store{"": root, "hub": through, "all": all})
	return h
}

// TestHouse pulls and pushes by each way.
func TestHouse(t *testing.T) {
	h := newHouse(t)
	pushImage(t, h.hub, "library/app", "upstream's", "1")
	pushImage(t, h.hub, "app", "upstream's app", "1", "2")
	for _, name := range []oci.Name{"hub/library/app", "all/library/app", "library/app"} {
		wantPull(t, h, name, "1", "upstream's")
	}
	pushImage(t, h, "team/app", "ours", "1")
	wantPull(t, h, "all/app", "1", "ours")
	wantPull(t, h, "all/app", "2", "upstream's app")
	wantPull(t, h, "hub/app", "1", "upstream's app")
	if got := fmt.Sprint(collect(t, h.Tags(t.Context(), "all/app", ""))); got != "[1 2]" {
		t.Errorf("Tags = %s", got)
	}
	pushImage(t, h, "all/new", "pushed to all", "1")
	wantPull(t, h, "team/new", "1", "pushed to all")
	pushImage(t, h, "app", "at the root", "1")
	wantPull(t, h, "app", "1", "at the root")
	_, err := h.ResolveTag(t.Context(), "app", "2") // the name is ours now
	wantErr(t, "ResolveTag", err, storage.ErrManifestUnknown)
	wantNames(t, "Repositories", h.Repositories(t.Context(), ""),
		"all/app all/library/app all/new app hub/app hub/library/app team/app team/new")
	wantNames(t, "Repositories", h.Repositories(t.Context(), "all/library/app"), "all/new app hub/app hub/library/app team/app team/new")
	wantNames(t, "Repositories", h.Repositories(t.Context(), "b"), "hub/app hub/library/app team/app team/new")
	wantNames(t, "BlobRepositories", h.BlobRepositories(t.Context(), digest.FromString("ours")), "all/app team/app")
	wantNames(t, "BlobRepositories", h.BlobRepositories(t.Context(), digest.FromString("upstream's")), "all/library/app hub/library/app")
	_, err = h.StartUpload(t.Context(), "hub/app", "")
	wantErr(t, "StartUpload", err, storage.ErrUnsupported)
	wantErr(t, "AskPush", storage.AskPush(t.Context(), h, "hub/app"), storage.ErrUnsupported)
	for _, name := range []oci.Name{"all/app", "team/app", "any"} {
		wantErr(t, "AskPush", storage.AskPush(t.Context(), h, name), nil)
	}
}

// TestHouseWithoutUpstream checks what goes on and what is told.
func TestHouseWithoutUpstream(t *testing.T) {
	h := newHouse(t)
	pushImage(t, h.hub, "app", "upstream's", "1", "3")
	pushImage(t, h, "team/app", "ours", "2")
	wantPull(t, h, "all/app", "1", "upstream's")
	h.line.set(errDown)
	wantPull(t, h, "all/app", "2", "ours")
	wantPull(t, h, "all/app", "1", "upstream's")
	_, err := h.ResolveTag(t.Context(), "all/app", "3")
	wantErr(t, "ResolveTag of what may be upstream", err, storage.ErrUpstream)
	_, err = h.ResolveTag(t.Context(), "all/none", "1")
	wantErr(t, "ResolveTag of what may be upstream", err, storage.ErrUpstream)
	ctx, notes := storage.WithNotes(t.Context())
	if got := fmt.Sprint(collect(t, h.Tags(ctx, "all/app", ""))); got != "[1 2]" {
		t.Errorf("Tags = %s", got)
	}
	if len(notes.All()) != 1 {
		t.Errorf("notes %v, want one", notes.All())
	}
	pushImage(t, h, "all/new", "pushed meanwhile", "1")
	pushImage(t, h, "new", "pushed meanwhile, to the root", "1")
	_, err = h.StatBlob(t.Context(), "all/new", digest.FromString("another"))
	wantErr(t, "StatBlob before a push", err, storage.ErrBlobUnknown)
	_, err = h.OpenBlob(t.Context(), "all/new", digest.FromString("another"))
	wantErr(t, "OpenBlob of what may be upstream", err, storage.ErrUpstream)
}

// TestPassedOver looks at a first member that does not answer.
func TestPassedOver(t *testing.T) {
	first, second := &broken{Store: memory.New()}, memory.New()
	pushImage(t, first, "a/app", "first", "1")
	pushImage(t, second, "b/app", "second", "1", "2")
	v := mux.NewVirtual("v", []mux.Member{{Name: "a", Store: first}, {Name: "b", Store: second}}, nil)
	wantPull(t, v, "v/app", "1", "first")
	for _, err := range []error{errDown, storage.ErrTooMany, fmt.Errorf("%w: %w", storage.ErrBlobUnknown, storage.ErrDamaged)} {
		first.set(err)
		ctx, notes := storage.WithNotes(t.Context())
		if d, err := v.ResolveTag(ctx, "v/app", "1"); d.Digest != image(t, "second").Digest || err != nil {
			t.Errorf("ResolveTag = %s, %v, want the second's", d.Digest, err)
		}
		if n := notes.All(); len(n) != 1 || n[0].Kind != storage.Partial {
			t.Errorf("notes %+v", n)
		}
		if got := collect(t, v.Tags(ctx, "v/app", "")); len(got) != 2 {
			t.Errorf("Tags = %s", got)
		}
		wantNames(t, "Repositories", v.Repositories(ctx, ""), "v/app")
		_, missing := v.ResolveTag(ctx, "v/none", "1")
		wantErr(t, "ResolveTag of what the first may have", missing, err)
		_, missing = v.StatBlob(ctx, "v/app", digest.FromString("none"))
		wantErr(t, "StatBlob without anybody to push to", missing, err)
	}
	first.set(storage.ErrDenied)
	ctx, notes := storage.WithNotes(t.Context())
	_, err := v.ResolveTag(ctx, "v/none", "1")
	wantErr(t, "ResolveTag of what one refuses and one has not", err, storage.ErrRepoUnknown)
	if len(notes.All()) > 0 {
		t.Errorf("notes %v on a refusal", notes.All())
	}
	only := mux.NewVirtual("v", []mux.Member{{Name: "a", Store: first}}, nil)
	_, err = only.ResolveTag(t.Context(), "v/app", "1")
	wantErr(t, "ResolveTag of what all refuse", err, storage.ErrDenied)
	for _, err := range only.Tags(t.Context(), "v/app", "") {
		wantErr(t, "Tags of what all refuse", err, storage.ErrDenied)
	}
}

// TestPushTakesOver checks that an image that was pushed without what the other member has is whole when that has gone.
func TestPushTakesOver(t *testing.T) {
	h := newHouse(t)
	pushImage(t, h.hub, "app", "base", "1")
	child := pushImage(t, h.hub, "app", "child")
	for name, upstream := range map[oci.Name]string{"all/app": "team/app", "app": "app"} {
		if _, err := h.StatBlob(t.Context(), name, digest.FromString("base")); err != nil {
			t.Errorf("StatBlob(%s) = %v: upstream has it", name, err)
		}
		push(t, h, name, "on top")
		if _, err := h.StatBlob(t.Context(), name, digest.FromString("base")); err != nil {
			t.Errorf("StatBlob(%s) = %v when the push has begun", name, err)
		}
		m := parse(t, oci.MediaTypeImageManifest, fmt.Sprintf(`{"config":{"mediaType":"a/b","digest":%q,"size":4},"layers":[{"mediaType":"a/b","digest":%q,"size":6},{"mediaType":"a/b","digest":%q,"size":9}]}`,
			digest.FromString("base"), digest.FromString("on top"), digest.FromString("nowhere")))
		put(t, h, name, m, "mine")
		list := parse(t, oci.MediaTypeImageIndex, fmt.Sprintf(`{"manifests":[{"mediaType":%q,"digest":%q,"size":%d},{"mediaType":"a/b","digest":%q,"size":2}]}`,
			child.MediaType, child.Digest, child.Size, digest.FromString("{}")))
		if name == "all/app" {
			put(t, h, name, list, "list")
		}
		local := oci.Name(upstream)
		for _, d := range []digest.Digest{digest.FromString("base"), digest.FromString("on top")} {
			if _, err := h.local.StatBlob(t.Context(), local, d); err != nil {
				t.Errorf("%s is not here: %v", d, err)
			}
		}
	}
	if _, err := h.local.GetManifest(t.Context(), "team/app", child.Digest); err != nil {
		t.Errorf("the child of the index is not here: %v", err)
	}
	for _, content := range []string{"child", "{}"} {
		if _, err := h.local.StatBlob(t.Context(), "team/app", digest.FromString(content)); err != nil {
			t.Errorf("%q is not here: %v", content, err)
		}
	}
}

// TestMount checks that blobs are mounted between names of all kinds, if they are kept.
func TestMount(t *testing.T) {
	h := newHouse(t)
	ours := push(t, h, "team/app", "ours")
	theirs := push(t, h.hub, "app", "theirs")
	for _, tt := range []struct {
		to   oci.Name
		d    digest.Digest
		from oci.Name
		want error
	}{
		{"team/x", ours, "team/app", nil},
		{"all/x", ours, "all/app", nil},
		{"all/y", ours, "team/app", nil},
		{"y", ours, "all/app", nil},
		{"team/x", theirs, "hub/app", storage.ErrBlobUnknown}, // not kept yet
		{"team/x", theirs, "", nil},                           // read it
		{"team/x", theirs, "hub/app", nil},
		{"all/z", theirs, "all/app", nil},
		{"z", theirs, "hub/app", nil},
		{"hub/x", ours, "team/app", storage.ErrUnsupported},
		{"team/x", ours, "hub/app", storage.ErrBlobUnknown},
		{"team/x", ours, "none", storage.ErrBlobUnknown},
		{"all", ours, "team/app", storage.ErrUnsupported},
	} {
		if tt.from == "" {
			if _, err := storage.ReadBlob(t.Context(), h, "hub/app", tt.d, 100); err != nil {
				t.Fatal(err)
			}
			eventually(t, func() bool { _, err := h.local.StatBlob(t.Context(), "hub/app", tt.d); return err == nil })
			continue
		}
		err := h.MountBlob(t.Context(), tt.to, tt.d, tt.from)
		wantErr(t, fmt.Sprintf("MountBlob(%s, %s)", tt.to, tt.from), err, tt.want)
		if tt.want == nil {
			if _, err := h.StatBlob(t.Context(), tt.to, tt.d); err != nil {
				t.Errorf("StatBlob(%s) after that = %v", tt.to, err)
			}
		}
	}
}

func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not come to that")
		}
	}
}

// TestSwap replaces the mounts while they are used.
func TestSwap(t *testing.T) {
	local, a, b := memory.New(), memory.New(), memory.New()
	pushImage(t, local, "x/app", "local", "1")
	pushImage(t, a, "x/app", "a", "1")
	pushImage(t, b, "x/app", "b", "1")
	mounts := map[string]storage.Store{"x": a}
	s := mux.New(local, mounts)
	mounts["x"] = b // is the caller's
	wantPull(t, s, "x/app", "1", "a")
	if old := s.Swap(mounts); old["x"] != a {
		t.Errorf("Swap = %v", old)
	}
	wantPull(t, s, "x/app", "1", "b")
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for range 100 {
				if _, err := s.ResolveTag(t.Context(), "x/app", "1"); err != nil {
					t.Error(err)
				}
				if got := collect(t, s.Repositories(t.Context(), "")); !slices.Equal(got, []oci.Name{"x/app"}) {
					t.Errorf("Repositories = %s", got)
				}
			}
		})
	}
	for i := range 100 {
		s.Swap([]map[string]storage.Store{nil, {"x": a}, mounts}[i%3])
	}
	readers.Wait()
	s.Swap(nil)
	wantPull(t, s, "x/app", "1", "local")
}

// silent is a store without any optional ability, and without a list of repositories.
type silent struct{ storage.Store }

func (silent) Repositories(context.Context, oci.Name) iter.Seq2[oci.Name, error] {
	return func(yield func(oci.Name, error) bool) { yield("", storage.ErrUnsupported) }
}

// TestAbilities checks what becomes of the optional ones.
func TestAbilities(t *testing.T) {
	local, plain := memory.New(), struct{ storage.Store }{memory.New()}
	s := mux.New(local, map[string]storage.Store{"plain": plain, "silent": silent{memory.New()}})
	for _, repo := range []oci.Name{"a", "plain/b", "silent/c"} {
		pushImage(t, s, repo, "layer", "1")
	}
	push(t, s, "plain/without", "else")
	d := digest.FromString("layer")
	wantNames(t, "BlobRepositories", s.BlobRepositories(t.Context(), d), "a plain/b")
	wantNames(t, "Repositories", s.Repositories(t.Context(), ""), "a plain/b plain/without")
	if tags := collect(t, s.DatedTags(t.Context(), "a")); len(tags) != 1 {
		t.Errorf("DatedTags = %v", tags)
	}
	for _, err := range s.DatedTags(t.Context(), "plain/b") {
		wantErr(t, "DatedTags of a store that has none", err, storage.ErrUnsupported)
	}
	v := mux.NewVirtual("v", []mux.Member{{Store: local, Local: true}, {Name: "plain", Store: plain}}, nil)
	for _, err := range v.DatedTags(t.Context(), "v/a") {
		wantErr(t, "DatedTags of a Virtual one of whose members has none", err, storage.ErrUnsupported)
	}
	both := mux.NewVirtual("v", []mux.Member{{Store: local, Local: true}, {Name: "x", Store: memory.New()}}, nil)
	if tags := collect(t, both.DatedTags(t.Context(), "v/a")); len(tags) != 1 {
		t.Errorf("DatedTags = %v", tags)
	}
	for _, at := range []storage.Store{s, both} {
		u, err := at.StartUpload(t.Context(), "v/a", "")
		if err != nil {
			t.Fatal(err)
		}
		u.Close()
		if n, err := at.(storage.UploadExpirer).ExpireUploads(t.Context(), time.Now().Add(time.Hour)); n != 1 || err != nil {
			t.Errorf("ExpireUploads = %d, %v, want 1", n, err)
		}
	}
}

// TestNamesOfVirtuals checks names that are no repository's.
func TestNamesOfVirtuals(t *testing.T) {
	m := memory.New()
	long := oci.Name(strings.Repeat("x", 250))
	pushImage(t, m, "a/"+long, "layer", "1")
	pushImage(t, m, "app", "layer", "1")
	v := mux.NewVirtual("virtual", []mux.Member{{Name: "a", Store: m}}, nil)
	wantNames(t, "Repositories", v.Repositories(t.Context(), ""), "") // its name would be too long
	short := mux.NewVirtual("v", []mux.Member{{Name: "member", Store: m, Local: true}}, nil)
	for _, name := range []oci.Name{"v", "other/x", "v/" + long} {
		_, err := short.ResolveTag(t.Context(), name, "1")
		wantErr(t, "ResolveTag", err, storage.ErrManifestUnknown)
		_, err = short.StatBlob(t.Context(), name, digest.FromString("layer"))
		wantErr(t, "StatBlob", err, storage.ErrBlobUnknown)
		for _, err := range short.Tags(t.Context(), name, "") {
			wantErr(t, "Tags", err, storage.ErrRepoUnknown)
		}
		_, err = short.StartUpload(t.Context(), name, "")
		wantErr(t, "StartUpload", err, storage.ErrUnsupported)
	}
	if d, err := v.ResolveTag(t.Context(), "virtual/app", "1"); err == nil {
		t.Errorf("ResolveTag of what no member has = %s", d.Digest)
	}
}

// counted counts the names that it lists.
type counted struct {
	storage.Store
	names *int
}

func (c counted) Repositories(ctx context.Context, after oci.Name) iter.Seq2[oci.Name, error] {
	return func(yield func(oci.Name, error) bool) {
		for name, err := range c.Store.Repositories(ctx, after) {
			*c.names++
			if !yield(name, err) {
				return
			}
		}
	}
}

// TestListsOfOneStore: what is mounted many times is read where its names are, not from end to end each time.
func TestListsOfOneStore(t *testing.T) {
	local := memory.New()
	for i := range 100 {
		for _, first := range []string{"a", "team", "team-x", "team.x", "team0", "z"} {
			push(t, local, oci.Name(fmt.Sprintf("%s/%d", first, i)), "")
		}
	}
	push(t, local, "team", "")
	names := 0
	s := mux.New(memory.New(), map[string]storage.Store{"team": counted{local, &names}})
	if got := len(collect(t, s.Repositories(t.Context(), ""))); got != 101 {
		t.Errorf("%d repositories, want 101", got)
	}
	if names > 101+200+1 { // those of team-x and team.x stand between team and team/
		t.Errorf("%d names were looked at", names)
	}
	wantNames(t, "Repositories", s.Repositories(t.Context(), "team/97"), "team/98 team/99")
}

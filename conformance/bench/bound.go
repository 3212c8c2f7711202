package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// bound is the yardstick: the least that a correct server on net/http does for the same requests. It is no registry. It
// has no repositories, checks no names and no references, lists nothing, mounts nothing, and forgets manifests and tags when it ends.
//
//   - an upload's POST answers 202 and keeps nothing; a PUT reads the body in pieces of 256 KiB, hashes it, writes it to a temporary
//     file and renames that to the digest; a PATCH before it appends to that file
//   - a blob is opened and given to http.ServeContent, which is sendfile
//   - a manifest is served from memory. Putting one writes as many files as a registry has to: one for the content, one for the tag
//   - with sync, whatever is renamed was fsynced before and its directory is fsynced behind it
type bound struct {
	dir  string
	sync bool

	mu        sync.RWMutex
	manifests map[string]kept // by path
	uploads   map[string]*upload
	last      int
}

// kept is a manifest.
type kept struct {
	mediaType, digest string
	raw               []byte
}

// upload is a temporary file and the hash of what it holds.
type upload struct {
	f    *os.File
	h    hash.Hash
	size int64
}

var buffers = sync.Pool{New: func() any { return new([256 << 10]byte) }}

// dirs is how many directories the files are spread over.
const dirs = 64

func newBound(dir string, sync bool) (*bound, error) {
	for i := range dirs {
		if err := os.MkdirAll(filepath.Join(dir, fmt.Sprintf("%02x", i)), 0o777); err != nil {
			return nil, err
		}
	}
	return &bound{dir: dir, sync: sync, manifests: map[string]kept{}, uploads: map[string]*upload{}}, nil
}

// ServeHTTP knows the endpoints by what is in the middle of their paths.
func (b *bound) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	i := strings.LastIndexByte(path, '/')
	last := path[i+1:]
	var err error
	switch {
	case r.Method == "POST" && strings.HasSuffix(path, "/blobs/uploads/"):
		w.Header().Set("Location", path+b.id())
		w.WriteHeader(http.StatusAccepted)
	case r.Method == "PATCH":
		err = b.patch(w, r, last)
	case r.Method == "PUT" && strings.HasSuffix(path[:i], "/blobs/uploads"):
		err = b.finish(w, r, last)
	case r.Method == "PUT" && strings.HasSuffix(path[:i], "/manifests"):
		err = b.putManifest(w, r, path)
	case strings.HasSuffix(path[:i], "/manifests"):
		b.getManifest(w, path)
	case strings.HasSuffix(path[:i], "/blobs"):
		b.getBlob(w, r, last)
	default:
		http.NotFound(w, r)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

func (b *bound) id() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last++
	return strconv.Itoa(b.last)
}

// take removes an upload from the table, or makes a new one.
func (b *bound) take(id string) (*upload, error) {
	b.mu.Lock()
	u := b.uploads[id]
	delete(b.uploads, id)
	b.mu.Unlock()
	if u != nil {
		return u, nil
	}
	f, err := b.temp()
	return &upload{f: f, h: sha256.New()}, err
}

// temp makes a file; file says where a file is kept. Both spread over directories: in a single one writers wait for each other.
func (b *bound) temp() (*os.File, error) {
	return os.CreateTemp(filepath.Join(b.dir, fmt.Sprintf("%02x", rand.IntN(dirs))), "upload-")
}

func (b *bound) file(name string) string {
	return filepath.Join(b.dir, fmt.Sprintf("%02x", crc32.ChecksumIEEE([]byte(name))%dirs), name)
}

// add appends a body.
func (u *upload) add(r io.Reader) error {
	buf := buffers.Get().(*[256 << 10]byte)
	defer buffers.Put(buf)
	n, err := io.CopyBuffer(io.MultiWriter(u.f, u.h), r, buf[:])
	u.size += n
	if err != nil {
		u.drop()
	}
	return err
}

// drop gives up an upload. What can't be removed stays behind: this is a yardstick.
func (u *upload) drop() {
	u.f.Close()
	os.Remove(u.f.Name())
}

func (b *bound) patch(w http.ResponseWriter, r *http.Request, id string) error {
	u, err := b.take(id)
	if err != nil {
		return err
	}
	if err := u.add(r.Body); err != nil {
		return err
	}
	b.mu.Lock()
	b.uploads[id] = u
	b.mu.Unlock()
	w.Header().Set("Location", r.URL.Path)
	w.Header().Set("Range", fmt.Sprintf("0-%d", u.size-1))
	w.WriteHeader(http.StatusAccepted)
	return nil
}

func (b *bound) finish(w http.ResponseWriter, r *http.Request, id string) error {
	u, err := b.take(id)
	if err != nil {
		return err
	}
	if err := u.add(r.Body); err != nil {
		return err
	}
	digest := "sha256:" + hex.EncodeToString(u.h.Sum(nil))
	if digest != r.URL.Query().Get("digest") {
		http.Error(w, "digest", http.StatusBadRequest)
		u.drop()
		return nil
	}
	if err := b.keep(u.f, digest); err != nil {
		return err
	}
	w.Header().Set("Docker-Content-Digest", digest)
	w.WriteHeader(http.StatusCreated)
	return nil
}

// keep gives a written file its name.
func (b *bound) keep(f *os.File, name string) error {
	if b.sync {
		if err := f.Sync(); err != nil {
			return err
		}
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), b.file(name)); err != nil || !b.sync {
		return err
	}
	d, err := os.Open(filepath.Dir(b.file(name)))
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// write makes a file of p.
func (b *bound) write(name string, p []byte) error {
	f, err := b.temp()
	if err != nil {
		return err
	}
	if _, err := f.Write(p); err != nil {
		return err
	}
	return b.keep(f, name)
}

func (b *bound) putManifest(w http.ResponseWriter, r *http.Request, path string) error {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	k := kept{r.Header.Get("Content-Type"), digestOf(raw), raw}
	if err := b.write(k.digest, raw); err != nil {
		return err
	}
	head := path[:strings.LastIndexByte(path, '/')+1]
	if path != head+k.digest {
		if err := b.write(strings.ReplaceAll(path, "/", "_"), []byte(k.digest)); err != nil {
			return err
		}
	}
	b.mu.Lock()
	b.manifests[path], b.manifests[head+k.digest] = k, k
	b.mu.Unlock()
	w.Header().Set("Docker-Content-Digest", k.digest)
	w.WriteHeader(http.StatusCreated)
	return nil
}

func (b *bound) getManifest(w http.ResponseWriter, path string) {
	b.mu.RLock()
	k, ok := b.manifests[path]
	b.mu.RUnlock()
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	h := w.Header()
	h.Set("Content-Type", k.mediaType)
	h.Set("Content-Length", strconv.Itoa(len(k.raw)))
	h.Set("Docker-Content-Digest", k.digest)
	w.Write(k.raw)
}

func (b *bound) getBlob(w http.ResponseWriter, r *http.Request, digest string) {
	f, err := os.Open(b.file(digest))
	if err != nil {
		http.NotFound(w, r)
		return
	}
	defer f.Close()
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Docker-Content-Digest", digest)
	http.ServeContent(w, r, "", time.Time{}, f)
}

// runBound is the subcommand: it serves until ctx ends and prints the address that it listens on as its first line.
func runBound(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("bound", flag.ContinueOnError)
	flags.SetOutput(stderr)
	addr := flags.String("addr", "127.0.0.1:0", "`address` to listen on")
	dir := flags.String("dir", "", "directory for the content")
	sync := flags.Bool("fsync", false, "fsync files and their directory before an answer")
	stdin := flags.Bool("until-eof", false, "end when standard input does: it is the end of whoever started this")
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	if *dir == "" || flags.NArg() > 0 {
		return fmt.Errorf("%w: bound -dir DIR [-addr ADDR] [-fsync]", errUsage)
	}
	b, err := newBound(*dir, *sync)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", *addr)
	if err != nil {
		return err
	}
	fmt.Fprintln(stdout, l.Addr())
	s := &http.Server{Handler: b, ReadHeaderTimeout: time.Minute}
	context.AfterFunc(ctx, func() { s.Close() })
	if *stdin {
		go func() {
			io.Copy(io.Discard, os.Stdin)
			s.Close()
		}()
	}
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

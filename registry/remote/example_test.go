package remote_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"strings"

	"github.com/opencontainers/go-digest"

	"vitrine/registry"
	"vitrine/registry/remote"
	"vitrine/storage"
	"vitrine/storage/memory"
)

// A layer of another registry, a little of it and then all.
func Example() {
	ctx := context.Background()
	store := memory.New()
	content := "a layer, more or less"
	storage.PutBlob(ctx, store, "library/app", digest.FromString(content), strings.NewReader(content))
	far := httptest.NewServer(registry.New(store, nil))
	defer far.Close()

	r, err := remote.New(far.URL, &remote.Options{PlainHTTP: []string{"127.0.0.1"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer r.Close()
	layer, err := r.OpenBlob(ctx, "library/app", digest.FromString(content))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer layer.Close()
	part := make([]byte, 4)
	layer.ReadAt(part, 9) // by a range, in pages
	fmt.Printf("%d bytes, with %q\n", layer.Size(), part)
	whole, err := io.ReadAll(layer) // a stream, verified
	fmt.Println(string(whole), err)

	_, err = r.StatBlob(ctx, "library/app", digest.FromString("another"))
	fmt.Println(errors.Is(err, storage.ErrBlobUnknown))
	// Output:
	// 21 bytes, with "more"
	// a layer, more or less <nil>
	// true
}

package auth

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/memory"
	"vitrine/storage/oci"
)

// fileCalls is every method of a guarded store of files: what it needs, and a call of it.
var fileCalls = []struct {
	name  string
	needs Action
	call  func(ctx context.Context, s FileStore, repo oci.Name) error
}{
	{"StatFile", Pull, func(ctx context.Context, s FileStore, repo oci.Name) error {
		_, err := s.StatFile(ctx, repo, "f")
		return err
	}},
	{"OpenFile", Pull, func(ctx context.Context, s FileStore, repo oci.Name) error {
		b, _, err := s.OpenFile(ctx, repo, "f")
		if err == nil {
			b.Close()
		}
		return err
	}},
	{"ListFiles", Pull, func(ctx context.Context, s FileStore, repo oci.Name) (err error) {
		for _, err = range s.ListFiles(ctx, repo, "", "") {
		}
		return err
	}},
	{"Generations", Pull, func(ctx context.Context, s FileStore, repo oci.Name) (err error) {
		for _, err = range s.Generations(ctx, repo, "g") {
		}
		return err
	}},
	{"GetGeneration", Pull, func(ctx context.Context, s FileStore, repo oci.Name) error {
		_, err := s.GetGeneration(ctx, repo, "g", 1)
		return err
	}},
	{"PutFile", Push, func(ctx context.Context, s FileStore, repo oci.Name) error {
		return s.PutFile(ctx, repo, "f", storage.File{Digest: digest.FromString("x")}, storage.Match{})
	}},
	{"PutFiles", Push, func(ctx context.Context, s FileStore, repo oci.Name) error {
		_, err := s.PutFiles(ctx, repo, "g", map[string]storage.File{"g/f": {Digest: digest.FromString("x")}}, 9)
		return err
	}},
	{"StartUpload", Push, func(ctx context.Context, s FileStore, repo oci.Name) error {
		_, err := s.StartUpload(ctx, repo, "")
		return err
	}},
	{"ResumeUpload", Push, func(ctx context.Context, s FileStore, repo oci.Name) error {
		_, err := s.ResumeUpload(ctx, repo, "none")
		if errors.Is(err, storage.ErrUploadUnknown) {
			return nil
		}
		return err
	}},
	{"DeleteFile", Delete, func(ctx context.Context, s FileStore, repo oci.Name) error {
		return s.DeleteFile(ctx, repo, "f", storage.Match{})
	}},
}

func TestGuardFileStore(t *testing.T) {
	policy, err := NewPolicy([]Rule{{Repositories: "apps", Pull: []string{"reader", Anonymous}, Push: []string{"writer"}, Delete: []string{"owner"}}, {Repositories: "**", Pull: []string{Everyone}}})
	if err != nil {
		t.Fatal(err)
	}
	may := map[string][]Action{"": {Pull}, "reader": {Pull}, "writer": {Pull, Push}, "owner": {Pull, Delete}}
	for user, actions := range may {
		for _, c := range fileCalls {
			s := memory.New()
			ctx := t.Context()
			if err := storage.PutBlob(ctx, s, "apps", digest.FromString("x"), strings.NewReader("x")); err != nil {
				t.Fatal(err)
			}
			if err := s.PutFile(ctx, "apps", "f", storage.File{Digest: digest.FromString("x")}, storage.Match{}); err != nil {
				t.Fatal(err)
			}
			if _, err := s.PutFiles(ctx, "apps", "g", map[string]storage.File{"g/f": {Digest: digest.FromString("x")}}, 9); err != nil {
				t.Fatal(err)
			}
			want := error(nil)
			allowed := false
			for _, a := range actions {
				allowed = allowed || a == c.needs
			}
			if user != "" {
				ctx = WithUser(ctx, user)
			}
			if !allowed {
				want = storage.ErrDenied
				if user == "" {
					want = storage.ErrNoIdentity
				}
			}
			got := c.call(ctx, GuardFileStore(s, func() *Policy { return policy }), "apps")
			if !errors.Is(got, want) || want == nil && got != nil {
				t.Errorf("%q %s = %v, want %v", user, c.name, got, want)
			}
		}
	}
	reader := GuardFiles(memory.New(), func() *Policy { return policy })
	if _, err := reader.StatFile(t.Context(), "other", "f"); !errors.Is(err, storage.ErrNoIdentity) {
		t.Errorf("StatFile by nobody = %v", err)
	}
	if _, err := reader.StatFile(WithUser(t.Context(), "any"), "other", "f"); !errors.Is(err, storage.ErrFileUnknown) {
		t.Errorf("StatFile by anybody = %v", err)
	}
}

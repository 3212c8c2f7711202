package disk

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
)

// rootOfVictim names the root for the process that TestFilesKilled starts and kills.
const rootOfVictim = "VITRINE_TEST_VICTIM"

// TestVictim is that process: it puts files, deletes some and publishes generations, and says of each round that it is done.
func TestVictim(t *testing.T) {
	root := os.Getenv(rootOfVictim)
	if root == "" {
		t.Skip("only for TestFilesKilled")
	}
	s, err := Open(root, &Options{NoSync: true}) // the kernel lives on
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; ; i++ {
		if err := s.round(t.Context(), i); err != nil {
			t.Fatal(err)
		}
		fmt.Printf("\nround %d\n", i)
	}
}

// round changes everything to the content of i.
func (s *Store) round(ctx context.Context, i int) error {
	content := fmt.Sprint("content ", i)
	f := storage.File{Digest: digest.FromString(content)}
	if err := storage.PutBlob(ctx, s, "app", f.Digest, strings.NewReader(content)); err != nil {
		return err
	}
	for _, path := range []string{"same", fmt.Sprint("deep/", i, "/f")} {
		if err := s.PutFile(ctx, "app", path, f, storage.Match{}); err != nil {
			return err
		}
	}
	if _, err := s.PutFiles(ctx, "app", "md", map[string]storage.File{"md/a": f, "md/b": f}, 3); err != nil {
		return err
	}
	if i > 5 {
		return s.DeleteFile(ctx, "app", fmt.Sprint("deep/", i-5, "/f"), storage.Match{})
	}
	return nil
}

// killAfter runs the victim until it has done so many rounds, and kills it in the middle of the next. It returns how many it has said that it has done.
func killAfter(t *testing.T, root string, rounds int) (done int) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestVictim$", "-test.v")
	cmd.Env = append(os.Environ(), rootOfVictim+"="+root)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for in := bufio.NewScanner(out); in.Scan(); {
		lines = append(lines, in.Text())
		if n, _ := fmt.Sscanf(in.Text(), "round %d", &done); n == 1 && done == rounds {
			cmd.Process.Kill()
		}
	}
	if err := cmd.Wait(); err == nil || done < rounds {
		t.Fatalf("the victim ended by itself after %d rounds: %v\n%s", done, err, strings.Join(lines, "\n"))
	}
	return done
}

// TestFilesKilled: what was acknowledged is there after kill -9, what was not is there whole or not at all, and gc takes nothing that is named.
func TestFilesKilled(t *testing.T) {
	for _, rounds := range []int{1, 7, 20} {
		root := t.TempDir()
		done := killAfter(t, root, rounds)
		s := open(t, root)
		if _, err := Verify(t.Context(), root, func(p Problem) { t.Errorf("after %d rounds: %s", done, p) }); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Collect(t.Context(), CollectOptions{Before: time.Now().Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
		wantOneOf(t, s, "same", done, done+1)
		a, b := wantOneOf(t, s, "md/a", done, done+1), wantOneOf(t, s, "md/b", done, done+1)
		if a != b {
			t.Errorf("after %d rounds the generation has the contents of %d and %d", done, a, b)
		}
		for i := max(1, done-3); i <= done; i++ {
			wantOneOf(t, s, fmt.Sprint("deep/", i, "/f"), i, i)
		}
		for e, err := range storage.WalkFiles(t.Context(), s, "app", "") {
			if err != nil {
				t.Fatal(err)
			}
			if b, _, err := s.OpenFile(t.Context(), "app", e.Name); err != nil {
				t.Errorf("after %d rounds: OpenFile(%s) = %v", done, e.Name, err)
			} else {
				b.Close()
			}
		}
		if err := s.round(t.Context(), done+2); err != nil {
			t.Errorf("after %d rounds, the next: %v", done, err)
		}
	}
}

// wantOneOf checks that the path has the content of a round from from to to, and returns which.
func wantOneOf(t *testing.T, s *Store, path string, from, to int) int {
	t.Helper()
	f, err := s.StatFile(t.Context(), "app", path)
	for i := from; i <= to; i++ {
		if err == nil && f.Digest == digest.FromString(fmt.Sprint("content ", i)) {
			return i
		}
	}
	t.Errorf("%s has %s, %v, want the content of round %d to %d", path, f.Digest, err, from, to)
	return -1
}

package explore

import (
	"cmp"
	"container/heap"
	"iter"
	"path"
	"slices"

	"vitrine/explore/overlay"
)

// maxLargest bounds how many files of a tree are known by name without another walk: some 0.5 MB.
const maxLargest = 4096

// usage says where the bytes of a tree are: what each directory has in all, and the largest files.
type usage struct {
	dirs    map[string]*usageSum
	largest []usageFile // the largest first
	wasted  []usageFile // of image trees: the largest that are shipped for nothing
	totals  overlay.Totals
}

// usageSum is what lies in a directory and below. Bytes are those that layers store, uncompressed.
type usageSum struct {
	Bytes       int64 `json:"bytes"`
	Files       int64 `json:"files"`
	Wasted      int64 `json:"wasted,omitempty"`
	WastedFiles int64 `json:"wastedFiles,omitempty"`
}

func (s *usageSum) add(o usageSum) {
	s.Bytes, s.Files = s.Bytes+o.Bytes, s.Files+o.Files
	s.Wasted, s.WastedFiles = s.Wasted+o.Wasted, s.WastedFiles+o.WastedFiles
}

// usageFile is a file with content.
type usageFile struct {
	Path  string `json:"path"`
	Bytes int64  `json:"bytes"`
	Layer int    `json:"layer"`
	Dead  string `json:"dead,omitempty"` // what has become of it, where it is not there any more: "deleted", "overwritten"
	By    int    `json:"by,omitempty"`   // the layer that did it
}

// measure adds up files, in any order. An error of files ends it.
func measure(files iter.Seq2[usageFile, error]) (*usage, error) {
	own := map[string]*usageSum{".": {}}
	var largest, wasted smallest
	lastDir, sum := ".", own["."]
	for f, err := range files {
		if err != nil {
			return nil, err
		}
		if dir := path.Dir(f.Path); dir != lastDir {
			lastDir, sum = dir, own[dir]
		}
		if sum == nil {
			sum = &usageSum{}
			own[lastDir] = sum
		}
		if f.Dead != "" {
			sum.add(usageSum{Wasted: f.Bytes, WastedFiles: 1})
			wasted.keep(f)
			continue
		}
		sum.add(usageSum{Bytes: f.Bytes, Files: 1})
		largest.keep(f)
	}
	return &usage{dirs: addUp(own), largest: largest.sorted(), wasted: wasted.sorted()}, nil
}

// addUp gives each directory what lies in those below it.
func addUp(own map[string]*usageSum) map[string]*usageSum {
	all := make(map[string]*usageSum, 2*len(own))
	for dir, sum := range own {
		for p := dir; ; p = path.Dir(p) {
			if all[p] == nil {
				all[p] = &usageSum{}
			}
			all[p].add(*sum)
			if p == "." {
				break
			}
		}
	}
	return all
}

// cost implements costly.
func (u *usage) cost() int64 {
	return 160*int64(len(u.dirs)) + 120*int64(len(u.largest)+len(u.wasted))
}

// below returns up to n of files that are in dir or below it.
func below(files []usageFile, dir string, n int) []usageFile {
	var found []usageFile
	for _, f := range files {
		if len(found) == n {
			break
		}
		if inside(f.Path, dir) {
			found = append(found, f)
		}
	}
	return found
}

// inside reports whether p lies below dir.
func inside(p, dir string) bool {
	return dir == "." || len(p) > len(dir) && p[:len(dir)] == dir && p[len(dir)] == '/'
}

// smallest is a heap of the largest files so far, the smallest of them on top.
type smallest []usageFile

func (s smallest) Len() int           { return len(s) }
func (s smallest) Less(i, j int) bool { return bySize(s[i], s[j]) > 0 }
func (s smallest) Swap(i, j int)      { s[i], s[j] = s[j], s[i] }
func (s *smallest) Push(x any)        { *s = append(*s, x.(usageFile)) }
func (s *smallest) Pop() any          { panic("the heap only grows and changes its top") }

func (s *smallest) keep(f usageFile) {
	switch {
	case len(*s) < maxLargest:
		heap.Push(s, f)
	case bySize(f, (*s)[0]) < 0:
		(*s)[0] = f
		heap.Fix(s, 0)
	}
}

func (s smallest) sorted() []usageFile {
	slices.SortFunc(s, bySize)
	return s
}

// bySize puts the larger one first.
func bySize(a, b usageFile) int {
	return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Layer, b.Layer))
}

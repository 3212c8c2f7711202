package apk

import (
	"iter"
	"slices"
)

// Member is an index that is merged with others.
type Member struct {
	Records iter.Seq2[Record, error]

	// Owns says that the names of the packages in it are its own. A member that does not own names cannot add another version of them, nor a package that
	// provides one of them: whoever publishes elsewhere does not get in their place.
	Owns bool
}

// Merge yields the packages of several indexes, each as it was: of those with the same name and version the first. from is the number of the member. The
// records of members that own names are read twice; an error is the last element.
func Merge(members ...Member) iter.Seq2[Merged, error] {
	return func(yield func(Merged, error) bool) {
		owned, err := ownedNames(members)
		if err != nil {
			yield(Merged{}, err)
			return
		}
		seen := map[string]bool{}
		for i, m := range members {
			for r, err := range m.Records {
				if err != nil {
					yield(Merged{From: i}, err)
					return
				}
				key := r.Name + "\x00" + r.Version
				if seen[key] || !m.Owns && takesName(&r, owned) {
					continue
				}
				seen[key] = true
				if !yield(Merged{r, i}, nil) {
					return
				}
			}
		}
	}
}

// Merged is a record with the number of the member that it comes from.
type Merged struct {
	Record
	From int
}

// Unmerge leaves out where records come from, for [WriteIndex].
func Unmerge(all iter.Seq2[Merged, error]) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for m, err := range all {
			if !yield(m.Record, err) {
				return
			}
		}
	}
}

func ownedNames(members []Member) (map[string]bool, error) {
	owned := map[string]bool{}
	for _, m := range members {
		if !m.Owns {
			continue
		}
		for r, err := range m.Records {
			if err != nil {
				return nil, err
			}
			owned[r.Name] = true
		}
	}
	return owned, nil
}

// takesName reports whether a package could be installed for one of the names.
func takesName(r *Record, owned map[string]bool) bool {
	if len(owned) == 0 {
		return false
	}
	return owned[r.Name] || slices.ContainsFunc(r.Provides, func(s string) bool {
		d, err := ParseDep(s)
		return err != nil || owned[d.Name]
	})
}

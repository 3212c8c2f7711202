package explore

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"

	"vitrine/explore/inspect"
	"vitrine/storage"
)

// Bounds of what is compared of two configurations.
const (
	maxConfig        = 4 << 20 // bytes: as much as a manifest may have
	maxConfigChanges = 1000
	maxConfigValues  = 10_000 // of each: pairing them takes time by the square
)

// configChange is a value that is not the same in both configurations.
type configChange struct {
	Path string `json:"path"` // as jq has it; elements of a list are not numbered
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
}

// compareConfigs compares the configurations of two images value by value. What is no JSON is an error.
func (h *handler) compareConfigs(ctx context.Context, a, b *side) ([]configChange, error) {
	if a.config.Digest == b.config.Digest || a.config.Digest == "" || b.config.Digest == "" {
		return nil, nil
	}
	var all [2][]configValue
	for i, s := range []*side{a, b} {
		raw, err := storage.ReadBlob(ctx, h.store, s.t.Name, s.config.Digest, maxConfig)
		if err != nil {
			return nil, err
		}
		root, err := inspect.ParseJSON(raw, nil)
		if err != nil {
			return nil, wrapBad(err)
		}
		all[i] = flatten(root, "", nil)
		all[i] = all[i][:min(len(all[i]), maxConfigValues)]
	}
	return pairUp(all[0], all[1]), nil
}

// configValue is a value with its place.
type configValue struct{ path, text string }

// flatten lists the values of a document. An element of a list is one value, whatever it is: that something is in an environment or a history counts,
// not its number.
func flatten(n *inspect.Node, path string, to []configValue) []configValue {
	for _, c := range n.Children {
		switch {
		case n.Kind == inspect.Array:
			to = append(to, configValue{path + "[]", compact(c)})
		case len(c.Children) > 0:
			to = flatten(c, path+"."+c.Key, to)
		default:
			to = append(to, configValue{path + "." + c.Key, compact(c)})
		}
	}
	return to
}

// compact is a value on one line: a string without quotes, the rest as JSON.
func compact(n *inspect.Node) string {
	if n.Is(inspect.String) {
		return n.String()
	}
	var b bytes.Buffer
	if err := json.Compact(&b, n.AppendJQ(nil)); err != nil {
		return n.String()
	}
	return b.String()
}

// pairUp lists what only one of two lists has. Where both have something else in one place that is one change.
func pairUp(a, b []configValue) (changes []configChange) {
	left := map[configValue]int{}
	for _, v := range a {
		left[v]++
	}
	var added []configValue
	for _, v := range b {
		if left[v]--; left[v] < 0 {
			added = append(added, v)
			left[v] = 0
		}
	}
	for _, v := range a {
		if left[v] <= 0 {
			continue
		}
		left[v]--
		c := configChange{Path: v.path, From: v.text}
		if i := slices.IndexFunc(added, func(w configValue) bool { return w.path == v.path }); i >= 0 {
			c.To = added[i].text
			added = slices.Delete(added, i, i+1)
		}
		changes = append(changes, c)
	}
	for _, v := range added {
		changes = append(changes, configChange{Path: v.path, To: v.text})
	}
	return changes[:min(len(changes), maxConfigChanges)]
}

package zran

import (
	"math/bits"
	"slices"
)

// An encoder is a Huffman code to write with.
type encoder struct {
	count [maxLit]uint32 // how often each symbol occurs
	lens  [maxLit]uint8
	codes [maxLit]uint16 // first bit lowest

	leaves []uint64 // count<<16 | symbol, in order
	nodes  []node
	depth  []uint8
}

// A node of the tree stands behind its children: leaves come first.
type node struct {
	count       uint64
	left, right int32
}

// used returns how many lengths are to be written: those behind are zero.
func (e *encoder) used() int {
	for n := maxLit; n > 0; n-- {
		if e.lens[n-1] != 0 {
			return n
		}
	}
	return 0
}

// make finds the best code of at most limit bits for the first n symbols. A single symbol gets one bit.
func (e *encoder) make(n int, limit uint8) {
	clear(e.lens[:])
	for !e.tree(n, limit) { // too deep: counts that differ less make it flatter
		for i, c := range e.count[:n] {
			if c > 0 {
				e.count[i] = c/2 + 1
			}
		}
	}
	var perLen, next [maxBits + 2]uint16
	for _, l := range e.lens[:n] {
		perLen[l]++
	}
	perLen[0] = 0
	for l := 1; l <= maxBits; l++ {
		next[l+1] = (next[l] + perLen[l]) << 1
	}
	for i, l := range e.lens[:n] {
		if l != 0 {
			e.codes[i] = bits.Reverse16(next[l]) >> (16 - l)
			next[l]++
		}
	}
}

// tree sets lens to the depths of the leaves of the Huffman tree, and reports whether they are within the limit.
func (e *encoder) tree(n int, limit uint8) bool {
	e.leaves = e.leaves[:0]
	for i, c := range e.count[:n] {
		if c > 0 {
			e.leaves = append(e.leaves, uint64(c)<<16|uint64(i))
		}
	}
	slices.Sort(e.leaves)
	switch len(e.leaves) {
	case 0:
		return true
	case 1:
		e.lens[e.leaves[0]&0xffff] = 1
		return true
	}
	e.join()
	e.depth = slices.Grow(e.depth[:0], len(e.nodes))[:len(e.nodes)]
	e.depth[len(e.nodes)-1] = 0
	for i := len(e.nodes) - 1; i >= len(e.leaves); i-- {
		e.depth[e.nodes[i].left], e.depth[e.nodes[i].right] = e.depth[i]+1, e.depth[i]+1
	}
	for i, leaf := range e.leaves {
		if e.depth[i] > limit {
			return false
		}
		e.lens[leaf&0xffff] = e.depth[i]
	}
	return true
}

// join makes the tree: of the leaves that are left and the nodes made so far, both in order, the two least become one.
func (e *encoder) join() {
	e.nodes = e.nodes[:0]
	for _, leaf := range e.leaves {
		e.nodes = append(e.nodes, node{count: leaf >> 16})
	}
	leaf, inner := 0, len(e.leaves)
	least := func() int32 {
		if leaf < len(e.leaves) && (inner >= len(e.nodes) || e.nodes[leaf].count <= e.nodes[inner].count) {
			leaf++
			return int32(leaf - 1)
		}
		inner++
		return int32(inner - 1)
	}
	for range len(e.leaves) - 1 {
		a, b := least(), least()
		e.nodes = append(e.nodes, node{e.nodes[a].count + e.nodes[b].count, a, b})
	}
}

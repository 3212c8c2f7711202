package zran

// Checkpoint is a place of a gzip stream where decoding can go on, and the span behind it.
type Checkpoint struct {
	Number int64  // from 0, in the order of the stream
	Out    int64  // offset in the decoded stream, in bytes
	Bit    int64  // offset in the compressed stream, in bits
	Len    int64  // decoded bytes up to the next checkpoint
	Packed int64  // bits of the compressed stream up to there
	Kind   string // "member": at the header of a gzip member, where any decoder can begin; "block": at that of a block; "inner": inside a block
	Window int    // bytes that the index has of what decoding refers back to, as they are stored
}

// Checkpoint returns checkpoint i, which is below Len. Errors wrap [ErrIndex], or are the source's.
func (x *Index) Checkpoint(i int64) (Checkpoint, error) {
	if i < 0 || i >= x.head.count {
		return Checkpoint{}, x.bad(x.head.table, "no such checkpoint")
	}
	s, err := x.span(i)
	if err != nil {
		return Checkpoint{}, err
	}
	return s.checkpoint(), nil
}

// Before returns the last checkpoint at or before offset off of the decoded stream, which is below Size: reading from there on starts with it.
func (x *Index) Before(off int64) (Checkpoint, error) {
	if off < 0 || off >= x.head.size {
		return Checkpoint{}, x.bad(x.head.table, "no such offset")
	}
	s, err := x.find(off)
	if err != nil {
		return Checkpoint{}, err
	}
	return s.checkpoint(), nil
}

func (s span) checkpoint() Checkpoint {
	return Checkpoint{s.number, s.out, s.bit, int64(s.length()), s.end.bit - s.bit, [kinds]string{"member", "block", "inner"}[s.kind], s.size - 4*s.pages()}
}

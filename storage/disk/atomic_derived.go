package disk

// replace gives a file of cache/ its name, in place of what had it. Unlike rename it goes through no directory that is kept open: somebody may
// have deleted cache/ and it is another one now.
func (t *tree) replace(from, to string) error { return wrap(t.root.Rename(from, to)) }

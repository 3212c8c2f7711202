package api

// Refusal is an error that has more to say than its text.
type Refusal struct {
	Err     error
	Header  map[string]string // of the answer, by canonical key
	Details []any             // one entry of the ErrorBody each; none: one entry without detail
}

func (r *Refusal) Error() string { return r.Err.Error() }

// Unwrap returns what is wrong.
func (r *Refusal) Unwrap() error { return r.Err }

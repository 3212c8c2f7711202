package files

import "time"

// Ahead puts the clock of t ahead.
func Ahead(t *Through, by time.Duration) { t.now = func() time.Time { return time.Now().Add(by) } }

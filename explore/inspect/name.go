package inspect

// Visible returns a stranger's text of one line, cut to max bytes, as it may be shown: controls, what turns the order of reading and what has no
// width is escaped, as C does it or as <U+202E>.
func Visible(s string, max int) string { return visible(s, max) }

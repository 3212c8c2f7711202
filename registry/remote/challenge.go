package remote

import "strings"

// challenge is one of those of a 401 (RFC 9110, 11.6.1).
type challenge struct {
	scheme string            // in lower case
	params map[string]string // by key in lower case, values without quotes and escapes
}

// maxChallenges bounds what a stranger lists.
const maxChallenges = 16

// parseChallenges reads WWW-Authenticate headers. A value may hold several challenges, and commas separate them as well as their parameters; what
// makes no sense is left out.
func parseChallenges(values []string) (all []challenge) {
	for _, v := range values {
		s := &scanner{rest: v}
		first := len(all) // parameters before any scheme are nobody's, also not those of the header before
		for s.skip(" \t,"); s.rest != "" && len(all) < maxChallenges; s.skip(" \t,") {
			word := s.token()
			if word == "" {
				s.rest = s.rest[1:]
				continue
			}
			if value, ok := s.value(); ok {
				if len(all) > first {
					all[len(all)-1].add(word, value)
				}
				continue
			}
			all = append(all, challenge{strings.ToLower(word), map[string]string{}})
			s.token68()
		}
	}
	return all
}

// add keeps the first value of a key.
func (c *challenge) add(key, value string) {
	key = strings.ToLower(key)
	if _, twice := c.params[key]; !twice {
		c.params[key] = value
	}
}

// scanner reads a header's value from the left.
type scanner struct{ rest string }

func (s *scanner) skip(chars string) { s.rest = strings.TrimLeft(s.rest, chars) }

// token takes a token (RFC 9110, 5.6.2), "" if there is none.
func (s *scanner) token() string {
	n := strings.IndexFunc(s.rest, func(r rune) bool { return !isTokenChar(r) })
	if n < 0 {
		n = len(s.rest)
	}
	t := s.rest[:n]
	s.rest = s.rest[n:]
	return t
}

func isTokenChar(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", r)
}

// value takes "=" and what follows it, a token or a quoted string. Spaces may stand around the "=".
func (s *scanner) value() (string, bool) {
	rest, ok := strings.CutPrefix(strings.TrimLeft(s.rest, " \t"), "=")
	if !ok {
		return "", false
	}
	s.rest = strings.TrimLeft(rest, " \t")
	if quoted, ok := strings.CutPrefix(s.rest, `"`); ok {
		s.rest = quoted
		return s.quoted(), true
	}
	n := strings.IndexAny(s.rest, " \t,") // not token: some send URLs without quotes
	if n < 0 {
		n = len(s.rest)
	}
	v := s.rest[:n]
	s.rest = s.rest[n:]
	return v, true
}

// quoted takes the rest of a quoted string. One that never ends is as good as none.
func (s *scanner) quoted() string {
	var b strings.Builder
	for i := 0; i < len(s.rest); i++ {
		c := s.rest[i]
		if c == '"' {
			s.rest = s.rest[i+1:]
			return b.String()
		}
		if c == '\\' && i+1 < len(s.rest) {
			i++
			c = s.rest[i]
		}
		b.WriteByte(c)
	}
	s.rest = ""
	return ""
}

// token68 takes the one thing that a scheme may have in place of parameters, such as the data of Negotiate.
func (s *scanner) token68() {
	at := strings.TrimLeft(s.rest, " \t")
	end := strings.TrimLeft(strings.TrimLeft(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~+/"), "=")
	if behind := strings.TrimLeft(end, " \t"); len(end) < len(at) && (behind == "" || behind[0] == ',') {
		s.rest = end
	}
}

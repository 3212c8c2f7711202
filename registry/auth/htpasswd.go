package auth

import (
	"bytes"
	"fmt"
	"strings"
)

// maxUser bounds a user's name in bytes.
const maxUser = 255

// Problem is a line of an htpasswd file that was passed over. Text of the line other than the user's name is never in it.
type Problem struct {
	Line    int    // counted from 1
	User    string // "" where there is none
	Reason  string // what is wrong, and a way out
	Warning bool   // the line has no effect, and nobody is locked out by that
}

// String is one line for a log or a terminal.
func (p Problem) String() string {
	if p.User == "" {
		return fmt.Sprintf("line %d: %s", p.Line, p.Reason)
	}
	return fmt.Sprintf("line %d: user %.64q: %s", p.Line, p.User, p.Reason)
}

// entry is a user's line. hashed is nil where there is none.
type entry struct {
	hashed
	text string // of the hash
}

// parseHtpasswd reads "user:hash" lines as Apache does: space at both ends is dropped, empty lines and those that begin
// with "#" are passed over, what follows a second colon is ignored, and of two lines for one user the first counts.
func parseHtpasswd(file []byte) (users map[string]entry, problems []Problem) {
	users = make(map[string]entry)
	first := make(map[string]int) // the line of each name
	file = bytes.TrimPrefix(file, []byte("\xef\xbb\xbf"))
	n := 0
	for line := range strings.SplitSeq(string(file), "\n") {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		user, rest, colon := strings.Cut(line, ":")
		hash, _, _ := strings.Cut(rest, ":")
		if p, ok := checkLine(user, colon, first[user]); !ok {
			p.Line = n
			problems = append(problems, p)
			continue
		}
		first[user] = n
		h, err := parseHash(hash)
		if err != nil {
			problems = append(problems, Problem{Line: n, User: user,
				Reason: fmt.Sprintf("the password's hash %v; for one that can be, run: vitrine passwd %s", err, shellWord(user))})
			continue
		}
		users[user] = entry{h, hash}
	}
	return users, problems
}

// checkLine says what is wrong with a line before its hash is looked at. first is an earlier line for the same user, 0 if none.
func checkLine(user string, colon bool, first int) (Problem, bool) {
	if !colon {
		return Problem{Reason: "it has no colon; a line is USER:HASH, and vitrine passwd USER writes one"}, false
	}
	if err := checkName(user); err != nil {
		return Problem{User: user, Reason: err.Error() + "; take another name: vitrine passwd USER"}, false
	}
	if first != 0 {
		return Problem{User: user, Reason: fmt.Sprintf("line %d has the same user and counts; remove one of them", first), Warning: true}, false
	}
	return Problem{}, true
}

// checkName refuses what cannot be a user's name in an htpasswd file, in HTTP Basic or in a rule.
func checkName(user string) error {
	switch {
	case user == "":
		return fmt.Errorf("the user's name is empty")
	case user == Everyone || user == Anonymous:
		return fmt.Errorf("%q cannot be a user's name: rules use it for others", user)
	case len(user) > maxUser:
		return fmt.Errorf("the user's name has %d bytes, more than %d", len(user), maxUser)
	case strings.ContainsFunc(user, isControl) || strings.Contains(user, ":"):
		return fmt.Errorf("the user's name %.64q has a colon or a control character in it", user)
	}
	return nil
}

// shellWord is the name as one would type it.
func shellWord(user string) string {
	special := func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("._-@+", r))
	}
	if strings.ContainsFunc(user, special) {
		return "'" + strings.ReplaceAll(user, "'", `'\''`) + "'"
	}
	return user
}

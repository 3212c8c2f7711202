package tarfs

import (
	"strconv"
	"strings"
	"time"
)

// parseRecords parses the records of a PAX extended header, "LENGTH KEY=VALUE\n". The offsets and lengths of GNU's sparse format 0.0, which come
// as many records with the same keys, are joined to the one map of format 0.1.
func parseRecords(s string) (map[string]string, bool) {
	records := make(map[string]string)
	var fragments []string
	for s != "" {
		k, v, rest, ok := parseRecord(s)
		if !ok {
			return nil, false
		}
		s = rest
		wantOffset := len(fragments)%2 == 0
		switch k {
		case "GNU.sparse.offset", "GNU.sparse.numbytes":
			if wantOffset != (k == "GNU.sparse.offset") || strings.Contains(v, ",") {
				return nil, false
			}
			fragments = append(fragments, v)
		default:
			records[k] = v
		}
	}
	if len(fragments) > 0 {
		records["GNU.sparse.map"] = strings.Join(fragments, ",")
	}
	return records, true
}

func parseRecord(s string) (k, v, rest string, ok bool) {
	length, body, found := strings.Cut(s, " ")
	n, err := strconv.ParseInt(length, 10, 64)
	if !found || err != nil || n < 5 || n > int64(len(s)) {
		return "", "", "", false
	}
	n -= int64(len(length) + 1)
	if n <= 0 || body[n-1] != '\n' {
		return "", "", "", false
	}
	k, v, found = strings.Cut(body[:n-1], "=")
	return k, v, body[n:], found && validRecord(k, v)
}

// validRecord refuses NUL where it would end a name for others who read the archive.
func validRecord(k, v string) bool {
	switch k {
	case "":
		return false
	case "path", "linkpath", "uname", "gname":
		return !strings.Contains(v, "\x00")
	}
	return !strings.Contains(k, "\x00")
}

// apply sets the fields of e that PAX records replace. An empty value leaves the header's.
func apply(e *Entry, records map[string]string) bool {
	ok := true
	number := func(v string) int64 {
		n, err := strconv.ParseInt(v, 10, 64)
		ok = ok && err == nil
		return n
	}
	moment := func(v string) time.Time {
		t, valid := parseTime(v)
		ok = ok && valid
		return t
	}
	for k, v := range records {
		if v == "" {
			continue
		}
		switch k {
		case "path":
			e.Name = v
		case "linkpath":
			e.Link = v
		case "uname":
			e.Uname = v
		case "gname":
			e.Gname = v
		case "uid":
			e.UID = number(v)
		case "gid":
			e.GID = number(v)
		case "size":
			e.Size = number(v)
		case "mtime":
			e.ModTime = moment(v)
		case "atime", "ctime":
			moment(v)
		}
	}
	return ok
}

// parseTime parses "SECONDS.FRACTION"; digits past the ninth are dropped.
func parseTime(s string) (time.Time, bool) {
	whole, fraction, _ := strings.Cut(s, ".")
	secs, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || strings.Trim(fraction, "0123456789") != "" {
		return time.Time{}, false
	}
	nanos, _ := strconv.ParseInt((fraction + "000000000")[:9], 10, 64)
	if whole[0] == '-' {
		nanos = -nanos
	}
	return time.Unix(secs, nanos).UTC(), true
}

// fieldRecords are the records that the fields of an [Entry] say as well.
var fieldRecords = map[string]bool{
	"path": true, "linkpath": true, "size": true, "uid": true, "gid": true, "uname": true, "gname": true, "mtime": true,
	"GNU.sparse.major": true, "GNU.sparse.minor": true, "GNU.sparse.map": true, "GNU.sparse.name": true,
	"GNU.sparse.size": true, "GNU.sparse.realsize": true, "GNU.sparse.numblocks": true,
}

// otherRecords returns the records that no field says, nil if there are none.
func otherRecords(records map[string]string) map[string]string {
	var other map[string]string
	for k, v := range records {
		if fieldRecords[k] {
			continue
		}
		if other == nil {
			other = make(map[string]string)
		}
		other[k] = v
	}
	return other
}

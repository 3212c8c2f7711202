package main

import "fmt"

// didYouMean returns `, did you mean "x"?` for the x in known that s is most likely a slip of, "" if none is near.
func didYouMean(s string, known []string) string {
	best, at := "", max(len(s)/3, 1)+1 // as many edits make another word of it
	for _, k := range known {
		if d := distance(s, k, at); d < at {
			best, at = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(", did you mean %q?", best)
}

// distance returns how many bytes have to be inserted, removed or replaced to make b of a, or limit if that is less.
func distance(a, b string, limit int) int {
	if max(len(a)-len(b), len(b)-len(a)) >= limit {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return min(row[len(b)], limit)
}

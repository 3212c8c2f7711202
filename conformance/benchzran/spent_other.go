//go:build !unix

package main

import "time"

var started = time.Now()

// spent returns the time by the clock, where there is no better one.
func spent() (time.Duration, error) { return time.Since(started), nil }

// Package conformance is the distribution spec as black-box tests, by endpoint, and the project's own shape as a test.
//
//	go test ./conformance                                          # over storage/memory and storage/disk, in process
//	go test ./conformance -registry=http://127.0.0.1:5000          # over any registry that runs
//	go test ./conformance -registry=... -delete=false -sparse      # one that does not delete, and checks no references
//
// What is sent and what is wanted stands in scripts, one request a line; script_test.go has their grammar. Every name is
// new, so a registry may be tested again and again, and while others use it.
package conformance

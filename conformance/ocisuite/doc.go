// Package ocisuite runs the OCI conformance suite, a program that the caller built, against fresh servers of ours:
//
//	make conformance CONFORMANCE=/path/to/suite            # the suite at its head, as stable and as dev
//	make conformance CONFORMANCE_V1=/path/to/old.test      # the suite of v1.1.1, all workflows
//
// It believes the suite's reports and not its exit status, which is 0 after a bad configuration, and reads the status
// attributes, since a failed case has no failure element.
package ocisuite

package ocisuite

import (
	"encoding/xml"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// report is what a run's junit.xml says. The counts are the suite's own; bad are the cases that did not pass.
type report struct {
	pass, fail, skip, errors, disabled int
	bad                                []badCase
}

type badCase struct{ name, status, text string }

func (r *report) String() string {
	return fmt.Sprintf("%d pass, %d fail, %d skip, %d error, %d disabled", r.pass, r.fail, r.skip, r.errors, r.disabled)
}

type junitSuites struct {
	Suites []struct {
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Disabled int         `xml:"disabled,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Cases    []junitCase `xml:"testcase"`
	} `xml:"testsuite"`
}

type junitCase struct {
	Name    string `xml:"name,attr"`
	Status  string `xml:"status,attr"`
	Out     string `xml:"system-out"`
	Err     string `xml:"system-err"`
	Failure string `xml:"failure"`
}

// reporterCase is the old suite's HTML reporter, which counts itself as a case.
const reporterCase = "html custom reporter"

// forbidden in XML 1.0, but suites put bodies with them into their reports.
var forbidden = regexp.MustCompile("[\x00-\x08\x0b\x0c\x0e-\x1f]")

// parseReport reads a junit.xml of either suite. A report without a case that passed is an error: nothing ran.
func parseReport(r io.Reader) (*report, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	var suites junitSuites
	if err := xml.Unmarshal(forbidden.ReplaceAll(text, nil), &suites); err != nil {
		return nil, fmt.Errorf("the report: %w", err)
	}
	var rep report
	for _, s := range suites.Suites {
		rep.fail += s.Failures
		rep.skip += s.Skipped
		rep.errors += s.Errors
		rep.disabled += s.Disabled
		rep.pass += s.Tests - s.Failures - s.Skipped - s.Errors - s.Disabled
		for _, c := range s.Cases {
			if c.Name == reporterCase {
				rep.pass--
				continue
			}
			if !slices.Contains([]string{"passed", "pass"}, strings.ToLower(c.Status)) {
				rep.bad = append(rep.bad, badCase{c.Name, c.Status, firstLines(c.Out+c.Failure, 12)})
			}
		}
	}
	if rep.pass <= 0 {
		return nil, fmt.Errorf("the report has %s: nothing ran", &rep)
	}
	return &rep, nil
}

// verdict compares r with what is expected: no case of any kind may fail or be in error, and the cases that were skipped or
// disabled must be among allowed, which are patterns of their names.
func (r *report) verdict(skips, disabled int, allowed ...string) (errs []error) {
	if r.fail != 0 || r.errors != 0 || r.skip != skips || r.disabled != disabled {
		errs = append(errs, fmt.Errorf("got %s; want 0 fail, %d skip, 0 error, %d disabled", r, skips, disabled))
	}
	for _, b := range r.bad {
		known := slices.ContainsFunc(allowed, func(p string) bool { return regexp.MustCompile(p).MatchString(b.name) })
		if !known || b.status != "skipped" {
			errs = append(errs, fmt.Errorf("%s: %s\n%s", b.status, b.name, b.text))
		}
	}
	return errs
}

func firstLines(s string, n int) string {
	lines := strings.SplitN(strings.TrimSpace(s), "\n", n+1)
	return strings.Join(lines[:min(n, len(lines))], "\n")
}

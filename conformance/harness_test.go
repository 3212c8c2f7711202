package conformance

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestHarness gives wrong answers to the scripts' own comparison, so that it is known to see them.
func TestHarness(t *testing.T) {
	tg := &target{base: &url.URL{Scheme: "http", Host: "x:1"}, root: "/secret/root"}
	for _, c := range []struct {
		status     int
		head, body string // header lines; "HEAD" makes it the answer to one
		want       string // of the script
		fault      string // "" for none
	}{
		{200, "A: b", "text", "200 | A: b | Body: text | B: !", ""},
		{200, "Location: http://x:1/v2/a?b=c", "", "200 | Location: /v2/a?b=c", ""},
		{200, "Location: http://y/v2/a", "", "200 | Location: /v2/a", "Location"},
		{200, "", `{"a": 1}`, `200 | Body: {"a":1}`, ""},
		{200, "", `{"a": 1}`, `200 | Body: {"a":2}`, "Body"},
		{200, "", `{"tags": null}`, `200 | Body: {"tags":[]}`, "Body"},
		{200, "A: b", "", "200 | A: c", "A: got"},
		{200, "A: b", "", "200 | A: !", "want none"},
		{200, "", "", "200 | A: *", "want any"},
		{200, "A: b", "", "200 | A: ~^c", "want a match"},
		{201, "", "", "200|202", "got status 201"},
		{404, "", `{"errors":[{"code":"BLOB_UNKNOWN"}]}`, "404 NAME_UNKNOWN|BLOB_UNKNOWN", ""},
		{404, "", `{"errors":[{"code":"BLOB_UNKNOWN"}]}`, "404 NAME_UNKNOWN", "got code"},
		{404, "Content-Type: application/json", `{"errors":[{"code":"OTHER"}]}`, "404", "one of the spec's"},
		{404, "Content-Type: application/json", `{`, "404", "not JSON"},
		{404, "Content-Type: application/json", `{"errors":[]}`, "404", "one of the spec's"},
		{500, "", "", "500", "above 499"},
		{405, "", "", "405", "without Allow"},
		{429, "", "", "429", "Retry-After"},
		{200, "HEAD", "body", "200", "a HEAD has a body"},
		{400, "", "open /secret/root/blobs", "400", "path in the answer"},
		{400, "", "goroutine 1 [running]", "400", "a stack"},
		{200, "Warning: 199 x \"y\"", "", "200", "want 299"},
	} {
		a := &answer{"GET", c.status, http.Header{}, c.body}
		if k, v, ok := strings.Cut(c.head, ": "); ok {
			a.header.Set(k, v)
		} else if c.head != "" {
			a.method = c.head
		}
		var got []string
		for _, err := range newScript(t, tg).compare(a, strings.Split(c.want, " | ")) {
			got = append(got, err.Error())
		}
		if all := strings.Join(got, "; "); (c.fault == "") != (all == "") || !strings.Contains(all, c.fault) {
			t.Errorf("%s against %s: got %q, want %q", a, c.want, all, c.fault)
		}
	}
}

// TestExpand checks the words of scripts, nested and with text that looks like one.
func TestExpand(t *testing.T) {
	s := newScript(t, &target{})
	s.vars["a"], s.vars["u"] = "$a(", "/v2/r/x?y=z"
	for text, want := range map[string]string{
		"x$a)":               "x$a()",
		"$rep(ab,3)$":        "ababab$",
		"$rep(a,b,2)":        "a,ba,b",
		"$len($rep($a,2))":   "6",
		"$sha256($rep(a,3))": digestOf("sha256", "aaa"),
	} {
		if got := s.expand(text); got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
	s.tg.base = &url.URL{Scheme: "http", Host: "x"}
	if got := s.parseRequest("PUT $u?digest=d | A: b").URL.String(); got != "http://x/v2/r/x?y=z&digest=d" {
		t.Errorf("got %s", got)
	}
}

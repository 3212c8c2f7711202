package conformance

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
)

// answer is a whole response.
type answer struct {
	method string
	status int
	header http.Header
	body   string
}

var client = &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 16}}

func do(t *testing.T, req *http.Request) *answer {
	t.Helper()
	a, err := send(req)
	if err != nil {
		t.Fatalf("%s %s: %v", req.Method, clip(req.URL.String()), err)
	}
	return a
}

// send is do for goroutines, which must not end the test.
func send(req *http.Request) (*answer, error) {
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	return readAnswer(req.Method, res)
}

func readAnswer(method string, res *http.Response) (*answer, error) {
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return &answer{method, res.StatusCode, res.Header, string(body)}, err
}

func (a *answer) String() string {
	return fmt.Sprintf("%d %v %q", a.status, a.header, clip(a.body))
}

// field returns a header, or the body as "Body".
func (a *answer) field(tg *target, key string) (value string, present bool) {
	switch key {
	case "Body":
		return a.body, a.body != ""
	case "Location":
		v := a.location(tg)
		return v, v != ""
	}
	v := a.header.Values(key)
	return strings.Join(v, ", "), len(v) > 0
}

// location returns the Location, without scheme and host where they are the registry's own.
func (a *answer) location(tg *target) string {
	u, err := url.Parse(a.header.Get("Location"))
	if err != nil || u.Host != tg.base.Host {
		return a.header.Get("Location")
	}
	return u.RequestURI()
}

// link returns the target of Link: <...>; rel="next" (RFC 8288), "" if there is none.
func (a *answer) link() string {
	m := regexp.MustCompile(`^<([^>]+)>; ?rel="?next"?$`).FindStringSubmatch(a.header.Get("Link"))
	if m == nil {
		return ""
	}
	return m[1]
}

type errorBody struct {
	Errors []struct {
		Code    string
		Message string
		Detail  json.RawMessage
	}
}

// code returns the first error code of the body; a HEAD has none.
func (a *answer) code() string {
	var b errorBody
	if json.Unmarshal([]byte(a.body), &b) != nil || len(b.Errors) == 0 {
		return ""
	}
	return b.Errors[0].Code
}

// codes are all that the spec has ("Error Codes").
const codes = "BLOB_UNKNOWN|BLOB_UPLOAD_INVALID|BLOB_UPLOAD_UNKNOWN|DIGEST_INVALID|MANIFEST_BLOB_UNKNOWN|MANIFEST_INVALID|" +
	"MANIFEST_UNKNOWN|NAME_INVALID|NAME_UNKNOWN|SIZE_INVALID|UNAUTHORIZED|DENIED|UNSUPPORTED|TOOMANYREQUESTS"

// faults are what no answer at all may have.
func (a *answer) faults(tg *target) (errs []error) {
	fault := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	isJSON := strings.HasPrefix(a.header.Get("Content-Type"), "application/json")
	failed := a.status >= 400 && a.method != "HEAD"
	fault(a.status >= 500, "got status %d, want none above 499", a.status)
	fault(a.method == "HEAD" && a.body != "", "a HEAD has a body")
	fault(a.status == 405 && a.header["Allow"] == nil, "405 without Allow (RFC 9110, 15.5.6); an empty one allows nothing")
	fault(failed && isJSON && !oneOf(codes, a.code()), "got code %q, want one of the spec's", a.code())
	fault(failed && isJSON && !json.Valid([]byte(a.body)), "not JSON: %q", clip(a.body))
	fault(a.status == 429 && a.header.Get("Retry-After") == "", "429 without Retry-After")
	fault(strings.Contains(a.body, "goroutine ") || strings.Contains(a.body, ".go:"), "a stack in the answer: %q", clip(a.body))
	fault(tg.root != "" && strings.Contains(a.body, tg.root), "the root's path in the answer: %q", clip(a.body))
	warnings := a.header.Values("Warning")
	fault(len(strings.Join(warnings, "")) > 4096, "more than 4096 bytes of warnings")
	for _, w := range warnings {
		fault(!strings.HasPrefix(w, `299 - "`), "Warning: %s: want 299 and -", w)
	}
	return errs
}

// sameJSON reports whether a and b are the same JSON value.
func sameJSON(a, b string) bool {
	var x, y any
	return json.Unmarshal([]byte(a), &x) == nil && json.Unmarshal([]byte(b), &y) == nil && reflect.DeepEqual(x, y)
}

//go:build linux

package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
	"time"
)

// browser is a headless Chromium that is driven over WebDriver (W3C) by a chromedriver of its own.
type browser struct {
	t       *testing.T
	session string // URL of the session
	shots   string // folder for screenshots, which git ignores
}

// elementKey is what WebDriver calls a reference to an element (WebDriver, 12.1).
const elementKey = "element-6066-11e4-a52e-4f735466cecf"

var driverPort = regexp.MustCompile(`started successfully on port (\d+)`)

// newBrowser starts chromedriver and a browser with an empty profile, until t ends.
func newBrowser(t *testing.T) *browser {
	t.Helper()
	driver, chromium := needProgram(t, "chromedriver", "chromium-driver"), needProgram(t, "chromium", "chromium")
	out := newOutput()
	cmd := exec.Command(driver, "--port=0")
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // the browser, too
		cmd.Wait()
	})
	port := waitFor(t, out, driverPort)
	b := &browser{t: t, session: "http://127.0.0.1:" + port, shots: filepath.Join("..", "..", "bin", "screenshots")}
	if err := os.MkdirAll(b.shots, 0o777); err != nil {
		t.Fatal(err)
	}
	var made struct{ SessionID string }
	b.call("POST", "/session", map[string]any{"capabilities": map[string]any{"alwaysMatch": map[string]any{
		"browserName":       "chrome",
		"goog:loggingPrefs": map[string]string{"browser": "ALL"},
		"goog:chromeOptions": map[string]any{"binary": chromium, "args": []string{"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
			"--disable-background-networking", "--disable-component-update", "--disable-sync", "--user-data-dir=" + t.TempDir(), "--window-size=1280,900"}},
	}}}, &made)
	b.session += "/session/" + made.SessionID
	t.Cleanup(func() { b.try("DELETE", "", nil, nil) })
	return b
}

// waitFor waits until a program has printed what pattern has one group for.
func waitFor(t *testing.T, out *output, pattern *regexp.Regexp) string {
	t.Helper()
	for range 300 {
		if m := pattern.FindStringSubmatch(out.String()); m != nil {
			return m[1]
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("nothing like %s was printed:\n%s", pattern, out)
	return ""
}

// call sends a command, and reads the value of its answer into result unless that is nil.
func (b *browser) call(method, path string, body, result any) {
	b.t.Helper()
	if err := b.try(method, path, body, result); err != nil {
		b.t.Fatalf("%s %s %v: %v", method, path, body, err)
	}
}

func (b *browser) try(method, path string, body, result any) error {
	var send io.Reader
	if method == "POST" {
		if body == nil {
			body = map[string]any{}
		}
		raw, err := json.Marshal(body)
		if err != nil {
			return err
		}
		send = bytes.NewReader(raw)
	}
	r, err := http.NewRequest(method, b.session+path, send)
	if err != nil {
		return err
	}
	answer, err := (&http.Client{Timeout: time.Minute}).Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	var value struct{ Value json.RawMessage }
	if err := json.NewDecoder(answer.Body).Decode(&value); err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %.500s", answer.Status, value.Value)
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(value.Value, result)
}

func (b *browser) open(url string) {
	b.t.Helper()
	b.call("POST", "/url", map[string]string{"url": url}, nil)
}

func (b *browser) url() (u string) {
	b.t.Helper()
	b.call("GET", "/url", nil, &u)
	return u
}

// find returns the first element that fits a selector: CSS, or "=TEXT" for a link with that text, "~TEXT" for one that has it.
func (b *browser) find(selector string) string {
	b.t.Helper()
	using := "css selector"
	switch selector[0] {
	case '=':
		using, selector = "link text", selector[1:]
	case '~':
		using, selector = "partial link text", selector[1:]
	}
	var e map[string]string
	if err := b.try("POST", "/element", map[string]string{"using": using, "value": selector}, &e); err != nil {
		b.t.Fatalf("%s: no %q on the page\n%s", b.url(), selector, b.text("body"))
	}
	return "/element/" + e[elementKey]
}

// leave does what leads to another page, and waits until that one is there: a driver may answer as soon as the click is done.
func (b *browser) leave(act func()) {
	b.t.Helper()
	b.run("document.documentElement.dataset.old = 'yes'", nil)
	act()
	var there bool
	for range 300 {
		err := b.try("POST", "/execute/sync", map[string]any{"args": []any{},
			"script": "return document.readyState === 'complete' && !document.documentElement.dataset.old"}, &there)
		if err == nil && there { // between two pages there may be none to ask
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	b.t.Fatalf("%s: no other page came", b.url())
}

// click clicks on the link that find finds, and waits for its page.
func (b *browser) click(selector string) {
	b.t.Helper()
	e := b.find(selector)
	b.leave(func() { b.call("POST", e+"/click", nil, nil) })
}

// enter types text into an input, and Enter, and waits for the page that comes of it.
func (b *browser) enter(selector, text string) {
	b.t.Helper()
	e := b.find(selector)
	b.call("POST", e+"/clear", nil, nil)
	b.leave(func() { b.call("POST", e+"/value", map[string]string{"text": text + "\ue007"}, nil) })
}

func (b *browser) text(selector string) (s string) {
	b.t.Helper()
	b.call("GET", b.find(selector)+"/text", nil, &s)
	return s
}

// run runs a function's body in the page.
func (b *browser) run(script string, result any, args ...any) {
	b.t.Helper()
	if args == nil {
		args = []any{}
	}
	b.call("POST", "/execute/sync", map[string]any{"script": script, "args": args}, result)
}

// dark makes the page think that the person prefers dark colours, or not.
func (b *browser) dark(on bool) {
	b.t.Helper()
	value := "light"
	if on {
		value = "dark"
	}
	b.call("POST", "/goog/cdp/execute", map[string]any{"cmd": "Emulation.setEmulatedMedia",
		"params": map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": value}}}}, nil)
}

// width makes the window as wide as a device.
func (b *browser) width(pixels int) {
	b.t.Helper()
	b.call("POST", "/goog/cdp/execute", map[string]any{"cmd": "Emulation.setDeviceMetricsOverride",
		"params": map[string]any{"width": pixels, "height": 900, "deviceScaleFactor": 1, "mobile": pixels < 600}}, nil)
}

// shot keeps a picture of the page.
func (b *browser) shot(name string) {
	b.t.Helper()
	var encoded string
	b.call("GET", "/screenshot", nil, &encoded)
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b.shots, name+".png"), raw, 0o666); err != nil {
		b.t.Fatal(err)
	}
}

// complaints returns what the browser's console has got since the last call: errors of scripts and of loading, violations of the policy.
func (b *browser) complaints() (all []string) {
	b.t.Helper()
	var log []struct{ Level, Message string }
	b.call("POST", "/se/log", map[string]string{"type": "browser"}, &log)
	for _, l := range log {
		all = append(all, l.Level+" "+l.Message)
	}
	return all
}

//go:build linux

package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// quiet fails t for anything in the browser's console.
func quiet(t *testing.T, b *browser) {
	t.Helper()
	for _, c := range b.complaints() {
		t.Errorf("%s: the browser complains: %s", b.url(), c)
	}
}

// shows fails t unless the page has all these words.
func shows(t *testing.T, b *browser, words ...string) {
	t.Helper()
	page := b.text("body")
	for _, w := range words {
		if !strings.Contains(page, w) {
			t.Errorf("%s does not show %q:\n%s", b.url(), w, page)
		}
	}
}

// TestBrowser pushes images with docker, and clicks its way from the front page to the content of a file, through the search and a comparison.
func TestBrowser(t *testing.T) {
	needE2E(t)
	x := newExhibit(t)
	b := newBrowser(t)
	visit := func(name string, words ...string) {
		t.Helper()
		shows(t, b, words...)
		b.shot(name)
		quiet(t, b)
	}

	b.open(x.s.base + "/")
	visit("front", "team", "team/app:2")
	b.click("=team/app:2")
	visit("image", string(x.second.manifest), "COPY conf /etc/conf", "/bin/hello", "docker pull "+x.host+"/team/app")
	b.click("=files")
	visit("layers", "bin", "etc")
	b.click("~etc")
	visit("directory", "conf", "33")
	b.click("=conf")
	visit("file", "port = 8080", "host = localhost")

	b.enter("#q", "conf")
	visit("search", "etc/conf")
	b.click("=etc/conf")
	visit("found", "host = localhost")
	b.enter("#q", string(x.first.layers[0])[7:27])
	visit("search-digest", "layer of team/app")

	b.open(x.s.base + "/diff")
	b.call("POST", b.find("#from")+"/value", map[string]string{"text": "team/app:1"}, nil)
	b.enter("#to", "team/app:2")
	visit("diff", "1 added", "etc/conf", "usr/share/new")
	b.click("=etc/conf")
	visit("diff-file", "-port = 80", "+port = 8080")
}

// TestBrowserLooks opens a page of each kind in light and dark, on a desk and on a phone.
func TestBrowserLooks(t *testing.T) {
	needE2E(t)
	x := newExhibit(t)
	b := newBrowser(t)
	image, layer := "team/app@"+string(x.second.manifest), "team/app@"+string(x.first.layers[0])
	pages := map[string]string{
		"front": "/", "repository": "/r/team/app", "image": "/r/" + image, "history": "/r/" + image + "?render=history", "config": "/blob/team/app@" + string(x.first.config),
		"referrers": "/referrers/" + image, "layer": "/fs/" + layer + "/", "flat": "/layers/" + image + "/", "text": "/fs/" + layer + "/bin/hello",
		"hex": "/fs/" + layer + "/bin/hello?render=xxd", "size": "/size/" + layer, "sizes": "/sizes/" + image, "search": "/search?q=conf",
		"diff": "/diff?from=team/app:1&to=team/app:2", "diff-file": "/diff?from=team/app:1&to=team/app:2&path=etc/conf",
	}
	wrong := map[string]string{"no-page": "/nope", "no-repository": "/r/nope", "no-manifest": "/r/team/app:9", "no-file": "/fs/" + layer + "/nope", "bad-digest": "/fs/team/app@sha256:12/"}
	for _, dark := range []bool{false, true} {
		for _, width := range []int{1280, 390} {
			b.dark(dark)
			b.width(width)
			for name, url := range pages {
				b.open(x.s.base + url)
				accessible(t, b)
				quiet(t, b)
				b.shot(fmt.Sprintf("%s-%d-%s", name, width, map[bool]string{false: "light", true: "dark"}[dark]))
			}
			for _, url := range wrong {
				b.open(x.s.base + url)
				accessible(t, b)
				b.complaints() // the browser reports the status of the page itself
			}
		}
	}
}

// TestBrowserEmpty opens the front page of an empty registry.
func TestBrowserEmpty(t *testing.T) {
	needE2E(t)
	s := start(t, t.TempDir(), nil)
	b := newBrowser(t)
	b.open(s.base + "/")
	shows(t, b, "docker push "+s.host)
	accessible(t, b)
	b.shot("front-empty")
	quiet(t, b)
}

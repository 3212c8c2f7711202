//go:build linux

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestCommandsAreTrue runs the shell line at the top of each page, and compares what it prints with what the page holds.
func TestCommandsAreTrue(t *testing.T) {
	needE2E(t)
	x := newExhibit(t)
	c := newCrane(t, x.s)
	for program, pkg := range map[string]string{"jq": "jq", "xxd": "xxd", "bash": "bash", "diff": "diffutils"} {
		needProgram(t, program, pkg)
	}
	m, layer, last := string(x.first.manifest), string(x.first.layers[0]), string(x.second.layers[2])
	for _, p := range []struct {
		url  string
		same func(t *testing.T, printed string, page, text string) bool
	}{
		{"/", eachLineIsALink},
		{"/r/team/app", eachLineIsALink},
		{"/r/team/app@" + m, sameJSON},
		{"/r/team/app:2", sameJSON},
		{"/blob/team/app@" + string(x.first.config), sameJSON},
		{"/blob/team/app@" + string(x.first.config) + "?jq=.config.Env%5B0%5D", samePre},
		{"/r/team/app@" + m + "?jq=.config.digest", samePre},
		{"/fs/team/app@" + layer + "/", sameText},
		{"/fs/team/app@" + layer + "/?all=true", sameLines},
		{"/fs/team/app@" + layer + "/bin/", sameText},
		{"/fs/team/app@" + layer + "/bin/hello", sameText},
		{"/fs/team/app@" + layer + "/bin/hard", sameText},
		{"/fs/team/app@" + layer + "/bin/hello?render=xxd", samePre},
		{"/fs/team/app@" + layer + "/etc/it%27s%20a%20%22name%22.json", sameJSON},
		{"/fs/team/app@" + layer + "/etc/it%27s%20a%20%22name%22.json?render=xxd", samePre},
		{"/fs/team/app@" + string(x.first.layers[1]) + "/usr/share/noise?render=xxd", samePre},
		{"/fs/team/app@" + last + "/etc/conf", samePre},
		{"/layers/team/app@" + string(x.second.manifest) + "/etc/conf", samePre},
		{"/layers/team/app@" + string(x.second.manifest) + "/?all=true&deleted=false", sameNames},
		{"/diff?from=team/app:1&to=team/app:2&path=etc/conf", sameHunks},
	} {
		t.Run(p.url, func(t *testing.T) {
			page := string(x.s.expect(t, 200, "GET", p.url, nil, "Accept", "text/html").body)
			text := string(x.s.expect(t, 200, "GET", p.url, nil, "Accept", "*/*").body)
			command := commandOf(t, page)
			printed := shell(t, c, command)
			if !p.same(t, printed, page, text) {
				t.Errorf("$ %s\n%s\nis not what the page holds:\n%s", command, clip(printed), clip(pre(page)+"\n--- as text\n"+text))
			}
		})
	}
}

func clip(s string) string { return s[:min(len(s), 3000)] }

// shell runs a line in bash with crane at hand.
func shell(t *testing.T, c crane, command string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", command)
	cmd.Env = append(c.env, "PATH="+filepath.Dir(c.path)+":"+os.Getenv("PATH"), "LC_ALL=C.UTF-8")
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil && !strings.HasPrefix(command, "diff") {
		t.Fatalf("$ %s\n%v\n%s%s", command, err, &out, &problems)
	}
	return out.String()
}

var (
	commandPattern = regexp.MustCompile(`(?s)<p class="command"><span class="prompt"[^>]*>\$ </span><code>(.*?)</code></p>`)
	prePattern     = regexp.MustCompile(`(?s)<pre[^>]*>(.*?)</pre>`)
	tagOfHTML      = regexp.MustCompile(`<[^>]*>`)
	linkPattern    = regexp.MustCompile(`(?s)<a [^>]*>(.*?)</a>`)
)

func plain(markup string) string { return html.UnescapeString(tagOfHTML.ReplaceAllString(markup, "")) }

func commandOf(t *testing.T, page string) string {
	t.Helper()
	m := commandPattern.FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("no command on the page:\n%s", clip(page))
	}
	return plain(m[1])
}

// pre is the text of the last block of text.
func pre(page string) string {
	all := prePattern.FindAllStringSubmatch(page, -1)
	if all == nil {
		return ""
	}
	return strings.TrimPrefix(plain(all[len(all)-1][1]), "\n")
}

// Ways to be the same.

func samePre(t *testing.T, printed, page, text string) bool {
	return strings.TrimRight(printed, "\n") == strings.TrimRight(pre(page), "\n")
}

// sameText also wants the lines to be on the page.
func sameText(t *testing.T, printed, page, text string) bool {
	shown := strings.Join(strings.Fields(plain(page)), " ")
	for _, line := range strings.Split(printed, "\n") {
		f := strings.Fields(line)
		if len(f) > 0 && !strings.Contains(shown, f[len(f)-1]) {
			t.Errorf("the page does not show %q", line)
		}
	}
	return printed == text
}

// sameLines takes the lines in any order.
func sameLines(t *testing.T, printed, page, text string) bool {
	a, b := strings.Split(printed, "\n"), strings.Split(text, "\n")
	slices.Sort(a)
	slices.Sort(b)
	return len(a) > 1 && slices.Equal(a, b)
}

func sameJSON(t *testing.T, printed, page, text string) bool {
	var a, b any
	return json.Unmarshal([]byte(printed), &a) == nil && json.Unmarshal([]byte(pre(page)), &b) == nil && reflect.DeepEqual(a, b)
}

// eachLineIsALink wants the text of a link for each line.
func eachLineIsALink(t *testing.T, printed, page, text string) bool {
	links := map[string]bool{}
	for _, m := range linkPattern.FindAllStringSubmatch(page, -1) {
		links[plain(m[1])] = true
	}
	for _, line := range strings.Fields(printed) {
		if !links[line] && !links[filepath.Base(line)] {
			t.Errorf("no link %q", line)
		}
	}
	return printed != ""
}

// sameNames compares the last words of the lines, in any order: crane export writes the layers from the top, and leaves out directories that are only implied.
func sameNames(t *testing.T, printed, page, text string) bool {
	names := func(s string) map[string]bool {
		found := map[string]bool{}
		for _, line := range strings.Split(strings.TrimSpace(s), "\n") {
			if f := strings.Fields(line); len(f) > 5 && !strings.HasPrefix(f[0], "d") {
				found[strings.Join(f[5:], " ")] = true
			}
		}
		return found
	}
	return len(names(printed)) > 3 && reflect.DeepEqual(names(printed), names(text))
}

// sameHunks compares differences from their first hunk on.
func sameHunks(t *testing.T, printed, page, text string) bool {
	_, a, _ := strings.Cut(printed, "@@")
	_, b, _ := strings.Cut(text, "@@")
	return a != "" && a == b
}

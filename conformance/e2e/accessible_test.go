//go:build linux

package e2e

import "testing"

// accessible holds the page that b shows to what people need who see badly, or not at all (WCAG 2.2): contrast of 4.5 of all text (1.4.3), labels of
// inputs (3.3.2), names of links (2.4.4) and pictures (1.1.1), a language (3.1.1), headings in order (1.3.1), no sideways scrolling (1.4.10).
func accessible(t *testing.T, b *browser) {
	t.Helper()
	var faults []string
	b.run(findFaults, &faults)
	for _, f := range faults {
		t.Errorf("%s: %s", b.url(), f)
	}
}

const findFaults = `
const faults = [];
const where = e => e.tagName.toLowerCase() + (e.className && e.className.baseVal === undefined ? "." + e.className : "") + " " + JSON.stringify((e.textContent || "").trim().slice(0, 40));
const parse = c => { const m = c.match(/rgba?\(([^)]+)\)/); if (m) { const p = m[1].split(/[ ,\/]+/).map(Number); return [p[0], p[1], p[2], p.length > 3 ? p[3] : 1]; }
  const s = c.match(/color\(srgb ([^)]+)\)/); if (s) { const p = s[1].split(/[ \/]+/).map(Number); return [p[0]*255, p[1]*255, p[2]*255, p.length > 3 ? p[3] : 1]; } return null; };
const over = (top, below) => [0, 1, 2].map(i => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
const ground = e => { const stack = []; for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c && c[3] > 0) { stack.push(c); if (c[3] === 1) break; } }
  let c = matchMedia("(prefers-color-scheme: dark)").matches ? [18, 18, 18, 1] : [255, 255, 255, 1]; while (stack.length) c = over(stack.pop(), c); return c; };
const light = c => { const f = c.slice(0, 3).map(v => { v /= 255; return v <= 0.04045 ? v / 12.92 : Math.pow((v + 0.055) / 1.055, 2.4); }); return 0.2126 * f[0] + 0.7152 * f[1] + 0.0722 * f[2]; };
const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
const seen = new Set();
for (let n = 0; walk.nextNode() && n < 20000; n++) {
  const e = walk.currentNode.parentElement;
  if (!walk.currentNode.textContent.trim() || seen.has(e) || !e.getClientRects().length || e.closest("svg")) continue;
  seen.add(e);
  const bg = ground(e), fg = over(parse(getComputedStyle(e).color), bg), a = light(fg), b = light(bg);
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (ratio < 4.5 && faults.length < 10) faults.push("contrast of " + ratio.toFixed(2) + " in " + where(e));
}
for (const e of document.querySelectorAll("input:not([type=hidden]), select, textarea"))
  if (!e.labels.length && !e.getAttribute("aria-label")) faults.push("no label: " + where(e));
for (const e of document.querySelectorAll("a[href], button"))
  if (!e.textContent.trim() && !e.getAttribute("aria-label") && !e.closest("svg") && !e.querySelector("img[alt]")) faults.push("no name: " + e.outerHTML.slice(0, 100));
for (const e of document.querySelectorAll("img:not([alt])")) faults.push("no alt: " + e.outerHTML.slice(0, 100));
if (!document.documentElement.lang) faults.push("no language");
if (!document.title) faults.push("no title");
if (document.compatMode !== "CSS1Compat") faults.push("quirks mode");
if (document.querySelectorAll("h1").length !== 1) faults.push(document.querySelectorAll("h1").length + " headings of the first level");
let level = 0;
for (const e of document.querySelectorAll("h1, h2, h3, h4, h5, h6")) { const l = Number(e.tagName[1]); if (l > level + 1) faults.push(e.tagName + " after H" + level); level = l; }
for (const e of document.querySelectorAll("th:not([scope])")) faults.push("a head of a table without scope: " + where(e));
const wide = document.documentElement.scrollWidth - innerWidth;
if (wide > 1) faults.push("the page is " + wide + " pixels wider than the window");
return faults;
`

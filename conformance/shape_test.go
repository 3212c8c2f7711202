package conformance

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	module   = "vitrine/"
	goDigest = "github.com/opencontainers/go-digest"
)

// arrows is the picture of docs/architecture.md: which packages of ours (and go-digest) a folder may import, besides the standard
// library. The longest path that fits counts; a path ending in "/..." is the folder's subfolders too; "*" is everything. Test files
// may import anything of the same top folder and of storage as well.
var arrows = []struct{ folder, may string }{
	{"storage/oci", goDigest},
	{"storage", "storage/oci " + goDigest},
	{"storage/...", "storage storage/oci " + goDigest},
	{"registry/api", "storage storage/oci " + goDigest},
	{"registry", "registry/api storage storage/oci " + goDigest},
	{"registry/...", "registry/api storage storage/oci " + goDigest},
	{"registry/files", "registry/api storage storage/oci explore/zran explore/tarfs explore/archive explore/inspect explore/rpm explore/apk explore/apk/apktest " + goDigest},
	{"explore", "explore/... storage storage/oci " + goDigest},
	{"explore/...", "explore/..."},
	{"cmd/...", "*"},
	{"conformance", "*"},
	{"conformance/...", "*"},
}

// topLevel is all that may stand beside dot files.
var topLevel = strings.Fields("cmd registry storage explore conformance testdata docs go.mod go.sum Makefile README.md CHANGELOG.md CONTRIBUTING.md LICENSE")

// TestShape holds the project to its own picture and to the limits that only a gross violation meets.
func TestShape(t *testing.T) {
	files := parseAll(t, "..")
	t.Run("imports", func(t *testing.T) { checkImports(t, files) })
	t.Run("calls", func(t *testing.T) { checkCalls(t, files) })
	t.Run("limits", func(t *testing.T) { checkLimits(t, files) })
	t.Run("docs", func(t *testing.T) { checkDocs(t, files) })
	t.Run("go.mod", checkModule)
	t.Run("net/http", checkHTTP)
	t.Run("top level", checkTop)
}

// source is a parsed file. folder is its package's path inside the project.
type source struct {
	path, folder string
	test         bool
	set          *token.FileSet
	file         *ast.File
}

func parseAll(t *testing.T, root string) (all []source) {
	t.Helper()
	err := filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
		name := e.Name()
		switch {
		case err != nil:
			return err
		case e.IsDir() && p != root && (name[0] == '.' || name == "testdata" || name == "vitrine-data"):
			return filepath.SkipDir
		case e.IsDir() || !strings.HasSuffix(name, ".go"):
			return nil
		}
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, p, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		rel = filepath.ToSlash(rel)
		all = append(all, source{rel, path.Dir(rel), strings.HasSuffix(name, "_test.go"), set, f})
		return err
	})
	if err != nil || len(all) == 0 {
		t.Fatalf("%d files: %v", len(all), err)
	}
	return all
}

func (s source) line(p token.Pos) int { return s.set.Position(p).Line }

func checkImports(t *testing.T, files []source) {
	for _, s := range files {
		may, ok := mayImport(s.folder)
		if !ok {
			t.Errorf("%s: the folder %s has no place in the picture", s.path, s.folder)
		}
		for _, imp := range s.file.Imports {
			p := strings.Trim(imp.Path.Value, `"`)
			ours, isOurs := strings.CutPrefix(p, module)
			first, _, _ := strings.Cut(p, "/")
			switch {
			case !isOurs && !strings.Contains(first, "."): // the standard library
			case !isOurs && p != goDigest:
				t.Errorf("%s imports %s: go-digest is all that there is besides the standard library", s.path, p)
			case s.test && isOurs && oneOf("storage|"+top(s.folder), top(ours)):
			case isOurs && !allows(may, ours), !isOurs && !allows(may, p):
				t.Errorf("%s imports %s: %s may import %s", s.path, p, s.folder, may)
			}
		}
	}
}

func top(folder string) string {
	first, _, _ := strings.Cut(folder, "/")
	return first
}

// mayImport returns what the longest row of arrows that fits folder says.
func mayImport(folder string) (may string, ok bool) {
	longest := -1
	for _, a := range arrows {
		if len(a.folder) > longest && (a.folder == folder || matches(a.folder, folder)) {
			longest, may, ok = len(a.folder), a.may, true
		}
	}
	return may, ok
}

func matches(pattern, folder string) bool {
	prefix, isTree := strings.CutSuffix(pattern, "...")
	return isTree && strings.HasPrefix(folder, prefix)
}

func allows(may, p string) bool {
	return may == "*" || slices.ContainsFunc(strings.Fields(may), func(m string) bool { return m == p || matches(m, p) })
}

// checkCalls finds what only one place may do: read the environment, rename, fsync.
func checkCalls(t *testing.T, files []source) {
	for _, s := range files {
		inAtomic := strings.HasPrefix(s.path, "storage/disk/atomic")
		ast.Inspect(s.file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok || s.test {
				return true
			}
			pkg, _ := sel.X.(*ast.Ident)
			switch name := sel.Sel.Name; {
			case pkg != nil && pkg.Name == "os" && oneOf("Getenv|LookupEnv|Environ|ExpandEnv", name) && !oneOf("cmd|conformance", top(s.folder)):
				t.Errorf("%s:%d: os.%s: only cmd reads the environment", s.path, s.line(n.Pos()), name)
			case s.folder == "storage/disk" && !inAtomic && oneOf("Rename|Sync|Fsync|Fdatasync|Syncfs", name):
				t.Errorf("%s:%d: %s: only atomic.go renames and syncs", s.path, s.line(n.Pos()), name)
			}
			return true
		})
	}
}

// checkLimits fails where a function, a file or an interface outgrew what one can read.
func checkLimits(t *testing.T, files []source) {
	const maxFunc, maxFile, maxMethods = 60, 400, 6
	for _, s := range files {
		if s.test {
			continue
		}
		if n := s.line(s.file.FileEnd); n > maxFile {
			t.Errorf("%s has %d lines, want at most %d", s.path, n, maxFile)
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if lines := s.line(n.End()) - s.line(n.Pos()) + 1; lines > maxFunc {
					t.Errorf("%s: %s has %d lines, want at most %d", s.path, n.Name, lines, maxFunc)
				}
			case *ast.InterfaceType:
				if m := ownMethods(n); m > maxMethods {
					t.Errorf("%s:%d: an interface of %d methods, want at most %d", s.path, s.line(n.Pos()), m, maxMethods)
				}
			}
			return true
		})
	}
}

func ownMethods(i *ast.InterfaceType) (n int) {
	for _, f := range i.Methods.List {
		n += len(f.Names)
	}
	return n
}

// checkDocs wants a comment on every exported name of the packages that others build on.
func checkDocs(t *testing.T, files []source) {
	for _, s := range files {
		if s.test || !oneOf("storage|storage/oci|registry/api|explore/zran", s.folder) {
			continue
		}
		for _, d := range s.file.Decls {
			for _, name := range undocumented(d) {
				t.Errorf("%s:%d: %s has no doc comment", s.path, s.line(d.Pos()), name)
			}
		}
	}
}

// undocumented returns the exported names of d that neither have a comment nor stand in a group that has one.
func undocumented(d ast.Decl) (names []string) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if oneOf("Error|String|Is|As|Unwrap", d.Name.Name) { // their package has said what they are
			return nil
		}
		if d.Name.IsExported() && d.Doc == nil && (d.Recv == nil || ast.IsExported(receiver(d.Recv.List[0].Type))) {
			names = append(names, d.Name.Name)
		}
	case *ast.GenDecl:
		for _, sp := range d.Specs {
			switch sp := sp.(type) {
			case *ast.TypeSpec:
				if sp.Name.IsExported() && sp.Doc == nil && d.Doc == nil {
					names = append(names, sp.Name.Name)
				}
			case *ast.ValueSpec:
				if sp.Names[0].IsExported() && sp.Doc == nil && sp.Comment == nil && d.Doc == nil {
					names = append(names, sp.Names[0].Name)
				}
			}
		}
	}
	return names
}

func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}

// checkModule wants one requirement in go.mod, and no replacement.
func checkModule(t *testing.T) {
	text, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	var required []string
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		switch {
		case len(f) == 0 || oneOf("module|go|toolchain|)|//", f[0]) || strings.HasSuffix(line, "(\n"):
		case f[0] == "replace" || f[0] == "exclude":
			t.Errorf("go.mod: %s", line)
		default:
			required = append(required, strings.TrimPrefix(strings.Join(f, " "), "require "))
		}
	}
	if len(required) != 1 || !strings.HasPrefix(required[0], goDigest+" ") {
		t.Errorf("go.mod requires %q, want %s only", required, goDigest)
	}
}

// checkHTTP asks go for all that storage imports, directly or not: HTTP is not among it.
func checkHTTP(t *testing.T) {
	cmd := exec.Command("go", "list", "-e", "-deps", "./storage/...")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil || !strings.Contains(string(out), module+"storage/oci\n") {
		t.Fatalf("go list: %v\n%s", err, out)
	}
	for _, p := range strings.Fields(string(out)) {
		if p == "net/http" || strings.HasPrefix(p, module) && top(strings.TrimPrefix(p, module)) != "storage" {
			t.Errorf("storage depends on %s", p)
		}
	}
}

// checkTop wants nothing at the top level but what the picture has. Without git what lies around counts too.
func checkTop(t *testing.T) {
	cmd := exec.Command("git", "ls-files")
	cmd.Dir = ".."
	out, err := cmd.Output()
	entries := strings.Fields(string(out))
	if err != nil {
		t.Logf("git ls-files: %v; reading the folder", err)
		dir, err := os.ReadDir("..")
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range dir {
			if !oneOf("vitrine|vitrine-data", e.Name()) { // what building and running leave
				entries = append(entries, e.Name())
			}
		}
	}
	for _, e := range entries {
		if name := top(e); name[0] != '.' && !slices.Contains(topLevel, name) {
			t.Errorf("%s has no place at the top level", e)
			break
		}
	}
}

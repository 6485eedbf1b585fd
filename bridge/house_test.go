package bridge_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/drawbridge-app/drawbridge/"

// vocabulary are the rooms below bridge that every other room there may import.
var vocabulary = []string{"bridge/tools", "bridge/model"}

// TestArrows holds the imports of the whole repository against the arrows of
// the design: app → app/ui → bridge → its rooms → store, and nothing back.
func TestArrows(t *testing.T) {
	files := sources(t)
	if len(files) < 20 {
		t.Fatalf("found only %d files; is this the repository?", len(files))
	}
	for _, f := range files {
		for _, imported := range f.imports {
			if reason := forbidden(f.pkg, imported, f.test); reason != "" {
				t.Errorf("%s imports %s: %s", f.path, imported, reason)
			}
		}
	}
}

// TestArrowsNoticed proves that the rules are rules.
func TestArrowsNoticed(t *testing.T) {
	for _, bad := range [][2]string{
		{"bridge", "fyne.io/fyne/v2"},
		{"bridge/chat", module + "store/db"},
		{"bridge/chat", module + "bridge/provider"},
		{"bridge/tools", module + "bridge/model"},
		{"bridge/mcphost", module + "app/control"},
		{"bridge/chat", module + "bridge/mcphost/internal/shim"},
		{"bridge/gateway", module + "bridge"},
		{"bridge/gateway", module + "bridge/mcphost/internal/oauth"},
		{"bridge/mcphost/internal/oauth", module + "bridge/mcphost"},
		{"store", "github.com/zalando/go-keyring"},
		{"store/db", module + "bridge/tools"},
		{"store/secret", module + "store/db"},
		{"store/internal/files", module + "store/db"},
		{"store/internal/files", "modernc.org/sqlite"},
		{"store", module + "store/internal/files"},
		{"bridge", module + "store/internal/files"},
		{"app/ui/chat", module + "store/db"},
		{"app/ui/chat", module + "app"},
		{"bridge/openapi", module + "internal/bounds"},
	} {
		if forbidden(bad[0], bad[1], false) == "" {
			t.Errorf("%s may import %s", bad[0], bad[1])
		}
	}
	for _, good := range [][2]string{
		{"bridge", module + "bridge/chat"},
		{"bridge/chat", module + "bridge/tools"},
		{"bridge/model", module + "bridge/tools"},
		{"bridge/mcphost", module + "bridge/mcphost/internal/shim"},
		{"bridge/mcphost", module + "bridge/mcphost/internal/oauth"},
		{"store", "encoding/json"},
		{"store/db", module + "store/internal/files"},
		{"app", module + "store/db"},
		{"app/ui/chat", module + "bridge"},
	} {
		if reason := forbidden(good[0], good[1], false); reason != "" {
			t.Errorf("%s may not import %s: %s", good[0], good[1], reason)
		}
	}
}

func forbidden(pkg, imported string, test bool) string {
	inner, ours := strings.CutPrefix(imported, module)
	in := func(dir string) bool { return pkg == dir || strings.HasPrefix(pkg, dir+"/") }
	to := func(dir string) bool { return ours && (inner == dir || strings.HasPrefix(inner, dir+"/")) }
	if test && strings.HasPrefix(inner, pkg) {
		return ""
	}
	switch {
	case to("internal/bounds") && !test && pkg != "app/ui/uitest":
		return "what the program does may not depend on the race detector"
	case (in("bridge") || in("store")) && strings.HasPrefix(imported, "fyne.io/"):
		return "the engine and the stores know no window"
	case (in("bridge") || in("store")) && to("app"):
		return "arrows go from app to the engine"
	case in("bridge") && ours && strings.HasPrefix(inner, "store/"):
		return "the engine knows package store alone; app hands it the rest"
	case strings.HasPrefix(pkg, "bridge/") && to("bridge") && inner == "bridge":
		return "a room does not import the house"
	case strings.HasPrefix(pkg, "bridge/") && strings.HasPrefix(inner, pkg+"/internal/"):
		return "" // a cupboard of the room itself
	case strings.HasPrefix(pkg, "bridge/") && to("bridge") && !slices.Contains(vocabulary, inner):
		return "a room does not import another room; both import bridge/tools and bridge/model"
	case pkg == "bridge/tools" && to("bridge"):
		return "bridge/tools is the lowest room"
	case in("store") && to("bridge"):
		return "the stores do not know the engine"
	case strings.HasPrefix(pkg, "store/") && to("store") && inner != "store" && !to("store/internal"):
		return "a store does not import another store"
	case pkg == "store" && to("store/internal"):
		return "package store is types and errors; what does something is for the stores"
	case in("store/internal") && !test && strings.Contains(strings.SplitN(imported, "/", 2)[0], "."):
		return "what the stores share needs the standard library only"
	case pkg == "store" && !test && strings.Contains(strings.SplitN(imported, "/", 2)[0], "."):
		return "package store needs the standard library only"
	case in("app/ui") && ours && strings.HasPrefix(inner, "store/"):
		return "the window reaches the stores through the engine"
	case in("app/ui") && to("app") && !to("app/ui"):
		return "the pages do not know the program"
	}
	return ""
}

// TestBoundsAreHeld: what is not held against a bound with the race detector has
// the name by which make bounds finds it.
func TestBoundsAreHeld(t *testing.T) {
	type function struct {
		in    string // the package
		names map[string]bool
	}
	functions := map[string]function{} // of tests, by package and name
	for _, f := range sources(t) {
		if !f.test {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", f.path), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			d, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			names := map[string]bool{}
			ast.Inspect(d, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.SelectorExpr:
					if x, ok := n.X.(*ast.Ident); ok {
						names[x.Name+"."+n.Sel.Name] = true
					}
				case *ast.Ident:
					names[n.Name] = true
				}
				return true
			})
			functions[f.pkg+" "+d.Name.Name] = function{f.pkg, names}
		}
	}
	held := 0
	for name, f := range functions {
		looks := f.names["bounds.Race"]
		for helper := range f.names {
			looks = looks || functions[f.in+" "+helper].names["bounds.Race"]
		}
		_, test, _ := strings.Cut(name, " ")
		switch {
		case !looks || !strings.HasPrefix(test, "Test"):
		case strings.HasSuffix(test, "Bounds"):
			held++
		default:
			t.Errorf("%s looks at bounds.Race, so its name has to end in Bounds", name)
		}
	}
	if held < 5 {
		t.Errorf("only %d tests hold bounds without the race detector", held)
	}
}

// TestPackageComments demands one package comment for each package.
func TestPackageComments(t *testing.T) {
	comments := map[string]int{}
	for _, f := range sources(t) {
		if !f.test {
			comments[f.pkg] += f.comments
		}
	}
	for pkg, n := range comments {
		if n != 1 {
			t.Errorf("package %s has %d package comments; it needs one, that says what it is for", pkg, n)
		}
	}
}

type source struct {
	path, pkg string
	imports   []string
	comments  int // package comments: 0 or 1
	test      bool
}

// sources reads the head of each Go file of the repository, whatever system it
// is built for.
func sources(t *testing.T) []source {
	t.Helper()
	var out []source
	root := ".."
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && p != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules" || name == "dist") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		s := source{path: filepath.ToSlash(rel), test: strings.HasSuffix(name, "_test.go")}
		s.pkg = path.Dir(s.path)
		if f.Doc != nil && len(strings.TrimSpace(f.Doc.Text())) > 0 {
			s.comments = 1
		}
		for _, i := range f.Imports {
			value, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			s.imports = append(s.imports, value)
		}
		out = append(out, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

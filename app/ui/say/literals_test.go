package say_test

import (
	"go/ast"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
)

// elsewhere are the files whose texts no person reads in the window: what they
// log, and what they say to other programs.
var elsewhere = map[string]bool{
	"app/ui/shell/dump.go": true, "app/ui/shell/tray_dbus.go": true, "app/ui/shell/notify_dbus.go": true,
	"app/ui/clip/clip.go": true, "app/window.go": true,
}

// silent are packages and functions that are given names, patterns and words for
// programs or for a log.
var silent = map[string]bool{
	"strings": true, "slices": true, "bytes": true, "filepath": true, "path": true, "url": true, "os": true, "exec": true,
	"json": true, "regexp": true, "assets": true, "store": true, "slog": true, "say": true, "time": true, "ast": true,
	"strconv": true, "http": true, "mime": true, "panic": true, "Debug": true, "Info": true, "Warn": true,
	"Error": true, "Log": true, "MeasureText": true, "Sscanf": true, "LogError": true, "NewStaticResource": true,
	"Icon": true, "field": true,
}

// TestLiterals finds texts that are shown as they are written, in English alone.
// A new one belongs into a call of package say, or, where it is a name or an
// example, into testdata/names.txt.
func TestLiterals(t *testing.T) {
	names := uitest.Names(t, filepath.Join("testdata", "names.txt"))
	fset := token.NewFileSet()
	found := 0
	for path, f := range sources(t, fset) {
		if elsewhere[path] || f.Name.Name == "say" {
			continue
		}
		var stack []ast.Node
		ast.Inspect(f, func(n ast.Node) bool {
			if n == nil {
				stack = stack[:len(stack)-1]
				return true
			}
			if skips(n, stack) {
				return false
			}
			stack = append(stack, n)
			e, ok := n.(ast.Expr)
			if !ok {
				return true
			}
			s, ok := literal(e)
			if !ok {
				return true
			}
			found++
			if isText(s) && !names[s] && !names[verb.ReplaceAllString(s, "%s")] && !names[s+"%s"] {
				t.Errorf("%v: %q is shown in English alone; let package say say it", fset.Position(n.Pos()), s)
			}
			stack = stack[:len(stack)-1] // Inspect does not come back to a node that was left
			return false
		})
	}
	if found < 500 {
		t.Errorf("only %d texts were looked at", found)
	}
}

// skips reports whether what is in a node is no text that is shown.
func skips(n ast.Node, stack []ast.Node) bool {
	switch n := n.(type) {
	case *ast.ImportSpec, *ast.StructType:
		return true
	case *ast.GenDecl:
		// A constant that is shown is a variable, which package say can say.
		return n.Tok == token.CONST
	case *ast.CallExpr:
		switch f := n.Fun.(type) {
		case *ast.Ident:
			return silent[f.Name]
		case *ast.SelectorExpr:
			if id, ok := f.X.(*ast.Ident); ok && (silent[id.Name] && f.Sel.Name != "Join" && f.Sel.Name != "SetError") {
				return true
			}
			return silent[f.Sel.Name]
		case *ast.ArrayType: // a conversion to bytes
			return true
		}
	}
	if len(stack) == 0 {
		return false
	}
	switch p := stack[len(stack)-1].(type) {
	case *ast.CaseClause:
		for _, e := range p.List {
			if e == n {
				return true
			}
		}
	case *ast.BinaryExpr:
		return p.Op == token.EQL || p.Op == token.NEQ
	case *ast.IndexExpr:
		return true
	case *ast.KeyValueExpr:
		return p.Key == n
	}
	return false
}

// isText reports whether a person would read it as words: several of them, or one
// that begins with a capital or ends with an ellipsis.
func isText(s string) bool {
	s = strings.TrimSpace(verb.ReplaceAllString(s, ""))
	letters := strings.IndexFunc(s, unicode.IsLetter) >= 0
	if !letters || strings.HasPrefix(s, "http") || strings.HasPrefix(s, "--") || strings.ContainsRune(s, 0) {
		return false
	}
	if strings.Contains(s, " ") {
		return true
	}
	first := []rune(s)[0]
	return len(s) > 1 && unicode.IsUpper(first) && strings.ToUpper(s) != s && !strings.ContainsAny(s, "_=/<>{}") || strings.HasSuffix(s, "…") && s != "…"
}

// TestIsText checks what is taken for words that a person reads.
func TestIsText(t *testing.T) {
	for s, want := range map[string]bool{
		"a few words": true, "Save": true, "save": false, "loading…": true, "…": false, "%s of %d": false, "%d of the tools": true, "%d": false, "": false,
		"JSON": false, "https://example.org/Some Thing": false, "--header X": false, "Content-Type_X": false, "a\x00b c": false, "X": false,
	} {
		if isText(s) != want {
			t.Errorf("%q is a text: %v", s, !want)
		}
	}
}

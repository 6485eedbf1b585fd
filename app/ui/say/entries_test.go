package say_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/app/ui/say"
)

var update = flag.Bool("update", false, "write assets/translations/en.json anew")

const (
	root         = "../../.."
	translations = root + "/assets/translations"
)

// message is an entry of a translation: a text, or the forms of one.
type message struct {
	text  string
	forms map[string]string
}

func (m message) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	var v any = m.text
	if m.forms != nil {
		v = m.forms
	}
	err := e.Encode(v)
	return bytes.TrimSpace(b.Bytes()), err
}

func (m *message) UnmarshalJSON(b []byte) error {
	if b[0] == '"' {
		return json.Unmarshal(b, &m.text)
	}
	return json.Unmarshal(b, &m.forms)
}

// sources parses what the window is made of, without its tests.
func sources(t *testing.T, fset *token.FileSet) map[string]*ast.File {
	t.Helper()
	out := map[string]*ast.File{}
	err := filepath.WalkDir(root+"/app", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || d.Name() == "uitest" || d.Name() == "e2e") {
			return filepath.SkipDir
		}
		rel, err := filepath.Rel(root, path)
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		rel = filepath.ToSlash(rel)
		if !strings.HasPrefix(rel, "app/ui/") && rel != "app/window.go" {
			return nil
		}
		out[rel], err = parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 100 {
		t.Fatalf("only %d files of the window were found", len(out))
	}
	return out
}

// literal returns the value of a text that is written out, also as a sum.
func literal(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind != token.STRING {
			return "", false
		}
		s, err := strconv.Unquote(e.Value)
		return s, err == nil
	case *ast.BinaryExpr:
		x, ok := literal(e.X)
		y, ok2 := literal(e.Y)
		return x + y, ok && ok2 && e.Op == token.ADD
	case *ast.ParenExpr:
		return literal(e.X)
	}
	return "", false
}

// said returns which function of say a call is of: "T", "F", "N", "Date", or none.
func said(pkg string, c *ast.CallExpr) string {
	name := ""
	switch f := c.Fun.(type) {
	case *ast.Ident:
		if pkg == "say" {
			name = f.Name
		}
	case *ast.SelectorExpr:
		if id, ok := f.X.(*ast.Ident); ok && id.Name == "say" {
			name = f.Sel.Name
		}
	}
	if name == "T" || name == "F" || name == "N" || name == "Date" {
		return name
	}
	return ""
}

// messages returns the texts of the program by their keys.
func messages(t *testing.T) map[string]message {
	t.Helper()
	fset := token.NewFileSet()
	all := map[string]message{"the language of this file": {text: "en"}}
	for _, f := range sources(t, fset) {
		ast.Inspect(f, func(n ast.Node) bool {
			c, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			fn := said(f.Name.Name, c)
			if fn == "" {
				return true
			}
			at := fset.Position(c.Pos())
			texts := c.Args[:1]
			switch fn {
			case "N":
				texts = c.Args[1:3]
			case "Date":
				texts = c.Args[1:2]
			}
			var is []string
			for _, e := range texts {
				s, ok := literal(e)
				if !ok {
					t.Errorf("%v: a text has to be written out here, so that it can be found", at)
					return true
				}
				is = append(is, s)
			}
			key := is[len(is)-1]
			m := message{text: key}
			if fn == "N" {
				m = message{forms: map[string]string{"one": is[0], "other": is[1]}}
			}
			for _, s := range is {
				switch {
				case strings.Contains(s, "{{"):
					t.Errorf("%v: %q has {{, which lang takes for a template", at, s)
				case strings.TrimSpace(s) != s || s == "":
					t.Errorf("%v: %q begins or ends with a blank; a text is whole by itself", at, s)
				case fn == "T" && len(verbs(s)) > 0 && !strings.Contains(s, "%w") && !strings.Contains(s, "%%"):
					if !formatted(f, c) {
						t.Errorf("%v: %q has holes; say.F fills them", at, s)
					}
				}
			}
			key = say.Key(key)
			if fn == "Date" {
				key = "date: " + key
			}
			if was, ok := all[key]; ok && fmt.Sprint(was) != fmt.Sprint(m) {
				t.Errorf("%v: %q is another message elsewhere: %v", at, key, was)
			}
			all[key] = m
			return true
		})
	}
	if len(all) < 300 && !*update {
		t.Fatalf("only %d texts were found", len(all))
	}
	return all
}

// formatted reports whether a call is the format of an fmt.Errorf.
func formatted(f *ast.File, text *ast.CallExpr) bool {
	found := false
	ast.Inspect(f, func(n ast.Node) bool {
		if c, ok := n.(*ast.CallExpr); ok && len(c.Args) > 1 && c.Args[0] == text {
			found = true
		}
		return !found
	})
	return found
}

var verb = regexp.MustCompile(`%(\[\d+\])?[-+# 0]*[0-9.]*(\[\d+\])?[a-zA-Z%]`)

// verbs returns the holes of a format as they are filled: in order, numbered.
func verbs(format string) []string {
	var out []string
	n := 0
	for _, v := range verb.FindAllString(format, -1) {
		if v == "%%" {
			continue
		}
		n++
		if open := strings.Index(v, "["); open >= 0 {
			end := strings.Index(v, "]")
			n, _ = strconv.Atoi(v[open+1 : end])
			v = v[:open] + v[end+1:]
		}
		out = append(out, fmt.Sprintf("%d%s", n, v))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func read(t *testing.T, path string) map[string]message {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]message
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return out
}

// TestEntries holds the English texts in assets/translations against those that
// the program uses.
func TestEntries(t *testing.T) {
	all := messages(t)
	path := translations + "/en.json"
	if *update {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(all); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	file := read(t, path)
	const how = "; go test ./app/ui/say -run Entries -update writes the file"
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if is, ok := file[key]; !ok {
			t.Errorf("en.json lacks %q%s", key, how)
		} else if fmt.Sprint(is) != fmt.Sprint(all[key]) {
			t.Errorf("en.json has %v for %q%s", is, key, how)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(file)) {
		if _, ok := all[key]; !ok {
			t.Errorf("nothing uses the entry %q of en.json%s", key, how)
		}
	}
}

// TestForms checks that counts have their forms, with the same holes, in every
// translation.
func TestForms(t *testing.T) {
	english := read(t, translations+"/en.json")
	paths, err := filepath.Glob(translations + "/*.json")
	if err != nil || len(paths) == 0 {
		t.Fatal("no translations", err)
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".json")
		for _, words := range wrongForms(name, read(t, path), english) {
			t.Errorf("%s: %s", path, words)
		}
	}
}

// wrongForms says what is wrong with the translation into a language.
func wrongForms(name string, file, english map[string]message) (wrong []string) {
	add := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if file["the language of this file"].text != name {
		add("it does not say that it is of the language %q", name)
	}
	for key, want := range english {
		is, ok := file[key]
		if !ok {
			add("it lacks %q", key)
			continue
		}
		if (is.forms == nil) != (want.forms == nil) {
			add("%q has to be %v", key, want)
			continue
		}
		texts, source := []string{is.text}, want.text
		if want.forms != nil {
			texts, source = nil, want.forms["other"]
			for form, text := range is.forms {
				if !slices.Contains([]string{"zero", "one", "two", "few", "many", "other"}, form) {
					add("%q has a form %q, which there is not", key, form)
				}
				texts = append(texts, text)
			}
			if is.forms["other"] == "" || name == "en" && is.forms["one"] == "" {
				add("%q lacks a form: %v", key, is)
			}
		}
		if strings.HasPrefix(key, "date: ") && !sameDate(is.text, want.text) {
			add("the layout %q does not say what %q says", is.text, want.text)
		}
		for _, text := range texts {
			if !slices.Equal(verbs(text), verbs(source)) {
				add("%q has the holes %q, not %q", text, verbs(text), verbs(source))
			}
		}
	}
	for key := range file {
		if _, ok := english[key]; !ok {
			add("nothing uses %q", key)
		}
	}
	return wrong
}

// TestFormsFind has each fault of a translation be found.
func TestFormsFind(t *testing.T) {
	english := map[string]message{
		"the language of this file": {text: "en"}, "Save": {text: "Save"}, "%s of %d": {text: "%s of %d"},
		"%d tools": {forms: map[string]string{"one": "%d tool", "other": "%d tools"}}, "date: 2 Jan": {text: "2 Jan"},
	}
	for _, c := range []struct {
		change func(map[string]message)
		says   string // empty for nothing
	}{
		{func(map[string]message) {}, ""},
		{func(m map[string]message) { m["%s of %d"] = message{text: "%[2]d von %[1]s"} }, ""},
		{func(m map[string]message) { m["date: 2 Jan"] = message{text: "Jan 2."} }, ""},
		{func(m map[string]message) { m["the language of this file"] = message{text: "fr"} }, `of the language "de"`},
		{func(m map[string]message) { delete(m, "Save") }, `lacks "Save"`},
		{func(m map[string]message) { m["Load"] = message{text: "Laden"} }, `nothing uses "Load"`},
		{func(m map[string]message) { m["%s of %d"] = message{text: "%s"} }, "the holes"},
		{func(m map[string]message) { m["%s of %d"] = message{text: "%d von %s"} }, "the holes"},
		{func(m map[string]message) { m["%d tools"] = message{text: "%d Werkzeuge"} }, "has to be"},
		{func(m map[string]message) { m["%d tools"].forms["some"] = "%d" }, "which there is not"},
		{func(m map[string]message) { delete(m["%d tools"].forms, "other") }, "lacks a form"},
		{func(m map[string]message) { m["%d tools"].forms["one"] = "ein Werkzeug" }, "the holes"},
		{func(m map[string]message) { m["date: 2 Jan"] = message{text: "2 Jan 2006"} }, "does not say"},
	} {
		german := map[string]message{
			"the language of this file": {text: "de"}, "Save": {text: "Sichern"}, "%s of %d": {text: "%s von %d"},
			"%d tools": {forms: map[string]string{"one": "%d Werkzeug", "other": "%d Werkzeuge"}}, "date: 2 Jan": {text: "2. Jan"},
		}
		c.change(german)
		all := strings.Join(wrongForms("de", german, english), "\n")
		if c.says == "" && all != "" || !strings.Contains(all, c.says) {
			t.Errorf("it says %q, not %q", all, c.says)
		}
	}
}

// sameDate reports whether two layouts say the same of a time.
func sameDate(a, b string) bool {
	at := time.Date(2027, time.November, 23, 16, 8, 9, 70e6, time.UTC)
	x, err := time.Parse(a, at.Format(a))
	y, err2 := time.Parse(b, at.Format(b))
	return err == nil && err2 == nil && x.Equal(y)
}

// TestSameDate checks what layouts of translations are held against.
func TestSameDate(t *testing.T) {
	for other, same := range map[string]bool{"Jan 2, 3:04 PM": true, "02.01. 15:04": true, "2 Jan": false, "Jan 2, 3:04": false, "2 Jan 2006 15:04": false} {
		if sameDate(other, "2 Jan 15:04") != same {
			t.Errorf("%q: %v", other, !same)
		}
	}
}

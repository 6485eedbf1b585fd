package uitest

import (
	"bufio"
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/app/ui/theme"
)

// Pseudo runs the galleries of the package again, in a process of its own whose
// window speaks the pseudo-language (see package say). There each picture is
// looked through: what the window says of itself has to be in that language.
func Pseudo(t *testing.T) {
	t.Helper()
	if say.Foreign() {
		t.Fatal("the window speaks another language than English already")
	}
	c := exec.Command(os.Args[0], "-test.run=^TestGallery", "-test.v", "-test.timeout=5m")
	c.Env = append(os.Environ(), "LC_ALL="+say.Pseudo, "LANGUAGE=")
	out, err := c.CombinedOutput()
	if err != nil {
		var said []string
		for line := range strings.Lines(string(out)) {
			if strings.Contains(line, ".go:") && !strings.Contains(line, "  At: ") || strings.HasPrefix(strings.TrimSpace(line), "--- FAIL") || strings.HasPrefix(line, "panic") {
				said = append(said, line)
			}
		}
		t.Fatalf("%v\n%s", err, strings.Join(said, ""))
	}
	if !bytes.Contains(out, []byte("--- PASS: TestGallery")) {
		t.Fatal("the package has no gallery")
	}
}

// English reads a text of the pseudo-language back, so that tests find by its
// English name what the window shows in either.
func English(text string) string {
	if !say.Foreign() {
		return text
	}
	return back.Replace(text)
}

var back = strings.NewReplacer("⁅", "", "⁆", "",
	"åå", "a", "éé", "e", "îî", "i", "öö", "o", "ûû", "u", "ÅÅ", "A", "ÉÉ", "E", "ÎÎ", "I", "ÖÖ", "O", "ÛÛ", "U",
	"ç", "c", "ñ", "n", "š", "s", "ÿ", "y", "ž", "z", "Ç", "C", "Ñ", "N", "Š", "S", "Ý", "Y", "Ž", "Z", "ŕ", "r", "ļ", "l", "ţ", "t")

// widerRail is how much wider the rail beside the pages is in the pseudo-language,
// which leaves a page less of the least window.
const widerRail = 26

// lookThrough builds the pictures in the pseudo-language, looks for texts of the
// window's own in them that are not in it, and for what has no room (see
// cramped): in both sizes of the picture, a page in the least window.
func lookThrough(t *testing.T, pictures []Picture) {
	t.Helper()
	own, ours := texts(t), 0
	said := map[string]bool{} // what one size says is not said again of the next
	App(t).Settings().SetTheme(theme.New(theme.Light))
	for _, p := range pictures {
		sizes := []fyne.Size{p.Size, p.Narrow}
		if p.Narrow.IsZero() || p.Narrow == LeastPage {
			sizes[1] = LeastPage.SubtractWidthHeight(widerRail, 0)
		}
		for _, size := range sizes {
			name := p.Name + " in " + sizeWords(size)
			w := furnish(t, p, size)
			ours += look(t, name, w, own, p.Data)
			if p.Loose {
				continue // its letters are as wide as those of the machine
			}
			problems := append(tooLarge(w, size), unbundled(w)...)
			if len(problems) == 0 { // else all that is at the right goes over the edge
				problems = cramped(w)
			}
			for _, words := range problems {
				if !said[words] {
					said[words] = true
					t.Errorf("%s: %s", name, words)
				}
			}
		}
	}
	if ours == 0 {
		t.Error("nothing is in the pseudo-language")
	}
}

// look looks through what lies on top of a window, and counts what is in the
// pseudo-language.
func look(t *testing.T, name string, w fyne.Window, own ownTexts, data []string) (ours int) {
	t.Helper()
	seen := map[string]bool{}
	check := func(what, text string) {
		ours += strings.Count(text, "⁅")
		for rest := range strings.SplitSeq(outside.ReplaceAllString(text, ""), " · ") {
			rest = strings.TrimSpace(rest)
			if as := own.match(rest); as != "" && !seen[rest] && !slices.Contains(data, rest) {
				seen[rest] = true
				t.Errorf("%s: the %s %q did not go through package say (%s)", name, what, text, as)
			}
		}
	}
	var down func(o fyne.CanvasObject)
	down = func(o fyne.CanvasObject) {
		if o == nil || !o.Visible() {
			return
		}
		if l, ok := o.(interface{ AccessibilityLabel() string }); ok {
			check("label", l.AccessibilityLabel())
		}
		if l, ok := o.(interface{ DumpText() string }); ok {
			for line := range strings.SplitSeq(l.DumpText(), "\n") {
				check("text", line)
			}
		}
		switch o := o.(type) {
		case *widget.Label:
			check("text", o.Text)
			return
		case *form.Words:
			check("text", o.Text)
			return
		case *form.Note:
			check("text", o.Text)
			return
		case *form.Action:
			check("text", o.Text)
			return
		case *form.Check:
			check("text", o.Text)
			return
		case *widget.Check:
			check("text", o.Text)
			return
		case *form.Entry:
			check("text", o.PlaceHolder)
			return
		case *form.Select:
			check("text", o.Selected+o.PlaceHolder)
			return
		case *form.Code: // a server's
			return
		case *canvas.Text:
			check("text", o.Text)
		case *fyne.Container:
			for _, child := range o.Objects {
				down(child)
			}
		case fyne.Widget:
			for _, child := range test.WidgetRenderer(o).Objects() {
				down(child)
			}
		}
	}
	if top := w.Canvas().Overlays().Top(); top != nil {
		down(top)
	} else {
		down(w.Content())
	}
	return ours
}

// outside finds what is in brackets, also where a line ends within them.
var outside = regexp.MustCompile(`(?s)⁅[^⁅⁆]*(⁅[^⁅⁆]*⁆[^⁅⁆]*)*(⁆|$)|^[^⁅⁆]*⁆`)

// ownTexts are the texts that the window has of its own.
type ownTexts struct {
	exact   map[string]bool
	formats []*regexp.Regexp
}

// match returns what a text is made by; empty for none of its own.
func (o ownTexts) match(text string) string {
	if o.exact[text] {
		return text
	}
	for _, f := range o.formats {
		if f.MatchString(text) {
			return f.String()
		}
	}
	return ""
}

var letters = regexp.MustCompile(`\pL`)

var hole = regexp.MustCompile(`%(\[\d+\])?[-+# 0]*[0-9.]*[a-zA-Z]`)

// texts reads the English texts of the program from its source: what stands in
// calls of package say, and what would stand in one if that was forgotten. Names
// and examples, which are in the list of package say, are none.
func texts(t testing.TB) ownTexts {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	ui := filepath.Dir(filepath.Dir(here))
	if _, err := os.Stat(ui); err != nil { // built without its paths: tests run in their folder
		if ui, err = filepath.Abs(".."); err != nil {
			t.Fatal(err)
		}
	}
	names := Names(t, filepath.Join(ui, "say", "testdata", "names.txt"))
	out := ownTexts{exact: map[string]bool{}}
	add := func(s string) {
		s = strings.TrimSpace(s)
		plain := strings.TrimSpace(hole.ReplaceAllString(s, ""))
		if names[s] || strings.Count(plain, " ") == 0 && plain == strings.ToLower(plain) {
			return // a word in small letters may be anything
		}
		if hole.MatchString(s) {
			if len(letters.FindAllString(plain, -1)) > 5 { // others fit too much
				pattern := "^" + hole.ReplaceAllStringFunc(regexp.QuoteMeta(strings.ReplaceAll(s, "%%", "%")), func(h string) string {
					if strings.HasSuffix(h, "d") {
						return `[0-9]+`
					}
					return "(?s:.*)"
				}) + "$"
				if re, err := regexp.Compile(pattern); err == nil {
					out.formats = append(out.formats, re)
				}
			}
			return
		}
		out.exact[s] = true
	}
	err := filepath.WalkDir(ui, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "uitest" || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ImportSpec:
				return false
			case *ast.BasicLit:
				if s, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING && len(s) > 1 {
					add(s)
				}
			}
			return true
		})
		return nil
	})
	if err != nil || len(out.exact) < 300 {
		t.Fatalf("the texts of the window were not found in %s: %d, %v", ui, len(out.exact), err)
	}
	return out
}

// Names reads the list of what the window shows of its own that is no text.
func Names(t testing.TB, path string) map[string]bool {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for s := bufio.NewScanner(bytes.NewReader(data)); s.Scan(); {
		if line := s.Text(); line != "" && !strings.HasPrefix(line, "# ") {
			out[line] = true
		}
	}
	return out
}

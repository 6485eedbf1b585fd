package pick

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/test"

	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
)

func TestFuzzy(t *testing.T) {
	best := func(query string, texts ...string) string {
		t.Helper()
		out, high := "", 0
		for _, text := range texts {
			if s, _, ok := Fuzzy(query, text); ok && (out == "" || s > high) {
				out, high = text, s
			}
		}
		return out
	}
	for _, c := range []struct{ query, want string }{
		{"nc", "New chat"},
		{"set", "Open the settings"},
		{"RAISE", "Raise the bridge"},
		{"rb", "Raise the bridge"},
		{"open set", "Open the settings"},
		{"zzz", ""},
		{"chat new", ""},
	} {
		if got := best(c.query, "Raise the bridge", "New chat", "Open the settings", "Stop server bench-set"); got != c.want {
			t.Errorf("%q finds %q first", c.query, got)
		}
	}
	_, marks, ok := Fuzzy("éb", "Die Écluse und die Brücke")
	if !ok || fmt.Sprint(marks) != "[[4 6] [20 21]]" {
		t.Errorf("%v %v", marks, ok)
	}
	if _, marks, ok := Fuzzy("", "x"); !ok || marks != nil {
		t.Error("an empty query")
	}
}

func TestKeys(t *testing.T) {
	w := uitest.Window(t, theme.Light, fyne.NewSize(300, 300))
	var picked []string
	l := NewList(false)
	item := func(name string) Item {
		return Item{Title: name, Pick: func() { picked = append(picked, name) }}
	}
	e := NewEntry("Search", "", l)
	w.SetContent(container.NewBorder(e, nil, nil, nil, l))
	w.Resize(fyne.NewSize(300, 300))
	key := func(names ...fyne.KeyName) {
		for _, n := range names {
			w.Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: n})
		}
	}
	w.Canvas().Focus(e)
	key(fyne.KeyReturn, fyne.KeyDown) // nothing is there
	items := []Item{{Title: "Group", Heading: true}, item("a"), item("b"), {Title: "Other", Heading: true}, item("c")}
	for i := range 30 {
		items = append(items, item(fmt.Sprint("n", i)))
	}
	l.Set(items)
	key(fyne.KeyReturn, fyne.KeyDown, fyne.KeyReturn, fyne.KeyDown, fyne.KeyReturn, fyne.KeyUp, fyne.KeyUp, fyne.KeyUp, fyne.KeyReturn)
	if got := strings.Join(picked, " "); got != "a b c n29" {
		t.Errorf("picked %s", got)
	}
	uitest.Find(t, w, func(r *row) bool { return r.item().Title == "n29" }) // it was scrolled to
	key(fyne.KeyDown, fyne.KeyPageDown)
	if l.Cursor() < 7 {
		t.Errorf("a page down leads to %d", l.Cursor())
	}
	test.Tap(uitest.Find(t, w, func(r *row) bool { return r.item().Title == "n3" }))
	w.Canvas().Focus(l)
	key(fyne.KeyEnd, fyne.KeySpace, fyne.KeyHome, fyne.KeyReturn)
	if got := strings.Join(picked, " "); got != "a b c n29 n3 n29 a" {
		t.Errorf("picked %s", got)
	}
	if got := l.AccessibilityLabel(); got != "a" {
		t.Errorf("it says %q", got)
	}
}

func TestStar(t *testing.T) {
	w := uitest.Window(t, theme.Light, fyne.NewSize(300, 200))
	l := NewList(false)
	turned, picked := 0, 0
	l.Set([]Item{{Title: "x", Star: StarOff, Turn: func() { turned++ }, Pick: func() { picked++ }}})
	w.SetContent(l)
	w.Resize(fyne.NewSize(300, 200))
	r := uitest.Find(t, w, func(r *row) bool { return r.at == 0 })
	test.TapAt(r, fyne.NewPos(r.Size().Width-10, 10))
	test.TapAt(r, fyne.NewPos(20, 10))
	l.TurnStar()
	if turned != 2 || picked != 1 {
		t.Errorf("turned %d, picked %d", turned, picked)
	}
}

func TestHostile(t *testing.T) {
	w := uitest.Window(t, theme.Light, fyne.NewSize(300, 200))
	l := NewList(true)
	w.SetContent(l)
	w.Resize(fyne.NewSize(300, 200))
	l.Set([]Item{
		{Title: "evil \u202etxt.exe", Note: strings.Repeat("w", 1<<20), Marks: [][2]int{{0, 4}, {2, 400}, {-1, 3}}},
		{Title: "", Note: "x", Trail: strings.Repeat("y", 5000)},
	})
	uitest.Find(t, w, func(r *row) bool { return strings.HasPrefix(r.DumpText(), "evil ‹U+202E›txt.exe") })
	for _, c := range uitest.CanvasTexts(w) {
		if c.Width > 300 || strings.ContainsRune(c.Text, '\u202e') {
			t.Errorf("%.40q is %f wide", c.Text, c.Width)
		}
	}
}

func TestGallery(t *testing.T) {
	build := func(two bool) func(fyne.Window) {
		return func(w fyne.Window) {
			l := NewList(two)
			l.Set([]Item{
				{Title: say.T("Conversations"), Heading: true},
				{Title: "Bridges of Lima", Note: "…the old bridge of stone over the Rímac", NoteMarks: [][2]int{{10, 16}}, Marks: [][2]int{{0, 6}}, Icon: theme.IconChat, Trail: say.T("Yesterday")},
				{Title: strings.Repeat("A long name without end ", 9), Note: strings.Repeat("and a note without one ", 9), Icon: theme.IconChat, Trail: "12 March"},
				{Title: say.T("Models"), Heading: true},
				{Title: "gpt-5.2", Checked: true, Star: StarOn},
				{Title: "gpt-5-mini", Star: StarOff, Trail: "200k"},
			})
			w.SetContent(l)
		}
	}
	uitest.Pictures(t,
		uitest.Picture{Name: "one-line", Size: fyne.NewSize(420, 240), Narrow: fyne.NewSize(240, 240), Build: build(false)},
		uitest.Picture{Name: "two-lines", Size: fyne.NewSize(420, 330), Narrow: fyne.NewSize(240, 330), Build: build(true)})
}

// TestRowFromTheRight has the words of a row be seen in their order, with those that
// were found in another colour, and the end cut off where there is no room.
func TestRowFromTheRight(t *testing.T) {
	const text = "מה יש בקובץ report.txt (וגם 12)"
	mark := func(word string) [2]int {
		i := strings.Index(text, word)
		return [2]int{i, i + len(word)}
	}
	got := spans(text, [][2]int{mark("ש ב"), mark("report"), mark("12"), {900, 901}, {5, 2}})
	var all []string
	for _, s := range got {
		word := s.text
		if s.marked {
			word = "*" + word + "*"
		}
		all = append(all, word)
	}
	want := []string{"(", "*12*", " ", "וגם", ")", " ", "*report*", ".txt", " ", "*בקובץ*", "* *", "*יש*", " ", "מה"}
	if !slices.Equal(all, want) {
		t.Errorf("seen are %q", all)
	}
}

// TestPseudo looks through the gallery in a language of longer words.
func TestPseudo(t *testing.T) { uitest.Pseudo(t) }

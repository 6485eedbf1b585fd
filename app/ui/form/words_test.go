package form_test

import (
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
)

// drawn returns the lines of a text as they are seen, and where they begin and end.
func drawn(w fyne.Window) (lines []string, left, right float32) {
	left = 1e6
	for _, t := range uitest.SeenTexts(w) {
		lines = append(lines, t.Text)
		left, right = min(left, t.Left), max(right, t.Right)
	}
	return lines, left, right
}

// TestWordsOrder has each label show words from right to left in their order: in one
// line, in several, and where there is no room for all.
func TestWordsOrder(t *testing.T) {
	const text = "זה hello world סוף, וגם 12 דגים."
	kinds := map[string]func() (fyne.CanvasObject, func() string){
		"label": func() (fyne.CanvasObject, func() string) {
			l := form.Label(text)
			return l, func() string { return l.Text }
		},
		"note": func() (fyne.CanvasObject, func() string) {
			n := form.Muted(text)
			return n, func() string { return n.Text }
		},
	}
	for name, make := range kinds {
		o, says := make()
		w := uitest.Window(t, theme.Light, fyne.NewSize(400, 200))
		w.SetContent(container.NewVBox(o))
		w.Resize(fyne.NewSize(400, 200))
		if lines, _, right := drawn(w); len(lines) != 1 || lines[0] != ".םיגד 12 םגו ,ףוס hello world הז" || right < 380 {
			t.Errorf("%s: %q, which ends at %v", name, lines, right)
		}
		w.Resize(fyne.NewSize(130, 200))
		lines, left, right := drawn(w)
		if len(lines) < 2 || left < 0 || right > 130 || right < 115 {
			t.Errorf("%s, narrow: %q from %v to %v", name, lines, left, right)
		}
		words := strings.Fields(strings.Join(lines, " "))
		if len(words) != 7 || !strings.HasSuffix(lines[0], "הז") || !strings.HasPrefix(lines[len(lines)-1], ".םיגד") {
			t.Errorf("%s, narrow: %q", name, lines)
		}
		if says() != text {
			t.Errorf("%s says %q", name, says())
		}
		w.Resize(fyne.NewSize(400, 200))
		if lines, _, _ := drawn(w); len(lines) != 1 {
			t.Errorf("%s, wide again: %q", name, lines)
		}
	}

	// What is cut is cut at its end, which is at the left.
	n := form.MutedLine(text, fyne.TextStyle{})
	w := uitest.Window(t, theme.Light, fyne.NewSize(120, 60))
	w.SetContent(n)
	w.Resize(fyne.NewSize(120, 60))
	lines, _, right := drawn(w)
	if len(lines) != 1 || !strings.HasPrefix(lines[0], "…") || !strings.HasSuffix(lines[0], "הז") || right > 120 {
		t.Errorf("cut: %q, which ends at %v", lines, right)
	}

	// Another text begins at the left again.
	l := form.Label(text)
	w.SetContent(l)
	l.SetText("one two")
	if lines, left, _ := drawn(w); len(lines) != 1 || lines[0] != "one two" || left > 20 {
		t.Errorf("from left to right: %q at %v", lines, left)
	}
	l.SetText("")
	l.SetText(strings.Repeat("מ", 60))
	if lines, left, right := drawn(w); len(lines) < 3 || left < 0 || right > 120 {
		t.Errorf("a long word: %q from %v to %v", lines, left, right)
	}
}

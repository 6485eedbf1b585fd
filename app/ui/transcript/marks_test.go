package transcript

import (
	"image/color"
	"strings"
	"testing"

	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/theme"
)

// mark is a ground behind what was found, as it is on the canvas.
type mark struct {
	x, w    float32
	current bool
}

// marks returns them in the order in which they are on the canvas.
func (v *View) marks() (out []mark) {
	ink := v.r.color(theme.ColorNameWarning)
	for _, o := range v.r.objects {
		rect, ok := o.(*canvas.Rectangle)
		if !ok || !rect.Visible() {
			continue
		}
		switch rect.FillColor {
		case color.Color(faded(ink, 0x48)):
			out = append(out, mark{rect.Position().X, rect.Size().Width, false})
		case color.Color(faded(ink, 0xb0)):
			out = append(out, mark{rect.Position().X, rect.Size().Width, true})
		}
	}
	return out
}

// TestMarks has a ground stand behind each of the words that were found, exactly
// there, another one behind that at which the person is, and none when the search is
// over.
func TestMarks(t *testing.T) {
	const text = "The needle, and another NEEDLE in it."
	v, _ := show(t, 700, 300, Options{})
	v.SetItems([]Item{Assistant{ID: "a", Text: text}})
	b := v.flat()[0]
	at := func(off int) float32 {
		p, _, ok := v.pointOf(spotIn(b, off))
		if !ok {
			t.Fatalf("byte %d is nowhere", off)
		}
		return p.X
	}
	places := []int{strings.Index(text, "needle"), strings.Index(text, "NEEDLE")}
	look := func(what string, current int) {
		t.Helper()
		got := v.marks()
		if len(got) != 2 {
			t.Fatalf("%s: %d marks: %v", what, len(got), got)
		}
		for i, m := range got {
			from, to := at(places[i]), at(places[i]+len("needle"))
			if m.x < from-0.5 || m.x > from+0.5 || m.x+m.w < to-0.5 || m.x+m.w > to+0.5 {
				t.Errorf("%s: mark %d goes from %v to %v, the word from %v to %v", what, i, m.x, m.x+m.w, from, to)
			}
			if m.current != (i == current) {
				t.Errorf("%s: mark %d is the current one: %v", what, i, m.current)
			}
		}
	}
	v.Find("needle", nil)
	look("at first", 0)
	v.FindNext(false)
	look("after the next", 1)
	// What is within another is no match of its own.
	v.FindWords([]string{"need", "needle", "eed"}, nil)
	look("of several words", 0)
	if _, of, _ := v.Found(); of != 2 {
		t.Errorf("%d are counted", of)
	}
	v.Find("nothing of it", nil)
	if got := v.marks(); len(got) != 0 {
		t.Errorf("nothing is found, and marked is %v", got)
	}
	v.Find("needle", nil)
	v.Find("", nil)
	if got := v.marks(); len(got) != 0 {
		t.Errorf("after the search %v are marked", got)
	}
	// A selection is marked as well, and beside it.
	v.Find("another", nil)
	v.SelectAll()
	if got := v.marks(); len(got) != 1 {
		t.Errorf("with a selection %v are marked", got)
	}
}

// TestMarksFromTheRight has a mark stand behind a word that is read from its right.
func TestMarksFromTheRight(t *testing.T) {
	const text = "שלום, עולם גדול."
	v, _ := show(t, 700, 300, Options{})
	v.SetItems([]Item{Assistant{ID: "a", Text: text}})
	v.Find("עולם", nil)
	b := v.flat()[0]
	for _, r := range b.lines[0].runs {
		if r.text() != "עולם" {
			continue
		}
		got := v.marks()
		if len(got) != 1 || got[0].x < v.left()+r.x-0.5 || got[0].x > v.left()+r.x+0.5 || got[0].w < r.w-0.5 || got[0].w > r.w+0.5 {
			t.Errorf("marked is %v, the word stands at %v, %v wide", got, v.left()+r.x, r.w)
		}
	}
	// A part of it begins at its right.
	v.Find("עו", nil)
	half := v.marks()
	v.Find("עולם", nil)
	whole := v.marks()
	if len(half) != 1 || len(whole) != 1 || half[0].x <= whole[0].x || half[0].x+half[0].w < whole[0].x+whole[0].w-0.5 {
		t.Errorf("the first letters are marked at %v, the word at %v", half, whole)
	}
}

// TestFindThroughMarkup finds a word that signs stand within, where it is written.
func TestFindThroughMarkup(t *testing.T) {
	v, _ := show(t, 700, 300, Options{})
	for _, text := range []string{"a nee**dle** here", "a n&#101;edle here", "a nee\\dle, no", "a *n*e_e_~~d~~le"} {
		v.SetItems([]Item{Assistant{ID: "a", Text: text}})
		v.Find("needle", nil)
		_, of, _ := v.Found()
		if want := strings.Count(everything(v), "needle"); of != want {
			t.Errorf("%q, shown as %q: %d are found, %d are there", text, everything(v), of, want)
		}
	}
}

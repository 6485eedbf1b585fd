package transcript

import (
	"strings"
	"testing"
)

// wideTable has more columns than a narrow window has room for.
const wideTable = "Before.\n\n| A | B | C | D | E | F | G | H | I | J |\n|-|-|-|-|-|-|-|-|-|-|\n" +
	"| one of them | the second | a third | `fourthly` | the fifth | sixteen | seventeen | eighteen | nineteen | the needle |\n\nAfter.\n"

func (v *View) tableBlock(t *testing.T) *block {
	t.Helper()
	for _, b := range v.flat() {
		if b.cells != nil {
			return b
		}
	}
	t.Fatal("there is no table")
	return nil
}

// TestTableMovesAlong has a table that is wider than the thread keep its words
// whole, be drawn within the column alone, and be moved along to its end.
func TestTableMovesAlong(t *testing.T) {
	v, _ := show(t, 420, 500, Options{})
	v.SetItems([]Item{Assistant{ID: "a", Text: wideTable}})
	b := v.tableBlock(t)
	inLeft, inRight := b.edges()
	seen := ""
	look := func(what string) string {
		t.Helper()
		text, left, right := v.drawn(b)
		if left < v.left()+inLeft-0.1 || right > v.left()+inRight+0.1 {
			t.Errorf("%s: drawn from %v to %v, the column is from %v to %v", what, left, right, v.left()+inLeft, v.left()+inRight)
		}
		for i, r := range b.shown.rects {
			if x, sh := r.Position().X, b.shapes[i]; sh.x-b.moved()+sh.w > inLeft && sh.x-b.moved() < inRight && (x < v.left()+inLeft-0.1 || x+r.Size().Width > v.left()+inRight+0.1) {
				t.Errorf("%s: a line or a ground reaches from %v to %v", what, x, x+r.Size().Width)
			}
		}
		seen += text
		return text
	}
	if text := look("at first"); strings.Contains(text, "needle") || !strings.Contains(text, "one") {
		t.Errorf("at first %q is drawn", text)
	}
	y := v.pointAt(t, "second").Y
	v.wheel(y, -180, 0)
	look("in the middle")
	v.wheel(y, -1e5, 0)
	if text := look("at the end"); !strings.Contains(text, "needle") || strings.Contains(text, "one of") {
		t.Errorf("at the end %q is drawn", text)
	}
	for _, word := range strings.Fields(strings.NewReplacer("|", " ", "`", "", "-", " ", "Before.", "", "After.", "").Replace(wideTable)) {
		if !strings.Contains(seen, word) {
			t.Errorf("%q was never drawn whole", word)
		}
	}
	if _, ok := v.r.sides[b.group]; !ok {
		t.Error("there is no bar below it")
	}
	v.Upsert(Assistant{ID: "a", Text: wideTable + "And more.\n"})
	if again := v.tableBlock(t); again == b || again.moved() == 0 {
		t.Error("it moved back when the message grew")
	}
}

// TestTableThatFits has a table with room enough be as wide as it wants, and be
// moved nowhere.
func TestTableThatFits(t *testing.T) {
	v, _ := show(t, 1200, 500, Options{})
	v.SetItems([]Item{Assistant{ID: "a", Text: "| A | B |\n|-|-|\n| one | needle |\n"}})
	b := v.tableBlock(t)
	if b.alongside() != nil {
		t.Error("it can be moved along")
	}
	if v.wheel(v.pointAt(t, "needle").Y, -50, 0); b.moved() != 0 {
		t.Errorf("it moved by %v", b.moved())
	}
}

func TestFit(t *testing.T) {
	if got := fit([]float32{300, 300, 30}, []float32{50, 200, 20}, 330); got[0] < 50 || got[1] < 200 || got[2] != 30 || got[0]+got[1]+got[2] > 330.1 {
		t.Errorf("divided to %v", got)
	}
	if got := fit([]float32{100, 100}, []float32{90, 90}, 50); got[0] != 90 || got[1] != 90 {
		t.Errorf("without room divided to %v", got)
	}
}

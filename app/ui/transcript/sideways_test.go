package transcript

import (
	"fmt"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	look "github.com/drawbridge-app/drawbridge/app/ui/theme"
)

// longLine is a line that is several times as wide as the code it is shown in.
var longLine = "begin " + strings.Repeat("and so on, ", 40) + "needle end"

func wideCode(t *testing.T, more ...string) *View {
	t.Helper()
	v, _ := show(t, 600, 500, Options{})
	v.SetItems([]Item{Assistant{ID: "a", Text: "Before.\n\n```go\nfirst\n" + longLine + "\nlast\n```\n\nAfter.\n" + strings.Join(more, "")}})
	return v
}

// drawn returns what is really on the canvas of a line of code that begins so,
// and between which edges of the window.
func (v *View) drawn(block *block) (text string, left, right float32) {
	left = 1e6
	for i := range block.lines {
		if sl := block.shown.lines[i]; sl != nil {
			for _, o := range sl.texts {
				text += o.Text
				left = min(left, o.Position().X)
				right = max(right, o.Position().X+o.MinSize().Width)
			}
		}
		text += "\n"
	}
	return text, left, right
}

// codeBlock returns the block that has the long line.
func (v *View) codeBlock(t *testing.T) (found *block) {
	t.Helper()
	for _, b := range v.flat() {
		if strings.Contains(b.words(), "needle") {
			found = b
		}
	}
	if found == nil {
		t.Fatal("there is no code")
	}
	return found
}

func (v *View) wheel(y, dx, dy float32) {
	v.Scrolled(&fyne.ScrollEvent{PointEvent: fyne.PointEvent{Position: fyne.NewPos(300, y)}, Scrolled: fyne.NewDelta(dx, dy)})
}

// TestCodeMovesAlong has a long line of code be one line, of which nothing is
// drawn beside its ground, wherever one has moved.
func TestCodeMovesAlong(t *testing.T) {
	v := wideCode(t)
	b := v.codeBlock(t)
	if len(b.lines) != 3 {
		t.Fatalf("the code has %d lines", len(b.lines))
	}
	inLeft, inRight := b.edges()
	inside := func(what string, want ...string) {
		t.Helper()
		text, left, right := v.drawn(b)
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("%s: %q is not in %q", what, w, text)
			}
		}
		if left < v.left()+inLeft-0.1 || right > v.left()+inRight+0.1 {
			t.Errorf("%s: drawn from %v to %v, the ground is from %v to %v", what, left, right, v.left()+inLeft, v.left()+inRight)
		}
	}
	y := v.pointAt(t, "begin").Y
	inside("at first", "first", "begin and so on", "last")
	if text, _, _ := v.drawn(b); strings.Contains(text, "needle") {
		t.Error("the end is drawn, too")
	}
	above := v.above
	for _, dx := range []float32{-7, -100.5, -1e5} {
		v.wheel(y, dx, 0)
		inside(fmt.Sprint("after ", dx))
	}
	inside("at the end", "needle end")
	if text, _, _ := v.drawn(b); strings.Contains(text, "first") || strings.Contains(text, "begin") {
		t.Errorf("at the end %q is drawn", text)
	}
	if v.above != above || b.group.side.x != b.group.side.most() {
		t.Error("the thread moved, or the code not to its end")
	}
	v.wheel(y, 1e5, 0)
	inside("back again", "first", "begin", "last")

	v.sel.shift = true // with Shift the wheel moves along the lines
	v.wheel(y, 0, -200)
	if b.group.side.x != 200 {
		t.Errorf("Shift and the wheel moved it to %v", b.group.side.x)
	}
	v.sel.shift = false
	v.wheel(v.pointAt(t, "Before").Y, -50, 0)
	if b.group.side.x != 200 {
		t.Error("beside the code the wheel moved it")
	}
}

// TestCodeFindAndSelect finds a word at the end of a long line, and selects there
// by the pointer.
func TestCodeFindAndSelect(t *testing.T) {
	v := wideCode(t)
	v.Find("needle", func() {})
	b := v.codeBlock(t)
	text, _, _ := v.drawn(b)
	if !strings.Contains(text, "needle") {
		t.Fatalf("what was found is not in view: %q", text)
	}
	marked := 0
	inLeft, inRight := b.edges()
	for _, m := range b.shown.marks {
		if m.Visible() {
			marked++
			if m.Position().X < v.left()+inLeft || m.Position().X+m.Size().Width > v.left()+inRight+0.1 {
				t.Errorf("marked from %v, %v wide", m.Position().X, m.Size().Width)
			}
		}
	}
	if marked != 1 {
		t.Errorf("%d marks", marked)
	}
	at, moved := v.pointAt(t, "needle"), b.group.side.x
	v.press(at, 0)
	v.MouseUp(nil)
	v.press(at, 0) // a double click
	v.MouseUp(nil)
	if got := v.SelectedText(false); got != "needle" {
		t.Errorf("selected %q", got)
	}
	if b.group.side.x != moved {
		t.Error("it moved under the pointer")
	}
	// By keys the end of the selection stays in view.
	v.selectBy(fyne.KeyHome, false)
	if got := v.SelectedText(false); !strings.HasPrefix(got, "first\nbegin") {
		t.Errorf("selected %q", got)
	}
	if b.group.side.x != 0 {
		t.Errorf("the code stands at %v", b.group.side.x)
	}
	// What is copied does not depend on what is in view.
	v.SelectAll()
	if got := v.SelectedText(true); !strings.Contains(got, longLine) {
		t.Errorf("copied %q", got)
	}
}

// TestCodeDragsAlong drags a selection over the edge.
func TestCodeDragsAlong(t *testing.T) {
	v := wideCode(t)
	b := v.codeBlock(t)
	from := v.pointAt(t, "begin")
	_, inRight := b.edges()
	v.press(from, 0)
	for range 400 {
		v.Dragged(&fyne.DragEvent{PointEvent: fyne.PointEvent{Position: fyne.NewPos(v.left()+inRight+30, from.Y)}})
	}
	v.MouseUp(nil)
	v.DragEnd()
	if got := v.SelectedText(false); got != longLine {
		t.Errorf("selected %q", got)
	}
}

// TestCodeWraps breaks the long lines by the button, and takes that back.
func TestCodeWraps(t *testing.T) {
	v := wideCode(t)
	b := v.codeBlock(t)
	before := b.height
	press := func(label string) {
		t.Helper()
		var found *look.IconButton
		v.eachInView(func(b *block, _ float32) {
			if s, ok := b.fixed.(*strip); ok {
				for _, button := range s.buttons {
					if button.Label == label {
						found = button
					}
				}
			}
		})
		if found == nil {
			t.Fatalf("there is no button %q", label)
		}
		test.Tap(found)
	}
	v.wheel(v.pointAt(t, "begin").Y, -100, 0)
	press("Break long lines")
	if text, _, _ := v.drawn(b); !strings.Contains(text, "needle") || len(b.lines) < 5 || b.height <= before {
		t.Errorf("%d lines, %v high: %q", len(b.lines), b.height, text)
	}
	v.wheel(v.pointAt(t, "begin").Y, -100, 0)
	if b.moved() != 0 {
		t.Error("broken lines can be moved along")
	}
	press("Do not break long lines")
	if len(b.lines) != 3 || b.height != before {
		t.Errorf("%d lines, %v high", len(b.lines), b.height)
	}
}

// TestCodeKeepsItsPlace has code that grows, and is made anew at the end, stay as
// the person has it.
func TestCodeKeepsItsPlace(t *testing.T) {
	for _, text := range []string{
		"Before.\n\n```go\n" + longLine + "\nlast\n",        // a fence of the document
		"- in a list\n\n  ```go\n  " + longLine + "\n  x\n", // one that the parser finds
	} {
		v, _ := show(t, 600, 500, Options{})
		v.Upsert(Assistant{ID: "a", Growing: true})
		v.AppendText("a", text)
		v.wheel(v.pointAt(t, "begin").Y, -300, 0)
		if got := v.codeBlock(t).moved(); got != 300 {
			t.Fatalf("moved to %v", got)
		}
		v.AppendText("a", "  and more\n")
		if got := v.codeBlock(t).moved(); got != 300 {
			t.Errorf("after more text it stands at %v", got)
		}
		v.Upsert(Assistant{ID: "a", Text: text + "  and more\n"})
		if got := v.codeBlock(t).moved(); got != 300 {
			t.Errorf("at the end it stands at %v", got)
		}
	}
}

// TestSideBar moves along the lines by the bar below the code, which is there for
// wide code alone.
func TestSideBar(t *testing.T) {
	v := wideCode(t, "\n```go\nshort\n```\n")
	if len(v.r.sides) != 1 {
		t.Fatalf("%d bars for one wide piece of code", len(v.r.sides))
	}
	for _, bar := range v.r.sides {
		side := bar.side
		x, w := bar.thumb()
		if x != 0 || w < barLeast || w > bar.Size().Width/2 {
			t.Errorf("the thumb is at %v, %v wide, of %v", x, w, bar.Size().Width)
		}
		bar.Tapped(&fyne.PointEvent{Position: fyne.NewPos(bar.Size().Width-1, 5)})
		if side.x != side.room {
			t.Errorf("a tap moved to %v", side.x)
		}
		bar.Dragged(&fyne.DragEvent{PointEvent: fyne.PointEvent{Position: fyne.NewPos(1e4, 5)}, Dragged: fyne.NewDelta(3, 0)})
		bar.DragEnd()
		if side.x != side.most() {
			t.Errorf("the drag moved to %v of %v", side.x, side.most())
		}
	}
}

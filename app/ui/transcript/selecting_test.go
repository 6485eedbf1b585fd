package transcript

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"

	"github.com/drawbridge-app/drawbridge/store"
)

// pointAt returns where the middle of the first letter of a text in view is.
func (v *View) pointAt(t *testing.T, text string) (at fyne.Position) {
	t.Helper()
	found := false
	v.eachInView(func(b *block, _ float32) {
		i := strings.Index(b.words(), text)
		if i < 0 || found || len(b.lines) == 0 {
			return
		}
		if p, h, ok := v.pointOf(spotIn(b, i)); ok {
			at, found = fyne.NewPos(p.X+1, p.Y+h/2), true
		}
	})
	if !found {
		t.Fatalf("%q is not in view", text)
	}
	return at
}

func (v *View) press(at fyne.Position, mod fyne.KeyModifier) {
	v.MouseDown(&desktop.MouseEvent{PointEvent: fyne.PointEvent{Position: at}, Button: desktop.MouseButtonPrimary, Modifier: mod})
}

func (v *View) drag(from, to fyne.Position) {
	v.press(from, 0)
	v.Dragged(&fyne.DragEvent{PointEvent: fyne.PointEvent{Position: to}})
	v.MouseUp(nil)
	v.DragEnd()
}

const twoMessages = "First **bold** paragraph of it.\n\n- one\n- two\n\n```go\na := 1\nb := 2\n```\n\n| x | y |\n|---|---|\n| 1 | 2 |\n\nThe end."

func selectable(t *testing.T) (*View, *time.Time) {
	t.Helper()
	now := time.Unix(1000, 0)
	v, _ := show(t, 700, 900, Options{Now: func() time.Time { return now }})
	v.SetItems([]Item{User{ID: "u", Text: "What is there to say?"}, Assistant{ID: "a", Text: twoMessages}})
	return v, &now
}

// TestSelectsAcross drags over blocks and messages.
func TestSelectsAcross(t *testing.T) {
	v, _ := selectable(t)
	v.drag(v.pointAt(t, "there"), v.pointAt(t, "b := 2"))
	want := "there to say?\n\nFirst bold paragraph of it.\n\n• one\n• two\n\na := 1\n"
	if got := v.SelectedText(false); got != want {
		t.Errorf("plain:\n%s\nwant:\n%s", got, want)
	}
	want = "there to say?\n\nFirst **bold** paragraph of it.\n\n- one\n- two\n\n```go\na := 1\n\n```"
	if got := v.SelectedText(true); got != want {
		t.Errorf("markdown:\n%s\nwant:\n%s", got, want)
	}
	// Backwards it is the same.
	v.drag(v.pointAt(t, "b := 2"), v.pointAt(t, "there"))
	if got := v.SelectedText(true); got != want {
		t.Errorf("backwards:\n%s", got)
	}
	if len(v.r.objects) == 0 || !v.selecting {
		t.Error("nothing is marked")
	}
	v.drag(v.pointAt(t, "The end"), v.pointAt(t, "The end"))
	if v.Selected() || v.SelectedText(false) != "" {
		t.Error("a click alone selects something")
	}
}

func TestSelectsTable(t *testing.T) {
	v, _ := selectable(t)
	v.drag(v.pointAt(t, "xy12"), v.pointAt(t, "The end"))
	if got := v.SelectedText(false); got != "x\ty\n1\t2" {
		t.Errorf("plain: %q", got)
	}
	if got := v.SelectedText(true); got != "| x | y |\n| --- | --- |\n| 1 | 2 |" {
		t.Errorf("markdown: %q", got)
	}
}

func TestClicksAndShift(t *testing.T) {
	v, now := selectable(t)
	at := v.pointAt(t, "paragraph")
	v.press(at, 0)
	v.press(at, 0)
	if got := v.SelectedText(false); got != "paragraph" {
		t.Errorf("a double click selects %q", got)
	}
	v.press(at, 0)
	if got := v.SelectedText(false); got != "First bold paragraph of it." {
		t.Errorf("a triple click selects %q", got)
	}
	*now = now.Add(time.Second)
	v.press(at, 0)
	if v.Selected() {
		t.Error("a late click counts as a double one")
	}
	v.press(v.pointAt(t, "it."), fyne.KeyModifierShift)
	if got := v.SelectedText(false); got != "paragraph of " {
		t.Errorf("Shift and click select %q", got)
	}
	// A double click goes on by words.
	*now = now.Add(time.Second)
	v.press(at, 0)
	v.press(at, 0)
	v.Dragged(&fyne.DragEvent{PointEvent: fyne.PointEvent{Position: v.pointAt(t, "it.")}})
	if got := v.SelectedText(false); got != "paragraph of it" {
		t.Errorf("dragging after a double click selects %q", got)
	}
	v.TypedKey(&fyne.KeyEvent{Name: fyne.KeyEscape})
	if v.Selected() {
		t.Error("Escape leaves it selected")
	}
}

func TestSelectsByKeys(t *testing.T) {
	copied := ""
	v, w := show(t, 700, 900, Options{Copy: func(s string) { copied = s }})
	v.SetItems([]Item{User{ID: "u", Text: "What is there to say?"}, Assistant{ID: "a", Text: twoMessages}})
	w.Canvas().Capture()
	w.Canvas().Focus(v)
	key := func(name fyne.KeyName, times int) {
		for range times {
			v.TypedKey(&fyne.KeyEvent{Name: name})
		}
	}
	v.press(v.pointAt(t, "is there"), 0)
	v.KeyDown(&fyne.KeyEvent{Name: desktop.KeyShiftLeft})
	key(fyne.KeyRight, 8)
	if got := v.SelectedText(false); got != "is there" {
		t.Errorf("by letters: %q", got)
	}
	key(fyne.KeyLeft, 2)
	v.TypedShortcut(&desktop.CustomShortcut{KeyName: fyne.KeyRight, Modifier: fyne.KeyModifierShortcutDefault | fyne.KeyModifierShift})
	if got := v.SelectedText(false); got != "is there" {
		t.Errorf("by words: %q", got)
	}
	key(fyne.KeyEnd, 1)
	if got := v.SelectedText(false); got != "is there to say?" {
		t.Errorf("to the end: %q", got)
	}
	key(fyne.KeyDown, 1)
	if got := v.SelectedText(false); !strings.HasPrefix(got, "is there to say?\n\nFirst") {
		t.Errorf("by lines: %q", got)
	}
	v.KeyUp(&fyne.KeyEvent{Name: desktop.KeyShiftLeft})
	v.TypedShortcut(&fyne.ShortcutSelectAll{})
	v.TypedShortcut(&desktop.CustomShortcut{KeyName: fyne.KeyC, Modifier: fyne.KeyModifierShortcutDefault | fyne.KeyModifierShift})
	if want := "What is there to say?\n\n" + twoMessages; copied != want {
		t.Errorf("everything as Markdown:\n%s", copied)
	}
	v.TypedShortcut(&fyne.ShortcutCopy{})
	if !strings.HasPrefix(copied, "What is there to say?\n\nFirst bold") || !strings.HasSuffix(copied, "1\t2\n\nThe end.") {
		t.Errorf("everything as text:\n%s", copied)
	}
}

// TestSelectionStaysWhileItGrows selects in an answer that goes on.
func TestSelectionStaysWhileItGrows(t *testing.T) {
	v, _ := show(t, 700, 600, Options{})
	v.SetItems([]Item{Assistant{ID: "a", Growing: true}})
	v.AppendText("a", "One paragraph.\n\nAnother on")
	v.drag(v.pointAt(t, "paragraph"), v.pointAt(t, "on"))
	want := v.SelectedText(false)
	for i := range 60 {
		v.AppendText("a", fmt.Sprintf("e, number %d.\n\nAnd on", i))
	}
	v.Upsert(Assistant{ID: "a", Text: string(v.byID["a"].doc.src)})
	if got := v.SelectedText(false); got != want || want != "paragraph.\n\nAnother " {
		t.Errorf("selected %q, was %q", got, want)
	}
	v.Remove("a")
	if v.Selected() {
		t.Error("what is gone is selected")
	}
}

// TestDragScrolls holds the pointer below the thread.
func TestDragScrolls(t *testing.T) {
	var later []func()
	v, _ := show(t, 700, 400, Options{After: func(_ time.Duration, f func()) { later = append(later, f) }})
	v.SetItems(numbered(100))
	v.jump(0)
	v.press(fyne.NewPos(v.left()+5, 100), 0)
	v.Dragged(&fyne.DragEvent{PointEvent: fyne.PointEvent{Position: fyne.NewPos(300, 450)}})
	for range 30 {
		if len(later) != 1 {
			t.Fatalf("%d steps wait", len(later))
		}
		f := later[0]
		later = nil
		f()
	}
	v.MouseUp(nil)
	v.DragEnd()
	for _, f := range later {
		later = nil
		f()
	}
	if len(later) != 0 {
		t.Error("it goes on after the button was let go")
	}
	if n := strings.Count(v.SelectedText(false), "Message number"); n < 10 {
		t.Errorf("%d messages are selected", n)
	}
}

func TestFind(t *testing.T) {
	v, _ := show(t, 700, 400, Options{})
	items := numbered(200)
	items = append(items,
		Reasoning{ID: "r", Text: "A needle in the thoughts."},
		Call{ID: "c", Server: "s", Tool: "t", State: CallDone, Arguments: []byte(`{"where":"NEEDLE"}`),
			Result: &store.ToolResult{Content: store.Parts{store.Text{Text: "no needle, and a needle"}}}})
	items[10] = Assistant{ID: "a10", Text: "A **Need**le, and\n\nthe needle."}
	v.SetItems(items)
	told := 0
	v.Find("needle", func() { told++ })
	at, of, whole := v.Found()
	if of != 6 || !whole || told == 0 {
		t.Fatalf("%d of %d, %v, told %d times", at, of, whole, told)
	}
	if at != 3 { // the first that is in view or below
		t.Errorf("begins at %d", at)
	}
	if !v.byID["r"].open || !strings.Contains(v.DumpText(), "A needle in the thoughts") {
		t.Error("the folded reasoning was not opened")
	}
	v.FindNext(false)
	if !strings.Contains(v.DumpText(), "NEEDLE") {
		t.Errorf("the arguments are not shown: %s", v.DumpText())
	}
	for range 3 {
		v.FindNext(false)
	}
	if at, _, _ := v.Found(); at != 1 || !strings.Contains(v.DumpText(), "Needle, and") {
		t.Errorf("after the last comes %d: %s", at, v.DumpText())
	}
	marked := 0
	v.eachInView(func(b *block, _ float32) {
		for _, m := range v.find.in(b) {
			if v.find.current(b, m[0]) {
				marked++
			}
		}
	})
	if marked != 1 {
		t.Errorf("%d are marked as the current one", marked)
	}
	v.FindNext(true)
	if at, _, _ := v.Found(); at != 6 {
		t.Errorf("before the first comes %d", at)
	}
	v.Upsert(Notice{ID: "n", Text: "one more needle"})
	v.FindNext(false)
	if at, of, _ := v.Found(); at != 7 || of != 7 {
		t.Errorf("after something new: %d of %d", at, of)
	}
	v.Find("", nil)
	if _, of, _ := v.Found(); of != 0 {
		t.Error("the search does not end")
	}
}

// TestEarlier opens a thread at its end and has the rest come later.
func TestEarlier(t *testing.T) {
	var wanted []bool
	v, w := show(t, 700, 400, Options{Earlier: func(all bool) { wanted = append(wanted, all) }})
	all := numbered(300)
	v.SetItems(all[250:])
	v.SetMissing(250)
	if len(wanted) != 0 {
		t.Fatal("the end alone asks for more")
	}
	_, short := v.extent()
	for v.above+v.extentAbove() > 900 {
		v.scrollBy(-100)
	}
	if len(wanted) != 1 || wanted[0] {
		t.Fatalf("near the top it asks for %v", wanted)
	}
	before := v.DumpText()
	v.Prepend(all[200:250], 200)
	if v.DumpText() != before {
		t.Errorf("it jumped: %s\n%s", before, v.DumpText())
	}
	if _, total := v.extent(); total < short*0.7 || total > short*1.4 {
		t.Errorf("the height went from %v to %v", short, total)
	}
	w.Canvas().Focus(v)
	v.TypedKey(&fyne.KeyEvent{Name: fyne.KeyHome})
	if len(wanted) != 2 || !wanted[1] {
		t.Fatalf("Home asks for %v", wanted)
	}
	v.jump(0.2)
	v.Prepend(all[:200], 0)
	if text := v.DumpText(); strings.Contains(text, "number 2") && !strings.Contains(text, "number 2.") || strings.Contains(text, "number 250") {
		t.Errorf("a fifth from the top is %s", text)
	}
	if at := v.blocks[v.anchor].entry.index; at < 30 || at > 90 {
		t.Errorf("a fifth from the top is message %d", at)
	}
	for i, e := range v.entries {
		if e.item.id() != all[i].id() {
			t.Fatalf("message %d is %s", i, e.item.id())
		}
	}
	// What is selected as a whole is all of it.
	v.SetItems(all[250:])
	v.SetMissing(250)
	wanted = nil
	v.SelectAll()
	v.Prepend(all[:250], 0)
	if len(wanted) != 1 || !wanted[0] || !strings.HasPrefix(v.SelectedText(false), "Message number 0.") {
		t.Errorf("asked for %v, selected %.40q", wanted, v.SelectedText(false))
	}
}

func (v *View) extentAbove() float32 {
	sum := float32(0)
	for _, b := range v.blocks[:v.anchor] {
		sum += b.counted
	}
	return sum
}

// TestExtents holds the sums against the blocks after all kinds of changes.
func TestExtents(t *testing.T) {
	v, w := show(t, 700, 400, Options{})
	check := func(when string) {
		t.Helper()
		want := float64(0)
		for _, b := range v.blocks {
			want += float64(b.guess(v.column))
		}
		if got := v.extents.before(len(v.entries)); got < want-1 || got > want+1 {
			t.Errorf("%s: %v, want %v", when, got, want)
		}
		for i, e := range v.entries {
			if e.index != i || e.placed > 0 && v.blocks[e.first] != e.blocks[0] {
				t.Fatalf("%s: entry %d is astray", when, i)
			}
		}
	}
	v.SetItems(numbered(100))
	check("set")
	v.jump(0.5)
	check("jumped")
	v.Remove("a50")
	check("removed")
	v.Upsert(Assistant{ID: "g", Growing: true})
	for range 200 {
		v.AppendText("g", "some words\n\n")
	}
	check("grown")
	w.Resize(fyne.NewSize(500, 400))
	check("resized")
	v.Prepend([]Item{User{ID: "first", Text: "the first"}}, 0)
	check("prepended")
}

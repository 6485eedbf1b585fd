package transcript

import (
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	look "github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
)

// footIn returns the row below a message in view.
func footIn(t *testing.T, v *View, id string) *foot {
	t.Helper()
	for _, o := range v.r.objects {
		if f, ok := o.(*foot); ok && f.id == id {
			return f
		}
	}
	t.Fatalf("there is no row below %q in %v:\n%s", id, v.r.size, v.DumpText())
	return nil
}

func TestFoot(t *testing.T) {
	var did []string
	at := 2
	resting := false
	v, w := show(t, 700, 500, Options{Foot: func(id string) Foot {
		f := Foot{Copy: func() string { return id }, Info: "12 tokens"}
		f.At, f.Of = at, 3
		if resting {
			f.Actions = []FootAction{{Label: "Again", Icon: look.IconRestart}}
			return f
		}
		f.Turn = func(to int) { did = append(did, "turn"); at = to }
		f.Actions = []FootAction{{Label: "Again", Icon: look.IconRestart, Do: func() { did = append(did, "again "+id) }}}
		return f
	}})
	v.SetItems([]Item{
		User{ID: "u", Text: "Question"}, Assistant{ID: "step", Text: "I call.", More: true}, Call{ID: "c", Tool: "t", State: CallDone, Foot: true},
		Assistant{ID: "a", Text: "Answer"}, Notice{ID: "n", Text: "You stopped this answer.", Foot: true},
	})
	for _, id := range []string{"u", "c", "a", "n"} {
		footIn(t, v, id)
	}
	for _, o := range v.r.objects {
		if f, ok := o.(*foot); ok && f.id == "step" {
			t.Error("a message that goes on has a row")
		}
	}
	f := footIn(t, v, "a")
	w.Canvas().Capture() // what was never painted cannot have the focus
	if got := f.DumpText(); got != "2 of 3 · 12 tokens" {
		t.Errorf("the row says %q", got)
	}
	again := f.buttons[3]
	w.Canvas().Focus(again)
	again.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	f.after.Tapped(nil)
	v.RefreshFeet()
	if strings.Join(did, ", ") != "again a, turn" || at != 3 {
		t.Errorf("the buttons did %v, and %d is shown", did, at)
	}
	if !f.after.Disabled() || f.before.Disabled() || f.DumpText() != "3 of 3 · 12 tokens" {
		t.Errorf("at the last the row says %q", f.DumpText())
	}
	if w.Canvas().Focused() != fyne.Focusable(again) || f.buttons[3] != again {
		t.Error("the button lost the focus")
	}
	resting = true
	v.RefreshFeet()
	for _, b := range f.buttons {
		if b.Disabled() == (b.Label == "Copy message") {
			t.Errorf("while a turn runs, %q is disabled: %v", b.Label, b.Disabled())
		}
	}
	resting = false
	v.RefreshFeet()
	if again.Disabled() || f.before.Disabled() || !f.after.Disabled() {
		t.Error("afterwards not everything can be pressed again")
	}
	// The rows of both sides end, or begin, where the text does.
	right := footIn(t, v, "u")
	last := right.buttons[len(right.buttons)-1]
	if edge := last.Position().X + 24 - 5; edge != right.Size().Width {
		t.Errorf("the last glyph of the person's row ends at %v of %v", edge, right.Size().Width)
	}
	if edge := f.buttons[0].Position().X + 5; edge != 0 {
		t.Errorf("the first glyph of the model's row begins at %v", edge)
	}
}

// A notice that is replaced by one with the same buttons keeps them, and the
// focus with them, and its buttons do what the new one says.
func TestNoticeKeepsItsButtons(t *testing.T) {
	v, w := show(t, 700, 500, Options{})
	did := ""
	item := func(text string) Notice {
		return Notice{ID: "n", Text: text, Actions: []Action{{Label: "Stop", Do: func() { did = text }}}}
	}
	v.SetItems([]Item{item("in 2 s")})
	w.Canvas().Capture()
	b := barIn(t, v)
	w.Canvas().Focus(b.buttons[0])
	v.Upsert(item("in 1 s"))
	if barIn(t, v) != b || w.Canvas().Focused() != fyne.Focusable(b.buttons[0]) {
		t.Error("the button is another, or lost the focus")
	}
	test.Tap(b.buttons[0])
	if did != "in 1 s" || !strings.Contains(v.DumpText(), "in 1 s") {
		t.Errorf("the button does what was asked %q", did)
	}
	v.Upsert(Notice{ID: "n", Text: "x", Actions: []Action{{Label: "Go on", Do: func() {}}}})
	if barIn(t, v).buttons[0].Text != "Go on" {
		t.Error("another button does not show")
	}
}

func TestProgress(t *testing.T) {
	v, _ := show(t, 700, 500, Options{})
	bar := func(p tools.Progress) (*headRenderer, string) {
		v.SetItems([]Item{Call{ID: "c", Server: "s", Tool: "t", State: CallRunning, Progress: p}})
		for _, o := range v.r.objects {
			if h, ok := o.(*head); ok {
				r := test.WidgetRenderer(h).(*headRenderer)
				return r, h.DumpText()
			}
		}
		t.Fatal("there is no card")
		return nil, ""
	}
	if r, text := bar(tools.Progress{Done: 3, Total: 4, Message: "indexing"}); r.fill.Hidden || text != "s · t · indexing 75 %" || r.fill.Size().Width/r.track.Size().Width != 0.75 {
		t.Errorf("at three quarters: %q, %v of %v", text, r.fill.Size(), r.track.Size())
	}
	if r, text := bar(tools.Progress{Done: 9, Total: 4}); r.fill.Size() != r.track.Size() || text != "s · t · 100 %" {
		t.Errorf("beyond the end: %q, %v of %v", text, r.fill.Size(), r.track.Size())
	}
	if r, text := bar(tools.Progress{Done: 17}); !r.fill.Hidden || text != "s · t · at 17" {
		t.Errorf("with no end known: %q", text)
	}
	if r, text := bar(tools.Progress{}); !r.fill.Hidden || text != "s · t · running" {
		t.Errorf("with nothing known: %q", text)
	}
}

func TestScrollsToAnItem(t *testing.T) {
	v, _ := show(t, 700, 400, Options{})
	v.SetItems(numbered(100))
	v.ScrollTo("a40")
	if lines := strings.Split(v.DumpText(), "\n"); !strings.HasPrefix(lines[0], "Message number 40.") {
		t.Errorf("at the top stands %q", lines[0])
	}
	v.ScrollTo("a99")
	if !v.AtEnd() || !strings.Contains(v.DumpText(), "Message number 99.") {
		t.Error("the last item does not bring the end into view")
	}
	before := v.DumpText()
	v.ScrollTo("nobody")
	if v.DumpText() != before {
		t.Error("an unknown item moves the thread")
	}
}

// A long answer is laid out in pieces, and what is found may stand deep in one.
func TestFindGoesDeepIntoAnAnswer(t *testing.T) {
	v, _ := show(t, 700, 400, Options{})
	items := numbered(100)
	items[40] = Assistant{ID: "a40", Text: strings.Repeat("The harbour lies still.\n\n", 60) + "The **Clementine** ran aground.\n\n" + strings.Repeat("The harbour lies still.\n\n", 60)}
	v.SetItems(items)
	v.Find("ran aground", nil)
	if !strings.Contains(v.DumpText(), "Clementine") {
		t.Errorf("what was found is not in view, but\n%s", v.DumpText())
	}
}

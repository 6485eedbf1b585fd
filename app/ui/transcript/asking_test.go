package transcript

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"fyne.io/fyne/v2"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// pressBar presses the button of that label in the card's bar.
func pressBar(t *testing.T, v *View, label string) {
	t.Helper()
	for _, p := range barIn(t, v).buttons {
		if uitest.English(p.Text) == label {
			p.Tapped(nil)
			return
		}
	}
	t.Fatalf("there is no button %q", label)
}

// TestEditsArguments changes the arguments of a call in its card, by mouse and by
// keyboard.
func TestEditsArguments(t *testing.T) {
	for _, keys := range []bool{false, true} {
		v, w := show(t, 700, 800, Options{})
		var got []tools.Answer
		var given []string
		refuse := errors.New("the parameter 'path' must be text")
		c := Call{ID: "c", Server: "files", Tool: "write", State: CallAsking, Arguments: json.RawMessage("{\"path\":\"a\u202eb\"}"), Ask: &Ask{
			Reason: "It was not used before.",
			Edit: func(arguments json.RawMessage, done func(error)) {
				given = append(given, string(arguments))
				done(refuse)
			},
			Answer: func(a tools.Answer) { got = append(got, a) },
		}}
		v.SetItems([]Item{c})
		w.Canvas().Capture()
		edit := func() *form.Arguments {
			t.Helper()
			if keys {
				w.Canvas().Focus(v)
				w.Canvas().Focused().TypedRune('e')
			} else {
				pressBar(t, v, "Edit arguments")
			}
			w.Canvas().Capture()
			f, ok := w.Canvas().Focused().(*form.Arguments)
			if !ok {
				t.Fatalf("the focus is at %T", w.Canvas().Focused())
			}
			return f
		}
		f := edit()
		if !strings.Contains(f.Text, `a\u202eb`) || strings.Contains(f.Text, "\u202e") {
			t.Errorf("the field has %q", f.Text)
		}
		allow := func() {
			t.Helper()
			if !keys {
				pressBar(t, v, "Allow once")
				return
			}
			w.Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeyEscape}) // to the buttons
			w.Canvas().Focused().TypedRune('1')
		}
		f.SetText(`{"path":7}`)
		v.Upsert(c) // the card is made anew while the person types
		w.Canvas().Capture()
		allow()
		if len(got) != 0 || len(given) != 1 || given[0] != `{"path":7}` || !strings.Contains(v.DumpText(), "The parameter 'path' must be text.") {
			t.Fatalf("answered %q with %q: %s", got, given, v.DumpText())
		}
		if w.Canvas().Focused() != fyne.Focusable(f) || f.Text != `{"path":7}` {
			t.Errorf("after the refusal the focus is at %T, with %q", w.Canvas().Focused(), f.Text)
		}
		refuse = nil
		w.Canvas().Capture()
		allow()
		if len(got) != 1 || got[0] != tools.AnswerOnce || len(given) != 2 {
			t.Errorf("answered %q with %q", got, given)
		}
		pressBar(t, v, "Deny")
		if len(got) != 1 {
			t.Errorf("answered twice: %q", got)
		}
	}
}

// TestEditsAreDiscarded has the arguments of the model where the person takes their
// changes back, and where they deny.
func TestEditsAreDiscarded(t *testing.T) {
	v, w := show(t, 700, 800, Options{})
	var got []tools.Answer
	ask := &Ask{Edit: func(json.RawMessage, func(error)) { t.Error("arguments are changed") }, Answer: func(a tools.Answer) { got = append(got, a) }}
	v.SetItems([]Item{Call{ID: "c", Tool: "write", State: CallAsking, Arguments: json.RawMessage(`{"path":"x"}`), Ask: ask}})
	w.Canvas().Capture()
	pressBar(t, v, "Edit arguments")
	w.Canvas().Focused().(*form.Arguments).SetText("nonsense")
	pressBar(t, v, "Discard my changes")
	if strings.Contains(v.DumpText(), "nonsense") {
		t.Error("the changes are still there")
	}
	w.Canvas().Capture()
	pressBar(t, v, "Back to my changes")
	if f, ok := w.Canvas().Focused().(*form.Arguments); !ok || f.Text != "nonsense" {
		t.Errorf("taken back, the focus is at %T", w.Canvas().Focused())
	}
	w.Canvas().Capture()
	pressBar(t, v, "Discard my changes")
	w.Canvas().Capture()
	pressBar(t, v, "Edit arguments")
	w.Canvas().Focused().(*form.Arguments).SetText("nonsense")
	pressBar(t, v, "Deny")
	if len(got) != 1 || got[0] != tools.AnswerDeny {
		t.Errorf("answered %q", got)
	}
	long := Call{ID: "d", Tool: "write", State: CallAsking, Arguments: json.RawMessage(`{"path":"` + strings.Repeat("x", form.ArgumentsMost) + `"}`), Ask: &Ask{Edit: ask.Edit, Answer: ask.Answer}}
	v.SetItems([]Item{long})
	w.Canvas().Capture()
	for _, p := range barIn(t, v).buttons {
		if p.Text == "Edit arguments" {
			t.Error("arguments of any length can be changed")
		}
	}
}

// TestShowsTheChange has the card of a call show what the server changed.
func TestShowsTheChange(t *testing.T) {
	v, w := show(t, 700, 900, Options{})
	v.SetItems([]Item{Call{ID: "c", Server: "mail", Tool: "read", State: CallAsking, Arguments: json.RawMessage(`{}`), Ask: &Ask{
		Reason: "It has changed.", Answer: func(tools.Answer) {},
		Change: &tools.Change{Old: json.RawMessage(`{"name":"read","description":"Reads."}`), New: json.RawMessage(`{"name":"read","description":"Reads, and \u202esends."}`)},
	}}})
	w.Canvas().Capture()
	text := v.DumpText()
	for _, want := range []string{"What the server changed", `-   "description": "Reads."`, `+   "description": "Reads, and`, "accepts the new definition"} {
		if !strings.Contains(text, want) {
			t.Errorf("the card has no %q: %s", want, text)
		}
	}
}

// TestTellsWhatTheModelWasTold has a card say in its own words that the model knows
// of the changed arguments, in the place of the words that the model got, and leave
// out nothing else.
func TestTellsWhatTheModelWasTold(t *testing.T) {
	edited := json.RawMessage(`{"to":"bob"}`)
	for name, c := range map[string]struct {
		first string
		tells bool
	}{
		"the note": {tools.EditedNote(edited).Text, true},
		"more":     {tools.EditedNote(edited).Text + " Obey.", false},
	} {
		v, w := show(t, 700, 900, Options{})
		v.SetItems([]Item{Call{ID: "c", Server: "mail", Tool: "send", State: CallDone, Arguments: json.RawMessage(`{"to":"eve"}`), Edited: edited,
			Result: &store.ToolResult{CallID: "c", Content: store.Parts{store.Text{Text: c.first}, store.Text{Text: "sent to bob"}}, Edited: edited}}})
		w.Canvas().Capture()
		v.byID["c"].toggle()
		w.Canvas().Capture()
		text := v.DumpText()
		if got := strings.Contains(text, "The model was told that you changed the arguments"); got != c.tells {
			t.Errorf("%s: it tells %v: %s", name, got, text)
		}
		if got := !strings.Contains(text, "It ran with"); got != c.tells || !strings.Contains(text, "sent to bob") {
			t.Errorf("%s: the result is %s", name, text)
		}
	}
}

package transcript

import (
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	look "github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/internal/bounds"
	"github.com/drawbridge-app/drawbridge/store"
)

func TestCallOpens(t *testing.T) {
	copied := ""
	v, w := show(t, 700, 800, Options{Copy: func(s string) { copied = s }})
	call := Call{ID: "c", Server: "workbench", Tool: "time", State: CallRunning, Arguments: []byte(`{"zone":"Asia/Tokyo"}`)}
	v.SetItems([]Item{call})
	if text := v.DumpText(); !strings.Contains(text, "workbench · time · running") || strings.Contains(text, "Asia/Tokyo") {
		t.Errorf("closed: %q", text)
	}
	h := v.entries[0].head
	w.Canvas().Focus(h)
	h.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	if !strings.Contains(v.DumpText(), `"zone": "Asia/Tokyo"`) {
		t.Errorf("opened by Return: %q", v.DumpText())
	}
	call.State = CallDone
	call.Result = &store.ToolResult{Elapsed: 232 * time.Millisecond, Content: store.Parts{store.Text{Text: "It is late."}}}
	v.Upsert(call)
	if text := v.DumpText(); !strings.Contains(text, "It is late.") || !strings.Contains(text, "232 ms") {
		t.Errorf("done, still open: %q", text)
	}
	if w.Canvas().Focused() != h {
		t.Error("the focus was lost")
	}
	tapLabelled(t, v, "Copy result")
	if copied != "It is late." {
		t.Errorf("copied %q", copied)
	}
	test.Tap(h)
	if strings.Contains(v.DumpText(), "It is late.") {
		t.Error("a tap does not close it")
	}
}

// tapLabelled taps the button in view that has the label.
func tapLabelled(t *testing.T, v *View, label string) {
	t.Helper()
	for _, o := range v.r.objects {
		var buttons []*look.IconButton
		switch o := o.(type) {
		case *strip:
			buttons = o.buttons
		case *foot:
			buttons = o.buttons
		}
		for _, b := range buttons {
			if b.AccessibilityLabel() == label {
				test.Tap(b)
				return
			}
		}
	}
	t.Fatalf("there is no button %q", label)
}

// TestLongResultBounds shows a result that is too long to be laid out at once, and
// then all of it.
func TestLongResultBounds(t *testing.T) {
	v, _ := show(t, 700, 800, Options{})
	long := strings.Repeat("line of the result\n", 200000) + "THE LAST LINE"
	call := Call{ID: "c", Tool: "t", State: CallDone, Result: &store.ToolResult{Content: store.Parts{store.Text{Text: long}}}}
	v.SetItems([]Item{call})
	v.entries[0].toggle()
	if strings.Contains(everything(v), "THE LAST LINE") {
		t.Error("all is laid out at once")
	}
	v.ScrollToEnd()
	more := barIn(t, v)
	if more.buttons[0].Text != "Show the other 3.8 MB" {
		t.Fatalf("nothing says that more is there: %+v", more)
	}
	began := bounds.Busy()
	test.Tap(more.buttons[0])
	v.ScrollToEnd()
	if !strings.Contains(v.DumpText(), "THE LAST LINE") {
		t.Error("the rest is not shown")
	}
	if d := bounds.Busy() - began; d > 5*time.Second && !bounds.Race {
		t.Errorf("showing 3.8 MB took %v", d)
	}
}

// TestAnswersAfterContent offers what holds after content of another server, and
// no lasting answer, which would not.
func TestAnswersAfterContent(t *testing.T) {
	v, w := show(t, 700, 800, Options{})
	var got []tools.Answer
	v.SetItems([]Item{Call{ID: "c", Server: "mail", Tool: "send", State: CallAsking, Arguments: []byte(`{}`),
		Ask: &Ask{Reason: "After content.", After: []string{"git\u202ehub", "news"}, Answer: func(a tools.Answer) { got = append(got, a) }}}})
	w.Canvas().Capture()
	var labels []string
	for _, p := range barIn(t, v).buttons {
		labels = append(labels, p.Text)
	}
	if len(labels) != 3 || labels[0] != "Allow once" || !strings.HasPrefix(labels[1], "Allow after content from git") || strings.Contains(labels[1], "\u202e") || labels[2] != "Deny" {
		t.Errorf("offers %q", labels)
	}
	w.Canvas().Focus(v)
	w.Canvas().Focused().TypedRune('3') // Always, elsewhere
	w.Canvas().Focused().TypedRune('2')
	if len(got) != 1 || got[0] != tools.AnswerAfter {
		t.Errorf("answered %v", got)
	}
}

func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		key  rune
		text string
		want tools.Answer
	}{
		{'1', "Allow once", tools.AnswerOnce}, {'2', "This conversation", tools.AnswerConversation},
		{'3', "Always", tools.AnswerAlways}, {'4', "Deny", tools.AnswerDeny},
	} {
		for _, how := range []string{"key", "key in the thread", "tap", "Return"} {
			t.Run(c.text+" by "+how, func(t *testing.T) {
				v, w := show(t, 700, 800, Options{})
				var got []tools.Answer
				v.SetItems([]Item{Call{ID: "c", Server: "files", Tool: "write", State: CallAsking, Arguments: []byte(`{"path":"\u202e/x"}`),
					Ask: &Ask{Reason: "It was not used before.", Answer: func(a tools.Answer) { got = append(got, a) }}}})
				if text := v.DumpText(); !strings.Contains(text, "May the model run write of files?") || !strings.Contains(text, "It was not used before.") || !strings.Contains(text, `"path"`) {
					t.Errorf("asks %q", text)
				}
				w.Canvas().Capture() // what was never painted cannot have the focus
				b := barIn(t, v)
				var button *pressable
				for _, p := range b.buttons {
					if p.Text == c.text {
						button = p
					}
				}
				switch how {
				case "key":
					w.Canvas().Focus(b.buttons[3])
					w.Canvas().Focused().TypedRune(c.key)
				case "key in the thread":
					w.Canvas().Focus(v)
					w.Canvas().Focused().TypedRune(c.key)
				case "tap":
					test.Tap(button)
				case "Return":
					w.Canvas().Focus(button)
					button.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
				}
				test.Tap(button) // only the first answer counts
				if len(got) != 1 || got[0] != c.want {
					t.Errorf("answered %v", got)
				}
			})
		}
	}
}

// barIn returns the row of buttons in view.
func barIn(t *testing.T, v *View) *bar {
	t.Helper()
	for _, o := range v.r.objects {
		if b, ok := o.(*bar); ok {
			return b
		}
	}
	t.Fatal("there are no buttons")
	return nil
}

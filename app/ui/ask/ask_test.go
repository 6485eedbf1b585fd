package ask_test

import (
	"context"
	"errors"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"

	"github.com/drawbridge-app/drawbridge/app/ui/ask"
	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
)

const patience = time.Minute

type result struct {
	answer bridge.ElicitAnswer
	err    error
}

// asked shows a question; the test is the goroutine of the window.
func asked(t *testing.T, e bridge.Elicitation) (w fyne.Window, opened *[]string, cancel func(), ended func() result) {
	t.Helper()
	w = uitest.Window(t, theme.Light, fyne.NewSize(900, 800))
	w.SetContent(form.Label(""))
	window := make(chan func(), 4)
	opened = &[]string{}
	desk := ask.New(ask.Options{Window: w, Do: func(f func()) { window <- f }, OpenURL: func(u *url.URL) error {
		*opened = append(*opened, u.String())
		return nil
	}})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	results := make(chan result, 1)
	go func() {
		a, err := desk.Elicit(ctx, e)
		results <- result{a, err}
	}()
	(<-window)()
	return w, opened, cancel, func() result {
		t.Helper()
		for {
			select {
			case f := <-window:
				f()
			case r := <-results:
				for {
					select {
					case f := <-window:
						f()
						continue
					default:
					}
					return r
				}
			case <-time.After(patience):
				t.Fatal("the question is still waiting")
			}
		}
	}
}

var someForm = bridge.Elicitation{
	Server: "s", ServerName: "weather\u202e", Message: "Where?\nSay **it**.", Warnings: []string{"Careful with this."},
	Fields: []mcphost.Field{
		{Name: "city", Title: "City", Description: "The town.", Kind: mcphost.FieldText, Required: true},
		{Name: "days", Kind: mcphost.FieldInteger, Default: 3.},
		{Name: "wind", Title: "With wind", Kind: mcphost.FieldSwitch, Default: true},
		{Name: "rain", Title: "With rain", Kind: mcphost.FieldSwitch},
		{Name: "unit", Title: "Unit", Kind: mcphost.FieldChoice, Default: "c", Choices: []mcphost.Choice{{Value: "f", Title: "Degrees"}, {Value: "c", Title: "Degrees"}}},
		{Name: "more", Title: "Extras", Kind: mcphost.FieldChoices, Choices: []mcphost.Choice{{Value: "x", Title: "X!"}}},
	},
}

func TestForm(t *testing.T) {
	w, opened, _, ended := asked(t, someForm)
	uitest.Shows(t, w, "weather", "asks you", "not of Drawbridge", "Say **it**.", "Careful with this.", "City", "The town.", "days", "With wind")
	if strings.Contains(uitest.Texts(w), "\u202e") {
		t.Error("the name of a server turns the line around")
	}
	uitest.Tap(t, w, "Send")
	uitest.Shows(t, w, "this is required")
	if w.Canvas().Focused() != fyne.Focusable(uitest.Entry(t, w, "City (required)", 0)) {
		t.Errorf("what is missing is not led to, but a %T", w.Canvas().Focused())
	}
	uitest.Fill(t, w, "City (required)", "Lima")
	uitest.Fill(t, w, "days", "many")
	uitest.Tap(t, w, "Send")
	uitest.Shows(t, w, "this is no number")
	uitest.Fill(t, w, "days", "4")
	uitest.Tap(t, w, "Send")
	got := ended()
	want := bridge.ElicitAnswer{Action: mcphost.Accepted, Content: map[string]any{"city": "Lima", "days": 4., "wind": true, "unit": "c"}}
	if got.err != nil || !reflect.DeepEqual(got.answer, want) {
		t.Errorf("%+v", got)
	}
	uitest.ShowsNot(t, w, "asks you")
	if len(*opened) > 0 {
		t.Errorf("opened %q", *opened)
	}
}

func TestLink(t *testing.T) {
	e := bridge.Elicitation{ServerName: "s", Message: "Sign in", Link: &mcphost.AskedLink{
		URL: "https://xn--pple-43d.com/in", Before: "https://", Host: "xn--pple-43d.com", After: "/in"}, Warnings: []string{"It looks like another (punycode)."}}
	w, opened, _, ended := asked(t, e)
	uitest.Shows(t, w, "xn--pple-43d.com", "/in", "punycode", "Nothing has been opened")
	if len(*opened) > 0 {
		t.Errorf("opened %q before a click", *opened)
	}
	uitest.Tap(t, w, "Open in the browser")
	if got := ended(); got.answer.Action != mcphost.Accepted || len(*opened) != 1 || (*opened)[0] != e.Link.URL {
		t.Errorf("%+v, opened %q", got, *opened)
	}
}

func TestOtherAnswers(t *testing.T) {
	for press, want := range map[string]mcphost.ElicitAction{"Decline": mcphost.Declined, "Not now": mcphost.Dismissed} {
		w, opened, _, ended := asked(t, someForm)
		uitest.Tap(t, w, press)
		if got := ended(); got.answer.Action != want || got.answer.Content != nil || len(*opened) > 0 {
			t.Errorf("%s: %+v", press, got)
		}
	}
}

func TestNothingByReturn(t *testing.T) {
	w, _, _, ended := asked(t, someForm)
	focused, ok := w.Canvas().Focused().(*form.Action)
	if !ok || focused.Text != "Not now" {
		t.Fatalf("%v has the focus", w.Canvas().Focused())
	}
	focused.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	if got := ended(); got.answer.Action != mcphost.Dismissed {
		t.Errorf("%+v", got)
	}
}

func TestWithdrawn(t *testing.T) {
	w, _, cancel, ended := asked(t, someForm)
	cancel()
	if got := ended(); !errors.Is(got.err, context.Canceled) {
		t.Errorf("%+v", got)
	}
	uitest.ShowsNot(t, w, "asks you")
}

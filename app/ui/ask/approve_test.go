package ask_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"

	"github.com/drawbridge-app/drawbridge/app/ui/ask"
	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
)

// approved shows a call of another app; the test is the goroutine of the window.
func approved(t *testing.T, a bridge.GatewayApproval, click string) (answer tools.Answer, told string, err error) {
	t.Helper()
	w := uitest.Window(t, theme.Light, fyne.NewSize(900, 800))
	w.SetContent(form.Label(""))
	window := make(chan func(), 8)
	told = ""
	desk := ask.New(ask.Options{Window: w, Do: func(f func()) { window <- f }, Waiting: func(what string) func() {
		told = what
		return func() { told += " over" }
	}})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	type said struct {
		answer tools.Answer
		err    error
	}
	results := make(chan said, 1)
	go func() {
		answer, err := desk.ApproveGateway(ctx, a)
		results <- said{answer, err}
	}()
	(<-window)() // the notification
	(<-window)() // the sheet
	if click == "" {
		cancel()
	} else {
		uitest.Tap(t, w, click)
	}
	for {
		select {
		case f := <-window:
			f()
		case r := <-results:
			for len(window) > 0 {
				(<-window)()
			}
			if !strings.HasSuffix(told, " over") {
				t.Errorf("the notification stays: %q", told)
			}
			if strings.Contains(uitest.Texts(w), "An app asks") {
				t.Error("the sheet is still shown")
			}
			return r.answer, told, r.err
		case <-time.After(patience):
			t.Fatal("the call still waits")
		}
	}
}

func TestApproveGateway(t *testing.T) {
	call := bridge.GatewayApproval{
		KeyName: "my editor\u202e", Reason: "It was not asked about before.", Arguments: json.RawMessage(`{"path":"/etc/passwd"}`),
		Tool: tools.Tool{Ref: tools.Ref{Server: "files", Tool: "read"}, ServerName: "files"},
	}
	after := call
	after.After = []string{"web"}
	for _, c := range []struct {
		call  bridge.GatewayApproval
		click string
		want  tools.Answer
	}{
		{call, "Deny", tools.AnswerDeny}, {call, "Allow once", tools.AnswerOnce}, {call, "Always allow read", tools.AnswerAlways},
		{after, "Allow after this content", tools.AnswerAfter},
	} {
		got, told, err := approved(t, c.call, c.click)
		if got != c.want || err != nil {
			t.Errorf("%s gave %q, %v", c.click, got, err)
		}
		if !strings.Contains(told, "my editor") || !strings.Contains(told, "files__read") || strings.Contains(told, "\u202e") {
			t.Errorf("the notification is %q", told)
		}
	}
	if _, _, err := approved(t, call, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("a call that was given up: %v", err)
	}
}

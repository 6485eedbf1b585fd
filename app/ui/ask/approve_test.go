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

// Several calls at once stand in a queue: each is shown by itself, in the order in
// which they came, says how many wait behind it, and gets its own answer; one that
// is given up while it stands there is not shown.
func TestApproveSeveral(t *testing.T) {
	w := uitest.Window(t, theme.Light, fyne.NewSize(900, 800))
	w.SetContent(form.Label(""))
	pump := uitest.NewPump(t)
	told := map[string]bool{}
	desk := ask.New(ask.Options{Window: w, Do: pump.Do, Waiting: func(what string) func() {
		told[what] = true
		return func() { delete(told, what) }
	}})
	type call struct {
		cancel context.CancelFunc
		ended  chan tools.Answer
		err    error
	}
	begin := func(key string) *call {
		c := &call{ended: make(chan tools.Answer, 1)}
		var ctx context.Context
		ctx, c.cancel = context.WithTimeout(t.Context(), patience)
		t.Cleanup(c.cancel)
		go func() {
			answer, err := desk.ApproveGateway(ctx, bridge.GatewayApproval{
				KeyName: key, Arguments: json.RawMessage(`{}`), Tool: tools.Tool{Ref: tools.Ref{Server: "files", Tool: "read"}, ServerName: "files"},
			})
			c.err = err
			c.ended <- answer
		}()
		before := len(told)
		pump.Until(w, "the notification of "+key, func() bool { return len(told) > before })
		return c
	}
	shows := func(key, behind string) {
		t.Helper()
		pump.Until(w, "the sheet of "+key, func() bool {
			all := uitest.Texts(w)
			return strings.Contains(all, "“"+key+"”") && strings.Contains(all, behind) && (behind != "" || !strings.Contains(all, "for your answer."))
		})
	}
	ended := func(c *call) (answer tools.Answer) {
		t.Helper()
		over := false
		pump.Until(w, "the answer", func() bool {
			select {
			case answer = <-c.ended:
				over = true
			default:
			}
			return over
		})
		return answer
	}
	first := begin("one")
	shows("one", "")
	second, third, fourth := begin("two"), begin("three"), begin("four")
	shows("one", "3 more calls wait for your answer.")
	third.cancel()
	if got := ended(third); got != "" || !errors.Is(third.err, context.Canceled) {
		t.Errorf("the one that was given up: %q, %v", got, third.err)
	}
	shows("one", "2 more calls wait for your answer.")
	uitest.Tap(t, w, "Allow once")
	if got := ended(first); got != tools.AnswerOnce || first.err != nil {
		t.Errorf("the first: %q, %v", got, first.err)
	}
	shows("two", "1 more call waits for your answer.")
	uitest.Tap(t, w, "Allow once") // the second half of a double click
	shows("two", "1 more call waits for your answer.")
	pump.Until(w, "the sheet to take the answer", func() bool {
		uitest.Tap(t, w, "Allow once")
		return !strings.Contains(uitest.Texts(w), "“two”")
	})
	if got := ended(second); got != tools.AnswerOnce || second.err != nil {
		t.Errorf("the second: %q, %v", got, second.err)
	}
	shows("four", "")
	uitest.Tap(t, w, "Deny")
	if got := ended(fourth); got != tools.AnswerDeny || fourth.err != nil {
		t.Errorf("the last: %q, %v", got, fourth.err)
	}
	pump.Until(w, "the end", func() bool { return len(told) == 0 && !strings.Contains(uitest.Texts(w), "An app asks") })
}

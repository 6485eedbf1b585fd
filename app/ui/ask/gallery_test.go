package ask_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"fyne.io/fyne/v2"

	"github.com/drawbridge-app/drawbridge/app/ui/ask"
	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
)

// TestGallery renders each question that a server or an app may ask.
func TestGallery(t *testing.T) {
	picture := func(name string, question func(context.Context, *ask.Desk)) uitest.Picture {
		return uitest.Picture{Name: name, Size: fyne.NewSize(900, 860), Narrow: uitest.LeastWindow, Build: func(w fyne.Window) {
			size := w.Canvas().Size()
			w.SetContent(form.Label(""))
			w.Resize(size)
			window, over := make(chan func(), 8), make(chan struct{})
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			go func() {
				defer close(over)
				question(ctx, ask.New(ask.Options{Window: w, Do: func(f func()) { window <- f }}))
			}()
			t.Cleanup(func() {
				cancel()
				select {
				case <-over:
				case <-time.After(patience):
					t.Error("the question does not end")
				}
			})
			for w.Canvas().Overlays().Top() == nil {
				(<-window)()
			}
		}}
	}
	elicit := func(e bridge.Elicitation) func(context.Context, *ask.Desk) {
		return func(ctx context.Context, d *ask.Desk) { _, _ = d.Elicit(ctx, e) }
	}
	approve := func(a bridge.GatewayApproval) func(context.Context, *ask.Desk) {
		return func(ctx context.Context, d *ask.Desk) { _, _ = d.ApproveGateway(ctx, a) }
	}
	call := bridge.GatewayApproval{
		KeyName: "my editor", Reason: "It was not asked about before.", Arguments: json.RawMessage(`{"path":"/home/you/notes/todo.txt","lines":[1,20]}`),
		Tool: tools.Tool{Ref: tools.Ref{Server: "files", Tool: "read_text_file"}, ServerName: "files"},
	}
	after := call
	after.After, after.Reason = []string{"web"}, "What the server web sent is in the conversation, and this tool changes things."
	editable := call
	editable.Edit = func(json.RawMessage) error { return nil }
	edited := picture("call-edited", approve(editable))
	open := edited.Build
	edited.Build = func(w fyne.Window) {
		open(w)
		uitest.Tap(t, w, "Edit arguments")
	}
	wrong := picture("form-wrong", elicit(someForm))
	build := wrong.Build
	wrong.Build = func(w fyne.Window) {
		build(w)
		uitest.Fill(t, w, "days", "many")
		uitest.Tap(t, w, "Send")
	}
	uitest.Pictures(t,
		picture("form", elicit(someForm)), wrong,
		picture("link", elicit(bridge.Elicitation{ServerName: "pears", Message: "Sign in, so that I can see your pears.", Warnings: []string{"The address looks like another one: it has letters of another script (punycode)."},
			Link: &mcphost.AskedLink{URL: "https://xn--pple-43d.com/in", Before: "https://", Host: "xn--pple-43d.com", After: "/in?from=drawbridge"}})),
		picture("call", approve(editable)), edited, picture("call-after", approve(after)))
}

// TestPseudo looks through the gallery in a language of longer words.
func TestPseudo(t *testing.T) { uitest.Pseudo(t) }

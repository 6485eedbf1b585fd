package ask

import (
	"bytes"
	"context"
	"encoding/json"

	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
)

// argumentsMax bounds the text of the arguments that is laid out, in bytes; of a
// longer one the sheet says how much is missing.
const argumentsMax = 20 << 10

// ApproveGateway shows a call that another app wants to make, with its full
// arguments and the name of the app's key, and waits for the person or the end
// of the context, which takes the sheet away again. Any goroutine but the
// window's may call it.
func (d *Desk) ApproveGateway(ctx context.Context, a bridge.GatewayApproval) (tools.Answer, error) {
	over := func() {}
	d.o.Do(func() {
		if d.o.Waiting != nil && ctx.Err() == nil {
			over = d.o.Waiting(say.F("The app with the key “%s” wants to call %s. Answer within 45 seconds.", form.Visible(a.KeyName, false), form.Visible(a.Tool.Ref.String(), false)))
		}
	})
	defer d.o.Do(func() { over() })
	select {
	case d.turn <- struct{}{}:
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	defer func() { <-d.turn }()
	answer := make(chan tools.Answer, 1)
	var sheet *form.Sheet
	d.o.Do(func() {
		if ctx.Err() == nil {
			sheet = d.showCall(a, func(said tools.Answer) {
				select {
				case answer <- said:
				default: // the first counts
				}
			})
		}
	})
	select {
	case said := <-answer:
		return said, nil
	case <-ctx.Done():
		d.o.Do(func() {
			if sheet != nil {
				sheet.Close()
			}
		})
		return "", context.Cause(ctx)
	}
}

func (d *Desk) showCall(a bridge.GatewayApproval, answered func(tools.Answer)) *form.Sheet {
	tool := form.Visible(a.Tool.Tool, false)
	body := form.Column(
		form.Label(say.F("The app with the key “%s” wants to call “%s” of the server “%s”.", form.Visible(a.KeyName, false), tool, form.Visible(a.Tool.ServerName, false))),
		form.Muted(form.Visible(a.Reason, false)),
		form.Label(say.T("With these arguments:")),
		form.NewCard(form.Label(form.Visible(argumentsText(a.Arguments), true))),
		form.Muted(say.T("The app waits for 45 seconds. Without an answer it is refused, and may ask again.")),
	)
	sheet := form.NewSheet(d.o.Window, say.T("An app asks for permission"), body)
	end := func(said tools.Answer) {
		answered(said)
		sheet.Close()
	}
	deny := form.NewAction(say.T("Deny"), widget.MediumImportance, func() { end(tools.AnswerDeny) })
	always := form.NewAction(say.F("Always allow %s", tool), widget.MediumImportance, func() { end(tools.AnswerAlways) })
	if len(a.After) > 0 {
		// It is asked about for what came before, which a lasting answer for the
		// tool is not about.
		always.SetText(say.T("Allow after this content"))
		always.OnTapped = func() { end(tools.AnswerAfter) }
	}
	once := form.NewAction(say.T("Allow once"), widget.HighImportance, func() { end(tools.AnswerOnce) })
	sheet.SetButtons(deny, always, once)
	sheet.OnCancel(func() { end(tools.AnswerDeny) })
	sheet.OnClose(func() { answered(tools.AnswerDeny) })
	sheet.SetFocus(deny)
	sheet.Show()
	return sheet
}

// argumentsText is how arguments are shown: one member a line.
func argumentsText(raw json.RawMessage) string {
	var b bytes.Buffer
	if json.Indent(&b, raw, "", "  ") != nil {
		b.Reset()
		b.Write(raw)
	}
	if b.Len() > argumentsMax {
		return string(b.Bytes()[:argumentsMax]) + "\n" + say.N(b.Len()-argumentsMax, "(and %d byte more)", "(and %d bytes more)", b.Len()-argumentsMax)
	}
	return b.String()
}

package ask

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
)

// argumentsMax bounds the text of the arguments that is laid out, in bytes; of a
// longer one the sheet says how much is missing.
const argumentsMax = 20 << 10

// readWithin is how long a sheet that takes the place of another cannot be agreed
// to.
const readWithin = 500 * time.Millisecond

// ApproveGateway shows a call that another app wants to make, with its full
// arguments and the name of the app's key, and waits for the person or the end
// of the context, which takes the sheet away again. Any goroutine but the
// window's may call it.
func (d *Desk) ApproveGateway(ctx context.Context, a bridge.GatewayApproval) (tools.Answer, error) {
	over := func() {}
	d.o.Do(func() {
		d.queue(1)
		if d.o.Waiting != nil && ctx.Err() == nil {
			over = d.o.Waiting(say.F("The app with the key “%s” wants to call %s. Answer within 45 seconds.", form.Visible(a.KeyName, false), form.Visible(a.Tool.Ref.String(), false)))
		}
	})
	defer d.o.Do(func() {
		d.queue(-1)
		over()
	})
	stood := false // behind another question
	select {
	case d.turn <- struct{}{}:
	default:
		stood = true
		select {
		case d.turn <- struct{}{}:
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	}
	defer func() { <-d.turn }()
	answer := make(chan tools.Answer, 1)
	var sheet *form.Sheet
	d.o.Do(func() {
		if ctx.Err() == nil {
			sheet = d.showCall(ctx, a, stood, func(said tools.Answer) {
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

// queue counts the calls that want an answer, and has the sheet say how many
// wait behind it. It belongs to the goroutine of the window.
func (d *Desk) queue(more int) {
	d.calls += more
	if d.behind != nil {
		n := d.calls - 1
		d.behind.SetText(say.N(n, "%d more call waits for your answer.", "%d more calls wait for your answer.", n))
		if n > 0 {
			d.behind.Show()
		} else {
			d.behind.Hide()
		}
	}
}

// waitsFor says how long the app still waits: a call that stood behind others has
// less time.
func waitsFor(ctx context.Context) string {
	left := 45
	if end, ok := ctx.Deadline(); ok {
		left = max(1, min(left, int(time.Until(end).Round(time.Second)/time.Second)))
	}
	return say.N(left, "The app waits for %d second. Without an answer it is refused, and may ask again.", "The app waits for %d seconds. Without an answer it is refused, and may ask again.", left)
}

func (d *Desk) showCall(ctx context.Context, a bridge.GatewayApproval, stood bool, answered func(tools.Answer)) *form.Sheet {
	tool := form.Visible(a.Tool.Tool, false)
	behind := form.Muted("")
	body := form.Column(
		form.Label(say.F("The app with the key “%s” wants to call “%s” of the server “%s”.", form.Visible(a.KeyName, false), tool, form.Visible(a.Tool.ServerName, false))),
		form.Muted(form.Visible(a.Reason, false)),
		form.Label(say.T("With these arguments:")),
		form.NewCard(form.Label(form.Visible(argumentsText(a.Arguments), true))),
		form.Muted(waitsFor(ctx)),
		behind,
	)
	d.behind = behind
	d.queue(0)
	sheet := form.NewSheet(d.o.Window, say.T("An app asks for permission"), body)
	end := func(said tools.Answer) {
		answered(said)
		sheet.Close()
	}
	deny := form.NewAction(say.T("Deny"), widget.MediumImportance, func() { end(tools.AnswerDeny) })
	// What takes the place of another sheet is not allowed by the second half of
	// a double click.
	shown := time.Now()
	allow := func(said tools.Answer) {
		if !stood || time.Since(shown) >= readWithin {
			end(said)
		}
	}
	always := form.NewAction(say.F("Always allow %s", tool), widget.MediumImportance, func() { allow(tools.AnswerAlways) })
	if len(a.After) > 0 {
		// It is asked about for what came before, which a lasting answer for the
		// tool is not about.
		always.SetText(say.T("Allow after this content"))
		always.OnTapped = func() { allow(tools.AnswerAfter) }
	}
	once := form.NewAction(say.T("Allow once"), widget.HighImportance, func() { allow(tools.AnswerOnce) })
	sheet.SetButtons(deny, always, once)
	sheet.OnCancel(func() { end(tools.AnswerDeny) })
	sheet.OnClose(func() {
		d.behind = nil
		answered(tools.AnswerDeny)
	})
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

package ask

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
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

// call is the sheet of a call of another app. It belongs to the goroutine of the
// window.
type call struct {
	d        *Desk
	asked    bridge.GatewayApproval
	answered func(tools.Answer)
	sheet    *form.Sheet
	buttons  []*form.Action // deny, always, once and, where they can be changed, the arguments

	arguments *fyne.Container // as they would be sent, or the field
	text      string          // of the arguments as the app gave them
	field     *form.Arguments // nil while nothing is changed
	change    *form.Action
	back      *form.Action // to what was typed and discarded
	dropped   string
	busy      bool // what was typed is being checked
	over      bool
}

func (d *Desk) showCall(ctx context.Context, a bridge.GatewayApproval, stood bool, answered func(tools.Answer)) *form.Sheet {
	c := &call{d: d, asked: a, answered: answered, text: form.Escaped(indented(a.Arguments)), arguments: container.NewStack()}
	tool := form.Visible(a.Tool.Tool, false)
	behind := form.Muted("")
	edits := form.Row()
	c.show()
	body := form.Column(
		form.Label(say.F("The app with the key “%s” wants to call “%s” of the server “%s”.", form.Visible(a.KeyName, false), tool, form.Visible(a.Tool.ServerName, false))),
		form.Muted(form.Visible(a.Reason, false)),
		container.NewBorder(nil, nil, nil, edits, form.Label(say.T("With these arguments:"))),
		c.arguments,
		form.Muted(waitsFor(ctx)),
		behind,
	)
	d.behind = behind
	d.queue(0)
	c.sheet = form.NewSheet(d.o.Window, say.T("An app asks for permission"), body)
	deny := form.NewAction(say.T("Deny"), widget.MediumImportance, func() { c.end(tools.AnswerDeny) })
	// What takes the place of another sheet is not allowed by the second half of
	// a double click.
	shown := time.Now()
	allow := func(said tools.Answer) {
		if !stood || time.Since(shown) >= readWithin {
			c.allow(said)
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
	c.buttons = []*form.Action{deny, always, once}
	if a.Edit != nil && len(c.text) <= form.ArgumentsMost {
		c.change = form.Quiet(say.T("Edit arguments"), nil, c.toggle)
		c.back = form.Quiet(say.T("Back to my changes"), nil, func() {
			typed := c.dropped
			c.toggle()
			c.field.SetText(typed)
		})
		c.back.Hide()
		c.buttons = append(c.buttons, c.change)
		edits.Objects = []fyne.CanvasObject{c.back, c.change}
	}
	c.sheet.SetButtons(deny, always, once)
	c.sheet.OnCancel(func() { c.end(tools.AnswerDeny) })
	c.sheet.OnClose(func() {
		c.over = true
		d.behind = nil
		answered(tools.AnswerDeny)
	})
	c.sheet.SetFocus(deny)
	c.sheet.Show()
	return c.sheet
}

// end gives the answer.
func (c *call) end(said tools.Answer) {
	c.answered(said)
	c.sheet.Close()
}

// show has the arguments be seen, or the field in which they are changed.
func (c *call) show() {
	var o fyne.CanvasObject = form.NewCard(form.Label(form.Visible(argumentsText(c.asked.Arguments), true)))
	if c.field != nil {
		o = form.Column(c.field, form.Muted(say.T("One JSON object. It is checked against the tool's schema and the rules before anything runs, and the app is told that you changed it.")))
	}
	c.arguments.Objects = []fyne.CanvasObject{o}
	form.Relayout(c.arguments)
}

// toggle opens the field, or closes it and drops what was typed.
func (c *call) toggle() {
	if c.busy {
		return
	}
	c.sheet.Fail("")
	if c.field != nil {
		if c.field.Text != c.text {
			c.dropped = c.field.Text
			c.back.Show()
		}
		c.field = nil
		c.change.SetText(say.T("Edit arguments"))
		c.show()
		return
	}
	c.back.Hide()
	c.field = form.NewArguments(c.text)
	c.field.Left = func() { c.sheet.SetFocus(c.buttons[0]) }
	c.change.SetText(say.T("Discard my changes"))
	c.show()
	c.sheet.SetFocus(c.field)
}

// allow gives an answer that lets the call run. Arguments that were changed are
// checked first, and the sheet stays where they will not do.
func (c *call) allow(said tools.Answer) {
	switch {
	case c.busy:
		return
	case c.field == nil || c.field.Text == c.text:
		c.end(said)
		return
	}
	c.able(false)
	given := json.RawMessage(c.field.Text)
	go func() {
		err := c.asked.Edit(given)
		c.d.o.Do(func() {
			if c.over {
				return
			}
			c.able(true)
			if err == nil {
				c.end(said)
				return
			}
			c.sheet.Fail(form.Sentence(err))
			c.sheet.SetFocus(c.field)
		})
	}()
}

// able says whether anything can be done on the sheet but to close it.
func (c *call) able(on bool) {
	c.busy = !on
	for _, b := range c.buttons[1:] {
		if on {
			b.Enable()
		} else {
			b.Disable()
		}
	}
	if on {
		c.field.Enable()
	} else {
		c.field.Disable()
	}
}

// indented has one member a line, where the text is JSON.
func indented(raw json.RawMessage) string {
	var b bytes.Buffer
	if json.Indent(&b, raw, "", "  ") != nil {
		return string(raw)
	}
	return b.String()
}

// argumentsText is how arguments are shown.
func argumentsText(raw json.RawMessage) string {
	text := indented(raw)
	if more := len(text) - argumentsMax; more > 0 {
		return text[:argumentsMax] + "\n" + say.N(more, "(and %d byte more)", "(and %d bytes more)", more)
	}
	return text
}

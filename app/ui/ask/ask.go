// Package ask is what the window shows of what a server asks the person: a form
// that is made from the server's schema, or an address that it wants opened. What
// is asked in a conversation is a card in its thread; anything else is a sheet, as
// is the question about a call of another app.
//
// Every word on it but the frame is the server's; the frame says so, and names
// the server. Nothing is sent or opened without a click, nothing is read from an
// address, and the button that does nothing has the focus.
//
//	desk := ask.New(ask.Options{Window: w, Do: runner.Do, OpenURL: app.OpenURL})
//	engine.AskWith(desk)
//	engine.ApproveGatewayWith(desk)
package ask

import (
	"context"
	"net/url"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
)

// Options is what a Desk is made of. Do brings a function to the goroutine of
// the window.
type Options struct {
	Window  fyne.Window
	Do      func(func())
	OpenURL func(*url.URL) error
	// Waiting says in a sentence that something waits for the person; the
	// function that it returns says that it is over. It may be nil.
	Waiting func(what string) (over func())
}

// Desk shows one question at a time. It is a bridge.Elicitor.
type Desk struct {
	o    Options
	turn chan struct{} // holds a token while a question is shown

	// What follows belongs to the goroutine of the window.
	calls  int        // of other apps that want an answer
	behind *form.Note // of the sheet that is shown: how many wait behind it
}

// New returns a desk that shows nothing yet.
func New(o Options) *Desk { return &Desk{o: o, turn: make(chan struct{}, 1)} }

// Elicit shows the question and waits for the person, or for the end of the
// context, which takes the question away again. Any goroutine but the window's
// may call it.
func (d *Desk) Elicit(ctx context.Context, e bridge.Elicitation) (bridge.ElicitAnswer, error) {
	select {
	case d.turn <- struct{}{}:
	case <-ctx.Done():
		return bridge.ElicitAnswer{}, context.Cause(ctx)
	}
	defer func() { <-d.turn }()
	answer := make(chan bridge.ElicitAnswer, 1)
	var shown *form.Sheet
	over := func() {}
	defer func() { d.o.Do(func() { over() }) }()
	d.o.Do(func() {
		if ctx.Err() == nil {
			if d.o.Waiting != nil {
				over = d.o.Waiting(say.F("“%s” asks you something.", form.Visible(e.ServerName, false)))
			}
			shown = d.show(e, func(a bridge.ElicitAnswer) {
				select {
				case answer <- a:
				default: // the first counts
				}
			})
		}
	})
	select {
	case a := <-answer:
		return a, nil
	case <-ctx.Done():
		d.o.Do(func() {
			if shown != nil {
				shown.Close()
			}
		})
		return bridge.ElicitAnswer{}, context.Cause(ctx)
	}
}

// question is one that is shown: on a sheet, or in the thread of a conversation.
type question struct {
	asked   bridge.Elicitation
	openURL func(*url.URL) error
	inputs  []input
	fail    func(sentence string) // says what is wrong with the whole
	end     func(bridge.ElicitAnswer)
}

// input is a field of the form. read returns what was entered; nil leaves it.
type input struct {
	field mcphost.Field
	read  func() (any, error)
	fail  func(sentence string)
	focus fyne.Focusable
}

// title says who asks.
func (q *question) title() string {
	return say.F("“%s” asks you", form.Visible(q.asked.ServerName, false))
}

// body is what is asked, with the fields for the answer.
func (q *question) body() *fyne.Container {
	e := q.asked
	name := form.Visible(e.ServerName, false)
	body := form.Column(form.Muted(say.F("These are the words of the server “%s”, not of Drawbridge. Answer only what you would tell whoever runs it.", name)))
	if e.Message != "" {
		body.Add(form.NewCard(form.Label(form.Visible(e.Message, true))))
	}
	for _, w := range e.Warnings {
		body.Add(form.Failure(form.Visible(w, false)))
	}
	for _, f := range e.Fields {
		in, o := newInput(f)
		q.inputs = append(q.inputs, in)
		body.Add(o)
	}
	if e.Link != nil {
		body.Add(address(e.Link))
	}
	return body
}

// buttons are the answers; the first does nothing.
func (q *question) buttons() (dismiss, decline, accept *form.Action) {
	e := q.asked
	dismiss = form.NewAction(say.T("Not now"), widget.MediumImportance, func() { q.end(bridge.ElicitAnswer{Action: mcphost.Dismissed}) })
	decline = form.NewAction(say.T("Decline"), widget.MediumImportance, func() { q.end(bridge.ElicitAnswer{Action: mcphost.Declined}) })
	accept = form.NewAction(say.T("Send"), widget.HighImportance, func() {
		if content, ok := q.content(e); ok {
			q.end(bridge.ElicitAnswer{Action: mcphost.Accepted, Content: content})
		}
	})
	if e.Link != nil {
		accept.SetText(say.T("Open in the browser"))
		accept.OnTapped = func() {
			u, err := url.Parse(e.Link.URL)
			if err == nil {
				err = q.openURL(u)
			}
			if err != nil {
				q.fail(form.Sentence(err))
				return
			}
			q.end(bridge.ElicitAnswer{Action: mcphost.Accepted})
		}
	}
	return dismiss, decline, accept
}

// show puts the question on a sheet.
func (d *Desk) show(e bridge.Elicitation, answered func(bridge.ElicitAnswer)) *form.Sheet {
	q := &question{asked: e, openURL: d.o.OpenURL}
	sheet := form.NewSheet(d.o.Window, q.title(), q.body())
	q.fail = sheet.Fail
	q.end = func(a bridge.ElicitAnswer) {
		answered(a)
		sheet.Close()
	}
	dismiss, decline, accept := q.buttons()
	sheet.SetButtons(dismiss, decline, accept)
	sheet.OnCancel(func() { q.end(bridge.ElicitAnswer{Action: mcphost.Dismissed}) })
	sheet.OnClose(func() { answered(bridge.ElicitAnswer{Action: mcphost.Dismissed}) })
	sheet.SetFocus(dismiss)
	sheet.Show()
	return sheet
}

// NewCard returns the question as it stands in the thread of the conversation that
// it was asked in. answered is called for each answer, of which the first counts.
// It belongs to the goroutine of the window.
func NewCard(e bridge.Elicitation, openURL func(*url.URL) error, answered func(bridge.ElicitAnswer)) fyne.CanvasObject {
	q := &question{asked: e, openURL: openURL, end: answered}
	wrong := form.Failure("")
	box := form.Column(form.Bold(q.title()), q.body(), wrong)
	q.fail = func(sentence string) {
		form.SetFailure(wrong, sentence)
		form.Relayout(box)
	}
	dismiss, decline, accept := q.buttons()
	box.Add(form.Wrap(accept, decline, dismiss))
	return box
}

// content reads the form, and says at the fields what does not fit.
func (q *question) content(e bridge.Elicitation) (map[string]any, bool) {
	out := map[string]any{}
	good := true
	for _, in := range q.inputs {
		v, err := in.read()
		if err == nil {
			err = in.field.Check(v)
		}
		if err != nil {
			in.fail(form.Sentence(err))
			if good {
				focus(in.focus)
			}
			good = false
			continue
		}
		in.fail("")
		if v != nil {
			out[in.field.Name] = v
		}
	}
	if !good {
		return nil, false
	}
	if _, err := e.Complete(out); err != nil {
		q.fail(form.Sentence(err))
		return nil, false
	}
	return out, true
}

// focus leads to a field, which may be out of view.
func focus(f fyne.Focusable) {
	o, ok := f.(fyne.CanvasObject)
	if !ok {
		return
	}
	if c := fyne.CurrentApp().Driver().CanvasForObject(o); c != nil {
		c.Focus(f)
	}
}

// address shows where a link leads, whole, with the host set off.
func address(l *mcphost.AskedLink) fyne.CanvasObject {
	segment := func(text string, bold bool) widget.RichTextSegment {
		s := &widget.TextSegment{Text: form.Visible(text, false), Style: widget.RichTextStyleInline}
		s.Style.TextStyle = fyne.TextStyle{Monospace: true, Bold: bold}
		if !bold {
			s.Style.ColorName = theme.ColorNamePlaceHolder
		}
		return s
	}
	whole := widget.NewRichText(segment(l.Before, false), segment(l.Host, true), segment(l.After, false))
	whole.Wrapping = fyne.TextWrapBreak
	return form.Column(
		form.Label(say.T("It wants you to open this address:")), form.NewCard(whole),
		form.Muted(say.F("It leads to %s. Nothing has been opened or read yet.", form.Visible(l.Host, false))))
}

package servers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/parts"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// running is the sheet in which a person calls a tool: a form for its
// arguments, the same as JSON beside it, and the result. What is typed into the
// one appears in the other.
type running struct {
	page   *Page
	tool   tools.Tool
	sheet  *form.Sheet
	busy   *form.Busy
	fields []*paramField
	raw    *form.Entry
	wrong  *form.Words // about raw
	result *parts.View
	last   tools.Result
	run    *form.Action
	copied *form.Action
	silent bool // raw is being written by the form
}

// runTool opens the sheet.
func (p *Page) runTool(t tools.Tool) {
	r := &running{page: p, tool: t, busy: form.NewBusy()}
	name := form.Visible(t.Tool, false)
	left := form.Groups()
	if t.Description != "" {
		left.Add(form.Muted(form.Visible(t.Description, true)))
	}
	if words := claimWords(t.Claims); words != "" {
		left.Add(form.Muted(words))
	}
	for _, a := range paramsOf(t.InputSchema) {
		var f *paramField
		f = newParamField(a, func() { r.fromField(f) })
		r.fields = append(r.fields, f)
		left.Add(f.box)
	}
	if len(r.fields) == 0 {
		left.Add(form.Label(say.T("It takes no arguments that a form could ask for.")))
	}
	r.raw = form.NewLines(say.T("Arguments as JSON"), "{}", 8)
	r.raw.TextStyle.Monospace = true
	r.raw.OnChanged = func(string) { r.fromRaw() }
	r.wrong = form.Failure("")
	r.result = parts.New(p.o.Window, say.T("The result appears here."))
	r.run = form.NewAction(say.T("Run"), widget.HighImportance, r.call)
	r.copied = form.Button(say.T("Copy result"), func() { p.o.Clipboard.SetContent(r.resultJSON()) })
	r.copied.Disable()
	r.begin()

	args := container.NewBorder(form.Column(form.Caption(say.T("Arguments as JSON")), r.raw, r.wrong), nil, nil, nil, r.result.Box)
	leftScroll := container.NewVScroll(form.Gutter(left))
	split := container.NewHSplit(leftScroll, form.Pad(form.Gap, 0, args))
	split.Offset = 0.45
	r.sheet = form.NewSheet(p.o.Window, "", nil)
	r.sheet.SetSize(1060, 720)
	r.sheet.SetFill(say.F("Run %s of %s", name, form.Visible(t.ServerName, false)), split)
	close := form.Button(say.T("Close"), r.sheet.Close)
	r.sheet.SetButtons(r.busy.Box, r.copied, close, r.run)
	r.sheet.SetFocus(r.run)
	if len(r.fields) > 0 {
		r.sheet.SetFocus(r.fields[0].focus)
	}
	r.sheet.Show()
}

// begin writes what has to be given and is known.
func (r *running) begin() {
	var list []member
	for _, f := range r.fields {
		if f.param.Required && f.param.Default != nil {
			list = append(list, member{f.param.Name, f.param.Default})
		}
	}
	r.write(list)
	r.fromRaw()
}

// write shows arguments as JSON.
func (r *running) write(list []member) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range list {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(quote(m.name))
		b.WriteByte(':')
		b.Write(m.value)
	}
	b.WriteByte('}')
	text := pretty(b.Bytes())
	if text != r.raw.Text {
		r.silent = true
		r.raw.SetText(text)
		r.silent = false
	}
	form.SetFailure(r.wrong, "")
}

// arguments reads the JSON. The error is a sentence.
func (r *running) arguments() (json.RawMessage, error) {
	text := strings.TrimSpace(r.raw.Text)
	if text == "" {
		text = "{}"
	}
	raw := json.RawMessage(text)
	if !json.Valid(raw) {
		var v any
		return nil, fmt.Errorf(say.T("this is no JSON: %w"), json.Unmarshal(raw, &v))
	}
	if text[0] != '{' {
		return nil, errors.New(say.T("arguments are a JSON object; begin with {"))
	}
	return raw, nil
}

// fromField puts what was entered into the JSON and leaves the rest of it alone.
func (r *running) fromField(f *paramField) {
	v, err := f.read()
	f.fail(form.Sentence(err))
	if err != nil {
		return
	}
	raw, err := r.arguments()
	if err != nil {
		raw = json.RawMessage("{}") // what cannot be read gives way
	}
	list := members(raw)
	at := slices.IndexFunc(list, func(m member) bool { return m.name == f.param.Name })
	switch {
	case v == nil && at >= 0:
		list = slices.Delete(list, at, at+1)
	case v == nil:
	case at >= 0:
		list[at].value = v
	default:
		list = append(list, member{f.param.Name, v})
	}
	r.write(list)
}

// fromRaw shows in the fields what the JSON says.
func (r *running) fromRaw() {
	if r.silent {
		return
	}
	raw, err := r.arguments()
	form.SetFailure(r.wrong, form.Sentence(err))
	form.Relayout(r.raw) // which is on the screen already
	if err != nil {
		return
	}
	list := members(raw)
	for _, f := range r.fields {
		var v json.RawMessage
		if i := slices.IndexFunc(list, func(m member) bool { return m.name == f.param.Name }); i >= 0 {
			v = list[i].value
		}
		if f.write(v) {
			f.fail("")
		} else {
			f.fail(say.T("The JSON has a value that this field cannot show; it counts as it stands there."))
		}
	}
}

// call runs the tool.
func (r *running) call() {
	raw, err := r.arguments()
	if err != nil {
		form.SetFailure(r.wrong, form.Sentence(err))
		form.Relayout(r.raw) // which is on the screen already
		return
	}
	for _, f := range r.fields {
		if _, err := f.read(); err != nil {
			f.fail(form.Sentence(err))
			r.sheet.Fail(say.T("Something in the form has to be mended first."))
			return
		}
	}
	r.sheet.Fail("")
	r.run.Disable()
	r.result.Say("")
	p := r.page
	var got tools.Result
	var pictures []parts.Picture
	p.o.Runner.RunBusy(r.busy, say.T("Running…"), func(ctx context.Context) error {
		got = p.o.Engine.CallTool(ctx, tools.Invocation{
			Client: tools.ClientCommand, CallID: store.NewID(), Ref: r.tool.Ref, Arguments: raw,
		}, r.ask, r.progress())
		pictures = parts.Decode(got.Content)
		return nil
	}, func(error) {
		r.run.Enable()
		r.copied.Enable()
		r.last = got
		tone := theme.ColorNameSuccess
		if got.IsError {
			tone = theme.ColorNameError
		}
		r.result.Show(got.Content, pictures, got.Structured, marked(tone, form.Bold(tookWords(got))))
	})
}

// resultJSON is the whole result.
func (r *running) resultJSON() string {
	raw, err := json.Marshal(r.last.Part(""))
	if err != nil {
		return err.Error()
	}
	return pretty(raw)
}

// ask puts a question of the policy to the person. Any goroutine but the
// window's may call it.
func (r *running) ask(ctx context.Context, v tools.Verdict) (tools.Answer, error) {
	answer := make(chan tools.Answer, 2)
	var sheet *form.Sheet
	r.page.o.Runner.Do(func() {
		sheet = form.NewSheet(r.page.o.Window, say.F("Run %s?", form.Visible(r.tool.Tool, false)), form.Label(form.Visible(v.Reason, true)))
		sheet.SetSize(480, 240)
		deny := form.NewAction(say.T("Do not run it"), widget.MediumImportance, sheet.Close)
		sheet.SetButtons(deny, form.NewAction(say.T("Run it once"), widget.HighImportance, func() {
			answer <- tools.AnswerOnce
			sheet.Close()
		}))
		sheet.OnClose(func() { answer <- tools.AnswerDeny }) // the first counts
		sheet.SetFocus(deny)
		sheet.Show()
	})
	select {
	case a := <-answer:
		return a, nil
	case <-ctx.Done():
		r.page.o.Runner.Do(func() {
			if sheet != nil {
				sheet.Close()
			}
		})
		return "", context.Cause(ctx)
	}
}

// progress returns what shows how far the call is: the latest report at a time.
func (r *running) progress() func(tools.Progress) {
	var mu sync.Mutex // protects what follows
	var last tools.Progress
	waiting := false
	return func(p tools.Progress) {
		mu.Lock()
		last = p
		tell := !waiting
		waiting = true
		mu.Unlock()
		if !tell {
			return
		}
		r.page.o.Runner.Do(func() {
			mu.Lock()
			waiting = false
			p := last
			mu.Unlock()
			r.busy.Say(progressWords(p))
		})
	}
}

func progressWords(p tools.Progress) string {
	words := say.T("Running…")
	if p.Total > 0 {
		words = say.F("Running… %d %%", int(100*min(max(p.Done/p.Total, 0), 1)))
	}
	if p.Message != "" {
		m := []rune(form.Visible(p.Message, false))
		words += " " + string(m[:min(len(m), 60)])
	}
	return words
}

// claimWords says what a server claims of a tool; empty if nothing.
func claimWords(c tools.Claims) string {
	var said []string
	claim := func(v *bool, yes, no string) {
		switch {
		case v == nil:
		case *v:
			said = append(said, yes)
		case no != "":
			said = append(said, no)
		}
	}
	claim(c.ReadOnly, say.T("it only reads"), say.T("it changes something"))
	claim(c.Destructive, say.T("it can destroy something"), say.T("it destroys nothing"))
	claim(c.Idempotent, say.T("a second call changes nothing more"), "")
	claim(c.OpenWorld, say.T("it reaches beyond this computer"), say.T("it stays within its own world"))
	if len(said) == 0 {
		return ""
	}
	return say.F("The server claims, and nobody has checked: %s.", strings.Join(said, ", "))
}

// tookWords says how a call ended.
func tookWords(r tools.Result) string {
	switch {
	case r.IsError && r.Elapsed > 0:
		return say.F("It failed after %s", millis(r.Elapsed))
	case r.IsError:
		return say.T("It failed")
	case r.Elapsed > 0:
		return say.F("Done after %s", millis(r.Elapsed))
	}
	return say.T("Done")
}

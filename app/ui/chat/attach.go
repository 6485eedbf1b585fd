package chat

import (
	"context"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/offers"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/app/ui/transcript"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/store"
)

// Offers is what the page needs to attach resources and to use prompts; see the
// methods of bridge.Bridge.
type Offers interface {
	offers.Engine
	Attach(ctx context.Context, server, uri string) (store.Parts, error)
}

// attachment is something that goes with the next message.
type attachment struct {
	title   string
	parts   store.Parts
	reading bool // its parts are not there yet
}

// chips are the attachments above the text, each of which a press removes.
type chips struct {
	box    *fyne.Container
	remove func(at int)
}

func newChips(remove func(int)) *chips {
	c := &chips{box: container.New(layout.NewRowWrapLayout()), remove: remove}
	c.box.Hide()
	return c
}

// set shows the attachments.
func (c *chips) set(list []*attachment) {
	c.box.RemoveAll()
	for i, a := range list {
		words := form.Visible(shortenRunes(a.title, 40), false)
		if a.reading {
			words += " …"
		}
		one := newChip(say.F("Remove %s", words), words, theme.IconFile, theme.IconClose, func() { c.remove(i) })
		one.filled = true
		c.box.Add(one)
	}
	if len(list) == 0 {
		c.box.Hide()
	} else {
		c.box.Show()
	}
}

// openAttach shows what could go with the message.
func (p *Page) openAttach() { p.propose('@', "") }

// openOffers shows the resources and prompts of the servers, and one of them at
// once where it is named.
func (p *Page) openOffers(kind offers.Kind, server, name string) {
	if p.o.Window.Canvas().Overlays().Top() != nil {
		return
	}
	offers.Show(offers.Options{
		Engine: p.o.Engine, Window: p.o.Window, Runner: p.o.Runner, Clipboard: p.o.Clipboard,
		Title: say.T("Resources and prompts of your servers"), Servers: p.views, Kind: kind, Server: server, Name: name,
		Attach: p.attach, Insert: p.insert, OnClose: p.focusInput,
	})
}

// typed opens the sheet where a message begins with a slash, and where a word
// begins with an at sign or a number sign. What was typed stays unless something
// is chosen.
func (p *Page) typed(r rune) {
	before, _ := strings.CutSuffix(p.composer.input.Text, string(r))
	begins := (before == "" || strings.HasSuffix(before, " ") || strings.HasSuffix(before, "\n")) && p.composer.input.atEnd()
	switch {
	case p.editing.message != "":
	case r == '/' && before == "" && (len(p.o.Engine.Settings().Messages) > 0 || offers.Any(p.views, offers.Prompts)):
		p.propose(r, "/")
	case r == '@' && begins, r == '#' && begins && p.anyTool():
		p.propose(r, string(r))
	}
}

// withoutSign takes away the sign that opened the sheet.
func (p *Page) withoutSign(sign string) {
	if text, ok := strings.CutSuffix(p.composer.input.Text, sign); ok {
		p.composer.input.SetText(text)
		p.composer.input.toEnd()
	}
}

// attach reads a resource, to go with the next message of the conversation in
// view.
func (p *Page) attach(server, uri, title string) {
	p.withoutSign("@")
	p.fail.say("")
	id := p.current
	a := &attachment{title: title, reading: true}
	p.attached[id] = append(p.attached[id], a)
	p.showAttached()
	p.o.Runner.Run(func(ctx context.Context) (err error) {
		a.parts, err = p.o.Engine.Attach(ctx, server, uri)
		return err
	}, func(err error) {
		a.reading = false
		if err != nil {
			for k, list := range p.attached {
				p.attached[k] = slices.DeleteFunc(list, func(o *attachment) bool { return o == a })
			}
			p.fail.say(form.Sentence(err), transcript.Action{Label: say.T("Open the servers"), Do: p.o.OpenServers})
		}
		p.showAttached()
	})
}

// insert puts a prompt into the message: its texts into the field, the rest
// beside it.
func (p *Page) insert(messages []mcphost.PromptMessage) {
	p.withoutSign("/")
	var text strings.Builder
	for _, m := range messages {
		if len(messages) > 1 && m.Role == store.RoleAssistant {
			text.WriteString(say.T("Assistant:") + " ")
		} else if len(messages) > 1 {
			text.WriteString(say.T("User:") + " ")
		}
		for _, part := range m.Parts {
			switch part := part.(type) {
			case store.Text:
				text.WriteString(strings.TrimRight(part.Text, "\n") + "\n\n")
			case store.File:
				p.attached[p.current] = append(p.attached[p.current], &attachment{title: firstOf(part.Name, part.URI, say.T("File")), parts: store.Parts{part}})
			case store.Image:
				p.attached[p.current] = append(p.attached[p.current], &attachment{title: say.T("Image"), parts: store.Parts{part}})
			}
		}
	}
	before := p.composer.input.Text
	if strings.TrimSpace(before) != "" {
		before = strings.TrimRight(before, "\n") + "\n\n"
	} else {
		before = ""
	}
	p.composer.input.SetText(before + strings.TrimRight(text.String(), "\n"))
	p.composer.input.toEnd()
	p.showAttached()
	p.focusInput()
}

func firstOf(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}

// detach removes an attachment of the conversation in view.
func (p *Page) detach(at int) {
	id, list := p.current, slices.Clone(p.attached[p.current])
	gone := list[at]
	p.attached[id] = slices.Delete(list, at, at+1)
	p.showAttached()
	p.offerUndo(form.Undoable{Words: say.F("Removed “%s” from the message", form.Visible(shortenRunes(gone.title, 60), false)), Done: func(back bool, _ error) {
		// What could not be read meanwhile was said, and does not come back.
		if now := p.attached[id]; back && len(now) < maxFiles && (gone.reading || len(gone.parts) > 0) {
			p.attached[id] = slices.Insert(slices.Clone(now), min(at, len(now)), gone)
			p.showAttached()
		}
		p.focusInput()
	}})
	p.focusInput()
}

// showAttached shows what goes with the next message of the conversation in
// view; a message that is edited keeps what it had.
func (p *Page) showAttached() {
	list := p.attached[p.current]
	if p.editing.message != "" {
		list = nil
	}
	p.composer.setAttached(list)
	p.noteAttached()
}

// takeAttached returns what goes with a message that is sent now, and forgets
// it. It is false while something is still being read.
func (p *Page) takeAttached() ([]*attachment, bool) {
	list := p.attached[p.current]
	if p.editing.message != "" {
		return nil, true
	}
	if slices.ContainsFunc(list, func(a *attachment) bool { return a.reading }) {
		p.fail.say(say.T("What you attached is still being read. Send it in a moment, or remove it."))
		return nil, false
	}
	delete(p.attached, p.current)
	p.showAttached()
	return list, true
}

// filesOf names what a person attached to a message.
func filesOf(m store.Message) []string {
	var out []string
	for _, part := range m.Parts {
		switch part := part.(type) {
		case store.File:
			out = append(out, firstOf(part.Name, part.URI, say.T("File")))
		case store.Image:
			out = append(out, say.T("Image"))
		}
	}
	return out
}

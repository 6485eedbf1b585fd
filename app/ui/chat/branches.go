package chat

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/app/ui/transcript"
	"github.com/drawbridge-app/drawbridge/store"
)

// Branches goes from one branch of a conversation to another; see the methods of
// bridge.Bridge.
type Branches interface {
	Siblings(ctx context.Context, conversation string) (map[string][]string, error)
	SwitchBranch(ctx context.Context, conversation, message string) (string, error)
	Fork(ctx context.Context, conversation, message string) (store.Conversation, error)
}

// foot is the row below a message: what can be done with it, which of several
// it is, and what it took.
func (p *Page) foot(id string) transcript.Foot {
	t := p.view.shown
	e := t.byID[id]
	if e == nil || e.message == "" {
		return transcript.Foot{}
	}
	message := e.message
	a := t.about[message]
	var f transcript.Foot
	free := p.current != "" && p.runs[p.current] == nil
	when := func(do func()) func() { // nothing changes while a turn runs
		if free {
			return do
		}
		return nil
	}
	if a.role == store.RoleUser {
		f.Copy = func() string { return e.text }
		f.Info = timeText(a.at, p.o.Now())
		f.Actions = append(f.Actions, transcript.FootAction{Label: say.T("Edit message"), Icon: theme.IconEdit, Do: when(func() { p.edit(message, e.text) })})
	} else {
		if e.kind == kindAnswer {
			f.Copy = func() string { return t.answerText(message) }
		}
		f.Info = joined(timeText(a.at, p.o.Now()), usageText(a.usage, p.o.Engine.Limits(a.model)))
		f.Actions = append(f.Actions, transcript.FootAction{
			Label: say.T("Regenerate answer"), Icon: theme.IconRestart, Do: when(func() { p.start(p.current, request{regenerate: message}) }),
		})
	}
	f.Actions = append(f.Actions, transcript.FootAction{Label: say.T("Branch into a new conversation"), Icon: theme.IconBranch, Do: when(func() { p.fork(message) })})
	if all := t.siblings[message]; len(all) > 1 {
		f.At, f.Of = slices.Index(all, message)+1, len(all)
		if free {
			f.Turn = func(at int) { p.switchTo(all[at-1]) }
		}
	}
	return f
}

// timeText says when something was said: the time, and the day if it was not
// today.
func timeText(at, now time.Time) string {
	if at.IsZero() {
		return ""
	}
	at, now = at.Local(), now.Local()
	switch {
	case at.YearDay() == now.YearDay() && at.Year() == now.Year():
		return say.Date(at, "15:04")
	case at.Year() == now.Year():
		return say.Date(at, "2 Jan, 15:04")
	}
	return say.Date(at, "2 Jan 2006, 15:04")
}

// joined puts words side by side that are not empty.
func joined(words ...string) string {
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), " · ")
}

// switchTo shows the branch of another message in the same place.
func (p *Page) switchTo(message string) {
	id := p.current
	p.work(func(ctx context.Context) error {
		_, err := p.o.Engine.SwitchBranch(ctx, id, message)
		return err
	}, func() {
		p.load(id, func(*thread) {
			if p.current == id {
				p.showMessage(message)
			}
		})
	})
}

// fork begins a conversation with the messages up to that one.
func (p *Page) fork(message string) {
	id := p.current
	var made store.Conversation
	p.work(func(ctx context.Context) (err error) {
		made, err = p.o.Engine.Fork(ctx, id, message)
		return err
	}, func() {
		p.conversations = append([]store.Conversation{made}, p.conversations...)
		p.reloadConversations()
		if p.current == id {
			p.open(made.ID)
		}
	})
}

// editing is a message that is written anew in the composer.
type editing struct {
	message string // empty for none
	was     string // how it is
	before  string // what stood in the composer
}

// edit brings a message of the person into the composer. What is sent then takes
// its place, on a branch of its own.
func (p *Page) edit(message, text string) {
	p.leaveEdit()
	p.editing = editing{message: message, was: text, before: p.composer.input.Text}
	p.composer.setEditing(true)
	p.showAttached()
	p.composer.input.SetText(text)
	p.composer.input.toEnd()
	p.focusInput()
}

// leaveEdit leaves the message as it is, and offers what was written in its place.
func (p *Page) leaveEdit() {
	e, id, text := p.editing, p.current, p.composer.input.Text
	if p.endEdit(); e.message == "" || text == e.was {
		return
	}
	p.offerUndo(form.Undoable{Words: say.T("The message stays as it was, without your changes"), Change: true, Done: func(back bool, _ error) {
		if back {
			p.openThen(id, func(*thread) {
				p.edit(e.message, e.was)
				p.composer.input.SetText(text)
				p.composer.input.toEnd()
			})
		}
	}})
}

// endEdit is over with the writing of a message anew.
func (p *Page) endEdit() {
	if p.editing.message == "" {
		return
	}
	before := p.editing.before
	p.editing = editing{}
	p.composer.setEditing(false)
	p.composer.input.SetText(before)
	p.showAttached()
}

// follow brings the rows below the messages up to date after a turn.
func (p *Page) follow() {
	id := p.current
	var siblings map[string][]string
	p.work(func(ctx context.Context) (err error) {
		siblings, err = p.o.Engine.Siblings(ctx, id)
		return err
	}, func() {
		if t := p.threads[id]; t != nil && p.runs[id] == nil {
			t.setSiblings(siblings)
			if p.current == id {
				p.showChanges()
				p.view.script.RefreshFeet()
			}
		}
	})
	p.measure()
}

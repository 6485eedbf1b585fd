package chat

import (
	"context"

	"fyne.io/fyne/v2"

	"github.com/drawbridge-app/drawbridge/app/ui/ask"
	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
)

// question is what a server asks the person during a turn. It belongs to the
// goroutine of the window.
type question struct {
	asked  bridge.Elicitation
	answer func(bridge.ElicitAnswer)
	entry  *entry            // its card
	card   fyne.CanvasObject // made when it is shown first
	over   func()            // says that it waits no longer; nil unless it was told
}

// Elicit has the person answer a server in the thread of the turn's conversation.
// It is part of bridge.Elicitor.
func (r *run) Elicit(ctx context.Context, e bridge.Elicitation) (bridge.ElicitAnswer, error) {
	answer := make(chan bridge.ElicitAnswer, 1)
	q := &question{asked: e, answer: func(a bridge.ElicitAnswer) {
		select {
		case answer <- a:
		default: // the first counts
		}
	}}
	r.ask(1)
	r.do(func() { r.show(q) })
	defer r.do(func() { r.hide(q) })
	defer r.ask(-1)
	select {
	case a := <-answer:
		return a, nil
	case <-ctx.Done():
		return bridge.ElicitAnswer{Action: mcphost.Dismissed}, context.Cause(ctx)
	}
}

// ask counts the questions that are open.
func (r *run) ask(by int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.questions += by
}

// showQuestion puts the card of a question at the end of the thread.
func (p *Page) showQuestion(r *run, q *question) {
	p.apply(r) // what came before it
	if q.entry == nil && p.runs[r.conversation] == r {
		q.entry = r.thread.put(&entry{id: r.thread.fresh("question"), kind: kindQuestion, question: q})
		if p.o.Waiting != nil {
			what := say.F("“%s” asks you something.", form.Visible(shortenRunes(q.asked.ServerName, 60), false))
			q.over = p.o.Waiting(what, func() { p.open(r.conversation) })
		}
	}
	p.apply(r)
	if q.entry != nil && p.current == r.conversation && p.view.script.AtEnd() {
		p.view.script.ScrollTo(q.entry.id) // one that is higher than the view begins at its beginning
	}
}

// hideQuestion takes the card away.
func (p *Page) hideQuestion(r *run, q *question) {
	if q.over != nil {
		q.over()
		q.over = nil
	}
	if q.entry != nil && r.thread.byID[q.entry.id] == q.entry {
		r.thread.drop(q.entry)
	}
	p.apply(r)
	if c := p.o.Window.Canvas(); p.current == r.conversation && c.Focused() == nil {
		p.focusInput()
	}
}

// questionCard is what the card shows.
func (p *Page) questionCard(q *question) fyne.CanvasObject {
	if q.card == nil {
		q.card = ask.NewCard(q.asked, p.o.OpenURL, q.answer)
	}
	return q.card
}

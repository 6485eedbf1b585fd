package chat

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/store"
)

// frame is how often the window shows what a turn has brought.
const frame = 40 * time.Millisecond

// Turns begins turns; see the methods of bridge.Bridge.
type Turns interface {
	Send(ctx context.Context, conversation, text string, by chat.Approver) iter.Seq2[chat.Event, error]
	SendParts(ctx context.Context, conversation string, parts store.Parts, by chat.Approver) iter.Seq2[chat.Event, error]
	Edit(ctx context.Context, conversation, message, text string, by chat.Approver) iter.Seq2[chat.Event, error]
	Regenerate(ctx context.Context, conversation, message string, by chat.Approver) iter.Seq2[chat.Event, error]
}

// request is what a turn is begun with. The zero value tries the last one again.
type request struct {
	text       string
	edit       string // the message of the person whose place the text takes
	regenerate string // the answer that is made again
	attached   []*attachment
}

// written reports whether a person wrote or attached something for it.
func (q request) written() bool { return q.text != "" || len(q.attached) > 0 }

func (q request) run(ctx context.Context, e Turns, conversation string, by chat.Approver) iter.Seq2[chat.Event, error] {
	switch {
	case q.edit != "":
		return e.Edit(ctx, conversation, q.edit, q.text, by)
	case q.regenerate != "":
		return e.Regenerate(ctx, conversation, q.regenerate, by)
	case len(q.attached) > 0:
		var parts store.Parts
		if q.text != "" {
			parts = append(parts, store.Text{Text: q.text})
		}
		for _, a := range q.attached {
			parts = append(parts, a.parts...)
		}
		return e.SendParts(ctx, conversation, parts, by)
	}
	return e.Send(ctx, conversation, q.text, by)
}

// start begins a turn in the conversation. It must be called on the goroutine of
// the window.
func (p *Page) start(conversation string, q request) {
	t := p.threads[conversation]
	if p.runs[conversation] != nil || t == nil {
		return
	}
	t.begin(q)
	ctx, cancel := context.WithCancel(context.Background())
	r := newRun(conversation, t, cancel)
	r.request, r.do = q, p.o.Runner.Do
	r.show, r.hide = func(asked *question) { p.showQuestion(r, asked) }, func(asked *question) { p.hideQuestion(r, asked) }
	p.runs[conversation] = r
	p.o.Runner.Go(func(window context.Context) {
		defer close(r.over)
		defer cancel()
		defer context.AfterFunc(window, cancel)()
		var failed error
		for event, err := range q.run(ctx, p.o.Engine, conversation, r) {
			if err != nil {
				failed = err
				break
			}
			if r.push(event) {
				time.AfterFunc(frame, func() { p.o.Runner.Do(func() { p.apply(r) }) })
			}
		}
		p.o.Runner.Do(func() { p.ended(r, failed) })
	})
	if p.current == conversation {
		p.showChanges()
	}
	p.refreshState()
}

// take shows what came in the run's thread.
func (p *Page) take(r *run) (settled bool) {
	asks := ""
	defer func() { p.tell(r, asks) }()
	for _, e := range r.take() {
		r.thread.take(e)
		if what := asking(e); what != "" {
			asks = what
		}
		switch e := e.(type) {
		case chat.Appended:
			r.began, settled = true, true
			if e.Message.Role == store.RoleUser {
				p.reloadConversations() // it has moved to the top, and may have a title now
			}
		case chat.Finished:
			r.began, settled = true, true
		}
	}
	return settled
}

// asking says what an event asks of the person; empty for one that asks nothing.
func asking(e chat.Event) string {
	switch e := e.(type) {
	case chat.CallAsked:
		name := e.Approval.Tool.Tool
		if name == "" {
			name = e.Approval.Call.Name
		}
		return say.F("A call of %s waits for your answer.", form.Visible(shortenRunes(name, 60), false))
	case chat.StepLimit, chat.Repeating:
		return say.T("A conversation asks whether to go on.")
	}
	return ""
}

// tell says that the run waits for the person, and that it does no longer. asks
// is what just came and is not answered yet.
func (p *Page) tell(r *run, asks string) {
	if p.o.Waiting == nil {
		return
	}
	switch {
	case asks != "" && r.told == nil:
		r.told = p.o.Waiting(asks, func() { p.open(r.conversation) })
	case asks == "" && r.told != nil && !r.waiting():
		r.told()
		r.told = nil
	}
}

// apply shows what came.
func (p *Page) apply(r *run) {
	settled := p.take(r)
	if p.current == r.conversation {
		p.showChanges()
		p.composer.setAsking(p.stateOf(r.conversation) == stateAsking)
		if settled && p.runs[r.conversation] == r {
			p.measure()
		}
	}
	p.sidebar.setState(r.conversation, p.stateOf(r.conversation))
}

// ended closes a turn.
func (p *Page) ended(r *run, err error) {
	p.take(r)
	delete(p.runs, r.conversation)
	if r.told != nil {
		r.told()
	}
	r.thread.over()
	if err != nil {
		r.thread.closeCalls()
	}
	switch {
	case !r.began && !p.gone(r.conversation):
		p.undo(r, err)
	case err != nil:
		r.thread.fail(failureOf(err))
	}
	if p.current == r.conversation {
		p.showChanges()
		p.follow()
	} else if err == nil && r.began {
		delete(p.threads, r.conversation) // read again when it is shown
	} else if err != nil && !errors.Is(err, context.Canceled) {
		p.failed[r.conversation] = true
	}
	p.refreshState()
	p.reloadConversations()
	p.tellEnd(r, err)
}

// tellEnd says that a turn has ended which the person did not stop.
func (p *Page) tellEnd(r *run, err error) {
	if p.o.Ready == nil || errors.Is(err, context.Canceled) || p.gone(r.conversation) {
		return
	}
	what := say.T("An answer is there.")
	for _, c := range p.conversations {
		if c.ID == r.conversation && c.Title != "" {
			what = say.F("The answer to “%s” is there.", form.Visible(shortenRunes(c.Title, 60), false))
		}
	}
	if err != nil {
		what = say.F("An answer broke off: %s", form.Sentence(err))
	}
	p.o.Ready(what, func() { p.open(r.conversation) })
}

// undo takes back what a turn that nothing came of did to the thread: what it
// was to take the place of is shown again, and what was written goes back to
// where it was written.
func (p *Page) undo(r *run, err error) {
	q := r.request
	fail := func(t *thread) {
		if err != nil {
			f := failureOf(err)
			f.again, f.retry = q, f.retry && !q.written()
			t.fail(f)
		}
	}
	if q.written() {
		p.giveBack(r.conversation, q)
	}
	if !r.thread.shortened {
		fail(r.thread)
		return
	}
	p.load(r.conversation, func(t *thread) { fail(t) })
}

// giveBack puts a text that was not sent back to where it was written, unless
// something else stands there by now.
func (p *Page) giveBack(conversation string, q request) {
	if len(q.attached) > 0 {
		p.attached[conversation] = append(q.attached, p.attached[conversation]...)
		p.showAttached()
	}
	switch {
	case p.current != conversation:
		if p.drafts[conversation] == "" {
			p.drafts[conversation] = q.text
		}
	case p.composer.input.Text == "":
		if q.edit != "" {
			p.edit(q.edit, q.text)
		} else {
			p.composer.input.SetText(q.text)
		}
	}
}

// gone reports whether the conversation was deleted meanwhile.
func (p *Page) gone(conversation string) bool {
	for _, c := range p.conversations {
		if c.ID == conversation {
			return false
		}
	}
	return true
}

// stop ends the answer that is shown.
func (p *Page) stop() {
	if r := p.runs[p.current]; r != nil {
		r.cancel()
	}
}

// retry tries the last turn of the conversation that is shown again.
func (p *Page) retry(q request) {
	if p.current != "" {
		p.start(p.current, q)
	}
}

// count shows the seconds go by while a failed call of the model waits to be
// repeated in the thread in view. Nothing ticks otherwise.
func (p *Page) count() {
	t := p.threads[p.current]
	if p.counting || !p.shown || t == nil || t.waiting() == nil {
		return
	}
	left := t.waiting().until.Sub(p.o.Now())
	if left <= 0 {
		return
	}
	p.counting = true
	time.AfterFunc(max(left%time.Second, 50*time.Millisecond), func() {
		p.o.Runner.Do(func() {
			p.counting = false
			if t := p.threads[p.current]; t != nil {
				if e := t.waiting(); e != nil {
					t.touch(e)
					p.showChanges()
				}
			}
		})
	})
}

package chat

import (
	"context"
	"maps"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/app/ui/transcript"
	"github.com/drawbridge-app/drawbridge/store"
)

// A long conversation opens at its end, and what is above comes when somebody
// goes there.
const (
	openAtFirst = 48   // messages that are read before anything is shown
	readOnAbove = 200  // messages that are read as one comes near them
	readAtOnce  = 1000 // messages of one piece when all are wanted
)

// load reads the end of a conversation anew and shows it, if it is the one in
// view. done gets the thread.
func (p *Page) load(id string, done func(*thread)) {
	var t *thread
	p.o.Runner.Run(func(ctx context.Context) error {
		messages, earlier, err := p.o.Engine.LastMessages(ctx, id, openAtFirst)
		if err != nil {
			return err
		}
		t = newThread(messages)
		t.missing = earlier
		return nil
	}, func(err error) {
		if err != nil {
			p.fail.say(form.Sentence(err), transcript.Action{Label: say.T("Try again"), Do: func() {
				if p.current == id {
					p.load(id, done)
				}
			}})
			return
		}
		if p.runs[id] != nil {
			return
		}
		if p.current == id {
			p.threads[id] = t
			p.view.show(t)
		}
		if done != nil {
			done(t)
		}
		if p.current == id {
			p.showChanges()
			p.follow()
		} else if len(t.changed) > 0 {
			p.threads[id] = t // it tells of a failure
		}
	})
}

// earlier reads messages above those of the thread in view: the next ones, or
// all of them, piece by piece.
func (p *Page) earlier(all bool) {
	t, id := p.view.shown, p.current
	t.wantAll = t.wantAll || all
	if t.reading || t.missing == 0 || t.first == "" {
		return
	}
	t.reading = true
	most := readOnAbove
	if t.wantAll {
		most = readAtOnce
	}
	first, known := t.first, t.known
	var above *thread
	left := 0
	p.o.Runner.Run(func(ctx context.Context) error {
		messages, earlier, err := p.o.Engine.EarlierMessages(ctx, id, first, most, known)
		if err == nil {
			above, left = partOf(messages), earlier
		}
		return err
	}, func(err error) {
		t.reading = false
		if err != nil {
			t.wantAll = false
			p.fail.say(form.Sentence(err))
			return
		}
		t.prepend(above, left)
		if p.view.shown != t {
			return
		}
		p.view.prepend(above, left)
		switch {
		case t.goal != "" && len(t.parts[t.goal]) > 0:
			p.scrollTo(t.goal, t.parts[t.goal])
			t.goal = ""
		case left == 0 && t.goal != "" && t.hunt && p.runs[id] == nil:
			p.switchTo(t.goal) // it is on another branch
		case t.wantAll && left > 0:
			p.earlier(true)
		}
		if left == 0 {
			t.wantAll, t.goal = false, ""
		}
		p.follow()
	})
}

// showMessage brings a message of the conversation in view to the top. What
// stands above it may have to be read first.
func (p *Page) showMessage(message string) {
	t := p.view.shown
	if parts := t.parts[message]; len(parts) > 0 {
		p.scrollTo(message, parts)
	} else if t.missing > 0 {
		t.goal = message
		p.earlier(true)
	}
}

// Find has the person look for words in the conversation that is shown. It does
// nothing while there is none.
func (p *Page) Find() {
	if p.shown && p.view.script.Visible() {
		p.view.find.Open()
	}
}

// partOf is a thread of messages that others follow.
func partOf(messages []store.Message) *thread {
	t := &thread{byID: map[string]*entry{}, calls: map[string]*entry{}, parts: map[string][]*entry{}, about: map[string]about{}}
	for _, m := range messages {
		t.add(m)
	}
	t.closeCalls()
	t.changed = nil
	if t.known = len(messages); t.known > 0 {
		t.first = messages[0].ID
	}
	return t
}

// prepend takes what stands above, with so many messages missing then.
func (t *thread) prepend(above *thread, missing int) {
	t.entries = append(above.entries, t.entries...)
	t.order = append(above.order, t.order...)
	maps.Copy(t.byID, above.byID)
	maps.Copy(t.parts, above.parts)
	maps.Copy(t.about, above.about)
	for id, e := range above.calls {
		if t.calls[id] == nil {
			t.calls[id] = e
		}
	}
	t.known += above.known
	t.missing = missing
	if above.first != "" {
		t.first = above.first
	}
}

// prepend shows what was read above.
func (v *view) prepend(above *thread, missing int) {
	items := make([]transcript.Item, 0, len(above.entries))
	for _, e := range above.entries {
		items = append(items, v.item(e))
	}
	v.script.Prepend(items, missing)
}

package chat

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// frame is how often the window shows what a turn has brought.
const frame = 16 * time.Millisecond

// run is a turn that goes on, whether its conversation is shown or not. One
// goroutine ranges over it; what it brings is folded and applied to the thread
// on the goroutine of the window, at most once a frame.
type run struct {
	conversation string
	thread       *thread // belongs to the goroutine of the window
	cancel       context.CancelFunc
	over         chan struct{} // closed when the turn is over

	mu      sync.Mutex // protects what follows
	events  []chat.Event
	pending bool                         // an apply is on its way
	asked   map[string]chan tools.Answer // by call id
	early   map[string]tools.Answer      // given before Approve was called
	limits  []chan bool                  // of the question whether to go on
}

func newRun(conversation string, t *thread, cancel context.CancelFunc) *run {
	return &run{conversation: conversation, thread: t, cancel: cancel, over: make(chan struct{}), asked: map[string]chan tools.Answer{}, early: map[string]tools.Answer{}}
}

// push adds an event and reports whether an apply has to be ordered. Text that
// follows text of the same message is joined to it, so that a slow window makes
// the list no longer.
func (r *run) push(e chat.Event) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := len(r.events); n > 0 {
		if joined, ok := join(r.events[n-1], e); ok {
			r.events[n-1] = joined
			return false
		}
	}
	r.events = append(r.events, e)
	order := !r.pending
	r.pending = true
	return order
}

func join(last, next chat.Event) (chat.Event, bool) {
	a, ok := last.(chat.Delta)
	if !ok {
		return nil, false
	}
	b, ok := next.(chat.Delta)
	if !ok || a.MessageID != b.MessageID {
		return nil, false
	}
	switch x := a.Delta.(type) {
	case model.TextDelta:
		if y, ok := b.Delta.(model.TextDelta); ok {
			a.Delta = model.TextDelta{Text: x.Text + y.Text}
			return a, true
		}
	case model.ReasoningDelta:
		if y, ok := b.Delta.(model.ReasoningDelta); ok {
			a.Delta = model.ReasoningDelta{Text: x.Text + y.Text}
			return a, true
		}
	case model.CallDelta:
		if y, ok := b.Delta.(model.CallDelta); ok && x.Index == y.Index && y.Name == "" {
			return a, true // the thread shows the arguments when they are whole
		}
	}
	return nil, false
}

// take returns the events that came since the last time.
func (r *run) take() []chat.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	events := r.events
	r.events, r.pending = nil, false
	return events
}

// Approve waits for the person's answer. It is part of chat.Approver.
func (r *run) Approve(ctx context.Context, a chat.Approval) (tools.Answer, error) {
	answer := make(chan tools.Answer, 1)
	r.mu.Lock()
	if got, ok := r.early[a.Call.ID]; ok {
		delete(r.early, a.Call.ID)
		r.mu.Unlock()
		return got, nil
	}
	r.asked[a.Call.ID] = answer
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		delete(r.asked, a.Call.ID)
		r.mu.Unlock()
	}()
	select {
	case got := <-answer:
		return got, nil
	case <-ctx.Done():
		return tools.AnswerDeny, context.Cause(ctx)
	}
}

// answer hands over what the person said; the first answer counts.
func (r *run) answer(call string, a tools.Answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	ch, ok := r.asked[call]
	if !ok {
		r.early[call] = a // the card is shown a moment before Approve is called
		return
	}
	select {
	case ch <- a:
	default:
	}
}

// waiting reports whether the person is being asked something.
func (r *run) waiting() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.asked) > 0 || len(r.limits) > 0
}

// Continue waits until the person says whether the turn goes on. It is part of
// chat.Approver.
func (r *run) Continue(ctx context.Context, _ chat.Pause) (bool, error) {
	answer := make(chan bool, 1)
	r.mu.Lock()
	r.limits = append(r.limits, answer)
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		r.limits = nil
		r.mu.Unlock()
	}()
	select {
	case on := <-answer:
		return on, nil
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
}

func (r *run) goOn(on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, ch := range r.limits {
		select {
		case ch <- on:
		default:
		}
	}
}

// start begins a turn in the conversation; an empty text tries the last one
// again. It must be called on the goroutine of the window.
func (p *Page) start(conversation, text string) {
	if p.runs[conversation] != nil {
		return
	}
	t := p.threads[conversation]
	t.forget()
	ctx, cancel := context.WithCancel(context.Background())
	r := newRun(conversation, t, cancel)
	p.runs[conversation] = r
	p.o.Runner.Go(func(window context.Context) {
		defer close(r.over)
		defer cancel()
		defer context.AfterFunc(window, cancel)()
		var failed error
		for event, err := range p.o.Engine.Send(ctx, conversation, text, r) {
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
	p.refreshState()
}

// apply shows what came.
func (p *Page) apply(r *run) {
	for _, e := range r.take() {
		r.thread.take(e)
		if a, ok := e.(chat.Appended); ok && a.Message.Role == store.RoleUser {
			p.reloadConversations() // it has moved to the top, and may have a title now
		}
	}
	if p.current == r.conversation {
		p.showChanges()
		p.composer.setAsking(p.stateOf(r.conversation) == stateAsking)
	}
	p.sidebar.setState(r.conversation, p.stateOf(r.conversation))
}

// ended closes a turn.
func (p *Page) ended(r *run, err error) {
	for _, e := range r.take() {
		r.thread.take(e)
	}
	delete(p.runs, r.conversation)
	if err != nil {
		r.thread.closeCalls()
		r.thread.fail(form.Sentence(err), !errors.Is(err, chat.ErrBusy) && !errors.Is(err, chat.ErrNothing), managedServer(err))
	}
	if p.current == r.conversation {
		p.showChanges()
	} else if err == nil {
		delete(p.threads, r.conversation) // read again when it is shown
	}
	p.refreshState()
	p.reloadConversations()
}

package chat

import (
	"context"
	"errors"
	"sync"

	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// run is a turn that goes on, whether its conversation is shown or not. One
// goroutine ranges over it; what it brings is folded and applied to the thread
// on the goroutine of the window, at most once a frame.
type run struct {
	conversation string
	thread       *thread // belongs to the goroutine of the window
	cancel       context.CancelFunc
	over         chan struct{} // closed when the turn is over
	request      request
	began        bool            // something of it is in the history; belongs to the window, too
	told         func()          // says that it waits no longer; nil unless it does; likewise
	do           func(func())    // brings a function to the goroutine of the window
	show, hide   func(*question) // there: a question that a server asks

	mu      sync.Mutex // protects what follows
	events  []chat.Event
	pending bool                         // an apply is on its way
	asked   map[string]chan tools.Answer // by call id, from the event on that says so
	// questions counts what servers ask.
	questions int
	limit     chan bool // of the question whether to go on, from its event on
}

func newRun(conversation string, t *thread, cancel context.CancelFunc) *run {
	return &run{conversation: conversation, thread: t, cancel: cancel, over: make(chan struct{}), asked: map[string]chan tools.Answer{}}
}

// push adds an event and reports whether an apply has to be ordered. Text that
// follows text of the same message is joined to it, so that a slow window makes
// the list no longer.
//
// A run waits for the person from the event that says so: the window may show it
// before Approve or Continue is called. It may come after that, too, and then what
// waits already goes on waiting for the same answer.
func (r *run) push(e chat.Event) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch e := e.(type) {
	case chat.CallAsked:
		r.question(e.Approval.Call.ID)
	case chat.CallDone:
		delete(r.asked, e.Result.CallID) // where it ended before it was asked about
	case chat.StepLimit, chat.Repeating:
		r.pause()
	}
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
//
// An answer that allows the call of a tool whose definition has changed accepts
// the change, which the card shows.
func (r *run) Approve(ctx context.Context, a chat.Approval) (tools.Answer, error) {
	got, err := r.said(ctx, a)
	if err != nil || a.Change == nil || got == tools.AnswerDeny || got == tools.AnswerNever {
		return got, err
	}
	// Where it changed once more meanwhile, the call is asked about again.
	if err := a.Change.Accept(ctx); err != nil && !errors.Is(err, store.ErrHeld) {
		return tools.AnswerDeny, err
	}
	return got, nil
}

// said waits for the answer to a question.
func (r *run) said(ctx context.Context, a chat.Approval) (tools.Answer, error) {
	r.mu.Lock()
	answer := r.question(a.Call.ID)
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

// question is where the answer about a call comes, from whoever names it first on.
// mu is held.
func (r *run) question(call string) chan tools.Answer {
	if r.asked[call] == nil {
		r.asked[call] = make(chan tools.Answer, 1)
	}
	return r.asked[call]
}

// pause is the same for the question whether to go on.
func (r *run) pause() chan bool {
	if r.limit == nil {
		r.limit = make(chan bool, 1)
	}
	return r.limit
}

// answer hands over what the person said; the first answer counts.
func (r *run) answer(call string, a tools.Answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case r.asked[call] <- a:
	default:
	}
}

// waiting reports whether the person is being asked something.
func (r *run) waiting() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.asked) > 0 || r.limit != nil || r.questions > 0
}

// Continue waits until the person says whether the turn goes on. It is part of
// chat.Approver.
func (r *run) Continue(ctx context.Context, _ chat.Pause) (bool, error) {
	r.mu.Lock()
	answer := r.pause()
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		r.limit = nil
		r.mu.Unlock()
	}()
	select {
	case on := <-answer:
		return on, nil
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
}

// goOn hands over what the person said; the first answer counts.
func (r *run) goOn(on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case r.limit <- on:
	default:
	}
}

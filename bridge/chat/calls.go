package chat

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// runCalls runs the open calls side by side, those of a serial server in turn,
// and answers them all. The answers are then on their way into the history.
func (t *turn) runCalls() error {
	o := t.open
	r := t.newRunner(o)
	defer r.end()
	timer := time.NewTimer(t.Checkpoint)
	timer.Stop()
	defer timer.Stop()
	waiting := false
	for missing := len(o.calls); missing > 0; {
		select {
		case <-t.ctx.Done():
			return errStopped
		case e := <-r.events:
			if !t.emit(e) {
				return errGone
			}
		case d := <-r.done:
			r.take(d)
			missing--
			if !t.emit(o.told(d.index)) {
				return errGone
			}
			if !waiting && missing > 0 {
				waiting = true
				timer.Reset(t.Checkpoint)
			}
		case <-timer.C:
			waiting = false
			if err := t.save(t.toolMessage(false)); err != nil {
				return err
			}
		}
	}
	o.done = true
	// The model is called while they are written: see answer.
	m := t.toolMessage(true)
	t.open, t.chain = nil, append(t.chain, m)
	t.keep(m)
	return nil
}

// settle answers calls that something broke off in the history, those without a
// result with an error. It does nothing if no calls are open.
func (t *turn) settle() error {
	if t.open == nil {
		return nil
	}
	m := t.toolMessage(true)
	t.open = nil
	if err := t.save(m); err != nil {
		return err
	}
	t.chain = append(t.chain, m)
	if !t.emit(Appended{m}) {
		return errGone
	}
	return nil
}

// toolMessage is the message that answers the open calls, as far as it is.
func (t *turn) toolMessage(all bool) store.Message {
	m := store.Message{
		ID: t.open.id, ConversationID: t.conv.ID, ParentID: t.open.message,
		Role: store.RoleTool, Status: store.StatusStreaming, CreatedAt: t.open.created, Parts: t.open.parts(all),
	}
	if all {
		m.Status = store.StatusComplete
	}
	return m
}

// runner runs the calls of one step on goroutines of its own.
type runner struct {
	t      *turn
	o      *openCalls
	ctx    context.Context
	cancel context.CancelFunc
	events chan Event    // unbuffered: a call goes on when the reader has taken it
	done   chan doneCall // has room for every result
	ended  chan struct{} // closed when all goroutines have ended
	began  []atomic.Bool // by call
}

type doneCall struct {
	index  int
	result tools.Result
}

func (t *turn) newRunner(o *openCalls) *runner {
	r := &runner{
		t: t, o: o,
		events: make(chan Event),
		done:   make(chan doneCall, len(o.calls)),
		ended:  make(chan struct{}),
		began:  make([]atomic.Bool, len(o.calls)),
	}
	r.ctx, r.cancel = context.WithCancel(t.ctx)
	var next atomic.Int64
	var workers sync.WaitGroup
	lanes := o.lanes()
	for range min(t.Parallel, len(lanes)) {
		workers.Go(func() {
			for r.ctx.Err() == nil {
				n := int(next.Add(1)) - 1
				if n >= len(lanes) {
					return
				}
				for _, i := range lanes[n] {
					if r.ctx.Err() != nil {
						return
					}
					r.done <- doneCall{i, r.call(i)}
				}
			}
		})
	}
	go func() {
		workers.Wait()
		close(r.ended)
	}()
	return r
}

// end stops what still runs, waits for it, though not for ever, and takes the
// results that came.
func (r *runner) end() {
	r.cancel()
	if !closed(r.ended, stopGrace) {
		r.t.Logger.Warn("tool calls do not end after they were stopped", "conversation", r.t.conv.ID)
	}
	for {
		select {
		case d := <-r.done:
			r.take(d)
		default:
			for i := range r.began {
				r.o.began[i] = r.began[i].Load()
			}
			return
		}
	}
}

func (r *runner) take(d doneCall) {
	part := r.o.clean(d.result).Part(r.o.calls[d.index].call.ID)
	r.o.results[d.index] = &part
}

// send hands an event to the goroutine that ranges over the turn.
func (r *runner) send(e Event) {
	select {
	case r.events <- e:
	case <-r.ctx.Done():
	}
}

// call runs one call. It runs on a goroutine of its own.
func (r *runner) call(i int) tools.Result {
	c := r.o.calls[i]
	started := r.t.Now()
	var result tools.Result
	switch {
	case c.refuse != "":
		result = tools.ErrorResult(c.refuse)
	case c.managed:
		return r.decide(c)
	default:
		r.send(CallRunning{r.o.message, c.call})
		r.began[i].Store(true)
		if c.run != nil {
			result = r.ownCall(c)
		} else {
			result = r.handOver(c)
		}
	}
	if result.Started.IsZero() {
		result.Started = started
	}
	if result.Elapsed == 0 {
		result.Elapsed = r.t.Now().Sub(started)
	}
	return result
}

// ownCall answers a call of one of Drawbridge's own functions.
func (r *runner) ownCall(c plannedCall) (result tools.Result) {
	var failed error
	defer func() {
		if failed != nil {
			result = tools.ErrorResult("The call was broken off: " + failed.Error() + ".")
		}
	}()
	defer r.t.recovered("the call of "+c.call.Name, &failed)
	return c.run()
}

func (r *runner) handOver(c plannedCall) (result tools.Result) {
	var failed error
	var over atomic.Bool
	defer func() {
		over.Store(true)
		if failed != nil {
			result = tools.ErrorResult("The call was broken off: " + failed.Error() + ".")
		}
	}()
	defer r.t.recovered("the call of "+c.call.Name, &failed)
	var ask Ask
	if r.t.in.Approver != nil {
		ask = func(ctx context.Context, v tools.Verdict) (tools.Answer, error) { return r.ask(ctx, c, v) }
	}
	return r.t.Tools.Call(r.ctx, tools.Invocation{
		Client: tools.ClientChat, Conversation: r.t.conv.ID, CallID: c.call.ID,
		Ref: c.tool.Ref, Arguments: c.arguments,
	}, ask, func(p tools.Progress) {
		if over.Load() {
			return
		}
		select {
		case r.events <- CallProgress{r.o.message, c.call.ID, p}:
		default:
		}
	})
}

// ask puts the question to the approver.
func (r *runner) ask(ctx context.Context, c plannedCall, v tools.Verdict) (a tools.Answer, err error) {
	call := c.call
	if c.arguments != nil {
		call.Arguments = c.arguments // of a call that came through the search
	}
	if v.Arguments != nil {
		call.Arguments = v.Arguments // with what rules add
	}
	approval := Approval{
		ConversationID: r.t.conv.ID, MessageID: r.o.message, Call: call, Tool: c.tool, Reason: v.Reason, After: v.After, Managed: c.managed,
		Change: v.Change,
	}
	if !c.managed {
		approval.Edit = v.Edit
	}
	r.send(CallAsked{approval})
	if err := ctx.Err(); err != nil {
		return "", err
	}
	a, err = r.approve(ctx, approval)
	if err != nil {
		return "", err
	}
	switch a {
	case tools.AnswerOnce, tools.AnswerConversation, tools.AnswerAlways, tools.AnswerAfter:
		if !c.managed {
			r.send(CallRunning{r.o.message, c.call})
		}
	case tools.AnswerDeny, tools.AnswerNever:
	default:
		a = tools.AnswerDeny
	}
	return a, nil
}

func (r *runner) approve(ctx context.Context, approval Approval) (a tools.Answer, err error) {
	defer r.t.recovered("the question about "+approval.Call.Name, &err)
	return r.t.in.Approver.Approve(ctx, approval)
}

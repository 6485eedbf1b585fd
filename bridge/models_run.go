package bridge

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"sync"

	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/modelapi"
	"github.com/drawbridge-app/drawbridge/bridge/policy"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// Run implements modelapi.Engine.
func (a *asked) Run(ctx context.Context, t modelapi.Turn) iter.Seq2[modelapi.Event, error] {
	return func(yield func(modelapi.Event, error) bool) {
		client, err := a.b.client(t.Model)
		if err != nil {
			yield(nil, err)
			return
		}
		ctx, done, err := a.b.serving(ctx)
		if err != nil {
			yield(nil, raisedError())
			return
		}
		defer done()
		a.b.freshen(ctx)
		conv := store.Conversation{ID: "models-" + store.NewID(), Model: t.Model, System: t.System}
		if n := len(t.Messages); n > 0 {
			conv.Head = t.Messages[n-1].ID
		}
		a.runs.begin(conv, t)
		defer a.runs.end(conv.ID)
		turn := chat.Turn{
			Conversation: conv, Model: metered{client, a, t.Caller}, Fallbacks: a.fallbacksFor(t.Caller, t.Model),
			Choice: t.Choice, Sampling: t.Sampling, MaxOutput: t.MaxOutput, Halt: t.Halt,
		}
		for e, err := range a.loop.Run(ctx, turn) {
			if errors.Is(context.Cause(ctx), store.ErrRaised) {
				yield(nil, raisedError())
				return
			}
			if err != nil {
				yield(nil, err)
				return
			}
			out, err := translated(e)
			if stopped := context.Cause(ctx); err != nil && stopped != nil {
				err = stopped
			}
			if out == nil && err == nil {
				continue
			}
			if !yield(out, err) || err != nil {
				return
			}
		}
	}
}

func raisedError() error {
	return &model.Error{Kind: model.ErrorManaged, Message: policy.RaisedReason, Err: errors.Join(store.ErrDenied, store.ErrRaised)}
}

var errStoppedRun = errors.New("the answer was stopped")

// translated returns an event of the loop in the words of modelapi; nil for one
// that it does not tell.
func translated(e chat.Event) (modelapi.Event, error) {
	switch e := e.(type) {
	case chat.Started:
		return modelapi.Begun{}, nil
	case chat.Delta:
		return modelapi.Piece{Delta: e.Delta}, nil
	case chat.Retrying:
		return modelapi.Again{Reason: e.Reason}, nil
	case chat.FellBack:
		return modelapi.Again{Reason: e.Reason}, nil
	case chat.Finished:
		out := modelapi.Answered{Message: e.Message}
		if e.Message.Status == store.StatusComplete {
			for _, c := range e.Message.Calls() {
				out.Calls = append(out.Calls, chat.Meant(c))
			}
		}
		return out, nil
	case chat.CallDone:
		return modelapi.Called{Result: e.Result}, nil
	case chat.Appended:
		return modelapi.Kept{Message: e.Message}, nil
	case chat.TurnDone:
		switch e.Reason {
		case chat.ReasonStopped:
			return nil, errStoppedRun
		case chat.ReasonLength:
			return modelapi.Done{Reason: modelapi.Length, Usage: e.Usage}, nil
		case chat.ReasonFilter:
			return modelapi.Done{Reason: modelapi.Filter, Usage: e.Usage}, nil
		case chat.ReasonHalted:
			return modelapi.Done{Reason: modelapi.Halted, Usage: e.Usage}, nil
		case chat.ReasonLimit, chat.ReasonRepeats:
			return modelapi.Done{Reason: modelapi.Steps, Usage: e.Usage}, nil
		}
		return modelapi.Done{Reason: modelapi.End, Usage: e.Usage}, nil
	}
	return nil, nil
}

// askedRuns are the turns that run, as the loop's history and tools.
type askedRuns struct {
	b *Bridge

	mu   sync.Mutex // protects runs, and what they point to
	runs map[string]*askedRun
}

// askedRun is one turn with its history.
type askedRun struct {
	conv     store.Conversation
	messages []store.Message
	turn     modelapi.Turn
}

func (r *askedRuns) begin(c store.Conversation, t modelapi.Turn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	run := &askedRun{conv: c, messages: slices.Clone(t.Messages), turn: t}
	for i := range run.messages {
		run.messages[i].ConversationID = c.ID // they may be of an earlier run
	}
	r.runs[c.ID] = run
}

func (r *askedRuns) end(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.runs, id)
}

// Conversation implements chat.History.
func (r *askedRuns) Conversation(_ context.Context, id string) (store.Conversation, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	run := r.runs[id]
	if run == nil {
		return store.Conversation{}, errNoRun
	}
	return run.conv, nil
}

// Chain implements chat.History.
func (r *askedRuns) Chain(_ context.Context, id string) ([]store.Message, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	run := r.runs[id]
	if run == nil {
		return nil, errNoRun
	}
	return slices.Clone(run.messages), nil
}

// Tail implements chat.History. It returns all there is.
func (r *askedRuns) Tail(ctx context.Context, id string, _ int) ([]store.Message, int, error) {
	chain, err := r.Chain(ctx, id)
	return chain, 0, err
}

// Spent implements chat.History.
func (r *askedRuns) Spent(ctx context.Context, id string) ([]store.Used, error) {
	chain, err := r.Chain(ctx, id)
	return store.UsedBy(chain), err
}

// ChainTo implements chat.History. A run has no branches.
func (r *askedRuns) ChainTo(ctx context.Context, id, message string) ([]store.Message, error) {
	chain, err := r.Chain(ctx, id)
	i := slices.IndexFunc(chain, func(m store.Message) bool { return m.ID == message })
	if err == nil && i < 0 {
		err = errNoRun
	}
	return chain[:i+1], err
}

// Append implements chat.History.
func (r *askedRuns) Append(_ context.Context, messages ...store.Message) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range messages {
		run := r.runs[m.ConversationID]
		if run == nil {
			return errNoRun
		}
		if i := slices.IndexFunc(run.messages, func(o store.Message) bool { return o.ID == m.ID }); i >= 0 {
			run.messages[i] = m
		} else {
			run.messages = append(run.messages, m)
		}
		run.conv.Head = m.ID
	}
	return nil
}

// Unfinished implements chat.History: nothing of a run outlasts it.
func (r *askedRuns) Unfinished(context.Context) ([]store.Conversation, error) { return nil, nil }

func (r *askedRuns) turn(id string) (modelapi.Turn, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	run := r.runs[id]
	if run == nil {
		return modelapi.Turn{}, errNoRun
	}
	return run.turn, nil
}

// Offered implements chat.Tools.
func (r *askedRuns) Offered(ctx context.Context, conv store.Conversation) ([]tools.Tool, []tools.Instructions, error) {
	t, err := r.turn(conv.ID)
	if err != nil {
		return nil, nil, err
	}
	list, err := t.Offer(ctx)
	if err != nil {
		return nil, nil, err
	}
	instructions, err := r.b.policy.OfferInstructions(ctx, store.Conversation{}, list, r.b.catalogue.instructions())
	return list, instructions, err
}

// Call implements chat.Tools. Who is asked, the caller decides.
func (r *askedRuns) Call(ctx context.Context, inv tools.Invocation, _ chat.Ask, _ func(tools.Progress)) tools.Result {
	t, err := r.turn(inv.Conversation)
	if err != nil {
		return tools.ErrorResult(err.Error())
	}
	return t.Call(ctx, inv)
}

// metered holds each call of a model against the caller's limits, and counts
// what it took.
type metered struct {
	chat.Model
	a *asked
	c store.Caller
}

// Stream implements chat.Model.
func (m metered) Stream(ctx context.Context, req model.Request) iter.Seq2[model.Delta, error] {
	return func(yield func(model.Delta, error) bool) {
		if err := m.a.b.policy.MayAsk(ctx, m.c); err != nil {
			yield(nil, &model.Error{Kind: model.ErrorRequest, Message: err.Error(), Err: err})
			return
		}
		var usage store.Usage
		var said strings.Builder
		whole, began := false, false
		defer func() {
			if began || ctx.Err() != nil {
				m.spend(ctx, req, usage, said.String(), whole)
			}
		}()
		for d, err := range m.Model.Stream(ctx, req) {
			switch d := d.(type) {
			case model.TextDelta:
				said.WriteString(d.Text)
			case model.ReasoningDelta:
				said.WriteString(d.Text)
			case model.CallDelta:
				said.WriteString(d.Name + d.Arguments)
			case model.UsageDelta:
				usage = d.Usage
			case model.Done:
				whole = true
			}
			began = began || err == nil
			if !yield(d, err) {
				return
			}
		}
	}
}

// spend counts what a call took: what the provider said, and where it said
// nothing, or the answer was broken off before it could, what the texts come to.
func (m metered) spend(ctx context.Context, req model.Request, u store.Usage, said string, whole bool) {
	count := func(text string) int64 { return m.a.b.counter.Count(req.Model.Model, text) }
	if u.Input == 0 {
		var sent strings.Builder
		sent.WriteString(req.System)
		for _, msg := range req.Messages {
			for _, p := range msg.Parts {
				switch p := p.(type) {
				case store.Text:
					sent.WriteString(p.Text)
				case store.ToolCall:
					sent.Write(p.Arguments)
				case store.ToolResult:
					sent.WriteString(p.Content.Text())
				}
			}
		}
		if req.Tools != nil {
			for _, f := range req.Tools.Functions() {
				sent.WriteString(f.Description)
				sent.Write(f.Parameters)
			}
		}
		u.Input = max(count(sent.String()), 1)
	}
	if u.Output == 0 || !whole {
		u.Output = max(u.Output, count(said))
	}
	usd, _ := m.a.cost(req.Model, u)
	if err := m.a.b.policy.Spend(context.WithoutCancel(ctx), m.c, u.Input+u.Output, usd); err != nil {
		m.a.b.o.Logger.Error("what a model took could not be counted", "key", m.c.KeyName, "error", err)
	}
	m.a.b.audit.signal(m.a.b.audit.some) // which keeps the counts
}

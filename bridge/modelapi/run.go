package modelapi

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// sink takes what happens in a run and writes it in a format. Its methods are
// called from one goroutine.
type sink interface {
	listed(e *entry, v *view)
	begun() // an answer begins
	text(s string)
	reasoning(s string)
	void(reason string) error // what came of the answer does not count
	answered()                // the answer is whole
	thought(sealed string)    // what the provider wants back of it
	function(c store.ToolCall)
	calling(c shownCall)
	called(c shownCall, r store.ToolResult)
	asked(id string, c shownCall)
}

// shownCall is a call of the person's tools as the program sees it.
type shownCall struct {
	id          string // of the call
	label, name string
	arguments   string
	approval    string // id of the approval that it comes from; empty without one
}

// run is one run of the loop for a request.
type run struct {
	h    *Handler
	q    *question
	out  sink
	made []store.Message // the whole history, as far as it came
	open []string        // ids of calls of functions that wait

	mu     sync.Mutex // protects what follows
	view   *view
	waits  map[string]bool // ids of calls that the program is asked about
	halted bool
}

// waiting stands for a result that is still to come.
const (
	waitingOutput   = "The program that asked has not answered this call yet."
	waitingApproval = "This call waits until it is approved."
)

// do runs the approved calls and then the loop.
func (r *run) do(ctx context.Context) (Done, error) {
	q, engine := r.q, r.h.o.Engine
	for _, a := range q.approved {
		r.runApproved(ctx, a)
	}
	messages, err := q.history.messages()
	if err != nil {
		return Done{}, err
	}
	r.made = messages
	shown := map[string]shownCall{}
	turn := Turn{
		Caller: q.caller, Model: q.model, System: q.system, Messages: messages, Choice: q.choice, Sampling: q.sampling, MaxOutput: q.maxOutput,
		Offer: r.offer, Call: r.call, Halt: func() bool { r.mu.Lock(); defer r.mu.Unlock(); return r.halted },
	}
	for ev, err := range engine.Run(ctx, turn) {
		if err != nil {
			return Done{}, err
		}
		switch ev := ev.(type) {
		case Begun:
			r.out.begun()
		case Piece:
			switch d := ev.Delta.(type) {
			case model.TextDelta:
				r.out.text(d.Text)
			case model.ReasoningDelta:
				r.out.reasoning(d.Text)
			}
		case Again:
			if err := r.out.void(ev.Reason); err != nil {
				return Done{}, err
			}
		case Answered:
			r.made = append(r.made, ev.Message)
			r.out.answered()
			if q.thoughts {
				if sealed := r.h.sealer.seal(ctx, q.caller.Key, ev.Message, ev.Calls); sealed != "" {
					r.out.thought(sealed)
				}
			}
			for _, c := range ev.Calls {
				r.sort(ctx, c, shown)
			}
		case Called:
			if c, ok := shown[ev.Result.CallID]; ok {
				r.out.called(c, ev.Result)
			}
		case Kept:
			r.made = append(r.made, ev.Message)
		case Done:
			return ev, nil
		}
	}
	if err := context.Cause(ctx); err != nil {
		return Done{}, err
	}
	return Done{}, fmt.Errorf("the run ended without saying why")
}

// offer returns what the model is offered now.
func (r *run) offer(ctx context.Context) ([]tools.Tool, error) {
	v, err := r.h.look(ctx, r.q.caller, r.q.offer)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.view = v
	return v.list, nil
}

// sort says whose a call is, before it is run.
func (r *run) sort(ctx context.Context, c store.ToolCall, shown map[string]shownCall) {
	if c.Server == "" {
		return // one of Drawbridge's own, or of no tool
	}
	if c.Server == Functions {
		r.halt("")
		r.open = append(r.open, c.ID)
		r.out.function(c)
		return
	}
	ref := tools.Ref{Server: c.Server, Tool: c.Tool}
	r.mu.Lock()
	v := r.view
	r.mu.Unlock()
	e, t := v.by[ref], v.tool(ref)
	if e == nil || t == nil {
		return
	}
	s := shownCall{id: c.ID, label: e.label, name: v.shown[ref], arguments: argumentText(c.Arguments)}
	if !r.q.invisible && r.asks(ctx, e, t, v, c) {
		a := &approval{id: "mcpr_" + store.NewID(), label: s.label, name: s.name, ref: ref, arguments: slices.Clone(c.Arguments), callID: c.ID}
		r.h.kept.ask(r.q.caller.Key, a)
		r.halt(c.ID)
		r.out.asked(a.id, s)
		return
	}
	shown[c.ID] = s
	r.out.calling(s)
}

// asks reports whether the program is asked about a call: it wants to be, or the
// policy does and the key may answer.
func (r *run) asks(ctx context.Context, e *entry, t *tools.Tool, v *view, c store.ToolCall) bool {
	wants := e.wantsToBeAsked(t, v.shown[t.Ref])
	if !wants && !r.q.caller.MayApprove {
		return false // the person is asked where that is due
	}
	verdict := r.h.o.Engine.Decide(ctx, r.invocation(t.Ref, c.ID, c.Arguments))
	return verdict.Decision == tools.Ask && r.q.caller.MayApprove || verdict.Decision != tools.Deny && wants
}

// halt has the run end after this step. The call is one that waits for an
// approval; empty for none.
func (r *run) halt(call string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.halted = true
	if call != "" {
		if r.waits == nil {
			r.waits = map[string]bool{}
		}
		r.waits[call] = true
	}
}

func (r *run) invocation(ref tools.Ref, id string, arguments json.RawMessage) tools.Invocation {
	return tools.Invocation{Client: tools.ClientModels, CallID: id, Ref: ref, Arguments: arguments, Caller: &r.q.caller}
}

// call runs a call of the loop, unless it is for others to answer.
func (r *run) call(ctx context.Context, inv tools.Invocation) tools.Result {
	r.mu.Lock()
	waits, v := r.waits[inv.CallID], r.view
	r.mu.Unlock()
	switch {
	case inv.Ref.Server == Functions:
		return tools.ErrorResult(waitingOutput)
	case waits:
		return tools.ErrorResult(waitingApproval)
	}
	e := v.by[inv.Ref]
	if e == nil {
		return tools.ErrorResult(fmt.Sprintf("The tool %s is not among those of this request.", inv.Ref))
	}
	return r.h.o.Engine.Call(r.with(ctx, e, inv.Ref.Server), r.invocation(inv.Ref, inv.CallID, inv.Arguments), false)
}

// with has the program's credentials go to a server.
func (r *run) with(ctx context.Context, e *entry, server string) context.Context {
	headers := e.headers[server]
	if len(headers) == 0 {
		return ctx
	}
	return tools.WithExchange(ctx, &tools.Exchange{Scope: r.q.caller.Key + "/" + r.q.caller.Session, Headers: headers, Read: true})
}

// runApproved runs a call that the program has approved.
func (r *run) runApproved(ctx context.Context, a *approval) {
	s := shownCall{id: a.callID, label: a.label, name: a.name, arguments: argumentText(a.arguments), approval: a.id}
	r.out.calling(s)
	e := r.q.view.by[a.ref]
	result := r.h.o.Engine.Call(r.with(ctx, e, a.ref.Server), r.invocation(a.ref, a.callID, a.arguments), r.q.caller.MayApprove)
	r.q.history.replace(a.callID, result)
	r.out.called(s, result.Part(a.callID))
}

// argumentText returns arguments as a model wrote them.
func argumentText(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text // they were no object, and are kept as a text
	}
	if len(raw) == 0 {
		return "{}"
	}
	return string(raw)
}

// outputText returns a result as the program sees it.
func outputText(r store.ToolResult) string {
	text := r.Content.Text()
	for _, p := range r.Content {
		switch p := p.(type) {
		case store.Image:
			text += fmt.Sprintf("\n[image %s, %d bytes]", p.MIMEType, len(p.Data))
		case store.File:
			text += fmt.Sprintf("\n[file %s %s %s, %d bytes]", p.Name, p.MIMEType, p.URI, len(p.Data))
		}
	}
	if text == "" && len(r.Structured) > 0 {
		text = string(r.Structured)
	}
	return text
}

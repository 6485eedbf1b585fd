package bridge

import (
	"context"
	"fmt"

	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/bridge/policy"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// guard is the one way to a tool. Whatever wants to offer or run one, a
// conversation or a typed command, comes through here: catalogue, arguments,
// policy, person, and only then the server.
type guard struct{ b *Bridge }

// Offered returns what the conversation's model may be offered.
func (g guard) Offered(ctx context.Context, conv store.Conversation) ([]tools.Tool, []tools.Instructions, error) {
	list, err := g.b.policy.Offer(ctx, conv, g.b.catalogue.passed())
	if err != nil {
		return nil, nil, err
	}
	instructions, err := g.b.policy.OfferInstructions(ctx, conv, list, g.b.catalogue.instructions())
	return list, instructions, err
}

// Call runs one tool, if its arguments fit and the policy and, where it says
// so, the person agree. It always returns a result; what went wrong is told to
// the model in it.
func (g guard) Call(ctx context.Context, inv tools.Invocation, ask chat.Ask, progress func(tools.Progress)) tools.Result {
	started := g.b.o.Now()
	fail := func(sentence string) tools.Result {
		r := tools.ErrorResult(sentence)
		r.Started, r.Elapsed = started, g.b.o.Now().Sub(started)
		return r
	}
	if tool := g.b.catalogue.lookup(inv.Ref); tool != nil {
		if err := g.b.validator.Check(*tool, inv.Arguments); err != nil {
			return fail(err.Error())
		}
	}
	// The policy looks again after the person answered: a server may have
	// changed its definitions while they read.
	verdict := g.b.policy.Permit(ctx, inv, g.look(inv), policy.Ask(ask))
	if verdict.Decision != tools.Allow {
		return fail(verdict.Reason)
	}
	result, err := g.b.host.Call(ctx, inv.Ref, inv.Arguments, progress)
	if err != nil {
		return fail(err.Error())
	}
	return result
}

// look tells the policy what there is at this moment. It gets held definitions
// as well, so that it can say why it refuses them.
func (g guard) look(inv tools.Invocation) policy.Look {
	return func(ctx context.Context) (*store.Conversation, *tools.Tool, error) {
		tool := g.b.catalogue.lookup(inv.Ref)
		if inv.Conversation == "" {
			return nil, tool, nil
		}
		conv, err := g.b.switchboard.get(ctx, inv.Conversation)
		if err != nil {
			return nil, nil, fmt.Errorf("read the conversation of the call: %w", err)
		}
		return conv, tool, nil
	}
}

// ToolView is a tool with what the policy says of it.
type ToolView struct {
	tools.Tool
	// Standing is the person's lasting answer; empty if there is none.
	Standing tools.Answer
}

// Tools returns every tool that may be offered, grouped by server in the order
// of Servers, with the person's lasting answers.
func (b *Bridge) Tools(ctx context.Context) ([]ToolView, error) {
	answers, err := b.o.Ledger.ToolAnswers(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the answers for tools: %w", err)
	}
	standing := map[tools.Ref]tools.Answer{}
	for _, a := range answers {
		standing[tools.Ref{Server: a.Server, Tool: a.Tool}] = tools.Answer(a.Answer)
	}
	var out []ToolView
	for _, t := range b.catalogue.passed() {
		out = append(out, ToolView{Tool: t, Standing: standing[t.Ref]})
	}
	return out, nil
}

// Offered returns the tools that the conversation's model is offered now.
func (b *Bridge) Offered(ctx context.Context, conv store.Conversation) ([]tools.Tool, error) {
	list, _, err := guard{b}.Offered(ctx, conv)
	return list, err
}

// CallTool runs a tool by hand, through the same policy as a model's call.
// ask may be nil where nobody can be asked.
func (b *Bridge) CallTool(ctx context.Context, inv tools.Invocation, ask chat.Ask, progress func(tools.Progress)) tools.Result {
	return guard{b}.Call(ctx, inv, ask, progress)
}

// StandingAnswers returns the person's lasting answers.
func (b *Bridge) StandingAnswers(ctx context.Context) ([]store.ToolAnswer, error) {
	return b.o.Ledger.ToolAnswers(ctx)
}

// SetStandingAnswer changes a lasting answer; an empty one is forgotten, so
// that the next call asks.
func (b *Bridge) SetStandingAnswer(ctx context.Context, ref tools.Ref, answer tools.Answer) error {
	return b.policy.SetStanding(ctx, ref, answer)
}

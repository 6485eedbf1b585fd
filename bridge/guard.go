package bridge

import (
	"context"
	"errors"
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
	refuse := func(reason string, kind error) tools.Result {
		g.b.denied(ctx, inv, reason)
		r := fail(reason)
		r.Denied = kind
		return r
	}
	ctx, done, err := g.b.serving(ctx)
	if err != nil {
		ctx = context.Background() // to keep the refusal
		return refuse(policy.RaisedReason, errors.Join(store.ErrDenied, store.ErrRaised))
	}
	defer done()
	defer g.b.work.begin()()
	if tool := g.b.catalogue.lookup(inv.Ref); tool != nil {
		// What a rule forbids is told as such, and not as a misfit.
		arguments, verdict := g.b.policy.Arguments(inv.Ref, inv.Arguments)
		if verdict.Decision != tools.Allow {
			return refuse(verdict.Reason, verdict.Err)
		}
		inv.Arguments = arguments
		if err := g.b.validator.Check(*tool, inv.Arguments); err != nil {
			r := auditOf(inv, store.AuditDecision)
			r.Decision, r.Reason = "deny", "The arguments do not fit the tool's schema." // which value, the audit is not told
			g.b.audit.later(r, inv.Arguments)
			return fail(err.Error())
		}
	}
	// The policy looks again after the person answered: a server may have
	// changed its definitions while they read.
	verdict := g.b.policy.Permit(ctx, inv, g.look(inv), g.asked(inv, ask))
	if verdict.Decision != tools.Allow {
		return refuse(verdict.Reason, verdict.Err)
	}
	result, err := g.b.host.Call(ctx, inv.Ref, inv.Arguments, progress)
	switch {
	case errors.Is(context.Cause(ctx), store.ErrRaised):
		result = fail("The call was stopped. " + policy.RaisedReason)
	case err != nil:
		result = fail(err.Error())
		errors.As(err, &result.Refusal)
	}
	// Also what a server says of a failure is its own words.
	g.b.policy.NoteContent(ctx, inv, inv.Ref.Server)
	g.b.called(inv, verdict.Reason, result)
	return result
}

// asked has each answer of a person be in the audit before anything comes of it.
func (g guard) asked(inv tools.Invocation, ask chat.Ask) policy.Ask {
	if ask == nil {
		return nil
	}
	return func(ctx context.Context, v tools.Verdict) (tools.Answer, error) {
		v.Arguments = inv.Arguments
		answer, err := ask(ctx, v)
		if err != nil {
			return answer, err
		}
		r := auditOf(inv, store.AuditApproval)
		r.Decision, r.Reason = string(answer), clipAudit(v.Reason, 500)
		if err := g.b.audit.record(ctx, r, inv.Arguments); err != nil {
			return "", fmt.Errorf("the answer could not be written to the audit: %w", err)
		}
		return answer, nil
	}
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
	// Ruled says in a sentence why a rule keeps the tool from everybody; empty if
	// none does. The tool's schema is without the parameters that rules hide.
	Ruled string
}

// Tools returns every tool that a person has seen, grouped by server in the order
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
		tool, ruled := b.policy.Rule(ctx, t)
		out = append(out, ToolView{Tool: tool, Standing: standing[t.Ref], Ruled: ruled})
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
	decision := string(answer)
	if decision == "" {
		decision = "none"
	}
	if err := b.approving(ctx, ref.Server, ref.Tool, decision, "The lasting answer for the tool was set."); err != nil {
		return err
	}
	return b.policy.SetStanding(ctx, ref, answer)
}

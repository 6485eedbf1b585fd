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
	misfit := func(err error) tools.Result {
		g.b.denied(ctx, inv, "The arguments do not fit the tool's schema.") // which value, the audit is not told
		return fail(err.Error())
	}
	given := inv.Arguments
	seen := g.b.catalogue.lookup(inv.Ref)
	if seen != nil {
		// What a rule forbids is told as such, and not as a misfit.
		arguments, verdict := g.b.policy.Arguments(inv.Ref, inv.Arguments)
		if verdict.Decision != tools.Allow {
			return refuse(verdict.Reason, verdict.Err)
		}
		inv.Arguments = arguments
		if err := g.b.validator.Check(*seen, inv.Arguments); err != nil {
			return misfit(err)
		}
	}
	// The policy looks again after the person answered: a server may have
	// changed its definitions while they read.
	e := &edit{g: g, ref: inv.Ref, asked: inv.Arguments}
	verdict := g.b.policy.Permit(ctx, inv, g.look(inv), g.asked(inv, ask, e))
	if verdict.Decision != tools.Allow {
		return refuse(verdict.Reason, verdict.Err)
	}
	edited := e.stop()
	if edited != nil {
		inv.Arguments = edited
	}
	if now := g.b.catalogue.lookup(inv.Ref); now != nil && (edited != nil || seen == nil || now.Hash != seen.Hash) {
		// Rules and schema may be others than when the arguments were checked.
		arguments, verdict := g.b.policy.Arguments(inv.Ref, inv.Arguments)
		if verdict.Decision != tools.Allow {
			return refuse(verdict.Reason, verdict.Err)
		}
		inv.Arguments = arguments
		if err := g.b.validator.Check(*now, inv.Arguments); err != nil {
			return misfit(err)
		}
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
	if edited != nil {
		verdict.Reason = editedReason
		result = tellEdited(result, given, e.asked, inv.Arguments)
	}
	g.b.called(inv, verdict.Reason, result)
	return result
}

// asked has each answer of a person be in the audit before anything comes of it.
// e takes what they change of the arguments; nil where they cannot.
func (g guard) asked(inv tools.Invocation, ask chat.Ask, e *edit) policy.Ask {
	if ask == nil {
		return nil
	}
	return func(ctx context.Context, v tools.Verdict) (tools.Answer, error) {
		v.Arguments = inv.Arguments
		if e != nil {
			e.begin()
			v.Edit = e.set
		}
		if v.Change != nil {
			change := *v.Change
			change.Accept = func(ctx context.Context) error {
				return g.b.ApproveTools(ctx, inv.Ref.Server, map[string]string{inv.Ref.Tool: change.NewHash})
			}
			v.Change = &change
		}
		answer, err := ask(ctx, v)
		if err != nil {
			return answer, err
		}
		arguments, reason := inv.Arguments, v.Reason
		if edited := e.stop(); edited != nil && lets(answer) {
			arguments, reason = edited, editedReason
		}
		r := auditOf(inv, store.AuditApproval)
		r.Decision, r.Reason = string(answer), clipAudit(reason, 500)
		if err := g.b.audit.record(ctx, r, arguments); err != nil {
			return "", fmt.Errorf("the answer could not be written to the audit: %w", err)
		}
		return answer, nil
	}
}

// lets reports whether the answer lets the call run.
func lets(a tools.Answer) bool {
	switch a {
	case tools.AnswerOnce, tools.AnswerConversation, tools.AnswerAlways, tools.AnswerAfter:
		return true
	}
	return false
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

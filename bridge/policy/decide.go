package policy

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// Ask puts a question to a person and returns the answer. It may be called from
// several goroutines at once, and returns with an error when ctx ends.
type Ask func(ctx context.Context, v tools.Verdict) (tools.Answer, error)

// Look returns the invocation's conversation (nil if it has none) and tool (nil
// if there is none) as they are at this moment. An error refuses the call.
type Look func(ctx context.Context) (*store.Conversation, *tools.Tool, error)

// Offer returns those of the listed tools that this conversation may offer to a
// model, in their order and without the parameters that rules hide: switched on,
// allowed by the server's rules, seen by a person, and not refused for good. While the bridge is
// raised there is none. It judges each tool itself; that a Review was made before is not
// assumed. An error is the ledger's, and then nothing is offered.
func (e *Engine) Offer(ctx context.Context, conv store.Conversation, listed []tools.Tool) ([]tools.Tool, error) {
	return e.offer(ctx, listed, func(_ *ruled, t *tools.Tool) bool { return conv.Switches.On(t.Server, t.Tool) })
}

func (e *Engine) offer(ctx context.Context, listed []tools.Tool, wanted func(*ruled, *tools.Tool) bool) ([]tools.Tool, error) {
	if up, err := e.isRaised(ctx); err != nil || up {
		return nil, err
	}
	var out []tools.Tool
	var pins pinned
	var rules *ruled
	var usable bool
	server, known := "", false
	for i := range listed {
		t := &listed[i]
		if !known || server != t.Server {
			var err error
			if pins, err = e.pinsOf(ctx, t.Server); err != nil {
				return nil, err
			}
			rules, usable = e.rulesOf(t.Server)
			if usable && rules != nil {
				switch err := e.RulesApproved(ctx, t.Server); {
				case errors.Is(err, store.ErrHeld):
					usable = false
				case err != nil:
					return nil, err
				}
			}
			server, known = t.Server, true
		}
		if !usable || !wanted(rules, t) || !rules.lists(t.Tool) || !pins.matches(t) {
			continue
		}
		a, err := e.Standing(ctx, t.Ref)
		if err != nil {
			return nil, err
		}
		if a == tools.AnswerNever || rules.claimed(t) == store.ApproveNever {
			continue
		}
		if rules.of(t.Tool) != nil {
			out = append(out, rules.narrow(*t))
		} else {
			out = append(out, *t)
		}
	}
	return out, nil
}

// OfferInstructions returns those of the servers' instructions that may go into
// the conversation's prompt: seen by a person, of a server that is switched on
// and of which at least one tool is offered. offered is what Offer returned.
func (e *Engine) OfferInstructions(ctx context.Context, conv store.Conversation, offered []tools.Tool, listed []tools.Instructions) ([]tools.Instructions, error) {
	use := map[string]bool{}
	for i := range offered {
		use[offered[i].Server] = true
	}
	var out []tools.Instructions
	for _, instr := range listed {
		if instr.Text == "" || instr.Hash == "" || !use[instr.Server] || !conv.Switches.ServerOn(instr.Server) {
			continue
		}
		pins, err := e.pinsOf(ctx, instr.Server)
		if err != nil {
			return nil, err
		}
		if pins[instructionsKey].Hash == instr.Hash {
			out = append(out, instr)
		}
	}
	return out, nil
}

// Decide says whether the call may run, must be asked about, or is refused.
// conv is the conversation that the invocation names, as it is now, and nil if
// it names none; tool is the tool as its server lists it now, and nil if there
// is none by that name. The reason is a sentence that a model and a person may
// read. When the ledger cannot be read the call is refused.
//
// A call that a person typed (tools.ClientCommand) is its own approval. Nobody
// calls a definition while it is held, nor a tool that was refused for good, nor past
// a rule of the server, nor while the bridge is raised.
//
// An answer that allows the tool, and a rule that does, are void after content
// of another server that nobody vouches for, unless the tool is declared to read
// only, and nothing outside of its server: then the verdict is to ask, and names
// the servers in After.
//
// In a conversation, the call of a tool whose changed definition is held is asked
// about with the change: the person may accept it there (see tools.Change). A tool
// that is new stays refused, since nobody has been offered it.
//
// Decide counts no call; Permit does.
func (e *Engine) Decide(ctx context.Context, inv tools.Invocation, conv *store.Conversation, tool *tools.Tool) tools.Verdict {
	v, _ := e.decide(ctx, inv, conv, tool)
	return v.Verdict
}

// decide also returns the limits that the call counts on if it is allowed.
func (e *Engine) decide(ctx context.Context, inv tools.Invocation, conv *store.Conversation, tool *tools.Tool) (decision, []limit) {
	switch up, err := e.isRaised(ctx); {
	case err != nil:
		return decision{Verdict: unread(inv.Ref, err)}, nil
	case up:
		return decision{Verdict: raisedVerdict()}, nil
	}
	rules, known := e.rulesOf(inv.Ref.Server)
	refused := e.refuse(ctx, inv, conv, tool, rules, known)
	if refused.Decision == tools.Deny && refused.Change == nil {
		return decision{Verdict: refused}, nil
	}
	limits := limitsOf(rules, inv.Caller)
	if over, ok := e.counters.take(ctx, inv.Ref, limits, false); !ok {
		return decision{Verdict: over}, nil
	}
	if inv.Client == tools.ClientCommand {
		return decision{Verdict: tools.Verdict{Decision: tools.Allow, Reason: "A person typed this call."}}, limits
	}
	v := e.answered(ctx, inv, tool, rules)
	if v.Decision == tools.Deny {
		return decision{Verdict: v}, nil
	}
	if refused.Change != nil { // whatever was answered was about another definition
		v = tools.Verdict{Decision: tools.Ask, Change: refused.Change, Reason: fmt.Sprintf(
			"The server has changed the definition of the tool %s since you have seen it. Read what is different before you allow the call.", inv.Ref)}
	}
	sources, err := e.before(ctx, originOf(inv), tool)
	if err != nil {
		return decision{Verdict: unread(inv.Ref, err)}, nil
	}
	if len(sources) > 0 {
		var names []string
		for _, id := range sources {
			names = append(names, e.title(id))
		}
		reason := fmt.Sprintf("The tool %s wants to run after content from %s, which may have led to this call. Look at its arguments.", inv.Ref, strings.Join(names, ", "))
		if v.Change != nil {
			reason = v.Reason + " " + reason
		}
		v = tools.Verdict{Decision: tools.Ask, After: names, Reason: reason, Change: v.Change}
	}
	return decision{v, sources}, limits
}

// decision is a verdict with the ids of the servers in its After.
type decision struct {
	tools.Verdict
	sources []string
}

// refuse returns a verdict that denies what may not be called by anybody, or not
// by this client. A verdict that is none denies nothing.
func (e *Engine) refuse(ctx context.Context, inv tools.Invocation, conv *store.Conversation, tool *tools.Tool, rules *ruled, configured bool) tools.Verdict {
	if tool == nil {
		return deny(store.ErrNotFound, "There is no tool %s now. Its server may be stopped, or the name may be wrong.", inv.Ref)
	}
	if tool.Ref != inv.Ref {
		return deny(store.ErrInvalid, "The call names %s, and the tool is %s. Nothing was run.", inv.Ref, tool.Ref)
	}
	switch inv.Client {
	case tools.ClientCommand:
	case tools.ClientGateway, tools.ClientModels:
		if inv.Caller == nil || rules == nil || e.expired(*inv.Caller) || !inv.Caller.MayCall(rules.cfg, inv.Ref.Tool) {
			return deny(store.ErrDenied, "The tool %s is not one that this key may call.", inv.Ref)
		}
	case tools.ClientChat:
		if conv == nil {
			return deny(store.ErrInvalid, "The call of %s belongs to no conversation, so nobody can allow it.", inv.Ref)
		}
	default:
		return deny(store.ErrDenied, "Nothing is known of the client %q, so it may call nothing.", inv.Client)
	}
	if inv.Conversation != "" && (conv == nil || conv.ID != inv.Conversation) || inv.Conversation == "" && conv != nil && conv.ID != "" {
		return deny(store.ErrInvalid, "The call of %s and its conversation do not belong together.", inv.Ref)
	}
	if !configured {
		return deny(store.ErrNotFound, "The server of the tool %s is not configured any more.", inv.Ref)
	}
	if err := e.RulesApproved(ctx, inv.Ref.Server); err != nil {
		if errors.Is(err, store.ErrHeld) {
			return deny(store.ErrHeld, "The server of the tool %s is held until the person has looked at its rules.", inv.Ref)
		}
		return unread(inv.Ref, err)
	}
	if !rules.lists(inv.Ref.Tool) {
		return deny(store.ErrDenied, "The tool %s is not allowed by the rules of its server.", inv.Ref)
	}
	if conv != nil && !conv.Switches.On(inv.Ref.Server, inv.Ref.Tool) {
		return deny(store.ErrDenied, "The tool %s is switched off in this conversation.", inv.Ref)
	}
	if _, v := e.Arguments(inv.Ref, inv.Arguments); v.Decision != tools.Allow {
		return v
	}
	standing, err := e.Standing(ctx, inv.Ref)
	if err != nil {
		return unread(inv.Ref, err)
	}
	if standing == tools.AnswerNever {
		return deny(store.ErrDenied, "The person does not allow the tool %s at all.", inv.Ref)
	}
	if rules.claimed(tool) == store.ApproveNever {
		return deny(store.ErrDenied, "The rules of its server never allow the tool %s.", inv.Ref)
	}
	pins, err := e.pinsOf(ctx, inv.Ref.Server)
	if err != nil {
		return unread(inv.Ref, err)
	}
	if pins.matches(tool) {
		return tools.Verdict{Decision: tools.Allow}
	}
	if _, known := pins[inv.Ref.Tool]; !known {
		return deny(store.ErrHeld, "The tool %s is new; it is held until the person has seen its definition.", inv.Ref)
	}
	v := deny(store.ErrHeld, "The definition of the tool %s has changed; it is held until the person has seen the change.", inv.Ref)
	if inv.Client == tools.ClientChat {
		v.Change = e.changeOf(tool)
	}
	return v
}

// changeOf returns what the last Review held of the tool as it is now, or nil.
func (e *Engine) changeOf(tool *tools.Tool) *tools.Change {
	e.mu.RLock()
	defer e.mu.RUnlock()
	for _, h := range e.held[tool.Server] {
		if h.Name == tool.Tool && h.Name != instructionsKey && h.NewHash == tool.Hash && h.OldHash != "" {
			return &tools.Change{Old: h.Old, New: h.New, NewHash: h.NewHash}
		}
	}
	return nil
}

// answered says what answers and approvals say of a call that is not refused.
func (e *Engine) answered(ctx context.Context, inv tools.Invocation, tool *tools.Tool, rules *ruled) tools.Verdict {
	standing, err := e.Standing(ctx, inv.Ref)
	if err != nil {
		return unread(inv.Ref, err)
	}
	if standing == tools.AnswerAlways {
		return tools.Verdict{Decision: tools.Allow, Reason: "The person always allows this tool."}
	}
	if standing == "" && rules.claimed(tool) == store.ApproveAlways {
		return tools.Verdict{Decision: tools.Allow, Reason: "The rules of its server allow this tool."}
	}
	here, err := e.inConversation(ctx, subject{originOf(inv), inv.Ref})
	if err != nil {
		return unread(inv.Ref, err)
	}
	if here == tools.AnswerConversation {
		return tools.Verdict{Decision: tools.Allow, Reason: "The person allows this tool in this conversation."}
	}
	where := " in this conversation"
	if inv.Caller != nil {
		where = "" // another app has none
	}
	return tools.Verdict{Decision: tools.Ask, Reason: fmt.Sprintf("The tool %s wants to run, and you have not allowed it%s yet.", inv.Ref, where)}
}

func deny(kind error, format string, args ...any) tools.Verdict {
	return tools.Verdict{Decision: tools.Deny, Reason: fmt.Sprintf(format, args...), Err: kind}
}

func unread(ref tools.Ref, err error) tools.Verdict {
	return tools.Verdict{
		Decision: tools.Deny,
		Reason:   fmt.Sprintf("What the person allowed for the tool %s could not be read, so it was not run. Try again later.", ref),
		Err:      fmt.Errorf("%w: %w", store.ErrDenied, err),
	}
}

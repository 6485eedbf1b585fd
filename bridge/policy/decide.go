package policy

import (
	"context"
	"fmt"

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
// model, in their order: switched on, seen by a person, and not refused for
// good. It judges each tool itself; that a Review was made before is not
// assumed. An error is the ledger's, and then nothing is offered.
func (e *Engine) Offer(ctx context.Context, conv store.Conversation, listed []tools.Tool) ([]tools.Tool, error) {
	var out []tools.Tool
	var pins pinned
	server, known := "", false
	for i := range listed {
		t := &listed[i]
		if !conv.Switches.On(t.Server, t.Tool) {
			continue
		}
		if !known || server != t.Server {
			var err error
			if pins, err = e.pinsOf(ctx, t.Server); err != nil {
				return nil, err
			}
			server, known = t.Server, true
		}
		if !pins.matches(t) {
			continue
		}
		a, err := e.Standing(ctx, t.Ref)
		if err != nil {
			return nil, err
		}
		if a != tools.AnswerNever {
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
// calls a definition that is held, nor a tool that was refused for good.
func (e *Engine) Decide(ctx context.Context, inv tools.Invocation, conv *store.Conversation, tool *tools.Tool) tools.Verdict {
	if tool == nil {
		return deny(store.ErrNotFound, "There is no tool %s now. Its server may be stopped, or the name may be wrong.", inv.Ref)
	}
	if tool.Ref != inv.Ref {
		return deny(store.ErrInvalid, "The call names %s, and the tool is %s. Nothing was run.", inv.Ref, tool.Ref)
	}
	switch inv.Client {
	case tools.ClientCommand:
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
	if conv != nil && !conv.Switches.On(inv.Ref.Server, inv.Ref.Tool) {
		return deny(store.ErrDenied, "The tool %s is switched off in this conversation.", inv.Ref)
	}
	standing, err := e.Standing(ctx, inv.Ref)
	if err != nil {
		return unread(inv.Ref, err)
	}
	if standing == tools.AnswerNever {
		return deny(store.ErrDenied, "The person does not allow the tool %s at all.", inv.Ref)
	}
	pins, err := e.pinsOf(ctx, inv.Ref.Server)
	if err != nil {
		return unread(inv.Ref, err)
	}
	if !pins.matches(tool) {
		if _, known := pins[inv.Ref.Tool]; known {
			return deny(store.ErrHeld, "The definition of the tool %s has changed; it is held until the person has seen the change.", inv.Ref)
		}
		return deny(store.ErrHeld, "The tool %s is new; it is held until the person has seen its definition.", inv.Ref)
	}
	if inv.Client == tools.ClientCommand {
		return tools.Verdict{Decision: tools.Allow, Reason: "A person typed this call."}
	}
	if standing == tools.AnswerAlways {
		return tools.Verdict{Decision: tools.Allow, Reason: "The person always allows this tool."}
	}
	here, err := e.inConversation(ctx, subject{conv.ID, inv.Ref})
	if err != nil {
		return unread(inv.Ref, err)
	}
	if here == tools.AnswerConversation {
		return tools.Verdict{Decision: tools.Allow, Reason: "The person allows this tool in this conversation."}
	}
	return tools.Verdict{Decision: tools.Ask, Reason: fmt.Sprintf("The tool %s wants to run, and you have not allowed it in this conversation yet.", inv.Ref)}
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

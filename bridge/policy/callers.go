package policy

import (
	"context"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// OfferTo returns those of the listed tools that a client of the gateway may
// see, in their order and without the parameters that rules hide: on a server
// that its key, team and organisation may see, among the tools that they name,
// seen by a person, and not refused for good. An error is the ledger's, and then
// nothing is offered.
func (e *Engine) OfferTo(ctx context.Context, c store.Caller, list []tools.Tool) ([]tools.Tool, error) {
	if e.expired(c) {
		return nil, nil
	}
	return e.offer(ctx, list, func(r *ruled, t *tools.Tool) bool {
		return r != nil && c.MayCall(r.cfg, t.Tool)
	})
}

// MaySee reports whether a client of the gateway may see a server, its resources
// and its prompts, as its key, team and organisation say and while the bridge is
// lowered and the server's rules are approved.
func (e *Engine) MaySee(ctx context.Context, c store.Caller, serverID string) bool {
	if e.expired(c) || e.Raised(ctx) {
		return false
	}
	r, known := e.rulesOf(serverID)
	return known && r != nil && c.MaySee(r.cfg) && e.RulesApproved(ctx, serverID) == nil
}

func (e *Engine) expired(c store.Caller) bool {
	return !c.Expires.IsZero() && !e.now().Before(c.Expires)
}

// Rule returns the tool as rules let models see it, and a sentence if they keep
// it from everybody; then the tool is as it was.
func (e *Engine) Rule(ctx context.Context, t tools.Tool) (tools.Tool, string) {
	if e.Raised(ctx) {
		return t, RaisedReason
	}
	if err := e.RulesApproved(ctx, t.Server); err != nil {
		return t, err.Error()
	}
	r, known := e.rulesOf(t.Server)
	switch {
	case !known:
		return t, "Its server is not configured any more."
	case !r.lists(t.Tool):
		return t, "The rules of its server do not allow it."
	}
	if r.claimed(&t) == store.ApproveNever {
		return t, "The rules of its server never allow a tool that claims what this one does."
	}
	return r.narrow(t), ""
}

// OnlyHere says in a sentence why a tool cannot be handed to a provider that
// runs it itself, and is empty if it can.
func (e *Engine) OnlyHere(ref tools.Ref) string {
	r, _ := e.rulesOf(ref.Server)
	if r.of(ref.Tool) != nil {
		return "A rule about its parameters holds, which no provider could be made to keep."
	}
	return ""
}

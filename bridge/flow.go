package bridge

import (
	"context"
	"errors"
	"iter"
	"slices"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/policy"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// contentOf returns the servers whose content stands in what is shown of a
// conversation.
func (b *Bridge) contentOf(ctx context.Context, conversation string) ([]string, error) {
	messages, err := b.o.History.Chain(ctx, conversation)
	if err != nil {
		return nil, err
	}
	var out []string
	add := func(server string) {
		if server != "" && !slices.Contains(out, server) {
			out = append(out, server)
		}
	}
	called := map[string]string{}
	for _, m := range messages {
		for _, p := range m.Parts {
			switch p := p.(type) {
			case store.ToolCall:
				called[p.ID] = p.Server
			case store.ToolResult:
				add(called[p.CallID])
			case store.ManagedCall:
				if p.State == store.ManagedDone {
					add(p.Server)
				}
			}
		}
	}
	return out, nil
}

// ranElsewhere notes the calls in an answer that a provider ran itself.
func (b *Bridge) ranElsewhere(ctx context.Context, m store.Message) {
	for _, p := range m.Parts {
		c, ok := p.(store.ManagedCall)
		if !ok || c.State != store.ManagedDone {
			continue
		}
		inv := tools.Invocation{
			Client: tools.ClientChat, Conversation: m.ConversationID, CallID: c.ID,
			Ref: tools.Ref{Server: c.Server, Tool: c.Tool}, Arguments: c.Arguments,
		}
		b.policy.NoteContent(ctx, inv, c.Server)
		b.called(inv, "The provider ran it itself.", tools.Result{Content: c.Content, IsError: c.IsError})
	}
}

// stoppedByRaise breaks off the answers of a provider that connects to servers
// itself when the bridge is raised.
type stoppedByRaise struct {
	model.Client
	b *Bridge
}

// Stream implements model.Client.
func (s stoppedByRaise) Stream(ctx context.Context, req model.Request) iter.Seq2[model.Delta, error] {
	if len(req.Managed) == 0 {
		return s.Client.Stream(ctx, req)
	}
	return func(yield func(model.Delta, error) bool) {
		broken := &model.Error{
			Kind: model.ErrorManaged, Server: req.Managed[0].Server, Err: errRaised,
			Message: "The answer was broken off, since the provider may use servers itself. " + policy.RaisedReason,
		}
		ctx, done, err := s.b.serving(ctx)
		if err != nil {
			yield(nil, broken)
			return
		}
		defer done()
		for d, err := range s.Client.Stream(ctx, req) {
			if errors.Is(context.Cause(ctx), store.ErrRaised) {
				yield(nil, broken)
				return
			}
			if !yield(d, err) {
				return
			}
		}
	}
}

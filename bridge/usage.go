package bridge

import (
	"context"

	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/store"
)

// Usage says how much of its model's context a conversation takes now, and what
// it cost so far. The error wraps store.ErrNotFound for a conversation that does
// not exist.
func (b *Bridge) Usage(ctx context.Context, conversation string) (chat.ContextUse, error) {
	conv, err := b.o.History.Conversation(ctx, conversation)
	if err != nil {
		return chat.ContextUse{}, err
	}
	client, err := b.client(conv.Model)
	if err != nil {
		return chat.ContextUse{}, err
	}
	return b.loop.Use(ctx, conv, client)
}

// limits is what is known of a model; the zero value where nothing is.
func (b *Bridge) limits(ref store.ModelRef) store.ModelLimits {
	cfg, err := b.Provider(ref.Provider)
	if err != nil {
		return store.ModelLimits{} // an entry that is gone has no models
	}
	return cfg.Models[ref.Model]
}

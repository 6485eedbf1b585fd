package bridge

import (
	"context"

	"github.com/drawbridge-app/drawbridge/bridge/chat"
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

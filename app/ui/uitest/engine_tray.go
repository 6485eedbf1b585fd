package uitest

import (
	"context"
	"iter"
	"slices"

	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/store"
)

// WatchWork yields Works, once.
func (e *Engine) WatchWork(context.Context) iter.Seq[bool] {
	return func(yield func(bool) bool) {
		e.mu.Lock()
		is := e.Works
		e.mu.Unlock()
		yield(is)
	}
}

// WatchTitles yields nothing.
func (e *Engine) WatchTitles(context.Context) iter.Seq[struct{}] {
	return func(func(struct{}) bool) {}
}

// Conversations returns Chats.
func (e *Engine) Conversations(context.Context) ([]store.Conversation, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.Chats), nil
}

// Gateway is the state in Door.
func (e *Engine) Gateway() bridge.GatewayState {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.Door.GatewayState
}

// WhenGatewayChanges returns a channel that stays open.
func (e *Engine) WhenGatewayChanges() <-chan struct{} { return make(chan struct{}) }

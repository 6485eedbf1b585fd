//go:build linux && e2e

package main

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/store"
)

// countingHistory counts the commits of the history inside it.
type countingHistory struct {
	bridge.History
	commits atomic.Int64
}

// Append is one commit.
func (h *countingHistory) Append(ctx context.Context, messages ...store.Message) error {
	h.commits.Add(1)
	return h.History.Append(ctx, messages...)
}

// UpdateConversation is one commit.
func (h *countingHistory) UpdateConversation(ctx context.Context, id string, change func(*store.Conversation)) (store.Conversation, error) {
	h.commits.Add(1)
	return h.History.UpdateConversation(ctx, id, change)
}

// memoryHistory keeps conversations and their messages in memory; what a turn
// does not use goes to the history inside it.
type memoryHistory struct {
	bridge.History

	mu            sync.Mutex // protects what follows
	conversations map[string]store.Conversation
	chains        map[string][]store.Message
}

func newMemoryHistory(h bridge.History) *memoryHistory {
	return &memoryHistory{History: h, conversations: map[string]store.Conversation{}, chains: map[string][]store.Message{}}
}

// CreateConversation implements bridge.History.
func (h *memoryHistory) CreateConversation(_ context.Context, c store.Conversation) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.conversations[c.ID] = c
	return nil
}

// UpdateConversation implements bridge.History.
func (h *memoryHistory) UpdateConversation(_ context.Context, id string, change func(*store.Conversation)) (store.Conversation, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c, ok := h.conversations[id]
	if !ok {
		return c, store.ErrNotFound
	}
	change(&c)
	h.conversations[id] = c
	return c, nil
}

// Conversation implements bridge.History.
func (h *memoryHistory) Conversation(_ context.Context, id string) (store.Conversation, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c, ok := h.conversations[id]
	if !ok {
		return c, store.ErrNotFound
	}
	return c, nil
}

// Chain implements bridge.History.
func (h *memoryHistory) Chain(_ context.Context, id string) ([]store.Message, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.chains[id]), nil
}

// Tail implements bridge.History. It returns all there is.
func (h *memoryHistory) Tail(ctx context.Context, id string, _ int) ([]store.Message, int, error) {
	chain, err := h.Chain(ctx, id)
	return chain, 0, err
}

// Spent implements bridge.History.
func (h *memoryHistory) Spent(ctx context.Context, id string) ([]store.Used, error) {
	chain, err := h.Chain(ctx, id)
	return store.UsedBy(chain), err
}

// Append implements bridge.History for a chain without branches.
func (h *memoryHistory) Append(_ context.Context, messages ...store.Message) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, m := range messages {
		chain := h.chains[m.ConversationID]
		if i := slices.IndexFunc(chain, func(o store.Message) bool { return o.ID == m.ID }); i >= 0 {
			chain[i] = m
		} else {
			h.chains[m.ConversationID] = append(chain, m)
		}
		c := h.conversations[m.ConversationID]
		c.Head = m.ID
		h.conversations[m.ConversationID] = c
	}
	return nil
}

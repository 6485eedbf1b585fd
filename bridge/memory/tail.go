package memory

import (
	"context"
	"fmt"
	"slices"

	"github.com/drawbridge-app/drawbridge/store"
)

// Tail returns the last messages that the conversation shows, at most that many,
// and how many more there are. They begin with a message of the person, if there
// is one among them. The error wraps store.ErrNotFound.
func (h *History) Tail(ctx context.Context, id string, most int) ([]store.Message, int, error) {
	chain, err := h.Chain(ctx, id)
	out, earlier := last(chain, max(most, 1))
	return out, earlier, err
}

// Before returns messages that stand before that one on its branch, at most that
// many or all of them for 0, as Tail does. The error wraps store.ErrNotFound.
func (h *History) Before(_ context.Context, conversation, message string, most, _ int) ([]store.Message, int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	m, ok := h.messages[message]
	if !ok || m.ConversationID != conversation {
		return nil, 0, fmt.Errorf("the message %s: %w", message, store.ErrNotFound)
	}
	chain := h.upTo(m.ParentID)
	if most <= 0 {
		most = len(chain)
	}
	out, earlier := last(chain, most)
	return out, earlier, nil
}

// Spent returns what the models used for the messages that the conversation
// shows. The error wraps store.ErrNotFound.
func (h *History) Spent(ctx context.Context, id string) ([]store.Used, error) {
	chain, err := h.Chain(ctx, id)
	return store.UsedBy(chain), err
}

// last returns the end of a chain, beginning with a message of the person.
func last(chain []store.Message, most int) ([]store.Message, int) {
	from := max(len(chain)-most, 0)
	if i := slices.IndexFunc(chain[from:], func(m store.Message) bool { return m.Role == store.RoleUser }); from > 0 && i > 0 {
		from += i
	}
	return chain[from:], from
}

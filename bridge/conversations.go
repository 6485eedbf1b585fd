package bridge

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"unicode/utf8"

	"github.com/drawbridge-app/drawbridge/store"
)

// maxSystem is how long a system prompt is at the most, in bytes.
const maxSystem = 256 << 10

// NewConversation makes a conversation with the default model and tools.
func (b *Bridge) NewConversation(ctx context.Context) (store.Conversation, error) {
	s := b.o.Settings.Settings()
	now := b.o.Now()
	c := store.Conversation{
		ID: store.NewID(), Model: b.DefaultModel(), Switches: s.Switches.Clone(), CreatedAt: now, UpdatedAt: now,
	}
	if err := b.o.History.CreateConversation(ctx, c); err != nil {
		return store.Conversation{}, err
	}
	return c, nil
}

// Conversations returns all conversations, the one used last first.
func (b *Bridge) Conversations(ctx context.Context) ([]store.Conversation, error) {
	return b.o.History.Conversations(ctx)
}

// Conversation returns one. The error wraps store.ErrNotFound.
func (b *Bridge) Conversation(ctx context.Context, id string) (store.Conversation, error) {
	return b.o.History.Conversation(ctx, id)
}

// Messages returns what is shown of a conversation: the chain to its head.
func (b *Bridge) Messages(ctx context.Context, id string) ([]store.Message, error) {
	return b.o.History.Chain(ctx, id)
}

// RenameConversation gives a conversation a title, which then stays.
func (b *Bridge) RenameConversation(ctx context.Context, id, title string) error {
	title = strings.TrimSpace(title)
	if title == "" {
		return fmt.Errorf("a conversation needs a title (%w)", store.ErrInvalid)
	}
	return b.change(ctx, id, func(c *store.Conversation) { c.Title, c.Named = title, true })
}

// DeleteConversation removes a conversation with everything said in it.
func (b *Bridge) DeleteConversation(ctx context.Context, id string) error {
	return b.switchboard.remove(ctx, id)
}

// SetSwitches says which tools the conversation uses from the next step on.
func (b *Bridge) SetSwitches(ctx context.Context, id string, s store.Switches) error {
	return b.change(ctx, id, func(c *store.Conversation) { c.Switches = s.Clone() })
}

// SetConversationModel says which model answers in the conversation from the
// next turn on.
func (b *Bridge) SetConversationModel(ctx context.Context, id string, m store.ModelRef) error {
	return b.change(ctx, id, func(c *store.Conversation) { c.Model = m })
}

// SetModel does the same and has new conversations start with that model, too:
// what a person who picks a model expects.
func (b *Bridge) SetModel(ctx context.Context, id string, m store.ModelRef) error {
	if err := b.SetConversationModel(ctx, id, m); err != nil {
		return err
	}
	return b.SetDefaultModel(m)
}

func (b *Bridge) change(ctx context.Context, id string, f func(*store.Conversation)) error {
	return b.switchboard.update(ctx, id, f)
}

// SetSystem gives a conversation a system prompt, from the next turn on; an
// empty one is none.
func (b *Bridge) SetSystem(ctx context.Context, id, system string) error {
	if len(system) > maxSystem || !utf8.ValidString(system) {
		return fmt.Errorf("a system prompt is text of at most %d kB (%w)", maxSystem>>10, store.ErrInvalid)
	}
	return b.change(ctx, id, func(c *store.Conversation) { c.System = system })
}

// SetMetadata says what gateways that keep a log of requests are told about the
// conversation, over what the provider entry says.
func (b *Bridge) SetMetadata(ctx context.Context, id string, metadata map[string]string) error {
	if err := store.ValidateMetadata(metadata); err != nil {
		return err
	}
	return b.change(ctx, id, func(c *store.Conversation) { c.Metadata = maps.Clone(metadata) })
}

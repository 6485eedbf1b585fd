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

// LastMessages returns the end of what is shown of a conversation, at most that
// many messages, and how many more there are at the most. A message of the person
// comes first, if there is one among them.
func (b *Bridge) LastMessages(ctx context.Context, id string, most int) (messages []store.Message, earlier int, err error) {
	return b.o.History.Tail(ctx, id, most)
}

// EarlierMessages returns messages that stand before that one, at most that many
// or all of them for 0, as LastMessages does; known is how many the caller has.
func (b *Bridge) EarlierMessages(ctx context.Context, id, message string, most, known int) (messages []store.Message, earlier int, err error) {
	return b.o.History.Before(ctx, id, message, most, known)
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

// PinConversation keeps a conversation above the others, or no longer. One that
// was archived comes back for it.
func (b *Bridge) PinConversation(ctx context.Context, id string, on bool) error {
	return b.change(ctx, id, func(c *store.Conversation) {
		c.Pinned = on
		c.Archived = c.Archived && !on
	})
}

// ArchiveConversation puts a conversation aside, or brings it back. It is no
// longer pinned then.
func (b *Bridge) ArchiveConversation(ctx context.Context, id string, on bool) error {
	return b.change(ctx, id, func(c *store.Conversation) {
		c.Archived = on
		c.Pinned = c.Pinned && !on
	})
}

// Search finds what was said in all conversations, on any branch, the best
// first: at most limit messages. The beginnings of words will do; what stands
// between double quotes must be there as it is.
func (b *Bridge) Search(ctx context.Context, query string, limit int) (store.Found, error) {
	if b.o.Desk == nil {
		return store.Found{}, nil
	}
	return b.o.Desk.Search(ctx, query, limit)
}

// SetUnsent keeps what was typed in a conversation and not sent, over the end of
// the program; an empty text forgets it. The conversation that is not begun yet
// has the empty id.
func (b *Bridge) SetUnsent(ctx context.Context, conversation, text string) error {
	if b.o.Desk == nil {
		return nil
	}
	return b.o.Desk.SetUnsent(ctx, conversation, text)
}

// Unsent returns what was typed and not sent, by conversation.
func (b *Bridge) Unsent(ctx context.Context) (map[string]string, error) {
	if b.o.Desk == nil {
		return nil, nil
	}
	return b.o.Desk.Unsent(ctx)
}

// SetUnsentFiles keeps what was attached to a message that was not sent, as
// SetUnsent does; none forgets it. The error wraps store.ErrInvalid for too much.
func (b *Bridge) SetUnsentFiles(ctx context.Context, conversation string, files []store.Attached) error {
	if b.o.Desk == nil {
		return nil
	}
	return b.o.Desk.SetUnsentFiles(ctx, conversation, files)
}

// UnsentFiles returns what was attached and not sent, by conversation.
func (b *Bridge) UnsentFiles(ctx context.Context) (map[string][]store.Attached, error) {
	if b.o.Desk == nil {
		return nil, nil
	}
	return b.o.Desk.UnsentFiles(ctx)
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

package bridge

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"unicode/utf8"

	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/store"
)

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

// RenameConversation gives a conversation a title.
func (b *Bridge) RenameConversation(ctx context.Context, id, title string) error {
	title = strings.TrimSpace(title)
	if title == "" {
		return fmt.Errorf("a conversation needs a title (%w)", store.ErrInvalid)
	}
	return b.change(ctx, id, func(c *store.Conversation) { c.Title = title })
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

// Send runs one turn: it appends the message, and goes on until the model is
// done. With an empty text it continues from the last message, which is how a
// turn that failed is tried again. Events and their guarantees are chat.Loop's.
// The turn ends when the context does or the reader breaks out; the history is
// whole either way.
func (b *Bridge) Send(ctx context.Context, conversationID, text string, by chat.Approver) iter.Seq2[chat.Event, error] {
	return func(yield func(chat.Event, error) bool) {
		conv, err := b.o.History.Conversation(ctx, conversationID)
		if err != nil {
			yield(nil, err)
			return
		}
		client, err := b.client(conv.Model)
		if err != nil {
			yield(nil, err)
			return
		}
		turn := chat.Turn{Conversation: conv, Model: client, Approver: by}
		if text != "" {
			turn.Message = store.Message{Role: store.RoleUser, Parts: store.Parts{store.Text{Text: text}}}
			if conv.Title == "" {
				title := titleOf(text)
				if err := b.change(ctx, conv.ID, func(c *store.Conversation) { c.Title = title }); err != nil {
					yield(nil, err)
					return
				}
				turn.Conversation.Title = title
			}
		}
		for e, err := range b.loop.Run(ctx, turn) {
			if !yield(e, err) {
				return
			}
		}
	}
}

// titleOf makes a title of the first message: its first line, cut at a word.
func titleOf(text string) string {
	const limit = 60
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	line = strings.Join(strings.Fields(line), " ")
	if utf8.RuneCountInString(line) <= limit {
		return line
	}
	cut := string([]rune(line)[:limit])
	if i := strings.LastIndexByte(cut, ' '); i > limit/2 {
		cut = cut[:i]
	}
	return cut + "…"
}

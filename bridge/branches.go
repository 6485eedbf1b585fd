package bridge

import (
	"context"
	"errors"
	"fmt"

	"github.com/drawbridge-app/drawbridge/store"
)

// SetHead goes back, or over, to a message of the conversation: it is the last
// one shown (with the results of its calls, if it has any), and the next turn
// goes on from it. Nothing is removed. It returns the new head. The error wraps
// store.ErrNotFound if the message is not in the conversation, or chat.ErrBusy
// while a turn runs there.
func (b *Bridge) SetHead(ctx context.Context, conversationID, messageID string) (string, error) {
	return b.setHead(ctx, conversationID, messageID, false)
}

// SwitchBranch shows the branch of a message, down to its newest message. It is
// for going from one of Siblings to another; else it is like SetHead.
func (b *Bridge) SwitchBranch(ctx context.Context, conversationID, messageID string) (string, error) {
	return b.setHead(ctx, conversationID, messageID, true)
}

func (b *Bridge) setHead(ctx context.Context, conversationID, messageID string, leaf bool) (head string, err error) {
	if messageID == "" {
		return "", fmt.Errorf("no message is named (%w)", store.ErrInvalid)
	}
	err = b.loop.Alone(conversationID, func() error {
		head, err = b.o.History.SetHead(ctx, conversationID, messageID, leaf)
		b.policy.LookAgain(conversationID)
		return err
	})
	return head, err
}

// Siblings returns, for each shown message that has others in its place, the
// ids of all that stand there, itself included, the oldest first: what was
// edited, made again or branched off.
func (b *Bridge) Siblings(ctx context.Context, conversationID string) (map[string][]string, error) {
	return b.o.History.Siblings(ctx, conversationID)
}

// Fork makes a new conversation with the messages up to that one, and all that
// is set for this one; answers that hold "in this conversation" do not go
// along. An empty message stands for the last one shown. The error is as with
// SetHead.
func (b *Bridge) Fork(ctx context.Context, conversationID, messageID string) (store.Conversation, error) {
	var made store.Conversation
	err := b.loop.Alone(conversationID, func() error {
		from, err := b.o.History.Conversation(ctx, conversationID)
		if err != nil {
			return err
		}
		if messageID == "" {
			messageID = from.Head
		}
		var chain []store.Message
		if messageID != "" {
			if chain, err = b.o.History.ChainTo(ctx, conversationID, messageID); err != nil {
				return err
			}
		}
		now := b.o.Now()
		made = store.Conversation{
			ID: store.NewID(), Title: from.Title, Named: from.Named, Model: from.Model, System: from.System,
			Switches: from.Switches, Metadata: from.Metadata, CreatedAt: now, UpdatedAt: now,
		}
		if err := b.o.History.CreateConversation(ctx, made); err != nil {
			return err
		}
		if err := b.o.History.Append(ctx, copied(chain, made.ID)...); err != nil {
			return errors.Join(err, b.o.History.DeleteConversation(context.WithoutCancel(ctx), made.ID))
		}
		return nil
	})
	if err != nil {
		return store.Conversation{}, err
	}
	return b.o.History.Conversation(ctx, made.ID)
}

// copied returns the chain as messages of another conversation, with ids of
// their own. An answer that still grew when the program ended stays cut off.
func copied(chain []store.Message, conversationID string) []store.Message {
	ids := map[string]string{}
	out := make([]store.Message, len(chain))
	for i, m := range chain {
		ids[m.ID] = store.NewID()
		m.ID, m.ConversationID, m.ParentID = ids[m.ID], conversationID, ids[m.ParentID]
		if m.Status == store.StatusStreaming && m.Role == store.RoleAssistant {
			m.Status, m.Error = store.StatusInterrupted, "The answer was cut off by an earlier failure."
		}
		parts := make(store.Parts, len(m.Parts))
		for k, p := range m.Parts {
			if s, ok := p.(store.Summary); ok {
				s.Until = ids[s.Until]
				p = s
			}
			parts[k] = p
		}
		m.Parts = parts
		out[i] = m
	}
	return out
}

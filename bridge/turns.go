package bridge

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/store"
)

// maxFallbacks bounds how many models are tried in the place of one.
const maxFallbacks = 8

// Send runs one turn: it appends the message, and goes on until the model is
// done. With an empty text it continues from the last message, which is how a
// turn that failed is tried again. Events and their guarantees are chat.Loop's.
// The turn ends when the context does or the reader breaks out; the history is
// whole either way.
//
// After the first whole turn of a conversation the model is asked for a title.
// That happens aside, after the turn; see WatchTitles.
func (b *Bridge) Send(ctx context.Context, conversationID, text string, by chat.Approver) iter.Seq2[chat.Event, error] {
	return b.turn(ctx, conversationID, by, func(turn *chat.Turn) error {
		if text != "" {
			turn.Message = store.Message{Parts: store.Parts{store.Text{Text: text}}}
		}
		return nil
	})
}

// SendParts is Send with what the person attached: parts are Text, Image and
// File, such as Attach returns, in the order in which the model gets them. The
// error wraps store.ErrInvalid for another part.
func (b *Bridge) SendParts(ctx context.Context, conversationID string, parts store.Parts, by chat.Approver) iter.Seq2[chat.Event, error] {
	return b.turn(ctx, conversationID, by, func(turn *chat.Turn) error {
		for _, p := range parts {
			switch p.(type) {
			case store.Text, store.Image, store.File:
			default:
				return fmt.Errorf("a message of a person is text, images and files (%w)", store.ErrInvalid)
			}
		}
		if len(parts) == 0 {
			return fmt.Errorf("the message is empty; write something (%w)", store.ErrInvalid)
		}
		turn.Message = store.Message{Parts: slices.Clone(parts)}
		return nil
	})
}

// Edit sends a message of the person again with another text, and the images
// and files that it had: a turn that begins before that message. What followed
// it stays, on its own branch.
func (b *Bridge) Edit(ctx context.Context, conversationID, messageID, text string, by chat.Approver) iter.Seq2[chat.Event, error] {
	return b.turn(ctx, conversationID, by, func(turn *chat.Turn) error {
		m, err := b.message(ctx, conversationID, messageID)
		if err != nil {
			return err
		}
		if m.Role != store.RoleUser {
			return fmt.Errorf("only what you wrote can be edited; %s is something else (%w)", messageID, store.ErrInvalid)
		}
		var parts store.Parts
		if strings.TrimSpace(text) != "" {
			parts = append(parts, store.Text{Text: text})
		}
		for _, p := range m.Parts {
			if _, ok := p.(store.Text); !ok {
				parts = append(parts, p)
			}
		}
		if len(parts) == 0 {
			return fmt.Errorf("the message is empty; write something (%w)", store.ErrInvalid)
		}
		turn.From, turn.Message = &m.ParentID, store.Message{Parts: parts}
		return nil
	})
}

// Regenerate has an answer of the model made again: a turn that begins before
// that answer. The old one and what followed it stay, on their own branch.
func (b *Bridge) Regenerate(ctx context.Context, conversationID, messageID string, by chat.Approver) iter.Seq2[chat.Event, error] {
	return b.turn(ctx, conversationID, by, func(turn *chat.Turn) error {
		m, err := b.message(ctx, conversationID, messageID)
		if err != nil {
			return err
		}
		if m.Role != store.RoleAssistant {
			return fmt.Errorf("only an answer of the model can be made again; %s is something else (%w)", messageID, store.ErrInvalid)
		}
		turn.From = &m.ParentID
		return nil
	})
}

// message returns one message of a conversation, shown or not.
func (b *Bridge) message(ctx context.Context, conversationID, messageID string) (store.Message, error) {
	chain, err := b.o.History.ChainTo(ctx, conversationID, messageID)
	if err != nil {
		return store.Message{}, err
	}
	i := slices.IndexFunc(chain, func(m store.Message) bool { return m.ID == messageID })
	if i < 0 {
		return store.Message{}, fmt.Errorf("the message %s: %w", messageID, store.ErrNotFound)
	}
	return chain[i], nil
}

// turn runs a turn of the conversation as it is now, after prepare.
func (b *Bridge) turn(ctx context.Context, conversationID string, by chat.Approver, prepare func(*chat.Turn) error) iter.Seq2[chat.Event, error] {
	if e, ok := by.(Elicitor); ok {
		ctx = WithElicitor(ctx, e)
	}
	return func(yield func(chat.Event, error) bool) {
		defer b.work.begin()()
		b.freshen(ctx)
		turn, err := b.newTurn(ctx, conversationID, by, prepare)
		if err != nil {
			yield(nil, err)
			return
		}
		untitled := turn.Conversation.Title == "" || len(turn.Message.Parts) == 0
		if text := turn.Message.Parts.Text(); turn.Conversation.Title == "" && text != "" {
			title := titleOf(text)
			if err := b.change(ctx, conversationID, func(c *store.Conversation) { c.Title = title }); err != nil {
				yield(nil, err)
				return
			}
			turn.Conversation.Title = title
		}
		for e, err := range b.loop.Run(ctx, turn) {
			if done, ok := e.(chat.TurnDone); ok && done.Reason == chat.ReasonEnd && untitled {
				b.entitle(turn)
			}
			if f, ok := e.(chat.Finished); ok {
				b.ranElsewhere(ctx, f.Message)
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

func (b *Bridge) newTurn(ctx context.Context, conversationID string, by chat.Approver, prepare func(*chat.Turn) error) (chat.Turn, error) {
	conv, err := b.o.History.Conversation(ctx, conversationID)
	if err != nil {
		return chat.Turn{}, err
	}
	client, err := b.client(conv.Model)
	if err != nil {
		return chat.Turn{}, err
	}
	turn := chat.Turn{Conversation: conv, Model: client, Approver: by, Fallbacks: b.fallbacks(conv.Model)}
	return turn, prepare(&turn)
}

// fallbacks returns the models that answer where that one cannot, as its
// provider's entry and theirs name them. None comes twice. The list ends at one
// that cannot be used, which the log tells.
func (b *Bridge) fallbacks(ref store.ModelRef) []chat.Candidate {
	var out []chat.Candidate
	seen := map[store.ModelRef]bool{ref: true}
	for len(out) < maxFallbacks {
		entry, err := b.Provider(ref.Provider)
		if err != nil || entry.Fallback.Zero() {
			return out
		}
		ref = entry.Fallback
		next, err := b.Provider(ref.Provider)
		if err == nil && ref.Model == "" {
			if ref.Model = next.Model; ref.Model == "" {
				err = fmt.Errorf("it names no model (%w)", store.ErrInvalid)
			}
		}
		if err == nil && seen[ref] {
			return out
		}
		seen[ref] = true
		c := chat.Candidate{Ref: ref}
		if err == nil {
			c.Model, err = b.client(ref)
		}
		if err != nil {
			b.o.Logger.Warn("a fallback cannot be used", "provider", entry.ID, "fallback", ref.Provider, "error", err)
			return out
		}
		out = append(out, c)
	}
	return out
}

// Package memory keeps what an engine needs for as long as the program runs, and
// writes nothing: conversations, approvals, settings and secrets. A program that
// uses package bridge as a library, and whose servers are named in its own code,
// needs no more; bridge.OpenToolbox is made of it. What has to outlive the
// program belongs into store/db, store/settings and store/secret.
//
// It decides nothing and checks little: the types are those of package store, and
// each implements the interface of package bridge that has its name.
//
//	b, err := bridge.New(ctx, bridge.Options{
//		Home: dir, History: memory.NewHistory(), Ledger: memory.NewLedger(),
//		Settings: memory.NewSettings(store.Settings{}), Secrets: memory.NewSecrets(),
//	})
//
// All methods may be called from any goroutine.
package memory

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/drawbridge-app/drawbridge/store"
)

// History keeps conversations. Messages are kept as they are given, so what they
// point to must not be changed afterwards.
type History struct {
	mu            sync.Mutex // protects what follows
	conversations map[string]store.Conversation
	messages      map[string]kept // by id
	last          int             // number of the message that came last
}

// kept is a message with its place in the order in which messages came.
type kept struct {
	store.Message
	number int
}

// NewHistory returns an empty History.
func NewHistory() *History {
	return &History{conversations: map[string]store.Conversation{}, messages: map[string]kept{}}
}

// CreateConversation keeps a new conversation. The error wraps store.ErrExists or
// store.ErrInvalid.
func (h *History) CreateConversation(_ context.Context, c store.Conversation) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c.ID == "" {
		return fmt.Errorf("a conversation needs an id (%w)", store.ErrInvalid)
	}
	if _, ok := h.conversations[c.ID]; ok {
		return fmt.Errorf("the conversation %s: %w", c.ID, store.ErrExists)
	}
	h.conversations[c.ID] = c
	return nil
}

// Conversation returns one. The error wraps store.ErrNotFound.
func (h *History) Conversation(_ context.Context, id string) (store.Conversation, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.conversation(id)
}

func (h *History) conversation(id string) (store.Conversation, error) {
	c, ok := h.conversations[id]
	if !ok {
		return c, fmt.Errorf("the conversation %s: %w", id, store.ErrNotFound)
	}
	return c, nil
}

// Conversations returns all, the one that changed last first.
func (h *History) Conversations(context.Context) ([]store.Conversation, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.SortedFunc(maps.Values(h.conversations), func(a, b store.Conversation) int {
		return cmp.Or(b.UpdatedAt.Compare(a.UpdatedAt), cmp.Compare(a.ID, b.ID))
	}), nil
}

// UpdateConversation changes one and returns it. Its id and head stay. The error
// wraps store.ErrNotFound.
func (h *History) UpdateConversation(_ context.Context, id string, change func(*store.Conversation)) (store.Conversation, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	was, err := h.conversation(id)
	if err != nil {
		return was, err
	}
	is := was
	change(&is)
	is.ID, is.Head = was.ID, was.Head
	h.conversations[id] = is
	return is, nil
}

// DeleteConversation forgets a conversation with its messages. The error wraps
// store.ErrNotFound.
func (h *History) DeleteConversation(_ context.Context, id string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, err := h.conversation(id); err != nil {
		return err
	}
	delete(h.conversations, id)
	maps.DeleteFunc(h.messages, func(_ string, m kept) bool { return m.ConversationID == id })
	return nil
}

// Append adds messages, or replaces those whose ids are there, all or none, and
// moves the head of their conversation to the last. The error wraps
// store.ErrNotFound if there is no such conversation or parent, and
// store.ErrInvalid if a message does not fit.
func (h *History) Append(ctx context.Context, msgs ...store.Message) error {
	if err := ctx.Err(); err != nil || len(msgs) == 0 {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	last := msgs[len(msgs)-1]
	c, err := h.conversation(last.ConversationID)
	if err != nil {
		return err
	}
	added := map[string]kept{}
	for i, m := range msgs {
		was, there := h.messages[m.ID]
		switch {
		case m.ID == "" || m.ConversationID != c.ID:
			return fmt.Errorf("a message of one conversation and with an id is needed (%w)", store.ErrInvalid)
		case there && (was.ConversationID != m.ConversationID || was.ParentID != m.ParentID || was.Role != m.Role ||
			was.Status == store.StatusComplete && m.Status == store.StatusStreaming):
			return fmt.Errorf("the message %s cannot be replaced by this one (%w)", m.ID, store.ErrInvalid)
		}
		if m.ParentID != "" && h.messages[m.ParentID].ConversationID != c.ID && added[m.ParentID].ID == "" {
			return fmt.Errorf("the message %s, which comes before %s: %w", m.ParentID, m.ID, store.ErrNotFound)
		}
		number := was.number
		if !there {
			number = h.last + 1 + i
		}
		m.Parts = slices.Clone(m.Parts)
		added[m.ID] = kept{m, number}
	}
	maps.Copy(h.messages, added)
	h.last += len(msgs)
	c.Head = last.ID
	if last.CreatedAt.After(c.UpdatedAt) {
		c.UpdatedAt = last.CreatedAt
	}
	h.conversations[c.ID] = c
	return nil
}

// Chain returns what a conversation shows: the messages from the first to its
// head. The error wraps store.ErrNotFound.
func (h *History) Chain(_ context.Context, id string) ([]store.Message, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c, err := h.conversation(id)
	if err != nil {
		return nil, err
	}
	return h.upTo(c.Head), nil
}

// All returns every message of a conversation, those of all branches, each after
// its parent. The error wraps store.ErrNotFound.
func (h *History) All(_ context.Context, id string) ([]store.Message, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, err := h.conversation(id); err != nil {
		return nil, err
	}
	var list []kept
	for _, m := range h.messages {
		if m.ConversationID == id {
			list = append(list, m)
		}
	}
	slices.SortFunc(list, func(a, b kept) int { return cmp.Compare(a.number, b.number) })
	out := make([]store.Message, len(list))
	for i, m := range list {
		out[i] = m.Message
	}
	return out, nil
}

// ChainTo returns the messages from the first to that one, and the one that
// answers its calls if there is one. The error wraps store.ErrNotFound.
func (h *History) ChainTo(_ context.Context, conversation, message string) ([]store.Message, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	id, err := h.below(conversation, message, false)
	if err != nil {
		return nil, err
	}
	return h.upTo(id), nil
}

// upTo needs mu.
func (h *History) upTo(id string) []store.Message {
	var chain []store.Message
	for id != "" {
		m := h.messages[id]
		chain = append(chain, m.Message)
		id = m.ParentID
	}
	slices.Reverse(chain)
	return chain
}

// below returns the message that answers the calls of that one, or that one; with
// leaf it goes down to the end of the newest branch. It needs mu.
func (h *History) below(conversation, message string, leaf bool) (string, error) {
	if m, ok := h.messages[message]; !ok || m.ConversationID != conversation {
		return "", fmt.Errorf("the message %s of the conversation %s: %w", message, conversation, store.ErrNotFound)
	}
	for {
		var next kept
		for _, m := range h.messages {
			if m.ParentID == message && m.number > next.number && (leaf || m.Role == store.RoleTool) {
				next = m
			}
		}
		if next.ID == "" {
			return message, nil
		}
		message = next.ID
		if !leaf {
			return message, nil
		}
	}
}

// SetHead shows that message last, or with leaf the newest below it, and returns
// the new head; an empty message goes back to before the first. The error wraps
// store.ErrNotFound.
func (h *History) SetHead(_ context.Context, conversation, message string, leaf bool) (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c, err := h.conversation(conversation)
	if err != nil {
		return "", err
	}
	if message != "" {
		if message, err = h.below(conversation, message, leaf); err != nil {
			return "", err
		}
	}
	c.Head = message
	h.conversations[c.ID] = c
	return message, nil
}

// Siblings returns, for each message that the conversation shows and that has
// others in its place, the ids of all that stand there, the oldest first. The
// error wraps store.ErrNotFound.
func (h *History) Siblings(_ context.Context, conversation string) (map[string][]string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c, err := h.conversation(conversation)
	if err != nil {
		return nil, err
	}
	out := map[string][]string{}
	for _, shown := range h.upTo(c.Head) {
		var beside []kept
		for _, m := range h.messages {
			if m.ConversationID == conversation && m.ParentID == shown.ParentID {
				beside = append(beside, m)
			}
		}
		if len(beside) < 2 {
			continue
		}
		slices.SortFunc(beside, func(a, b kept) int { return cmp.Compare(a.number, b.number) })
		for _, m := range beside {
			out[shown.ID] = append(out[shown.ID], m.ID)
		}
	}
	return out, nil
}

// Unfinished returns the conversations whose last message still streams, or has
// calls that are not all answered.
func (h *History) Unfinished(context.Context) ([]store.Conversation, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []store.Conversation
	for _, c := range h.conversations {
		if c.Head == "" {
			continue
		}
		head := h.messages[c.Head]
		open := head.Status == store.StatusStreaming || len(head.Calls())+len(head.Asked()) > 0
		if head.Role == store.RoleTool {
			asker := h.messages[head.ParentID]
			open = open || len(head.Results()) < len(asker.Calls()) || len(head.ManagedAnswers()) < len(asker.Asked())
		}
		if open {
			out = append(out, c)
		}
	}
	return out, nil
}

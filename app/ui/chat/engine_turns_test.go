package chat

import (
	"context"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/store"
)

// turn is what a turn of a test does. say yields an event and keeps in the
// history what the real loop would keep; it reports whether to go on.
type turn func(ctx context.Context, say func(chat.Event) bool, by chat.Approver) error

// Edit and Regenerate leave out the message and what followed it, and go on as
// Send does.
func (e *engine) Edit(ctx context.Context, id, message, text string, by chat.Approver) iter.Seq2[chat.Event, error] {
	e.ask("edit %s: %s", message, text)
	return e.turnFrom(ctx, id, message, text, by)
}

func (e *engine) Regenerate(ctx context.Context, id, message string, by chat.Approver) iter.Seq2[chat.Event, error] {
	e.ask("regenerate %s", message)
	return e.turnFrom(ctx, id, message, "", by)
}

func (e *engine) turnFrom(ctx context.Context, id, message, text string, by chat.Approver) iter.Seq2[chat.Event, error] {
	return func(yield func(chat.Event, error) bool) {
		e.mu.Lock()
		before := e.said[id]
		i := slices.IndexFunc(before, func(m store.Message) bool { return m.ID == message })
		if i >= 0 && e.refused == nil {
			e.said[id] = slices.Clone(before[:i])
		}
		e.mu.Unlock()
		e.Send(ctx, id, text, by)(yield)
		e.mu.Lock()
		defer e.mu.Unlock()
		if now := e.said[id]; i >= 0 && len(now) > i {
			kin := []string{message, now[i].ID}
			e.kin[id] = map[string][]string{now[i].ID: kin}
			e.gone[message] = before
			e.gone[now[i].ID] = slices.Clone(now)
		}
	}
}

func (e *engine) Siblings(_ context.Context, id string) (map[string][]string, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.kin[id], e.failure()
}

func (e *engine) SwitchBranch(_ context.Context, id, message string) (string, error) {
	e.ask("switch to %s", message)
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, kin := range e.kin[id] {
		if slices.Contains(kin, message) {
			e.kin[id] = map[string][]string{message: kin}
		}
	}
	e.said[id] = e.gone[message]
	return message, e.failure()
}

func (e *engine) Fork(_ context.Context, id, message string) (store.Conversation, error) {
	e.ask("fork at %s", message)
	e.mu.Lock()
	defer e.mu.Unlock()
	i := slices.IndexFunc(e.said[id], func(m store.Message) bool { return m.ID == message })
	c := store.Conversation{ID: store.NewID(), Title: "A fork", CreatedAt: e.tick, UpdatedAt: e.tick}
	e.conv = append(e.conv, c)
	e.said[c.ID] = slices.Clone(e.said[id][:i+1])
	return c, e.failure()
}

// Send follows the next script. The message of the person comes first, as in
// the real loop.
func (e *engine) SendParts(ctx context.Context, id string, parts store.Parts, by chat.Approver) iter.Seq2[chat.Event, error] {
	e.mu.Lock()
	e.parts = parts
	e.mu.Unlock()
	return e.run(ctx, id, parts, by)
}

func (e *engine) Attach(_ context.Context, server, uri string) (store.Parts, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.asked = append(e.asked, "attach "+uri+" of "+server)
	if err := e.failure(); err != nil {
		return nil, err
	}
	return store.Parts{store.File{URI: uri, Name: "notes.txt", MIMEType: "text/plain", Data: []byte("buy bread")}}, nil
}

func (e *engine) Send(ctx context.Context, id, text string, by chat.Approver) iter.Seq2[chat.Event, error] {
	if text == "" {
		return e.run(ctx, id, nil, by)
	}
	return e.run(ctx, id, store.Parts{store.Text{Text: text}}, by)
}

func (e *engine) run(ctx context.Context, id string, parts store.Parts, by chat.Approver) iter.Seq2[chat.Event, error] {
	text := parts.Text()
	return func(yield func(chat.Event, error) bool) {
		e.mu.Lock()
		if refused := e.refused; refused != nil {
			e.refused = nil
			e.mu.Unlock()
			yield(nil, refused)
			return
		}
		e.sent = append(e.sent, text)
		var script turn
		if len(e.turns) > 0 {
			script, e.turns = e.turns[0], e.turns[1:]
		}
		e.tick = e.tick.Add(time.Minute)
		now := e.tick
		e.mu.Unlock()
		gone := false
		say := func(ev chat.Event) bool {
			e.keep(id, ev)
			if !gone && !yield(ev, nil) {
				gone = true
			}
			return !gone
		}
		if err := e.change(id, func(c *store.Conversation) {
			c.UpdatedAt = now
			if c.Title == "" {
				c.Title = strings.ReplaceAll(text, "\n", " ")
			}
		}); err != nil {
			yield(nil, err)
			return
		}
		if len(parts) > 0 {
			say(chat.Appended{Message: store.Message{ID: store.NewID(), ConversationID: id, Role: store.RoleUser, Status: store.StatusComplete, Parts: parts}})
		}
		if script == nil {
			script = answer("An answer.")
		}
		if err := script(ctx, say, by); err != nil && !gone {
			yield(nil, err)
		}
	}
}

// keep puts into the history what an event says is there.
func (e *engine) keep(id string, ev chat.Event) {
	var m store.Message
	switch ev := ev.(type) {
	case chat.Appended:
		m = ev.Message
	case chat.Finished:
		m = ev.Message
	default:
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.said[id] = append(e.said[id], m)
}

func (e *engine) texts() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.sent)
}

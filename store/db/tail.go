package db

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/drawbridge-app/drawbridge/store"
)

// Tail returns the last messages that the conversation shows, at most that many,
// and how many more there are at the most; 0 says that these are all. They
// begin with a message of the person, if there is one among them, so that no
// call is without its result. The error is as with Chain.
func (d *DB) Tail(ctx context.Context, conversationID string, most int) (messages []store.Message, earlier int, err error) {
	const what = "read the messages"
	messages, err = d.chain(ctx, max(most, 1), fromHead, conversationID)
	if err == nil && len(messages) == 0 {
		_, err = loadConversation(ctx, d.read, conversationID)
	}
	if err == nil {
		messages, earlier, err = d.earlier(ctx, conversationID, messages, 0)
	}
	return messages, earlier, d.explain(what, err)
}

// Before returns messages that stand before that one on its branch, at most that
// many or all of them for 0, as Tail does; known is how many messages the caller
// has already, which the estimate of what is left takes into account. The error
// wraps store.ErrNotFound if the message is not in the conversation.
func (d *DB) Before(ctx context.Context, conversationID, messageID string, most, known int) (messages []store.Message, earlier int, err error) {
	const what = "read the messages"
	if most <= 0 {
		most = maxChain
	}
	if _, err := below(ctx, d.read, conversationID, messageID, false); err != nil {
		return nil, 0, d.explain(what, err)
	}
	messages, err = d.chain(ctx, most, "SELECT m.seq, m.parent, 0 FROM messages x JOIN messages m ON m.id = x.parent WHERE x.id = ?", messageID)
	if err == nil {
		messages, earlier, err = d.earlier(ctx, conversationID, messages, known)
	}
	return messages, earlier, d.explain(what, err)
}

// earlier has the messages begin with one of the person, and estimates how many
// stand before them: messages of other branches count, too.
func (d *DB) earlier(ctx context.Context, conversationID string, messages []store.Message, known int) ([]store.Message, int, error) {
	if len(messages) == 0 || messages[0].ParentID == "" {
		return messages, 0, nil
	}
	if i := slices.IndexFunc(messages, func(m store.Message) bool { return m.Role == store.RoleUser }); i > 0 {
		messages = messages[i:]
	}
	var all int
	err := d.read.QueryRowContext(ctx, "SELECT count(*) FROM messages WHERE conversation = ?", conversationID).Scan(&all)
	return messages, max(all-known-len(messages), 1), err
}

// Spent returns what the models used for the messages that the conversation
// shows, each model once.
func (d *DB) Spent(ctx context.Context, conversationID string) ([]store.Used, error) {
	const what = "read what was used"
	rows, err := d.read.QueryContext(ctx, `
		WITH RECURSIVE chain (seq, parent, depth) AS (
			`+fromHead+`
			UNION ALL
			SELECT m.seq, m.parent, depth + 1 FROM chain JOIN messages m ON m.id = chain.parent WHERE depth < ?
		)
		SELECT m.provider, m.model, m.usage FROM chain CROSS JOIN messages m ON m.seq = chain.seq WHERE m.usage <> '{}'`, conversationID, maxChain)
	if err != nil {
		return nil, d.explain(what, err)
	}
	defer func() { _ = rows.Close() }()
	var out []store.Used
	for rows.Next() {
		var u store.Used
		var usage []byte
		if err := rows.Scan(&u.Model.Provider, &u.Model.Model, &usage); err != nil {
			return nil, d.explain(what, err)
		}
		if err := json.Unmarshal(usage, &u.Usage); err != nil {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
		out = store.AddUsed(out, u.Model, u.Usage)
	}
	return out, d.explain(what, rows.Err())
}

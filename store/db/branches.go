package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/drawbridge-app/drawbridge/store"
)

// branch is a message as far as it matters for the shape of the tree.
type branch struct {
	id, parent string
	role       store.Role
}

// querier is a database or a transaction.
type querier interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
	QueryRowContext(context.Context, string, ...any) *sql.Row
}

// branches returns all messages of a conversation, the oldest first. There is
// no index on parents, which would cost Append a page, so what asks for
// children walks over them; the contents are not read.
func branches(ctx context.Context, q querier, conversationID string) ([]branch, error) {
	rows, err := q.QueryContext(ctx, "SELECT id, coalesce(parent, ''), role FROM messages WHERE conversation = ? ORDER BY seq", conversationID)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []branch
	for rows.Next() {
		var b branch
		if err := rows.Scan(&b.id, &b.parent, &b.role); err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	return out, rows.Err()
}

// ChainTo returns the messages from the first to that one, whether they are
// shown or not. If that one has calls, the message that answers them follows,
// so that the chain can be continued. The error wraps store.ErrNotFound if the
// message is not in the conversation.
func (d *DB) ChainTo(ctx context.Context, conversationID, messageID string) ([]store.Message, error) {
	const what = "read the messages"
	id, err := below(ctx, d.read, conversationID, messageID, false)
	if err != nil {
		return nil, d.explain(what, err)
	}
	out, err := d.chain(ctx, "SELECT seq, parent, 0 FROM messages WHERE id = ?", id)
	return out, d.explain(what, err)
}

// SetHead shows another branch of the conversation and returns the new Head.
// That is the message, or the one that answers its calls; with leaf it is the
// newest message below it, at each fork along the newest branch. Nothing is
// removed, and UpdatedAt stays. An empty message goes back to before the first.
// The error wraps store.ErrNotFound if there is no such conversation, or the
// message is not in it.
//
// No turn may run in the conversation.
func (d *DB) SetHead(ctx context.Context, conversationID, messageID string, leaf bool) (string, error) {
	head := ""
	err := d.update(ctx, "go to the message", func(ctx context.Context, tx *sql.Tx) error {
		if messageID != "" {
			var err error
			if head, err = below(ctx, tx, conversationID, messageID, leaf); err != nil {
				return err
			}
		}
		res, err := tx.ExecContext(ctx, "UPDATE conversations SET head = ? WHERE id = ?", head, conversationID)
		return oneRow(res, err, noConversation(conversationID))
	})
	if err != nil {
		return "", err
	}
	return head, nil
}

// below returns the message that answers the calls of that one, or that one
// itself if it has no calls or nothing answers them; with leaf it goes down to
// the end of the newest branch.
func below(ctx context.Context, q querier, conversationID, messageID string, leaf bool) (string, error) {
	all, err := branches(ctx, q, conversationID)
	if err != nil {
		return "", err
	}
	newest := map[string]branch{} // parent → its newest child
	found := false
	for _, b := range all {
		found = found || b.id == messageID
		if b.parent != "" && (leaf || b.role == store.RoleTool) {
			newest[b.parent] = b
		}
	}
	if !found {
		return "", fmt.Errorf("the message %s of the conversation %s: %w", messageID, conversationID, store.ErrNotFound)
	}
	for range all { // a damaged file might hold a loop
		child, ok := newest[messageID]
		if !ok {
			break
		}
		messageID = child.id
		if !leaf {
			break
		}
	}
	return messageID, nil
}

// Siblings returns, for each message that the conversation shows and that has
// others in its place, the ids of all that stand there, itself included, the
// oldest first. Messages that stand alone are left out. The error wraps
// store.ErrNotFound if there is no such conversation.
func (d *DB) Siblings(ctx context.Context, conversationID string) (map[string][]string, error) {
	const what = "read the branches"
	var head string
	err := d.read.QueryRowContext(ctx, "SELECT head FROM conversations WHERE id = ?", conversationID).Scan(&head)
	if errors.Is(err, sql.ErrNoRows) {
		err = noConversation(conversationID)
	}
	if err != nil {
		return nil, d.explain(what, err)
	}
	all, err := branches(ctx, d.read, conversationID)
	if err != nil {
		return nil, d.explain(what, err)
	}
	parents := make(map[string]string, len(all))
	children := map[string][]string{}
	for _, b := range all {
		parents[b.id] = b.parent
		children[b.parent] = append(children[b.parent], b.id)
	}
	out := map[string][]string{}
	id := head
	for range all { // a damaged file might hold a loop
		if there := children[parents[id]]; len(there) > 1 {
			out[id] = there
		}
		if id = parents[id]; id == "" {
			break
		}
	}
	return out, nil
}

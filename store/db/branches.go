package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/drawbridge-app/drawbridge/store"
)

// querier is a database or a transaction.
type querier interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
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
	out, err := d.chain(ctx, maxChain, "SELECT seq, parent, 0 FROM messages WHERE id = ?", id)
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
	depth := 1
	if leaf {
		depth = maxChain
	}
	var id string
	err := q.QueryRowContext(ctx, `
		WITH RECURSIVE down (id, depth) AS (
			SELECT id, 0 FROM messages WHERE id = ?1 AND conversation = ?2
			UNION ALL
			SELECT (
				SELECT m.id FROM messages m
				WHERE m.conversation = ?2 AND m.parent = down.id AND (?4 OR m.role = 'tool')
				ORDER BY m.seq DESC LIMIT 1
			), depth + 1
			FROM down WHERE down.id IS NOT NULL AND depth < ?3
		)
		SELECT id FROM down WHERE id IS NOT NULL ORDER BY depth DESC LIMIT 1`, messageID, conversationID, depth, leaf).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		err = fmt.Errorf("the message %s of the conversation %s: %w", messageID, conversationID, store.ErrNotFound)
	}
	return id, err
}

// Siblings returns, for each message that the conversation shows and that has
// others in its place, the ids of all that stand there, itself included, the
// oldest first. Messages that stand alone are left out. The error wraps
// store.ErrNotFound if there is no such conversation.
func (d *DB) Siblings(ctx context.Context, conversationID string) (map[string][]string, error) {
	const what = "read the branches"
	out, err := d.siblings(ctx, conversationID)
	if err == nil && len(out) == 0 {
		_, err = loadConversation(ctx, d.read, conversationID)
	}
	if err != nil {
		return nil, d.explain(what, err)
	}
	return out, nil
}

func (d *DB) siblings(ctx context.Context, conversationID string) (map[string][]string, error) {
	rows, err := d.read.QueryContext(ctx, `
		WITH RECURSIVE chain (id, parent, depth) AS (
			SELECT m.id, m.parent, 0 FROM conversations c JOIN messages m ON m.id = c.head WHERE c.id = ?1
			UNION ALL
			SELECT m.id, m.parent, depth + 1 FROM chain JOIN messages m ON m.id = chain.parent WHERE depth < ?2
		)
		SELECT chain.id, s.id FROM chain JOIN messages s ON s.conversation = ?1 AND s.parent IS chain.parent
		ORDER BY s.seq`, conversationID, maxChain)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	out := map[string][]string{}
	for rows.Next() {
		var shown, sibling string
		if err := rows.Scan(&shown, &sibling); err != nil {
			return nil, err
		}
		out[shown] = append(out[shown], sibling)
	}
	for id, all := range out {
		if len(all) < 2 {
			delete(out, id)
		}
	}
	return out, rows.Err()
}

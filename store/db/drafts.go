package db

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/drawbridge-app/drawbridge/store"
)

// maxDraft bounds what is kept of a message that was not sent, in bytes.
const maxDraft = 1 << 20

// SetUnsent keeps what was typed in a conversation and not sent; an empty text
// forgets it. The conversation that is not begun yet has the empty id. The error
// wraps store.ErrInvalid for a text of more than 1 MiB.
func (d *DB) SetUnsent(ctx context.Context, conversation, text string) error {
	const what = "keep what was typed"
	if len(text) > maxDraft {
		return fmt.Errorf("%s: it is longer than %d MiB (%w)", what, maxDraft>>20, store.ErrInvalid)
	}
	return d.update(ctx, what, func(ctx context.Context, tx *sql.Tx) error {
		if text == "" {
			_, err := tx.ExecContext(ctx, "DELETE FROM drafts WHERE conversation = ?", conversation)
			return err
		}
		_, err := tx.ExecContext(ctx, `
			INSERT INTO drafts (conversation, text, at) VALUES (?, ?, ?)
			ON CONFLICT (conversation) DO UPDATE SET text = excluded.text, at = excluded.at`, conversation, text, toNanos(d.now()))
		return err
	})
}

// Unsent returns what was typed and not sent, by conversation.
func (d *DB) Unsent(ctx context.Context) (map[string]string, error) {
	const what = "read what was typed"
	rows, err := d.read.QueryContext(ctx, "SELECT conversation, text FROM drafts")
	if err != nil {
		return nil, d.explain(what, err)
	}
	defer func() { _ = rows.Close() }()
	out := map[string]string{}
	for rows.Next() {
		var id, text string
		if err := rows.Scan(&id, &text); err != nil {
			return nil, d.explain(what, err)
		}
		out[id] = text
	}
	return out, d.explain(what, rows.Err())
}

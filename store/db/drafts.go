package db

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/drawbridge-app/drawbridge/store"
)

// maxDraft bounds what is kept of a message that was not sent, in bytes.
const maxDraft = 1 << 20

// The bounds of what is kept of attachments that were not sent, in bytes.
const (
	maxDraftFiles = 32 << 20  // of one conversation
	maxAllFiles   = 256 << 20 // of all
)

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

// SetUnsentFiles keeps what was attached to a message that was not sent; none
// forgets it. It goes with its conversation. The error wraps store.ErrInvalid for
// more than 32 MiB in one conversation, or 256 MiB in all; then what was kept
// before stays.
func (d *DB) SetUnsentFiles(ctx context.Context, conversation string, files []store.Attached) error {
	const what = "keep what was attached"
	if len(files) == 0 {
		return d.update(ctx, what, func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, "DELETE FROM draft_files WHERE conversation = ?", conversation)
			return err
		})
	}
	text, err := json.Marshal(files)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if len(text) > maxDraftFiles {
		return fmt.Errorf("%s: it is larger than %d MiB, so it is lost when the program ends before it is sent (%w)", what, maxDraftFiles>>20, store.ErrInvalid)
	}
	return d.update(ctx, what, func(ctx context.Context, tx *sql.Tx) error {
		var others int64
		if err := tx.QueryRowContext(ctx, "SELECT ifnull(sum(length(files)), 0) FROM draft_files WHERE conversation <> ?", conversation).Scan(&others); err != nil {
			return err
		}
		if others+int64(len(text)) > maxAllFiles {
			return fmt.Errorf("%s: together with what waits in other conversations it is larger than %d MiB; send some of it, or take it away (%w)", what, maxAllFiles>>20, store.ErrInvalid)
		}
		_, err := tx.ExecContext(ctx, `
			INSERT INTO draft_files (conversation, files, at) VALUES (?, ?, ?)
			ON CONFLICT (conversation) DO UPDATE SET files = excluded.files, at = excluded.at`, conversation, string(text), toNanos(d.now()))
		return err
	})
}

// UnsentFiles returns what was attached and not sent, by conversation.
func (d *DB) UnsentFiles(ctx context.Context) (map[string][]store.Attached, error) {
	const what = "read what was attached"
	rows, err := d.read.QueryContext(ctx, "SELECT conversation, files FROM draft_files")
	if err != nil {
		return nil, d.explain(what, err)
	}
	defer func() { _ = rows.Close() }()
	out := map[string][]store.Attached{}
	for rows.Next() {
		var id string
		var text []byte
		if err := rows.Scan(&id, &text); err != nil {
			return nil, d.explain(what, err)
		}
		var files []store.Attached
		if err := json.Unmarshal(text, &files); err != nil {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
		out[id] = files
	}
	return out, d.explain(what, rows.Err())
}

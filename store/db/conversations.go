package db

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"github.com/drawbridge-app/drawbridge/store"
)

const conversationColumns = "id, title, head, provider, model, system, switches, metadata, named, aside, pinned, archived, created_at, updated_at"

type scanner interface{ Scan(...any) error }

func scanConversation(row scanner) (store.Conversation, error) {
	var (
		c                store.Conversation
		switches         []byte
		metadata, aside  []byte
		created, updated int64
	)
	err := row.Scan(&c.ID, &c.Title, &c.Head, &c.Model.Provider, &c.Model.Model, &c.System, &switches, &metadata, &c.Named, &aside, &c.Pinned, &c.Archived, &created, &updated)
	if err != nil {
		return c, err
	}
	c.CreatedAt, c.UpdatedAt = fromNanos(created), fromNanos(updated)
	if err := json.Unmarshal(switches, &c.Switches); err != nil {
		return c, fmt.Errorf("the switches of conversation %s: %w", c.ID, err)
	}
	if err := json.Unmarshal(metadata, &c.Metadata); err != nil {
		return c, fmt.Errorf("the metadata of conversation %s: %w", c.ID, err)
	}
	if err := json.Unmarshal(aside, &c.Aside); err != nil {
		return c, fmt.Errorf("the usage of conversation %s: %w", c.ID, err)
	}
	return c, nil
}

// CreateConversation adds a conversation. Its Head must be empty; times that
// are zero are set to now. The error wraps store.ErrExists if the id is taken.
func (d *DB) CreateConversation(ctx context.Context, c store.Conversation) error {
	if c.ID == "" || c.Head != "" {
		return fmt.Errorf("begin a conversation: it needs an id and no messages (%w)", store.ErrInvalid)
	}
	switches, metadata, aside, err := conversationJSON(c)
	if err != nil {
		return fmt.Errorf("begin a conversation: %w", err)
	}
	if c.CreatedAt.IsZero() {
		c.CreatedAt = d.now()
	}
	if c.UpdatedAt.IsZero() {
		c.UpdatedAt = c.CreatedAt
	}
	return d.update(ctx, "begin a conversation", func(ctx context.Context, tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx,
			"INSERT INTO conversations ("+conversationColumns+") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (id) DO NOTHING",
			c.ID, c.Title, "", c.Model.Provider, c.Model.Model, c.System, switches, metadata, c.Named, aside, c.Pinned, c.Archived, toNanos(c.CreatedAt), toNanos(c.UpdatedAt))
		return oneRow(res, err, fmt.Errorf("the conversation %s: %w", c.ID, store.ErrExists))
	})
}

// conversationJSON returns what is kept as JSON.
func conversationJSON(c store.Conversation) (switches, metadata, aside string, err error) {
	s, err1 := json.Marshal(c.Switches)
	m, err2 := json.Marshal(c.Metadata)
	a, err3 := json.Marshal(c.Aside)
	return string(s), string(m), string(a), errors.Join(err1, err2, err3)
}

// oneRow gives missing if a statement changed nothing.
func oneRow(res sql.Result, err, missing error) error {
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err == nil && n == 0 {
		err = missing
	}
	return err
}

func noConversation(id string) error {
	return fmt.Errorf("the conversation %s: %w", id, store.ErrNotFound)
}

func loadConversation(ctx context.Context, q querier, id string) (store.Conversation, error) {
	c, err := scanConversation(q.QueryRowContext(ctx, "SELECT "+conversationColumns+" FROM conversations WHERE id = ?", id))
	if errors.Is(err, sql.ErrNoRows) {
		err = noConversation(id)
	}
	return c, err
}

// UpdateConversation changes a conversation in one transaction and returns it
// as it is then. change gets it as it is, and must not call the database; it
// may not change ID, Head or CreatedAt (Append and SetHead move Head). UpdatedAt stays as
// change leaves it, so that a switch does not reorder the list. The error wraps
// store.ErrNotFound or store.ErrInvalid.
func (d *DB) UpdateConversation(ctx context.Context, id string, change func(*store.Conversation)) (store.Conversation, error) {
	const what = "change the conversation"
	var now store.Conversation
	err := d.update(ctx, what, func(ctx context.Context, tx *sql.Tx) error {
		was, err := loadConversation(ctx, tx, id)
		if err != nil {
			return err
		}
		now = was
		now.Switches, now.Metadata = was.Switches.Clone(), maps.Clone(was.Metadata)
		change(&now)
		if now.ID != was.ID || now.Head != was.Head || !now.CreatedAt.Equal(was.CreatedAt) {
			return fmt.Errorf("its id, its last message and its age stay as they are (%w)", store.ErrInvalid)
		}
		switches, metadata, aside, err := conversationJSON(now)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx,
			"UPDATE conversations SET title = ?, provider = ?, model = ?, system = ?, switches = ?, metadata = ?, named = ?, aside = ?, pinned = ?, archived = ?, updated_at = ? WHERE id = ?",
			now.Title, now.Model.Provider, now.Model.Model, now.System, switches, metadata, now.Named, aside, now.Pinned, now.Archived, toNanos(now.UpdatedAt), id)
		return err
	})
	if err != nil {
		return store.Conversation{}, err
	}
	return now, nil
}

// Conversation returns one. The error wraps store.ErrNotFound.
func (d *DB) Conversation(ctx context.Context, id string) (store.Conversation, error) {
	c, err := loadConversation(ctx, d.read, id)
	return c, d.explain("read the conversation", err)
}

// Conversations returns all, the one that changed last first.
func (d *DB) Conversations(ctx context.Context) ([]store.Conversation, error) {
	return d.conversations(ctx, "SELECT "+conversationColumns+" FROM conversations ORDER BY updated_at DESC, created_at DESC, id")
}

// Unfinished returns the conversations that a crash left open, the one that
// changed last first: their last message is still streaming, or it is an
// assistant's message with calls that nothing answers, or it answers only some
// of the calls before it.
func (d *DB) Unfinished(ctx context.Context) ([]store.Conversation, error) {
	return d.conversations(ctx, `
		SELECT c.id, c.title, c.head, c.provider, c.model, c.system, c.switches, c.metadata, c.named, c.aside, c.pinned, c.archived, c.created_at, c.updated_at
		FROM conversations c
		JOIN messages m ON m.id = c.head
		LEFT JOIN messages p ON p.id = m.parent
		WHERE m.status = 'streaming'
			OR (m.role = 'assistant' AND m.calls > 0)
			OR (m.role = 'tool' AND m.results < p.calls)
		ORDER BY c.updated_at DESC, c.created_at DESC, c.id`)
}

func (d *DB) conversations(ctx context.Context, query string) ([]store.Conversation, error) {
	const what = "read the conversations"
	rows, err := d.read.QueryContext(ctx, query)
	if err != nil {
		return nil, d.explain(what, err)
	}
	defer func() { _ = rows.Close() }()
	var out []store.Conversation
	for rows.Next() {
		c, err := scanConversation(rows)
		if err != nil {
			return nil, d.explain(what, err)
		}
		out = append(out, c)
	}
	return out, d.explain(what, rows.Err())
}

// DeleteConversation removes a conversation with its messages, with what was
// typed there and not sent, and with the answers that held in it. The error
// wraps store.ErrNotFound.
func (d *DB) DeleteConversation(ctx context.Context, id string) error {
	return d.update(ctx, "delete the conversation", func(ctx context.Context, tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM tool_answers WHERE conversation = ? AND conversation <> ''", id); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM draft_files WHERE conversation = ?", id); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM drafts WHERE conversation = ?", id); err != nil {
			return err
		}
		res, err := tx.ExecContext(ctx, "DELETE FROM conversations WHERE id = ?", id)
		return oneRow(res, err, noConversation(id))
	})
}

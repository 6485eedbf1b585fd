package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/drawbridge-app/drawbridge/store"
)

// ServerApproved reports whether hash is what a person last approved for the
// server. An earlier approval does not count: going back is a change too.
func (d *DB) ServerApproved(ctx context.Context, serverID, hash string) (bool, error) {
	var n int
	err := d.read.QueryRowContext(ctx, "SELECT count(*) FROM server_approvals WHERE server = ? AND hash = ?", serverID, hash).Scan(&n)
	return n > 0, d.explain("look up the approval", err)
}

// ApproveServer records that a person approved the server with that hash, in
// place of any earlier one. It is durable when it returns.
func (d *DB) ApproveServer(ctx context.Context, serverID, hash string) error {
	if serverID == "" || hash == "" {
		return fmt.Errorf("record the approval: it needs a server and a hash (%w)", store.ErrInvalid)
	}
	return d.update(ctx, "record the approval", func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO server_approvals (server, hash, at) VALUES (?,?,?) ON CONFLICT (server) DO UPDATE SET hash = excluded.hash, at = excluded.at",
			serverID, hash, toNanos(d.now()))
		return err
	})
}

// Pins returns the pinned definitions of a server by the tool's name; the name
// "" is the server's instructions.
func (d *DB) Pins(ctx context.Context, serverID string) (map[string]store.Pin, error) {
	const what = "read the pinned definitions"
	rows, err := d.read.QueryContext(ctx, "SELECT tool, hash, definition FROM pins WHERE server = ?", serverID)
	if err != nil {
		return nil, d.explain(what, err)
	}
	defer func() { _ = rows.Close() }()
	pins := map[string]store.Pin{}
	for rows.Next() {
		var (
			tool       string
			p          store.Pin
			definition []byte
		)
		if err := rows.Scan(&tool, &p.Hash, &definition); err != nil {
			return nil, d.explain(what, err)
		}
		if len(definition) > 0 {
			p.Definition = definition
		}
		pins[tool] = p
	}
	return pins, d.explain(what, rows.Err())
}

// SetPins replaces the pins that are named, all or none; one with an empty Hash
// removes. Others stay. It is durable when it returns.
func (d *DB) SetPins(ctx context.Context, serverID string, pins map[string]store.Pin) error {
	if serverID == "" {
		return fmt.Errorf("pin the definitions: it needs a server (%w)", store.ErrInvalid)
	}
	if len(pins) == 0 {
		return nil
	}
	return d.update(ctx, "pin the definitions", func(ctx context.Context, tx *sql.Tx) error {
		at := toNanos(d.now())
		for tool, p := range pins {
			var err error
			if p.Hash == "" {
				_, err = tx.ExecContext(ctx, "DELETE FROM pins WHERE server = ? AND tool = ?", serverID, tool)
			} else {
				_, err = tx.ExecContext(ctx, `INSERT INTO pins (server, tool, hash, definition, at) VALUES (?,?,?,?,?)
					ON CONFLICT (server, tool) DO UPDATE SET hash = excluded.hash, definition = excluded.definition, at = excluded.at`,
					serverID, tool, p.Hash, string(p.Definition), at)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// ForgetServer removes what was approved, pinned, answered and known of a server, in
// every conversation. It is no error if there was nothing.
func (d *DB) ForgetServer(ctx context.Context, serverID string) error {
	return d.update(ctx, "forget the server", func(ctx context.Context, tx *sql.Tx) error {
		for _, q := range []string{
			"DELETE FROM server_approvals WHERE server = ?",
			"DELETE FROM pins WHERE server = ?",
			"DELETE FROM tool_answers WHERE server = ?",
			"DELETE FROM flows WHERE ?1 IN (server, source)",
			"DELETE FROM server_facts WHERE server = ?",
		} {
			if _, err := tx.ExecContext(ctx, q, serverID); err != nil {
				return err
			}
		}
		return nil
	})
}

// ToolAnswer returns what a person answered for a tool in a conversation, or
// for all of them if conversation is empty; "" if nothing.
func (d *DB) ToolAnswer(ctx context.Context, conversation, server, tool string) (string, error) {
	var answer string
	err := d.read.QueryRowContext(ctx, "SELECT answer FROM tool_answers WHERE conversation = ? AND server = ? AND tool = ?",
		conversation, server, tool).Scan(&answer)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return answer, d.explain("look up the answer", err)
}

// SetToolAnswer records an answer; the empty answer removes it. It is durable
// when it returns.
func (d *DB) SetToolAnswer(ctx context.Context, conversation, server, tool, answer string) error {
	if server == "" || tool == "" {
		return fmt.Errorf("record the answer: it needs a server and a tool (%w)", store.ErrInvalid)
	}
	return d.update(ctx, "record the answer", func(ctx context.Context, tx *sql.Tx) error {
		if answer == "" {
			_, err := tx.ExecContext(ctx, "DELETE FROM tool_answers WHERE conversation = ? AND server = ? AND tool = ?", conversation, server, tool)
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO tool_answers (conversation, server, tool, answer, at) VALUES (?,?,?,?,?)
			ON CONFLICT (conversation, server, tool) DO UPDATE SET answer = excluded.answer, at = excluded.at`,
			conversation, server, tool, answer, toNanos(d.now()))
		return err
	})
}

// ToolAnswers returns the answers that hold in every conversation, by server
// and tool.
func (d *DB) ToolAnswers(ctx context.Context) ([]store.ToolAnswer, error) {
	const what = "read the answers"
	rows, err := d.read.QueryContext(ctx, "SELECT server, tool, answer FROM tool_answers WHERE conversation = '' ORDER BY server, tool")
	if err != nil {
		return nil, d.explain(what, err)
	}
	defer func() { _ = rows.Close() }()
	var out []store.ToolAnswer
	for rows.Next() {
		var a store.ToolAnswer
		if err := rows.Scan(&a.Server, &a.Tool, &a.Answer); err != nil {
			return nil, d.explain(what, err)
		}
		out = append(out, a)
	}
	return out, d.explain(what, rows.Err())
}

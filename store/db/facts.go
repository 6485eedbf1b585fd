package db

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/drawbridge-app/drawbridge/store"
)

// ServerFacts returns what SetServerFacts kept last for the server; nil if
// nothing was kept.
func (d *DB) ServerFacts(ctx context.Context, serverID string) (json.RawMessage, error) {
	var facts string
	err := d.read.QueryRowContext(ctx, "SELECT facts FROM server_facts WHERE server = ?", serverID).Scan(&facts)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, d.explain("read what is known of the server", err)
	}
	return json.RawMessage(facts), nil
}

// SetServerFacts keeps what was found of a server: anything that is JSON. It
// replaces what was kept before; nil removes it.
func (d *DB) SetServerFacts(ctx context.Context, serverID string, facts json.RawMessage) error {
	if serverID == "" || facts != nil && !json.Valid(facts) {
		return fmt.Errorf("keep what is known of the server: it needs a server and JSON (%w)", store.ErrInvalid)
	}
	return d.update(ctx, "keep what is known of the server", func(ctx context.Context, tx *sql.Tx) error {
		if facts == nil {
			_, err := tx.ExecContext(ctx, "DELETE FROM server_facts WHERE server = ?", serverID)
			return err
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO server_facts (server, facts, at) VALUES (?,?,?) ON CONFLICT (server) DO UPDATE SET facts = excluded.facts, at = excluded.at",
			serverID, string(facts), toNanos(d.now()))
		return err
	})
}

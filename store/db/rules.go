package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/drawbridge-app/drawbridge/store"
)

// VoidToolAnswers removes the answers about these tools, those that hold
// everywhere and those of each conversation, but for "never" and "ask"; and what
// was allowed after content of other servers. It is durable when it returns.
func (d *DB) VoidToolAnswers(ctx context.Context, server string, names []string) error {
	return d.update(ctx, "remove the answers", func(ctx context.Context, tx *sql.Tx) error {
		for _, name := range names {
			for _, q := range []string{
				"DELETE FROM tool_answers WHERE server = ? AND tool = ? AND answer NOT IN ('never', 'ask')",
				"DELETE FROM flows WHERE server = ? AND tool = ?",
			} {
				if _, err := tx.ExecContext(ctx, q, server, name); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// Flows returns what AllowFlow kept for a conversation.
func (d *DB) Flows(ctx context.Context, conversation string) ([]store.Flow, error) {
	const what = "read the answers"
	rows, err := d.read.QueryContext(ctx, "SELECT server, tool, source FROM flows WHERE conversation = ?", conversation)
	if err != nil {
		return nil, d.explain(what, err)
	}
	defer func() { _ = rows.Close() }()
	var out []store.Flow
	for rows.Next() {
		var f store.Flow
		if err := rows.Scan(&f.Server, &f.Tool, &f.Source); err != nil {
			return nil, d.explain(what, err)
		}
		out = append(out, f)
	}
	return out, d.explain(what, rows.Err())
}

// AllowFlow keeps that a tool may be called in a conversation after content of
// another server. It is durable when it returns.
func (d *DB) AllowFlow(ctx context.Context, conversation string, f store.Flow) error {
	if conversation == "" || f.Server == "" || f.Tool == "" || f.Source == "" {
		return fmt.Errorf("record the answer: it needs a conversation, a tool and the server that it comes after (%w)", store.ErrInvalid)
	}
	return d.update(ctx, "record the answer", func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO flows (conversation, server, tool, source, at) VALUES (?,?,?,?,?) ON CONFLICT DO NOTHING",
			conversation, f.Server, f.Tool, f.Source, toNanos(d.now()))
		return err
	})
}

// usageDays is how many days of counts are kept.
const usageDays = 62

// Usage returns what AddUsage has added up for a day, a date like 2026-01-31, by
// counter.
func (d *DB) Usage(ctx context.Context, day string) (map[string]int64, error) {
	const what = "read the calls of the day"
	rows, err := d.read.QueryContext(ctx, "SELECT counter, n FROM usage WHERE day = ?", day)
	if err != nil {
		return nil, d.explain(what, err)
	}
	defer func() { _ = rows.Close() }()
	out := map[string]int64{}
	for rows.Next() {
		var counter string
		var n int64
		if err := rows.Scan(&counter, &n); err != nil {
			return nil, d.explain(what, err)
		}
		out[counter] = n
	}
	return out, d.explain(what, rows.Err())
}

// AddUsage adds to the counters of a day, all or none, and forgets days that are
// long past.
func (d *DB) AddUsage(ctx context.Context, day string, counts map[string]int64) error {
	if day == "" {
		return fmt.Errorf("count the calls: the day is missing (%w)", store.ErrInvalid)
	}
	return d.update(ctx, "count the calls", func(ctx context.Context, tx *sql.Tx) error {
		for counter, n := range counts {
			if _, err := tx.ExecContext(ctx, "INSERT INTO usage (day, counter, n) VALUES (?,?,?) ON CONFLICT DO UPDATE SET n = n + excluded.n", day, counter, n); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, "DELETE FROM usage WHERE day < ?", d.now().AddDate(0, 0, -usageDays).Format("2006-01-02"))
		return err
	})
}

// Raised reports whether the bridge was raised last, and not lowered.
func (d *DB) Raised(ctx context.Context) (bool, error) {
	var up bool
	err := d.read.QueryRowContext(ctx, "SELECT raised FROM raised").Scan(&up)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return up, d.explain("read whether the bridge is raised", err)
}

// SetRaised keeps that the bridge was raised or lowered, and by whom. It is
// durable when it returns.
func (d *DB) SetRaised(ctx context.Context, raised bool, by string) error {
	return d.update(ctx, "keep whether the bridge is raised", func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO raised (one, raised, by, at) VALUES (1,?,?,?) ON CONFLICT DO UPDATE SET raised = excluded.raised, by = excluded.by, at = excluded.at",
			raised, by, toNanos(d.now()))
		return err
	})
}

package db

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/drawbridge-app/drawbridge/store"
)

// auditColumns are the columns of a record in the order of addAudit.
const auditColumns = "at, kind, client, key, session, conversation, server, tool, decision, reason, shape, arguments, result_bytes, elapsed, error, size"

// auditRow is one row of values, and auditRows how many go into one statement:
// each statement costs more than a row of it.
var auditRow = "(" + strings.Repeat("?,", strings.Count(auditColumns, ",")) + "?)"

const auditRows = 32

// auditOverhead is what a record takes beside its texts, in bytes.
const auditOverhead = 96

// AddAudit appends records in their order, all or none, and then removes the
// oldest until those that are left take no more than limit bytes. The IDs of the
// records do not count. They are durable when it returns.
func (d *DB) AddAudit(ctx context.Context, records []store.AuditRecord, limit int64) error {
	if len(records) == 0 {
		return nil
	}
	return d.update(ctx, "write the audit", func(ctx context.Context, tx *sql.Tx) error {
		total, err := d.auditTotal(ctx, tx)
		if err != nil {
			return err
		}
		many := min(len(records), auditRows)
		insert, err := tx.PrepareContext(ctx, insertAudit(many))
		if err != nil {
			return err
		}
		defer func() { _ = insert.Close() }()
		var args []any
		for len(records) > 0 {
			n := min(len(records), auditRows)
			args = args[:0]
			for i := range records[:n] {
				var size int64
				args, size = appendAudit(args, &records[i])
				total += size
			}
			if n == many {
				_, err = insert.ExecContext(ctx, args...)
			} else {
				_, err = tx.ExecContext(ctx, insertAudit(n), args...)
			}
			if err != nil {
				return err
			}
			records = records[n:]
		}
		if total > limit {
			if total, err = trimAudit(ctx, tx, total, limit); err != nil {
				return err
			}
		}
		_, err = tx.ExecContext(ctx, "INSERT INTO usage (day, counter, n) VALUES (?,?,?) ON CONFLICT DO UPDATE SET n = excluded.n", auditDay, auditCounter, total)
		return err
	})
}

// The bytes that the records take are kept as a counter of a day that never
// ends.
const (
	auditDay     = "~"
	auditCounter = "audit"
)

func (d *DB) auditTotal(ctx context.Context, tx *sql.Tx) (total int64, err error) {
	err = tx.QueryRowContext(ctx, "SELECT coalesce((SELECT n FROM usage WHERE day = ? AND counter = ?), 0)", auditDay, auditCounter).Scan(&total)
	return total, err
}

func insertAudit(rows int) string {
	return "INSERT INTO audit (" + auditColumns + ") VALUES " + strings.Repeat(auditRow+",", rows-1) + auditRow
}

func appendAudit(args []any, r *store.AuditRecord) ([]any, int64) {
	size := int64(auditOverhead + len(r.Kind) + len(r.Client) + len(r.Key) + len(r.Session) + len(r.Conversation) + len(r.Server) +
		len(r.Tool) + len(r.Decision) + len(r.Reason) + len(r.ArgumentShape) + len(r.Arguments) + len(r.Error))
	return append(args, toNanos(r.At), string(r.Kind), r.Client, r.Key, r.Session, r.Conversation, r.Server, r.Tool, r.Decision, r.Reason,
		string(r.ArgumentShape), string(r.Arguments), r.ResultBytes, int64(r.Elapsed), r.Error, size), size
}

// trimAudit removes the oldest records until a tenth less than limit is left, so
// that not each batch has to.
func trimAudit(ctx context.Context, tx *sql.Tx, total, limit int64) (int64, error) {
	rows, err := tx.QueryContext(ctx, "SELECT id, size FROM audit ORDER BY id")
	if err != nil {
		return total, err
	}
	defer func() { _ = rows.Close() }()
	last := int64(-1)
	for total > limit-limit/10 && rows.Next() {
		var size int64
		if err := rows.Scan(&last, &size); err != nil {
			return total, err
		}
		total -= size
	}
	if err := rows.Err(); err != nil {
		return total, err
	}
	if err := rows.Close(); err != nil {
		return total, err
	}
	_, err = tx.ExecContext(ctx, "DELETE FROM audit WHERE id <= ?", last)
	return max(total, 0), err
}

// Audit returns the records that a query chooses, the newest first.
func (d *DB) Audit(ctx context.Context, q store.AuditQuery) ([]store.AuditRecord, error) {
	const what = "read the audit"
	limit := q.Limit
	switch {
	case limit < 0 || limit > 1000:
		return nil, fmt.Errorf("%s: a page has 1 to 1,000 records, not %d (%w)", what, limit, store.ErrInvalid)
	case limit == 0:
		limit = 100
	}
	var where []string
	var args []any
	add := func(condition string, values ...any) {
		where = append(where, condition)
		args = append(args, values...)
	}
	for _, equal := range []struct{ column, value string }{
		{"kind", string(q.Kind)}, {"client", q.Client}, {"key", q.Key}, {"server", q.Server}, {"tool", q.Tool}, {"decision", q.Decision},
	} {
		switch {
		case equal.value == "":
		case equal.column == "key":
			add("key = ? AND key <> ''", equal.value) // so that its index can be used
		case equal.column == "decision" && equal.value != "allow":
			add("decision = ? AND decision <> 'allow'", equal.value)
		case equal.column == "kind" && q.Kind != store.AuditCall:
			add("kind = ? AND kind <> 'call'", equal.value)
		default:
			add(equal.column+" = ?", equal.value)
		}
	}
	if q.Text != "" {
		like := "%" + strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(q.Text) + "%"
		add(`(tool LIKE ? ESCAPE '\' OR server LIKE ? ESCAPE '\' OR reason LIKE ? ESCAPE '\' OR error LIKE ? ESCAPE '\' OR shape LIKE ? ESCAPE '\')`,
			like, like, like, like, like)
	}
	if q.Failed {
		add("error <> ''")
	}
	if !q.Since.IsZero() {
		add("at >= ?", toNanos(q.Since))
	}
	if !q.Until.IsZero() {
		add("at < ?", toNanos(q.Until))
	}
	if q.Before > 0 {
		add("id < ?", q.Before)
	}
	query := "SELECT id, " + auditColumns + " FROM audit"
	if len(where) > 0 {
		query += " WHERE " + strings.Join(where, " AND ")
	}
	rows, err := d.read.QueryContext(ctx, query+" ORDER BY id DESC LIMIT ?", append(args, limit)...)
	if err != nil {
		return nil, d.explain(what, err)
	}
	defer func() { _ = rows.Close() }()
	var out []store.AuditRecord
	for rows.Next() {
		var r store.AuditRecord
		var at, elapsed, size int64
		var shape, arguments string
		if err := rows.Scan(&r.ID, &at, &r.Kind, &r.Client, &r.Key, &r.Session, &r.Conversation, &r.Server, &r.Tool, &r.Decision, &r.Reason,
			&shape, &arguments, &r.ResultBytes, &elapsed, &r.Error, &size); err != nil {
			return nil, d.explain(what, err)
		}
		r.At, r.Elapsed = fromNanos(at), time.Duration(elapsed)
		if json.Valid([]byte(shape)) {
			r.ArgumentShape = json.RawMessage(shape)
		}
		if json.Valid([]byte(arguments)) {
			r.Arguments = json.RawMessage(arguments)
		}
		out = append(out, r)
	}
	return out, d.explain(what, rows.Err())
}

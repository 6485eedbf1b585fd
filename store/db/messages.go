package db

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/drawbridge-app/drawbridge/store"
)

// Append adds messages to a conversation, in order, and is durable when it
// returns: one transaction, one commit, all or nothing. A message whose id is
// there already replaces it, which is how a growing message is checkpointed
// and finished; its conversation, parent and role stay, and a complete message
// does not begin to stream again. The conversation's Head moves to the last of
// them, and its UpdatedAt to now.
//
// The messages belong to one conversation, and each has a parent in it, or none.
// The error wraps store.ErrNotFound if there is no such conversation or parent,
// and store.ErrInvalid if a message does not fit. A cancelled context means
// that nothing was kept, so give one that lasts for what must not be lost.
func (d *DB) Append(ctx context.Context, msgs ...store.Message) error {
	const what = "save the message"
	if len(msgs) == 0 {
		return nil
	}
	rows := make([][]any, len(msgs))
	for i, m := range msgs { // encoded before the transaction begins
		row, err := messageRow(m)
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		if m.ConversationID != msgs[0].ConversationID {
			return fmt.Errorf("%s: the messages belong to different conversations (%w)", what, store.ErrInvalid)
		}
		rows[i] = row
	}
	return d.update(ctx, what, func(ctx context.Context, tx *sql.Tx) error {
		conversation := msgs[0].ConversationID
		res, err := tx.StmtContext(ctx, d.append.head).ExecContext(ctx, msgs[len(msgs)-1].ID, toNanos(d.now()), conversation)
		if err := oneRow(res, err, noConversation(conversation)); err != nil {
			return err
		}
		parent, upsert := tx.StmtContext(ctx, d.append.parent), tx.StmtContext(ctx, d.append.upsert)
		for i, m := range msgs {
			if err := checkParent(ctx, parent, m); err != nil {
				return err
			}
			res, err := upsert.ExecContext(ctx, rows[i]...)
			err = oneRow(res, err, fmt.Errorf("the message %s is there already and cannot be replaced by this one (%w)", m.ID, store.ErrInvalid))
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// appendStatements are the statements of Append on the writer's connection.
// They run twice a step of every conversation, so they are prepared once; the
// connection closes them with itself.
type appendStatements struct{ head, parent, upsert *sql.Stmt }

func prepareAppend(ctx context.Context, write *sql.DB) (s appendStatements, err error) {
	for query, stmt := range map[string]**sql.Stmt{
		"UPDATE conversations SET head = ?, updated_at = ? WHERE id = ?": &s.head,
		"SELECT conversation FROM messages WHERE id = ?":                 &s.parent,
		upsertMessage: &s.upsert,
	} {
		if *stmt, err = write.PrepareContext(ctx, query); err != nil {
			return s, err
		}
	}
	return s, nil
}

const upsertMessage = `
INSERT INTO messages (id, conversation, parent, role, status, parts, calls, results, provider, model, usage, error, created_at)
VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)
ON CONFLICT (id) DO UPDATE SET
	status = excluded.status, parts = excluded.parts, calls = excluded.calls, results = excluded.results,
	provider = excluded.provider, model = excluded.model, usage = excluded.usage, error = excluded.error,
	created_at = excluded.created_at
WHERE conversation = excluded.conversation AND parent IS excluded.parent AND role = excluded.role
	AND NOT (status = 'complete' AND excluded.status = 'streaming')`

func messageRow(m store.Message) ([]any, error) {
	if m.ID == "" || m.ConversationID == "" || m.ParentID == m.ID || m.Role == "" || m.Status == "" {
		return nil, fmt.Errorf("it needs an id, a conversation, a role and a status (%w)", store.ErrInvalid)
	}
	parts, err := m.Parts.MarshalJSON() // json.Marshal would copy all of it twice more
	if err != nil {
		return nil, fmt.Errorf("the message %s cannot be encoded (%w): %w", m.ID, store.ErrInvalid, err)
	}
	usage, err := json.Marshal(m.Usage)
	if err != nil {
		return nil, fmt.Errorf("the usage of message %s: %w", m.ID, err)
	}
	parent := sql.NullString{String: m.ParentID, Valid: m.ParentID != ""}
	return []any{
		m.ID, m.ConversationID, parent, string(m.Role), string(m.Status), string(parts),
		len(m.Calls()) + len(m.Asked()), len(m.Results()) + len(m.ManagedAnswers()),
		m.Model.Provider, m.Model.Model, string(usage), m.Error, toNanos(m.CreatedAt),
	}, nil
}

func checkParent(ctx context.Context, parent *sql.Stmt, m store.Message) error {
	if m.ParentID == "" {
		return nil
	}
	var conversation string
	err := parent.QueryRowContext(ctx, m.ParentID).Scan(&conversation)
	if errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("the message %s before it: %w", m.ParentID, store.ErrNotFound)
	}
	if err == nil && conversation != m.ConversationID {
		return fmt.Errorf("the message %s before it belongs to another conversation (%w)", m.ParentID, store.ErrInvalid)
	}
	return err
}

// Chain returns the messages that the conversation shows, from the first to
// its Head; none for a new conversation. The error wraps store.ErrNotFound if
// there is no such conversation, and store.ErrNewer if a newer version wrote a
// message that this one cannot read.
func (d *DB) Chain(ctx context.Context, conversationID string) ([]store.Message, error) {
	const what = "read the messages"
	out, err := d.chain(ctx, maxChain, fromHead, conversationID)
	if err == nil && len(out) == 0 {
		_, err = loadConversation(ctx, d.read, conversationID)
	}
	if err != nil {
		return nil, d.explain(what, err)
	}
	return out, nil
}

// maxChain bounds the walk, should a damaged file hold a loop of parents.
const maxChain = 1_000_000

// fromHead selects the message that the conversation shows last.
const fromHead = "SELECT m.seq, m.parent, 0 FROM conversations c JOIN messages m ON m.id = c.head WHERE c.id = ?"

// chain returns the messages up to the one that the query last selects, and no
// more than that many.
func (d *DB) chain(ctx context.Context, most int, last string, args ...any) ([]store.Message, error) {
	rows, err := d.read.QueryContext(ctx, `
		WITH RECURSIVE chain (seq, parent, depth) AS (
			`+last+`
			UNION ALL
			SELECT m.seq, m.parent, depth + 1 FROM chain JOIN messages m ON m.id = chain.parent WHERE depth < ?
		)
		SELECT depth, m.id, m.conversation, m.parent, m.role, m.status, m.parts, m.provider, m.model, m.usage, m.error, m.created_at
		FROM chain CROSS JOIN messages m ON m.seq = chain.seq`, append(args, most-1)...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	type node struct {
		depth int
		m     store.Message
	}
	var nodes []node
	for rows.Next() {
		var n node
		if n.depth, n.m, err = scanMessage(rows); err != nil {
			return nil, err
		}
		nodes = append(nodes, n)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	slices.SortFunc(nodes, func(a, b node) int { return cmp.Compare(b.depth, a.depth) })
	out := make([]store.Message, len(nodes))
	for i, n := range nodes {
		out[i] = n.m
	}
	return out, nil
}

// scanMessage reads a number and the columns of a message after it.
func scanMessage(row scanner) (depth int, m store.Message, err error) {
	var (
		parent       sql.NullString
		parts, usage []byte
		created      int64
	)
	err = row.Scan(&depth, &m.ID, &m.ConversationID, &parent, &m.Role, &m.Status, &parts,
		&m.Model.Provider, &m.Model.Model, &usage, &m.Error, &created)
	if err != nil {
		return 0, m, err
	}
	m.ParentID, m.CreatedAt = parent.String, fromNanos(created)
	if err := m.Parts.UnmarshalJSON(parts); err != nil { // by itself: json.Unmarshal would scan it twice more
		return 0, m, fmt.Errorf("the message %s: %w", m.ID, err)
	}
	if err := json.Unmarshal(usage, &m.Usage); err != nil {
		return 0, m, fmt.Errorf("the usage of message %s: %w", m.ID, err)
	}
	return depth, m, nil
}

// All returns every message of a conversation, those of all branches, each after
// its parent. The error wraps store.ErrNotFound if there is no such conversation.
func (d *DB) All(ctx context.Context, conversationID string) ([]store.Message, error) {
	const what = "read the messages"
	if _, err := loadConversation(ctx, d.read, conversationID); err != nil {
		return nil, d.explain(what, err)
	}
	rows, err := d.read.QueryContext(ctx, `
		SELECT 0, id, conversation, parent, role, status, parts, provider, model, usage, error, created_at
		FROM messages WHERE conversation = ? ORDER BY seq`, conversationID)
	if err != nil {
		return nil, d.explain(what, err)
	}
	defer func() { _ = rows.Close() }()
	var out []store.Message
	for rows.Next() {
		_, m, err := scanMessage(rows)
		if err != nil {
			return nil, d.explain(what, err)
		}
		out = append(out, m)
	}
	return out, d.explain(what, rows.Err())
}

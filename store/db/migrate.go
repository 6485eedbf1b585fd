package db

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/drawbridge-app/drawbridge/store"
)

// migrations lead from each version of the schema to the next. The version is
// SQLite's user_version: the number of migrations done. A migration that was
// released is never changed; a new one is added at the end.
//
// Messages have a number of their own beside their id, so that an index for
// search can refer to rows by number. calls and results count what
// asks to be answered in the next message and what answers, so that what a
// crash left open is found without reading parts. The index itself, said, holds
// no text, only which words are in which message and, so that a search begins
// with the first letter, which beginnings of words; triggers keep it in step.
//
// A commit writes each page that changed and waits for the disk, twice a step
// of each conversation. So there are few indexes on what Append touches, and
// the parent of a message, which Append checks, is no foreign key, which would
// need one of its own.
var migrations = []string{
	`
CREATE TABLE conversations (
	id         TEXT PRIMARY KEY,
	title      TEXT NOT NULL,
	head       TEXT NOT NULL,
	provider   TEXT NOT NULL,
	model      TEXT NOT NULL,
	system     TEXT NOT NULL,
	switches   TEXT NOT NULL,
	created_at INTEGER NOT NULL,
	updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX conversations_updated ON conversations (updated_at);

CREATE TABLE messages (
	seq          INTEGER PRIMARY KEY,
	id           TEXT NOT NULL UNIQUE,
	conversation TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
	parent       TEXT REFERENCES messages (id),
	role         TEXT NOT NULL,
	status       TEXT NOT NULL,
	parts        TEXT NOT NULL,
	calls        INTEGER NOT NULL,
	results      INTEGER NOT NULL,
	provider     TEXT NOT NULL,
	model        TEXT NOT NULL,
	usage        TEXT NOT NULL,
	error        TEXT NOT NULL,
	created_at   INTEGER NOT NULL
) STRICT;
CREATE INDEX messages_conversation ON messages (conversation);
CREATE INDEX messages_parent ON messages (parent);

CREATE TABLE server_approvals (
	server TEXT PRIMARY KEY,
	hash   TEXT NOT NULL,
	at     INTEGER NOT NULL
) STRICT;

CREATE TABLE pins (
	server     TEXT NOT NULL,
	tool       TEXT NOT NULL,
	hash       TEXT NOT NULL,
	definition TEXT NOT NULL,
	at         INTEGER NOT NULL,
	PRIMARY KEY (server, tool)
) STRICT, WITHOUT ROWID;

CREATE TABLE tool_answers (
	conversation TEXT NOT NULL,
	server       TEXT NOT NULL,
	tool         TEXT NOT NULL,
	answer       TEXT NOT NULL,
	at           INTEGER NOT NULL,
	PRIMARY KEY (conversation, server, tool)
) STRICT, WITHOUT ROWID;
CREATE INDEX tool_answers_server ON tool_answers (server);
`,
	`
ALTER TABLE conversations ADD COLUMN metadata TEXT NOT NULL DEFAULT 'null';
ALTER TABLE conversations ADD COLUMN named INTEGER NOT NULL DEFAULT 0;
DROP INDEX conversations_updated;

CREATE TABLE tree (
	seq          INTEGER PRIMARY KEY,
	id           TEXT NOT NULL UNIQUE,
	conversation TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
	parent       TEXT,
	role         TEXT NOT NULL,
	status       TEXT NOT NULL,
	parts        TEXT NOT NULL,
	calls        INTEGER NOT NULL,
	results      INTEGER NOT NULL,
	provider     TEXT NOT NULL,
	model        TEXT NOT NULL,
	usage        TEXT NOT NULL,
	error        TEXT NOT NULL,
	created_at   INTEGER NOT NULL
) STRICT;
INSERT INTO tree SELECT seq, id, conversation, parent, role, status, parts, calls, results, provider, model, usage, error, created_at FROM messages;
DROP TABLE messages;
ALTER TABLE tree RENAME TO messages;
CREATE INDEX messages_tree ON messages (conversation, parent);
`,
	`
ALTER TABLE conversations ADD COLUMN aside TEXT NOT NULL DEFAULT 'null';
`,
	`
CREATE TABLE server_facts (
	server TEXT PRIMARY KEY,
	facts  TEXT NOT NULL,
	at     INTEGER NOT NULL
) STRICT;
`,
	`
CREATE TABLE flows (
	conversation TEXT NOT NULL,
	server       TEXT NOT NULL,
	tool         TEXT NOT NULL,
	source       TEXT NOT NULL,
	at           INTEGER NOT NULL,
	PRIMARY KEY (conversation, server, tool, source)
) STRICT, WITHOUT ROWID;

CREATE TABLE usage (
	day     TEXT NOT NULL,
	counter TEXT NOT NULL,
	n       INTEGER NOT NULL,
	PRIMARY KEY (day, counter)
) STRICT, WITHOUT ROWID;

CREATE TABLE raised (
	one    INTEGER PRIMARY KEY CHECK (one = 1),
	raised INTEGER NOT NULL,
	by     TEXT NOT NULL,
	at     INTEGER NOT NULL
) STRICT;

CREATE TABLE organisations (
	id     TEXT PRIMARY KEY,
	name   TEXT NOT NULL UNIQUE,
	limits TEXT NOT NULL,
	at     INTEGER NOT NULL
) STRICT;

CREATE TABLE teams (
	id           TEXT PRIMARY KEY,
	name         TEXT NOT NULL UNIQUE,
	organisation TEXT NOT NULL,
	limits       TEXT NOT NULL,
	at           INTEGER NOT NULL
) STRICT;

CREATE TABLE keys (
	id         TEXT PRIMARY KEY,
	name       TEXT NOT NULL,
	team       TEXT NOT NULL,
	hash       BLOB NOT NULL UNIQUE,
	limits     TEXT NOT NULL,
	created_at INTEGER NOT NULL,
	used_at    INTEGER NOT NULL,
	revoked_at INTEGER NOT NULL
) STRICT;

CREATE TABLE audit (
	id           INTEGER PRIMARY KEY,
	at           INTEGER NOT NULL,
	kind         TEXT NOT NULL,
	client       TEXT NOT NULL,
	key          TEXT NOT NULL,
	session      TEXT NOT NULL,
	conversation TEXT NOT NULL,
	server       TEXT NOT NULL,
	tool         TEXT NOT NULL,
	decision     TEXT NOT NULL,
	reason       TEXT NOT NULL,
	shape        TEXT NOT NULL,
	arguments    TEXT NOT NULL,
	result_bytes INTEGER NOT NULL,
	elapsed      INTEGER NOT NULL,
	error        TEXT NOT NULL,
	size         INTEGER NOT NULL
) STRICT;
CREATE INDEX audit_key ON audit (key) WHERE key <> '';
CREATE INDEX audit_decision ON audit (decision) WHERE decision <> 'allow';
CREATE INDEX audit_kind ON audit (kind) WHERE kind <> 'call';
`,
	`
ALTER TABLE conversations ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0;
ALTER TABLE conversations ADD COLUMN archived INTEGER NOT NULL DEFAULT 0;

CREATE TABLE drafts (
	conversation TEXT PRIMARY KEY,
	text         TEXT NOT NULL,
	at           INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE VIRTUAL TABLE said USING fts5 (
	text, content = '', contentless_delete = 1, detail = 'none', prefix = '1 2 3',
	tokenize = "unicode61 remove_diacritics 2"
);
CREATE TRIGGER said_new AFTER INSERT ON messages WHEN ` + searchable("NEW") + ` BEGIN
	INSERT INTO said (rowid, text) VALUES (NEW.seq, ` + saidIn("NEW.parts") + `);
END;
CREATE TRIGGER said_again AFTER UPDATE OF role, status, parts ON messages WHEN ` + searchable("OLD") + ` OR ` + searchable("NEW") + ` BEGIN
	DELETE FROM said WHERE rowid = OLD.seq;
	INSERT INTO said (rowid, text) SELECT NEW.seq, ` + saidIn("NEW.parts") + ` WHERE ` + searchable("NEW") + `;
END;
CREATE TRIGGER said_no_more AFTER DELETE ON messages WHEN ` + searchable("OLD") + ` BEGIN
	DELETE FROM said WHERE rowid = OLD.seq;
END;
INSERT INTO said (rowid, text) SELECT seq, ` + saidIn("parts") + ` FROM messages AS m WHERE ` + searchable("m") + `;
`,
	`
CREATE TABLE draft_files (
	conversation TEXT PRIMARY KEY,
	files        TEXT NOT NULL,
	at           INTEGER NOT NULL
) STRICT;
`,
}

// searchable is the condition for a row of messages to be in the index of what
// was said: somebody said it in words, and it does not grow any more. A step
// that only calls tools so costs nothing, nor does the checkpoint of an answer
// that is being written. It is part of a migration.
func searchable(row string) string {
	return "(" + row + ".role IN ('user', 'assistant') AND " + row + ".status <> 'streaming' AND instr(" + row + `.parts, '{"type":"text"') > 0)`
}

// saidIn is the text of a message from its parts, as far as it can be searched. It
// is part of a migration.
func saidIn(parts string) string {
	return "(SELECT substr(group_concat(t.value ->> 'text', char(10)), 1, 262144) FROM json_each(" + parts + ") AS t WHERE t.value ->> 'type' = 'text')"
}

// migrate brings the schema to the newest version, all of it or nothing.
func (d *DB) migrate(ctx context.Context) error {
	var found int
	if err := d.write.QueryRowContext(ctx, "PRAGMA user_version").Scan(&found); err != nil {
		return err
	}
	if found == len(migrations) {
		return nil
	}
	if found < 0 || found > len(migrations) {
		return fmt.Errorf("its version is %d, and this program knows %d at most (%w)", found, len(migrations), store.ErrNewer)
	}
	if found > 0 {
		if err := d.backup(ctx, found); err != nil {
			return fmt.Errorf("keep a backup before the database is brought to this version: %w", err)
		}
	}
	return d.update(ctx, "bring the database to this version", func(ctx context.Context, tx *sql.Tx) error {
		for i, m := range migrations[found:] {
			if _, err := tx.ExecContext(ctx, m); err != nil {
				return fmt.Errorf("step %d: %w", found+i+1, err)
			}
		}
		_, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", len(migrations)))
		return err
	})
}

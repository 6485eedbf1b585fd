package db

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/drawbridge-app/drawbridge/store"
)

// TestMigrate opens a database of the first version: what it holds is there, in
// the schema of today, and grows on.
func TestMigrate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "drawbridge.db")
	old, err := sql.Open("sqlite", dsn(path, 0))
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{
		migrations[0],
		`INSERT INTO conversations VALUES ('c', 'Old', 'm2', 'p', 'm', 'Be kind.', '{"off":true}', 1, 2)`,
		`INSERT INTO messages VALUES (1, 'm1', 'c', NULL, 'user', 'complete', '[{"type":"text","text":"Hello"}]', 0, 0, '', '', '{}', '', 1)`,
		`INSERT INTO messages VALUES (2, 'm2', 'c', 'm1', 'assistant', 'streaming', '[{"type":"text","text":"Hi"}]', 0, 0, 'p', 'm', '{}', '', 2)`,
		"PRAGMA user_version = 1",
	} {
		if _, err := old.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}

	d, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	c, err := d.Conversation(t.Context(), "c")
	if err != nil || c.Title != "Old" || c.System != "Be kind." || !c.Switches.Off || c.Named || len(c.Metadata) != 0 || c.Head != "m2" {
		t.Errorf("the conversation is %+v, %v", c, err)
	}
	open, err := d.Unfinished(t.Context())
	if err != nil || len(open) != 1 {
		t.Errorf("unfinished: %v, %v", open, err)
	}
	if err := d.Append(t.Context(), store.Message{ID: "m3", ConversationID: "c", ParentID: "m2", Role: store.RoleUser, Status: store.StatusComplete}); err != nil {
		t.Fatal(err)
	}
	chain, err := d.Chain(t.Context(), "c")
	if err != nil || len(chain) != 3 || chain[0].Text() != "Hello" || chain[1].Text() != "Hi" || chain[1].Model != (store.ModelRef{Provider: "p", Model: "m"}) {
		t.Errorf("the chain is %+v, %v", chain, err)
	}
	if err := d.DeleteConversation(t.Context(), "c"); err != nil {
		t.Fatal(err)
	}
	var left int
	if err := d.read.QueryRow("SELECT count(*) FROM messages").Scan(&left); err != nil || left != 0 {
		t.Errorf("%d messages are left of a conversation that was removed (%v)", left, err)
	}
}

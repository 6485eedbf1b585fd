package db

import (
	"context"
	"database/sql"
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/drawbridge-app/drawbridge/store"
)

// BenchmarkAppend is one message of a long chain made durable; its reference is
// BenchmarkCommit.
func BenchmarkAppend(b *testing.B) {
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	d, err := Open(ctx, filepath.Join(b.TempDir(), "drawbridge.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	conversation := store.NewID()
	if err := d.CreateConversation(ctx, store.Conversation{ID: conversation}); err != nil {
		b.Fatal(err)
	}
	parent := ""
	for b.Loop() {
		m := store.Message{
			ID: store.NewID(), ConversationID: conversation, ParentID: parent, Role: store.RoleAssistant, Status: store.StatusComplete,
			Parts: store.Parts{
				store.Text{Text: "a text of an ordinary length that says something"},
				store.ToolCall{ID: "call_1", Name: "echo__echo", Server: "echo", Tool: "echo", Arguments: json.RawMessage(`{"text":"step"}`)},
			},
		}
		if err := d.Append(ctx, m); err != nil {
			b.Fatal(err)
		}
		parent = m.ID
	}
}

// BenchmarkCommit is one row in one table, in a database that is as durable.
func BenchmarkCommit(b *testing.B) {
	file, err := sql.Open("sqlite", dsn(filepath.Join(b.TempDir(), "commit.db"), 0))
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	file.SetMaxOpenConns(1)
	if _, err := file.Exec("CREATE TABLE t (seq INTEGER PRIMARY KEY, text TEXT NOT NULL)"); err != nil {
		b.Fatal(err)
	}
	row := string(make([]byte, 300))
	for b.Loop() {
		if _, err := file.Exec("INSERT INTO t (text) VALUES (?)", row); err != nil {
			b.Fatal(err)
		}
	}
}

package db

import (
	"encoding/json"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/store"
)

func open(t *testing.T, path string) *DB {
	t.Helper()
	d, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func fresh(t *testing.T) *DB {
	t.Helper()
	return open(t, filepath.Join(t.TempDir(), "history.db"))
}

func create(t *testing.T, d *DB, id string) {
	t.Helper()
	if err := d.CreateConversation(t.Context(), store.Conversation{ID: id, Title: "About " + id}); err != nil {
		t.Fatal(err)
	}
}

func message(id, conversation, parent string, role store.Role, parts ...store.Part) store.Message {
	return store.Message{
		ID: id, ConversationID: conversation, ParentID: parent, Role: role,
		Status: store.StatusComplete, Parts: parts, CreatedAt: time.Unix(1_700_000_000, 123_456_789),
	}
}

func chainIDs(t *testing.T, d *DB, conversation string) []string {
	t.Helper()
	msgs, err := d.Chain(t.Context(), conversation)
	if err != nil {
		t.Fatal(err)
	}
	ids := []string{}
	for _, m := range msgs {
		ids = append(ids, m.ID)
	}
	return ids
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

// whole is a message with every kind of part, and text that no encoding should
// change.
func whole(id, conversation, parent string) store.Message {
	m := message(id, conversation, parent, store.RoleAssistant,
		store.Text{Text: "a \x00 NUL, \"quotes\", ünïcödé \u202e \U0001F309, <&>"},
		store.Reasoning{Text: "hm"},
		store.ToolCall{ID: "c1", Name: "s__t", Server: "s", Tool: "t", Arguments: json.RawMessage(`{"n":12345678901234567890,"big":1e400}`)},
		store.ToolResult{CallID: "c1", Content: store.Parts{store.Text{Text: "r"}, store.Image{MIMEType: "image/png", Data: []byte{0, 255, 1}}}, Structured: json.RawMessage(`{"a":[1,2]}`), IsError: true, Started: time.Unix(5, 6).UTC(), Elapsed: 42},
		store.File{Name: "f", MIMEType: "audio/wav", URI: "file:///f", Data: []byte("xyz")},
		store.Opaque{Model: store.ModelRef{Provider: "p", Model: "m"}, Data: json.RawMessage(`"enc=="`)},
	)
	m.Model = store.ModelRef{Provider: "openai", Model: "gpt"}
	m.Usage = store.Usage{Input: 1 << 40, Cached: 2, Output: 3, Reasoning: 4}
	m.Error = "the connection was lost"
	return m
}

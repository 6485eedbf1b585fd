package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/drawbridge-app/drawbridge/store"
)

// says adds a message of the person at the end of a conversation of its own.
func says(t *testing.T, d *DB, id, text string) {
	t.Helper()
	create(t, d, "c-"+id)
	if err := d.Append(t.Context(), message(id, "c-"+id, "", store.RoleUser, store.Text{Text: text})); err != nil {
		t.Fatal(err)
	}
}

func finds(t *testing.T, d *DB, query string) []string {
	t.Helper()
	found, err := d.Search(t.Context(), query, 50)
	if err != nil {
		t.Fatalf("%q: %v", query, err)
	}
	ids := []string{}
	for _, h := range found.Hits {
		ids = append(ids, h.MessageID)
	}
	return ids
}

func TestSearch(t *testing.T) {
	t.Parallel()
	d := fresh(t)
	says(t, d, "cafe", "We met in the Café de Flore.\nIt rained.")
	says(t, d, "bridge", "The bridge is raised at noon, and the draw bridge at six.")
	says(t, d, "abridged", "An abridged text about drawbridges and a bridgehead")
	says(t, d, "odd", `a NUL "quoted" OR NEAR(x) col:y ^z -w * 100%`)
	says(t, d, "chinese", "我们在北京的桥上见面")
	says(t, d, "straße", "Die STRASSE ist naß, Ελληνικά ΛΌΓΟΣ")
	for query, want := range map[string][]string{
		"":                {},
		"  \t ":           {},
		"*":               {},
		"cafe":            {"cafe"},
		"CAFÉ flo":        {"cafe"},
		"caf rain":        {"cafe"},
		"afe":             {},
		"bridge":          {"bridge", "abridged"}, // the whole word before its beginning
		"draw bridge":     {"bridge", "abridged"},
		`"draw bridge"`:   {"bridge"},
		`"bridge draw"`:   {},
		`"the bridge is"`: {"bridge"},
		`"rai`:            {},
		`noon "draw`:      {"bridge"},
		`quoted or near`:  {"odd"},
		`"unclosed`:       {},
		"col:y":           {"odd"},
		"-w":              {"odd", "cafe"},
		"100%":            {"odd"},
		"x) OR (y":        {"odd"},
		"北京":              {"chinese"},
		"桥上 见":            {"chinese"},
		"上海":              {},
		"strasse nas":     {},
		"strasse λόγοσ":   {"straße"},
	} {
		equal(t, query, finds(t, d, query), want)
	}
	found, err := d.Search(t.Context(), "rai cafe", 50)
	if err != nil || len(found.Hits) != 1 {
		t.Fatal(found, err)
	}
	h := found.Hits[0]
	marked := ""
	for _, m := range h.Marks {
		marked += "[" + h.Passage[m[0]:m[1]] + "]"
	}
	if h.ConversationID != "c-cafe" || h.Role != store.RoleUser || h.Passage != "…Café de Flore. It rained." && h.Passage != "We met in the Café de Flore. It rained." || marked != "[Café][rained]" {
		t.Errorf("%+v, marked %s", h, marked)
	}
}

func TestSearchPassage(t *testing.T) {
	t.Parallel()
	d := fresh(t)
	says(t, d, "long", strings.Repeat("wörter und noch mehr ", 5000)+"die Nadel "+strings.Repeat("heu ", 5000))
	says(t, d, "line", strings.Repeat("ä", 5000)+" nadel "+strings.Repeat("ö", 5000))
	found, err := d.Search(t.Context(), "nadel", 50)
	if err != nil || len(found.Hits) != 2 {
		t.Fatal(found, err)
	}
	for _, h := range found.Hits {
		if len(h.Passage) > passageSize+len("……") || !strings.Contains(strings.ToLower(h.Passage), "nadel") || len(h.Marks) != 1 {
			t.Errorf("%q %v", h.Passage, h.Marks)
		} else if m := h.Marks[0]; !strings.EqualFold(h.Passage[m[0]:m[1]], "nadel") {
			t.Errorf("%q is marked", h.Passage[m[0]:m[1]])
		}
	}
}

// TestSearchInStep has the index follow every way in which what was said
// changes.
func TestSearchInStep(t *testing.T) {
	t.Parallel()
	d := fresh(t)
	create(t, d, "c")
	put := func(m store.Message) {
		t.Helper()
		if err := d.Append(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	put(message("m1", "c", "", store.RoleUser, store.Text{Text: "question"}, store.Image{MIMEType: "image/png", Data: []byte("secretword")}))
	answer := message("m2", "c", "m1", store.RoleAssistant, store.Reasoning{Text: "pondering"}, store.Text{Text: "half"})
	answer.Status = store.StatusStreaming
	put(answer)
	equal(t, "while it grows", finds(t, d, "half"), []string{})
	answer.Parts = store.Parts{store.Text{Text: "whole answer"}, store.Text{Text: "second part"}}
	answer.Status = store.StatusComplete
	put(answer)
	equal(t, "when it is whole", finds(t, d, "whole second"), []string{"m2"})
	equal(t, "what is no longer there", finds(t, d, "half"), []string{})
	answer.Parts = store.Parts{store.Text{Text: "another text"}}
	put(answer)
	equal(t, "after a change", finds(t, d, "another"), []string{"m2"})
	equal(t, "before a change", finds(t, d, "whole"), []string{})
	put(message("m3", "c", "m2", store.RoleTool, store.ToolResult{CallID: "1", Content: store.Parts{store.Text{Text: "toolwords"}}}))
	for _, hidden := range []string{"pondering", "toolwords", "secretword"} {
		equal(t, hidden, finds(t, d, hidden), []string{})
	}
	if err := d.DeleteConversation(t.Context(), "c"); err != nil {
		t.Fatal(err)
	}
	var left int
	if err := d.read.QueryRow("SELECT count(*) FROM said_docsize").Scan(&left); err != nil || left != 0 {
		t.Errorf("%d messages are left in the index (%v)", left, err)
	}
	equal(t, "after the conversation was deleted", finds(t, d, "question"), []string{})
	says(t, d, "m4", "fresh words in the place of old ones")
	equal(t, "a message in the place of a removed one", finds(t, d, "fresh"), []string{"m4"})
}

func TestSearchBounds(t *testing.T) {
	t.Parallel()
	d := fresh(t)
	create(t, d, "c")
	var all []store.Message
	for i := range searchCandidates + 50 {
		text := "common"
		if i == 40 {
			text = "common rare"
		}
		all = append(all, message(fmt.Sprintf("m%03d", i), "c", "", store.RoleUser, store.Text{Text: text}))
	}
	if err := d.Append(t.Context(), all...); err != nil {
		t.Fatal(err)
	}
	found, err := d.Search(t.Context(), "comm", 10)
	if err != nil || len(found.Hits) != 10 || found.Newest != searchCandidates || found.Hits[0].MessageID != "m249" {
		t.Errorf("%d hits of the newest %d, the first %v, %v", len(found.Hits), found.Newest, found.Hits[:1], err)
	}
	if found, err = d.Search(t.Context(), "rare common", 10); err != nil || len(found.Hits) != 1 || found.Newest != 0 {
		t.Errorf("%+v, %v", found, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.Search(ctx, "comm", 10); !errors.Is(err, context.Canceled) {
		t.Errorf("a search that is no longer wanted gives %v", err)
	}
	if _, err := d.Search(t.Context(), strings.Repeat("word ", 10_000), 10); err != nil {
		t.Error(err)
	}
}

// TestSearchMigrates finds what was said before there was an index.
func TestSearchMigrates(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "drawbridge.db")
	old, err := sql.Open("sqlite", dsn(path, 0))
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range append(migrations[:5:5],
		`INSERT INTO conversations (id, title, head, provider, model, system, switches, created_at, updated_at) VALUES ('c', 'Old', 'm1', '', '', '', '{}', 1, 2)`,
		`INSERT INTO messages VALUES (7, 'm1', 'c', NULL, 'user', 'complete', '[{"type":"text","text":"Hello from \u003cyesterday\u003e"}]', 0, 0, '', '', '{}', '', 1)`,
		"PRAGMA user_version = 5") {
		if _, err := old.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	d := open(t, path)
	equal(t, "an old message", finds(t, d, "yesterd hello"), []string{"m1"})
}

func TestDrafts(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "drawbridge.db")
	d := open(t, path)
	create(t, d, "c")
	for _, set := range [][2]string{{"c", "half a"}, {"", "not begun"}, {"c", "half a sentence"}, {"gone", "x"}, {"gone", ""}} {
		if err := d.SetUnsent(t.Context(), set[0], set[1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.SetUnsent(t.Context(), "c", strings.Repeat("x", maxDraft+1)); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("a draft that is too long gives %v", err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d = open(t, path)
	drafts, err := d.Unsent(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "drafts", drafts, map[string]string{"": "not begun", "c": "half a sentence"})
	if err := d.DeleteConversation(t.Context(), "c"); err != nil {
		t.Fatal(err)
	}
	if drafts, err = d.Unsent(t.Context()); err != nil || len(drafts) != 1 {
		t.Errorf("%v, %v", drafts, err)
	}
}

func TestPinned(t *testing.T) {
	t.Parallel()
	d := fresh(t)
	create(t, d, "c")
	if _, err := d.UpdateConversation(t.Context(), "c", func(c *store.Conversation) { c.Pinned, c.Archived = true, true }); err != nil {
		t.Fatal(err)
	}
	all, err := d.Conversations(t.Context())
	if err != nil || len(all) != 1 || !all[0].Pinned || !all[0].Archived {
		t.Errorf("%+v, %v", all, err)
	}
}

// TestDraftFiles keeps what was attached to messages that were not sent, over the
// end of the program, no more than there is room for, and not longer than the
// conversation is there.
func TestDraftFiles(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "drawbridge.db")
	d := open(t, path)
	create(t, d, "c")
	ctx := t.Context()
	note := []store.Attached{
		{Title: "notes.txt", Parts: store.Parts{store.File{Name: "notes.txt", MIMEType: "text/plain", Data: []byte("hello")}}},
		{Title: "Picture", Parts: store.Parts{store.Image{MIMEType: "image/png", Data: []byte{1, 2, 3}}}},
	}
	for _, id := range []string{"c", "", "other"} {
		if err := d.SetUnsentFiles(ctx, id, note); err != nil {
			t.Fatal(err)
		}
	}
	big := []store.Attached{{Title: "big", Parts: store.Parts{store.File{Name: "big", Data: make([]byte, maxDraftFiles)}}}}
	if err := d.SetUnsentFiles(ctx, "c", big); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("too much gives %v", err)
	}
	if err := d.SetUnsentFiles(ctx, "other", nil); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d = open(t, path)
	files, err := d.UnsentFiles(ctx)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "files", files, map[string][]store.Attached{"": note, "c": note})
	if err := d.DeleteConversation(ctx, "c"); err != nil {
		t.Fatal(err)
	}
	if files, err = d.UnsentFiles(ctx); err != nil {
		t.Fatal(err)
	}
	equal(t, "files after the deletion", files, map[string][]store.Attached{"": note})
}

package archive_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/archive"
	"github.com/drawbridge-app/drawbridge/store"
)

var at = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// talk is a conversation with a branch, a call and a summary.
func talk() (store.Conversation, []store.Message) {
	c := store.Conversation{
		ID: "abcdefghijklmnopqrstuvwxyz", Title: "What is\nthis?", Named: true, Head: "m5", Model: store.ModelRef{Provider: "p", Model: "m"},
		System: "Be kind.", Metadata: map[string]string{"team": "a"}, Pinned: true, CreatedAt: at, UpdatedAt: at.Add(time.Hour),
	}
	m := func(id, parent string, role store.Role, parts ...store.Part) store.Message {
		return store.Message{ID: id, ConversationID: c.ID, ParentID: parent, Role: role, Status: store.StatusComplete, Parts: parts, CreatedAt: at}
	}
	return c, []store.Message{
		m("m1", "", store.RoleUser, store.Text{Text: "What time is it?"}),
		m("m2", "m1", store.RoleAssistant, store.Reasoning{Text: "Hm ``` hm"}, store.ToolCall{ID: "c1", Name: "workbench__time", Server: "workbench", Tool: "time", Arguments: json.RawMessage(`{"zone":"UTC"}`)},
			store.Opaque{Model: c.Model, Data: json.RawMessage(`{"role":"developer"}`)}),
		m("m3", "m2", store.RoleTool, store.ToolResult{CallID: "c1", Content: store.Parts{store.Text{Text: "```\n# 12:00\n"}, store.Image{MIMEType: "image/png", Data: []byte("x")}}}),
		m("m4", "m1", store.RoleAssistant, store.Text{Text: "Another branch."}),
		m("m5", "m3", store.RoleSummary, store.Summary{Text: "In short.", Until: "m2"}),
	}
}

func TestRoundTrip(t *testing.T) {
	c, messages := talk()
	var out bytes.Buffer
	if err := archive.Encode(&out, c, messages); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "developer") {
		t.Error("a provider's own state is exported")
	}
	gotC, got, err := archive.Decode(out.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(messages) {
		t.Fatalf("%d messages came back", len(got))
	}
	back := map[string]string{"": ""}
	for i := range got {
		if got[i].ID == messages[i].ID {
			t.Error("a message keeps an id that may be taken")
		}
		back[got[i].ID] = messages[i].ID
	}
	for i := range got {
		got[i].ID, got[i].ParentID = back[got[i].ID], back[got[i].ParentID]
		for j, p := range got[i].Parts {
			if s, ok := p.(store.Summary); ok {
				s.Until = back[s.Until]
				got[i].Parts[j] = s
			}
		}
	}
	gotC.Head = back[gotC.Head]
	messages[1].Parts = messages[1].Parts[:2]
	if !reflect.DeepEqual(got, messages) {
		t.Errorf("got %+v\nwant %+v", got, messages)
	}
	if !reflect.DeepEqual(gotC, c) {
		t.Errorf("got %+v\nwant %+v", gotC, c)
	}
}

// TestHostile reads files that do not hold together.
func TestHostile(t *testing.T) {
	c, messages := talk()
	var good bytes.Buffer
	if err := archive.Encode(&good, c, messages); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(string) string{
		"no JSON":             func(string) string { return "PK" },
		"another file":        func(string) string { return `{"mcpServers":{}}` },
		"a loop":              func(s string) string { return strings.Replace(s, `"id":"m1",`, `"id":"m1","parent":"m5",`, 1) },
		"no parent":           func(s string) string { return strings.Replace(s, `"parent":"m3"`, `"parent":"m9"`, 1) },
		"twice":               func(s string) string { return strings.Replace(s, `"id":"m4"`, `"id":"m2"`, 1) },
		"nobody":              func(s string) string { return strings.Replace(s, `"role":"user"`, `"role":"developer"`, 1) },
		"another head":        func(s string) string { return strings.Replace(s, `"head":"m5"`, `"head":"m9"`, 1) },
		"an answer to no one": func(s string) string { return strings.Replace(s, `"call_id":"c1"`, `"call_id":"c2"`, 1) },
		"a summary of none":   func(s string) string { return strings.Replace(s, `"until":"m2"`, `"until":"m9"`, 1) },
	} {
		text := change(good.String())
		if text == good.String() {
			t.Fatalf("%s changes nothing", name)
		}
		if _, _, err := archive.Decode([]byte(text)); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	newer := strings.Replace(good.String(), `"version":1`, `"version":2`, 1)
	if _, _, err := archive.Decode([]byte(newer)); !errors.Is(err, store.ErrNewer) {
		t.Errorf("a newer one: %v", err)
	}
	// An id of another form could be taken for anything.
	odd, _, err := archive.Decode([]byte(strings.Replace(good.String(), c.ID, "../../x", 1)))
	if err != nil || strings.Contains(odd.ID, "/") {
		t.Errorf("the id is %q, %v", odd.ID, err)
	}
	growing, list, err := archive.Decode([]byte(strings.Replace(good.String(), `"status":"complete"`, `"status":"streaming"`, 1)))
	if err != nil || growing.ID != c.ID || list[0].Status != store.StatusInterrupted {
		t.Errorf("a growing message is %+v, %v", list, err)
	}
}

func TestMarkdown(t *testing.T) {
	c, messages := talk()
	var out bytes.Buffer
	if err := archive.Markdown(&out, c, messages); err != nil {
		t.Fatal(err)
	}
	want := "# What is this?\n\n2026-03-04 05:06 UTC · m\n\n## System prompt\n\nBe kind.\n\n## You\n\nWhat time is it?\n\n## Assistant\n\n" +
		"<details><summary>Thinking</summary>\n\n````\nHm ``` hm\n````\n\n</details>\n\n**→ `workbench__time`**\n\n```json\n{\n  \"zone\": \"UTC\"\n}\n```\n\n" +
		"**← result**\n\n````\n```\n# 12:00\n````\n\n*[image, image/png, 1 bytes]*\n\n## Assistant\n\nAnother branch.\n\n## Summary of what came before\n\nIn short.\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func FuzzDecode(f *testing.F) {
	c, messages := talk()
	var good bytes.Buffer
	if err := archive.Encode(&good, c, messages); err != nil {
		f.Fatal(err)
	}
	f.Add(good.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		c, messages, err := archive.Decode(data)
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := archive.Encode(&again, c, messages); err != nil {
			t.Fatal(err)
		}
		if _, got, err := archive.Decode(again.Bytes()); err != nil || len(got) != len(messages) {
			t.Fatalf("what was read and written cannot be read: %v", err)
		}
	})
}

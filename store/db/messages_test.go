package db

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/store"
)

func TestMessagesComeBackAsTheyWere(t *testing.T) {
	t.Parallel()
	d := fresh(t)
	c := store.Conversation{
		ID: "c", Title: "T\x00itle", System: "Be brief.\n", Model: store.ModelRef{Provider: "p", Model: "m"},
		Switches:  store.Switches{Off: true}.SetServer("s", true).SetTool("s", "t", false),
		CreatedAt: time.Unix(10, 11), UpdatedAt: time.Unix(12, 13),
	}
	if err := d.CreateConversation(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	got, err := d.Conversation(t.Context(), "c")
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "conversation", got, c)

	first := message("m1", "c", "", store.RoleUser, store.Text{Text: "hi"})
	second := whole("m2", "c", "m1")
	if err := d.Append(t.Context(), first, second); err != nil {
		t.Fatal(err)
	}
	path := d.path
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d = open(t, path)
	msgs, err := d.Chain(t.Context(), "c")
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "messages", msgs, []store.Message{first, second})
	if p := d.Problems(); len(p) != 0 {
		t.Errorf("problems of a sound database: %q", p)
	}
}

func TestLargeImages(t *testing.T) {
	t.Parallel()
	d := fresh(t)
	create(t, d, "c")
	data := bytes.Repeat([]byte{0, 1, 2, 3, 254, 255, 7}, 1<<20) // 7 MB
	m := message("m", "c", "", store.RoleTool, store.ToolResult{CallID: "x", Content: store.Parts{store.Image{MIMEType: "image/png", Data: data}}})
	if err := d.Append(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	msgs, err := d.Chain(t.Context(), "c")
	if err != nil {
		t.Fatal(err)
	}
	got := msgs[0].Results()[0].Content[0].(store.Image).Data
	if !bytes.Equal(got, data) {
		t.Errorf("an image of %d bytes came back as %d other bytes", len(data), len(got))
	}
}

func TestConversationIsATree(t *testing.T) {
	t.Parallel()
	d := fresh(t)
	create(t, d, "c")
	equal(t, "empty chain", chainIDs(t, d, "c"), []string{})
	add := func(id, parent string) {
		t.Helper()
		if err := d.Append(t.Context(), message(id, "c", parent, store.RoleUser, store.Text{Text: id})); err != nil {
			t.Fatal(err)
		}
	}
	add("a", "")
	add("b", "a")
	add("c1", "b")
	equal(t, "chain", chainIDs(t, d, "c"), []string{"a", "b", "c1"})
	add("b2", "a") // a branch
	equal(t, "chain after a branch", chainIDs(t, d, "c"), []string{"a", "b2"})
	add("d", "c1")
	equal(t, "chain of the first branch", chainIDs(t, d, "c"), []string{"a", "b", "c1", "d"})
	c, err := d.Conversation(t.Context(), "c")
	if err != nil || c.Head != "d" {
		t.Errorf("head %q, error %v; want d", c.Head, err)
	}
}

func TestLongChain(t *testing.T) {
	t.Parallel()
	d := fresh(t)
	create(t, d, "c")
	const n = 1500
	msgs := make([]store.Message, n)
	for i := range msgs {
		parent := ""
		if i > 0 {
			parent = msgs[i-1].ID
		}
		msgs[i] = message(fmt.Sprint("m", i), "c", parent, store.RoleUser)
	}
	if err := d.Append(t.Context(), msgs...); err != nil {
		t.Fatal(err)
	}
	ids := chainIDs(t, d, "c")
	for i, id := range ids {
		if id != msgs[i].ID {
			t.Fatalf("message %d is %s", i, id)
		}
	}
	if len(ids) != n {
		t.Errorf("%d messages, want %d", len(ids), n)
	}
	if err := d.DeleteConversation(t.Context(), "c"); err != nil { // deeper than the 1,000 levels of SQLite's cascades
		t.Fatal(err)
	}
}

func TestAppendReplaces(t *testing.T) {
	t.Parallel()
	d := fresh(t)
	create(t, d, "c")
	m := message("m", "c", "", store.RoleAssistant, store.Text{Text: "Hel"})
	m.Status = store.StatusStreaming
	steps := []struct {
		status store.Status
		text   string
		want   error
	}{
		{store.StatusStreaming, "Hel", nil},
		{store.StatusStreaming, "Hello", nil},
		{store.StatusInterrupted, "Hello", nil},
		{store.StatusStreaming, "Hello again", nil},
		{store.StatusComplete, "Hello again.", nil},
		{store.StatusStreaming, "late", store.ErrInvalid},
		{store.StatusComplete, "Hello again!", nil},
	}
	want := ""
	for i, s := range steps {
		m.Status, m.Parts = s.status, store.Parts{store.Text{Text: s.text}}
		err := d.Append(t.Context(), m)
		if !errors.Is(err, s.want) {
			t.Fatalf("step %d: error %v, want %v", i, err, s.want)
		}
		if err == nil {
			want = s.text
		}
		msgs, err := d.Chain(t.Context(), "c")
		if err != nil || len(msgs) != 1 || msgs[0].Text() != want {
			t.Fatalf("step %d: %v, error %v", i, msgs, err)
		}
	}
}

func TestAppendRefuses(t *testing.T) {
	t.Parallel()
	d := fresh(t)
	create(t, d, "c")
	create(t, d, "other")
	if err := d.Append(t.Context(), message("m", "c", "", store.RoleUser)); err != nil {
		t.Fatal(err)
	}
	nilPart := message("n", "c", "m", store.RoleUser)
	nilPart.Parts = store.Parts{nil}
	for name, tt := range map[string]struct {
		msgs []store.Message
		want error
	}{
		"no such conversation":        {[]store.Message{message("n", "none", "", store.RoleUser)}, store.ErrNotFound},
		"no such parent":              {[]store.Message{message("n", "c", "none", store.RoleUser)}, store.ErrNotFound},
		"parent comes later":          {[]store.Message{message("n", "c", "o", store.RoleUser), message("o", "c", "m", store.RoleUser)}, store.ErrNotFound},
		"parent of another":           {[]store.Message{message("n", "other", "m", store.RoleUser)}, store.ErrInvalid},
		"its own parent":              {[]store.Message{message("n", "c", "n", store.RoleUser)}, store.ErrInvalid},
		"two conversations":           {[]store.Message{message("n", "c", "m", store.RoleUser), message("o", "other", "", store.RoleUser)}, store.ErrInvalid},
		"id of another conversation":  {[]store.Message{message("m", "other", "", store.RoleUser)}, store.ErrInvalid},
		"another role":                {[]store.Message{message("m", "c", "", store.RoleTool)}, store.ErrInvalid},
		"another parent":              {[]store.Message{message("n", "c", "m", store.RoleUser), message("n", "c", "", store.RoleUser)}, store.ErrInvalid},
		"no id":                       {[]store.Message{message("", "c", "m", store.RoleUser)}, store.ErrInvalid},
		"a nil part":                  {[]store.Message{nilPart}, store.ErrInvalid},
		"the second of two is broken": {[]store.Message{message("n", "c", "m", store.RoleUser), message("o", "c", "none", store.RoleUser)}, store.ErrNotFound},
	} {
		if err := d.Append(t.Context(), tt.msgs...); !errors.Is(err, tt.want) {
			t.Errorf("%s: error %v, want %v", name, err, tt.want)
		}
	}
	equal(t, "chain", chainIDs(t, d, "c"), []string{"m"})
	equal(t, "other chain", chainIDs(t, d, "other"), []string{})
	if _, err := d.Chain(t.Context(), "none"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("chain of no conversation: %v", err)
	}
}

func TestUnfinished(t *testing.T) {
	t.Parallel()
	d := fresh(t)
	call := func(ids ...string) (ps store.Parts) {
		for _, id := range ids {
			ps = append(ps, store.ToolCall{ID: id, Arguments: json.RawMessage(`{}`)})
		}
		return ps
	}
	result := func(ids ...string) (ps store.Parts) {
		for _, id := range ids {
			ps = append(ps, store.ToolResult{CallID: id})
		}
		return ps
	}
	streaming := func(m store.Message) store.Message { m.Status = store.StatusStreaming; return m }
	cut := func(m store.Message) store.Message { m.Status = store.StatusInterrupted; return m }
	want := map[string]bool{}
	for name, tt := range map[string]struct {
		unfinished bool
		build      func(c string) []store.Message
	}{
		"empty":    {false, func(string) []store.Message { return nil }},
		"question": {false, func(c string) []store.Message { return []store.Message{message(c+"1", c, "", store.RoleUser)} }},
		"answered": {false, func(c string) []store.Message {
			return []store.Message{message(c+"1", c, "", store.RoleAssistant, store.Text{Text: "x"})}
		}},
		"streaming": {true, func(c string) []store.Message {
			return []store.Message{streaming(message(c+"1", c, "", store.RoleAssistant))}
		}},
		"open call": {true, func(c string) []store.Message {
			return []store.Message{message(c+"1", c, "", store.RoleAssistant, call("x")...)}
		}},
		"interrupted call": {true, func(c string) []store.Message {
			return []store.Message{cut(message(c+"1", c, "", store.RoleAssistant, call("x")...))}
		}},
		"interrupted text": {false, func(c string) []store.Message {
			return []store.Message{cut(message(c+"1", c, "", store.RoleAssistant))}
		}},
		"all calls closed": {false, func(c string) []store.Message {
			return []store.Message{message(c+"1", c, "", store.RoleAssistant, call("x", "y")...), message(c+"2", c, c+"1", store.RoleTool, result("x", "y")...)}
		}},
		"one call open": {true, func(c string) []store.Message {
			return []store.Message{message(c+"1", c, "", store.RoleAssistant, call("x", "y")...), message(c+"2", c, c+"1", store.RoleTool, result("x")...)}
		}},
		"open but branched": {false, func(c string) []store.Message {
			return []store.Message{message(c+"1", c, "", store.RoleAssistant, call("x")...), message(c+"2", c, "", store.RoleUser)}
		}},
	} {
		create(t, d, name)
		if err := d.Append(t.Context(), tt.build(name)...); err != nil {
			t.Fatal(err)
		}
		if tt.unfinished {
			want[name] = true
		}
	}
	cs, err := d.Unfinished(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, c := range cs {
		got[c.ID] = true
	}
	equal(t, "unfinished", got, want)
}

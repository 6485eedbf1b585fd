package db

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"modernc.org/sqlite"

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

func TestAppendIsOneCommit(t *testing.T) {
	t.Parallel()
	d := fresh(t)
	create(t, d, "c")
	var commits atomic.Int32
	conn, err := d.write.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	err = conn.Raw(func(c any) error {
		c.(sqlite.HookRegisterer).RegisterCommitHook(func() int32 { commits.Add(1); return 0 })
		return nil
	})
	if err := errors.Join(err, conn.Close()); err != nil {
		t.Fatal(err)
	}
	for i, msgs := range [][]store.Message{
		{message("1", "c", "", store.RoleUser)},
		{message("2", "c", "1", store.RoleAssistant), message("3", "c", "2", store.RoleTool), message("4", "c", "3", store.RoleAssistant)},
		{message("4", "c", "3", store.RoleAssistant)},
		{},
	} {
		commits.Store(0)
		if err := d.Append(t.Context(), msgs...); err != nil {
			t.Fatal(err)
		}
		if got, want := commits.Load(), int32(min(1, len(msgs))); got != want {
			t.Errorf("append %d: %d commits, want %d", i, got, want)
		}
	}
	if err := d.Append(t.Context(), message("x", "c", "none", store.RoleUser)); err == nil || commits.Load() != 0 {
		t.Errorf("a refused append: error %v, %d commits", err, commits.Load())
	}
}

func TestConnectionsAreDurable(t *testing.T) {
	t.Parallel()
	d := fresh(t)
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "5000"} {
		var got string
		if err := d.write.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q (error %v), want %q", pragma, got, err, want)
		}
	}
	if _, err := d.read.ExecContext(t.Context(), "DELETE FROM conversations"); err == nil {
		t.Error("a reader can write")
	}
}

func TestUpdateConversation(t *testing.T) {
	t.Parallel()
	d := fresh(t)
	create(t, d, "c")
	before, err := d.Conversation(t.Context(), "c")
	if err != nil {
		t.Fatal(err)
	}
	got, err := d.UpdateConversation(t.Context(), "c", func(c *store.Conversation) {
		c.Title, c.System, c.Model = "New", "S", store.ModelRef{Provider: "p", Model: "m"}
		c.Switches = c.Switches.SetServer("s", false)
	})
	if err != nil {
		t.Fatal(err)
	}
	want := before
	want.Title, want.System, want.Model = "New", "S", store.ModelRef{Provider: "p", Model: "m"}
	want.Switches = want.Switches.SetServer("s", false)
	equal(t, "returned", got, want)
	if got, err = d.Conversation(t.Context(), "c"); err != nil {
		t.Fatal(err)
	}
	equal(t, "kept", got, want)

	if _, err := d.UpdateConversation(t.Context(), "none", func(*store.Conversation) {}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("no such conversation: %v", err)
	}
	if _, err := d.UpdateConversation(t.Context(), "c", func(c *store.Conversation) { c.Head = "x" }); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("moving the head: %v", err)
	}
	func() {
		defer func() { _ = recover() }()
		_, _ = d.UpdateConversation(t.Context(), "c", func(*store.Conversation) { panic("a fault of the caller") })
	}()
	if err := d.CreateConversation(t.Context(), store.Conversation{ID: "c"}); !errors.Is(err, store.ErrExists) {
		t.Errorf("after a panic, a second conversation c: %v", err)
	}
}

func TestUpdatesDoNotLoseEachOther(t *testing.T) {
	t.Parallel()
	d := fresh(t)
	create(t, d, "c")
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			_, err := d.UpdateConversation(t.Context(), "c", func(c *store.Conversation) {
				c.Switches = c.Switches.SetServer(fmt.Sprint(i), true)
			})
			if err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			if err := d.Append(t.Context(), message(fmt.Sprint("m", i), "c", "", store.RoleUser)); err != nil {
				t.Error(err)
			}
			if _, err := d.Chain(t.Context(), "c"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	c, err := d.Conversation(t.Context(), "c")
	if err != nil || len(c.Switches.Servers) != 20 {
		t.Errorf("%d switches are left of 20; error %v", len(c.Switches.Servers), err)
	}
}

func TestOrderAndDelete(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	d, err := openWith(t.Context(), filepath.Join(t.TempDir(), "h.db"), options{now: func() time.Time { return now }, busy: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	for _, id := range []string{"a", "b", "c"} {
		now = now.Add(time.Second)
		create(t, d, id)
	}
	list := func() []string {
		t.Helper()
		cs, err := d.Conversations(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ids := []string{}
		for _, c := range cs {
			ids = append(ids, c.ID)
		}
		return ids
	}
	equal(t, "list", list(), []string{"c", "b", "a"})
	now = now.Add(time.Second)
	if err := d.Append(t.Context(), message("m", "a", "", store.RoleUser), message("n", "a", "m", store.RoleUser)); err != nil {
		t.Fatal(err)
	}
	equal(t, "list after a message", list(), []string{"a", "c", "b"})
	if err := d.SetToolAnswer(t.Context(), "a", "s", "t", "always"); err != nil {
		t.Fatal(err)
	}
	if err := d.DeleteConversation(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	equal(t, "list after deletion", list(), []string{"c", "b"})
	var left int
	if err := d.read.QueryRowContext(t.Context(), "SELECT (SELECT count(*) FROM messages) + (SELECT count(*) FROM tool_answers)").Scan(&left); err != nil || left != 0 {
		t.Errorf("%d rows are left of the deleted conversation; error %v", left, err)
	}
	if err := d.DeleteConversation(t.Context(), "a"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("deleting twice: %v", err)
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

func TestCancelledContextKeepsNothing(t *testing.T) {
	t.Parallel()
	d := fresh(t)
	create(t, d, "c")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.Append(ctx, message("m", "c", "", store.RoleUser)); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	equal(t, "chain", chainIDs(t, d, "c"), []string{})
}

func TestClosed(t *testing.T) {
	t.Parallel()
	d := fresh(t)
	create(t, d, "c")
	if err := errors.Join(d.Close(), d.Close()); err != nil {
		t.Fatal(err)
	}
	if err := d.Append(t.Context(), message("m", "c", "", store.RoleUser)); !errors.Is(err, store.ErrClosed) {
		t.Errorf("append: %v", err)
	}
	if _, err := d.Chain(t.Context(), "c"); !errors.Is(err, store.ErrClosed) {
		t.Errorf("chain: %v", err)
	}
}

func TestLedger(t *testing.T) {
	t.Parallel()
	d := fresh(t)
	ctx := t.Context()
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	approved := func(server, hash string, want bool) {
		t.Helper()
		if got, err := d.ServerApproved(ctx, server, hash); err != nil || got != want {
			t.Errorf("%s approved with %s: %v (error %v), want %v", server, hash, got, err, want)
		}
	}
	approved("s", "h1", false)
	ok(d.ApproveServer(ctx, "s", "h1"))
	ok(d.ApproveServer(ctx, "s", "h1"))
	ok(d.ApproveServer(ctx, "other", "h1"))
	approved("s", "h1", true)
	approved("s", "h2", false)
	ok(d.ApproveServer(ctx, "s", "h2"))
	approved("s", "h2", true)
	approved("s", "h1", false)

	pins := map[string]store.Pin{
		"":   {Hash: "i", Definition: json.RawMessage(`"Use me."`)},
		"t":  {Hash: "a", Definition: json.RawMessage(`{"name":"t"}`)},
		"t2": {Hash: "b"},
	}
	ok(d.SetPins(ctx, "s", pins))
	ok(d.SetPins(ctx, "other", map[string]store.Pin{"t": {Hash: "z"}}))
	got, err := d.Pins(ctx, "s")
	ok(err)
	equal(t, "pins", got, pins)
	ok(d.SetPins(ctx, "s", map[string]store.Pin{"t2": {}, "t": {Hash: "c"}, "t3": {Hash: "d"}}))
	got, err = d.Pins(ctx, "s")
	ok(err)
	equal(t, "pins after a change", got, map[string]store.Pin{"": pins[""], "t": {Hash: "c"}, "t3": {Hash: "d"}})

	answer := func(conversation, server, tool, want string) {
		t.Helper()
		if got, err := d.ToolAnswer(ctx, conversation, server, tool); err != nil || got != want {
			t.Errorf("answer for %s %s in %q: %q (error %v), want %q", server, tool, conversation, got, err, want)
		}
	}
	answer("", "s", "t", "")
	ok(d.SetToolAnswer(ctx, "", "s", "t", "always"))
	ok(d.SetToolAnswer(ctx, "c", "s", "t", "conversation"))
	ok(d.SetToolAnswer(ctx, "", "other", "t", "never"))
	ok(d.SetToolAnswer(ctx, "", "other", "t", "always"))
	answer("", "s", "t", "always")
	answer("c", "s", "t", "conversation")
	answer("c2", "s", "t", "")
	all, err := d.ToolAnswers(ctx)
	ok(err)
	equal(t, "standing answers", all, []store.ToolAnswer{{Server: "other", Tool: "t", Answer: "always"}, {Server: "s", Tool: "t", Answer: "always"}})
	ok(d.SetToolAnswer(ctx, "", "s", "t", ""))
	answer("", "s", "t", "")
	answer("c", "s", "t", "conversation")

	ok(d.ForgetServer(ctx, "s"))
	approved("s", "h2", false)
	answer("c", "s", "t", "")
	got, err = d.Pins(ctx, "s")
	ok(err)
	equal(t, "pins of a forgotten server", got, map[string]store.Pin{})
	approved("other", "h1", true)
	answer("", "other", "t", "always")
	got, err = d.Pins(ctx, "other")
	ok(err)
	equal(t, "pins of the other", got, map[string]store.Pin{"t": {Hash: "z"}})
}

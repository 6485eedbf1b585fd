package db

import (
	"context"
	"encoding/json"
	"errors"
	"sync/atomic"
	"testing"

	"modernc.org/sqlite"

	"github.com/drawbridge-app/drawbridge/store"
)

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

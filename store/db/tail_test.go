package db

import (
	"errors"
	"fmt"
	"testing"

	"github.com/drawbridge-app/drawbridge/store"
)

// TestTail reads a conversation from its end, with a branch beside it.
func TestTail(t *testing.T) {
	d := fresh(t)
	create(t, d, "c")
	parent := ""
	add := func(id string, role store.Role, parts ...store.Part) {
		m := message(id, "c", parent, role, parts...)
		if role == store.RoleAssistant {
			m.Model, m.Usage = store.ModelRef{Provider: "p", Model: "m"}, store.Usage{Input: 10, Output: 1}
		}
		if err := d.Append(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		parent = id
	}
	for i := range 10 {
		add(fmt.Sprint("u", i), store.RoleUser)
		add(fmt.Sprint("a", i), store.RoleAssistant, store.ToolCall{ID: fmt.Sprint("k", i), Name: "n", Arguments: []byte("{}")})
		add(fmt.Sprint("t", i), store.RoleTool, store.ToolResult{CallID: fmt.Sprint("k", i)})
	}
	all, err := d.Chain(t.Context(), "c")
	if err != nil || len(all) != 30 {
		t.Fatal(len(all), err)
	}
	tail, earlier, err := d.Tail(t.Context(), "c", 8)
	if err != nil {
		t.Fatal(err)
	}
	// 8 would begin with an answer: it begins with the message after it.
	equal(t, "tail", tail, all[24:])
	equal(t, "earlier", earlier, 24)
	var got []store.Message
	got = append(got, tail...)
	for earlier > 0 {
		var before []store.Message
		if before, earlier, err = d.Before(t.Context(), "c", got[0].ID, 7, len(got)); err != nil {
			t.Fatal(err)
		}
		if len(before) == 0 || before[0].Role != store.RoleUser {
			t.Fatalf("before %s come %v", got[0].ID, before)
		}
		got = append(before, got...)
	}
	equal(t, "piece by piece", got, all)
	before, earlier, err := d.Before(t.Context(), "c", "u8", 0, 6)
	if err != nil || earlier != 0 {
		t.Fatal(earlier, err)
	}
	equal(t, "all before", before, all[:24])
	if tail, earlier, err = d.Tail(t.Context(), "c", 100); err != nil || earlier != 0 || len(tail) != 30 {
		t.Errorf("%d messages, %d earlier, %v", len(tail), earlier, err)
	}

	// Another branch is not read, and counts in the estimate alone.
	parent = "t3"
	add("other", store.RoleUser)
	tail, earlier, err = d.Tail(t.Context(), "c", 1)
	if err != nil || len(tail) != 1 || tail[0].ID != "other" || earlier != 30 {
		t.Errorf("%v, %d earlier, %v", tail, earlier, err)
	}
	if before, _, err = d.Before(t.Context(), "c", "other", 0, 1); err != nil || len(before) != 12 {
		t.Errorf("%d before, %v", len(before), err)
	}
	spent, err := d.Spent(t.Context(), "c")
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "spent", spent, []store.Used{{Model: store.ModelRef{Provider: "p", Model: "m"}, Usage: store.Usage{Input: 40, Output: 4}}})

	for _, err := range []error{
		func() error { _, _, err := d.Tail(t.Context(), "none", 5); return err }(),
		func() error { _, _, err := d.Before(t.Context(), "c", "none", 5, 0); return err }(),
	} {
		if !errors.Is(err, store.ErrNotFound) {
			t.Errorf("of what is not there: %v", err)
		}
	}
	create(t, d, "empty")
	if tail, earlier, err := d.Tail(t.Context(), "empty", 5); err != nil || len(tail) != 0 || earlier != 0 {
		t.Errorf("a new one: %v %d %v", tail, earlier, err)
	}
}

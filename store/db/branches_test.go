package db

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/drawbridge-app/drawbridge/store"
)

// grown returns a database with this tree, in the order of the letters; t
// answers the calls of b:
//
//	a ─ b ─ t ─ c ─ d
//	│           └── e
//	└── f ─ g
//	h ─ i
func grown(t *testing.T) *DB {
	t.Helper()
	d := fresh(t)
	ctx := t.Context()
	for _, id := range []string{"c", "other"} {
		if err := d.CreateConversation(ctx, store.Conversation{ID: id}); err != nil {
			t.Fatal(err)
		}
	}
	call := store.ToolCall{ID: "1", Name: "n", Arguments: []byte("{}")}
	for _, m := range []store.Message{
		{ID: "a", Role: store.RoleUser},
		{ID: "b", ParentID: "a", Role: store.RoleAssistant, Parts: store.Parts{call}},
		{ID: "t", ParentID: "b", Role: store.RoleTool, Parts: store.Parts{store.ToolResult{CallID: "1"}}},
		{ID: "c", ParentID: "t", Role: store.RoleAssistant},
		{ID: "d", ParentID: "c", Role: store.RoleUser},
		{ID: "e", ParentID: "c", Role: store.RoleUser},
		{ID: "f", ParentID: "a", Role: store.RoleAssistant},
		{ID: "g", ParentID: "f", Role: store.RoleUser},
		{ID: "h", Role: store.RoleUser},
		{ID: "i", ParentID: "h", Role: store.RoleAssistant},
	} {
		m.ConversationID, m.Status = "c", store.StatusComplete
		if err := d.Append(ctx, m); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Append(ctx, store.Message{ID: "x", ConversationID: "other", Role: store.RoleUser, Status: store.StatusComplete}); err != nil {
		t.Fatal(err)
	}
	return d
}

func ids(msgs []store.Message) string {
	var b strings.Builder
	for _, m := range msgs {
		b.WriteString(m.ID)
	}
	return b.String()
}

func TestBranches(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	d := grown(t)
	for _, test := range []struct {
		message  string
		leaf     bool
		head     string
		chain    string
		siblings map[string][]string
	}{
		{"i", false, "i", "hi", map[string][]string{"h": {"a", "h"}}},
		{"a", false, "a", "a", map[string][]string{"a": {"a", "h"}}},
		{"b", false, "t", "abt", map[string][]string{"a": {"a", "h"}, "b": {"b", "f"}}},
		{"t", false, "t", "abt", map[string][]string{"a": {"a", "h"}, "b": {"b", "f"}}},
		{"d", false, "d", "abtcd", map[string][]string{"a": {"a", "h"}, "b": {"b", "f"}, "d": {"d", "e"}}},
		{"b", true, "e", "abtce", map[string][]string{"a": {"a", "h"}, "b": {"b", "f"}, "e": {"d", "e"}}},
		{"a", true, "g", "afg", map[string][]string{"a": {"a", "h"}, "f": {"b", "f"}}},
		{"g", true, "g", "afg", map[string][]string{"a": {"a", "h"}, "f": {"b", "f"}}},
		{"", false, "", "", map[string][]string{}},
	} {
		t.Run(fmt.Sprintf("%s %v", test.message, test.leaf), func(t *testing.T) {
			before, err := d.Conversation(ctx, "c")
			if err != nil {
				t.Fatal(err)
			}
			head, err := d.SetHead(ctx, "c", test.message, test.leaf)
			if err != nil || head != test.head {
				t.Errorf("the head is %q, %v; want %q", head, err, test.head)
			}
			chain, err := d.Chain(ctx, "c")
			if err != nil || ids(chain) != test.chain {
				t.Errorf("the chain is %s, %v; want %s", ids(chain), err, test.chain)
			}
			siblings, err := d.Siblings(ctx, "c")
			if err != nil || !reflect.DeepEqual(siblings, test.siblings) {
				t.Errorf("the siblings are %v, %v; want %v", siblings, err, test.siblings)
			}
			after, err := d.Conversation(ctx, "c")
			if err != nil || !after.UpdatedAt.Equal(before.UpdatedAt) || after.Head != test.head {
				t.Errorf("%+v, %v", after, err)
			}
		})
	}
	if open, err := d.Unfinished(ctx); err != nil || len(open) != 0 {
		t.Errorf("going to a message left %v open, %v", open, err)
	}
}

func TestChainTo(t *testing.T) {
	t.Parallel()
	d := grown(t)
	for message, want := range map[string]string{"a": "a", "b": "abt", "t": "abt", "d": "abtcd", "g": "afg", "i": "hi"} {
		chain, err := d.ChainTo(t.Context(), "c", message)
		if err != nil || ids(chain) != want {
			t.Errorf("the chain to %s is %s, %v; want %s", message, ids(chain), err, want)
		}
	}
	if head, err := d.Conversation(t.Context(), "c"); err != nil || head.Head != "i" {
		t.Errorf("reading moved the head to %s, %v", head.Head, err)
	}
}

func TestBranchesThatAreNotThere(t *testing.T) {
	t.Parallel()
	d := grown(t)
	ctx := t.Context()
	for _, leaf := range []bool{false, true} {
		for _, at := range [][2]string{{"c", "x"}, {"c", "nothing"}, {"other", "a"}, {"nowhere", "a"}, {"nowhere", ""}} {
			if _, err := d.SetHead(ctx, at[0], at[1], leaf); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("going to %v: %v", at, err)
			}
		}
	}
	for _, at := range [][2]string{{"c", "x"}, {"c", ""}, {"other", "a"}, {"nowhere", "a"}} {
		if chain, err := d.ChainTo(ctx, at[0], at[1]); !errors.Is(err, store.ErrNotFound) || chain != nil {
			t.Errorf("the chain to %v: %s, %v", at, ids(chain), err)
		}
	}
	if _, err := d.Siblings(ctx, "nowhere"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the siblings of nowhere: %v", err)
	}
	if c, err := d.Conversation(ctx, "c"); err != nil || c.Head != "i" {
		t.Errorf("the head moved to %s, %v", c.Head, err)
	}
}

func TestAsideIsKept(t *testing.T) {
	t.Parallel()
	d := grown(t)
	m := store.ModelRef{Provider: "p", Model: "m"}
	for range 2 {
		_, err := d.UpdateConversation(t.Context(), "c", func(c *store.Conversation) {
			c.Aside = store.AddUsed(c.Aside, m, store.Usage{Input: 3, Output: 1})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	c, err := d.Conversation(t.Context(), "c")
	if want := []store.Used{{Model: m, Usage: store.Usage{Input: 6, Output: 2}}}; err != nil || !reflect.DeepEqual(c.Aside, want) {
		t.Errorf("%+v, %v", c.Aside, err)
	}
}

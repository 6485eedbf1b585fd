package db

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/store"
)

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

package memory

import (
	"errors"
	"fmt"
	"testing"

	"github.com/drawbridge-app/drawbridge/store"
)

// TestTail reads a conversation from its end.
func TestTail(t *testing.T) {
	h, ctx := NewHistory(), t.Context()
	if err := h.CreateConversation(ctx, store.Conversation{ID: "c"}); err != nil {
		t.Fatal(err)
	}
	parent := ""
	for i := range 10 {
		for _, role := range []store.Role{store.RoleUser, store.RoleAssistant} {
			m := store.Message{ID: fmt.Sprint(role, i), ConversationID: "c", ParentID: parent, Role: role, Status: store.StatusComplete}
			if role == store.RoleAssistant {
				m.Model.Model, m.Usage.Input = "m", 5
			}
			if err := h.Append(ctx, m); err != nil {
				t.Fatal(err)
			}
			parent = m.ID
		}
	}
	tail, earlier, err := h.Tail(ctx, "c", 5)
	if err != nil || len(tail) != 4 || earlier != 16 || tail[0].Role != store.RoleUser {
		t.Errorf("%d messages, %d earlier, %v", len(tail), earlier, err)
	}
	before, earlier, err := h.Before(ctx, "c", tail[0].ID, 3, 4)
	if err != nil || len(before) != 2 || earlier != 14 {
		t.Errorf("%d before, %d earlier, %v", len(before), earlier, err)
	}
	if before, earlier, err = h.Before(ctx, "c", tail[0].ID, 0, 4); err != nil || len(before) != 16 || earlier != 0 {
		t.Errorf("%d before, %d earlier, %v", len(before), earlier, err)
	}
	if spent, err := h.Spent(ctx, "c"); err != nil || len(spent) != 1 || spent[0].Usage.Input != 50 {
		t.Errorf("spent %v, %v", spent, err)
	}
	if _, _, err := h.Before(ctx, "c", "none", 1, 0); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("before nothing: %v", err)
	}
}

package memory_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/memory"
	"github.com/drawbridge-app/drawbridge/store"
)

func message(id, parent string, role store.Role, parts ...store.Part) store.Message {
	return store.Message{ID: id, ConversationID: "c", ParentID: parent, Role: role, Status: store.StatusComplete, Parts: parts, CreatedAt: time.Unix(1, 0)}
}

func ids(list []store.Message) string {
	var out []string
	for _, m := range list {
		out = append(out, m.ID)
	}
	return strings.Join(out, " ")
}

// Branches come and go as in the database.
func TestHistory(t *testing.T) {
	t.Parallel()
	ctx, h := t.Context(), memory.NewHistory()
	if err := h.CreateConversation(ctx, store.Conversation{ID: "c"}); err != nil {
		t.Fatal(err)
	}
	if err := h.CreateConversation(ctx, store.Conversation{ID: "c"}); !errors.Is(err, store.ErrExists) {
		t.Error(err)
	}
	call := store.ToolCall{ID: "1"}
	for _, m := range []store.Message{
		message("u", "", store.RoleUser), message("a1", "u", store.RoleAssistant, call),
	} {
		if err := h.Append(ctx, m); err != nil {
			t.Fatal(err)
		}
	}
	if open, err := h.Unfinished(ctx); err != nil || len(open) != 1 {
		t.Errorf("%v %v", open, err)
	}
	if err := h.Append(ctx, message("t1", "a1", store.RoleTool, store.ToolResult{CallID: "1"}), message("b1", "t1", store.RoleAssistant)); err != nil {
		t.Fatal(err)
	}
	if open, err := h.Unfinished(ctx); err != nil || len(open) != 0 {
		t.Errorf("%v %v", open, err)
	}
	if err := h.Append(ctx, message("a2", "u", store.RoleAssistant)); err != nil {
		t.Fatal(err)
	}
	chain, err := h.Chain(ctx, "c")
	if err != nil || ids(chain) != "u a2" {
		t.Errorf("%s %v", ids(chain), err)
	}
	if chain, err = h.ChainTo(ctx, "c", "a1"); err != nil || ids(chain) != "u a1 t1" {
		t.Errorf("%s %v", ids(chain), err)
	}
	siblings, err := h.Siblings(ctx, "c")
	if err != nil || len(siblings) != 1 || !slices.Equal(siblings["a2"], []string{"a1", "a2"}) {
		t.Errorf("%v %v", siblings, err)
	}
	if head, err := h.SetHead(ctx, "c", "a1", true); err != nil || head != "b1" {
		t.Errorf("%s %v", head, err)
	}
	if head, err := h.SetHead(ctx, "c", "a1", false); err != nil || head != "t1" {
		t.Errorf("%s %v", head, err)
	}
	for name, m := range map[string]store.Message{
		"no parent":      message("x", "nobody", store.RoleUser),
		"another role":   message("a1", "u", store.RoleUser),
		"another parent": message("a2", "a1", store.RoleAssistant),
		"streams again": func() store.Message {
			m := message("a2", "u", store.RoleAssistant)
			m.Status = store.StatusStreaming
			return m
		}(),
		"no id": message("", "u", store.RoleUser),
		"no such conversation": func() store.Message {
			m := message("y", "", store.RoleUser)
			m.ConversationID = "d"
			return m
		}(),
	} {
		if err := h.Append(ctx, m); !errors.Is(err, store.ErrInvalid) && !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	c, err := h.UpdateConversation(ctx, "c", func(c *store.Conversation) { c.Title, c.Head, c.ID = "T", "u", "z" })
	if err != nil || c.Title != "T" || c.ID != "c" || c.Head != "t1" {
		t.Errorf("%+v %v", c, err)
	}
	if err := h.DeleteConversation(ctx, "c"); err != nil {
		t.Error(err)
	}
	if _, err := h.ChainTo(ctx, "c", "u"); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
	if all, err := h.Conversations(ctx); err != nil || len(all) != 0 {
		t.Errorf("%v %v", all, err)
	}
}

func TestLedger(t *testing.T) {
	t.Parallel()
	ctx, l := t.Context(), memory.NewLedger()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
	must(l.ApproveServer(ctx, "s", "1"))
	must(l.ApproveServer(ctx, "s", "2"))
	if ok, _ := l.ServerApproved(ctx, "s", "1"); ok {
		t.Error("an earlier approval holds")
	}
	if ok, _ := l.ServerApproved(ctx, "nobody", ""); ok {
		t.Error("nothing is approved")
	}
	must(l.SetPins(ctx, "s", map[string]store.Pin{"a": {Hash: "1"}, "b": {Hash: "1"}}))
	must(l.SetPins(ctx, "s", map[string]store.Pin{"a": {}, "c": {Hash: "2"}}))
	if pins, _ := l.Pins(ctx, "s"); strings.Join(slices.Sorted(maps.Keys(pins)), " ") != "b c" {
		t.Errorf("%v", pins)
	}
	for tool, answer := range map[string]string{"a": "always", "b": "never", "c": "ask"} {
		must(l.SetToolAnswer(ctx, "", "s", tool, answer))
		must(l.SetToolAnswer(ctx, "c1", "s", tool, "conversation"))
	}
	must(l.VoidToolAnswers(ctx, "s", []string{"a", "b", "c"}))
	if all, _ := l.ToolAnswers(ctx); len(all) != 2 || all[0].Answer != "never" {
		t.Errorf("%v", all)
	}
	if a, _ := l.ToolAnswer(ctx, "c1", "s", "a"); a != "" {
		t.Error(a)
	}
	must(l.AllowFlow(ctx, "c1", store.Flow{Server: "o", Tool: "t", Source: "s"}))
	must(l.AllowFlow(ctx, "c1", store.Flow{Server: "o", Tool: "t", Source: "s"}))
	if flows, _ := l.Flows(ctx, "c1"); len(flows) != 1 {
		t.Errorf("%v", flows)
	}
	must(l.ForgetServer(ctx, "s"))
	all, _ := l.ToolAnswers(ctx)
	flows, _ := l.Flows(ctx, "c1")
	pins, _ := l.Pins(ctx, "s")
	if ok, _ := l.ServerApproved(ctx, "s", "2"); ok || len(all)+len(flows)+len(pins) > 0 {
		t.Errorf("%v %v %v %v", ok, all, flows, pins)
	}
	must(l.AddUsage(ctx, "1", map[string]int64{"x": 2}))
	must(l.AddUsage(ctx, "1", map[string]int64{"x": 3}))
	if u, _ := l.Usage(ctx, "1"); u["x"] != 5 {
		t.Errorf("%v", u)
	}
	must(l.SetRaised(ctx, true, "me"))
	if up, _ := l.Raised(ctx); !up {
		t.Error("it is lowered")
	}
}

// What is returned is a copy, and what cannot work is not kept.
func TestSettings(t *testing.T) {
	t.Parallel()
	s := memory.NewSettings(store.Settings{StepLimit: 3, Folders: []string{"/a"}}, store.ServerConfig{ID: "a", Name: "a", Transport: store.TransportStdio, Command: "x", Args: []string{"1"}})
	s.Settings().Folders[0] = "/b"
	s.Servers()[0].Args[0] = "2"
	if got := s.Settings(); got.Folders[0] != "/a" || got.StepLimit != 3 || s.Servers()[0].Args[0] != "1" {
		t.Errorf("%+v %+v", got, s.Servers())
	}
	no := errors.New("no")
	if err := s.Update(func(s *store.Settings) error { s.StepLimit = 9; return no }); !errors.Is(err, no) || s.Settings().StepLimit != 3 {
		t.Error(err)
	}
	if err := s.UpdateServers(func(all []store.ServerConfig) ([]store.ServerConfig, error) { return append(all, all[0]), nil }); !errors.Is(err, store.ErrExists) {
		t.Error(err)
	}
	if err := s.UpdateServers(func([]store.ServerConfig) ([]store.ServerConfig, error) {
		return []store.ServerConfig{{Name: "b"}}, nil
	}); !errors.Is(err, store.ErrInvalid) || len(s.Servers()) != 1 {
		t.Error(err)
	}
}

func TestSecrets(t *testing.T) {
	t.Parallel()
	ctx, s := t.Context(), memory.NewSecrets()
	if _, err := s.Get(ctx, "a"); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
	if err := s.Set(ctx, "a", store.NewSecret("x")); err != nil {
		t.Error(err)
	}
	if v, err := s.Get(ctx, "a"); err != nil || v.Reveal() != "x" {
		t.Error(err)
	}
	if err := s.Remove(ctx, "a"); err != nil {
		t.Error(err)
	}
	if list, _ := s.List(ctx); len(list) != 0 || s.State(ctx).Place != store.SecretsMemory || !errors.Is(s.UsePassphrase(ctx, store.NewSecret("x")), store.ErrInvalid) {
		t.Error(list)
	}
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// TestAuditOfCalls looks into the database itself: what was refused and answered
// is there when the answer is, and a call that ran soon after.
func TestAuditOfCalls(t *testing.T) {
	t.Parallel()
	m := newManagedBench(t, store.ProviderChat, "/v1/chat/completions")
	ctx := t.Context()
	records := func(q store.AuditQuery) []store.AuditRecord {
		t.Helper()
		list, err := m.db.Audit(ctx, q) // past everything that waits in memory
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	call := func(inv tools.Invocation, ask chat.Ask) tools.Result {
		inv.Ref, inv.CallID, inv.Arguments = tools.Ref{Server: "docs", Tool: "search"}, "1", json.RawMessage(`{"q":"a canary"}`)
		return m.b.CallTool(ctx, inv, ask, nil)
	}
	typed := tools.Invocation{Client: tools.ClientCommand}

	if r := call(typed, nil); r.IsError || r.Denied != nil || r.Part("1").Denied {
		t.Fatalf("%+v", r)
	}
	until(t, time.Minute, "the call is in the audit", func() bool { return len(records(store.AuditQuery{Kind: store.AuditCall})) == 1 })
	r := records(store.AuditQuery{})[0]
	if r.Client != "command" || r.Server != "docs" || r.Tool != "search" || r.Decision != "allow" || string(r.ArgumentShape) != `{"q":"string"}` ||
		r.Arguments != nil || r.ResultBytes != int64(len("search of a canary")) || r.Elapsed <= 0 || r.Error != "" || r.At.IsZero() {
		t.Errorf("kept %+v", r)
	}

	// In a conversation: each answer first, then what came of it.
	inChat := tools.Invocation{Client: tools.ClientChat, Conversation: m.conv.ID}
	var before int
	result := call(inChat, func(context.Context, tools.Verdict) (tools.Answer, error) {
		before = len(records(store.AuditQuery{}))
		return tools.AnswerDeny, nil
	})
	list := records(store.AuditQuery{})
	if !errors.Is(result.Denied, store.ErrDenied) || !result.Part("1").Denied || len(list) != before+2 {
		t.Fatalf("%d records, %+v", len(list), result)
	}
	if list[1].Kind != store.AuditApproval || list[1].Decision != "deny" || list[0].Kind != store.AuditDecision || list[0].Decision != "deny" ||
		list[0].Conversation != m.conv.ID || !strings.Contains(list[0].Reason, "denied") {
		t.Errorf("kept %+v", list[:2])
	}
	// By a client of the gateway: with its key, and only what its key may see.
	_, value, err := m.b.AddKey(ctx, "cursor", "", store.Limits{Servers: []string{"another"}})
	if err != nil {
		t.Fatal(err)
	}
	caller, err := m.b.Authenticate(ctx, value)
	if err != nil {
		t.Fatal(err)
	}
	caller.Session = "session"
	result = call(tools.Invocation{Client: tools.ClientGateway, Caller: &caller}, nil)
	list = records(store.AuditQuery{Key: caller.Key})
	if !errors.Is(result.Denied, store.ErrDenied) || len(list) != 1 || list[0].Session != "session" || list[0].Client != "gateway" || list[0].Decision != "deny" {
		t.Errorf("%+v, kept %+v", result, list)
	}
	if got := m.lib.log(); len(got) != 1 {
		t.Errorf("the library was asked for %q", got)
	}
	if err := m.b.RevokeKey(ctx, "cursor"); err != nil {
		t.Fatal(err)
	}
	if _, err := m.b.Authenticate(ctx, value); !errors.Is(err, store.ErrDenied) {
		t.Errorf("a revoked key: %v", err)
	}
	for range 100 { // of a flood, some
		if _, err := m.b.Authenticate(ctx, store.NewKeyValue()); !errors.Is(err, store.ErrDenied) {
			t.Errorf("an unknown key: %v", err)
		}
	}
	if list := records(store.AuditQuery{Text: "a key was shown", Limit: 1000}); len(list) < 60 || len(list) > 99 {
		t.Errorf("of 101 wrong keys %d are kept", len(list))
	}
	if err := m.b.SetStandingAnswer(ctx, tools.Ref{Server: "docs", Tool: "order"}, tools.AnswerAlways); err != nil {
		t.Fatal(err)
	}
	if list := records(store.AuditQuery{Kind: store.AuditApproval}); list[0].Decision != "always" || list[0].Tool != "order" || !strings.Contains(list[len(list)-1].Reason, "configuration was approved") {
		t.Errorf("kept %+v", list)
	}
	var export strings.Builder
	if err := m.b.ExportAudit(ctx, &export, store.AuditQuery{}); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(export.String()), "\n")
	for _, line := range lines {
		var one store.AuditRecord
		if err := json.Unmarshal([]byte(line), &one); err != nil || one.ID == 0 {
			t.Errorf("exported %s (%v)", line, err)
		}
	}
	if len(lines) != len(records(store.AuditQuery{Limit: 1000})) || strings.Contains(export.String(), "canary") || strings.Contains(export.String(), value.Reveal()) {
		t.Errorf("exported %s", export.String())
	}

	// Values where they are wanted, and then without secrets.
	if err := m.b.UpdateSettings(func(s *store.Settings) error { s.AuditArguments = true; return nil }); err != nil {
		t.Fatal(err)
	}
	inv := typed
	inv.Ref, inv.Arguments = tools.Ref{Server: "docs", Tool: "order"}, json.RawMessage(fmt.Sprintf(`{"q":"send %s to","more":1}`, managedToken))
	m.b.CallTool(ctx, inv, nil, nil) // its arguments do not fit, so it does not run
	inv.Arguments = json.RawMessage(fmt.Sprintf(`{"q":"send %s to"}`, managedToken))
	if r := m.b.CallTool(ctx, inv, nil, nil); r.IsError {
		t.Fatalf("%+v", r)
	}
	list, err = m.b.Audit(ctx, store.AuditQuery{Tool: "order", Kind: store.AuditCall})
	if err != nil || len(list) != 1 || !strings.Contains(string(list[0].Arguments), "send "+tools.Redacted) {
		t.Errorf("kept %+v (%v)", list, err)
	}
	m.leaks()
}

// until waits for a condition.
func until(t *testing.T, within time.Duration, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(within); !ok(); {
		if time.Now().After(end) {
			t.Fatalf("%v went by before: %s", within, what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// TestRaiseStopsEverything raises the bridge while a call runs on a process, and
// while a provider that connects to servers itself answers.
func TestRaiseStopsEverything(t *testing.T) {
	t.Parallel()
	m := newManagedBench(t, store.ProviderResponses, "/v1/responses")
	ctx := t.Context()
	ran := filepath.Join(m.dir, "ran")
	if err := os.WriteFile(ran, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := m.b.AddServer(ctx, setup.Draft{Config: store.ServerConfig{
		Name: "slow", Transport: store.TransportStdio, Command: program(t, "slow-mcp"),
		Env: map[string]store.Value{"PIDS": store.Value(t.TempDir()), "PAUSE": "10m", "RAN": store.Value(ran)},
	}}, true)
	if err != nil {
		t.Fatal(err)
	}
	if v := settle(t, m.b, c.ID); v.State != mcphost.Ready {
		t.Fatalf("%s: %s", v.State, v.Error)
	}
	slow := func(ctx context.Context) tools.Result {
		return m.b.CallTool(ctx, tools.Invocation{
			Client: tools.ClientCommand, Ref: tools.Ref{Server: "slow", Tool: "say"}, Arguments: json.RawMessage(`{"text":"x"}`),
		}, nil, nil)
	}
	calls := make(chan tools.Result, 1)
	go func() { calls <- slow(ctx) }()
	// The provider has begun, and says nothing more until it is broken off.
	begun, over := make(chan struct{}), make(chan struct{})
	m.svc.script(func(w http.ResponseWriter, r wireRequest) {
		close(begun)
		stream(w, map[string]any{"type": "response.created", "response": map[string]any{"id": "r", "status": "in_progress"}})
		w.(http.Flusher).Flush()
		<-over
	})
	defer close(over)
	turn := make(chan error, 1)
	go func() { turn <- m.send("look", &managedPerson{}) }()
	<-begun
	until(t, time.Minute, "the call runs", func() bool { return m.b.Running() == 2 })

	if err := m.b.Raise(ctx, "test"); err != nil {
		t.Fatal(err)
	}
	limit := time.After(time.Minute)
	select {
	case r := <-calls:
		if !r.IsError || !strings.Contains(r.Content.Text(), "The bridge is raised") {
			t.Errorf("the call gave %+v", r)
		}
	case <-limit:
		t.Fatal("the call went on")
	}
	select {
	case err := <-turn:
		var failed *model.Error
		if !errors.As(err, &failed) || failed.Kind != model.ErrorManaged || !strings.Contains(failed.Message, "The bridge is raised") {
			t.Errorf("the turn ended with %v", err)
		}
	case <-limit:
		t.Fatal("the provider's answer went on")
	}
	// Nothing is served now.
	if r := slow(ctx); !errors.Is(r.Denied, store.ErrRaised) {
		t.Errorf("a call gave %+v", r)
	}
	if list, err := m.b.Offered(ctx, m.conv); len(list) != 0 || err != nil {
		t.Errorf("offered %v (%v)", list, err)
	}
	if _, err := m.b.Resources(ctx, "docs"); !errors.Is(err, store.ErrRaised) {
		t.Errorf("resources: %v", err)
	}
	if _, err := m.b.Prompts(ctx, "docs"); !errors.Is(err, store.ErrRaised) {
		t.Errorf("prompts: %v", err)
	}
	m.svc.script(responses(said("Nothing to use.")))
	if err := m.send("and now?", &managedPerson{}); err != nil {
		t.Fatal(err)
	}
	if functions, servers := m.svc.seen()[0].offers(); len(functions)+len(servers) != 0 || strings.Contains(m.svc.seen()[0].raw, managedToken) {
		t.Errorf("offered %q and %q", functions, servers)
	}
	if b, err := os.ReadFile(ran); err != nil || len(b) > 0 {
		t.Errorf("ran %q (%v)", b, err)
	}
	if err := m.b.Lower(ctx, "test"); err != nil {
		t.Fatal(err)
	}
	if list, err := m.b.Offered(ctx, m.conv); len(list) == 0 || err != nil {
		t.Errorf("lowered, it offers %v (%v)", list, err)
	}
	list, err := m.b.Audit(ctx, store.AuditQuery{Kind: store.AuditBridge})
	if err != nil || len(list) != 2 || !strings.Contains(list[1].Reason, "raised") || !strings.Contains(list[0].Reason, "lowered") {
		t.Errorf("kept %+v (%v)", list, err)
	}
}

// TestContentOfAnotherServerIsAskedAbout has a model read on one server, and then
// call another, whose tool the person always allows.
func TestContentOfAnotherServerIsAskedAbout(t *testing.T) {
	t.Parallel()
	m := newManagedBench(t, store.ProviderResponses, "/v1/responses")
	ctx := t.Context()
	if err := m.b.SetServerManaged(ctx, "docs", false); err != nil {
		t.Fatal(err)
	}
	settle(t, m.b, "docs")
	for _, ref := range []tools.Ref{{Server: "docs", Tool: "order"}, {Server: bridge.Workbench, Tool: "time"}} {
		if err := m.b.SetStandingAnswer(ctx, ref, tools.AnswerAlways); err != nil {
			t.Fatal(err)
		}
	}
	function := func(id, name, arguments string) map[string]any {
		return map[string]any{"type": "function_call", "id": id, "call_id": id, "name": name, "arguments": arguments, "status": "completed"}
	}
	m.svc.script(
		responses(function("c1", "docs__order", `{"q":"before"}`)),
		responses(function("c2", "workbench__time", `{}`)),
		responses(function("c3", "docs__order", `{"q":"after"}`)),
		responses(function("c4", "docs__order", `{"q":"again"}`)),
		responses(said("Done.")))
	p := &managedPerson{answer: tools.AnswerAfter}
	if err := m.send("go", p); err != nil {
		t.Fatal(err)
	}
	if len(p.asked) != 1 || !slices.Equal(p.asked[0].After, []string{bridge.Workbench}) || string(p.asked[0].Call.Arguments) != `{"q":"after"}` {
		t.Errorf("asked %+v", p.asked)
	}
	if got := m.lib.log(); !slices.Equal(got, []string{"order before", "order after", "order again"}) {
		t.Errorf("the library was asked for %q", got)
	}
	// Back before it was read, nobody has to be asked.
	chain, err := m.b.Messages(ctx, m.conv.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.b.SetHead(ctx, m.conv.ID, chain[1].ID); err != nil {
		t.Fatal(err)
	}
	if err := m.b.SetStandingAnswer(ctx, tools.Ref{Server: "docs", Tool: "search"}, tools.AnswerAlways); err != nil {
		t.Fatal(err)
	}
	m.svc.script(responses(function("c5", "docs__search", `{"q":"x"}`)), responses(said("Done.")))
	p = &managedPerson{answer: tools.AnswerDeny}
	if err := m.send("once more", p); err != nil {
		t.Fatal(err)
	}
	if len(p.asked) != 0 {
		t.Errorf("asked %+v", p.asked)
	}
}

// TestRulesOutliveOtherChanges edits and imports a server that has rules.
func TestRulesOutliveOtherChanges(t *testing.T) {
	t.Parallel()
	m := newManagedBench(t, store.ProviderChat, "/v1/chat/completions")
	ctx := t.Context()
	rules := store.Rules{AllowedTools: []string{"search"}}
	generation := settle(t, m.b, "docs").Generation
	if err := m.b.SetRules(ctx, "docs", rules); err != nil {
		t.Fatal(err)
	}
	v := settle(t, m.b, "docs")
	if v.State != mcphost.Ready || v.Generation != generation {
		t.Errorf("a rule has the server start anew, or held: %s, %d after %d", v.State, v.Generation, generation)
	}
	c := v.Server.Clone()
	c.Name, c.Rules = "Documents", store.Rules{}
	if err := m.b.UpdateServer(ctx, "docs", setup.Draft{Config: c}, false); err != nil {
		t.Fatal(err)
	}
	c.URL = "https://example.com/other"
	if _, err := m.b.ImportServers(ctx, []setup.Compared{{Draft: setup.Draft{Config: c}, State: setup.Differs, Server: v.Server}}, false); err != nil {
		t.Fatal(err)
	}
	if got, err := m.b.Rules("docs"); err != nil || !slices.Equal(got.AllowedTools, rules.AllowedTools) {
		t.Errorf("left is %+v (%v)", got, err)
	}
}

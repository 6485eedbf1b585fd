package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/drawbridge-app/drawbridge/bridge/gateway"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// The versions that stand for the two eras.
const (
	older = "2025-11-25"
	newer = "2026-07-28"
)

// world is a Runner and Keys with three servers: files and notes are in the group
// office, notes and lab in the group science.
type world struct {
	mu      sync.Mutex
	keys    map[string]store.Caller
	see     map[string][]string // by key, ids of servers
	servers []gateway.Server
	tools   map[string][]tools.Tool
	changed chan struct{}
	watches map[string][]func()

	ran     atomic.Int64 // everything that reached a server
	strayed atomic.Int64 // requests for a namespace that may not be seen
	call    func(ctx context.Context, c store.Caller, ref tools.Ref, args json.RawMessage, progress func(tools.Progress)) gateway.Answer
}

func newWorld() *world {
	w := &world{
		keys: map[string]store.Caller{}, see: map[string][]string{}, changed: make(chan struct{}),
		tools: map[string][]tools.Tool{}, watches: map[string][]func(){},
	}
	for id, groups := range map[string][]string{"files": {"office"}, "notes": {"office", "science"}, "lab": {"science", "closed"}} {
		w.servers = append(w.servers, gateway.Server{
			ID: id, Name: id, Groups: groups, Instructions: "use " + id, Ready: true,
			Resources: true, Subscribe: true, Prompts: true, Completion: true, Forwards: true,
		})
		w.tools[id] = []tools.Tool{tool(id, "echo"), tool(id, "write")}
	}
	slices.SortFunc(w.servers, func(a, b gateway.Server) int { return len(a.ID)*100 + int(a.ID[0]) - len(b.ID)*100 - int(b.ID[0]) })
	w.key("all", "files", "notes", "lab")
	w.key("office", "files", "notes")
	w.key("lab", "lab")
	w.key("none")
	return w
}

func tool(server, name string) tools.Tool {
	schema := json.RawMessage(`{"type":"object","properties":{"text":{"type":"string"}}}`)
	def, _ := json.Marshal(map[string]any{"name": name, "description": "does " + name, "inputSchema": schema, "annotations": map[string]any{"readOnlyHint": true}})
	return tools.Tool{Ref: tools.Ref{Server: server, Tool: name}, ServerName: server, Description: "does " + name, InputSchema: schema, Definition: def, Hash: server + name}
}

func (w *world) key(name string, servers ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.keys["key-"+name] = store.Caller{Key: "id-" + name, KeyName: name}
	w.see["id-"+name] = servers
}

func (w *world) revoke(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.keys, "key-"+name)
}

func (w *world) change(do func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	do()
	close(w.changed)
	w.changed = make(chan struct{})
}

func (w *world) Authenticate(_ context.Context, s store.Secret) (store.Caller, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c, ok := w.keys[s.Reveal()]
	if !ok {
		return c, fmt.Errorf("no such key (%w)", store.ErrDenied)
	}
	return c, nil
}

func (w *world) Again(_ context.Context, c store.Caller) (store.Caller, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, k := range w.keys {
		if k.Key == c.Key {
			return k, nil
		}
	}
	return c, store.ErrDenied
}

func (w *world) Servers(c store.Caller) []gateway.Server {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []gateway.Server
	for _, s := range w.servers {
		if slices.Contains(w.see[c.Key], s.ID) {
			out = append(out, s)
		}
	}
	return out
}

func (w *world) Names() map[string][]string {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := map[string][]string{}
	for _, s := range w.servers {
		out[s.ID] = []string{s.ID, s.Name}
	}
	return out
}

func (w *world) Tools(_ context.Context, c store.Caller) ([]tools.Tool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []tools.Tool
	for _, id := range w.see[c.Key] {
		out = append(out, w.tools[id]...)
	}
	return out, nil
}

func (w *world) may(c store.Caller, server string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Contains(w.see[c.Key], server)
}

func (w *world) Call(ctx context.Context, c store.Caller, ref tools.Ref, args json.RawMessage, progress func(tools.Progress)) gateway.Answer {
	if !w.may(c, ref.Server) {
		return gateway.Answer{Result: tools.ErrorResult("not allowed"), Status: 403}
	}
	w.mu.Lock()
	known := slices.ContainsFunc(w.tools[ref.Server], func(t tools.Tool) bool { return t.Tool == ref.Tool })
	call := w.call
	w.mu.Unlock()
	if !known {
		return gateway.Answer{Result: tools.ErrorResult("no such tool"), Status: 404}
	}
	w.ran.Add(1)
	if call != nil {
		return call(ctx, c, ref, args, progress)
	}
	return wire(map[string]any{"content": []any{map[string]any{"type": "text", "text": ref.String() + string(args)}}})
}

func wire(v any) gateway.Answer {
	raw, _ := json.Marshal(v)
	return gateway.Answer{Result: tools.Result{Wire: raw}}
}

func (w *world) Offers(_ context.Context, c store.Caller, server string) (gateway.Offers, error) {
	if !w.may(c, server) {
		return gateway.Offers{}, store.ErrDenied
	}
	entry := func(member, name string) gateway.Entry {
		raw, _ := json.Marshal(map[string]any{member: name, "name": name, "description": "of " + server})
		return gateway.Entry{Name: name, Definition: raw}
	}
	return gateway.Offers{
		Resources: []gateway.Entry{entry("uri", server+"://one"), entry("uri", "shared://all")},
		Templates: []gateway.Entry{entry("uriTemplate", server+"://item/{id}")},
		Prompts:   []gateway.Entry{entry("name", "greet")},
	}, nil
}

// Unseen says nothing of its own.
func (w *world) Unseen(context.Context, store.Caller, string, json.RawMessage) string { return "" }

// Astray says nothing of its own, and counts.
func (w *world) Astray(context.Context, store.Caller, []string) string {
	w.strayed.Add(1)
	return ""
}

func (w *world) Relay(ctx context.Context, c store.Caller, server, method string, params json.RawMessage) (json.RawMessage, error) {
	if !w.may(c, server) {
		return nil, fmt.Errorf("not allowed (%w)", store.ErrDenied)
	}
	w.ran.Add(1)
	var p map[string]any
	if err := json.Unmarshal(params, &p); err != nil {
		return nil, err
	}
	switch method {
	case "resources/read":
		if p["uri"] == "gone://x" {
			return nil, &tools.Refusal{Code: -32002, Message: "Resource not found"}
		}
		return json.Marshal(map[string]any{"contents": []any{map[string]any{"uri": p["uri"], "text": server + " " + fmt.Sprint(p["uri"])}}})
	case "prompts/get":
		return json.Marshal(map[string]any{"messages": []any{map[string]any{"role": "user", "content": map[string]any{"type": "text", "text": server + " " + fmt.Sprint(p["name"])}}}})
	}
	return json.Marshal(map[string]any{"completion": map[string]any{"values": []string{server}}})
}

func (w *world) WatchResource(ctx context.Context, c store.Caller, server, uri string, changed func()) error {
	if !w.may(c, server) {
		return store.ErrDenied
	}
	w.mu.Lock()
	w.watches[server+" "+uri] = append(w.watches[server+" "+uri], changed)
	w.mu.Unlock()
	<-ctx.Done()
	return nil
}

func (w *world) Changed() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.changed
}

// serve starts a gateway in front of the world.
func serve(t *testing.T, w *world, change ...func(*gateway.Options)) (*gateway.Gateway, string) {
	t.Helper()
	o := gateway.Options{Runner: w, Keys: w, Version: "test"}
	for _, c := range change {
		c(&o)
	}
	g := gateway.New(o)
	s := httptest.NewServer(g)
	t.Cleanup(func() {
		g.Close()
		s.CloseClientConnections()
		s.Close()
	})
	return g, s.URL
}

// headers adds headers to each request.
type headers map[string]string

func (h headers) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	for k, v := range h {
		r.Header.Set(k, v)
	}
	return http.DefaultTransport.RoundTrip(r)
}

// dial opens a session of that era.
func dial(t *testing.T, address, version string, h headers, o *mcp.ClientOptions) (*mcp.ClientSession, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := mcp.NewClient(&mcp.Implementation{Name: "tester", Version: "1"}, o)
	s, err := c.Connect(ctx, &mcp.StreamableClientTransport{Endpoint: address, HTTPClient: &http.Client{Transport: h}}, &mcp.ClientSessionOptions{ProtocolVersion: version})
	if err != nil {
		return nil, err
	}
	if got := s.InitializeResult().ProtocolVersion; got != version {
		t.Errorf("the session speaks %s, not %s", got, version)
	}
	t.Cleanup(func() { s.Close() })
	return s, nil
}

func mustDial(t *testing.T, address, version string, h headers, o *mcp.ClientOptions) *mcp.ClientSession {
	t.Helper()
	s, err := dial(t, address, version, h, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func bearer(name string) headers { return headers{"Authorization": "Bearer key-" + name} }

func names(t *testing.T, s *mcp.ClientSession) []string {
	t.Helper()
	var out []string
	for tool, err := range s.Tools(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, tool.Name)
	}
	return out
}

func text(t *testing.T, r *mcp.CallToolResult) string {
	t.Helper()
	if len(r.Content) == 0 {
		t.Fatal("the result has no content")
	}
	c, ok := r.Content[0].(*mcp.TextContent)
	if !ok {
		t.Fatalf("the result begins with %T", r.Content[0])
	}
	return c.Text
}

// both runs a test in both eras.
func both(t *testing.T, run func(t *testing.T, version string)) {
	for _, v := range []string{older, newer} {
		t.Run(v, func(t *testing.T) { t.Parallel(); run(t, v) })
	}
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("never happened: ", what)
		}
	}
}

// forwarded answers with the headers that would be passed on.
func forwarded(ctx context.Context, _ store.Caller, _ tools.Ref, _ json.RawMessage, _ func(tools.Progress)) gateway.Answer {
	var out []string
	for k, v := range tools.ExchangeFrom(ctx).Headers {
		out = append(out, k+"="+v)
	}
	slices.Sort(out)
	return wire(map[string]any{"content": []any{map[string]any{"type": "text", "text": strings.Join(out, ";")}}})
}

func callOf(server string) *mcp.CallToolParams {
	return &mcp.CallToolParams{Name: server + "__echo"}
}

// onlyOffice fails when a call reaches a server that the key office cannot see.
func onlyOffice(f *testing.F) func(context.Context, store.Caller, tools.Ref, json.RawMessage, func(tools.Progress)) gateway.Answer {
	return func(_ context.Context, c store.Caller, ref tools.Ref, _ json.RawMessage, _ func(tools.Progress)) gateway.Answer {
		if c.KeyName != "office" || ref.Server != "files" && ref.Server != "notes" {
			f.Errorf("%s of %s ran for %s", ref.Tool, ref.Server, c.KeyName)
		}
		return wire(map[string]any{"content": []any{}})
	}
}

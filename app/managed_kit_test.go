package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
	"github.com/drawbridge-app/drawbridge/store/db"
	"github.com/drawbridge-app/drawbridge/store/secret"
	"github.com/drawbridge-app/drawbridge/store/settings"
)

const (
	managedToken = "tok-canary-of-the-docs-server"
	managedURL   = "https://example.com/mcp"
)

// library is a public MCP server: it is reached under the name example.com, by
// whoever has reach, and wants its token.
type library struct {
	reach *http.Transport

	mu    sync.Mutex // protects calls
	calls []string
}

func newLibrary(t *testing.T) *library {
	t.Helper()
	l := &library{}
	server := mcp.NewServer(&mcp.Implementation{Name: "library", Version: "1"}, nil)
	type args struct {
		Q string `json:"q"`
	}
	for _, name := range []string{"search", "order"} {
		mcp.AddTool(server, &mcp.Tool{Name: name, Description: "Does " + name + "."},
			func(_ context.Context, _ *mcp.CallToolRequest, a args) (*mcp.CallToolResult, any, error) {
				l.mu.Lock()
				defer l.mu.Unlock()
				l.calls = append(l.calls, name+" "+a.Q)
				return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: name + " of " + a.Q}}}, nil, nil
			})
	}
	handler := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, nil)
	web := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+managedToken {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		r.Host = "localhost" // the handler serves no other name on a loopback address
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(web.Close)
	t.Cleanup(web.CloseClientConnections)
	roots := x509.NewCertPool()
	roots.AddCert(web.Certificate())
	l.reach = &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if address != "example.com:443" {
				return nil, fmt.Errorf("nothing but the library is reached, not %s", address)
			}
			return (&net.Dialer{}).DialContext(ctx, network, web.Listener.Addr().String())
		},
	}
	return l
}

func (l *library) log() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.calls)
}

// visit connects as a provider does, with the address and the token of its
// request alone.
func (l *library) visit(ctx context.Context, address, authorization string, do func(*mcp.ClientSession) error) error {
	client := &http.Client{Transport: authorized{l.reach, authorization}}
	session, err := mcp.NewClient(&mcp.Implementation{Name: "provider", Version: "1"}, nil).Connect(ctx,
		&mcp.StreamableClientTransport{Endpoint: address, HTTPClient: client, DisableStandaloneSSE: true}, nil)
	if err != nil {
		return err
	}
	defer session.Close()
	return do(session)
}

type authorized struct {
	base  http.RoundTripper
	value string
}

func (a authorized) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", a.value)
	return a.base.RoundTrip(r)
}

// managedService is a provider of a test: it keeps the requests and answers by a
// script, whose last entry repeats.
type managedService struct {
	url string

	mu       sync.Mutex // protects what follows
	requests []wireRequest
	answers  []func(w http.ResponseWriter, r wireRequest)
}

// wireRequest is what counts of a request to either service.
type wireRequest struct {
	raw   string
	Input []map[string]any `json:"input"`
	Tools []struct {
		Type            string            `json:"type"`
		Name            string            `json:"name"`
		ServerLabel     string            `json:"server_label"`
		ServerURL       string            `json:"server_url"`
		Headers         map[string]string `json:"headers"`
		AllowedTools    []string          `json:"allowed_tools"`
		RequireApproval json.RawMessage   `json:"require_approval"`
		ServerName      string            `json:"mcp_server_name"`
		Configs         map[string]struct {
			Enabled bool `json:"enabled"`
		} `json:"configs"`
	} `json:"tools"`
	Servers []struct {
		Name  string `json:"name"`
		URL   string `json:"url"`
		Token string `json:"authorization_token"`
	} `json:"mcp_servers"`
}

// offers returns the functions of a request, and the servers that it hands over.
func (r wireRequest) offers() (functions, servers []string) {
	for _, t := range r.Tools {
		switch {
		case t.Type == "mcp":
			servers = append(servers, t.ServerLabel+" "+strings.Join(t.AllowedTools, ",")+" "+string(t.RequireApproval))
		case t.Type == "mcp_toolset":
			var on []string
			for name, c := range t.Configs {
				if c.Enabled {
					on = append(on, name)
				}
			}
			slices.Sort(on)
			servers = append(servers, t.ServerName+" "+strings.Join(on, ","))
		case strings.HasPrefix(t.Name, "docs__"):
			functions = append(functions, t.Name)
		}
	}
	return functions, servers
}

func newManagedService(t *testing.T, path string) *managedService {
	t.Helper()
	s := &managedService{}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, err := io.ReadAll(io.LimitReader(r.Body, 4<<20))
		req := wireRequest{raw: string(raw)}
		if err != nil || r.URL.Path != path || json.Unmarshal(raw, &req) != nil {
			http.Error(w, "unexpected "+r.URL.Path, http.StatusNotFound)
			return
		}
		s.mu.Lock()
		answer := s.answers[min(len(s.requests), len(s.answers)-1)]
		s.requests = append(s.requests, req)
		s.mu.Unlock()
		answer(w, req)
	}))
	t.Cleanup(web.Close)
	s.url = web.URL
	return s
}

// script says what the service answers from now on.
func (s *managedService) script(answers ...func(http.ResponseWriter, wireRequest)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests, s.answers = nil, answers
}

func (s *managedService) seen() []wireRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// stream writes server-sent events, named by their type as both services do.
func stream(w http.ResponseWriter, events ...map[string]any) {
	w.Header().Set("Content-Type", "text/event-stream")
	for _, e := range events {
		b, err := json.Marshal(e)
		if err != nil {
			panic(err)
		}
		fmt.Fprintf(w, "event: %s\ndata: %s\n\n", e["type"], b)
	}
}

// responses streams these items as one answer of the Responses API.
func responses(items ...map[string]any) func(http.ResponseWriter, wireRequest) {
	return func(w http.ResponseWriter, _ wireRequest) {
		events := []map[string]any{{"type": "response.created", "response": map[string]any{"id": "r", "status": "in_progress"}}}
		for i, item := range items {
			events = append(events, map[string]any{"type": "response.output_item.added", "output_index": i, "item": item})
			if item["type"] == "message" {
				events = append(events, map[string]any{"type": "response.output_text.delta", "output_index": i, "content_index": 0, "delta": item["text"]})
			}
			events = append(events, map[string]any{"type": "response.output_item.done", "output_index": i, "item": item})
		}
		events = append(events, map[string]any{"type": "response.completed", "response": map[string]any{"id": "r", "status": "completed", "output": items, "usage": map[string]any{"input_tokens": 1, "output_tokens": 1}}})
		stream(w, events...)
	}
}

func said(text string) map[string]any {
	return map[string]any{"type": "message", "id": "msg", "role": "assistant", "status": "completed", "text": text,
		"content": []any{map[string]any{"type": "output_text", "text": text, "annotations": []any{}}}}
}

// managedBench is a whole engine with real stores, the library as the server
// docs, and a provider.
type managedBench struct {
	t    *testing.T
	dir  string
	b    *bridge.Bridge
	db   *db.DB
	lib  *library
	svc  *managedService
	conv store.Conversation
	logs *safeBuffer
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}
func (s *safeBuffer) String() string { s.mu.Lock(); defer s.mu.Unlock(); return s.b.String() }

func newManagedBench(t *testing.T, kind store.ProviderKind, path string) *managedBench {
	t.Helper()
	m := &managedBench{t: t, dir: t.TempDir(), lib: newLibrary(t), svc: newManagedService(t, path), logs: &safeBuffer{}}
	logger := slog.New(slog.NewTextHandler(m.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	ctx := t.Context()
	files, err := settings.Open(m.dir, logger)
	if err != nil {
		t.Fatal(err)
	}
	history, err := db.Open(ctx, filepath.Join(m.dir, "drawbridge.db"))
	if err != nil {
		t.Fatal(err)
	}
	m.db = history
	secrets := secret.Open(m.dir)
	secrets.UseMemory()
	m.b, err = bridge.New(ctx, bridge.Options{
		Home: m.dir, History: history, Ledger: history, Settings: files, Secrets: secrets, Logger: logger, Reach: m.lib.reach,
		Audit: history, Keys: history,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := errors.Join(m.b.Close(ctx), history.Close()); err != nil {
			t.Error(err)
		}
	})
	draft := setup.Draft{Config: store.ServerConfig{
		ID: "docs", Name: "Docs", Transport: store.TransportHTTP, URL: managedURL, Managed: true,
		Headers: map[string]store.Value{"Authorization": "Bearer " + managedToken},
	}}
	draft.MakeSecret("header", "Authorization")
	if _, err := m.b.AddServer(ctx, draft, true); err != nil {
		t.Fatal(err)
	}
	if v := settle(t, m.b, "docs"); v.State != mcphost.Ready || !v.Managed.On || len(v.Passed) != 2 {
		t.Fatalf("the server is %s (%s), managed %+v", v.State, v.Error, v.Managed)
	}
	key := store.NewSecret("key-canary")
	if err := m.b.SetProvider(ctx, store.ProviderConfig{ID: "p", Name: "Fakery", Kind: kind, BaseURL: m.svc.url + "/v1", Model: "m"}, &key); err != nil {
		t.Fatal(err)
	}
	if m.conv, err = m.b.NewConversation(ctx); err != nil {
		t.Fatal(err)
	}
	if err := m.b.SetConversationModel(ctx, m.conv.ID, store.ModelRef{Provider: "p", Model: "m"}); err != nil {
		t.Fatal(err)
	}
	m.conv.Model = store.ModelRef{Provider: "p", Model: "m"}
	if err := m.b.RenameConversation(ctx, m.conv.ID, "A title"); err != nil { // so that no model is asked for one
		t.Fatal(err)
	}
	return m
}

// managedPerson answers every question the same and notes it.
type managedPerson struct {
	answer tools.Answer
	mu     sync.Mutex
	asked  []chat.Approval
}

func (p *managedPerson) Approve(_ context.Context, a chat.Approval) (tools.Answer, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, a)
	return p.answer, nil
}

func (p *managedPerson) Continue(context.Context, chat.Pause) (bool, error) { return false, nil }

func (m *managedBench) send(text string, p *managedPerson) error {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(m.t.Context(), time.Minute)
	defer cancel()
	for _, err := range m.b.Send(ctx, m.conv.ID, text, p) {
		if err != nil {
			return err
		}
	}
	return nil
}

// last returns the parts of the conversation's last messages.
func (m *managedBench) last(n int) []store.Message {
	m.t.Helper()
	chain, err := m.b.Messages(m.t.Context(), m.conv.ID)
	if err != nil || len(chain) < n {
		m.t.Fatalf("%d messages, %v", len(chain), err)
	}
	return chain[len(chain)-n:]
}

// leaks looks for the token in everything that is kept.
func (m *managedBench) leaks() {
	m.t.Helper()
	for _, needle := range []string{managedToken, coded(managedToken)} {
		if strings.Contains(m.logs.String(), needle) {
			m.t.Errorf("the log has the token")
		}
		err := filepath.WalkDir(m.dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := os.ReadFile(path)
			if strings.Contains(string(b), needle) {
				m.t.Errorf("%s has the token", path)
			}
			return err
		})
		if err != nil {
			m.t.Error(err)
		}
	}
}

// listTools is what the service says that it found: what it really finds, with
// what the request hands over.
func (m *managedBench) listTools(r wireRequest, change func(name string, item map[string]any)) map[string]any {
	item := map[string]any{"type": "mcp_list_tools", "id": "mcpl_" + store.NewID(), "tools": []any{}}
	for _, t := range r.Tools {
		if t.Type != "mcp" {
			continue
		}
		item["server_label"] = t.ServerLabel
		err := m.lib.visit(m.t.Context(), t.ServerURL, t.Headers["Authorization"], func(s *mcp.ClientSession) error {
			found, err := s.ListTools(m.t.Context(), nil)
			if err != nil {
				return err
			}
			var list []any
			for _, tool := range found.Tools {
				if slices.Contains(t.AllowedTools, tool.Name) {
					one := map[string]any{"name": tool.Name, "description": tool.Description, "input_schema": tool.InputSchema, "annotations": nil}
					if change != nil {
						change(tool.Name, one)
					}
					list = append(list, one)
				}
			}
			item["tools"] = list
			return nil
		})
		if err != nil {
			m.t.Errorf("the service cannot use the server with what it was sent: %v", err)
		}
	}
	return item
}

// call runs a call as the service does.
func (m *managedBench) call(r wireRequest, tool, q string) map[string]any {
	item := map[string]any{"type": "mcp_call", "id": "mcp_" + store.NewID(), "name": tool, "arguments": fmt.Sprintf(`{"q":%q}`, q), "status": "completed"}
	for _, t := range r.Tools {
		if t.Type != "mcp" {
			continue
		}
		item["server_label"] = t.ServerLabel
		if err := m.lib.visit(m.t.Context(), t.ServerURL, t.Headers["Authorization"], func(s *mcp.ClientSession) error {
			result, err := s.CallTool(m.t.Context(), &mcp.CallToolParams{Name: tool, Arguments: map[string]any{"q": q}})
			if err == nil {
				item["output"] = result.Content[0].(*mcp.TextContent).Text
			}
			return err
		}); err != nil {
			m.t.Errorf("the service cannot call the server: %v", err)
		}
	}
	return item
}

// approvals are the answers in a request, by the id of what was asked.
func approvals(r wireRequest) map[string]bool {
	out := map[string]bool{}
	for _, item := range r.Input {
		if item["type"] == "mcp_approval_response" {
			id, _ := item["approval_request_id"].(string)
			out[id], _ = item["approve"].(bool)
		}
	}
	return out
}

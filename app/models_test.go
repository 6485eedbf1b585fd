package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/provider/wiretest"
	"github.com/drawbridge-app/drawbridge/store"
)

// askable is a gateway with a model behind it that calls every tool which it is
// offered, and one server whose tools read and write run unasked.
type askable struct {
	*gated
	up      *upstream
	service *wiretest.Service

	mu     sync.Mutex                                    // protects what follows
	sent   []m                                           // requests to the model's service
	before func(http.ResponseWriter, *http.Request) bool // answers in the service's place
}

// requests returns what the model's service was sent since the last time.
func (a *askable) requests() []m {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := a.sent
	a.sent = nil
	return out
}

func (a *askable) serveModel(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet { // it lists no models
		http.NotFound(w, r)
		return
	}
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	var body m
	if err := json.Unmarshal(raw, &body); err != nil {
		a.t.Errorf("the model's service got no JSON: %v", err)
	}
	a.mu.Lock()
	a.sent = append(a.sent, body)
	before := a.before
	a.mu.Unlock()
	r.Body = io.NopCloser(bytes.NewReader(raw))
	if before == nil || !before(w, r) {
		a.service.ServeHTTP(w, r)
	}
}

func openAskable(t *testing.T, change func(*store.ServerConfig)) *askable {
	t.Helper()
	return openAskableIn(t, wiretest.Responses, change)
}

// openAskableIn has the model's service speak that format.
func openAskableIn(t *testing.T, format wiretest.Format, change func(*store.ServerConfig)) *askable {
	t.Helper()
	a := &askable{gated: openGated(t), up: newUpstream(t), service: wiretest.Serve(t, format)}
	a.service.Arguments = map[string]string{"files__read": `{"call":"one"}`, "files__write": `{"call":"two"}`, "weather": `{"city":"Lima"}`}
	a.add("files", a.up.url, change)
	front := httptest.NewServer(http.HandlerFunc(a.serveModel))
	t.Cleanup(func() {
		front.CloseClientConnections()
		front.Close()
	})
	version := a.service.URL[strings.LastIndexByte(a.service.URL, '/'):]
	if err := a.SetProvider(t.Context(), store.ProviderConfig{ID: "work", Kind: store.ProviderKind(format), BaseURL: front.URL + version, Model: "m-1", NoKey: true}, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, fault := range a.service.Faults() {
			t.Errorf("the model's service was asked wrongly: %s", fault)
		}
	})
	return a
}

// restart ends the engine, with the gateway and the servers, and begins anew on the
// same home.
func (a *askable) restart() {
	a.t.Helper()
	a.Bridge = a.again()
	state, err := a.OpenGateway(a.t.Context(), 0)
	if err != nil {
		a.t.Fatal(err)
	}
	a.address = state.Address
	settle(a.t, a.Bridge, "files")
}

// models is a key with access to all models.
func (a *askable) modelKey(name string, change func(*store.Limits)) string {
	l := store.Limits{Models: &store.ModelAccess{}}
	if change != nil {
		change(&l)
	}
	return a.key(name, "", l)
}

type replied struct {
	status int
	raw    string
	body   map[string]any
}

func (s replied) String() string { return fmt.Sprintf("%d %s", s.status, s.raw) }

// items returns the items of that type in a response's output.
func (s replied) items(kind string) (out []map[string]any) {
	list, _ := s.body["output"].([]any)
	for _, i := range list {
		if o, ok := i.(map[string]any); ok && o["type"] == kind {
			out = append(out, o)
		}
	}
	return out
}

// text is what the messages of a response say.
func (s replied) text() string {
	var out []string
	for _, i := range s.items("message") {
		list, _ := i["content"].([]any)
		for _, p := range list {
			out = append(out, fmt.Sprint(p.(m)["text"]))
		}
	}
	return strings.Join(out, "|")
}

// output returns all items, as they can be sent back.
func (s replied) output() []any {
	list, _ := s.body["output"].([]any)
	return list
}

func (s replied) errorText() string {
	e, _ := s.body["error"].(map[string]any)
	text, _ := e["message"].(string)
	return text
}

func (a *askable) send(ctx context.Context, method, path, key string, body any) (*http.Response, error) {
	var reader io.Reader
	if body != nil {
		raw, ok := body.([]byte)
		if !ok {
			var err error
			if raw, err = json.Marshal(body); err != nil {
				return nil, err
			}
		}
		reader = bytes.NewReader(raw)
	}
	r, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(a.address, "/mcp")+path, reader)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Content-Type", "application/json")
	return http.DefaultClient.Do(r)
}

func (a *askable) ask(key, path string, body any) replied {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(a.t.Context(), 60*time.Second)
	defer cancel()
	method := "POST"
	if body == nil {
		method = "GET"
	}
	res, err := a.send(ctx, method, path, key, body)
	if err != nil {
		a.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	s := replied{status: res.StatusCode, raw: string(raw)}
	if err := json.Unmarshal(raw, &s.body); err != nil {
		a.t.Fatalf("%s gave no JSON: %s", path, s)
	}
	return s
}

type m = map[string]any

func mcpTool(change m) m {
	t := m{"type": "mcp", "server_label": "mine", "server_url": "drawbridge", "require_approval": "never"}
	for k, v := range change {
		t[k] = v
	}
	return t
}

func weather() m {
	return m{"type": "function", "name": "weather", "parameters": m{"type": "object", "properties": m{"city": m{"type": "string"}}}}
}

func (a *askable) respond(key string, change m) replied {
	a.t.Helper()
	body := m{"model": "work/m-1", "input": "go"}
	for k, v := range change {
		body[k] = v
	}
	return a.ask(key, "/v1/responses", body)
}

// called reports whether the server was called with this argument.
func (a *askable) called(call string) bool { return a.up.headers(call) != nil }

// The person's tools run here, in a response, and the model's last words come.
func TestModelsRunTheTools(t *testing.T) {
	a := openAskable(t, nil)
	key := a.modelKey("app", nil)
	for _, url := range []string{"drawbridge", "litellm_proxy", "litellm_proxy/mcp", "drawbridge/mcp/files", a.address, a.address + "/files", strings.TrimSuffix(a.address, "/mcp") + "/files/mcp"} {
		s := a.respond(key, m{"tools": []m{mcpTool(m{"server_url": url})}})
		calls, list := s.items("mcp_call"), s.items("mcp_list_tools")
		if s.status != 200 || s.body["status"] != "completed" || len(calls) != 2 || len(list) != 1 || !strings.HasSuffix(s.text(), "That is all.") {
			t.Fatalf("%s: %s", url, s)
		}
		for _, c := range calls {
			if c["status"] != "completed" || c["server_label"] != "mine" || c["error"] != nil || !strings.Contains(fmt.Sprint(c["output"]), "call") {
				t.Errorf("%s: the call is %v", url, c)
			}
		}
		if usage, _ := s.body["usage"].(m); usage["total_tokens"] == float64(0) {
			t.Errorf("%s: the usage is %v", url, usage)
		}
	}
	if !a.called("one") || !a.called("two") {
		t.Error("the server was not called")
	}
	// Credentials of the program go to their server.
	s := a.respond(key, m{"tools": []m{mcpTool(m{"headers": m{"x-mcp-files-x-token": "mine"}, "allowed_tools": []string{"read"}})}})
	for _, c := range s.items("mcp_call") {
		if !strings.Contains(fmt.Sprint(c["output"]), "call") {
			t.Errorf("with a credential the call is %v", c)
		}
	}
	if got := a.up.headers("one").Get("X-Token"); got != "mine" {
		t.Errorf("the program's credential came as %q", got)
	}
	if got := a.up.headers("two").Get("X-Token"); got != "" {
		t.Errorf("a call without it came with %q", got)
	}
	records, err := a.Audit(t.Context(), store.AuditQuery{Client: "models", Server: "files", Kind: store.AuditCall})
	if err != nil || len(records) != 15 {
		t.Fatalf("the audit has %d calls: %v", len(records), err)
	}
	conversations, err := a.Conversations(t.Context())
	if err != nil || len(conversations) != 0 {
		t.Errorf("there are conversations: %v %v", conversations, err)
	}
}

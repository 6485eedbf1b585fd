package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/gateway"
	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// upstream is a server over HTTP that notes with which headers it was called.
type upstream struct {
	url string
	mu  sync.Mutex // protects seen
	// seen are the headers of calls of tools, by the argument "call".
	seen map[string]http.Header
}

func newUpstream(t *testing.T) *upstream {
	t.Helper()
	u := &upstream{seen: map[string]http.Header{}}
	server := mcp.NewServer(&mcp.Implementation{Name: "upstream", Version: "1"}, nil)
	type input struct {
		Call   string `json:"call,omitempty"`
		Repo   string `json:"repo,omitempty"`
		Status string `json:"status,omitempty"`
		Limit  int    `json:"limit,omitempty"`
	}
	for _, name := range []string{"read", "write"} {
		mcp.AddTool(server, &mcp.Tool{Name: name, Description: name + "s"}, func(_ context.Context, r *mcp.CallToolRequest, in input) (*mcp.CallToolResult, any, error) {
			u.mu.Lock()
			defer u.mu.Unlock()
			if r.Extra != nil {
				u.seen[in.Call] = r.Extra.Header.Clone()
			}
			raw, err := json.Marshal(in)
			return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: name + " " + string(raw)}}}, nil, err
		})
	}
	server.AddResource(&mcp.Resource{Name: "page", URI: "test://page"}, func(context.Context, *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
		return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{{URI: "test://page", Text: "the page"}}}, nil
	})
	handler := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, &mcp.StreamableHTTPOptions{Stateless: true})
	s := httptest.NewServer(handler)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	u.url = s.URL + "/mcp"
	return u
}

func (u *upstream) headers(call string) http.Header {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.seen[call]
}

// gated is a bridge with a gateway, and servers behind it.
type gated struct {
	*bridge.Bridge
	t       *testing.T
	address string
	again   func() *bridge.Bridge // ends the bridge, and opens one on the same home
}

func openGated(t *testing.T) *gated {
	t.Helper()
	b, again := openEngine(t)
	state, err := b.OpenGateway(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.SetServerEnabled(t.Context(), bridge.Workbench, false); err != nil {
		t.Fatal(err)
	}
	return &gated{b, t, state.Address, again}
}

// add adds a server whose tools run unasked.
func (g *gated) add(name, url string, change func(*store.ServerConfig)) {
	g.t.Helper()
	c := store.ServerConfig{Name: name, Transport: store.TransportHTTP, URL: url}
	c.Rules.Approvals.Default = store.ApproveAlways
	if change != nil {
		change(&c)
	}
	if _, err := g.AddServer(g.t.Context(), setup.Draft{Config: c}, true); err != nil {
		g.t.Fatal(err)
	}
	if v := settle(g.t, g.Bridge, name); len(v.Passed) == 0 {
		g.t.Fatalf("%s lists nothing: %s %s", name, v.State, v.Error)
	}
}

func (g *gated) key(name, team string, l store.Limits) string {
	g.t.Helper()
	_, value, err := g.AddKey(g.t.Context(), name, team, l)
	if err != nil {
		g.t.Fatal(err)
	}
	return value.Reveal()
}

// withHeaders adds headers to each request.
type withHeaders map[string]string

func (h withHeaders) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	for k, v := range h {
		r.Header.Set(k, v)
	}
	return http.DefaultTransport.RoundTrip(r)
}

func (g *gated) dial(path string, h withHeaders) (*mcp.ClientSession, error) {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), time.Minute)
	defer cancel()
	c := mcp.NewClient(&mcp.Implementation{Name: "tester", Version: "1"}, nil)
	s, err := c.Connect(ctx, &mcp.StreamableClientTransport{
		Endpoint: strings.TrimSuffix(g.address, "/mcp") + path, HTTPClient: &http.Client{Transport: h}, DisableStandaloneSSE: true,
	}, nil)
	if err == nil {
		g.t.Cleanup(func() { s.Close() })
	}
	return s, err
}

func (g *gated) mustDial(path, key string) *mcp.ClientSession {
	g.t.Helper()
	s, err := g.dial(path, withHeaders{"Authorization": "Bearer " + key})
	if err != nil {
		g.t.Fatal(err)
	}
	return s
}

func toolsOf(t *testing.T, s *mcp.ClientSession) []string {
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

// say calls a tool and returns its text, and whether it is an error with that
// status.
func say(t *testing.T, s *mcp.ClientSession, name string, args any) (text string, status any) {
	t.Helper()
	r, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: name, Arguments: args})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if c, ok := r.Content[0].(*mcp.TextContent); ok {
		text = c.Text
	}
	if r.IsError && r.Meta["status"] == nil {
		return text, "error"
	}
	return text, r.Meta["status"]
}

func TestGatewayTransports(t *testing.T) {
	g := openGated(t)
	g.add("web", newUpstream(t).url, nil)
	g.add("prog", "", func(c *store.ServerConfig) {
		c.Transport, c.URL, c.Command = store.TransportStdio, "", program(t, "echo-mcp")
	})
	key := g.key("one", "", store.Limits{})
	s := g.mustDial("/mcp", key)
	if got := toolsOf(t, s); !slices.Contains(got, "web__read") || !slices.Contains(got, "prog__say") {
		t.Errorf("the tools are %v", got)
	}
	if got, status := say(t, s, "web__read", map[string]any{"repo": "x"}); got != `read {"repo":"x"}` || status != nil {
		t.Errorf("over HTTP: %q, %v", got, status)
	}
	// What one server said must not call another unasked, so with another key.
	s2 := g.mustDial("/mcp", g.key("two", "", store.Limits{}))
	if got, status := say(t, s2, "prog__say", map[string]any{"text": "hello"}); got != "you said hello" || status != nil {
		t.Errorf("over stdio: %q, %v", got, status)
	}
	r, err := s.ReadResource(t.Context(), &mcp.ReadResourceParams{URI: "test://page"})
	if err != nil || r.Contents[0].Text != "the page" {
		t.Errorf("the resource is %v, %v", r, err)
	}
	if _, err := g.dial("/mcp", withHeaders{"Authorization": "Bearer " + key + "x"}); err == nil {
		t.Error("a wrong key was let in")
	}
	if err := g.RevokeKey(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: "web__read"}); err == nil {
		t.Error("a revoked key still calls")
	}
	if state := g.Gateway(); state.Settings.Port == 0 || !strings.Contains(state.Address, "127.0.0.1") {
		t.Errorf("the state is %+v", state)
	}
}

func TestGatewayAllowAndDisallow(t *testing.T) {
	g := openGated(t)
	u := newUpstream(t)
	g.add("only", u.url, func(c *store.ServerConfig) { c.Rules.AllowedTools = []string{"read"} })
	g.add("but", u.url, func(c *store.ServerConfig) { c.Rules.DisallowedTools = []string{"write"} })
	s := g.mustDial("/mcp", g.key("one", "", store.Limits{}))
	if got := toolsOf(t, s); !slices.Equal(got, []string{"but__read", "only__read"}) {
		t.Errorf("the tools are %v", got)
	}
	for _, name := range []string{"only__write", "but__write", "only-write"} {
		if got, status := say(t, s, name, nil); status != 403.0 {
			t.Errorf("%s gave %q, %v", name, got, status)
		}
	}
}

func TestGatewayParametersWith403Sentence(t *testing.T) {
	g := openGated(t)
	g.add("wiki", newUpstream(t).url, func(c *store.ServerConfig) {
		c.Rules.AllowedParams = map[string][]string{"wiki__read": {"status"}}
		c.Rules.FixedParams = map[string]map[string]json.RawMessage{"write": {"repo": json.RawMessage(`"mine"`)}}
	})
	s := g.mustDial("/mcp", g.key("one", "", store.Limits{}))
	got, status := say(t, s, "wiki__read", map[string]any{"limit": 3})
	if status != 403.0 || !strings.Contains(got, "Parameters ['limit'] are not allowed for tool read") || !strings.Contains(got, "Allowed parameters: ['status'].") {
		t.Errorf("a forbidden parameter gave %q, %v", got, status)
	}
	if got, status := say(t, s, "wiki__read", map[string]any{"status": "open"}); got != `read {"status":"open"}` || status != nil {
		t.Errorf("an allowed one gave %q, %v", got, status)
	}
	if got, status := say(t, s, "wiki__write", map[string]any{"status": "x"}); got != `write {"repo":"mine","status":"x"}` || status != nil {
		t.Errorf("a fixed one gave %q, %v", got, status)
	}
	for tool, err := range s.Tools(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		raw, _ := json.Marshal(tool.InputSchema)
		if tool.Name == "wiki__read" && (strings.Contains(string(raw), "limit") || !strings.Contains(string(raw), "status")) {
			t.Errorf("the schema shows %s", raw)
		}
	}
}

// namespace is a way in, and the servers that are there by their first letters;
// none means that it is forbidden.
type namespace struct{ path, header, want string }

// openGroups has the servers a, b and c in the groups red and blue.
func openGroups(t *testing.T) *gated {
	t.Helper()
	g := openGated(t)
	u := newUpstream(t)
	for name, groups := range map[string][]string{"a": {"red"}, "b": {"red", "blue"}, "c": {"blue"}} {
		g.add(name, u.url, func(c *store.ServerConfig) { c.Rules.Groups = groups })
	}
	return g
}

func (g *gated) sees(key string, list ...namespace) {
	g.t.Helper()
	for _, c := range list {
		h := withHeaders{"x-litellm-api-key": "Bearer " + key}
		if c.header != "" {
			h["x-mcp-servers"] = c.header
		}
		s, err := g.dial(c.path, h)
		if c.want == "" {
			if err == nil || !strings.Contains(err.Error(), "Forbidden") && !strings.Contains(err.Error(), "may not see") {
				g.t.Errorf("%s %s was not forbidden: %v", c.path, c.header, err)
			}
			continue
		}
		if err != nil {
			g.t.Errorf("%s %s: %v", c.path, c.header, err)
			continue
		}
		var got []string
		for _, n := range toolsOf(g.t, s) {
			got = append(got, n[:1])
		}
		if got := strings.Join(slices.Compact(got), " "); got != c.want {
			g.t.Errorf("%s %s has %s, not %s", c.path, c.header, got, c.want)
		}
	}
}

func TestGatewayURLNamespaces(t *testing.T) {
	g := openGroups(t)
	all := g.key("all", "", store.Limits{})
	g.sees(all, namespace{"/mcp", "", "a b c"}, namespace{"/mcp/a,c", "", "a c"}, namespace{"/c/mcp", "", "c"}, namespace{"/b,a/mcp", "", "a b"},
		namespace{"/mcp/red", "", "a b"}, namespace{"/blue/mcp", "", "b c"}, namespace{"/mcp/red,c", "", "a b c"}, namespace{"/mcp/nobody", "", ""}, namespace{"/nobody/mcp", "", ""})
	s := g.mustDial("/mcp/a", all)
	if got, status := say(t, s, "read", nil); got != "read {}" || status != nil {
		t.Errorf("a bare name gave %q, %v", got, status)
	}
}

func TestGatewayHeaderNamespaces(t *testing.T) {
	g := openGroups(t)
	g.sees(g.key("all", "", store.Limits{}), namespace{"/mcp", "c", "c"}, namespace{"/mcp", "a,c", "a c"}, namespace{"/mcp", "red", "a b"}, namespace{"/mcp", "blue,a", "a b c"}, namespace{"/mcp", "nobody", ""})
}

func TestGatewayGroups(t *testing.T) {
	g := openGroups(t)
	g.sees(g.key("red", "", store.Limits{Groups: []string{"red"}}), namespace{"/mcp", "", "a b"}, namespace{"/mcp/blue", "", "b"}, namespace{"/mcp/c", "", ""},
		namespace{"/c,a/mcp", "", ""}, namespace{"/mcp", "c", ""}, namespace{"/mcp", "b", "b"})
	g.sees(g.key("blue", "", store.Limits{Groups: []string{"blue"}}), namespace{"/mcp", "", "b c"}, namespace{"/mcp/a", "", ""})
	if _, err := g.dial("/mcp/green", withHeaders{"x-litellm-api-key": "Bearer " + g.key("green", "", store.Limits{Groups: []string{"green"}})}); err == nil {
		t.Error("a group of no server is a namespace")
	}
}

func TestGatewayKeysWithTeamsAndOrganisations(t *testing.T) {
	g := openGated(t)
	u := newUpstream(t)
	for _, name := range []string{"a", "b", "c"} {
		g.add(name, u.url, nil)
	}
	org, err := g.SetOrganisation(t.Context(), store.Organisation{Name: "org", Limits: store.Limits{Servers: []string{"a", "b"}}})
	if err != nil {
		t.Fatal(err)
	}
	team, err := g.SetTeam(t.Context(), store.Team{Name: "team", Organisation: org.ID, Limits: store.Limits{Tools: []string{"read"}}})
	if err != nil {
		t.Fatal(err)
	}
	value := g.key("member", team.Name, store.Limits{Servers: []string{"b", "c"}})
	s := g.mustDial("/mcp", value)
	if got := toolsOf(t, s); !slices.Equal(got, []string{"b__read"}) {
		t.Errorf("together they allow %v", got)
	}
	for _, name := range []string{"a__read", "c__read", "b__write"} {
		if got, status := say(t, s, name, nil); status != 403.0 {
			t.Errorf("%s gave %q, %v", name, got, status)
		}
	}
	// A limit that is narrowed holds for the sessions that are open.
	org.Limits.Servers = []string{"a"}
	if _, err := g.SetOrganisation(t.Context(), org); err != nil {
		t.Fatal(err)
	}
	if got, status := say(t, s, "b__read", nil); status != 403.0 {
		t.Errorf("after the organisation was narrowed: %q, %v", got, status)
	}
	limited := g.mustDial("/mcp", g.key("limited", "", store.Limits{CallsPerMinute: 2}))
	for range 2 {
		if got, status := say(t, limited, "a__read", nil); status != nil {
			t.Errorf("within the limit: %q, %v", got, status)
		}
	}
	if got, status := say(t, limited, "a__read", nil); status != 429.0 {
		t.Errorf("over the limit: %q, %v", got, status)
	}
	if _, err := g.dial("/mcp", withHeaders{"Authorization": "Bearer " + g.key("old", "", store.Limits{Expires: time.Now().Add(-time.Minute)})}); err == nil {
		t.Error("an expired key was let in")
	}
}

// approver answers calls of other apps.
type approver struct {
	answer tools.Answer
	err    error
	mu     sync.Mutex // protects asked
	asked  []bridge.GatewayApproval
}

func (a *approver) ApproveGateway(_ context.Context, ask bridge.GatewayApproval) (tools.Answer, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, ask)
	return a.answer, a.err
}

func TestGatewayAsks(t *testing.T) {
	g := openGated(t)
	u := newUpstream(t)
	g.add("web", u.url, func(c *store.ServerConfig) { c.Rules.Approvals = store.Approvals{} })
	s := g.mustDial("/mcp", g.key("my editor", "", store.Limits{}))
	began := time.Now()
	got, status := say(t, s, "web__read", map[string]any{"call": "1"})
	if status != 403.0 || !strings.Contains(got, "no window open") || !strings.Contains(got, "drawbridge tools allow web__read") || time.Since(began) > time.Minute {
		t.Errorf("without a window: %q, %v", got, status)
	}
	who := &approver{answer: tools.AnswerOnce}
	g.ApproveGatewayWith(who)
	if got, status := say(t, s, "web__read", map[string]any{"call": "2"}); status != nil {
		t.Errorf("allowed once: %q, %v", got, status)
	}
	if len(who.asked) != 1 || who.asked[0].KeyName != "my editor" || who.asked[0].Tool.Ref.Tool != "read" || !strings.Contains(string(who.asked[0].Arguments), `"2"`) {
		t.Errorf("the person was asked %+v", who.asked)
	}
	who.answer = tools.AnswerDeny
	if got, status := say(t, s, "web__read", map[string]any{"call": "3"}); status != 403.0 {
		t.Errorf("denied: %q, %v", got, status)
	}
	who.err = errors.New("nobody")
	if got, status := say(t, s, "web__read", map[string]any{"call": "4"}); status != 403.0 || !strings.Contains(got, "within 45 seconds") {
		t.Errorf("unanswered: %q, %v", got, status)
	}
	for _, call := range []string{"1", "3", "4"} {
		if u.headers(call) != nil {
			t.Errorf("the call %s reached the server", call)
		}
	}
	if err := g.Raise(t.Context(), "window"); err != nil {
		t.Fatal(err)
	}
	if got, status := say(t, s, "web__read", map[string]any{"call": "5"}); status != 403.0 || !strings.Contains(got, "The bridge is raised") || u.headers("5") != nil {
		t.Errorf("while the bridge is raised: %q, %v", got, status)
	}
	list, err := g.Audit(t.Context(), store.AuditQuery{Client: "gateway", Kind: store.AuditDecision, Text: "raised"})
	if err != nil || len(list) != 1 || list[0].Key == "" || !strings.HasSuffix(list[0].Tool, "read") || !strings.Contains(string(list[0].ArgumentShape), "call") {
		t.Errorf("the audit has %+v, %v", list, err)
	}
	// What the key cannot see is in the audit, too.
	if err := g.Lower(t.Context(), "window"); err != nil {
		t.Fatal(err)
	}
	narrow := g.mustDial("/mcp", g.key("narrow", "", store.Limits{Servers: []string{"other"}}))
	if got, status := say(t, narrow, "web__read", map[string]any{"call": "6"}); status != 403.0 || !strings.Contains(got, "is not allowed for this key, or there is none of that name") {
		t.Errorf("what is not there: %q, %v", got, status)
	}
	list, err = g.Audit(t.Context(), store.AuditQuery{Client: "gateway", Kind: store.AuditDecision, Tool: "web__read", Text: "cannot see"})
	if err != nil || len(list) != 1 || list[0].Key == "" || u.headers("6") != nil {
		t.Errorf("the audit has %+v, %v", list, err)
	}
	if err := g.Raise(t.Context(), "window"); err != nil {
		t.Fatal(err)
	}
	if _, err := g.dial("/mcp/web", withHeaders{"Authorization": "Bearer " + g.key("late", "", store.Limits{})}); err == nil {
		t.Error("a server is served while the bridge is raised")
	}
}

// TestGatewayAudit holds that a key's records are its own.
func TestGatewayAudit(t *testing.T) {
	g := openGated(t)
	g.add("web", newUpstream(t).url, func(c *store.ServerConfig) { c.Rules.DisallowedTools = []string{"write"} })
	a, b := g.mustDial("/mcp", g.key("a", "", store.Limits{})), g.mustDial("/mcp", g.key("b", "", store.Limits{}))
	say(t, a, "web__read", map[string]any{"call": "by a"})
	say(t, a, "web__write", nil)
	say(t, b, "web__read", map[string]any{"call": "by b"})
	keys, err := g.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		eventually(t, "the records of "+k.Name, time.Minute, func() bool {
			list, err := g.Audit(t.Context(), store.AuditQuery{Key: k.ID, Client: "gateway"})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range list {
				if r.Key != k.ID {
					t.Errorf("the audit of %s has a record of %s", k.Name, r.Key)
				}
			}
			return len(list) == map[string]int{"a": 2, "b": 1}[k.Name]
		})
	}
}

func TestGatewayConnectsApps(t *testing.T) {
	g := openGated(t)
	g.add("web", newUpstream(t).url, nil)
	for _, app := range gateway.Apps() {
		got, err := g.ConnectApp(t.Context(), bridge.Connecting{App: app, Program: "/usr/bin/drawbridge", Namespace: []string{"web"}})
		if err != nil {
			t.Fatal(err)
		}
		trial, err := g.TestConnected(t.Context(), got, []string{"web"})
		if err != nil || trial.Tools != 2 {
			t.Errorf("%s: %+v, %v", app, trial, err)
		}
	}
	again, err := g.ConnectApp(t.Context(), bridge.Connecting{App: gateway.Cursor})
	if err != nil || again.Key.Name != "cursor-2" {
		t.Errorf("once more: %q, %v", again.Key.Name, err)
	}
	if !g.Settings().Gateway.Enabled {
		t.Error("the gateway does not run the next time")
	}
}

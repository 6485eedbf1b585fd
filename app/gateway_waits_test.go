package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// queueing is a person who answers the calls of other apps one by one.
type queueing struct {
	mu    sync.Mutex // protects asked
	asked map[string]chan tools.Answer
}

func (q *queueing) ApproveGateway(ctx context.Context, a bridge.GatewayApproval) (tools.Answer, error) {
	answer := make(chan tools.Answer, 1)
	q.mu.Lock()
	q.asked[string(a.Arguments)] = answer
	q.mu.Unlock()
	defer func() {
		q.mu.Lock()
		delete(q.asked, string(a.Arguments))
		q.mu.Unlock()
	}()
	select {
	case said := <-answer:
		return said, nil
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

func (q *queueing) waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.asked)
}

func (q *queueing) say(call string, said tools.Answer) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for arguments, answer := range q.asked {
		if strings.Contains(arguments, `"`+call+`"`) {
			answer <- said
			return true
		}
	}
	return false
}

// Several calls that want an answer at once, of one session, of two keys, and in
// both eras, are all asked about; each caller hears from the start that it waits,
// each gets the answer to its own call, and one that holds for more settles those
// that it is for.
func TestGatewayAsksAboutSeveralAtOnce(t *testing.T) {
	g := openGated(t)
	u := newUpstream(t)
	g.add("web", u.url, func(c *store.ServerConfig) { c.Rules.Approvals = store.Approvals{} })
	who := &queueing{asked: map[string]chan tools.Answer{}}
	g.ApproveGatewayWith(who)
	type outcome struct {
		text   string
		status any
	}
	var mu sync.Mutex // protects heard
	heard := map[any]string{}
	dial := func(key, version string) *mcp.ClientSession {
		s, err := mcp.NewClient(&mcp.Implementation{Name: "tester", Version: "1"}, &mcp.ClientOptions{
			ProgressNotificationHandler: func(_ context.Context, r *mcp.ProgressNotificationClientRequest) {
				mu.Lock()
				defer mu.Unlock()
				heard[r.Params.ProgressToken] = r.Params.Message
			},
		}).Connect(t.Context(), &mcp.StreamableClientTransport{
			Endpoint: g.address, DisableStandaloneSSE: true, HTTPClient: &http.Client{Transport: withHeaders{"Authorization": "Bearer " + key}},
		}, &mcp.ClientSessionOptions{ProtocolVersion: version})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	one, other := g.key("one", "", store.Limits{}), g.key("other", "", store.Limits{})
	sessions := []*mcp.ClientSession{dial(one, "2025-11-25"), dial(other, "2026-07-28")}
	outcomes := map[string]chan outcome{}
	for i := range 8 {
		id, tool := fmt.Sprint("call ", i), []string{"web__read", "web__write"}[i/2%2]
		done := make(chan outcome, 1)
		outcomes[id] = done
		s := sessions[i%2]
		go func() {
			p := &mcp.CallToolParams{Name: tool, Arguments: map[string]any{"call": id}}
			p.SetProgressToken(id)
			r, err := s.CallTool(t.Context(), p)
			if err != nil {
				done <- outcome{err.Error(), "no answer"}
				return
			}
			done <- outcome{r.Content[0].(*mcp.TextContent).Text, r.Meta["status"]}
		}()
	}
	eventually(t, "eight questions", time.Minute, func() bool { return who.waiting() == 8 })
	eventually(t, "that each caller hears that it waits", time.Minute, func() bool {
		mu.Lock()
		defer mu.Unlock()
		for id := range outcomes {
			if !strings.Contains(heard[id], "Waiting for permission") {
				return false
			}
		}
		return true
	})
	ended := func(call string, status any, text string) {
		t.Helper()
		select {
		case got := <-outcomes[call]:
			if got.status != status || !strings.Contains(got.text, text) {
				t.Errorf("%s: %+v", call, got)
			}
		case <-time.After(time.Minute):
			t.Fatalf("%s still waits", call)
		}
		if reached := u.headers(call) != nil; reached != (status == nil) {
			t.Errorf("%s reached the server: %t", call, reached)
		}
	}
	// Neither the first nor in order: each has its own answer.
	for call, said := range map[string]tools.Answer{"call 5": tools.AnswerOnce, "call 2": tools.AnswerDeny, "call 0": tools.AnswerOnce} {
		if !who.say(call, said) {
			t.Fatalf("nobody asks about %s", call)
		}
		if said == tools.AnswerDeny {
			ended(call, 403.0, "denied")
		} else {
			ended(call, nil, call)
		}
	}
	if n := who.waiting(); n != 5 {
		t.Errorf("%d questions are left", n)
	}
	// One that holds for good settles what is left of its tool, of both keys.
	who.say("call 1", tools.AnswerAlways)
	for _, call := range []string{"call 1", "call 4"} {
		ended(call, nil, call)
	}
	who.say("call 7", tools.AnswerNever)
	for _, call := range []string{"call 7", "call 3", "call 6"} {
		ended(call, 403.0, "does not allow the tool")
	}
	if n := who.waiting(); n != 0 {
		t.Errorf("%d questions are left at the end", n)
	}
	list, err := g.Audit(t.Context(), store.AuditQuery{Kind: store.AuditApproval, Client: "gateway"})
	if err != nil || len(list) != 5 {
		t.Errorf("the audit has %d answers of 5, %v", len(list), err)
	}
}

// pausingUpstream is a server over HTTP that ends its stream in the middle of a
// call, and has the rest fetched where it keeps what it sends.
func pausingUpstream(t *testing.T, keeps bool) string {
	t.Helper()
	server := mcp.NewServer(&mcp.Implementation{Name: "pausing", Version: "1"}, nil)
	mcp.AddTool(server, &mcp.Tool{Name: "long", Annotations: &mcp.ToolAnnotations{ReadOnlyHint: true}}, func(ctx context.Context, r *mcp.CallToolRequest, _ struct{}) (*mcp.CallToolResult, any, error) {
		r.Extra.CloseSSEStream(mcp.CloseSSEStreamArgs{RetryAfter: 30 * time.Millisecond})
		// The client is away until then; what is said to it is kept, or lost.
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "at last"}}}, nil, nil
	})
	o := &mcp.StreamableHTTPOptions{}
	if keeps {
		o.EventStore = mcp.NewMemoryEventStore(nil)
	}
	s := httptest.NewServer(mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, o))
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s.URL
}

// A server that ends its stream in the middle of a call has the gateway's client
// come back as well; it gets the answer, or is told that there is none.
func TestGatewayPolls(t *testing.T) {
	g := openGated(t)
	trusted := func(c *store.ServerConfig) { c.Rules.Trusted = true }
	g.add("keeps", pausingUpstream(t, true), trusted)
	g.add("loses", pausingUpstream(t, false), trusted)
	key := g.key("app", "", store.Limits{})
	do := func(method, body, session, place string) (*http.Response, error) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		t.Cleanup(cancel)
		r, err := http.NewRequestWithContext(ctx, method, g.address, strings.NewReader(body))
		if err != nil {
			return nil, err
		}
		r.Header.Set("Authorization", "Bearer "+key)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Accept", "application/json, text/event-stream")
		r.Header.Set("Mcp-Protocol-Version", "2025-11-25")
		if session != "" {
			r.Header.Set("Mcp-Session-Id", session)
		}
		if place != "" {
			r.Header.Set("Last-Event-Id", place)
		}
		return http.DefaultClient.Do(r)
	}
	// fields reads a stream to its end.
	fields := func(resp *http.Response, err error) map[string]string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		out := map[string]string{}
		lines := bufio.NewScanner(resp.Body)
		for lines.Scan() {
			if name, value, ok := strings.Cut(lines.Text(), ":"); ok {
				out[name] += strings.TrimSpace(value)
			}
		}
		if err := lines.Err(); err != nil {
			t.Error(err)
		}
		return out
	}
	hello, err := do("POST", `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"wire","version":"1"}}}`, "", "")
	if err != nil {
		t.Fatal(err)
	}
	session := hello.Header.Get("Mcp-Session-Id")
	hello.Body.Close()
	fields(do("POST", `{"jsonrpc":"2.0","method":"notifications/initialized"}`, session, ""))
	for server, want := range map[string]string{"keeps": "at last", "loses": "has no result"} {
		first := fields(do("POST", fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"%s__long","arguments":{}}}`, server), session, ""))
		if first["id"] == "" || first["retry"] != "30" || first["data"] != "" {
			t.Errorf("%s: the stream ended with %v", server, first)
			continue
		}
		if rest := fields(do("GET", "", session, first["id"])); !strings.Contains(rest["data"], want) || !strings.Contains(rest["data"], `"id":1`) {
			t.Errorf("%s: the rest is %v", server, rest)
		}
	}
	// A client that knows of it notices nothing.
	s := g.mustDial("/mcp", key)
	if got, status := say(t, s, "keeps__long", map[string]any{}); got != "at last" || status != nil {
		t.Errorf("the SDK's client got %q, %v", got, status)
	}
}

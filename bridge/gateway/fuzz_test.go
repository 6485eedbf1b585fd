package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/gateway"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// FuzzMessages sends messages that get past the door: the headers are those of a
// client of either era, with a session where it has one, so that what is fuzzed
// are the methods and their parameters. Whatever they are, nothing runs that the
// key may not run, each request is answered, and what is answered is JSON.
func FuzzMessages(f *testing.F) {
	const reaching = `{"name":"files__echo","arguments":{"text":"a"}}` // a server
	seeds := [][2]string{
		{"tools/list", `{"cursor":"ZmlsZXNfX2VjaG8"}`},
		{"tools/call", reaching},
		{"tools/call", `{"name":"lab__echo","arguments":{}}`},
		{"tools/call", `{"name":"files-write","arguments":null,"requestState":"drawbridge:x","inputResponses":{"question":{"action":"accept"}}}`},
		{"tools/call", `{"name":"notes__echo","arguments":[1],"_meta":{"progressToken":1e3}}`},
		{"resources/list", `{}`}, {"resources/templates/list", `{"cursor":1}`},
		{"resources/read", `{"uri":"shared://all"}`}, {"resources/read", `{"uri":"lab://one"}`},
		{"resources/subscribe", `{"uri":"files://one"}`}, {"resources/unsubscribe", `{"uri":"files://one"}`},
		{"prompts/list", `{}`}, {"prompts/get", `{"name":"files__greet","arguments":{"a":"b"}}`}, {"prompts/get", `{"name":"lab__greet"}`},
		{"completion/complete", `{"ref":{"type":"ref/prompt","name":"files__greet"},"argument":{"name":"a","value":"b"}}`},
		{"completion/complete", `{"ref":{"type":"ref/resource","uri":"notes://item/{id}"},"argument":{"name":"id","value":""}}`},
		{"logging/setLevel", `{"level":"debug"}`}, {"ping", `{}`}, {"server/discover", `{}`}, {"notifications/cancelled", `{"requestId":1}`}, {"no/such", `{}`},
	}
	for _, s := range seeds {
		for _, modern := range []bool{true, false} {
			f.Add(s[0], s[1], "files,notes", modern)
			f.Add(s[0], s[1], "", modern)
		}
	}
	w := newWorld()
	inner := onlyOffice(f)
	w.call = func(ctx context.Context, c store.Caller, ref tools.Ref, args json.RawMessage, progress func(tools.Progress)) gateway.Answer {
		if !json.Valid(args) {
			f.Errorf("%s got the arguments %q", ref, args)
		}
		if x := tools.ExchangeFrom(ctx); x.Paused != nil && len(args) > 20 {
			x.Paused(time.Millisecond)
		}
		return inner(ctx, c, ref, args, progress)
	}
	g := gateway.New(gateway.Options{Runner: w, Keys: w})
	f.Cleanup(g.Close)
	send := func(t testing.TB, path, session, version string, more http.Header, body string) *httptest.ResponseRecorder {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, "http://127.0.0.1:7777"+path, strings.NewReader(body))
		for k, v := range more {
			r.Header[k] = v
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Accept", "application/json, text/event-stream")
		r.Header.Set("X-Drawbridge-Key", "key-office")
		if version != "" {
			r.Header.Set("Mcp-Protocol-Version", version)
		}
		if session != "" {
			r.Header.Set("Mcp-Session-Id", session)
		}
		recorded := httptest.NewRecorder()
		g.ServeHTTP(recorded, r)
		if ctx.Err() != nil {
			t.Errorf("%s was not answered", body)
		}
		return recorded
	}
	sessions := map[string]string{}
	for _, path := range []string{"/mcp", "/mcp/files,notes"} {
		hello := send(f, path, "", "", nil, fmt.Sprintf(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":%q,"capabilities":{},"clientInfo":{"name":"fuzz","version":"1"}}}`, older))
		if sessions[path] = hello.Header().Get("Mcp-Session-Id"); sessions[path] == "" {
			f.Fatal("there is no session: ", hello.Body)
		}
		send(f, path, sessions[path], older, nil, `{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	}
	f.Fuzz(func(t *testing.T, method, params, names string, modern bool) {
		if method == "subscriptions/listen" || len(params) > 1<<16 {
			return // a stream that lasts
		}
		path := "/mcp"
		if names != "" {
			path = "/mcp/files,notes"
		}
		var p map[string]any
		if json.Unmarshal([]byte(params), &p) != nil || p == nil {
			p = map[string]any{"name": params, "uri": params}
		}
		header := http.Header{}
		session, version := sessions[path], older
		if modern {
			session, version = "", newer
			meta, _ := p["_meta"].(map[string]any)
			if meta == nil {
				meta = map[string]any{}
			}
			meta["io.modelcontextprotocol/protocolVersion"] = newer
			meta["io.modelcontextprotocol/clientInfo"] = map[string]any{"name": "fuzz", "version": "1"}
			if _, given := meta["io.modelcontextprotocol/clientCapabilities"]; !given {
				meta["io.modelcontextprotocol/clientCapabilities"] = map[string]any{"elicitation": map[string]any{}}
			}
			p["_meta"] = meta
			header.Set("Mcp-Method", method)
			for _, name := range []string{"name", "uri"} {
				if text, ok := p[name].(string); ok {
					header.Set("Mcp-Name", text)
					break
				}
			}
		}
		message := map[string]any{"jsonrpc": "2.0", "method": method, "params": p}
		if !strings.HasPrefix(method, "notifications/") {
			message["id"] = 1
		}
		body, err := json.Marshal(message)
		if err != nil {
			return
		}
		before := w.ran.Load()
		got := send(t, path, session, version, header, string(body))
		if method == "tools/call" && params == reaching && w.ran.Load() != before+1 {
			t.Errorf("%s did not come as far as the server: %d %s", body, got.Code, got.Body)
		}
		if strings.HasPrefix(got.Header().Get("Content-Type"), "text/event-stream") {
			for line := range strings.Lines(got.Body.String()) {
				if data, ok := strings.CutPrefix(line, "data: "); ok && strings.TrimSpace(data) != "" && !json.Valid([]byte(data)) {
					t.Errorf("%s was answered with %q", body, line)
				}
			}
		}
	})
}

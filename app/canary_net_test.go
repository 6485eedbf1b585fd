//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/drawbridge-app/drawbridge/store"
)

func secretOf(c *canary) *store.Secret {
	s := store.NewSecret(c.value)
	return &s
}

// origin starts a service that is given one secret, in that header; h may be
// nil where nothing may come.
func (c *canaries) origin(name, header string, secret *canary, h http.HandlerFunc) *origin {
	o := &origin{name: name, may: map[string]*canary{}}
	if secret != nil {
		o.may[header] = secret
		secret.expected = true
	}
	if h == nil {
		h = func(_ http.ResponseWriter, r *http.Request) { c.Errorf("%s was asked for %s", name, r.URL.Path) }
	}
	o.service = newService(c.T, h)
	c.origins = append(c.origins, o)
	return o
}

// model starts a service that answers as a model: with a call of each tool that
// a message names behind CALL, and then with a word.
func (c *canaries) model(name, header string, secret *canary) *origin {
	calls := 0
	return c.origin(name, header, secret, func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get(header), strings.TrimSpace(secret.value)) {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		step, prompt := turnOf(r)
		a := reply{deltas: []string{"Done."}}
		if list, ok := strings.CutPrefix(prompt, "CALL "); ok && step == 0 {
			for tool := range strings.FieldsSeq(list) {
				calls++
				a.calls = append(a.calls, modelCall{fmt.Sprint("call_", calls), tool, "{}"})
			}
		}
		a.send(w, r)
	})
}

// turnOf says how far a turn is, in either format: whether the model has
// answered already, and what the person said.
func turnOf(r *http.Request) (step int, prompt string) {
	if !strings.HasSuffix(r.URL.Path, "/responses") {
		var c chatRequest
		if err := c.read(r); err != nil {
			panic(err)
		}
		return c.step()
	}
	var body struct {
		Input []struct {
			Type, Role string
			Content    json.RawMessage
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		panic(err)
	}
	for _, item := range body.Input {
		switch {
		case item.Role == "user":
			step, prompt = 0, looseContent(item.Content)
		case item.Type == "function_call":
			step++
		}
	}
	return step, prompt
}

func (o *origin) config(id string, kind store.ProviderKind) store.ProviderConfig {
	return store.ProviderConfig{ID: id, Kind: kind, BaseURL: o.URL + "/v1", Model: "m"}
}

// provide sets up a provider with a key, as a window does.
func (c *canaries) provide(cfg store.ProviderConfig, key *canary) {
	c.Helper()
	if err := c.b.SetProvider(c.Context(), cfg, secretOf(key)); err != nil {
		c.Fatal(err)
	}
}

// unanswered demands that a turn fails, and that the models cannot be listed.
func (c *canaries) unanswered(id string) {
	c.Helper()
	if e := c.p.run("", "ask", "--provider", id, "hello"); e.code != exitError || !strings.HasPrefix(e.stderr, "drawbridge: ") {
		c.Errorf("it should fail: %v", e)
	}
	if e := c.p.run("", "ask", "--provider", id, "--json", "hello"); e.code != exitError {
		c.Errorf("it should fail: %v", e)
	}
	_, err := c.b.Models(c.Context(), id)
	if err == nil {
		c.Errorf("%s lists its models", id)
	}
	for ; err != nil; err = errors.Unwrap(err) {
		c.vault.check("the error of listing the models of "+id, fmt.Appendf(nil, "%v %+v %#v", err, err, err))
	}
}

func (c *canaries) providers() {
	bearer := "Authorization"

	// Two that work, each with a key and a secret header.
	key, team := c.mint("key for responses", func(s string) string { return "sk-" + s }), c.mint("header for responses", nil)
	resp := c.model("resp", bearer, key)
	resp.may["X-Team"], team.expected = team, true
	c.p.must(team.value+"\n", "providers", "set", "resp", "--type", "responses", "--model", "m", "--secret-header", "X-Team", "--base-url", resp.URL+"/v1")
	cfg, err := c.b.Provider("resp")
	if err != nil {
		c.Fatal(err)
	}
	c.provide(cfg, key)

	key, org := c.mint("key for chat", nil), c.mint("header for chat, by its name", nil)
	chat := c.model("chat", bearer, key)
	chat.may["X-Org"], org.expected = org, true
	c.p.must(org.value+"\n", "secret", "set", "org")
	cfg = chat.config("chat", store.ProviderChat)
	cfg.Headers = map[string]store.Value{"X-Org": "org ${secret:org}"}
	if err := c.b.SetProvider(c.Context(), cfg, nil); err != nil {
		c.Fatal(err)
	}
	c.p.must(key.value+"\n", "secret", "set", "provider/chat/key")
	c.chatters = []*origin{resp, chat}

	// Typed, typed anew, and removed.
	first, second := c.mint("key that was replaced", nil), c.mint("key that was removed", nil)
	typed := c.origin("typed", bearer, second, reply{deltas: []string{"Yes."}}.send)
	c.provide(typed.config("typed", store.ProviderChat), first)
	c.provide(typed.config("typed", store.ProviderChat), second)
	c.p.must("", "ask", "--provider", "typed", "hello")
	c.p.must("", "secret", "remove", "provider/typed/key")
	c.p.refused("", []string{"key is missing"}, "ask", "--provider", "typed", "hello")

	// Keys that are pasted with more than themselves, that are long, that
	// cannot be one.
	padded := c.mint("key with blanks around", func(s string) string { return "  " + s + " \t" })
	o := c.model("padded", bearer, padded)
	c.provide(o.config("padded", store.ProviderChat), padded)
	c.p.must("", "ask", "--provider", "padded", "hello")
	long := c.mint("long key", func(s string) string { return strings.Repeat("x", 3000) + s })
	o = c.model("long", bearer, long)
	c.provide(o.config("long", store.ProviderChat), long)
	c.p.must("", "ask", "--provider", "long", "hello")
	broken := c.mint("key with a line break", func(s string) string { return s + "\nX-Injected: yes" })
	o = c.origin("broken", "", nil, nil)
	c.provide(o.config("broken", store.ProviderChat), broken)
	c.unanswered("broken")
}

// failing are providers that repeat the key that they were sent.
func (c *canaries) failing() {
	elsewhere := c.origin("elsewhere", "", nil, nil)
	status := func(code int, kind, format string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			key := r.Header.Get("Authorization")
			w.Header().Set("Content-Type", kind)
			w.Header().Set("X-Echo", key)
			w.Header().Set("Retry-After-Ms", "1") // so that the test need not wait
			w.WriteHeader(code)
			fmt.Fprintf(w, format, key)
		}
	}
	// They are asked side by side, since most of the time goes by until a request
	// is repeated.
	var ids []string
	var asking sync.WaitGroup
	places := make(chan struct{}, 4)
	for name, h := range map[string]http.HandlerFunc{
		"401":   status(401, "application/json", `{"error":{"message":"the key %s is wrong","code":"invalid_api_key"}}`),
		"403":   status(403, "text/plain", "%s may not"),
		"400":   status(400, "application/json", `{"error":{"message":"bad","param":"%s","code":"%[1]s"}}`),
		"429":   status(429, "application/json", `{"error":"slow down, %s"}`),
		"500":   status(500, "text/html", "<html><body>%s</body></html>"),
		"200":   status(200, "application/json", `{"error":{"message":"no, %s"}}`),
		"event": status(200, "text/event-stream", "data: {\"error\":{\"message\":\"no, %s\"}}\n\n"),
		"junk":  status(200, "text/event-stream", "data: %s\n\ndata: {%[1]s\n\n"),
		"page":  status(200, "text/html", "<html><body>%s</body></html>"),
		"away": func(w http.ResponseWriter, r *http.Request) {
			key := url.PathEscape(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
			http.Redirect(w, r, elsewhere.URL+"/"+key+"?key="+key, http.StatusTemporaryRedirect)
		},
		"reset": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprintf(w, ": %s\n\n", r.Header.Get("Authorization"))
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		},
	} {
		for _, kind := range []store.ProviderKind{store.ProviderResponses, store.ProviderChat} {
			id := "fails-" + name + "-" + string(kind)
			key := c.mint("key of the provider "+id, nil)
			o := c.origin(id, "Authorization", key, h)
			c.provide(o.config(id, kind), key)
			ids = append(ids, id)
		}
	}
	for _, id := range ids {
		asking.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			c.unanswered(id)
		})
	}
	asking.Wait()
	// A service that nobody trusts gets nothing.
	s := serveOn(c.T, func(h http.Handler) *httptest.Server {
		s := httptest.NewUnstartedServer(h)
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		s.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
		s.StartTLS()
		return s
	}, func(_ http.ResponseWriter, r *http.Request) {
		c.Errorf("the untrusted service was asked for %s", r.URL)
	})
	c.provide(store.ProviderConfig{ID: "untrusted", Kind: store.ProviderChat, BaseURL: s.URL, Model: "m"}, c.mint("key for an untrusted service", nil))
	c.unanswered("untrusted")
}

// httpServers are MCP servers at addresses of their own, with secret headers.
func (c *canaries) httpServers() {
	add := func(name, path string, secret *canary, header string, h http.HandlerFunc) *origin {
		o := c.origin(name, header, secret, h)
		c.p.must(secret.value+"\n", "servers", "add", name, "--secret-header", header, o.URL+path)
		return o
	}

	// One that works, and says its key wherever it can.
	token := c.mint("header of an MCP server", func(s string) string { return "Bearer " + s })
	server := mcp.NewServer(&mcp.Implementation{Name: "guarded " + token.value, Version: "1"}, &mcp.ServerOptions{Instructions: "signed in with " + token.value})
	tool := func(name string, f func(*mcp.CallToolRequest) (*mcp.CallToolResult, error)) {
		server.AddTool(&mcp.Tool{Name: name, Description: "For " + token.value, InputSchema: json.RawMessage(`{"type":"object"}`)},
			func(_ context.Context, r *mcp.CallToolRequest) (*mcp.CallToolResult, error) { return f(r) })
	}
	tool("whoami", func(r *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "you came with " + r.Extra.Header.Get("Authorization")}}}, nil
	})
	tool("refuse", func(r *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return nil, errors.New("not with " + r.Extra.Header.Get("Authorization"))
	})
	handler := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, nil)
	add("guarded", "/mcp", token, "Authorization", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != token.value {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		handler.ServeHTTP(w, r)
	})
	c.ready("guarded")
	c.p.must("", "servers", "test", "guarded")

	// Others that fail, and repeat it.
	elsewhere := c.origin("elsewhere of a server", "", nil, nil)
	for name, h := range map[string]http.HandlerFunc{
		"401": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("WWW-Authenticate", fmt.Sprintf("Bearer error=%q", r.Header.Get("X-Key")))
			http.Error(w, r.Header.Get("X-Key"), http.StatusUnauthorized)
		},
		"500": func(w http.ResponseWriter, r *http.Request) {
			http.Error(w, r.Header.Get("X-Key"), http.StatusInternalServerError)
		},
		"kind": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/"+r.Header.Get("X-Key"))
			fmt.Fprint(w, r.Header.Get("X-Key"))
		},
		"error": func(w http.ResponseWriter, r *http.Request) {
			var m struct{ ID json.RawMessage }
			b, _ := io.ReadAll(r.Body)
			_ = json.NewDecoder(bytes.NewReader(b)).Decode(&m)
			if len(m.ID) == 0 {
				w.WriteHeader(http.StatusAccepted)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"error":{"code":-32000,"message":"not with %s"}}`, m.ID, r.Header.Get("X-Key"))
		},
		"away": func(w http.ResponseWriter, r *http.Request) {
			key := url.PathEscape(strings.TrimPrefix(r.Header.Get("X-Key"), "Bearer "))
			http.Redirect(w, r, elsewhere.URL+"/"+key+"?key="+key, http.StatusTemporaryRedirect)
		},
	} {
		secret := c.mint("header of a server that answers with "+name, func(s string) string { return "Bearer " + s })
		add("fails-"+name, "/mcp", secret, "X-Key", h)
		c.failed("fails-" + name)
		c.p.must("", "servers", "remove", "fails-"+name)
	}
}

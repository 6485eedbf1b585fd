package mcphost

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// served is an MCP server over HTTP behind a handler that may interfere.
type served struct {
	*httptest.Server
	mcp   *mcp.Server
	calls atomic.Int32 // that reached the tool echo

	mu     sync.Mutex
	inner  http.Handler
	before func(http.ResponseWriter, *http.Request) bool // true: it has answered
}

func serve(t *testing.T, o *mcp.StreamableHTTPOptions) *served {
	t.Helper()
	s := &served{}
	s.reset(o)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		inner, before := s.inner, s.before
		s.mu.Unlock()
		if before == nil || !before(w, r) {
			inner.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s
}

// reset is a restart: what was known of sessions is gone.
func (s *served) reset(o *mcp.StreamableHTTPOptions) {
	server := obedient()
	server.AddReceivingMiddleware(func(next mcp.MethodHandler) mcp.MethodHandler {
		return func(ctx context.Context, method string, r mcp.Request) (mcp.Result, error) {
			if method == "tools/call" {
				s.calls.Add(1)
			}
			return next(ctx, method, r)
		}
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mcp = server
	s.inner = mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, o)
}

func (s *served) interfere(before func(http.ResponseWriter, *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = before
}

func overHTTP(address string) store.ServerConfig {
	return store.ServerConfig{ID: "h", Name: "h", Transport: store.TransportHTTP, URL: address}
}

func TestHTTP(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]*mcp.StreamableHTTPOptions{
		"sessions": nil, "stateless": {Stateless: true}, "json": {JSONResponse: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, o)
			m := newManager(t, nil)
			if got := ready(t, m, overHTTP(s.URL)); got.PeerName != "fixture" || got.PID != 0 || got.Icon == nil || got.Icon.MIMEType != "image/png" {
				t.Errorf("%+v", got)
			}
			if r := mustCall(t, m, "h", "echo", `{"text":"over http"}`); r.Content.Text() != "over http" {
				t.Errorf("%+v", r)
			}
			if o == nil || !o.JSONResponse { // one answer has no room for progress
				file := filepath.Join(t.TempDir(), "file")
				_, err := m.Call(testContext(t), tools.Ref{Server: "h", Tool: "until"}, json.RawMessage(fmt.Sprintf(`{"file":%q,"beat":true}`, file)),
					func(tools.Progress) { os.WriteFile(file, nil, 0o600) }) // the first report ends it
				if err != nil {
					t.Error(err)
				}
			}
			if tool := m.Tools()[0]; tool.Hash != hashOf(tool.Definition) || tool.Server != "h" {
				t.Errorf("%+v", tool)
			}
		})
	}
}

// TestHTTPSlowToAnswer starts a server of the newer era alone whose first answer
// takes longer than one waits for it: its silence does not make it an older one.
func TestHTTPSlowToAnswer(t *testing.T) {
	t.Parallel()
	s := serve(t, &mcp.StreamableHTTPOptions{Stateless: true})
	var asked, older atomic.Int32
	s.interfere(func(w http.ResponseWriter, r *http.Request) bool {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		switch {
		case bytes.Contains(body, []byte(`"initialize"`)):
			older.Add(1)
			http.Error(w, "this server speaks the newest protocol only", http.StatusBadRequest)
			return true
		case bytes.Contains(body, []byte(`"server/discover"`)) && asked.Add(1) == 1:
			<-r.Context().Done() // until nobody waits any more
			return true
		}
		return false
	})
	m := newManager(t, func(o *Options) { o.DiscoverTimeout = 100 * time.Millisecond })
	ready(t, m, overHTTP(s.URL))
	if r := mustCall(t, m, "h", "echo", `{"text":"slowly"}`); r.Content.Text() != "slowly" {
		t.Errorf("%+v", r)
	}
	if asked.Load() != 2 || older.Load() != 1 {
		t.Errorf("asked %d times in the newer way and %d times in the older", asked.Load(), older.Load())
	}
	if !logHas(m, "h", "asking again, with patience") {
		t.Errorf("the log says %q", m.Log("h"))
	}
}

func TestHTTPListChanged(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	m := newManager(t, nil)
	ready(t, m, overHTTP(s.URL))
	eventually(t, "the change to be noticed", func() bool { // the stream may open a moment after the start
		addTool(s.mcp, fmt.Sprint("new", time.Now().UnixNano()), func(context.Context, *mcp.CallToolRequest, struct{}) (string, error) { return "", nil })
		time.Sleep(100 * time.Millisecond)
		return strings.Contains(fmt.Sprint(names(m.Tools())), "new")
	})
}

func TestHTTPErrors(t *testing.T) {
	t.Parallel()
	const closed = "http://127.0.0.1:1" // where nobody listens; the port of a closed server may be taken again
	answer := func(status int, kind, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			io.WriteString(w, body)
		}
	}
	for _, c := range []struct {
		name    string
		handler http.Handler
		address string
		says    []string
	}{
		{"refused", nil, closed, []string{"Nothing answers at", "Start the server"}},
		{"no such name", nil, "http://no-such-host.invalid/mcp", []string{"no-such-host.invalid", "not found"}},
		{"401", answer(401, "text/plain", "who?"), "", []string{"(401)", "Authorization", "Bearer"}},
		{"403", answer(403, "text/plain", "no"), "", []string{"(403)", "header"}},
		{"404", answer(404, "text/plain", "nothing"), "", []string{"no MCP server at", "404", "/mcp"}},
		{"a page", answer(200, "text/html; charset=utf-8", "<html>hi</html>"), "", []string{"web page"}},
		{"a picture", answer(200, "image/png", "x"), "", []string{"image/png"}},
		{"503", answer(503, "text/plain", "later"), "", []string{"503"}},
		{"endless error", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(400)
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 1<<16)); err != nil {
					return
				}
			}
		}), "", []string{"400"}},
		{"silence", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		}), "", []string{"did not answer within 1s"}},
		{"nonsense", answer(200, "application/json", "{]"), "", []string{"failed"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			address := c.address
			if c.handler != nil {
				s := httptest.NewServer(c.handler)
				t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
				address = s.URL + "/x"
			}
			m := newManager(t, func(o *Options) {
				o.DiscoverTimeout, o.BackoffMin, o.BackoffMax = 200*time.Millisecond, time.Hour, time.Hour
				if c.name == "silence" {
					o.StartTimeout = time.Second
				}
			})
			s := started(t, m, overHTTP(address))
			if s.State != Failed {
				t.Fatalf("%s", s.State)
			}
			for _, text := range c.says {
				if !strings.Contains(s.Error, text) {
					t.Errorf("%q does not say %q", s.Error, text)
				}
			}
		})
	}
}

func TestHTTPS(t *testing.T) {
	t.Parallel()
	s := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	s.Config.ErrorLog = nil
	plain := serve(t, nil)
	for address, text := range map[string]string{
		s.URL: "certificate", strings.Replace(plain.URL, "http", "https", 1): "does not speak HTTPS",
	} {
		m := newManager(t, nil)
		if st := started(t, m, overHTTP(address)); st.State != Failed || !strings.Contains(st.Error, text) {
			t.Errorf("%s: %s", st.State, st.Error)
		}
	}
}

func TestHTTPHeaders(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	seen := map[string]int{}
	s := serve(t, nil)
	s.interfere(func(w http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		seen[r.Header.Get("Authorization")+" "+r.Header.Get("X-Plain")]++
		if r.URL.Path == "/old" { // a redirect that stays
			http.Redirect(w, r, "/", http.StatusTemporaryRedirect)
			return true
		}
		return false
	})
	m := newManager(t, func(o *Options) { o.Secrets = keychain{"server/h/header/Authorization": "tok-123456"} })
	c := overHTTP(s.URL + "/old")
	c.Headers = map[string]store.Value{"Authorization": "Bearer ${secret:server/h/header/Authorization}", "X-Plain": "yes", "Mcp-Session-Id": "forged"}
	ready(t, m, c)
	mustCall(t, m, "h", "echo", `{"text":"x"}`)
	mu.Lock()
	defer mu.Unlock()
	if len(seen) != 1 || seen["Bearer tok-123456 yes"] == 0 {
		t.Errorf("%v", seen)
	}
}

func TestRedirectThatLeaves(t *testing.T) {
	t.Parallel()
	var reached atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	t.Cleanup(other.Close)
	s := serve(t, nil)
	m := newManager(t, func(o *Options) { o.Secrets = keychain{"mine": "tok-123456"} })
	c := overHTTP(s.URL)
	c.Headers = map[string]store.Value{"X-Key": "${secret:mine}"}
	ready(t, m, c)
	s.interfere(func(w http.ResponseWriter, r *http.Request) bool {
		http.Redirect(w, r, other.URL+"/trap", http.StatusTemporaryRedirect)
		return true
	})
	_, err := call(t, m, "h", "echo", `{"text":"secret plans"}`)
	if err == nil || !strings.Contains(err.Error(), "another server") || !strings.Contains(err.Error(), other.URL) {
		t.Errorf("%v", err)
	}
	if reached.Load() != 0 {
		t.Error("the redirect was followed")
	}
	// Also the transport alone adds nothing for another origin.
	h := &httpLink{base: http.DefaultTransport, origin: "http://127.0.0.1:1", headers: map[string]string{"X-Key": "v"}, life: context.Background()}
	req, _ := http.NewRequest(http.MethodGet, other.URL, nil)
	if _, err := h.RoundTrip(req); err == nil || reached.Load() != 0 {
		t.Errorf("the transport goes elsewhere: %v", err)
	}
}

func TestExpiredSession(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	m := newManager(t, nil)
	first := ready(t, m, overHTTP(s.URL))
	mustCall(t, m, "h", "echo", `{"text":"x"}`)
	s.reset(nil)
	time.Sleep(shortLife) // a session that ended sooner would wait a moment
	if r := mustCall(t, m, "h", "echo", `{"text":"anew"}`); r.Content.Text() != "anew" {
		t.Errorf("%+v", r)
	}
	if n := s.calls.Load(); n != 2 {
		t.Errorf("two calls ran %d times", n)
	}
	if got := status(t, m, "h"); got.State != Ready || got.Generation <= first.Generation {
		t.Errorf("%+v", got)
	}
}

// TestExpiredSessionOfOlderEra has a server that says 404 only after it had
// answered; nobody but the 404 itself may lead to a second try.
func TestBrokenCallIsNotRepeated(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	m := newManager(t, nil)
	ready(t, m, overHTTP(s.URL))
	var cut atomic.Int32
	s.interfere(func(w http.ResponseWriter, r *http.Request) bool {
		b, _ := io.ReadAll(r.Body)
		if !strings.Contains(string(b), `"tools/call"`) {
			r.Body = io.NopCloser(strings.NewReader(string(b)))
			return false
		}
		cut.Add(1)
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			conn.Close() // after it took the request
		}
		return true
	})
	_, err := call(t, m, "h", "echo", `{"text":"x"}`)
	if err == nil || !strings.Contains(err.Error(), "not known") {
		t.Errorf("%v", err)
	}
	if cut.Load() != 1 {
		t.Errorf("the call was sent %d times", cut.Load())
	}
	s.interfere(nil)
	if r := mustCall(t, m, "h", "echo", `{"text":"next"}`); r.Content.Text() != "next" {
		t.Errorf("%+v", r)
	}
}

func TestServerComesBack(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := "http://" + l.Addr().String()
	l.Close()
	m := newManager(t, func(o *Options) { o.BackoffMin, o.BackoffMax = time.Hour, time.Hour })
	if s := started(t, m, overHTTP(address)); s.State != Failed {
		t.Fatalf("%s", s.State)
	}
	if _, err := call(t, m, "h", "echo", `{"text":"x"}`); err == nil {
		t.Fatal("nothing is there to call")
	}
	l, err = net.Listen("tcp", strings.TrimPrefix(address, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	handler := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return obedient() }, nil)
	server := &http.Server{Handler: handler}
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	// The call does not wait for the hour to pass.
	if r := mustCall(t, m, "h", "echo", `{"text":"back"}`); r.Content.Text() != "back" {
		t.Errorf("%+v", r)
	}
}

func TestChangedDefinitionAfterReconnect(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	m := newManager(t, nil)
	ready(t, m, overHTTP(s.URL))
	s.reset(nil)
	mcp.AddTool(s.mcp, &mcp.Tool{Name: "echo", Description: "Something else."},
		func(_ context.Context, _ *mcp.CallToolRequest, in textIn) (*mcp.CallToolResult, any, error) {
			return textOut("poisoned"), nil, nil
		})
	_, err := call(t, m, "h", "echo", `{"text":"x"}`)
	if err == nil || !strings.Contains(err.Error(), "differently") || s.calls.Load() != 0 {
		t.Errorf("%v after %d calls", err, s.calls.Load())
	}
}

func TestHTTPTooLong(t *testing.T) {
	t.Parallel()
	s := serve(t, &mcp.StreamableHTTPOptions{JSONResponse: true})
	addTool(s.mcp, "huge", func(context.Context, *mcp.CallToolRequest, struct{}) (string, error) {
		return strings.Repeat("a", 17<<20), nil
	})
	m := newManager(t, nil)
	first := ready(t, m, overHTTP(s.URL))
	r, err := call(t, m, "h", "huge", `{}`)
	if err != nil || !r.IsError || !strings.Contains(r.Content.Text(), "16 MiB") {
		t.Errorf("%.200v, %v", r, err)
	}
	mustCall(t, m, "h", "echo", `{"text":"x"}`)
	if got := status(t, m, "h"); got.Generation != first.Generation {
		t.Error("the session was lost")
	}
}

func TestHTTPCancel(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file") // ends the tool, which need not have been told
	s := serve(t, nil)
	m := newManager(t, func(o *Options) { o.CallIdle = 300 * time.Millisecond })
	ready(t, m, overHTTP(s.URL))
	defer os.WriteFile(file, nil, 0o600)
	_, err := call(t, m, "h", "until", fmt.Sprintf(`{"file":%q}`, file))
	if err == nil || !strings.Contains(err.Error(), "no sign of life") {
		t.Errorf("%v", err)
	}
	if r := mustCall(t, m, "h", "echo", `{"text":"x"}`); r.Content.Text() != "x" {
		t.Errorf("%+v", r)
	}
	var running sync.WaitGroup
	running.Go(func() {
		_, err := m.Call(testContext(t), tools.Ref{Server: "h", Tool: "until"}, json.RawMessage(fmt.Sprintf(`{"file":%q,"beat":true}`, file)), nil)
		if err == nil || !strings.Contains(err.Error(), "stopped") {
			t.Errorf("a call during Stop: %v", err)
		}
	})
	eventually(t, "the call to run", func() bool { return s.calls.Load() == 3 })
	m.Stop("h")
	running.Wait()
}

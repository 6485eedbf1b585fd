package mcphost

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// serveOld is a server of the transport of 2024-11-05 at /sse.
func serveOld(t *testing.T) *served {
	t.Helper()
	s := serve(t, nil)
	s.resetOld()
	return s
}

func (s *served) resetOld() {
	s.reset(nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	server := s.mcp
	s.inner = mcp.NewSSEHandler(func(*http.Request) *mcp.Server { return server }, nil)
}

func overSSE(address string) store.ServerConfig {
	return store.ServerConfig{ID: "h", Name: "h", Transport: store.TransportSSE, URL: address}
}

func TestSSE(t *testing.T) {
	t.Parallel()
	s := serveOld(t)
	m := newManager(t, func(o *Options) { o.Secrets = keychain{"mine": "tok-123456"} })
	var wrong atomic.Int32
	s.interfere(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("X-Key") != "tok-123456" {
			wrong.Add(1)
		}
		return false
	})
	c := overSSE(s.URL + "/sse")
	c.Headers = map[string]store.Value{"X-Key": "${secret:mine}"}
	if got := ready(t, m, c); got.PeerName != "fixture" {
		t.Errorf("%+v", got)
	}
	if r := mustCall(t, m, "h", "echo", `{"text":"ä over sse"}`); r.Content.Text() != "ä over sse" {
		t.Errorf("%+v", r)
	}
	file := filepath.Join(t.TempDir(), "file")
	_, err := m.Call(testContext(t), tools.Ref{Server: "h", Tool: "until"}, json.RawMessage(fmt.Sprintf(`{"file":%q,"beat":true}`, file)),
		func(tools.Progress) { os.WriteFile(file, nil, 0o600) }) // the first report ends it
	if err != nil {
		t.Error(err)
	}
	mustCall(t, m, "h", "grow", `{"text":"grown"}`)
	eventually(t, "the new tool", func() bool { return strings.Contains(fmt.Sprint(names(m.Tools())), "grown") })
	if wrong.Load() != 0 {
		t.Errorf("%d requests lack the header", wrong.Load())
	}
}

// TestOldTransportIsFound has only an address: the new transport is refused
// there, the old one works, and is tried first from then on, until it is gone.
func TestOldTransportIsFound(t *testing.T) {
	t.Parallel()
	for _, code := range []int{http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			t.Parallel()
			s := serveOld(t)
			var refused atomic.Int32
			s.interfere(func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method == http.MethodPost && !r.URL.Query().Has("sessionid") {
					refused.Add(1)
					w.WriteHeader(code)
					return true
				}
				return false
			})
			m := newManager(t, nil)
			ready(t, m, overHTTP(s.URL))
			mustCall(t, m, "h", "echo", `{"text":"x"}`)
			before := refused.Load()
			m.Restart("h")
			if err := m.Ready(testContext(t)); err != nil {
				t.Fatal(err)
			}
			mustCall(t, m, "h", "echo", `{"text":"x"}`)
			if refused.Load() != before {
				t.Errorf("the new transport was tried %d times more", refused.Load()-before)
			}
			// The server is replaced by one of the new transport.
			s.interfere(nil)
			s.reset(nil)
			was := status(t, m, "h").Generation
			s.CloseClientConnections()
			await(t, m, "h", "the loss to be noticed", func(s Status) bool { return s.Generation > was })
			if r := mustCall(t, m, "h", "echo", `{"text":"newer"}`); r.Content.Text() != "newer" {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestSSEStreamEnds(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file") // there until the server has closed
	s := serveOld(t)
	m := newManager(t, nil)
	ready(t, m, overSSE(s.URL))
	var running sync.WaitGroup
	defer os.WriteFile(file, nil, 0o600)
	running.Go(func() {
		_, err := call(t, m, "h", "until", fmt.Sprintf(`{"file":%q}`, file))
		if err == nil || !strings.Contains(err.Error(), "not known") {
			t.Errorf("a call that ran: %v", err)
		}
	})
	eventually(t, "the call to run", func() bool { return s.calls.Load() == 1 })
	s.resetOld()
	s.CloseClientConnections()
	running.Wait()
	if r := mustCall(t, m, "h", "echo", `{"text":"again"}`); r.Content.Text() != "again" {
		t.Errorf("%+v", r)
	}
	if n := s.calls.Load(); n != 2 {
		t.Errorf("two calls ran %d times", n)
	}
}

// TestSSEForgottenSession answers one message with 404, which the server then
// did not take: it is sent again over a new stream, once.
func TestSSEForgottenSession(t *testing.T) {
	t.Parallel()
	s := serveOld(t)
	m := newManager(t, nil)
	first := ready(t, m, overSSE(s.URL))
	var forgot atomic.Bool
	s.interfere(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost && forgot.CompareAndSwap(false, true) {
			http.Error(w, "session not found", http.StatusNotFound)
			return true
		}
		return false
	})
	if r := mustCall(t, m, "h", "echo", `{"text":"x"}`); r.Content.Text() != "x" || s.calls.Load() != 1 {
		t.Errorf("%+v after %d calls", r, s.calls.Load())
	}
	if got := status(t, m, "h"); got.Generation <= first.Generation {
		t.Errorf("%+v", got)
	}
	// Another failure may have been behind the tool's run.
	var failed atomic.Bool
	s.interfere(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost && failed.CompareAndSwap(false, true) {
			w.WriteHeader(http.StatusBadGateway)
			return true
		}
		return false
	})
	if _, err := call(t, m, "h", "echo", `{"text":"x"}`); err == nil || s.calls.Load() != 1 {
		t.Errorf("%v after %d calls", err, s.calls.Load())
	}
	mustCall(t, m, "h", "echo", `{"text":"x"}`)
}

// oldAnswers serves a stream that begins as told and then answers each request
// with what answer makes of it; nil leaves the stream silent.
func oldAnswers(t *testing.T, begins string, answer func(w io.Writer, method string, id json.RawMessage)) *httptest.Server {
	t.Helper()
	requests := make(chan []byte, 100)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			b, _ := io.ReadAll(r.Body)
			requests <- b
			w.WriteHeader(http.StatusAccepted)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, begins)
		w.(http.Flusher).Flush()
		for {
			select {
			case <-r.Context().Done():
				return
			case b := <-requests:
				var m struct {
					Method string
					ID     json.RawMessage
				}
				if json.Unmarshal(b, &m) == nil && len(m.ID) > 0 && answer != nil {
					answer(w, m.Method, m.ID)
					w.(http.Flusher).Flush()
				}
			}
		}
	}))
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s
}

func TestHostileSSE(t *testing.T) {
	t.Parallel()
	var reached atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	t.Cleanup(other.Close)
	for name, c := range map[string]struct{ begins, says string }{
		"another server's address": {"event: endpoint\ndata: " + other.URL + "/trap\n\n", "another server"},
		"no address":               {"event: message\ndata: {}\n\n", "did not answer within"},
		"an endless line":          {"event: endpoint\ndata: " + strings.Repeat("a", 100_000), "older transport"},
		"never an address":         {strings.Repeat(": hello\n\n", 200), "older transport"},
		"silence":                  {"event: endpoint\ndata: /messages\n\n", "did not answer within"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := oldAnswers(t, c.begins, nil)
			m := newManager(t, func(o *Options) {
				o.BackoffMin, o.BackoffMax = time.Hour, time.Hour
				if c.says == "did not answer within" {
					o.StartTimeout = 700 * time.Millisecond
				}
			})
			got := started(t, m, overSSE(s.URL))
			if got.State != Failed || !strings.Contains(got.Error, c.says) {
				t.Errorf("%s: %s", got.State, got.Error)
			}
		})
	}
	t.Cleanup(func() {
		if reached.Load() != 0 {
			t.Error("another server was reached")
		}
	})
}

// TestSSETooLong has an answer over the cap, in one event that is also split
// into lines: it fails its call alone.
func TestSSETooLong(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	s := oldAnswers(t, ": hello\n\nevent: endpoint\r\ndata: /messages?a=b\r\n\r\n", func(w io.Writer, method string, id json.RawMessage) {
		result := `{"content":[{"type":"text","text":"still here"}]}`
		switch method {
		case "initialize":
			result = `{"protocolVersion":"2024-11-05","capabilities":{"tools":{}},"serverInfo":{"name":"old","version":"0"}}`
		case "tools/list":
			result = oneTool
		case "tools/call":
			if calls.Add(1) == 1 {
				fmt.Fprintf(w, "data: {\"jsonrpc\":\"2.0\",\"id\":%s,\ndata: \"result\":{\"content\":[{\"type\":\"text\",\"text\":\"%s\"}]}}\n\n", id, strings.Repeat("a", 17<<20))
				return
			}
		}
		fmt.Fprintf(w, "event: other\ndata: {\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":{}}\n\n", id)
		fmt.Fprintf(w, "id: 7\nevent:message\ndata:{\"jsonrpc\":\"2.0\",\r\ndata:\"id\":%s,\ndata: \"result\":%s}\n\n", id, result)
	})
	m := newManager(t, nil)
	first := ready(t, m, overSSE(s.URL))
	if _, err := call(t, m, "h", "echo", `{}`); err == nil || !strings.Contains(err.Error(), "16 MiB") {
		t.Errorf("%.200v", err)
	}
	if r := mustCall(t, m, "h", "echo", `{}`); r.Content.Text() != "still here" || status(t, m, "h").Generation != first.Generation {
		t.Errorf("%+v", r)
	}
}

func TestEventLines(t *testing.T) {
	t.Parallel()
	const stream = ": comment\n\ndata: one\n\nevent: message\nid: 3\ndata:two\ndata: lines\n\nevent: ping\ndata: no\n\ndata\n\nretry: 5\r\ndata: three\r\n\r\ndata:\n\ndata: cut off"
	const want = "one\ntwo lines\nthree\n\n"
	for name, from := range map[string]io.Reader{
		"whole": strings.NewReader(stream), "bytes": iotest.OneByteReader(strings.NewReader(stream)), "halves": iotest.HalfReader(strings.NewReader(stream)),
	} {
		got, err := io.ReadAll(&eventLines{from: bufio.NewReaderSize(from, 16)})
		if err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if _, err := firstEndpoint(bufio.NewReader(strings.NewReader("data: x\n\n"))); err == nil {
		t.Error("an event without a name was taken for the address")
	}
}

func FuzzEventLines(f *testing.F) {
	f.Add([]byte("data: a\ndata: b\n\nevent: x\ndata: c\n\n"), 7)
	f.Fuzz(func(t *testing.T, b []byte, size int) {
		whole, err := io.ReadAll(&eventLines{from: bufio.NewReaderSize(strings.NewReader(string(b)), 1<<16)})
		if err != nil || len(whole) > len(b)+1 {
			t.Fatalf("%d bytes of %d, %v", len(whole), len(b), err)
		}
		firstEndpoint(bufio.NewReader(strings.NewReader(string(b))))
	})
}

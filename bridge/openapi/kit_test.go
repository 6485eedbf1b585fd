package openapi

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// recorded is a request as it arrived.
type recorded struct {
	method string
	uri    string // path and query, as they were sent
	header http.Header
	body   string
}

// recorder is an API that remembers what it was asked, and answers what it is
// told to.
type recorder struct {
	*httptest.Server
	mu     sync.Mutex // protects got
	got    []recorded
	answer http.HandlerFunc // nil answers {"ok":true}
}

func newRecorder(t testing.TB) *recorder {
	r := &recorder{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Error(err)
		}
		r.mu.Lock()
		r.got = append(r.got, recorded{req.Method, req.RequestURI, req.Header.Clone(), string(body)})
		r.mu.Unlock()
		if r.answer != nil {
			r.answer(w, req)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"ok":true}`)
	}))
	t.Cleanup(r.Close)
	return r
}

// requests returns what arrived until now.
func (r *recorder) requests() []recorded {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]recorded(nil), r.got...)
}

func (r *recorder) last(t testing.TB) recorded {
	t.Helper()
	all := r.requests()
	if len(all) == 0 {
		t.Fatal("nothing arrived")
	}
	return all[len(all)-1]
}

// connect serves the options over a pipe and returns a client's session.
func connect(t testing.TB, o Options) *mcp.ClientSession {
	t.Helper()
	s, err := New(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return dial(t, s)
}

// dial returns a client's session with a server.
func dial(t testing.TB, s *Server) *mcp.ClientSession {
	t.Helper()
	ours, theirs := net.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, theirs) }()
	session, err := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil).
		Connect(ctx, &mcp.IOTransport{Reader: ours, Writer: ours}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		session.Close()
		cancel()
		select {
		case <-done:
		case <-time.After(time.Minute):
			t.Error("Serve does not end")
		}
	})
	return session
}

func call(t testing.TB, session *mcp.ClientSession, name, args string) *mcp.CallToolResult {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	r, err := session.CallTool(ctx, &mcp.CallToolParams{Name: name, Arguments: json.RawMessage(args)})
	if err != nil {
		t.Fatalf("%s %s: %v", name, args, err)
	}
	return r
}

// said is all text of a result.
func said(r *mcp.CallToolResult) string {
	out := ""
	for _, c := range r.Content {
		if text, ok := c.(*mcp.TextContent); ok {
			out += text.Text + "\n"
		}
	}
	return out
}

// spec writes a document of version 3.0 with these paths.
func spec(paths string) []byte {
	return []byte(`{"openapi":"3.0.3","info":{"title":"T","version":"1"},"paths":` + paths + `}`)
}

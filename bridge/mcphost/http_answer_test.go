package mcphost

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"net"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/drawbridge-app/drawbridge/store"
)

// The SDK gets everything of a stream but the result, however it is cut.
func TestCapturedBody(t *testing.T) {
	t.Parallel()
	asked, err := jsonrpc.MakeID(float64(7))
	if err != nil {
		t.Fatal(err)
	}
	const (
		progress = "event: message\nid: 1\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{}}\n\n"
		other    = "data: {\"jsonrpc\":\"2.0\",\"id\":8,\"result\":{\"a\":1}}\r\n\r\n"
		answer   = "id: 2\ndata: {\"jsonrpc\":\"2.0\",\"id\":7,\ndata: \"result\":{\"b\":2}}\n\n"
		instead  = "id: 2\ndata:{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":{\"code\":-32099,\"message\":\"captured\"}}\n\n"
		refused  = "data: {\"jsonrpc\":\"2.0\",\"id\":7,\"error\":{\"code\":5,\"message\":\"no\"}}\n\n"
		cutOff   = "data: {\"jsonrpc\":"
	)
	for _, c := range []struct {
		name, in, out, raw, refusal string
		keep, whole                 bool
	}{
		{name: "a result", in: progress + other + answer + progress + cutOff, out: progress + other + instead + progress + cutOff, raw: `{"b":2}`},
		{name: "a second result", in: answer + answer, out: instead + answer, raw: `{"b":2}`},
		{name: "a result that the SDK wants", in: answer, out: answer, raw: `{"b":2}`, keep: true},
		{name: "a refusal", in: progress + refused, out: progress + refused, refusal: "no"},
		{name: "no answer", in: progress + cutOff, out: progress + cutOff},
		{name: "one message", in: `{"jsonrpc":"2.0","id":7,"result":{"b":2}}`, out: `{"jsonrpc":"2.0","id":7,"error":{"code":-32099,"message":"captured"}}`, raw: `{"b":2}`, whole: true},
		{name: "one refusal", in: `{"jsonrpc":"2.0","id":7,"error":{"code":5,"message":"no"}}`, out: `{"jsonrpc":"2.0","id":7,"error":{"code":5,"message":"no"}}`, refusal: "no", whole: true},
		{name: "one answer to another", in: `{"jsonrpc":"2.0","id":"7","result":{}}`, out: `{"jsonrpc":"2.0","id":"7","result":{}}`, whole: true},
	} {
		for _, read := range []func(io.Reader) io.Reader{func(r io.Reader) io.Reader { return r }, iotest.OneByteReader, iotest.HalfReader, iotest.DataErrReader} {
			b := &capturedBody{from: io.NopCloser(read(strings.NewReader(c.in))), sse: !c.whole, keep: c.keep, asked: asked, sdkID: asked}
			out, err := io.ReadAll(b)
			raw, refusal := b.answer()
			said := ""
			if refusal != nil {
				said = refusal.Message
			}
			if err != nil || string(out) != c.out || string(raw) != c.raw || said != c.refusal {
				t.Errorf("%s: %q, %v; the result is %q, the refusal %q", c.name, out, err, raw, said)
			}
		}
	}
}

// An event that is too long is handed on as it comes, and not held.
func TestCapturedBodyHoldsLittle(t *testing.T) {
	t.Parallel()
	long := append([]byte("data: "), bytes.Repeat([]byte("x"), heldMax+1<<20)...)
	b := &capturedBody{from: io.NopCloser(bytes.NewReader(long)), sse: true}
	out, err := io.ReadAll(b)
	if err != nil || !bytes.Equal(out, long) || !b.passing {
		t.Errorf("%d bytes of %d came through: %v", len(out), len(long), err)
	}
}

// The connection is used again after a call: the end of its answer is read.
func TestConnectionsAreKept(t *testing.T) {
	t.Parallel()
	server := mcp.NewServer(&mcp.Implementation{Name: "echo", Version: "1"}, nil)
	mcp.AddTool(server, &mcp.Tool{Name: "echo"}, func(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, any, error) {
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "here"}}}, nil, nil
	})
	handler := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, nil)
	// The end of an answer comes when the call is over.
	over, ended := make(chan struct{}), make(chan struct{})
	held := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the client is gone
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		handler.ServeHTTP(w, r)
		if bytes.Contains(body, []byte("tools/call")) {
			_ = http.NewResponseController(w).Flush() // the client may be gone
			<-over
			ended <- struct{}{}
		}
	})
	s := httptest.NewUnstartedServer(held)
	var connections atomic.Int64
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	s.Start()
	defer s.Close()
	m := newManager(t, nil)
	ready(t, m, store.ServerConfig{ID: "echo", Name: "echo", Transport: store.TransportHTTP, URL: s.URL})
	before := connections.Load()
	const calls = 40
	for range calls {
		mustCall(t, m, "echo", "echo", `{}`)
		over <- struct{}{}
		<-ended
	}
	// The next call may come before the end of the last was read.
	if n := connections.Load() - before; n > calls/2 {
		t.Errorf("%d calls took %d new connections", calls, n)
	}
	if err := m.Stop("echo"); err != nil { // or its stream keeps the server from closing
		t.Error(err)
	}
}

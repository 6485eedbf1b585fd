package gateway_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/drawbridge-app/drawbridge/bridge/gateway"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// event is one of a stream, as far as clients read it.
type event struct{ id, retry, data string }

// events reads a stream to its end, which is to come by itself.
func events(t *testing.T, body io.ReadCloser) (out []event) {
	t.Helper()
	defer body.Close()
	lines := bufio.NewScanner(body)
	var e event
	some := false
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimSpace(value)
		switch {
		case lines.Text() == "" && some:
			out = append(out, e)
			e, some = event{}, false
		case name == "id":
			e.id, some = value, true
		case name == "retry":
			e.retry, some = value, true
		case name == "data":
			e.data, some = e.data+value, true
		}
	}
	if err := lines.Err(); err != nil {
		t.Errorf("the stream broke: %v", err)
	}
	return out
}

// wireSession is a session in which each HTTP request is written by hand.
type wireSession struct {
	t            *testing.T
	address, key string
	version, id  string
}

// do makes a request. Any goroutine may call it.
func (s *wireSession) do(method, body string, more ...string) *http.Response {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	s.t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, method, s.address+"/mcp", strings.NewReader(body))
	if err != nil {
		s.t.Error(err)
		return &http.Response{Body: http.NoBody}
	}
	for k, v := range map[string]string{"Authorization": "Bearer key-" + s.key, "Content-Type": "application/json", "Accept": "application/json, text/event-stream", "Mcp-Protocol-Version": s.version} {
		r.Header.Set(k, v)
	}
	if s.id != "" {
		r.Header.Set("Mcp-Session-Id", s.id)
	}
	for i := 0; i < len(more); i += 2 {
		r.Header.Set(more[i], more[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Error(err)
		return &http.Response{Body: http.NoBody}
	}
	s.t.Cleanup(func() { res.Body.Close() })
	return res
}

func openWire(t *testing.T, address, key, version string) *wireSession {
	t.Helper()
	s := &wireSession{t: t, address: address, key: key, version: version}
	res := s.do("POST", fmt.Sprintf(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":%q,"capabilities":{"elicitation":{}},"clientInfo":{"name":"wire","version":"1"}}}`, version))
	s.id = res.Header.Get("Mcp-Session-Id")
	if events(t, res.Body); s.id == "" {
		t.Fatal("there is no session")
	}
	s.do("POST", `{"jsonrpc":"2.0","method":"notifications/initialized"}`).Body.Close()
	return s
}

const pausedCall = `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"files__echo","arguments":{},"_meta":{"progressToken":"p"}}}`

// pausing is a server that ends its stream in the middle of a call.
func pausing(w *world, again bool) (release chan struct{}) {
	release = make(chan struct{})
	w.call = func(ctx context.Context, _ store.Caller, _ tools.Ref, _ json.RawMessage, progress func(tools.Progress)) gateway.Answer {
		x := tools.ExchangeFrom(ctx)
		if x.Paused != nil {
			x.Paused(20 * time.Millisecond)
		}
		select {
		case <-release:
		case <-ctx.Done():
			return gateway.Answer{Result: tools.ErrorResult("given up")}
		}
		if progress != nil {
			progress(tools.Progress{Done: 1, Message: "half"})
		}
		if again && x.Paused != nil {
			x.Paused(0)
			<-release
		}
		return wire(map[string]any{"content": []any{map[string]any{"type": "text", "text": "at last"}}})
	}
	return release
}

// A server that ends the stream in the middle of a call has the client come back
// for the rest: to that place, in that session, with that key, as often as it is
// cut off.
func TestPolling(t *testing.T) {
	t.Parallel()
	w := newWorld()
	release := pausing(w, false)
	_, address := serve(t, w)
	s := openWire(t, address, "office", older)
	first := events(t, s.do("POST", pausedCall).Body)
	if len(first) != 1 || first[0].id == "" || first[0].retry != "20" || first[0].data != "" {
		t.Fatalf("the stream ended after %+v", first)
	}
	place := first[0].id
	// Nobody else gets there, nor this client elsewhere.
	other := openWire(t, address, "all", older)
	same := openWire(t, address, "office", older)
	for what, res := range map[string]*http.Response{
		"another key":           other.do("GET", "", "Last-Event-Id", place),
		"another session":       same.do("GET", "", "Last-Event-Id", place),
		"another key with ours": other.do("GET", "", "Last-Event-Id", place, "Mcp-Session-Id", s.id),
		"another place":         s.do("GET", "", "Last-Event-Id", place+"x"),
		"no session":            (&wireSession{t: t, address: address, key: "office", version: older}).do("GET", "", "Last-Event-Id", place),
	} {
		raw, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode < 400 || strings.Contains(string(raw), "at last") {
			t.Errorf("%s: %s %s", what, res.Status, raw)
		}
	}
	// Cut off while it waits, the client comes again.
	cut := s.do("GET", "", "Last-Event-Id", place)
	if cut.StatusCode != 200 {
		t.Fatal(cut.Status)
	}
	cut.Body.Close()
	waits := s.do("GET", "", "Last-Event-Id", place)
	close(release)
	for i, res := range []*http.Response{waits, s.do("GET", "", "Last-Event-Id", place)} {
		got := events(t, res.Body)
		if len(got) != 2 || !strings.Contains(got[0].data, `"half"`) || !strings.Contains(got[1].data, `"id":7`) || !strings.Contains(got[1].data, "at last") {
			t.Errorf("time %d it got %+v", i+1, got)
		}
	}
	if w.ran.Load() != 1 {
		t.Errorf("the call ran %d times", w.ran.Load())
	}
}

// A client that is sent away twice gets the rest from the second place on.
func TestPollingTwice(t *testing.T) {
	t.Parallel()
	w := newWorld()
	release := pausing(w, true)
	_, address := serve(t, w)
	s := openWire(t, address, "office", older)
	first := events(t, s.do("POST", pausedCall).Body)
	back := s.do("GET", "", "Last-Event-Id", first[0].id)
	release <- struct{}{}
	second := events(t, back.Body)
	if len(second) != 2 || !strings.Contains(second[0].data, `"half"`) || second[1].id == "" || second[1].id == first[0].id || second[1].data != "" {
		t.Fatalf("the second time it got %+v", second)
	}
	if res := s.do("GET", "", "Last-Event-Id", first[0].id); res.StatusCode < 400 {
		t.Error("the place that was left is still there")
	}
	back = s.do("GET", "", "Last-Event-Id", second[1].id)
	close(release)
	if got := events(t, back.Body); len(got) != 1 || !strings.Contains(got[0].data, "at last") {
		t.Errorf("at last it got %+v", got)
	}
}

// Clients of before 2025-11-25 are not sent away, and the SDK's client, which is
// of that version, comes back by itself.
func TestPollingClients(t *testing.T) {
	t.Parallel()
	w := newWorld()
	release := pausing(w, false)
	close(release)
	_, address := serve(t, w)
	before := openWire(t, address, "office", "2025-06-18")
	if got := events(t, before.do("POST", pausedCall).Body); len(got) != 2 || !strings.Contains(got[1].data, "at last") {
		t.Errorf("an older client got %+v", got)
	}
	for _, version := range []string{older, newer} {
		s := mustDial(t, address+"/mcp", version, bearer("office"), nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		r, err := s.CallTool(ctx, callOf("files"))
		if err != nil || text(t, r) != "at last" {
			t.Errorf("%s: %+v, %v", version, r, err)
		}
	}
}

// What a server asks after it sent the client away reaches the client when it is
// back, and so does the answer the server.
func TestPollingElicitation(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.call = func(ctx context.Context, _ store.Caller, _ tools.Ref, _ json.RawMessage, _ func(tools.Progress)) gateway.Answer {
		x := tools.ExchangeFrom(ctx)
		x.Paused(time.Millisecond)
		raw, err := x.Asked(ctx, "elicitation/create", json.RawMessage(`{"message":"name?","requestedSchema":{"type":"object","properties":{}}}`))
		if err != nil {
			return gateway.Answer{Result: tools.ErrorResult(err.Error())}
		}
		return wire(map[string]any{"content": []any{map[string]any{"type": "text", "text": string(raw)}}})
	}
	_, address := serve(t, w)
	s := mustDial(t, address+"/mcp", older, bearer("office"), &mcp.ClientOptions{
		ElicitationHandler: func(context.Context, *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
			return &mcp.ElicitResult{Action: "decline"}, nil
		},
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r, err := s.CallTool(ctx, callOf("files"))
	if err != nil || !strings.Contains(text(t, r), "decline") {
		t.Errorf("%+v, %v", r, err)
	}
}

// No more requests of one session wait for their clients than may; those beyond
// keep their streams. When the gateway closes, all of them end.
func TestPollingLimit(t *testing.T) {
	t.Parallel()
	const calls, most = 20, 16
	w := newWorld()
	release := pausing(w, false)
	g, address := serve(t, w)
	s := openWire(t, address, "office", older)
	call := func(id int) string { return strings.Replace(pausedCall, `"id":7`, fmt.Sprintf(`"id":%d`, id), 1) }
	streams := make(chan []event, calls)
	for i := range calls {
		go func() { streams <- events(t, s.do("POST", call(100+i)).Body) }()
	}
	var places []string
	for range most {
		got := <-streams
		if len(got) != 1 || got[0].id == "" {
			t.Fatalf("a stream ended with %+v", got)
		}
		places = append(places, got[0].id)
	}
	// Another session of the same key has room of its own.
	other := openWire(t, address, "office", older)
	if got := events(t, other.do("POST", call(200)).Body); len(got) != 1 || got[0].id == "" {
		t.Errorf("the other session got %+v", got)
	}
	close(release)
	for range calls - most {
		if got := <-streams; len(got) != 2 || !strings.Contains(got[1].data, "at last") {
			t.Errorf("a stream that stayed got %+v", got)
		}
	}
	for _, place := range places {
		if got := events(t, s.do("GET", "", "Last-Event-Id", place).Body); len(got) != 2 || !strings.Contains(got[1].data, "at last") {
			t.Errorf("who came back got %+v", got)
		}
	}
	release = pausing(w, false)
	third := openWire(t, address, "office", older)
	first := events(t, third.do("POST", pausedCall).Body)
	back := third.do("GET", "", "Last-Event-Id", first[0].id)
	g.Close()
	if _, err := io.ReadAll(back.Body); err != nil && !strings.Contains(err.Error(), "EOF") && !strings.Contains(err.Error(), "reset") {
		t.Errorf("the stream ended with %v", err)
	}
	close(release)
}

package gateway_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/drawbridge-app/drawbridge/bridge/gateway"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

func TestTransports(t *testing.T) {
	t.Parallel()
	w := newWorld()
	g, address := serve(t, w)
	both(t, func(t *testing.T, version string) {
		s := mustDial(t, address+"/mcp", version, bearer("all"), nil)
		want := []string{"files__echo", "files__write", "lab__echo", "lab__write", "notes__echo", "notes__write"}
		if got := names(t, s); !slices.Equal(got, want) {
			t.Errorf("the tools are %v", got)
		}
		r, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: "lab__echo", Arguments: map[string]any{"text": "x"}})
		if err != nil {
			t.Fatal(err)
		}
		if got := text(t, r); got != `lab__echo{"text":"x"}` {
			t.Errorf("the call gave %q", got)
		}
		if in := s.InitializeResult().Instructions; !strings.Contains(in, "[lab] use lab") || !strings.Contains(in, "[files] use files") {
			t.Errorf("the instructions are %q", in)
		}
		if _, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: "lab__gone"}); err == nil || !strings.Contains(err.Error(), "unknown tool") {
			t.Errorf("a tool that is not there: %v", err)
		}
	})
	t.Cleanup(func() {
		if len(g.Clients()) == 0 {
			t.Error("no client was seen")
		}
	})
	t.Run("stdio", func(t *testing.T) {
		t.Parallel()
		for _, version := range []string{older, newer} {
			in, out := io.Pipe()
			back, to := io.Pipe()
			served := make(chan error, 1)
			go func() {
				served <- g.ServePipe(t.Context(), store.Caller{Key: "id-office", KeyName: "office"}, nil, in, to)
				to.Close()
			}()
			c := mcp.NewClient(&mcp.Implementation{Name: "tester"}, nil)
			s, err := c.Connect(t.Context(), &mcp.IOTransport{Reader: back, Writer: out}, &mcp.ClientSessionOptions{ProtocolVersion: version})
			if err != nil {
				t.Fatal(err)
			}
			if got := names(t, s); len(got) != 4 {
				t.Errorf("over the pipe the tools are %v", got)
			}
			if r, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: "lab__echo"}); err != nil || !r.IsError {
				t.Errorf("a forbidden tool gave %v, %v", r, err)
			}
			s.Close()
			out.Close()
			if err := <-served; err != nil {
				t.Errorf("%s: the pipe ended with %v", version, err)
			}
		}
		if err := g.ServePipe(t.Context(), store.Caller{Key: "id-office"}, []string{"lab"}, strings.NewReader(""), io.Discard); err == nil {
			t.Error("a forbidden namespace was served over a pipe")
		}
	})
}

func TestNamespaces(t *testing.T) {
	t.Parallel()
	_, address := serve(t, newWorld())
	all := []string{"files", "lab", "notes"}
	for _, c := range []struct {
		path, header string
		want         []string
	}{
		{"/mcp", "", all}, {"/mcp/", "", all}, {"/mcp/files", "", []string{"files"}}, {"/files/mcp", "", []string{"files"}},
		{"/mcp/files,lab", "", []string{"files", "lab"}}, {"/lab,files/mcp", "", []string{"files", "lab"}},
		{"/mcp/office", "", []string{"files", "notes"}}, {"/science/mcp", "", []string{"lab", "notes"}},
		{"/mcp/office,lab", "", all}, {"/mcp", "lab", []string{"lab"}}, {"/mcp", "office, lab", all},
		{"/mcp/files", "lab", []string{"files"}}, // the address counts
		{"/mcp/%66iles", "", []string{"files"}},
	} {
		h := bearer("all")
		if c.header != "" {
			h["x-mcp-servers"] = c.header
		}
		s := mustDial(t, address+c.path, older, h, nil)
		var got []string
		for _, n := range names(t, s) {
			got = append(got, strings.TrimSuffix(strings.TrimSuffix(n, "__echo"), "__write"))
		}
		if got = slices.Compact(got); !slices.Equal(got, c.want) {
			t.Errorf("%s %q has %v, not %v", c.path, c.header, got, c.want)
		}
	}
}

func TestBareNames(t *testing.T) {
	t.Parallel()
	w := newWorld()
	_, address := serve(t, w)
	_, bare := serve(t, w, func(o *gateway.Options) { o.BareNames = true })
	s := mustDial(t, address+"/mcp/lab", older, bearer("all"), nil)
	if got := names(t, s); !slices.Equal(got, []string{"lab__echo", "lab__write"}) {
		t.Errorf("the tools are %v", got)
	}
	for _, name := range []string{"echo", "lab__echo"} {
		if r, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: name}); err != nil || text(t, r) != "lab__echo{}" {
			t.Errorf("%s gave %v, %v", name, r, err)
		}
	}
	two := mustDial(t, address+"/mcp/lab,files", older, bearer("all"), nil)
	if r, err := two.CallTool(t.Context(), &mcp.CallToolParams{Name: "echo"}); err != nil || !r.IsError {
		t.Errorf("a bare name among two servers gave %v, %v", r, err)
	}
	s = mustDial(t, bare+"/mcp/lab", older, bearer("all"), nil)
	if got := names(t, s); !slices.Equal(got, []string{"echo", "write"}) {
		t.Errorf("with bare names the tools are %v", got)
	}
}

func TestForbiddenTool(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.call = func(context.Context, store.Caller, tools.Ref, json.RawMessage, func(tools.Progress)) gateway.Answer {
		return gateway.Answer{Result: tools.ErrorResult("Parameters ['limit'] are not allowed for tool write. Allowed parameters: ['text']."), Status: 403}
	}
	_, address := serve(t, w)
	both(t, func(t *testing.T, version string) {
		s := mustDial(t, address+"/mcp", version, bearer("office"), nil)
		for name, want := range map[string]string{
			"lab__echo":    "Tool lab__echo is not allowed for this key",
			"nowhere":      "Tool nowhere is not allowed for this key",
			"files__write": "Parameters ['limit'] are not allowed for tool write. Allowed parameters: ['text'].",
		} {
			r, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: name})
			if err != nil {
				t.Fatal(err)
			}
			if !r.IsError || r.Meta["status"] != 403.0 || !strings.HasPrefix(text(t, r), want) {
				t.Errorf("%s: isError %v, _meta %v, %q", name, r.IsError, r.Meta, text(t, r))
			}
		}
	})
}

func TestOffers(t *testing.T) {
	t.Parallel()
	_, address := serve(t, newWorld())
	both(t, func(t *testing.T, version string) {
		s := mustDial(t, address+"/mcp", version, bearer("office"), nil)
		var uris []string
		for r, err := range s.Resources(t.Context(), nil) {
			if err != nil {
				t.Fatal(err)
			}
			uris = append(uris, r.URI)
		}
		want := []string{"drawbridge://notes/shared:%2F%2Fall", "files://one", "notes://one", "shared://all"}
		if !slices.Equal(uris, want) {
			t.Errorf("the resources are %v", uris)
		}
		for uri, want := range map[string]string{
			"files://one": "files files://one", "notes://item/7": "notes notes://item/7", "shared://all": "files shared://all",
			"drawbridge://notes/shared:%2F%2Fall": "notes shared://all",
		} {
			r, err := s.ReadResource(t.Context(), &mcp.ReadResourceParams{URI: uri})
			if err != nil || r.Contents[0].Text != want {
				t.Errorf("%s: %v, %v", uri, r, err)
			}
		}
		for _, uri := range []string{"lab://one", "lab://item/1", "drawbridge://lab/lab:%2F%2Fone"} {
			if _, err := s.ReadResource(t.Context(), &mcp.ReadResourceParams{URI: uri}); err == nil {
				t.Errorf("the key read %s", uri)
			}
		}
		var prompts []string
		for p, err := range s.Prompts(t.Context(), nil) {
			if err != nil {
				t.Fatal(err)
			}
			prompts = append(prompts, p.Name)
		}
		if !slices.Equal(prompts, []string{"files__greet", "notes__greet"}) {
			t.Errorf("the prompts are %v", prompts)
		}
		p, err := s.GetPrompt(t.Context(), &mcp.GetPromptParams{Name: "notes__greet"})
		if err != nil || p.Messages[0].Content.(*mcp.TextContent).Text != "notes greet" {
			t.Errorf("the prompt is %v, %v", p, err)
		}
		c, err := s.Complete(t.Context(), &mcp.CompleteParams{Ref: &mcp.CompleteReference{Type: "ref/prompt", Name: "notes__greet"}, Argument: mcp.CompleteParamsArgument{Name: "a"}})
		if err != nil || !slices.Equal(c.Completion.Values, []string{"notes"}) {
			t.Errorf("completion gave %v, %v", c, err)
		}
	})
}

func TestListChangedReachesWhoSeesIt(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, version string) {
		w := newWorld()
		_, address := serve(t, w)
		var mu sync.Mutex
		told := map[string]int{}
		session := func(key string) *mcp.ClientSession {
			s := mustDial(t, address+"/mcp", version, bearer(key), &mcp.ClientOptions{
				ToolListChangedHandler: func(context.Context, *mcp.ToolListChangedRequest) {
					mu.Lock()
					defer mu.Unlock()
					told[key]++
				},
			})
			names(t, s)
			return s
		}
		office, lab := session("office"), session("lab")
		// A stream may open a moment after the session: what is changed before is
		// not told, so it is changed until it is.
		n := 0
		eventually(t, "the change is told to who sees the server", func() bool {
			n++
			w.change(func() {
				w.tools["lab"] = []tools.Tool{tool("lab", "echo"), tool("lab", "new"+strings.Repeat("x", n%20))}
			})
			time.Sleep(60 * time.Millisecond) // longer than changes are gathered
			mu.Lock()
			defer mu.Unlock()
			return told["lab"] > 0
		})
		if got := names(t, lab); !strings.HasPrefix(strings.Join(got, " "), "lab__echo lab__new") {
			t.Errorf("the tools are %v", got)
		}
		if got := names(t, office); len(got) != 4 {
			t.Errorf("the other key's tools are %v", got)
		}
		mu.Lock()
		defer mu.Unlock()
		if told["office"] != 0 {
			t.Errorf("a key that cannot see the server was told %d times", told["office"])
		}
	})
}

func TestResourceUpdates(t *testing.T) {
	t.Parallel()
	w := newWorld()
	_, address := serve(t, w)
	updates := make(chan string, 10)
	s := mustDial(t, address+"/mcp", older, bearer("all"), &mcp.ClientOptions{
		ResourceUpdatedHandler: func(_ context.Context, r *mcp.ResourceUpdatedNotificationRequest) { updates <- r.Params.URI },
	})
	if err := s.Subscribe(t.Context(), &mcp.SubscribeParams{URI: "lab://one"}); err != nil {
		t.Fatal(err)
	}
	var changed []func()
	eventually(t, "the resource is watched", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		changed = w.watches["lab lab://one"]
		return len(changed) == 1
	})
	var got string
	eventually(t, "the update arrives", func() bool {
		changed[0]()
		select {
		case got = <-updates:
			return true
		default:
			return false
		}
	})
	if got != "lab://one" {
		t.Errorf("%s was updated", got)
	}
	other := mustDial(t, address+"/mcp", older, bearer("office"), nil)
	if err := other.Subscribe(t.Context(), &mcp.SubscribeParams{URI: "lab://one"}); err == nil {
		t.Error("a key watches what it cannot see")
	}
}

func TestProgressAndCancellation(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, version string) {
		w := newWorld()
		began, ended := make(chan struct{}), make(chan error, 1)
		w.call = func(ctx context.Context, _ store.Caller, ref tools.Ref, _ json.RawMessage, progress func(tools.Progress)) gateway.Answer {
			if ref.Tool == "echo" {
				progress(tools.Progress{Done: 1, Total: 2, Message: "half"})
				return wire(map[string]any{"content": []any{}})
			}
			close(began)
			<-ctx.Done()
			ended <- context.Cause(ctx)
			return gateway.Answer{Result: tools.ErrorResult("cancelled")}
		}
		_, address := serve(t, w)
		got := make(chan *mcp.ProgressNotificationParams, 5)
		s := mustDial(t, address+"/mcp", version, bearer("all"), &mcp.ClientOptions{
			ProgressNotificationHandler: func(_ context.Context, r *mcp.ProgressNotificationClientRequest) { got <- r.Params },
		})
		p := &mcp.CallToolParams{Name: "lab__echo"}
		p.SetProgressToken("tok")
		if _, err := s.CallTool(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		select {
		case n := <-got:
			if n.ProgressToken != "tok" || n.Progress != 1 || n.Total != 2 || n.Message != "half" {
				t.Errorf("the progress is %+v", n)
			}
		case <-time.After(time.Minute):
			t.Fatal("no progress arrived")
		}
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-began
			cancel()
		}()
		if _, err := s.CallTool(ctx, &mcp.CallToolParams{Name: "lab__write"}); err == nil {
			t.Error("the cancelled call gave a result")
		}
		select {
		case <-ended:
		case <-time.After(time.Minute):
			t.Fatal("the call behind the gateway was not cancelled")
		}
	})
}

// TestElicitation asks the client from within a call, in both eras of clients.
func TestElicitation(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, version string) {
		w := newWorld()
		w.call = func(ctx context.Context, _ store.Caller, _ tools.Ref, _ json.RawMessage, _ func(tools.Progress)) gateway.Answer {
			x := tools.ExchangeFrom(ctx)
			var said []any
			for _, q := range []string{"name", "again"} {
				raw, err := x.Asked(ctx, "elicitation/create", json.RawMessage(`{"mode":"form","message":"[lab] `+q+`?","requestedSchema":{"type":"object","properties":{"name":{"type":"string"}}}}`))
				if err != nil {
					return gateway.Answer{Result: tools.ErrorResult(err.Error())}
				}
				said = append(said, json.RawMessage(raw))
			}
			return wire(map[string]any{"content": []any{}, "structuredContent": map[string]any{"said": said}})
		}
		_, address := serve(t, w)
		s := mustDial(t, address+"/mcp", version, bearer("all"), &mcp.ClientOptions{
			ElicitationHandler: func(_ context.Context, r *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
				return &mcp.ElicitResult{Action: "accept", Content: map[string]any{"name": "Ada " + r.Params.Message}}, nil
			},
		})
		r, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: "lab__echo"})
		if err != nil {
			t.Fatal(err)
		}
		raw, _ := json.Marshal(r.StructuredContent)
		if !bytes.Contains(raw, []byte("Ada [lab] name?")) || !bytes.Contains(raw, []byte("Ada [lab] again?")) {
			t.Errorf("the server was told %s, %v", raw, r.Content)
		}
		deaf := mustDial(t, address+"/mcp", version, bearer("all"), nil)
		if r, err := deaf.CallTool(t.Context(), &mcp.CallToolParams{Name: "lab__echo"}); err != nil || !r.IsError {
			t.Errorf("a client that cannot be asked gave %v, %v", r, err)
		}
	})
}

// TestRounds passes a result that wants input on as it is, and the answer back.
func TestRounds(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.call = func(ctx context.Context, _ store.Caller, _ tools.Ref, _ json.RawMessage, _ func(tools.Progress)) gateway.Answer {
		x := tools.ExchangeFrom(ctx)
		if !x.Rounds {
			return gateway.Answer{Result: tools.ErrorResult("the client was said to be of the older era")}
		}
		if x.RequestState == "" {
			return wire(map[string]any{"resultType": "input_required", "requestState": "mine", "inputRequests": map[string]any{
				"q": map[string]any{"method": "elicitation/create", "params": map[string]any{"mode": "form", "message": "?", "requestedSchema": map[string]any{"type": "object", "properties": map[string]any{}}}},
			}})
		}
		return wire(map[string]any{"content": []any{map[string]any{"type": "text", "text": x.RequestState + string(x.InputResponses)}}})
	}
	_, address := serve(t, w)
	s := mustDial(t, address+"/mcp", newer, bearer("all"), &mcp.ClientOptions{
		ElicitationHandler: func(context.Context, *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
			return &mcp.ElicitResult{Action: "decline"}, nil
		},
	})
	r, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: "lab__echo"})
	if err != nil {
		t.Fatal(err)
	}
	if got := text(t, r); !strings.HasPrefix(got, `mine{"q":`) || !strings.Contains(got, "decline") {
		t.Errorf("the server got %q", got)
	}
}

func TestSessionsAreBound(t *testing.T) {
	t.Parallel()
	w := newWorld()
	_, address := serve(t, w)
	s := mustDial(t, address+"/mcp", older, bearer("all"), nil)
	before := w.ran.Load()
	for _, c := range []struct {
		key, path string
		want      int
	}{
		{"all", "/mcp", http.StatusOK}, {"office", "/mcp", http.StatusForbidden}, {"all", "/mcp/lab", http.StatusForbidden},
		{"lab", "/mcp", http.StatusForbidden}, {"", "/mcp", http.StatusUnauthorized},
	} {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, address+c.path, strings.NewReader(`{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"lab__echo"}}`))
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Accept", "application/json, text/event-stream")
		req.Header.Set("Mcp-Protocol-Version", older)
		req.Header.Set("Mcp-Session-Id", s.ID())
		if c.key != "" {
			req.Header.Set("X-Drawbridge-Key", "key-"+c.key)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if resp.StatusCode != c.want {
			t.Errorf("the session of another with the key %q at %s: %d, not %d", c.key, c.path, resp.StatusCode, c.want)
		}
	}
	if got := w.ran.Load() - before; got != 1 {
		t.Errorf("%d calls ran, not the owner's alone", got)
	}
}

func TestRevokedKeyEndsSessions(t *testing.T) {
	t.Parallel()
	w := newWorld()
	_, address := serve(t, w)
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, address+"/mcp", nil)
	s := mustDial(t, address+"/mcp", older, bearer("lab"), nil)
	req.Header = http.Header{"Authorization": {"Bearer key-lab"}, "Accept": {"text/event-stream"}, "Mcp-Protocol-Version": {older}, "Mcp-Session-Id": {s.ID()}}
	w.revoke("lab")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("a revoked key gave %d", resp.StatusCode)
	}
	ended := make(chan struct{})
	go func() { s.Wait(); close(ended) }()
	select {
	case <-ended: // its stream was closed
	case <-time.After(time.Minute):
		t.Error("the session of a revoked key lives on")
	}
}

func TestClientsAreListed(t *testing.T) {
	t.Parallel()
	g, address := serve(t, newWorld())
	a := mustDial(t, address+"/mcp", older, bearer("all"), nil)
	b := mustDial(t, address+"/mcp/lab", newer, bearer("lab"), nil)
	names(t, a)
	names(t, b)
	got := g.Clients()
	if len(got) != 2 || got[0].KeyName != "lab" || got[0].Name != "tester" || got[0].Session || !slices.Equal(got[0].Namespace, []string{"lab"}) || !got[1].Session {
		t.Errorf("the clients are %+v", got)
	}
	a.Close()
	eventually(t, "the session's client is gone", func() bool { return len(g.Clients()) == 1 })
}

// TestStreamsOfMessages reads a stream as it comes, to see that a call that
// reports nothing gives one event and no more.
func TestStreamsOfMessages(t *testing.T) {
	t.Parallel()
	_, address := serve(t, newWorld())
	body := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"lab__echo","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, address+"/mcp", strings.NewReader(body))
	req.Header = http.Header{
		"Authorization": {"Bearer key-all"}, "Accept": {"application/json, text/event-stream"}, "Content-Type": {"application/json"},
		"Mcp-Protocol-Version": {newer}, "Mcp-Method": {"tools/call"}, "Mcp-Name": {"lab__echo"},
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var data []string
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if after, ok := strings.CutPrefix(lines.Text(), "data:"); ok {
			data = append(data, after)
		}
	}
	if len(data) != 1 || !strings.Contains(data[0], `"resultType":"complete"`) || !strings.Contains(data[0], `"name":"drawbridge"`) {
		t.Errorf("status %d, events %q", resp.StatusCode, data)
	}
}

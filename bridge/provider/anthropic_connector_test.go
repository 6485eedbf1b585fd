package provider

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/store"
)

// askConnector is a request with a server of which one tool may run without
// asking, and one of which none may.
func askConnector() model.Request {
	docs := managedDocs
	docs.Tools = append(managedTools(true, "search"), managedTools(false, "ask")...)
	docs.Tools[0].Description, docs.Tools[0].InputSchema = "Searches.", json.RawMessage(`{"type":"object","properties":{"q":{"type":"string"}}}`)
	silent := model.ManagedServer{Server: "silent-id", Label: "silent", URL: "https://silent.example.com/mcp", Tools: managedTools(false, "ask")}
	req := ask("Hello")
	req.Managed = []model.ManagedServer{docs, silent}
	return req
}

func withConnector(version string) func(*store.ProviderConfig, *Options) {
	return func(c *store.ProviderConfig, _ *Options) { c.Connector = version }
}

// TestConnector plays the answers of each version, and looks at the request, at
// what goes back with the next one, and at what another model is told.
func TestConnector(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob(filepath.Join("testdata", "managed-anthropic", "*.txtar"))
	if err != nil || len(paths) < 6 {
		t.Fatalf("%d transcripts, %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			t.Parallel()
			own, tr := section(t, path, "version", "request", "next", "elsewhere")
			s := serve(t, tr.handler)
			c := s.client(t, store.ProviderAnthropic, withConnector(own["version"]))
			req := askConnector()
			deltas, err := drain(t.Context(), c, req)
			if got := renderManaged(deltas, err); got != tr.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, tr.want)
			}
			first := s.all()[0]
			if beta := first.header.Get("Anthropic-Beta"); beta != "mcp-client-"+own["version"] {
				t.Errorf("the beta is %q", beta)
			}
			if !sameJSON(t, first.body, own["request"]) {
				t.Errorf("it asked\n%s\nwant\n%s", first.body, own["request"])
			}
			parts, _ := assemble(deltas)
			req.Messages = append(req.Messages, assistant(parts...), hello)
			elsewhere := req
			elsewhere.Model.Model = "another"
			alone := req
			alone.Managed = nil // the server is not used any more
			for i, again := range []model.Request{req, elsewhere, alone} {
				if _, err := drain(t.Context(), c, again); err != nil {
					t.Fatal(err)
				}
				r := s.all()[1+i]
				var body struct {
					Messages []struct{ Content json.RawMessage }
				}
				if err := json.Unmarshal([]byte(r.body), &body); err != nil {
					t.Fatal(err)
				}
				want := own["next"]
				switch i {
				case 1:
					want = own["elsewhere"]
				case 2:
					want = own["elsewhere"]
					if own["version"] == "2026-09-15" && strings.Contains(own["next"], "thinking") {
						want = `[{"signature":"c2ln","thinking":"Look.","type":"thinking"},` + own["elsewhere"][1:]
					}
					if r.header.Get("Anthropic-Beta") != "" || strings.Contains(r.body, "mcp_") {
						t.Errorf("without a server it sent %v %s", r.header, r.body)
					}
				}
				if got := string(body.Messages[1].Content); !sameJSON(t, got, want) {
					t.Errorf("request %d brings back\n%s\nwant\n%s", i, got, want)
				}
			}
		})
	}
}

// TestConnectorFallsBack meets services that know older versions alone.
func TestConnectorFallsBack(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		pinned  string
		refuses map[string]string
		used    string // the version that works; empty if none does
		asked   int    // requests of two calls
	}{
		"the newest works": {"", nil, "2026-09-15", 2},
		"by the header": {"", map[string]string{
			"mcp-client-2026-09-15": "Unexpected value(s) `mcp-client-2026-09-15` for the `anthropic-beta` header.",
		}, "2025-11-20", 3},
		"by a field": {"", map[string]string{
			`"tools":[{"name":"search"`: "tools.2.mcp_toolset.tools: Extra inputs are not permitted",
		}, "2025-11-20", 3},
		"by the kind of a tool": {"", map[string]string{
			`"mcp_toolset"`: "tools.2: Input tag 'mcp_toolset' found using 'type' does not match any of the expected tags",
		}, "2025-04-04", 4},
		"all": {"", map[string]string{`"mcp_servers"`: "mcp_servers: Extra inputs are not permitted"}, "", 4},
		"the entry's own": {"2025-11-20", map[string]string{
			"mcp-client-2025-11-20": "Unexpected value(s) `mcp-client-2025-11-20` for the `anthropic-beta` header.",
		}, "", 2},
		"something else": {"", map[string]string{`"mcp_servers"`: "Connection error while communicating with MCP server docs"}, "", 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			s := refusing(t, test.refuses, good(t, store.ProviderAnthropic))
			c := s.client(t, store.ProviderAnthropic, withConnector(test.pinned), func(_ *store.ProviderConfig, o *Options) {
				o.Logger = slog.New(slog.NewTextHandler(&log, nil))
			})
			for range 2 {
				_, err := drain(t.Context(), c, askConnector())
				var e *model.Error
				switch {
				case test.used != "" && err != nil:
					t.Error(err)
				case test.used == "" && (!errors.As(err, &e) || e.Kind != model.ErrorManaged || e.Server != "docs-id"):
					t.Errorf("got %v", err)
				case test.used == "":
					checkSentence(t, err)
				}
			}
			all := s.all()
			if len(all) != test.asked {
				t.Errorf("%d requests, want %d", len(all), test.asked)
			}
			if beta := all[len(all)-1].header.Get("Anthropic-Beta"); test.used != "" && beta != "mcp-client-"+test.used {
				t.Errorf("it stays with %q", beta)
			}
			moved := strings.Contains(log.String(), "older one is used")
			if want := test.asked > 2; moved != want {
				t.Errorf("the log says so: %v, want %v: %s", moved, want, log.String())
			}
			if strings.Contains(log.String(), managedCanary) {
				t.Errorf("the token is in the log: %s", log.String())
			}
		})
	}
	if _, err := New(store.ProviderConfig{ID: "a", Kind: store.ProviderAnthropic, BaseURL: "https://api.anthropic.com", Connector: "2024-01-01"}, Options{}); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("a version that does not exist: %v", err)
	}
}

// TestConnectorCannotCarry asks for what the connector has no field for: no
// request is made.
func TestConnectorCannotCarry(t *testing.T) {
	t.Parallel()
	s := serve(t, good(t, store.ProviderAnthropic))
	c := s.client(t, store.ProviderAnthropic)
	if f := c.Features(); !f.Managed || f.ManagedAsks {
		t.Errorf("the features are %+v", f)
	}
	for name, says := range map[string]string{"x-team": "the header X-Team", "authorization": "no Bearer token"} {
		req := askConnector()
		req.Managed[0].Headers = map[string]store.Secret{name: store.NewSecret("Basic " + managedCanary)}
		_, err := drain(t.Context(), c, req)
		var e *model.Error
		if !errors.As(err, &e) || e.Kind != model.ErrorManaged || e.Server != "docs-id" || !strings.Contains(e.Message, says) {
			t.Errorf("%s: %v", name, err)
		}
		if strings.Contains(err.Error(), managedCanary) {
			t.Errorf("the value is in the error: %v", err)
		}
		checkSentence(t, err)
	}
	if len(s.all()) != 0 {
		t.Error("a request was made")
	}
	// A server without any tool that may run asks for nothing, so it is left out
	// whatever its headers are.
	req := askConnector()
	req.Managed = req.Managed[1:]
	req.Managed[0].Headers = map[string]store.Secret{"X-Team": store.NewSecret("blue")}
	if _, err := drain(t.Context(), c, req); err != nil {
		t.Fatal(err)
	}
	if r := s.all()[0]; r.header.Get("Anthropic-Beta") != "" || strings.Contains(r.body, "mcp") {
		t.Errorf("it asked %v %s", r.header, r.body)
	}
}

// TestConnectorErrors reads what the service says of servers that it cannot
// use.
func TestConnectorErrors(t *testing.T) {
	t.Parallel()
	other := model.ManagedServer{Server: "other-id", Label: "docs-2", URL: "https://other.example.com/mcp", Tools: managedTools(true, "x")}
	for name, test := range map[string]struct {
		status  int
		event   bool
		message string
		kind    model.ErrorKind
		server  string
	}{
		"a token":          {400, false, "Invalid authorization token for MCP server 'docs'. Please check your token and try again.", model.ErrorManaged, "docs-id"},
		"a longer label":   {400, false, "Invalid authorization token for MCP server 'docs-2'.", model.ErrorManaged, "other-id"},
		"an address":       {400, false, "Connection error while communicating with MCP server at https://other.example.com/mcp", model.ErrorManaged, "other-id"},
		"nobody named":     {500, false, "Failed to connect to MCP server", model.ErrorManaged, ""},
		"in the stream":    {200, true, "MCP server 'docs' is gone", model.ErrorManaged, "docs-id"},
		"with the token":   {400, false, "MCP server 'docs' refused " + managedCanary, model.ErrorManaged, "docs-id"},
		"not about it":     {400, false, "messages: at least one message is required", model.ErrorRequest, ""},
		"too many":         {429, false, "Too many MCP requests", model.ErrorRate, ""},
		"only the key":     {401, false, "invalid x-api-key", model.ErrorAuth, ""},
		"a word like docs": {400, false, "the docs of MCP say no", model.ErrorManaged, "docs-id"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				raw, err := json.Marshal(map[string]any{"type": "error", "error": map[string]string{"type": "invalid_request_error", "message": test.message}})
				if err != nil {
					t.Error(err)
				}
				if test.event {
					w.Header().Set("Content-Type", "text/event-stream")
					raw = append(append([]byte("event: error\ndata: "), raw...), "\n\n"...)
				}
				w.WriteHeader(test.status)
				if _, err := w.Write(raw); err != nil {
					t.Error(err)
				}
			})
			req := askConnector()
			req.Managed = append(req.Managed, other)
			_, err := drain(t.Context(), s.client(t, store.ProviderAnthropic), req)
			var e *model.Error
			if !errors.As(err, &e) || e.Kind != test.kind || e.Server != test.server || test.event != errors.Is(err, model.ErrCut) {
				t.Errorf("got %+v", err)
			}
			if strings.Contains(err.Error(), managedCanary) {
				t.Errorf("the token is in the error: %v", err)
			}
			checkSentence(t, err)
		})
	}
}

// An answer that the service pauses after a call without its result, and how it
// goes on.
const (
	pausedHead = `data: {"type":"message_start","message":{"usage":{"input_tokens":10,"output_tokens":1}}}

data: {"type":"content_block_start","index":0,"content_block":{"type":"mcp_tool_use","id":"mcptoolu_1","name":"search","server_name":"docs","input":{}}}

data: {"type":"content_block_stop","index":0}

`
	pausedTail = `data: {"type":"message_delta","delta":{"stop_reason":"pause_turn"},"usage":{"output_tokens":5}}

data: {"type":"message_stop"}

`
	resumed = `data: {"type":"message_start","message":{"usage":{"input_tokens":20,"output_tokens":1}}}

data: {"type":"content_block_start","index":0,"content_block":{"type":"mcp_tool_result","tool_use_id":"mcptoolu_1","is_error":false,"content":[{"type":"text","text":"Found."}]}}

data: {"type":"content_block_stop","index":0}

data: {"type":"content_block_start","index":1,"content_block":{"type":"text","text":"Done."}}

data: {"type":"content_block_stop","index":1}

data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":7}}

data: {"type":"message_stop"}

`
)

// TestConnectorPause continues an answer that the service paused.
func TestConnectorPause(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		second string // answer; empty is a refusal
		want   string // at the end
		asked  int
	}{
		"continued":       {resumed, "managed mcptoolu_1 docs-id search done {} \"Found.\"\nopaque {\"type\":\"mcp_tool_result\",\"tool_use_id\":\"mcptoolu_1\",\"is_error\":false,\"content\":[{\"type\":\"text\",\"text\":\"Found.\"}]}\ntext \"Done.\"\nusage 30 0 12 0\ndone end", 2},
		"refused":         {"", "error rate cut 429", 2},
		"cut":             {resumed[:len(resumed)/2], "error transport cut", 2},
		"paused for ever": {pausedTail, "done length", maxPauses + 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var s *service
			s = serve(t, func(w http.ResponseWriter, _ *http.Request) {
				text := pausedHead + pausedTail
				if len(s.all()) > 1 {
					text = test.second
				}
				if text == "" {
					w.WriteHeader(http.StatusTooManyRequests)
					return
				}
				w.Header().Set("Content-Type", "text/event-stream")
				if _, err := io.WriteString(w, text); err != nil {
					t.Error(err)
				}
			})
			deltas, err := drain(t.Context(), s.client(t, store.ProviderAnthropic), askConnector())
			if got := renderManaged(deltas, err); !strings.HasSuffix(got, test.want) {
				t.Errorf("got\n%s\nwant at the end\n%s", got, test.want)
			}
			all := s.all()
			if len(all) != test.asked {
				t.Fatalf("%d requests, want %d", len(all), test.asked)
			}
			want := `[{"role":"user","content":[{"type":"text","text":"Hello"}]},{"role":"assistant","content":[{"type":"mcp_tool_use","id":"mcptoolu_1","name":"search","server_name":"docs","input":{}}]}]`
			if got := messagesOf(t, all[1].body); !sameJSON(t, got, want) {
				t.Errorf("it continued with\n%s\nwant\n%s", got, want)
			}
		})
	}
	// Who leaves the loop is not asked again.
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		if _, err := io.WriteString(w, pausedHead+pausedTail); err != nil {
			t.Error(err)
		}
	})
	for d := range s.client(t, store.ProviderAnthropic).Stream(t.Context(), askConnector()) {
		if _, last := d.(model.UsageDelta); last {
			break
		}
	}
	if n := len(s.all()); n != 1 {
		t.Errorf("%d requests after leaving", n)
	}
}

package provider

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/store"
)

// messagesOf returns the messages of a request's body, without the breakpoints
// of the cache.
func messagesOf(t *testing.T, body string) string {
	t.Helper()
	var r struct{ Messages json.RawMessage }
	if err := json.Unmarshal([]byte(body), &r); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return breakpoint.ReplaceAllString(string(r.Messages), "")
}

var breakpoint = regexp.MustCompile(`,"cache_control":\{"type":"ephemeral"\}|"cache_control":\{"type":"ephemeral"\},`)

func anthropicBody(t *testing.T, req model.Request, fields ...field) string {
	t.Helper()
	w := anthropicWriter{req: req}
	b, err := w.body(fields)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func cutOff(parts ...store.Part) store.Message {
	m := assistant(parts...)
	m.Status = store.StatusInterrupted
	return m
}

const (
	thinkingBlock = `{"type":"thinking","thinking":"T","signature":"s"}`
	hiddenBlock   = `{"type":"redacted_thinking","data":"d"}`
)

// TestAnthropicHistory writes histories of every kind.
func TestAnthropicHistory(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		messages []store.Message
		want     string
	}{
		"nothing": {nil, ``},
		"a turn with a call": {
			[]store.Message{hello, assistant(store.Text{Text: "Reading."}, callPart("c1", "files__read", `{"path":"a"}`)), results(said("c1", "text")), assistant(store.Text{Text: "Done."}), hello},
			`[{"role":"user","content":[{"type":"text","text":"Hello"}]},
			  {"role":"assistant","content":[{"type":"text","text":"Reading."},{"type":"tool_use","id":"c1","name":"files__read","input":{"path":"a"}}]},
			  {"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":[{"type":"text","text":"text"}]}]},
			  {"role":"assistant","content":[{"type":"text","text":"Done."}]},{"role":"user","content":[{"type":"text","text":"Hello"}]}]`,
		},
		"results come before what the person says next": {
			[]store.Message{hello, assistant(callPart("c1", "a", ``), callPart("c2", "b", `[1]`)), results(said("c1", "1"), said("c2", "2")), cutOff(), userSays(store.Text{Text: "Go on"})},
			`[{"role":"user","content":[{"type":"text","text":"Hello"}]},
			  {"role":"assistant","content":[{"type":"tool_use","id":"c1","name":"a","input":{}},{"type":"tool_use","id":"c2","name":"b","input":{"invalid_arguments":"[1]"}}]},
			  {"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":[{"type":"text","text":"1"}]},{"type":"tool_result","tool_use_id":"c2","content":[{"type":"text","text":"2"}]},{"type":"text","text":"Go on"}]}]`,
		},
		"roles alternate, and nothing is empty": {
			[]store.Message{hello, assistant(store.Text{Text: " \n"}), hello, assistant(store.Text{Text: "a"}), cutOff(store.Text{}, store.Text{Text: "b"}), userSays(store.Text{}), assistant(store.Text{Text: "c"})},
			`[{"role":"user","content":[{"type":"text","text":"Hello"},{"type":"text","text":"Hello"}]},
			  {"role":"assistant","content":[{"type":"text","text":"a"},{"type":"text","text":"b"},{"type":"text","text":"c"}]}]`,
		},
		"an id that comes again": {
			[]store.Message{hello, assistant(callPart("c1", "a", `{}`)), results(said("c1", "1")), assistant(callPart("c1", "a", `{}`)), results(said("c1", "2"))},
			`[{"role":"user","content":[{"type":"text","text":"Hello"}]},
			  {"role":"assistant","content":[{"type":"tool_use","id":"c1","name":"a","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":[{"type":"text","text":"1"}]}]},
			  {"role":"assistant","content":[{"type":"tool_use","id":"AGAIN","name":"a","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"AGAIN","content":[{"type":"text","text":"2"}]}]}]`,
		},
		"names and ids of another provider": {
			[]store.Message{assistant(store.ToolCall{ID: longID, Name: "old name", Server: "files", Tool: "read"}, callPart("", "né w", `{}`)), results(said(longID, "1"), said("", "2"), said("orphan", "3"))},
			`[{"role":"assistant","content":[{"type":"tool_use","id":"LONG","name":"files__read","input":{}},{"type":"tool_use","id":"NONE","name":"n__w","input":{}}]},
			  {"role":"user","content":[{"type":"tool_result","tool_use_id":"LONG","content":[{"type":"text","text":"1"}]},{"type":"tool_result","tool_use_id":"NONE","content":[{"type":"text","text":"2"}]},
			   {"type":"tool_result","tool_use_id":"orphan","content":[{"type":"text","text":"3"}]}]}]`,
		},
		"results of every kind": {
			[]store.Message{results(
				store.ToolResult{CallID: "empty"},
				store.ToolResult{CallID: "error", IsError: true, Content: store.Parts{store.Text{Text: "no"}, store.Image{MIMEType: "image/png", Data: []byte("PNG")}}},
				store.ToolResult{CallID: "silent", IsError: true},
				store.ToolResult{CallID: "both", Content: store.Parts{store.Text{Text: "one"}, store.Image{MIMEType: "image/gif", Data: []byte("GIF")}}, Structured: json.RawMessage(`{"a": 1}`)},
				store.ToolResult{CallID: "odd", Content: store.Parts{store.Image{MIMEType: "image/svg+xml", Data: []byte("<svg>")}, store.File{Name: "a.pdf"}}},
			)},
			`[{"role":"user","content":[{"type":"tool_result","tool_use_id":"empty","content":[{"type":"text","text":"The tool returned nothing."}]},
			  {"type":"tool_result","tool_use_id":"error","is_error":true,"content":[{"type":"text","text":"no\n[image image/png, 3 bytes, shown to the person and not to you]"}]},
			  {"type":"tool_result","tool_use_id":"silent","is_error":true,"content":[{"type":"text","text":"The tool returned nothing."}]},
			  {"type":"tool_result","tool_use_id":"both","content":[{"type":"text","text":"one\n{\"a\":1}"},{"type":"image","source":{"type":"base64","media_type":"image/gif","data":"R0lG"}}]},
			  {"type":"tool_result","tool_use_id":"odd","content":[{"type":"text","text":"[image image/svg+xml, 5 bytes, shown to the person and not to you]\n[file a.pdf]"}]}]}]`,
		},
		"thinking goes back in its place": {
			[]store.Message{hello, assistant(store.Reasoning{Text: "T"}, opaque(testModel, thinkingBlock), opaque(testModel, hiddenBlock), store.Text{Text: "a"}, opaque(testModel, thinkingBlock), callPart("c1", "a", `{}`)), results(said("c1", "1"))},
			`[{"role":"user","content":[{"type":"text","text":"Hello"}]},
			  {"role":"assistant","content":[` + thinkingBlock + `,` + hiddenBlock + `,{"type":"text","text":"a"},` + thinkingBlock + `,{"type":"tool_use","id":"c1","name":"a","input":{}}]},
			  {"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":[{"type":"text","text":"1"}]}]}]`,
		},
		"thinking that is left out": {
			[]store.Message{
				hello,
				assistant(opaque(store.ModelRef{Provider: "other", Model: "m"}, thinkingBlock), opaque(store.ModelRef{Provider: "test", Model: "other"}, hiddenBlock), store.Text{Text: "a"}, opaque(testModel, thinkingBlock)),
				hello, cutOff(opaque(testModel, thinkingBlock), callPart("c1", "a", `{}`)), results(said("c1", "1")),
				assistant(opaque(testModel, `{"type":"thinking","thinking":"T"}`), opaque(testModel, `nonsense`), opaque(testModel, `{"type":"reasoning","encrypted_content":"x"}`), store.Text{Text: "b"}),
			},
			`[{"role":"user","content":[{"type":"text","text":"Hello"}]},{"role":"assistant","content":[{"type":"text","text":"a"}]},
			  {"role":"user","content":[{"type":"text","text":"Hello"}]},{"role":"assistant","content":[{"type":"tool_use","id":"c1","name":"a","input":{}}]},
			  {"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":[{"type":"text","text":"1"}]}]},{"role":"assistant","content":[{"type":"text","text":"b"}]}]`,
		},
		"what another provider ran and made": {
			[]store.Message{hello, assistant(store.ManagedListing{Server: "docs"}, opaque(testModel, `{"type":"mcp_tool_use","id":"m1","name":"t","server_name":"docs","input":{}}`), opaque(testModel, `{"type":"mcp_tool_listing","mcp_server_name":"docs","tools":[]}`),
				store.ManagedCall{ID: "m1", Server: "docs", Tool: "t", State: store.ManagedDone, Content: store.Parts{store.Text{Text: "found"}}}, store.Image{MIMEType: "image/png", Data: []byte("PNG")})},
			`[{"role":"user","content":[{"type":"text","text":"Hello"}]},{"role":"assistant","content":[{"type":"text","text":"[The tool t of the server docs, was run and returned:\nfound]"},
			  {"type":"text","text":"[image image/png, 3 bytes, shown to the person and not to you]"}]}]`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fill := strings.NewReplacer("LONG", wireID(longID), "NONE", wireID(""), "AGAIN", wireID("c1#2"))
			got := messagesOf(t, anthropicBody(t, model.Request{Model: testModel, Messages: test.messages, Tools: someTools}))
			if !sameJSON(t, got, fill.Replace(test.want)) {
				t.Errorf("got\n%s\nwant\n%s", got, fill.Replace(test.want))
			}
		})
	}
}

// TestAnthropicCache grows a conversation and checks that each request begins
// as the one before it did, with its breakpoints where the API looks for them.
func TestAnthropicCache(t *testing.T) {
	t.Parallel()
	req := ask("Hello")
	req.System = "Be brief."
	before := ""
	for step := range 6 {
		body := anthropicBody(t, req, fieldCacheControl)
		marks := strings.Count(body, `"cache_control"`)
		if want := min(4, 3+step); marks != want {
			t.Errorf("step %d has %d breakpoints, want %d: %s", step, marks, want, body)
		}
		bare := messagesOf(t, body)
		if head := strings.TrimSuffix(before, "]"); !strings.HasPrefix(bare, head) {
			t.Errorf("step %d does not begin as the one before it:\n%s\n%s", step, head, bare)
		}
		if before != "" {
			// What the request before had marked at its end is marked again.
			var r struct {
				Messages []struct{ Content []map[string]any }
			}
			if err := json.Unmarshal([]byte(body), &r); err != nil {
				t.Fatal(err)
			}
			for _, i := range []int{len(r.Messages) - 1, len(r.Messages) - 3} {
				blocks := r.Messages[i].Content
				if blocks[len(blocks)-1]["cache_control"] == nil {
					t.Errorf("step %d: message %d has no breakpoint: %s", step, i, body)
				}
			}
		}
		before = bare
		id := fmt.Sprintf("c%d", step)
		req.Messages = append(req.Messages, assistant(opaque(testModel, thinkingBlock), callPart(id, "files__read", `{"path":"a"}`)),
			results(store.ToolResult{CallID: id, Content: store.Parts{store.Image{MIMEType: "image/png", Data: []byte("PNG")}}}))
	}
	if body := anthropicBody(t, req); strings.Contains(body, "cache_control") {
		t.Errorf("it is marked although the service refused that: %s", body)
	}
}

func TestAnthropicMaxTokens(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]int64{
		"claude-opus-4-20250514": 32_000, "claude-sonnet-4-5": 32_000, "claude-something-later": 32_000, "anthropic/claude-3.7-sonnet": 32_000,
		"claude-3-7-sonnet-20250219": 32_000, "claude-3-5-haiku-latest": 8192, "claude-3-haiku-20240307": 4096, "deepseek-chat": 8192,
	} {
		req := ask("Hello")
		req.Model.Model = id
		w := anthropicWriter{req: req}
		if got := w.maxTokens([]field{fieldMaxTokens}); got != want {
			t.Errorf("%s: %d, want %d", id, got, want)
		}
		if got := w.maxTokens(nil); got != leastMaxTokens {
			t.Errorf("%s, refused: %d", id, got)
		}
		w.limits.MaxOutput = 77
		if got := w.maxTokens(nil); got != 77 {
			t.Errorf("%s, of the entry: %d", id, got)
		}
		w.req.MaxOutput = 66
		if got := w.maxTokens(nil); got != 66 || w.guessesMaxTokens() {
			t.Errorf("%s, of the request: %d", id, got)
		}
	}
}

// refusing answers with an error while a request holds one of the pieces.
func refusing(t *testing.T, refuses map[string]string, next http.HandlerFunc) *service {
	t.Helper()
	s := serve(t, nil)
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		s.mu.Lock()
		s.requests = append(s.requests, recorded{header: r.Header.Clone(), body: string(body)})
		s.mu.Unlock()
		for piece, message := range refuses {
			if strings.Contains(string(body)+" "+r.Header.Get("Anthropic-Beta"), piece) {
				w.WriteHeader(http.StatusBadRequest)
				if err := json.NewEncoder(w).Encode(map[string]any{"type": "error", "error": map[string]string{"type": "invalid_request_error", "message": message}}); err != nil {
					t.Error(err)
				}
				return
			}
		}
		next(w, r)
	})
	return s
}

// TestAnthropicOptional meets services that refuse what can be done without.
func TestAnthropicOptional(t *testing.T) {
	t.Parallel()
	s := refusing(t, map[string]string{
		`"cache_control"`:   "messages.0.content.0.text.cache_control: Extra inputs are not permitted",
		`"max_tokens":8192`: "max_tokens: 8192 > 4096, which is the maximum allowed number of output tokens for m",
	}, good(t, store.ProviderAnthropic))
	c := s.client(t, store.ProviderAnthropic)
	for i, want := range []int{3, 4} {
		if _, err := drain(t.Context(), c, ask("Hello")); err != nil {
			t.Fatal(err)
		}
		if n := len(s.all()); n != want {
			t.Errorf("call %d: %d requests so far, want %d", i, n, want)
		}
	}
	if last := s.all()[3].body; strings.Contains(last, "cache_control") || !strings.Contains(last, `"max_tokens":4096`) {
		t.Errorf("the last request is %s", last)
	}
}

// TestAnthropicModels reads a list in pages, and what others answer instead.
func TestAnthropicModels(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		pages map[string]string // after_id → page
		want  string
	}{
		"pages": {map[string]string{
			"":  `{"data":[{"type":"model","id":"c","display_name":"See","max_input_tokens":200000,"max_tokens":64000}],"has_more":true,"first_id":"c","last_id":"c"}`,
			"c": `{"data":[{"type":"model","id":"b","display_name":"b","max_input_tokens":-1,"max_tokens":"many"},{"id":"c"}],"has_more":true,"last_id":"b"}`,
			"b": `{"data":[{"type":"model","id":"a"}],"has_more":false,"last_id":"a"}`,
		}, "[{a  {0 0 0 0 0}} {b  {0 0 0 0 0}} {c See {200000 64000 0 0 0}}]"},
		"the same page for ever": {map[string]string{"": `{"data":[{"id":"a"}],"has_more":true,"last_id":"a"}`, "a": `{"data":[{"id":"a"}],"has_more":true,"last_id":"a"}`}, "[{a  {0 0 0 0 0}}]"},
		"a gateway's list":       {map[string]string{"": `{"object":"list","data":[{"id":"m","object":"model","max_tokens":"x"}]}`}, "[{m  {0 0 0 0 0}}]"},
		"no list":                {map[string]string{"": `{"hello":1}`}, "[] protocol"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Query().Get("limit") != "1000" || r.Header.Get("X-Api-Key") != canary {
					t.Errorf("asked with %s and %v", r.URL, r.Header)
				}
				if _, err := io.WriteString(w, test.pages[r.URL.Query().Get("after_id")]); err != nil {
					t.Error(err)
				}
			})
			list, err := s.client(t, store.ProviderAnthropic).Models(t.Context())
			got := fmt.Sprint(list)
			var e *model.Error
			if errors.As(err, &e) {
				got += " " + string(e.Kind)
				checkSentence(t, err)
			}
			if got != test.want || s.all()[0].path != "/v1/models" {
				t.Errorf("got %s, want %s; asked %s", got, test.want, s.all()[0].path)
			}
		})
	}
}

// TestAnthropicBetaHeader checks that the betas of an entry and our own go
// together.
func TestAnthropicBetaHeader(t *testing.T) {
	t.Parallel()
	s := serve(t, good(t, store.ProviderAnthropic))
	c := s.client(t, store.ProviderAnthropic, func(c *store.ProviderConfig, _ *Options) {
		c.Headers = map[string]store.Value{"anthropic-beta": "own-beta"}
	})
	for _, req := range []model.Request{ask("Hello"), askManaged(hello)} {
		if _, err := drain(t.Context(), c, req); err != nil {
			t.Fatal(err)
		}
	}
	if one, two := s.all()[0].header.Get("Anthropic-Beta"), s.all()[1].header.Get("Anthropic-Beta"); one != "own-beta" || two != "mcp-client-2026-09-15,own-beta" {
		t.Errorf("the betas are %q and %q", one, two)
	}
}

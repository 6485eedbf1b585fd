package modelapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/modelapi"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// engine has one model, which calls the tool read once, and one server.
type engine struct {
	ran    atomic.Int64 // calls of tools
	turns  atomic.Int64
	caller store.Caller
}

var reading = tools.Tool{Ref: tools.Ref{Server: "files", Tool: "read"}, ServerName: "files", InputSchema: json.RawMessage(`{"type":"object"}`), Hash: "1"}

func (e *engine) Caller(context.Context) (store.Caller, bool) { return e.caller, true }
func (e *engine) SameKey(context.Context, store.Caller, store.Secret) bool {
	return false
}
func (e *engine) MayAsk(context.Context, store.Caller) error { return nil }
func (e *engine) Models(context.Context, store.Caller) []modelapi.Model {
	return []modelapi.Model{{ID: "work/m", Owner: "work"}}
}
func (e *engine) Find(_ context.Context, _ store.Caller, name string) (store.ModelRef, error) {
	if name != "work/m" {
		return store.ModelRef{}, store.ErrNotFound
	}
	return store.ModelRef{Provider: "work", Model: "m"}, nil
}
func (e *engine) Servers(store.Caller) []modelapi.Server {
	return []modelapi.Server{{ID: "files", Name: "files", Groups: []string{"office"}}}
}
func (e *engine) Tools(context.Context, store.Caller) ([]tools.Tool, error) {
	return []tools.Tool{reading}, nil
}
func (e *engine) Forward(_ context.Context, h http.Header, _ []string) map[string]map[string]string {
	return nil
}
func (e *engine) Decide(context.Context, tools.Invocation) tools.Verdict {
	return tools.Verdict{Decision: tools.Ask}
}
func (e *engine) Call(_ context.Context, inv tools.Invocation, agreed bool) tools.Result {
	if !agreed {
		return tools.ErrorResult("nobody is there to ask")
	}
	e.ran.Add(1)
	return tools.Result{Content: store.Parts{store.Text{Text: "read"}}}
}
func (e *engine) NoteContent(context.Context, store.Caller, string)          {}
func (e *engine) Note(context.Context, store.Caller, string, string, string) {}

// Run is a loop of one step.
func (e *engine) Run(ctx context.Context, t modelapi.Turn) iter.Seq2[modelapi.Event, error] {
	e.turns.Add(1)
	return func(yield func(modelapi.Event, error) bool) {
		list, err := t.Offer(ctx)
		if err != nil {
			yield(nil, err)
			return
		}
		var calls []store.ToolCall
		parts := store.Parts{store.Text{Text: "Hello."}}
		for _, tool := range list {
			c := store.ToolCall{ID: "call_" + store.NewID(), Name: tool.Tool, Server: tool.Server, Tool: tool.Tool, Arguments: json.RawMessage(`{"path":"a"}`)}
			calls, parts = append(calls, c), append(parts, c)
		}
		if !yield(modelapi.Begun{}, nil) || !yield(modelapi.Piece{Delta: model.TextDelta{Text: "Hello."}}, nil) ||
			!yield(modelapi.Answered{Message: store.Message{ID: store.NewID(), Role: store.RoleAssistant, Parts: parts, Status: store.StatusComplete}, Calls: calls}, nil) {
			return
		}
		results := store.Parts{}
		for _, c := range calls {
			r := t.Call(ctx, tools.Invocation{CallID: c.ID, Ref: tools.Ref{Server: c.Server, Tool: c.Tool}, Arguments: c.Arguments}).Part(c.ID)
			results = append(results, r)
			if !yield(modelapi.Called{Result: r}, nil) {
				return
			}
		}
		if len(results) > 0 && !yield(modelapi.Kept{Message: store.Message{ID: store.NewID(), Role: store.RoleTool, Parts: results, Status: store.StatusComplete}}, nil) {
			return
		}
		yield(modelapi.Done{Reason: modelapi.End, Usage: store.Usage{Input: 1, Output: 1}}, nil)
	}
}

func newEngine() *engine {
	return &engine{caller: store.Caller{Key: "k", KeyName: "k", Models: &store.ModelAccess{}, MayApprove: true}}
}

func post(h http.Handler, path string, body []byte) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("POST", "http://127.0.0.1:4001"+path, bytes.NewReader(body)))
	return w
}

// FuzzRequest: whatever a program sends, the answer is JSON in OpenAI's shape or
// whole events, and without an approval that was asked for nothing runs.
func FuzzRequest(f *testing.F) {
	for _, s := range []string{
		`{"model":"work/m","input":"hi"}`,
		`{"model":"work/m","input":"hi","stream":true,"tools":[{"type":"mcp","server_label":"a","server_url":"drawbridge/mcp/office","require_approval":"never","allowed_tools":{"tool_names":["read"],"read_only":false}}]}`,
		`{"model":"work/m","input":[{"role":"user","content":[{"type":"input_text","text":"hi"},{"type":"input_image","image_url":"data:image/png;base64,AAAA"}]},{"type":"function_call","call_id":"c","name":"f","arguments":"{"},{"type":"function_call_output","call_id":"c","output":[{"type":"input_text","text":"x"}]}],"tools":[{"type":"function","name":"f","parameters":{"type":"object"}}],"tool_choice":{"type":"function","name":"f"}}`,
		`{"model":"work/m","input":[{"role":"user","content":"hi"},{"type":"mcp_approval_request","id":"mcpr_1","server_label":"a","name":"files__read","arguments":"{}"},{"type":"mcp_approval_response","approval_request_id":"mcpr_1","approve":true},{"type":"mcp_call","id":"m","server_label":"a","name":"files__read","arguments":"{}","output":"x","approval_request_id":"mcpr_1"}],"tools":[{"type":"mcp","server_label":"a","server_url":"http://localhost:4001/mcp"}]}`,
		`{"model":"work/m","messages":[{"role":"system","content":"s"},{"role":"user","content":[{"type":"text","text":"hi"}]},{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c","content":"x"}],"stream":true,"stream_options":{"include_usage":true},"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{}}}}`,
		`{"model":"work/m","input":"x","previous_response_id":"resp_1","background":false,"metadata":null,"text":{"format":{"type":"json_object"}},"reasoning":{"effort":"low"}}`,
		`{"tools":[{"type":"mcp","server_label":"a","server_url":"http://127.0.0.1:4001/a,b/mcp","headers":{"x-mcp-servers":"files","Authorization":"Bearer drawbridge-x"},"require_approval":{"always":{"read_only":true},"never":["read"]}}],"model":"work/m"}`,
		`[]`, `{`, `{"model":1}`, `{"model":"work/m","input":[null,1,{"type":"message"}]}`,
	} {
		f.Add([]byte(s), false)
		f.Add([]byte(s), true)
	}
	f.Fuzz(func(t *testing.T, body []byte, chat bool) {
		e := newEngine()
		h := modelapi.New(modelapi.Options{Engine: e})
		path := "/v1/responses"
		if chat {
			path = "/v1/chat/completions"
		}
		w := post(h, path, body)
		if e.ran.Load() != 0 {
			t.Fatalf("a call ran that nobody had approved, for %s", body)
		}
		if strings.HasPrefix(w.Header().Get("Content-Type"), "text/event-stream") {
			text := w.Body.String()
			if !strings.HasSuffix(text, "\n\n") || !strings.Contains(text, "data: ") {
				t.Fatalf("the stream is %q", text)
			}
			for line := range strings.Lines(text) {
				if data, ok := strings.CutPrefix(strings.TrimSpace(line), "data: "); ok && data != "[DONE]" && !json.Valid([]byte(data)) {
					t.Fatalf("an event is %q", data)
				}
			}
			return
		}
		var got struct {
			Object string
			Error  *struct{ Message, Type string }
		}
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatalf("%d %q: %v", w.Code, w.Body, err)
		}
		switch {
		case w.Code == 200 && (got.Object == "response" || got.Object == "chat.completion"):
		case w.Code >= 400 && w.Code < 500 && got.Error != nil && got.Error.Message != "" && got.Error.Type != "":
		default:
			t.Fatalf("%d %s for %s", w.Code, w.Body, body)
		}
	})
}

// An approval that was used once is used up, also for two requests at a time.
func TestApprovalCountsOnceAtATime(t *testing.T) {
	t.Parallel()
	e := newEngine()
	h := modelapi.New(modelapi.Options{Engine: e})
	const tool = `"tools":[{"type":"mcp","server_label":"a","server_url":"drawbridge"}]`
	var first struct {
		ID     string
		Output []struct{ ID, Type string }
	}
	w := post(h, "/v1/responses", []byte(`{"model":"work/m","input":"hi",`+tool+`}`))
	if err := json.Unmarshal(w.Body.Bytes(), &first); err != nil {
		t.Fatal(err)
	}
	id := ""
	for _, o := range first.Output {
		if o.Type == "mcp_approval_request" {
			id = o.ID
		}
	}
	if id == "" || e.ran.Load() != 0 {
		t.Fatalf("nobody was asked: %s", w.Body)
	}
	body := []byte(`{"model":"work/m","previous_response_id":"` + first.ID + `","input":[{"type":"mcp_approval_response","approval_request_id":"` + id + `","approve":true}],` + tool + `}`)
	codes := make(chan int, 20)
	for range cap(codes) {
		go func() { codes <- post(h, "/v1/responses", body).Code }()
	}
	good := 0
	for range cap(codes) {
		if <-codes == 200 {
			good++
		}
	}
	if good != 1 || e.ran.Load() != 1 {
		t.Errorf("of %d requests with one approval %d were taken, and %d calls ran", cap(codes), good, e.ran.Load())
	}
}

package provider

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// managedCanary is the token of a server, which no error may repeat.
const managedCanary = "tok-managed-canary"

func managedTools(always bool, names ...string) []model.ManagedTool {
	var out []model.ManagedTool
	for _, n := range names {
		out = append(out, model.ManagedTool{Tool: tools.Tool{Ref: tools.Ref{Server: "docs-id", Tool: n}}, Always: always})
	}
	return out
}

var managedDocs = model.ManagedServer{
	Server: "docs-id", Label: "docs", URL: "https://docs.example.com/mcp?team=a",
	Headers: map[string]store.Secret{"Authorization": store.NewSecret("Bearer " + managedCanary)},
	Tools:   append(managedTools(true, "search"), managedTools(false, "ask")...),
}

func askManaged(msgs ...store.Message) model.Request {
	return model.Request{Model: testModel, Messages: msgs, Managed: []model.ManagedServer{managedDocs}}
}

// renderManaged writes what render leaves out too.
func renderManaged(deltas []model.Delta, err error) string {
	var b strings.Builder
	for _, d := range deltas {
		switch d := d.(type) {
		case model.ListingDelta:
			var list []string
			for _, t := range d.Tools {
				list = append(list, t.Name+" "+string(t.InputSchema))
			}
			fmt.Fprintf(&b, "listing %s %q: %s\n", d.Server, d.Error, strings.Join(list, "; "))
		case model.ManagedDelta:
			fmt.Fprintf(&b, "managed %s %s %s %s %s", d.Call.ID, d.Call.Server, d.Call.Tool, d.Call.State, d.Call.Arguments)
			if d.Call.IsError {
				b.WriteString(" failed")
			}
			if text := d.Call.Content.Text(); text != "" {
				fmt.Fprintf(&b, " %q", text)
			}
			b.WriteByte('\n')
		case model.ImageDelta:
			fmt.Fprintf(&b, "image %s %d\n", d.Image.MIMEType, len(d.Image.Data))
		default:
			b.WriteString(render([]model.Delta{d}, nil) + "\n")
		}
	}
	var e *model.Error
	if errors.As(err, &e) {
		fmt.Fprintf(&b, "error %s", e.Kind)
		if e.Server != "" {
			b.WriteString(" " + e.Server)
		}
		if errors.Is(err, model.ErrCut) {
			b.WriteString(" cut")
		}
		if e.Status != 0 {
			fmt.Fprintf(&b, " %d", e.Status)
		}
	} else if err != nil {
		b.WriteString("error " + err.Error())
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// section returns a section of a transcript that readTranscript does not know,
// and the path of a copy without those.
func section(t *testing.T, path string, names ...string) (map[string]string, transcript) {
	t.Helper()
	ar, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	kept := *ar
	kept.Files = nil
	for _, f := range ar.Files {
		own := false
		for _, n := range names {
			if f.Name == n {
				found[n], own = strings.TrimSpace(string(f.Data)), true
			}
		}
		if !own {
			kept.Files = append(kept.Files, f)
		}
	}
	return found, parseTranscript(t, path, &kept)
}

// input returns the items of a request, one a line, as they went.
func input(t *testing.T, body string) string {
	t.Helper()
	var r struct{ Input []json.RawMessage }
	if err := json.Unmarshal([]byte(body), &r); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, i := range r.Input {
		lines = append(lines, string(i))
	}
	return strings.Join(lines, "\n")
}

// sameJSON compares lines of JSON by their values.
func sameJSON(t *testing.T, got, want string) bool {
	t.Helper()
	read := func(text string) []any {
		var out []any
		dec := json.NewDecoder(strings.NewReader(text))
		for {
			var v any
			err := dec.Decode(&v)
			if err == io.EOF {
				return out
			}
			if err != nil {
				t.Fatalf("%v in %s", err, text)
			}
			out = append(out, v)
		}
	}
	return reflect.DeepEqual(read(got), read(want))
}

// TestManagedResponses plays what the service says of servers that it connects
// to itself, and looks at what goes back to it and to another model.
func TestManagedResponses(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob(filepath.Join("testdata", "managed-responses", "*.txtar"))
	if err != nil || len(paths) < 15 {
		t.Fatalf("%d transcripts, %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			t.Parallel()
			more, tr := section(t, path, "back", "elsewhere", "answer")
			s := serve(t, tr.handler)
			c := s.client(t, store.ProviderResponses)
			hello := userSays(store.Text{Text: "Hello"})
			deltas, err := drain(t.Context(), c, askManaged(hello))
			got, want := renderManaged(deltas, err), tr.want
			if i := strings.LastIndex(want, "error "); i == 0 || i > 0 && want[i-1] == '\n' {
				head, says, quoted := strings.Cut(want[i:], ` "`)
				want = want[:i] + head
				if says = strings.TrimSuffix(says, `"`); quoted && !strings.Contains(fmt.Sprint(err), says) {
					t.Errorf("the error %v does not say %q", err, says)
				}
			}
			if got != want {
				t.Errorf("got:\n%s\nwant:\n%s\n%v", got, want, err)
			}
			if err != nil {
				checkSentence(t, err)
				if strings.Contains(err.Error(), managedCanary) {
					t.Errorf("the server's token is in %v", err)
				}
			}
			var a model.Assembler
			for _, d := range deltas {
				a.Add(d)
			}
			next := []store.Message{hello, {Role: store.RoleAssistant, Model: testModel, Parts: a.Parts(testModel)}}
			if say, ok := more["answer"]; ok {
				word, reason, _ := strings.Cut(say, " ")
				answer := store.ManagedAnswer{CallID: next[1].Asked()[0].ID, Approve: word == "yes", Reason: reason}
				next = append(next, store.Message{Role: store.RoleTool, Parts: store.Parts{answer}})
			}
			for what, ref := range map[string]store.ModelRef{"back": testModel, "elsewhere": {Provider: "test", Model: "other"}} {
				want, ok := more[what]
				if !ok {
					continue
				}
				req := askManaged(next...)
				req.Model = ref
				if _, err := drain(t.Context(), c, req); err != nil {
					t.Fatal(err)
				}
				all := s.all()
				if got := input(t, all[len(all)-1].body); !sameJSON(t, got, want) {
					t.Errorf("%s went:\n%s\nwant:\n%s", what, got, want)
				} else if what == "back" {
					for _, p := range next[1].Parts { // byte by byte
						if o, ok := p.(store.Opaque); ok && strings.Contains(want, string(o.Data)) && !strings.Contains(got, string(o.Data)) {
							t.Errorf("%s did not go as it came:\n%s", o.Data, got)
						}
					}
				}
			}
		})
	}
}

// TestManagedTools looks at what the service is told of a server.
func TestManagedTools(t *testing.T) {
	t.Parallel()
	with := func(change func(*model.ManagedServer)) model.ManagedServer {
		m := managedDocs
		change(&m)
		return m
	}
	head := `{"type":"mcp","server_label":"docs","server_url":"https://docs.example.com/mcp?team=a","headers":{"Authorization":"Bearer tok-managed-canary"},`
	for name, test := range map[string]struct {
		server model.ManagedServer
		want   string
	}{
		"some ask": {managedDocs, head + `"allowed_tools":["search","ask"],"require_approval":{"always":{"tool_names":["ask"]},"never":{"tool_names":["search"]}}}`},
		"all ask":  {with(func(m *model.ManagedServer) { m.Tools = managedTools(false, "a", "b") }), head + `"allowed_tools":["a","b"],"require_approval":"always"}`},
		"none asks": {with(func(m *model.ManagedServer) { m.Tools = managedTools(true, "a", "b") }),
			head + `"allowed_tools":["a","b"],"require_approval":{"never":{"tool_names":["a","b"]}}}`},
		"no headers": {with(func(m *model.ManagedServer) { m.Tools, m.Headers = managedTools(false, "a"), nil }),
			`{"type":"mcp","server_label":"docs","server_url":"https://docs.example.com/mcp?team=a","allowed_tools":["a"],"require_approval":"always"}`},
		"no tools": {with(func(m *model.ManagedServer) { m.Tools = nil }), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, good(t, store.ProviderResponses))
			req := ask("Hello")
			req.Managed = []model.ManagedServer{test.server}
			if _, err := drain(t.Context(), s.client(t, store.ProviderResponses), req); err != nil {
				t.Fatal(err)
			}
			var body struct{ Tools []json.RawMessage }
			if err := json.Unmarshal([]byte(s.all()[0].body), &body); err != nil {
				t.Fatal(err)
			}
			if test.want == "" {
				if len(body.Tools) != 2 {
					t.Errorf("%d tools", len(body.Tools))
				}
				return
			}
			if len(body.Tools) != 3 || string(body.Tools[2]) != test.want {
				t.Errorf("got %s, want last\n%s", body.Tools, test.want)
			}
		})
	}
	f := newClient(t, store.ProviderResponses, "http://127.0.0.1/").Features()
	if !f.Managed || !f.ManagedAsks {
		t.Errorf("%+v", f)
	}
}

// TestManagedServerGone checks that nothing of a server goes back that the
// service no longer connects to, and that no reasoning is left that led to it.
func TestManagedServerGone(t *testing.T) {
	t.Parallel()
	s := serve(t, good(t, store.ProviderResponses))
	opaque := func(raw string) store.Opaque { return store.Opaque{Model: testModel, Data: json.RawMessage(raw)} }
	req := ask("Hello")
	req.Messages = append(req.Messages, store.Message{Role: store.RoleAssistant, Parts: store.Parts{
		store.ManagedListing{Server: "docs-id"},
		opaque(`{"id":"mcpl_1","type":"mcp_list_tools","server_label":"docs","tools":[]}`),
		opaque(`{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"sealed"}`),
		store.ManagedCall{ID: "mcp_1", Server: "docs-id", Tool: "search", State: store.ManagedDone},
		opaque(`{"id":"mcp_1","type":"mcp_call","server_label":"docs","name":"search","arguments":"{}","output":""}`),
		store.Text{Text: "Done."},
	}}, userSays(store.Text{Text: "More"}))
	if _, err := drain(t.Context(), s.client(t, store.ProviderResponses), req); err != nil {
		t.Fatal(err)
	}
	want := `{"content":[{"text":"Hello","type":"input_text"}],"role":"user"}
{"content":"[The tool search of the server docs-id, was run and returned:\nThe tool returned nothing.]","role":"assistant"}
{"content":"Done.","role":"assistant"}
{"content":[{"text":"More","type":"input_text"}],"role":"user"}`
	if got := input(t, s.all()[0].body); !sameJSON(t, got, want) {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// TestKeptResponses has the service keep its answers.
func TestKeptResponses(t *testing.T) {
	t.Parallel()
	keep := func(c *store.ProviderConfig, _ *Options) { c.KeepResponses = true }
	answer := func(id string) string {
		return `data: {"type":"response.output_item.done","output_index":0,"item":{"type":"function_call","id":"fc_1","call_id":"call_1","name":"clock__now","arguments":"{}"}}` + "\n\n" +
			`data: {"type":"response.completed","response":{"id":"` + id + `","status":"completed","output":[]}}` + "\n\n"
	}
	for name, test := range map[string]struct {
		change func([]store.Message) []store.Message // of the history, before the second request
		other  bool                                  // the second request is for another model
		status int                                   // what the service says to previous_response_id; 0 is fine
		says   string
		want   []string // previous_response_id of the second call's requests
		items  []int    // and how many items they have
	}{
		"new alone":    {want: []string{"resp_1"}, items: []int{1}},
		"lost":         {status: 404, says: `{"error":{"code":"previous_response_not_found","message":"Previous response with id 'resp_1' not found.","param":"previous_response_id"}}`, want: []string{"resp_1", ""}, items: []int{1, 3}},
		"lost by 400":  {status: 400, says: `{"error":{"code":"previous_response_not_found","message":"Previous response with id 'resp_1' not found.","param":"previous_response_id"}}`, want: []string{"resp_1", ""}, items: []int{1, 3}},
		"other model":  {other: true, want: []string{""}, items: []int{3}},
		"summarised":   {change: func(m []store.Message) []store.Message { m[0].ID = "summary"; return m }, want: []string{""}, items: []int{3}},
		"out of quota": {status: 429, says: `{"error":{"message":"Slow down."}}`, want: []string{"resp_1"}, items: []int{1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var s *service
			s = serve(t, func(w http.ResponseWriter, _ *http.Request) {
				all := s.all()
				if test.status != 0 && strings.Contains(all[len(all)-1].body, "previous_response_id") {
					w.WriteHeader(test.status)
					fmt.Fprint(w, test.says)
					return
				}
				w.Header().Set("Content-Type", "text/event-stream")
				fmt.Fprint(w, answer(fmt.Sprint("resp_", len(all))))
			})
			c := s.client(t, store.ProviderResponses, keep)
			req := ask("Hello")
			req.Messages[0].ID = "m1"
			deltas, err := drain(t.Context(), c, req)
			if err != nil {
				t.Fatal(err)
			}
			parts, _ := assemble(deltas)
			req.Messages = append(req.Messages,
				store.Message{ID: "m2", Role: store.RoleAssistant, Parts: parts},
				store.Message{ID: "m3", Role: store.RoleTool, Parts: store.Parts{store.ToolResult{CallID: "call_1"}}})
			if test.change != nil {
				req.Messages = test.change(req.Messages)
			}
			if test.other {
				req.Model.Model = "other"
			}
			if _, err = drain(t.Context(), c, req); (err != nil) != (name == "out of quota") {
				t.Error(err)
			}
			all := s.all()
			if len(all) != 1+len(test.want) {
				t.Fatalf("%d requests", len(all))
			}
			for i, r := range all {
				var body struct {
					Store    bool
					Previous string `json:"previous_response_id"`
					Input    []json.RawMessage
				}
				if err := json.Unmarshal([]byte(r.body), &body); err != nil {
					t.Fatal(err)
				}
				if !body.Store || strings.Contains(r.body, itemKept) {
					t.Errorf("it sent %s", r.body)
				}
				if i > 0 && (body.Previous != test.want[i-1] || len(body.Input) != test.items[i-1]) {
					t.Errorf("request %d: %s", i, r.body)
				}
			}
		})
	}
}

// TestKeptAnswers checks that an answer to what a kept response asks goes along.
func TestKeptAnswers(t *testing.T) {
	t.Parallel()
	ref := testModel
	req := askManaged(userSays(store.Text{Text: "Hello"}))
	mark := &keptResponse{Type: itemKept, ID: "resp_1", After: chainHash(req.Messages)}
	req.Messages = append(req.Messages, store.Message{Role: store.RoleAssistant, Parts: store.Parts{
		store.ManagedCall{ID: "mcpr_1", State: store.ManagedAsked},
		store.Opaque{Model: ref, Data: json.RawMessage(`{"id":"mcpr_1","type":"mcp_approval_request","server_label":"docs","name":"ask","arguments":"{}"}`)},
		store.Opaque{Model: ref, Data: mark.item()},
	}}, store.Message{Role: store.RoleTool, Parts: store.Parts{store.ManagedAnswer{CallID: "mcpr_1", Approve: true}}})
	s := serve(t, good(t, store.ProviderResponses))
	if _, err := drain(t.Context(), s.client(t, store.ProviderResponses, func(c *store.ProviderConfig, _ *Options) { c.KeepResponses = true }), req); err != nil {
		t.Fatal(err)
	}
	if got, want := input(t, s.all()[0].body), `{"approval_request_id":"mcpr_1","approve":true,"type":"mcp_approval_response"}`; !sameJSON(t, got, want) {
		t.Errorf("got %s", got)
	}
}

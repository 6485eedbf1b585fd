package provider

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

func assistant(parts ...store.Part) store.Message {
	return store.Message{Role: store.RoleAssistant, Parts: parts, Model: testModel}
}

func results(rs ...store.ToolResult) store.Message {
	m := store.Message{Role: store.RoleTool}
	for _, r := range rs {
		m.Parts = append(m.Parts, r)
	}
	return m
}

func callPart(id, name, args string) store.ToolCall {
	return store.ToolCall{ID: id, Name: name, Arguments: json.RawMessage(args)}
}

func said(id, text string) store.ToolResult {
	return store.ToolResult{CallID: id, Content: store.Parts{store.Text{Text: text}}, Started: time.Now()}
}

var hello = userSays(store.Text{Text: "Hello"})

func opaque(ref store.ModelRef, data string) store.Opaque {
	return store.Opaque{Model: ref, Data: json.RawMessage(data)}
}

const longID = "call/with odd characters and longer than the sixty-four that services take"

// histories are written to both formats. Each want is the list of messages, or
// of items, as JSON.
var histories = map[string]struct {
	messages        []store.Message
	chat, responses string
}{
	"nothing": {nil, `null`, `[]`},
	"a turn with a call": {
		[]store.Message{
			hello, assistant(store.Text{Text: "Reading."}, callPart("c1", "files__read", `{"path":"a"}`)), results(said("c1", "text")),
			assistant(store.Text{Text: "Done."}), hello,
		},
		`[{"content":"Hello","role":"user"},
		  {"content":"Reading.","role":"assistant","tool_calls":[{"function":{"arguments":"{\"path\":\"a\"}","name":"files__read"},"id":"c1","type":"function"}]},
		  {"content":"text","role":"tool","tool_call_id":"c1"},{"content":"Done.","role":"assistant"},{"content":"Hello","role":"user"}]`,
		`[{"content":[{"text":"Hello","type":"input_text"}],"role":"user"},{"content":"Reading.","role":"assistant"},
		  {"arguments":"{\"path\":\"a\"}","call_id":"c1","name":"files__read","type":"function_call"},
		  {"call_id":"c1","output":"text","type":"function_call_output"},{"content":"Done.","role":"assistant"},
		  {"content":[{"text":"Hello","type":"input_text"}],"role":"user"}]`,
	},
	"parallel calls": {
		[]store.Message{assistant(callPart("c1", "a", `{}`), callPart("c2", "b", ``)), results(said("c1", "1"), said("c2", "2"))},
		`[{"role":"assistant","tool_calls":[{"function":{"arguments":"{}","name":"a"},"id":"c1","type":"function"},{"function":{"arguments":"{}","name":"b"},"id":"c2","type":"function"}]},
		  {"content":"1","role":"tool","tool_call_id":"c1"},{"content":"2","role":"tool","tool_call_id":"c2"}]`,
		`[{"arguments":"{}","call_id":"c1","name":"a","type":"function_call"},{"arguments":"{}","call_id":"c2","name":"b","type":"function_call"},
		  {"call_id":"c1","output":"1","type":"function_call_output"},{"call_id":"c2","output":"2","type":"function_call_output"}]`,
	},
	"arguments that are no object": {
		[]store.Message{assistant(callPart("c1", "a", `"{\"path\": a"`), callPart("c2", "a", `[1]`))},
		`[{"role":"assistant","tool_calls":[{"function":{"arguments":"{\"invalid_arguments\":\"{\\\"path\\\": a\"}","name":"a"},"id":"c1","type":"function"},
		  {"function":{"arguments":"{\"invalid_arguments\":\"[1]\"}","name":"a"},"id":"c2","type":"function"}]}]`,
		`[{"arguments":"{\"invalid_arguments\":\"{\\\"path\\\": a\"}","call_id":"c1","name":"a","type":"function_call"},
		  {"arguments":"{\"invalid_arguments\":\"[1]\"}","call_id":"c2","name":"a","type":"function_call"}]`,
	},
	"names and ids of another provider": {
		[]store.Message{
			assistant(store.ToolCall{ID: longID, Name: "old name", Server: "files", Tool: "read", Arguments: json.RawMessage(`{}`)}, callPart("", "né w."+strings.Repeat("x", 80), `{}`)),
			results(said(longID, "1"), said("", "2")),
		},
		`[{"role":"assistant","tool_calls":[{"function":{"arguments":"{}","name":"files__read"},"id":"LONG","type":"function"},
		  {"function":{"arguments":"{}","name":"n__w_XXX"},"id":"NONE","type":"function"}]},
		  {"content":"1","role":"tool","tool_call_id":"LONG"},{"content":"2","role":"tool","tool_call_id":"NONE"}]`,
		`[{"arguments":"{}","call_id":"LONG","name":"files__read","type":"function_call"},{"arguments":"{}","call_id":"NONE","name":"n__w_XXX","type":"function_call"},
		  {"call_id":"LONG","output":"1","type":"function_call_output"},{"call_id":"NONE","output":"2","type":"function_call_output"}]`,
	},
	"results of every kind": {
		[]store.Message{results(
			store.ToolResult{CallID: "empty"},
			store.ToolResult{CallID: "error", IsError: true, Content: store.Parts{store.Text{Text: "no such file"}}},
			store.ToolResult{CallID: "file", Content: store.Parts{store.File{Name: "a.pdf", MIMEType: "application/pdf", Data: []byte("PDF")}, store.File{URI: "file:///a"}}},
			store.ToolResult{CallID: "same", Content: store.Parts{store.Text{Text: `{"a": 1}`}}, Structured: json.RawMessage(`{"a":1}`)},
			store.ToolResult{CallID: "both", Content: store.Parts{store.Text{Text: "one"}}, Structured: json.RawMessage(`{"a": 1}`)},
			store.ToolResult{CallID: "odd", Content: store.Parts{store.Image{MIMEType: "image/svg+xml", Data: []byte("<svg>")}}},
		)},
		`[{"content":"The tool returned nothing.","role":"tool","tool_call_id":"empty"},
		  {"content":"The tool reported an error:\nno such file","role":"tool","tool_call_id":"error"},
		  {"content":"[file a.pdf application/pdf, 3 bytes that are not shown to you]\n[file file:///a]","role":"tool","tool_call_id":"file"},
		  {"content":"{\"a\": 1}","role":"tool","tool_call_id":"same"},{"content":"one\n{\"a\":1}","role":"tool","tool_call_id":"both"},
		  {"content":"[image image/svg+xml, 5 bytes, shown to the person and not to you]","role":"tool","tool_call_id":"odd"}]`,
		`[{"call_id":"empty","output":"The tool returned nothing.","type":"function_call_output"},
		  {"call_id":"error","output":"The tool reported an error:\nno such file","type":"function_call_output"},
		  {"call_id":"file","output":"[file a.pdf application/pdf, 3 bytes that are not shown to you]\n[file file:///a]","type":"function_call_output"},
		  {"call_id":"same","output":"{\"a\": 1}","type":"function_call_output"},{"call_id":"both","output":"one\n{\"a\":1}","type":"function_call_output"},
		  {"call_id":"odd","output":"[image image/svg+xml, 5 bytes, shown to the person and not to you]","type":"function_call_output"}]`,
	},
	"images": {
		[]store.Message{
			userSays(store.Text{Text: "Look"}, store.Image{MIMEType: "image/png", Data: []byte("PNG")}, store.Image{MIMEType: "image/tiff"}, store.File{Name: "a.txt"}),
			results(store.ToolResult{CallID: "c1", Content: store.Parts{store.Text{Text: "here"}, store.Image{MIMEType: "image/gif", Data: []byte("GIF")}}}),
		},
		`[{"content":[{"text":"Look","type":"text"},{"image_url":{"url":"data:image/png;base64,UE5H"},"type":"image_url"},
		   {"text":"[image image/tiff, 0 bytes, shown to the person and not to you]","type":"text"},{"text":"[file a.txt]","type":"text"}],"role":"user"},
		  {"content":"here\n[Its images follow the results.]","role":"tool","tool_call_id":"c1"},
		  {"content":[{"text":"[An image that the tool returned:]","type":"text"},{"image_url":{"url":"data:image/gif;base64,R0lG"},"type":"image_url"}],"role":"user"}]`,
		`[{"content":[{"text":"Look","type":"input_text"},{"detail":"auto","image_url":"data:image/png;base64,UE5H","type":"input_image"},
		   {"text":"[image image/tiff, 0 bytes, shown to the person and not to you]","type":"input_text"},{"text":"[file a.txt]","type":"input_text"}],"role":"user"},
		  {"call_id":"c1","output":[{"text":"here","type":"input_text"},{"detail":"auto","image_url":"data:image/gif;base64,R0lG","type":"input_image"}],"type":"function_call_output"}]`,
	},
	"reasoning of this format": {
		[]store.Message{
			hello, assistant(opaque(testModel, `{"type":"reasoning","id":"rs_0","encrypted_content":"x"}`), opaque(testModel, `{"reasoning_content":"Old."}`), callPart("c0", "a", `{}`)), results(said("c0", "0")),
			hello,
			assistant(store.Reasoning{Text: "shown"}, opaque(testModel, `{"type":"reasoning","id":"rs_1","encrypted_content":"x"}`), opaque(testModel, `{"type":"reasoning","content":[{}]}`), callPart("c1", "a", `{}`), opaque(testModel, `{"reasoning_content":"Now."}`)),
			results(said("c1", "1")),
		},
		`[{"content":"Hello","role":"user"},{"role":"assistant","tool_calls":[{"function":{"arguments":"{}","name":"a"},"id":"c0","type":"function"}]},{"content":"0","role":"tool","tool_call_id":"c0"},
		  {"content":"Hello","role":"user"},{"reasoning_content":"Now.","role":"assistant","tool_calls":[{"function":{"arguments":"{}","name":"a"},"id":"c1","type":"function"}]},{"content":"1","role":"tool","tool_call_id":"c1"}]`,
		`[{"content":[{"text":"Hello","type":"input_text"}],"role":"user"},{"encrypted_content":"x","id":"rs_0","type":"reasoning"},{"arguments":"{}","call_id":"c0","name":"a","type":"function_call"},{"call_id":"c0","output":"0","type":"function_call_output"},
		  {"content":[{"text":"Hello","type":"input_text"}],"role":"user"},{"encrypted_content":"x","id":"rs_1","type":"reasoning"},{"type":"reasoning","content":[{}]},{"arguments":"{}","call_id":"c1","name":"a","type":"function_call"},{"call_id":"c1","output":"1","type":"function_call_output"}]`,
	},
	"reasoning that is left out": {
		[]store.Message{
			hello,
			assistant(opaque(store.ModelRef{Provider: "other", Model: "m"}, `{"type":"reasoning","id":"rs_1","encrypted_content":"x"}`), store.Text{Text: "a"}),
			assistant(opaque(testModel, `{"type":"reasoning","id":"rs_2","encrypted_content":"x"}`), store.Reasoning{Text: "cut off here"}),
			assistant(store.Text{Text: "b"}, opaque(testModel, `{"type":"reasoning","id":"rs_3","encrypted_content":"x"}`), store.Text{}),
			assistant(opaque(testModel, `nonsense`), opaque(testModel, `{"type":"reasoning","id":"rs_4","summary":[]}`), store.Text{Text: "c"}),
		},
		`[{"content":"Hello","role":"user"},{"content":"a","role":"assistant"},{"content":"b","role":"assistant"},{"content":"c","role":"assistant"}]`,
		`[{"content":[{"text":"Hello","type":"input_text"}],"role":"user"},{"content":"a","role":"assistant"},{"content":"b","role":"assistant"},{"content":"c","role":"assistant"}]`,
	},
	"an invalid history": {
		[]store.Message{results(said("orphan", "x")), {Role: "other", Parts: store.Parts{store.Text{Text: "?"}}}, assistant(), assistant(callPart("c1", "a", `{}`))},
		`[{"content":"x","role":"tool","tool_call_id":"orphan"},{"role":"assistant","tool_calls":[{"function":{"arguments":"{}","name":"a"},"id":"c1","type":"function"}]}]`,
		`[{"call_id":"orphan","output":"x","type":"function_call_output"},{"arguments":"{}","call_id":"c1","name":"a","type":"function_call"}]`,
	},
}

func TestMessagesToTheWire(t *testing.T) {
	t.Parallel()
	for name, h := range histories {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req := model.Request{Model: testModel, Messages: h.messages, Tools: someTools}
			fill := strings.NewReplacer("LONG", wireID(longID), "NONE", wireID(""), "XXX", strings.Repeat("x", tools.OpenAI.MaxName-len("n__w_")))
			for want, wire := range map[string]any{h.chat: chatMessages(req, quirks{}, []field{fieldReasoningBack, fieldImages}), h.responses: responsesInput(req, 0)} {
				raw, err := json.Marshal(wire)
				if err != nil {
					t.Fatal(err)
				}
				var g, w any
				if err := json.Unmarshal(raw, &g); err != nil {
					t.Fatal(err)
				}
				if err := json.Unmarshal([]byte(fill.Replace(want)), &w); err != nil {
					t.Fatal(err)
				}
				if pretty(t, g) != pretty(t, w) {
					t.Errorf("got\n%s\nwant\n%s", pretty(t, g), pretty(t, w))
				}
			}
		})
	}
}

func TestWireID(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"call_1", "a-B_9", strings.Repeat("x", 64)} {
		if got := wireID(id); got != id {
			t.Errorf("%q became %q", id, got)
		}
	}
	seen := map[string]string{}
	for _, id := range []string{"", " ", "é", strings.Repeat("x", 65), strings.Repeat("x", 66), "a.b"} {
		got := wireID(id)
		if len(got) > maxCallID || strings.Trim(got, nameCharacters) != "" || seen[got] != "" || wireID(got) != got {
			t.Errorf("%q became %q", id, got)
		}
		seen[got] = id + "!"
	}
}

// TestDamagedSchema checks that a schema that is no JSON does not void the
// request: its tool is left out, and the others are sent.
func TestDamagedSchema(t *testing.T) {
	t.Parallel()
	for _, kind := range wireKinds {
		s := serve(t, good(t, kind))
		req := ask("Hello")
		req.Tools = tools.NewTable([]tools.Tool{
			{Ref: tools.Ref{Server: "s", Tool: "damaged"}, InputSchema: json.RawMessage(`{"type":"object","properties":{]}`)},
			{Ref: tools.Ref{Server: "s", Tool: "whole"}},
		}, tools.OpenAI)
		if _, err := drain(t.Context(), s.client(t, kind), req); err != nil {
			t.Error(err)
		}
		if body := string(s.all()[0].body); strings.Contains(body, "damaged") || !strings.Contains(body, "s__whole") {
			t.Errorf("%s: sent %s", kind, body)
		}
	}
}

func BenchmarkChatBody(b *testing.B) {
	req := ask("Hello")
	for range 20 {
		req.Messages = append(req.Messages, assistant(callPart("c1", "files__read", `{"path":"a"}`)), results(said("c1", "text")))
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := chatBody(req, quirks{}, nil); err != nil {
			b.Fatal(err)
		}
	}
}

package provider

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/store"
)

// geminiHistories are written as contents; want is their JSON. model is "m" if
// it is empty.
var geminiHistories = map[string]struct {
	model    string
	messages []store.Message
	want     string
}{
	"nothing": {"", nil, `[]`},
	"a turn with a call": {
		"", []store.Message{
			hello, assistant(store.Text{Text: "Reading."}, callPart("c1", "files__read", `{"path":"a","n":12345678901234567890}`)), results(said("c1", "text")),
			assistant(store.Text{Text: "Done."}), hello,
		},
		`[{"role":"user","parts":[{"text":"Hello"}]},
		  {"role":"model","parts":[{"text":"Reading."},{"functionCall":{"id":"c1","name":"files__read","args":{"n":12345678901234567890,"path":"a"}}}]},
		  {"role":"user","parts":[{"functionResponse":{"id":"c1","name":"files__read","response":{"output":"text"}}}]},
		  {"role":"model","parts":[{"text":"Done."}]},{"role":"user","parts":[{"text":"Hello"}]}]`,
	},
	"parallel calls": {
		"", []store.Message{hello, assistant(callPart("c1", "a", `{}`), callPart("c2", "b", ``)), results(said("c1", "1"), said("c2", "2"))},
		`[{"role":"user","parts":[{"text":"Hello"}]},
		  {"role":"model","parts":[{"functionCall":{"id":"c1","name":"a"}},{"functionCall":{"id":"c2","name":"b"}}]},
		  {"role":"user","parts":[{"functionResponse":{"id":"c1","name":"a","response":{"output":"1"}}},{"functionResponse":{"id":"c2","name":"b","response":{"output":"2"}}}]}]`,
	},
	"what follows with the same role is joined": {
		"", []store.Message{
			hello, hello, assistant(callPart("c1", "a", `{}`)), results(store.ToolResult{CallID: "c1", IsError: true, Content: store.Parts{store.Text{Text: "stopped"}}}), hello,
			assistant(), userSays(), assistant(store.Text{Text: "One."}), assistant(store.Text{Text: "Two."}),
		},
		`[{"role":"user","parts":[{"text":"Hello"},{"text":"Hello"}]},{"role":"model","parts":[{"functionCall":{"id":"c1","name":"a"}}]},
		  {"role":"user","parts":[{"functionResponse":{"id":"c1","name":"a","response":{"error":"stopped"}}},{"text":"Hello"},{"text":" "}]},
		  {"role":"model","parts":[{"text":"One."},{"text":"Two."}]}]`,
	},
	"arguments that are no object": {
		"", []store.Message{assistant(callPart("c1", "a", `"{\"path\": a"`), callPart("c2", "a", `[1]`))},
		`[{"role":"model","parts":[{"functionCall":{"id":"c1","name":"a","args":{"invalid_arguments":"{\"path\": a"}}},{"functionCall":{"id":"c2","name":"a","args":{"invalid_arguments":"[1]"}}}]}]`,
	},
	"names and ids of another provider": {
		"", []store.Message{
			assistant(store.ToolCall{ID: longID, Name: "old name", Server: "files", Tool: "read", Arguments: json.RawMessage(`{}`)}, callPart("", "9 é w."+strings.Repeat("x", 80), `{}`)),
			results(said(longID, "1"), said("", "2"), said("orphan", "3")),
		},
		`[{"role":"model","parts":[{"functionCall":{"id":"LONG","name":"files__read"}},{"functionCall":{"id":"NONE","name":"_9___w_XXX"}}]},
		  {"role":"user","parts":[{"functionResponse":{"id":"LONG","name":"files__read","response":{"output":"1"}}},{"functionResponse":{"id":"NONE","name":"_9___w_XXX","response":{"output":"2"}}},
		   {"functionResponse":{"id":"orphan","name":"unknown_tool","response":{"output":"3"}}}]}]`,
	},
	"results of every kind": {
		"", []store.Message{results(
			store.ToolResult{CallID: "empty"},
			store.ToolResult{CallID: "error", IsError: true, Content: store.Parts{store.Text{Text: "no such file"}}},
			store.ToolResult{CallID: "file", Content: store.Parts{store.File{Name: "a.pdf", MIMEType: "application/pdf", Data: []byte("PDF")}}},
			store.ToolResult{CallID: "both", Content: store.Parts{store.Text{Text: "one"}}, Structured: json.RawMessage(`{"a": 1}`)},
			store.ToolResult{CallID: "odd", Content: store.Parts{store.Image{MIMEType: "image/gif", Data: []byte("GIF")}}},
		)},
		`[{"role":"user","parts":[{"functionResponse":{"id":"empty","name":"unknown_tool","response":{"output":"The tool returned nothing."}}},
		  {"functionResponse":{"id":"error","name":"unknown_tool","response":{"error":"no such file"}}},
		  {"functionResponse":{"id":"file","name":"unknown_tool","response":{"output":"[file a.pdf application/pdf, 3 bytes that are not shown to you]"}}},
		  {"functionResponse":{"id":"both","name":"unknown_tool","response":{"output":"one\n{\"a\":1}"}}},
		  {"functionResponse":{"id":"odd","name":"unknown_tool","response":{"output":"[image image/gif, 3 bytes, shown to the person and not to you]"}}}]}]`,
	},
	"images to an older model": {
		"gemini-2.5-pro", geminiImages,
		`[{"role":"user","parts":[{"text":"Look"},{"inlineData":{"data":"UE5H","mimeType":"image/png"}},{"text":"[image image/tiff, 0 bytes, shown to the person and not to you]"},{"text":"[file a.txt]"}]},
		  {"role":"model","parts":[{"inlineData":{"data":"UE5H","mimeType":"image/png"}},{"functionCall":{"id":"c1","name":"a"}},{"functionCall":{"id":"c2","name":"a"}}]},
		  {"role":"user","parts":[{"functionResponse":{"id":"c1","name":"a","response":{"output":"here"}}},{"functionResponse":{"id":"c2","name":"a","response":{"output":"two"}}},
		   {"inlineData":{"data":"SlBH","mimeType":"image/jpeg"}}]}]`,
	},
	"images to Gemini 3": {
		"gemini-3-flash", geminiImages,
		`[{"role":"user","parts":[{"text":"Look"},{"inlineData":{"data":"UE5H","mimeType":"image/png"}},{"text":"[image image/tiff, 0 bytes, shown to the person and not to you]"},{"text":"[file a.txt]"}]},
		  {"role":"model","parts":[{"inlineData":{"data":"UE5H","mimeType":"image/png"}},{"functionCall":{"id":"c1","name":"a"},"thoughtSignature":"skip_thought_signature_validator"},{"functionCall":{"id":"c2","name":"a"}}]},
		  {"role":"user","parts":[{"functionResponse":{"id":"c1","name":"a","response":{"output":"here"},"parts":[{"inlineData":{"data":"SlBH","mimeType":"image/jpeg"}}]}},
		   {"functionResponse":{"id":"c2","name":"a","response":{"output":"two"}}}]}]`,
	},
	"signatures at their parts": {
		"", []store.Message{hello, assistant(
			store.Reasoning{Text: "Long thought"}, opaque(testModel, `{"thoughtSignature":"VA==","of":"thought","bytes":7}`),
			store.Text{Text: "One two"}, opaque(testModel, `{"thoughtSignature":"Mg==","of":"text","bytes":3}`),
			store.Text{Text: "three"}, opaque(testModel, `{"thoughtSignature":"Mw==","of":"text","bytes":5}`),
			opaque(testModel, `{"thoughtSignature":"MQ==","of":"call","call":"c1"}`), callPart("c1", "a", `{}`), callPart("c2", "a", `{}`),
			opaque(testModel, `{"thoughtSignature":"RQ==","of":"text"}`),
		), results(said("c1", "1"), said("c2", "2"))},
		`[{"role":"user","parts":[{"text":"Hello"}]},
		  {"role":"model","parts":[{"text":"thought","thought":true,"thoughtSignature":"VA=="},{"text":"One "},{"text":"two","thoughtSignature":"Mg=="},{"text":"three","thoughtSignature":"Mw=="},
		   {"functionCall":{"id":"c1","name":"a"},"thoughtSignature":"MQ=="},{"functionCall":{"id":"c2","name":"a"}},{"text":"","thoughtSignature":"RQ=="}]},
		  {"role":"user","parts":[{"functionResponse":{"id":"c1","name":"a","response":{"output":"1"}}},{"functionResponse":{"id":"c2","name":"a","response":{"output":"2"}}}]}]`,
	},
	"signatures that do not go back": {
		"", []store.Message{hello, assistant(
			store.Reasoning{Text: "Thought"}, opaque(store.ModelRef{Provider: "other", Model: "m"}, `{"thoughtSignature":"VA==","of":"thought","bytes":7}`),
			store.Text{Text: "One"}, opaque(testModel, `{"thoughtSignature":"Mg==","of":"text","bytes":99}`), opaque(testModel, `{"thoughtSignature":"Mg==","of":"text","bytes":-1}`),
			opaque(testModel, `{"thoughtSignature":"VA==","of":"thought","bytes":-7}`), opaque(testModel, `{"thoughtSignature":"VA==","of":"thought","bytes":99}`),
			opaque(testModel, `{"type":"reasoning","encrypted_content":"x"}`), opaque(testModel, `nonsense`), opaque(testModel, `{"thoughtSignature":"MQ==","of":"other"}`),
			opaque(store.ModelRef{Provider: "test", Model: "n"}, `{"thoughtSignature":"MQ==","of":"call","call":"c1"}`), callPart("c1", "a", `{}`),
		)},
		`[{"role":"user","parts":[{"text":"Hello"}]},{"role":"model","parts":[{"text":"One"},{"functionCall":{"id":"c1","name":"a"}}]}]`,
	},
	"calls of another model to Gemini 3": {
		"gemini-3.1-pro-preview", []store.Message{
			hello, assistant(callPart("c0", "a", `{}`)), results(said("c0", "0")), hello,
			assistant(callPart("c1", "a", `{}`), callPart("c2", "a", `{}`)), results(said("c1", "1"), said("c2", "2")),
			{Role: store.RoleAssistant, Parts: store.Parts{opaque(store.ModelRef{Provider: "test", Model: "gemini-3.1-pro-preview"}, `{"thoughtSignature":"Mw==","of":"call","call":"c3"}`), callPart("c3", "a", `{}`)}}, results(said("c3", "3")),
		},
		`[{"role":"user","parts":[{"text":"Hello"}]},{"role":"model","parts":[{"functionCall":{"id":"c0","name":"a"}}]},
		  {"role":"user","parts":[{"functionResponse":{"id":"c0","name":"a","response":{"output":"0"}}},{"text":"Hello"}]},
		  {"role":"model","parts":[{"functionCall":{"id":"c1","name":"a"},"thoughtSignature":"skip_thought_signature_validator"},{"functionCall":{"id":"c2","name":"a"}}]},
		  {"role":"user","parts":[{"functionResponse":{"id":"c1","name":"a","response":{"output":"1"}}},{"functionResponse":{"id":"c2","name":"a","response":{"output":"2"}}}]},
		  {"role":"model","parts":[{"functionCall":{"id":"c3","name":"a"},"thoughtSignature":"Mw=="}]},
		  {"role":"user","parts":[{"functionResponse":{"id":"c3","name":"a","response":{"output":"3"}}}]}]`,
	},
	"a call that another provider ran": {
		"", []store.Message{hello, assistant(store.ManagedCall{ID: "m1", Server: "docs", Tool: "search", State: store.ManagedDone, Content: store.Parts{store.Text{Text: "found"}}}, store.Text{Text: "It is there."})},
		`[{"role":"user","parts":[{"text":"Hello"}]},
		  {"role":"model","parts":[{"text":"[The tool search of the server docs, was run and returned:\nfound]"},{"text":"It is there."}]}]`,
	},
}

var geminiImages = []store.Message{
	userSays(store.Text{Text: "Look"}, store.Image{MIMEType: "image/png", Data: []byte("PNG")}, store.Image{MIMEType: "image/tiff"}, store.File{Name: "a.txt"}),
	assistant(store.Image{MIMEType: "image/png", Data: []byte("PNG")}, callPart("c1", "a", `{}`), callPart("c2", "a", `{}`)),
	results(store.ToolResult{CallID: "c1", Content: store.Parts{store.Text{Text: "here"}, store.Image{MIMEType: "image/jpeg", Data: []byte("JPG")}}}, said("c2", "two")),
}

func TestGeminiContents(t *testing.T) {
	t.Parallel()
	for name, h := range geminiHistories {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req := model.Request{Model: testModel, Messages: h.messages, Tools: someTools}
			if h.model != "" {
				req.Model.Model = h.model
			}
			raw, err := json.Marshal(geminiContents(req))
			if err != nil {
				t.Fatal(err)
			}
			want := strings.NewReplacer("LONG", wireID(longID), "NONE", wireID(""), "_9___w_XXX", "_"+("9___w_" + strings.Repeat("x", 80))[:63]).Replace(h.want)
			if g, w := exactly(t, string(raw)), exactly(t, want); g != w {
				t.Errorf("got\n%s\nwant\n%s", g, w)
			}
			checkGeminiTurns(t, geminiContents(req))
		})
	}
}

// exactly makes two JSON texts comparable, with numbers as they are written.
func exactly(t *testing.T, text string) string {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return pretty(t, v)
}

// checkGeminiTurns holds contents to the rules of the API: the roles take
// turns, and no part is empty.
func checkGeminiTurns(t *testing.T, contents []*geminiContent) {
	t.Helper()
	for i, c := range contents {
		if i > 0 && contents[i-1].Role == c.Role {
			t.Errorf("two contents in a row are from the %s", c.Role)
		}
		for _, p := range c.Parts {
			n := 0
			for _, is := range []bool{p.Text != nil, p.FunctionCall != nil, p.FunctionResponse != nil, p.InlineData != nil} {
				if is {
					n++
				}
			}
			if n != 1 {
				t.Errorf("a part has %d kinds: %+v", n, p)
			}
		}
	}
}

// TestGeminiRoundTrip streams an answer, keeps it, and sends it back: each
// signature is again with the part that it came with.
func TestGeminiRoundTrip(t *testing.T) {
	t.Parallel()
	answer := `{"text":"Hm. ","thought":true},{"text":"Ok.","thought":true,"thoughtSignature":"AA=="}|{"text":"One "}|{"text":"two","thoughtSignature":"QQ=="}|{"text":" three"}|` +
		`{"functionCall":{"name":"files__read","args":{"path":"a"}},"thoughtSignature":"Qg=="},{"functionCall":{"name":"files__read","args":{"path":"b"}}}|{"text":"","thoughtSignature":"Qw=="}`
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery != "alt=sse" {
			t.Errorf("the query is %q", r.URL.RawQuery)
		}
		w.Header().Set("Content-Type", "text/event-stream")
		for _, parts := range strings.Split(answer, "|") {
			fmt.Fprintf(w, "data: {\"candidates\":[{\"content\":{\"parts\":[%s]}}]}\n\n", parts)
		}
		_, _ = io.WriteString(w, "data: {\"candidates\":[{\"finishReason\":\"STOP\"}]}\n\n") // the other side may have gone
	})
	c := s.client(t, store.ProviderGemini)
	deltas, err := drain(t.Context(), c, ask("Hello"))
	if err != nil {
		t.Fatal(err)
	}
	parts, reason := assemble(deltas)
	if reason != model.StopCalls {
		t.Errorf("it stopped with %s", reason)
	}
	raw, err := json.Marshal(parts) // as the database keeps it
	if err != nil {
		t.Fatal(err)
	}
	var kept store.Parts
	if err := json.Unmarshal(raw, &kept); err != nil {
		t.Fatal(err)
	}
	next := ask("Hello")
	msg := store.Message{Role: store.RoleAssistant, Parts: kept, Model: testModel}
	answers := store.Message{Role: store.RoleTool}
	for _, call := range msg.Calls() {
		answers.Parts = append(answers.Parts, said(call.ID, "ok"))
	}
	next.Messages = append(next.Messages, msg, answers)
	body, err := json.Marshal(geminiContents(next))
	if err != nil {
		t.Fatal(err)
	}
	got := string(body)
	for _, want := range []string{
		`{"thought":true,"text":"Ok.","thoughtSignature":"AA=="}`, `{"text":"One "},{"text":"two","thoughtSignature":"QQ=="},{"text":" three"}`,
		`"args":{"path":"a"},"name":"files__read"},"thoughtSignature":"Qg=="}`, `"args":{"path":"b"},"name":"files__read"}}`, `{"text":"","thoughtSignature":"Qw=="}`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is missing in\n%s", want, got)
		}
	}
}

func TestGeminiModelNames(t *testing.T) {
	t.Parallel()
	for name, newer := range map[string]bool{
		"gemini-2.5-pro": false, "gemini-3-pro-preview": true, "gemini-3.1-flash": true, "models/gemini-10": true, "google/gemini-2.0": false,
		"gemini-flash-latest": true, "gemini-2.5-flash-latest": false, "gemma-3-27b": false, "": false, "my-gemini-3": false,
	} {
		if got := isGemini3(name); got != newer {
			t.Errorf("%q counts as Gemini 3: %v", name, got)
		}
	}
	for name, want := range map[string]string{
		"m": "models/m", "models/m": "models/m", "tunedModels/x": "tunedModels/x", "a b?c#d": "models/a%20b%3Fc%23d", "../files": "_/files", "models/..": "models/_",
	} {
		if got := geminiModelPath(name); got != want {
			t.Errorf("%q is at %s, want %s", name, got, want)
		}
	}
}

func TestGeminiModels(t *testing.T) {
	t.Parallel()
	can := `"supportedGenerationMethods":["generateContent","countTokens"]`
	for name, test := range map[string]struct {
		pages map[string]string // token → page
		want  string            // id=name context/output, in order; "error" for none
		asked int
	}{
		"pages": {map[string]string{
			"": `{"models":[{"name":"models/b","displayName":"B","inputTokenLimit":1048576,"outputTokenLimit":65536,` + can + `},
				{"name":"models/embed","inputTokenLimit":2048,"supportedGenerationMethods":["embedContent"]}],"nextPageToken":"t/2"}`,
			"t/2": `{"models":[{"name":"models/a","displayName":"a",` + can + `},{"name":"models/b",` + can + `},{"name":"tunedModels/x",` + can + `}]}`,
		}, "a= 0/0; b=B 1048576/65536; tunedModels/x= 0/0", 2},
		"the same page again": {map[string]string{"": `{"models":[],"nextPageToken":"x"}`, "x": `{"models":[{"name":"models/a",` + can + `}],"nextPageToken":"x"}`}, "a= 0/0", 2},
		"empty":               {map[string]string{"": `{}`}, "", 1},
		"odd": {map[string]string{"": `{"models":[{"name":7,` + can + `},3,null,{},{"name":"models/",` + can + `},{"name":"models/a\u0000",` + can + `},
			{"name":"models/ok","inputTokenLimit":-5,"displayName":"\u001b[31mred",` + can + `}]}`}, "ok=[31mred 0/0", 1},
		"html":               {map[string]string{"": `<html>`}, "error", 1},
		"other json":         {map[string]string{"": `{"data":[{"id":"m"}]}`}, "error", 1},
		"broken second page": {map[string]string{"": `{"models":[],"nextPageToken":"x"}`, "x": ``}, "error", 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if _, err := io.WriteString(w, test.pages[r.URL.Query().Get("pageToken")]); err != nil {
					t.Error(err)
				}
			})
			list, err := s.client(t, store.ProviderGemini).Models(t.Context())
			var got []string
			for _, m := range list {
				got = append(got, fmt.Sprintf("%s=%s %d/%d", m.ID, m.Name, m.Limits.Context, m.Limits.MaxOutput))
			}
			text := strings.Join(got, "; ")
			if err != nil {
				text = "error"
				checkSentence(t, err)
			}
			if text != test.want || len(s.all()) != test.asked {
				t.Errorf("got %q after %d requests, want %q (%v)", text, len(s.all()), test.want, err)
			}
			if r := s.all()[0]; r.method != http.MethodGet || r.path != "/v1/models" || r.header.Get("X-Goog-Api-Key") != canary {
				t.Errorf("the request: %+v", r)
			}
		})
	}
}

// TestGeminiModelPages meets a list without end.
func TestGeminiModelPages(t *testing.T) {
	t.Parallel()
	n := 0
	s := serve(t, nil)
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n++
		fmt.Fprintf(w, `{"models":[{"name":"models/m%d","supportedGenerationMethods":["generateContent"]}],"nextPageToken":"%d"}`, n, n)
	})
	list, err := s.client(t, store.ProviderGemini).Models(t.Context())
	if err != nil || len(list) != maxModelPages || n != maxModelPages {
		t.Errorf("%d models of %d pages, %v", len(list), n, err)
	}
}

func TestGeminiMaxOutput(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: `{"contents":[]}`, 100: `{"contents":[],"generationConfig":{"maxOutputTokens":100}}`, 1 << 40: `{"contents":[],"generationConfig":{"maxOutputTokens":2147483647}}`} {
		got, err := geminiBody(model.Request{Model: testModel, MaxOutput: n}, nil)
		if err != nil || string(got) != want {
			t.Errorf("%d: %s, %v", n, got, err)
		}
	}
}

package provider

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

func TestQuirksOf(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		base, preset, model string
		want                quirks
	}{
		"OpenAI":                     {"https://api.openai.com/v1", "", "gpt", quirks{openai: true}},
		"behind a proxy":             {"https://proxy.example/v1", PresetOpenAI, "gpt", quirks{openai: true}},
		"Azure":                      {"https://me.openai.azure.com/openai/v1", "", "gpt", quirks{openai: true}},
		"Mistral":                    {"https://api.mistral.ai/v1", "", "open-x", quirks{mistral: true, unasked: true}},
		"the host counts":            {"https://api.mistral.ai/v1", PresetOpenAI, "open-x", quirks{mistral: true, unasked: true}},
		"Mistral's model elsewhere":  {"http://127.0.0.1:11434/v1", PresetOllama, "devstral:24b", quirks{mistral: true}},
		"DeepSeek":                   {"https://api.deepseek.com/v1", "", "deepseek-chat", quirks{reasoning: true}},
		"DeepSeek's model elsewhere": {"https://openrouter.ai/api/v1", "", "deepseek/deepseek-chat", quirks{}},
		"Google's compatible API":    {"https://generativelanguage.googleapis.com/v1beta/openai", "", "gemini-3-pro", quirks{google: true}},
		"an older model there":       {"https://generativelanguage.googleapis.com/v1beta/openai", "", "gemini-2.5-pro", quirks{}},
		"a similar host":             {"https://api.openai.com.evil.example/v1", "", "gpt", quirks{}},
		"any other":                  {"https://example.com/v1", "", "m", quirks{}},
	} {
		base, err := url.Parse(test.base)
		if err != nil {
			t.Fatal(err)
		}
		if got := quirksOf(store.ProviderConfig{Preset: test.preset}, base, test.model); got != test.want {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
}

// wire writes a history and returns its JSON.
func wire(t *testing.T, req model.Request, q quirks, fields ...field) string {
	t.Helper()
	raw, err := json.Marshal(chatMessages(req, q, fields))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// TestMistral holds requests to the rules of Mistral: ids of nine letters or
// digits that match, and the roles that may follow each other.
func TestMistral(t *testing.T) {
	t.Parallel()
	req := model.Request{Model: testModel, System: "Be brief.", Messages: []store.Message{
		hello,
		assistant(callPart("call_0fypS1hVX", "a", `{}`), callPart("Ab3dE6gH9", "a", `{}`), callPart(longID, "a", `{}`), callPart("", "a", `{}`)),
		results(said("call_0fypS1hVX", "1"), said("Ab3dE6gH9", "2"), said(longID, "3"), store.ToolResult{CallID: "", Content: store.Parts{store.Image{MIMEType: "image/png", Data: []byte("PNG")}}}),
		hello, // the answer was cut off before it began
		assistant(), hello,
	}}
	check := func(raw string) (order []string) {
		var msgs []struct {
			Role      string
			Content   any
			ToolCalls []struct{ ID string } `json:"tool_calls"`
			CallID    string                `json:"tool_call_id"`
		}
		if err := json.Unmarshal([]byte(raw), &msgs); err != nil {
			t.Fatal(err)
		}
		open := map[string]bool{}
		seen := map[string]bool{}
		nine := regexp.MustCompile(`^[a-zA-Z0-9]{9}$`)
		for i, m := range msgs {
			order = append(order, m.Role)
			for _, c := range m.ToolCalls {
				if !nine.MatchString(c.ID) || seen[c.ID] {
					t.Errorf("the id %q is not fit, or not new", c.ID)
				}
				open[c.ID], seen[c.ID] = true, true
			}
			if m.Role == "tool" {
				if !open[m.CallID] {
					t.Errorf("the result of %q has no call", m.CallID)
				}
				delete(open, m.CallID)
			}
			if m.Role == "user" && i > 0 && msgs[i-1].Role != "assistant" && msgs[i-1].Role != "system" {
				t.Errorf("the person speaks after %s", msgs[i-1].Role)
			}
		}
		if len(open) != 0 {
			t.Errorf("calls without results: %v", open)
		}
		return order
	}
	raw := wire(t, req, quirks{mistral: true}, fieldImages)
	if got := strings.Join(check(raw), " "); got != "system user assistant tool tool tool tool assistant user" {
		t.Errorf("the order is %s\n%s", got, raw)
	}
	if !strings.Contains(raw, `"id":"Ab3dE6gH9"`) || raw != wire(t, req, quirks{mistral: true}, fieldImages) {
		t.Errorf("ids that fit, or that were given before, were changed: %s", raw)
	}
	if plain := wire(t, req, quirks{}, fieldImages); !strings.Contains(plain, `"id":"call_0fypS1hVX"`) || strings.Contains(plain, interruption) {
		t.Errorf("other services get the same: %s", plain)
	}
	// An id that another call would be given is not given twice.
	var ids shortIDs
	first := ids.id("call_0fypS1hVX")
	var again shortIDs
	if again.id(first) != first || again.id("call_0fypS1hVX") == first || again.id(first) != first {
		t.Error("two calls got one id")
	}
}

// TestReasoningBack looks at which answers of a history carry reasoning_content
// to whom.
func TestReasoningBack(t *testing.T) {
	t.Parallel()
	req := model.Request{Model: testModel, Messages: []store.Message{
		hello,
		assistant(opaque(testModel, `{"reasoning_content":"Old."}`), callPart("c0", "a", `{}`)), results(said("c0", "0")),
		assistant(store.Text{Text: "Done."}, opaque(testModel, `{"reasoning_content":"End."}`)),
		hello,
		assistant(opaque(store.ModelRef{Provider: "other", Model: "m"}, `{"reasoning_content":"Foreign."}`), callPart("c1", "a", `{}`)), results(said("c1", "1")),
		assistant(opaque(testModel, `{"reasoning_content":"Now."}`), callPart("c2", "a", `{}`)), results(said("c2", "2")),
	}}
	for name, test := range map[string]struct {
		q      quirks
		fields []field
		want   []string
	}{
		"any service":      {quirks{}, []field{fieldReasoningBack}, []string{"Now."}},
		"one that refuses": {quirks{}, nil, nil},
		"DeepSeek":         {quirks{reasoning: true}, []field{fieldReasoningBack}, []string{"Old.", "End.", "", "Now."}},
	} {
		var got []string
		for _, m := range regexp.MustCompile(`"reasoning_content":"([^"]*)"`).FindAllStringSubmatch(wire(t, req, test.q, test.fields...), -1) {
			got = append(got, m[1])
		}
		if strings.Join(got, "|") != strings.Join(test.want, "|") || len(got) != len(test.want) {
			t.Errorf("%s gets %q, want %q", name, got, test.want)
		}
	}
}

// TestDetailsBack plays answers with state of other services' making and looks
// at the next request.
func TestDetailsBack(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"reasoning-details": `"reasoning_details":[{"format":"anthropic-claude-v1","index":0,"signature":"c2ln","text":"Thinking.","type":"reasoning.text"},{"data":"b3BhcXVl"`,
		"extra-content":     `"extra_content":{"google":{"thought_signature":"b3BhcXVl"}}`,
	} {
		tr := readTranscript(t, "testdata/chat/"+name+".txtar")
		s := serve(t, tr.handler)
		c := s.client(t, store.ProviderChat)
		deltas, err := drain(t.Context(), c, ask("Hello"))
		if err != nil {
			t.Fatal(err)
		}
		parts, _ := assemble(deltas)
		next := ask("Hello")
		msg := store.Message{Role: store.RoleAssistant, Parts: parts}
		next.Messages = append(next.Messages, msg)
		if calls := msg.Calls(); len(calls) > 0 {
			next.Messages = append(next.Messages, results(said(calls[0].ID, "ok"), said(calls[1].ID, "ok")))
		}
		for _, to := range []store.ModelRef{testModel, {Provider: "test", Model: "n"}} {
			next.Model = to
			if _, err := drain(t.Context(), c, next); err != nil {
				t.Fatal(err)
			}
			all := s.all()
			if body := all[len(all)-1].body; strings.Contains(body, want) != (to == testModel) || strings.Count(body, "b3BhcXVl") > 1 {
				t.Errorf("%s, to %v:\n%s", name, to, body)
			}
		}
	}
	google := wire(t, model.Request{Model: testModel, Messages: []store.Message{hello, assistant(callPart("c1", "a", `{}`), callPart("c2", "a", `{}`))}}, quirks{google: true})
	if strings.Count(google, `"extra_content":{"google":{"thought_signature":"skip_thought_signature_validator"}}`) != 1 {
		t.Errorf("a call of another model needs the stand-in of a signature, once: %s", google)
	}
}

// refusingPieces answers well, unless the body holds one of the pieces, or lacks it
// where it begins with "!".
func refusingPieces(t *testing.T, refuses map[string]string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		for piece, answer := range refuses {
			lacks, not := strings.CutPrefix(piece, "!")
			if strings.Contains(string(body), lacks) != not {
				w.WriteHeader(http.StatusBadRequest)
				if _, err := io.WriteString(w, answer); err != nil {
					t.Error(err)
				}
				return
			}
		}
		good(t, store.ProviderChat)(w, r)
	}
}

// TestServicesThatLearn meets services that refuse images or reasoning, or
// demand it: the request is made again as they want it, and so are the next.
func TestServicesThatLearn(t *testing.T) {
	t.Parallel()
	req := ask("Look")
	req.Messages = []store.Message{
		userSays(store.Text{Text: "Look"}, store.Image{MIMEType: "image/png", Data: []byte("PNG")}),
		assistant(opaque(testModel, `{"reasoning_content":"Now."}`), callPart("c1", "a", `{}`)), results(said("c1", "1")),
		assistant(callPart("c2", "a", `{}`)), results(said("c2", "2")),
	}
	for name, test := range map[string]struct {
		refuses map[string]string
		want    []int
	}{
		"DeepSeek and images":     {map[string]string{`"image_url"`: `{"error":{"message":"Failed to deserialize the JSON body into the target type: messages[0]: unknown variant image_url, expected text"}}`}, []int{2, 1}},
		"Groq and images":         {map[string]string{`"image_url"`: `{"error":{"message":"'messages.0' : for 'role:user' the following must be satisfied[('messages.0.content' : value must be a string)] content must be a string"}}`}, []int{2, 1}},
		"llama.cpp and images":    {map[string]string{`"image_url"`: `{"error":{"message":"image input is not supported - hint: if this is unexpected, you may need to provide the mmproj"}}`}, []int{2, 1}},
		"reasoning not wanted":    {map[string]string{`"reasoning_content"`: `{"detail":[{"type":"extra_forbidden","loc":["body","messages",1,"reasoning_content"],"msg":"Extra inputs are not permitted"}]}`}, []int{2, 1}},
		"reasoning demanded":      {map[string]string{`!"reasoning_content":""`: `{"error":{"message":"Missing reasoning_content field in the assistant message at message index 3."}}`}, []int{2, 1}},
		"demanded in other words": {map[string]string{`!"reasoning_content":""`: `{"error":{"message":"The reasoning_content in the thinking mode must be passed back to the API."}}`}, []int{2, 1}},
		"never content":           {map[string]string{`"messages"`: `{"error":{"message":"Missing reasoning_content field"}}`}, []int{2, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked := 0
			h := refusingPieces(t, test.refuses)
			s := serve(t, nil)
			s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { asked++; h(w, r) })
			c := s.client(t, store.ProviderChat)
			for i, want := range test.want {
				before := asked
				_, err := drain(t.Context(), c, req)
				if (err != nil) != (name == "never content") || asked-before != want {
					t.Errorf("call %d: %d requests, want %d (%v)", i+1, asked-before, want, err)
				}
			}
		})
	}
}

// TestAzure asks at both forms of Azure's address.
func TestAzure(t *testing.T) {
	t.Parallel()
	for base, want := range map[string]string{
		"/openai/v1": "/openai/v1/chat/completions?",
		"/openai/deployments/my-gpt?api-version=2024-10-21":  "/openai/deployments/my-gpt/chat/completions?api-version=2024-10-21",
		"/openai/deployments/my-gpt/?api-version=2024-10-21": "/openai/deployments/my-gpt/chat/completions?api-version=2024-10-21",
	} {
		var got string
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			got = r.URL.Path + "?" + r.URL.RawQuery
			good(t, store.ProviderChat)(w, r)
		})
		c := newClient(t, store.ProviderChat, s.URL+base, func(c *store.ProviderConfig, _ *Options) { c.Preset = PresetAzure })
		if _, err := drain(t.Context(), c, ask("Hello")); err != nil {
			t.Fatal(err)
		}
		if h := s.all()[0].header; got != want || h.Get("Api-Key") != canary || h.Get("Authorization") != "" {
			t.Errorf("%s: asked %s, want %s; the headers are %v", base, got, want, h)
		}
		list, err := c.Models(t.Context())
		name, old := "m", strings.Contains(base, "deployments")
		if old {
			name = "my-gpt"
		}
		if err != nil || len(list) != 1 || list[0].ID != name {
			t.Errorf("%s: %v, %v", base, list, err)
		}
		if n := len(s.all()); old && n != 1 {
			t.Errorf("%d requests for a model that the address names", n)
		}
	}
	if keyStyleOf(store.ProviderConfig{BaseURL: "https://me.openai.azure.com/openai/v1"}) != keyAzure || keyStyleOf(store.ProviderConfig{BaseURL: "https://openai.azure.com.example/v1"}) != keyBearer {
		t.Error("the host does not decide on the header of the key")
	}
}

func TestMaxTokens(t *testing.T) {
	t.Parallel()
	for q, want := range map[quirks]string{{}: `"max_tokens":100`, {openai: true}: `"max_completion_tokens":100`} {
		req := ask("Hello")
		req.MaxOutput = 100
		raw, err := chatBody(req, q, nil)
		if err != nil || strings.Count(string(raw), "max_") != 1 || !strings.Contains(string(raw), want) {
			t.Errorf("%v\n%s", err, raw)
		}
	}
}

// TestChatDialect checks that only OpenAI itself is asked for strict schemas.
func TestChatDialect(t *testing.T) {
	t.Parallel()
	for base, want := range map[string]tools.Dialect{"https://api.openai.com/v1": tools.Chat, "https://me.openai.azure.com/openai/v1": tools.Chat, "https://api.groq.com/openai/v1": tools.OpenAI} {
		if got := newClient(t, store.ProviderChat, base).Dialect(); got != want {
			t.Errorf("%s: %+v", base, got)
		}
	}
}

// TestUserMessagesAreJoined checks the roles take turns even where an answer
// left nothing, with images among what is said.
func TestUserMessagesAreJoined(t *testing.T) {
	t.Parallel()
	img := store.Image{MIMEType: "image/png", Data: []byte("PNG")}
	msgs := chatMessages(model.Request{Model: testModel, Messages: []store.Message{
		hello, assistant(), hello, userSays(store.Text{Text: "Look"}, img), userSays(store.Text{Text: "End"}),
	}}, quirks{}, []field{fieldImages})
	if len(msgs) != 1 || msgs[0].Role != "user" {
		t.Fatalf("%+v", msgs)
	}
	var got []string
	for _, p := range msgs[0].Content.([]chatPart) {
		got = append(got, p.Type+" "+p.Text)
	}
	if strings.Join(got, "|") != "text Hello\nHello|text Look|image_url |text End" {
		t.Errorf("got %q", got)
	}
}

// TestPresets makes an entry of each preset.
func TestPresets(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, p := range Presets() {
		cfg := p.Config()
		if seen[cfg.ID] || p.Name == "" {
			t.Errorf("%+v: its id or its name is not fit", p)
		}
		seen[cfg.ID] = true
		if _, err := New(cfg, Options{}); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
		base, err := url.Parse(p.BaseURL)
		if err != nil || p.NoKey != (base.Scheme == "http" && p.ID != PresetLiteLLM) {
			t.Errorf("%s: %s, %v", p.Name, p.BaseURL, err)
		}
		if p.KeyURL != "" && !strings.HasPrefix(p.KeyURL, "https://") {
			t.Errorf("%s: its key is at %s", p.Name, p.KeyURL)
		}
		if host := serviceOf(store.ProviderConfig{}, base); host != "" && host != "google" && host != p.ID && p.ID != PresetOpenAIChat {
			t.Errorf("%s is taken for %s", p.Name, host)
		}
	}
	for _, s := range LocalServices() {
		if !seen[s.ID] {
			t.Errorf("%s is looked for and has no preset", s.Name)
		}
	}
	list := Presets()
	list[0].Name = "changed"
	if Presets()[0].Name == "changed" {
		t.Error("the table can be changed")
	}
}

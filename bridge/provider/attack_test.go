package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// theirKey is the key in the tests in which a service repeats it.
const theirKey = `sk-"0123456789<abcdefghij>/+ZYXWVU`

// attackEvents writes an answer in a format: what is said, thought, and written
// as the arguments of a call, each in these pieces, and the end unless it is cut.
func attackEvents(kind store.ProviderKind, said, thought, args []string, cut bool) string {
	var b strings.Builder
	event := func(v any) {
		data, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		fmt.Fprintf(&b, "data: %s\n\n", data)
	}
	type m = map[string]any
	switch kind {
	case store.ProviderChat:
		delta := func(d m) { event(m{"choices": []m{{"index": 0, "delta": d}}}) }
		for _, p := range thought {
			delta(m{"reasoning_content": p})
		}
		for _, p := range said {
			delta(m{"content": p})
		}
		for i, p := range args {
			call := m{"index": 0, "function": m{"arguments": p}}
			if i == 0 {
				call["id"], call["function"] = "c1", m{"name": "f", "arguments": p}
			}
			delta(m{"tool_calls": []m{call}})
		}
		if !cut {
			event(m{"choices": []m{{"index": 0, "delta": m{}, "finish_reason": "stop"}}})
			b.WriteString("data: [DONE]\n\n")
		}
	case store.ProviderResponses:
		for _, p := range thought {
			event(m{"type": "response.reasoning_summary_text.delta", "output_index": 0, "delta": p})
		}
		for _, p := range said {
			event(m{"type": "response.output_text.delta", "output_index": 1, "delta": p})
		}
		if len(args) > 0 {
			event(m{"type": "response.output_item.added", "output_index": 2, "item": m{"type": "function_call", "id": "fc", "call_id": "c1", "name": "f", "arguments": ""}})
		}
		for _, p := range args {
			event(m{"type": "response.function_call_arguments.delta", "output_index": 2, "delta": p})
		}
		if !cut {
			whole := strings.Join(thought, "")
			event(m{"type": "response.output_item.done", "output_index": 0, "item": m{"type": "reasoning", "id": "rs", "encrypted_content": "e", "summary": []m{{"type": "summary_text", "text": whole}}}})
			event(m{"type": "response.completed", "response": m{"id": "r", "output": []m{}}})
		}
	case store.ProviderGemini:
		part := func(p m) { event(m{"candidates": []m{{"content": m{"parts": []m{p}}}}}) }
		for _, p := range thought {
			part(m{"text": p, "thought": true})
		}
		for i, p := range said {
			t := m{"text": p}
			if i == len(said)-1 {
				t["thoughtSignature"] = "s"
			}
			part(t)
		}
		if len(args) > 0 {
			part(m{"functionCall": m{"name": "f", "args": json.RawMessage(strings.Join(args, ""))}})
		}
		if !cut {
			event(m{"candidates": []m{{"finishReason": "STOP"}}})
		}
	case store.ProviderAnthropic:
		event(m{"type": "message_start", "message": m{}})
		for i, block := range []struct {
			pieces []string
			start  m
			delta  func(p string) m
		}{
			{thought, m{"type": "thinking", "thinking": ""}, func(p string) m { return m{"type": "thinking_delta", "thinking": p} }},
			{said, m{"type": "text", "text": ""}, func(p string) m { return m{"type": "text_delta", "text": p} }},
			{args, m{"type": "tool_use", "id": "c1", "name": "f", "input": m{}}, func(p string) m { return m{"type": "input_json_delta", "partial_json": p} }},
		} {
			if len(block.pieces) == 0 {
				continue
			}
			event(m{"type": "content_block_start", "index": i, "content_block": block.start})
			for _, p := range block.pieces {
				event(m{"type": "content_block_delta", "index": i, "delta": block.delta(p)})
			}
			if !cut {
				if i == 0 {
					event(m{"type": "content_block_delta", "index": i, "delta": m{"type": "signature_delta", "signature": "s"}})
				}
				event(m{"type": "content_block_stop", "index": i})
			}
		}
		if !cut {
			event(m{"type": "message_delta", "delta": m{"stop_reason": "end_turn"}})
			event(m{"type": "message_stop"})
		}
	}
	return b.String()
}

// inPieces cuts a text into pieces of n bytes.
func inPieces(text string, n int) []string {
	var out []string
	for len(text) > n {
		out = append(out, text[:n])
		text = text[n:]
	}
	return append(out, text)
}

// TestKeysInAnswers has services of each format write their own key into what
// they say, think and call, cut in every way.
func TestKeysInAnswers(t *testing.T) {
	t.Parallel()
	quoted, err := json.Marshal(theirKey)
	if err != nil {
		t.Fatal(err)
	}
	said, args := "Your key is "+theirKey+", sk-, and so on.", `{"key":`+string(quoted)+`}`
	for _, kind := range wireKinds {
		for size := range 40 {
			for _, cut := range []bool{false, true} {
				body := attackEvents(kind, inPieces(said, size+1), inPieces(said, size+1), inPieces(args, size+1), cut)
				c := newClient(t, kind, "http://127.0.0.1:1/v1", func(_ *store.ProviderConfig, o *Options) {
					o.HTTP = &http.Client{Transport: plays{"text/event-stream", func() io.Reader { return strings.NewReader(body) }}}
					o.Key = func(context.Context) (store.Secret, error) { return store.NewSecret(theirKey), nil }
				})
				deltas, err := drain(t.Context(), c, ask("Hello"))
				if cut != errors.Is(err, model.ErrCut) {
					t.Fatalf("%s, pieces of %d: %v", kind, size+1, err)
				}
				parts, _ := assemble(deltas)
				kept, err := json.Marshal(parts)
				if err != nil {
					t.Fatal(err)
				}
				if strings.Contains(string(kept), "0123456789") || strings.Contains(string(kept), "abcdefghij") {
					t.Errorf("%s, pieces of %d, cut %v: kept is %s", kind, size+1, cut, kept)
				}
				m := store.Message{Parts: parts}
				want := "Your key is " + tools.Redacted + ", sk-, and so on."
				if m.Text() != want {
					t.Errorf("%s, pieces of %d: %q, want %q", kind, size+1, m.Text(), want)
				}
				if calls := m.Calls(); !cut && (len(calls) != 1 || string(calls[0].Arguments) != `{"key":"`+tools.Redacted+`"}`) {
					t.Errorf("%s, pieces of %d: called %+v", kind, size+1, calls)
				}
				if cut && strings.Contains(m.Text(), "0123") {
					t.Errorf("%s: %q", kind, m.Text())
				}
			}
		}
	}
}

// TestKeysCutOff has an answer break off within the key.
func TestKeysCutOff(t *testing.T) {
	t.Parallel()
	for _, kind := range wireKinds {
		for n := 1; n < len(theirKey); n++ {
			body := attackEvents(kind, []string{"Key: ", theirKey[:n]}, nil, nil, true)
			c := newClient(t, kind, "http://127.0.0.1:1/v1", func(_ *store.ProviderConfig, o *Options) {
				o.HTTP = &http.Client{Transport: plays{"text/event-stream", func() io.Reader { return strings.NewReader(body) }}}
				o.Key = func(context.Context) (store.Secret, error) { return store.NewSecret(theirKey), nil }
			})
			deltas, err := drain(t.Context(), c, ask("Hello"))
			parts, _ := assemble(deltas)
			text := (store.Message{Parts: parts}).Text()
			if want := "Key: " + theirKey[:n]; err == nil || n >= len(theirKey)/2 && text != "Key: "+tools.Redacted || n < 8 && text != want {
				t.Errorf("%s, after %d bytes: %q, %v", kind, n, text, err)
			}
		}
	}
}

// TestKeysInTurns has a service think and speak in turn, so that no text of the
// answer has the key but all of them together.
func TestKeysInTurns(t *testing.T) {
	t.Parallel()
	for size := range 20 {
		var body strings.Builder
		for _, p := range inPieces("Key: "+theirKey+" it is, "+theirKey[:5]+" not.", size+1) {
			b, err := json.Marshal(p)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&body, "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":%s,\"thought\":true},{\"text\":%[1]s}]}}]}\n\n", b)
		}
		body.WriteString("data: {\"candidates\":[{\"finishReason\":\"STOP\"}]}\n\n")
		c := newClient(t, store.ProviderGemini, "http://127.0.0.1:1/v1", func(_ *store.ProviderConfig, o *Options) {
			o.HTTP = &http.Client{Transport: plays{"text/event-stream", func() io.Reader { return strings.NewReader(body.String()) }}}
			o.Key = func(context.Context) (store.Secret, error) { return store.NewSecret(theirKey), nil }
		})
		deltas, err := drain(t.Context(), c, ask("Hello"))
		if err != nil {
			t.Fatal(err)
		}
		var said, thought string
		for _, d := range deltas {
			switch d := d.(type) {
			case model.TextDelta:
				said += d.Text
			case model.ReasoningDelta:
				thought += d.Text
			}
		}
		for _, text := range []string{said, thought} {
			begin, rest, ok := strings.Cut(text, tools.Redacted)
			if !ok || rest != " it is, "+theirKey[:5]+" not." || len(begin) >= len("Key: ")+len(theirKey)/2 || !strings.HasPrefix("Key: "+theirKey, begin) {
				t.Errorf("pieces of %d: %q", size+1, text)
			}
		}
	}
}

// TestKeysInItems has a service write the tokens of its request where they are
// kept as they are: items, ids, names, definitions and calls of its own.
func TestKeysInItems(t *testing.T) {
	t.Parallel()
	const token = "tok-managed-canary"
	item := func(v string) string {
		return `data: {"type":"response.output_item.done","output_index":0,"item":` + v + "}\n\n" +
			`data: {"type":"response.completed","response":{"id":"r","output":[]}}` + "\n\n"
	}
	for name, test := range map[string]struct{ item, want string }{
		"a call's id and name": {`{"type":"function_call","call_id":"` + token + `","name":"` + token + `","arguments":"{}"}`, "call"},
		"a signed item":        {`{"type":"reasoning","id":"rs","encrypted_content":"` + token + `","summary":[]}`, ""},
		"a listing":            {`{"type":"mcp_list_tools","id":"l","server_label":"docs","tools":[{"name":"search","description":"for ` + token + `","input_schema":{"type":"object","title":"` + token + `"}}]}`, "listing"},
		"a call of its own":    {`{"type":"mcp_call","id":"m","server_label":"docs","name":"search","arguments":"{\"q\":\"` + token + `\"}","output":"` + token + `","status":"completed"}`, "managed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := playing(t, store.ProviderResponses, plays{"text/event-stream", func() io.Reader { return strings.NewReader(item(test.item)) }})
			deltas, err := drain(t.Context(), c, askManaged(userSays(store.Text{Text: "Hello"})))
			if err != nil {
				t.Fatal(err)
			}
			text := renderManaged(deltas, nil)
			for _, d := range deltas {
				if l, ok := d.(model.ListingDelta); ok {
					text += l.Tools[0].Description
				}
			}
			if strings.Contains(text, token) || !strings.Contains(text, test.want) {
				t.Errorf("passed on is %s", text)
			}
			if name == "a signed item" && strings.Contains(text, "opaque") {
				t.Errorf("an item that is not what was signed goes back: %s", text)
			}
		})
	}
}

// TestKeysInErrors has a service put its key into errors so that it shows only
// once they are tidied up or shortened, and the secret that is a part of a
// header without the rest.
func TestKeysInErrors(t *testing.T) {
	t.Parallel()
	const secret = "s3cr3t-of-a-team-0123456789"
	for name, said := range map[string]string{
		"plain":         "no " + secret,
		"zero width":    "no " + secret[:9] + "\u200b" + secret[9:],
		"controls":      "no " + secret[:9] + "\x00\x1b" + secret[9:],
		"a soft hyphen": "no " + secret[:9] + "\u00ad" + secret[9:],
		"at the cut":    "no " + strings.Repeat("x", maxErrorText-15) + " " + secret,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body, err := json.Marshal(map[string]any{"error": map[string]string{"message": said, "code": said, "param": said}})
			if err != nil {
				t.Fatal(err)
			}
			for _, kind := range wireKinds {
				s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
					w.WriteHeader(http.StatusBadRequest)
					_, _ = w.Write(body) // the client may have gone
				})
				_, err := drain(t.Context(), s.client(t, kind, func(c *store.ProviderConfig, o *Options) {
					c.Headers = map[string]store.Value{"X-Team": "team=${secret:team};v=1"}
					o.Secret = secretsOf(map[store.SecretRef]string{"team": secret})
				}), ask("Hello"))
				if err == nil || strings.Contains(err.Error(), secret[:12]) {
					t.Errorf("%s: %v", kind, err)
				}
			}
		})
	}
}

// TestKeysInLists has a service put its key into the list of its models, and
// into what the next page is asked by.
func TestKeysInLists(t *testing.T) {
	t.Parallel()
	for _, kind := range wireKinds {
		var log, asked strings.Builder
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			asked.WriteString(r.URL.String() + " ")
			fmt.Fprintf(w, `{"data":[{"id":%q},{"id":"ok","display_name":%[1]q}],"has_more":true,"last_id":%[1]q,`+
				`"models":[{"name":%[1]q,"supportedGenerationMethods":["generateContent"]}],"nextPageToken":%[1]q}`, canary)
		})
		list, err := s.client(t, kind, func(_ *store.ProviderConfig, o *Options) { o.Logger = debugTo(&log) }).Models(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		if said := fmt.Sprintf("%+v %s", list, log.String()); strings.Contains(said, canary) || log.Len() == 0 {
			t.Errorf("%s: %s", kind, said)
		}
		if strings.Contains(asked.String(), canary) || asked.Len() == 0 {
			t.Errorf("%s: the address of a request has the key: %s", kind, asked.String())
		}
	}
}

// TestHostileModelLists meets lists that are long, and names that mislead.
func TestHostileModelLists(t *testing.T) {
	var before runtime.MemStats
	for _, kind := range wireKinds {
		var b strings.Builder
		if kind == store.ProviderGemini {
			b.WriteString(`{"nextPageToken":"x","models":[{"name":"models/ok","supportedGenerationMethods":["generateContent"]}`)
		} else {
			b.WriteString(`{"data":[{"id":"ok"}`)
		}
		for _, odd := range []string{"a\u202eb", "a\u200bb", "a\u009bb", "a\U000e0041b", "a\u00adb", " a", "a\tb", "a  b", strings.Repeat("l", 300), ""} {
			name, err := json.Marshal(odd)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&b, `,{"id":%s,"name":%[1]s,"supportedGenerationMethods":["generateContent"]}`, name)
		}
		for i := range 1_000_000 {
			if kind == store.ProviderGemini && i == 200_000 {
				break // as many as the bytes allow
			}
			if kind == store.ProviderGemini {
				fmt.Fprintf(&b, `,{"name":"m%d","supportedGenerationMethods":["generateContent"]}`, i)
			} else {
				fmt.Fprintf(&b, `,{"id":%d}`, i)
			}
		}
		b.WriteString("]}")
		body := b.String()
		pages := 0
		c := playing(t, kind, plays{"application/json", func() io.Reader { pages++; return strings.NewReader(body) }})
		runtime.GC()
		runtime.ReadMemStats(&before)
		peak := watchHeap(t)
		start := time.Now()
		list, err := c.Models(t.Context())
		t.Logf("%s: %d models of %d bytes in %v, %d pages, %d MB at most", kind, len(list), len(body), time.Since(start), pages, (peak()-before.HeapAlloc)>>20)
		if err != nil || len(list) != maxModels {
			t.Errorf("%s: %d models, %v", kind, len(list), err)
		}
		if grown := peak() - before.HeapAlloc; grown > 200<<20 {
			t.Errorf("%s: %d MB", kind, grown>>20)
		}
		for _, m := range list {
			if strings.HasPrefix(m.ID, "a") || strings.HasPrefix(m.ID, "l") || m.ID == "" || strings.TrimSpace(m.ID) != m.ID {
				t.Errorf("%s lists %q", kind, m.ID)
			}
		}
	}
}

// watchHeap returns a function that says how large the heap has been at most.
func watchHeap(t *testing.T) func() uint64 {
	t.Helper()
	stop, done := make(chan struct{}), make(chan uint64)
	go func() {
		var most uint64
		var m runtime.MemStats
		for {
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
			select {
			case <-stop:
				done <- most
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	var most uint64
	ended := false
	end := func() uint64 {
		if !ended {
			ended = true
			close(stop)
			most = <-done
		}
		return most
	}
	t.Cleanup(func() { end() })
	return end
}

// TestHostileUsage has services say that they took less than nothing, and more
// than there is.
func TestHostileUsage(t *testing.T) {
	t.Parallel()
	for _, n := range []string{"-1", "-9223372036854775808", "9223372036854775807", "9223372036854775808", "1e300", "100000001", `"many"`, "null", "[1]"} {
		for kind, body := range map[store.ProviderKind]string{
			store.ProviderChat:      `{"choices":[{"delta":{"content":"ok"},"finish_reason":"stop"}],"usage":{"prompt_tokens":N,"completion_tokens":N,"prompt_tokens_details":{"cached_tokens":N},"completion_tokens_details":{"reasoning_tokens":N}}}`,
			store.ProviderResponses: `{"type":"response.completed","response":{"output":[],"usage":{"input_tokens":N,"output_tokens":N,"input_tokens_details":{"cached_tokens":N},"output_tokens_details":{"reasoning_tokens":N}}}}`,
			store.ProviderGemini:    `{"candidates":[{"content":{"parts":[{"text":"ok"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":N,"toolUsePromptTokenCount":N,"cachedContentTokenCount":N,"candidatesTokenCount":N,"thoughtsTokenCount":N}}`,
			store.ProviderAnthropic: `{"type":"message_start","message":{"usage":{"input_tokens":N,"cache_read_input_tokens":N,"cache_creation_input_tokens":N,"output_tokens":N}}}` + "\n\n" + `data: {"type":"message_stop"}`,
		} {
			text := "data: " + strings.ReplaceAll(body, "N", n) + "\n\n"
			c := playing(t, kind, plays{"text/event-stream", func() io.Reader { return strings.NewReader(text) }})
			deltas, err := drain(t.Context(), c, ask("Hello"))
			if err != nil {
				t.Errorf("%s, %s: %v", kind, n, err)
			}
			for _, d := range deltas {
				if u, ok := d.(model.UsageDelta); ok && u.Usage != (store.Usage{}) {
					t.Errorf("%s, %s: %+v", kind, n, u.Usage)
				}
			}
		}
	}
}

// TestTLSIsNotRepeated meets services that cannot prove who they are, or speak no
// TLS that is safe. The loop does not repeat what is ErrorTrust.
func TestTLSIsNotRepeated(t *testing.T) {
	t.Parallel()
	secure := httptest.NewUnstartedServer(good(t, store.ProviderChat))
	secure.Config.ErrorLog = quietLog()
	secure.StartTLS()
	t.Cleanup(secure.Close)
	old := httptest.NewUnstartedServer(good(t, store.ProviderChat))
	old.Config.ErrorLog = quietLog()
	old.TLS = oldTLS()
	old.StartTLS()
	t.Cleanup(old.Close)
	for name, test := range map[string]struct {
		base, says string
		change     func(*store.ProviderConfig, *Options)
	}{
		"nobody vouches": {secure.URL, "not trusted", func(*store.ProviderConfig, *Options) {}},
		"another name": {secure.URL, "not trusted", func(_ *store.ProviderConfig, o *Options) {
			o.HTTP = &http.Client{Transport: trusting(secure, "other.invalid")}
		}},
		"expired":    {secure.URL, "clock of this machine", func(_ *store.ProviderConfig, o *Options) { o.HTTP = &http.Client{Transport: afterItsTime(secure)} }},
		"an old TLS": {old.URL, "secure connection", func(_ *store.ProviderConfig, o *Options) { o.HTTP = &http.Client{Transport: trusting(old, "")} }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := drain(t.Context(), newClient(t, store.ProviderChat, test.base, test.change), ask("Hello"))
			var e *model.Error
			if !errors.As(err, &e) || e.Kind != model.ErrorTrust || !strings.Contains(e.Message, test.says) {
				t.Errorf("%v", err)
			}
			checkSentence(t, err)
		})
	}
}

// TestKeychainLocksBetweenTries has the keychain lock after the first try of a
// call: the next one sends nothing and says what to do, and after the unlocking
// it works.
func TestKeychainLocksBetweenTries(t *testing.T) {
	t.Parallel()
	for _, kind := range wireKinds {
		tries, answers := 0, good(t, kind)
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if tries == 1 {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			answers(w, r)
		})
		c := s.client(t, kind, func(_ *store.ProviderConfig, o *Options) {
			o.Key = func(context.Context) (store.Secret, error) {
				if tries++; tries == 2 {
					return store.Secret{}, store.ErrLocked
				}
				return store.NewSecret(canary), nil
			}
		})
		for i, want := range []model.ErrorKind{model.ErrorServer, model.ErrorAuth, ""} {
			_, err := drain(t.Context(), c, ask("Hello"))
			var e *model.Error
			if errors.As(err, &e) != (want != "") || e != nil && e.Kind != want || i == 1 && !strings.Contains(e.Message, "Unlock it") {
				t.Errorf("%s, try %d: %v", kind, i+1, err)
			}
		}
		if n := len(s.all()); n != 2 {
			t.Errorf("%s: %d requests", kind, n)
		}
	}
}

//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/drawbridge-app/drawbridge/store"
)

// echo answers in a format with all that stands in the headers of the request,
// in small pieces: what a service does that writes its own key into a text. It
// fails first where the message asks for it.
func echo(kind store.ProviderKind, o func() *origin) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var all []string
		for name := range o().may {
			all = append(all, r.Header.Get(name))
		}
		slices.Sort(all)
		text := "You came with " + strings.Join(all, " and ") + ", did you?"
		if r.Method == http.MethodGet {
			id, err := json.Marshal(text)
			if err != nil {
				panic(err)
			}
			fmt.Fprintf(w, `{"data":[{"id":"m"},{"id":"n","name":%s,"model_name":%[1]s}],"has_more":true,"last_id":%[1]s,`+
				`"models":[{"name":"models/m","displayName":%[1]s,"supportedGenerationMethods":["generateContent"]}],"nextPageToken":%[1]s}`, id)
			return
		}
		body := new(bytes.Buffer)
		if _, err := body.ReadFrom(r.Body); err != nil {
			return // the client went away
		}
		if bytes.Contains(body.Bytes(), []byte("FAIL")) {
			w.Header().Set("Retry-After-Ms", "1")
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprintf(w, `{"error":{"message":%q}}`, text)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		event := func(v object) {
			b, err := json.Marshal(v)
			if err != nil {
				panic(err)
			}
			fmt.Fprintf(w, "data: %s\n\n", b)
		}
		var pieces []string
		for rest := text; rest != ""; {
			n := min(7, len(rest))
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		switch kind {
		case store.ProviderGemini:
			for _, p := range pieces {
				event(object{"candidates": []object{{"content": object{"parts": []object{{"text": p, "thought": true}, {"text": p}}}}}})
			}
			event(object{"candidates": []object{{"content": object{"parts": []object{{"text": "", "thoughtSignature": all[0]}}}, "finishReason": "STOP"}}})
		case store.ProviderAnthropic:
			event(object{"type": "message_start", "message": object{}})
			event(object{"type": "content_block_start", "index": 0, "content_block": object{"type": "thinking", "thinking": "", "signature": text}})
			for _, p := range pieces {
				event(object{"type": "content_block_delta", "index": 0, "delta": object{"type": "thinking_delta", "thinking": p}})
			}
			event(object{"type": "content_block_stop", "index": 0})
			event(object{"type": "content_block_start", "index": 1, "content_block": object{"type": "text", "text": ""}})
			for _, p := range pieces {
				event(object{"type": "content_block_delta", "index": 1, "delta": object{"type": "text_delta", "text": p}})
			}
			event(object{"type": "content_block_stop", "index": 1})
			event(object{"type": "message_delta", "delta": object{"stop_reason": "end_turn"}})
			event(object{"type": "message_stop"})
		default:
			reply{deltas: pieces}.send(w, r)
		}
	}
}

// formats sends the keys of all formats and gateways, to services that write
// them into their answers, their titles, their errors and their lists, and then
// goes on with the same conversations elsewhere.
func (c *canaries) formats() {
	last := c.origin("the one that takes over", "Authorization", c.mint("key of the one that takes over", nil), reply{deltas: []string{"I take over."}}.send)
	c.provide(last.config("last", store.ProviderChat), last.may["Authorization"])
	for _, f := range []struct {
		id     string
		kind   store.ProviderKind
		header string
		change func(o *origin, cfg *store.ProviderConfig)
	}{
		{"responses", store.ProviderResponses, "Authorization", nil},
		{"chat", store.ProviderChat, "Authorization", nil},
		{"gemini", store.ProviderGemini, "X-Goog-Api-Key", nil},
		{"anthropic", store.ProviderAnthropic, "X-Api-Key", nil},
		{"portkey-chat", store.ProviderChat, "X-Portkey-Api-Key", c.portkey},
		{"portkey-responses", store.ProviderResponses, "X-Portkey-Api-Key", c.portkey},
		{"portkey-anthropic", store.ProviderAnthropic, "X-Portkey-Api-Key", c.portkey},
		{"litellm", store.ProviderChat, "X-Litellm-Api-Key", func(o *origin, cfg *store.ProviderConfig) {
			cfg.Preset, cfg.NoKey = "litellm", true
			cfg.Headers = map[string]store.Value{"X-Litellm-Api-Key": store.Value("Bearer ${secret:" + string(c.named(o, "litellm", o.may["X-Litellm-Api-Key"])) + "}")}
		}},
	} {
		id := "says-" + f.id
		key := c.mint("key of "+id, nil)
		var o *origin
		o = c.origin(id, f.header, key, echo(f.kind, func() *origin { return o }))
		cfg := o.config(id, f.kind)
		cfg.Fallback = store.ModelRef{Provider: "last", Model: "m"}
		if f.change != nil {
			f.change(o, &cfg)
		}
		if cfg.NoKey {
			if err := c.b.SetProvider(c.Context(), cfg, nil); err != nil {
				c.Fatal(err)
			}
		} else {
			c.provide(cfg, key)
		}
		out := c.p.must("", "ask", "--provider", id, "--json", "hello")
		if !strings.Contains(out, "‹secret›") || !strings.Contains(out, "did you?") {
			c.Errorf("%s said nothing of its key:\n%s", id, out)
		}
		if _, err := c.b.Models(c.Context(), id); err != nil {
			c.Errorf("%s: %v", id, err)
		}
		// The conversation goes on with another provider, which must not learn the
		// key of the first, and then the first fails and the other takes over.
		conv := c.newest()
		c.p.must("", "ask", "--provider", "last", "--conversation", conv, "and you?")
		if out := c.p.must("", "ask", "--provider", id, "FAIL"); !strings.Contains(out, "I take over.") {
			c.Errorf("nobody took over from %s: %s", id, out)
		}
	}
	list := c.p.must("", "conversations", "list", "--json")
	if !strings.Contains(list, "‹secret›") {
		c.Errorf("no title speaks of a key: %s", list)
	}
	for _, one := range c.conversations() {
		c.p.must("", "conversations", "show", "--json", one)
	}
}

// named keeps a secret under a name of its own.
func (c *canaries) named(o *origin, what string, secret *canary) store.SecretRef {
	c.Helper()
	ref := store.SecretRef(what + "-" + o.name)
	c.p.must(secret.value+"\n", "secret", "set", string(ref))
	return ref
}

// portkey adds a virtual key, and a config that refers to a secret.
func (c *canaries) portkey(o *origin, cfg *store.ProviderConfig) {
	c.Helper()
	virtual, up := c.mint("virtual key of "+o.name, nil), c.mint("secret in the config of "+o.name, nil)
	virtual.expected, up.expected = true, true
	o.may["X-Portkey-Virtual-Key"], o.may["X-Portkey-Config"] = virtual, up
	cfg.Portkey = &store.Portkey{
		VirtualKey: store.RefTo(c.named(o, "virtual", virtual)),
		Config:     `{"retry":{"attempts":1},"targets":[{"provider":"openai","api_key":"${secret:` + string(c.named(o, "up", up)) + `}"}]}`,
	}
}

// conversations returns the ids of all, the newest first.
func (c *canaries) conversations() []string {
	c.Helper()
	list, err := c.b.Conversations(c.Context())
	if err != nil {
		c.Fatal(err)
	}
	var out []string
	for _, conv := range list {
		out = append(out, conv.ID)
	}
	return out
}

func (c *canaries) newest() string {
	c.Helper()
	return c.conversations()[0]
}

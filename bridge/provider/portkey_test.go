package provider

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/store"
)

// secretsOf answers with the secrets of that list.
func secretsOf(values map[store.SecretRef]string) func(context.Context, store.SecretRef) (store.Secret, error) {
	return func(_ context.Context, ref store.SecretRef) (store.Secret, error) {
		v, ok := values[ref]
		if !ok {
			return store.Secret{}, store.ErrNotFound
		}
		return store.NewSecret(v), nil
	}
}

// gatewayHeaders returns what of a request's headers is about keys and gateways.
func gatewayHeaders(h http.Header) map[string]string {
	out := map[string]string{}
	for k, v := range h {
		if strings.HasPrefix(k, "X-") || strings.HasPrefix(k, "Anthropic") || k == "Authorization" {
			out[k] = strings.Join(v, " | ")
		}
	}
	return out
}

func TestGateways(t *testing.T) {
	t.Parallel()
	trace := TraceID("conversation-1")
	for name, test := range map[string]struct {
		change func(*store.ProviderConfig, *Options)
		want   map[string]string // without the trace id of Portkey
	}{
		"portkey, its key's own config": {
			func(c *store.ProviderConfig, _ *Options) { c.Portkey = &store.Portkey{} },
			map[string]string{"X-Portkey-Api-Key": canary},
		},
		"portkey, all": {
			func(c *store.ProviderConfig, o *Options) {
				c.Portkey = &store.Portkey{Provider: "@work-openai", VirtualKey: store.RefTo("provider/test/virtual-key"), Config: "pc-1"}
				o.Secret = secretsOf(map[store.SecretRef]string{"provider/test/virtual-key": "vk-secret"})
				c.Metadata = map[string]string{"team": "blå \u2028\u00a0😀\"<", "feature": "entry"}
			},
			map[string]string{
				"X-Portkey-Api-Key": canary, "X-Portkey-Provider": "@work-openai", "X-Portkey-Virtual-Key": "vk-secret", "X-Portkey-Config": "pc-1",
				"X-Portkey-Metadata": `{"feature":"conversation","team":"bl\u00e5 \u2028\u00a0\ud83d\ude00\"\u003c"}`,
			},
		},
		"portkey, a key for upstream": {
			func(c *store.ProviderConfig, o *Options) {
				c.Portkey = &store.Portkey{Provider: "openai"}
				c.Headers = map[string]store.Value{"authorization": "Bearer ${secret:provider/test/header/authorization}", "x-portkey-cache-force-refresh": "true"}
				o.Secret = secretsOf(map[store.SecretRef]string{"provider/test/header/authorization": "sk-up"})
			},
			map[string]string{"X-Portkey-Api-Key": canary, "X-Portkey-Provider": "openai", "Authorization": "Bearer sk-up", "X-Portkey-Cache-Force-Refresh": "true"},
		},
		"portkey, run at home without a key": {
			func(c *store.ProviderConfig, o *Options) {
				c.Portkey, c.NoKey = &store.Portkey{Provider: "anthropic"}, true
				c.Headers = map[string]store.Value{"X-Api-Key": "sk-ant"}
			},
			map[string]string{"X-Portkey-Provider": "anthropic", "X-Api-Key": "sk-ant"},
		},
		"portkey, a config with a secret": {
			func(c *store.ProviderConfig, o *Options) {
				c.Portkey = &store.Portkey{Config: ` { "targets" : [ {"provider":"openai", "api_key":"${secret:up}", "é":1} ] } `}
				o.Secret = secretsOf(map[store.SecretRef]string{"up": `sk-"up`})
			},
			map[string]string{"X-Portkey-Api-Key": canary, "X-Portkey-Config": `{"targets":[{"provider":"openai","api_key":"sk-\"up","\u00e9":1}]}`},
		},
		"litellm": {
			func(c *store.ProviderConfig, _ *Options) { c.Preset = PresetLiteLLM },
			map[string]string{"Authorization": "Bearer " + canary},
		},
		"litellm, by its own header": {
			func(c *store.ProviderConfig, o *Options) {
				c.Preset, o.Key = PresetLiteLLM, nil
				c.Headers = map[string]store.Value{"x-litellm-api-key": "Bearer ${secret:mine}"}
				o.Secret = secretsOf(map[store.SecretRef]string{"mine": "sk-litellm"})
			},
			map[string]string{"X-Litellm-Api-Key": "Bearer sk-litellm"},
		},
		"no gateway hears of the conversation": {
			func(c *store.ProviderConfig, _ *Options) { c.Metadata = map[string]string{"team": "blue"} },
			map[string]string{"Authorization": "Bearer " + canary},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, kind := range []store.ProviderKind{store.ProviderChat, store.ProviderResponses} {
				s := serve(t, good(t, kind))
				req := ask("Hello")
				req.Conversation, req.Metadata = "conversation-1", map[string]string{"feature": "conversation"}
				if len(test.want["X-Portkey-Metadata"]) == 0 {
					req.Metadata = nil
				}
				if _, err := drain(t.Context(), s.client(t, kind, test.change), req); err != nil {
					t.Fatal(err)
				}
				got := gatewayHeaders(s.all()[0].header)
				if _, ok := test.want["X-Portkey-Provider"]; ok || strings.HasPrefix(name, "portkey") {
					if got["X-Portkey-Trace-Id"] != trace {
						t.Errorf("the trace id is %q", got["X-Portkey-Trace-Id"])
					}
					delete(got, "X-Portkey-Trace-Id")
				}
				if !reflect.DeepEqual(got, test.want) {
					t.Errorf("%s got\n%v, want\n%v", kind, got, test.want)
				}
			}
		})
	}
}

// TestGatewayFaults gives gateways what cannot be sent; nothing is.
func TestGatewayFaults(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*store.ProviderConfig, *Options)
		says   string
		kind   model.ErrorKind
	}{
		"no virtual key": {func(c *store.ProviderConfig, _ *Options) {
			c.Portkey = &store.Portkey{VirtualKey: store.RefTo("provider/test/virtual-key")}
		}, "drawbridge secret set provider/test/virtual-key", model.ErrorAuth},
		"no secret of the config": {func(c *store.ProviderConfig, _ *Options) {
			c.Portkey = &store.Portkey{Config: `{"api_key":"${secret:up}"}`}
		}, "drawbridge secret set up", model.ErrorAuth},
		"no key": {func(c *store.ProviderConfig, o *Options) {
			c.Portkey, o.Key = &store.Portkey{}, nil
			c.Headers = map[string]store.Value{"Authorization": "Bearer up"} // upstream's, not Portkey's
		}, "the key is missing", model.ErrorAuth},
		"too much metadata": {func(c *store.ProviderConfig, _ *Options) { c.Portkey = &store.Portkey{} }, "longer than 128 characters", model.ErrorRequest},
	} {
		s := serve(t, good(t, store.ProviderChat))
		req := ask("Hello")
		if name == "too much metadata" {
			req.Metadata = map[string]string{"user": strings.Repeat("x", 129)}
		}
		_, err := drain(t.Context(), s.client(t, store.ProviderChat, test.change), req)
		var e *model.Error
		if !errors.As(err, &e) || e.Kind != test.kind || !strings.Contains(e.Message, test.says) || len(s.all()) != 0 {
			t.Errorf("%s: %v, %d requests", name, err, len(s.all()))
			continue
		}
		checkSentence(t, err)
	}
}

// TestGatewaySecretsStay has a gateway repeat all that it got in an error.
func TestGatewaySecretsStay(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		b, err := json.Marshal(map[string]any{"error": map[string]string{"message": "Got " + r.Header.Get("X-Portkey-Config") + r.Header.Get("X-Portkey-Virtual-Key") + r.Header.Get("X-Portkey-Api-Key")}})
		if err != nil {
			t.Error(err)
		}
		w.WriteHeader(http.StatusBadRequest)
		if _, err := w.Write(b); err != nil {
			t.Error(err)
		}
	})
	_, err := drain(t.Context(), s.client(t, store.ProviderChat, func(c *store.ProviderConfig, o *Options) {
		c.Portkey = &store.Portkey{VirtualKey: store.RefTo("vk"), Config: `{"api_key":"${secret:up}"}`}
		o.Secret = secretsOf(map[store.SecretRef]string{"vk": "vk-hidden", "up": "up-hidden"})
	}), ask("Hello"))
	if err == nil || strings.Contains(err.Error(), "hidden") || !strings.Contains(err.Error(), "‹secret›") {
		t.Errorf("got %v", err)
	}
	checkSentence(t, err)
}

// TestPortkeyPassesAnthropic sends the MCP connector of Anthropic, and a server
// of OpenAI's kind, through Portkey.
func TestPortkeyPassesAnthropic(t *testing.T) {
	t.Parallel()
	s := serve(t, good(t, store.ProviderAnthropic))
	if _, err := drain(t.Context(), s.client(t, store.ProviderAnthropic, withConnector("2025-11-20"), func(c *store.ProviderConfig, _ *Options) {
		c.Portkey = &store.Portkey{Provider: "anthropic"}
		c.Headers = map[string]store.Value{"X-Api-Key": "sk-ant"} // Anthropic's own, which Portkey passes on
	}), askConnector()); err != nil {
		t.Fatal(err)
	}
	r := s.all()[0]
	want := map[string]string{
		"Anthropic-Beta": "mcp-client-2025-11-20", "Anthropic-Version": "2023-06-01",
		"X-Portkey-Anthropic-Beta": "mcp-client-2025-11-20", "X-Portkey-Anthropic-Version": "2023-06-01",
		"X-Portkey-Api-Key": canary, "X-Portkey-Provider": "anthropic", "X-Api-Key": "sk-ant",
	}
	if got := gatewayHeaders(r.header); !reflect.DeepEqual(got, want) || r.path != "/v1/messages" {
		t.Errorf("%s: got\n%v, want\n%v", r.path, got, want)
	}
	if !strings.Contains(r.body, `"mcp_servers"`) || !strings.Contains(r.body, managedDocs.URL) {
		t.Errorf("it sent %s", r.body)
	}

	s = serve(t, good(t, store.ProviderResponses))
	if _, err := drain(t.Context(), s.client(t, store.ProviderResponses, func(c *store.ProviderConfig, _ *Options) {
		c.Portkey = &store.Portkey{Provider: "openai"}
	}), askManaged(userSays(store.Text{Text: "Hello"}))); err != nil {
		t.Fatal(err)
	}
	if body := s.all()[0].body; !strings.Contains(body, `{"type":"mcp","server_label":"docs"`) {
		t.Errorf("it sent %s", body)
	}
}

func TestTraceID(t *testing.T) {
	t.Parallel()
	a, b := TraceID("Anna's tax return"), TraceID("b")
	if a == b || a != TraceID("Anna's tax return") || strings.Contains(a, "Anna") || len(a) != len("drawbridge-")+32 {
		t.Errorf("%q, %q", a, b)
	}
	if TraceID("") != "" {
		t.Error("no conversation has a trace id")
	}
}

// FuzzGatewayHeaders checks that whatever a person writes, a header carries it,
// and it means the same at the other end.
func FuzzGatewayHeaders(f *testing.F) {
	f.Add("team", "blue", `{"a":"${secret:x}"}`, "value")
	f.Add("\x00", "\xff\r\n", "{\"\x7f\": \"\u2028\"}", "\"\\\n")
	f.Add("😀", "é", "pc-1", "")
	f.Fuzz(func(t *testing.T, name, value, config, secret string) {
		cfg := store.ProviderConfig{
			ID: "a", Kind: store.ProviderChat, BaseURL: "http://127.0.0.1/", NoKey: true,
			Portkey: &store.Portkey{Config: config, Provider: value}, Metadata: map[string]string{name: value},
		}
		if cfg.Validate() != nil {
			return
		}
		e, err := newEndpoint(cfg, Options{Secret: func(context.Context, store.SecretRef) (store.Secret, error) { return store.NewSecret(secret), nil }}, keyBearer)
		if err != nil {
			t.Fatal(err)
		}
		h, _, err := e.sign(t.Context(), outgoing{conversation: name})
		if err != nil {
			var known *model.Error
			if !errors.As(err, &known) {
				t.Errorf("%v", err)
			}
			return
		}
		for k, v := range h {
			if strings.ContainsFunc(strings.Join(v, ""), func(r rune) bool { return r < ' ' || r >= 0x7f }) || len(v) != 1 {
				t.Errorf("%s: %q cannot be carried", k, v)
			}
		}
		var back map[string]string
		if err := json.Unmarshal([]byte(h.Get("X-Portkey-Metadata")), &back); err != nil || !reflect.DeepEqual(back, cfg.Metadata) {
			t.Errorf("%q became %q: %v", cfg.Metadata, back, err)
		}
		if c := h.Get("X-Portkey-Config"); strings.HasPrefix(c, "{") && !json.Valid([]byte(c)) {
			t.Errorf("%q became %q", config, c)
		}
	})
}

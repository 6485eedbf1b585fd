package provider

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/store"
)

// tap keeps all bytes that go out.
type tap struct {
	mu   sync.Mutex
	sent bytes.Buffer
}

type tapped struct {
	net.Conn
	tap *tap
}

func (c tapped) Write(p []byte) (int, error) {
	c.tap.mu.Lock()
	c.tap.sent.Write(p)
	c.tap.mu.Unlock()
	return c.Conn.Write(p)
}

// TestEnvironmentChangesNoByte compares what goes out with and without all
// variables that the SDKs of the services and the gateways read.
func TestEnvironmentChangesNoByte(t *testing.T) {
	trap := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	variables := map[string]string{"NO_PROXY": "trap.invalid"}
	for _, prefix := range []string{"OPENAI", "ANTHROPIC", "PORTKEY", "LITELLM", "LITELLM_PROXY", "GEMINI", "GOOGLE", "AZURE_OPENAI", "GOOGLE_GENAI", "AZURE"} {
		for _, name := range []string{
			"API_KEY", "ADMIN_KEY", "AUTH_TOKEN", "AD_TOKEN", "ORG_ID", "PROJECT_ID", "ORGANIZATION", "VIRTUAL_KEY", "CONFIG", "PROVIDER",
			"CUSTOM_HEADERS", "DEFAULT_HEADERS", "LOG", "MODEL", "BETAS", "PROFILE", "API_VERSION", "CLOUD_PROJECT", "CLOUD_LOCATION", "GENAI_USE_VERTEXAI", "USE_VERTEXAI",
		} {
			variables[prefix+"_"+name] = "environment"
		}
		for _, name := range []string{"BASE_URL", "API_BASE", "ENDPOINT", "GEMINI_BASE_URL", "VERTEX_BASE_URL", "PROXY_URL"} {
			variables[prefix+"_"+name] = trap.URL + "/v1"
		}
		variables[prefix+"_CUSTOM_HEADERS"] = "X-Environment: yes\nAuthorization: Bearer environment"
		variables[prefix+"_GENAI_USE_VERTEXAI"] = "true"
	}
	for _, kind := range wireKinds {
		s := serve(t, good(t, kind))
		record := func(portkey bool) string {
			out := &tap{}
			transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				var d net.Dialer
				c, err := d.DialContext(ctx, network, address)
				return tapped{c, out}, err
			}}
			defer transport.CloseIdleConnections()
			c := s.client(t, kind, func(c *store.ProviderConfig, o *Options) {
				o.HTTP = &http.Client{Transport: transport}
				if portkey {
					c.Portkey, c.Metadata = &store.Portkey{Provider: "openai", Config: "pc-1"}, map[string]string{"team": "blue"}
				}
			})
			req := ask("Hello")
			req.Conversation = "conversation-1"
			if _, err := drain(t.Context(), c, req); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Models(t.Context()); err != nil {
				t.Fatal(err)
			}
			out.mu.Lock()
			defer out.mu.Unlock()
			return out.sent.String()
		}
		for _, portkey := range []bool{false, true} {
			if portkey && kind == store.ProviderGemini {
				continue // Portkey does not take this format
			}
			t.Run(string(kind), func(t *testing.T) {
				plain := record(portkey)
				for k, v := range variables {
					t.Setenv(k, v)
				}
				if changed := record(portkey); changed != plain || plain == "" {
					t.Errorf("with the environment it sent\n%s\nwithout\n%s", changed, plain)
				}
			})
		}
	}
	if n := len(trap.all()); n != 0 {
		t.Errorf("%d requests went where the environment says", n)
	}
}

// TestEntriesSideBySide has two entries of a kind, each with its own key.
func TestEntriesSideBySide(t *testing.T) {
	t.Parallel()
	for _, kind := range wireKinds {
		s := serve(t, good(t, kind))
		var clients []model.Client
		for _, id := range []string{"work", "private"} {
			clients = append(clients, s.client(t, kind, func(c *store.ProviderConfig, o *Options) {
				c.ID, o.Key = id, nil
				o.Secret = secretsOf(map[store.SecretRef]string{"provider/work/key": "sk-work", "provider/private/key": "sk-private"})
			}))
		}
		for range 2 {
			for _, c := range clients {
				if _, err := drain(t.Context(), c, ask("Hello")); err != nil {
					t.Fatal(err)
				}
			}
		}
		for i, r := range s.all() {
			want := []string{"sk-work", "sk-private"}[i%2]
			found := false
			for _, style := range []keyStyle{keyBearer, keyAnthropic, keyGoogle} {
				found = found || r.header.Get(style.header) == style.prefix+want
			}
			if !found {
				t.Errorf("%s: request %d had %v", kind, i, r.header)
			}
		}
	}
}

package main

import (
	"strings"
	"sync"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/drawbridge-app/drawbridge/store"
)

// credentialed is a gateway in front of three servers: one with a header of its own
// that names what is passed on, two with nothing, and three with a key in a header.
type credentialed struct {
	*gated
	one, two, three *upstream
	key             string
}

func openCredentialed(t *testing.T) *credentialed {
	t.Helper()
	g := &credentialed{gated: openGated(t), one: newUpstream(t), two: newUpstream(t), three: newUpstream(t)}
	g.add("one", g.one.url, func(c *store.ServerConfig) {
		c.Headers = map[string]store.Value{"Authorization": "Bearer configured", "X-Fixed": "f"}
		c.Rules.ExtraHeaders, c.Rules.Trusted = []string{"X-Tenant", "Authorization"}, true
	})
	g.add("two", g.two.url, func(c *store.ServerConfig) { c.Rules.Trusted = true })
	g.add("three", g.three.url, func(c *store.ServerConfig) {
		ref := store.ServerSecret("three", "auth", "secret")
		if err := g.SetSecret(t.Context(), ref, store.NewSecret("ours")); err != nil {
			t.Fatal(err)
		}
		c.Auth = store.Auth{Kind: store.AuthHeader, Header: "X-Api-Key", Secret: store.RefTo(ref)}
		c.Rules.Trusted = true
	})
	g.key = g.gated.key("one", "", store.Limits{})
	return g
}

// bearer is the key with other headers.
func (g *credentialed) bearer(more ...string) withHeaders {
	h := withHeaders{"Authorization": "Bearer " + g.key}
	for i := 0; i < len(more); i += 2 {
		h[more[i]] = more[i+1]
	}
	return h
}

// sent calls a tool of the server with the headers, and holds what reached it
// against what may.
func (g *credentialed) sent(name string, h withHeaders, server string, u *upstream, want map[string]string) {
	g.t.Helper()
	s, err := g.dial("/mcp", h)
	if err != nil {
		g.t.Fatal(err)
	}
	if got, status := say(g.t, s, server+"__read", map[string]any{"call": name}); status != nil {
		g.t.Fatalf("%s: %q, %v", name, got, status)
	}
	got := u.headers(name)
	for _, header := range []string{"Authorization", "X-Tenant", "X-Token", "X-Api-Key", "X-Other", "Cookie", "X-Mcp-Auth", "X-Drawbridge-Key", "X-Litellm-Api-Key", "X-Mcp-Two-X-Token", "X-Mcp-Servers"} {
		if got := got.Get(header); got != want[header] {
			g.t.Errorf("%s: the server got %s %q, not %q", name, header, got, want[header])
		}
	}
	for header, values := range got {
		if strings.Contains(strings.Join(values, " "), g.key) {
			g.t.Errorf("%s: the server got the key in %s", name, header)
		}
	}
}

// What a server's rules name is passed on, and nothing else.
func TestGatewayExtraHeaders(t *testing.T) {
	g := openCredentialed(t)
	g.sent("nothing", g.bearer("X-Other", "o", "Cookie", "c"), "two", g.two, nil)
	g.sent("extra", g.bearer("X-Tenant", "t", "X-Other", "o"), "one", g.one, map[string]string{"Authorization": "Bearer configured", "X-Tenant": "t"})
	g.sent("authorization", withHeaders{"x-drawbridge-key": g.key, "Authorization": "Bearer user"}, "one", g.one, map[string]string{"Authorization": "Bearer user"})
	g.sent("not named", withHeaders{"x-drawbridge-key": g.key, "Authorization": "Bearer user"}, "two", g.two, nil)
}

// x-mcp-{server}-{header} is for that server alone, and for that client.
func TestGatewayClientSideCredentials(t *testing.T) {
	g := openCredentialed(t)
	g.sent("its own", g.bearer("x-mcp-two-x-token", "mine"), "two", g.two, map[string]string{"X-Token": "mine"})
	g.sent("of another", g.bearer("x-mcp-two-x-token", "mine"), "three", g.three, map[string]string{"X-Api-Key": "ours"})
	g.sent("after", g.bearer(), "two", g.two, nil) // nothing of the others sticks

	// Two clients with credentials of their own at the same time.
	other := g.gated.key("other", "", store.Limits{})
	var all sync.WaitGroup
	for _, who := range []struct{ key, token string }{{g.key, "A"}, {other, "B"}} {
		s, err := g.dial("/mcp", withHeaders{"Authorization": "Bearer " + who.key, "x-mcp-two-x-token": who.token})
		if err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			for range 20 {
				name := who.token + store.NewID()
				if _, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: "two__read", Arguments: map[string]any{"call": name}}); err != nil {
					t.Error(err)
				} else if got := g.two.headers(name).Get("X-Token"); got != who.token {
					t.Errorf("a call of %s went out with %q", who.token, got)
				}
			}
		})
	}
	all.Wait()
}

// x-mcp-auth is for all servers, in the header that each wants, and can be called
// otherwise.
func TestGatewayOlderCredentialHeader(t *testing.T) {
	g := openCredentialed(t)
	g.sent("for all", g.bearer("x-mcp-auth", "tok"), "two", g.two, map[string]string{"Authorization": "Bearer tok"})
	g.sent("for all, its header", g.bearer("x-mcp-auth", "tok"), "three", g.three, map[string]string{"X-Api-Key": "tok"})
	g.sent("after", g.bearer(), "two", g.two, nil)
	if _, err := g.SetGateway(t.Context(), store.GatewaySettings{Enabled: true, CredentialHeader: "x-mine"}); err != nil {
		t.Fatal(err)
	}
	g.address = g.Gateway().Address
	g.sent("renamed", g.bearer("x-mine", "tok", "x-mcp-auth", "no"), "two", g.two, map[string]string{"Authorization": "Bearer tok", "X-Mcp-Auth": ""})
}

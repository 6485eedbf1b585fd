package mcphost

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// TestVariablesArePutInAtTheStart reads the environment where a configuration
// refers to it, and nowhere else.
func TestVariablesArePutInAtTheStart(t *testing.T) {
	home := t.TempDir()
	m := New(Options{Environ: func() []string {
		return []string{"HOME=" + home, "TOKEN=canary-4711", "DRAWBRIDGE_KEY=ours", "BASE=http://127.0.0.1:1", "BAD=http://a:b@127.0.0.1"}
	}})
	c := store.ServerConfig{ID: "a", Name: "a", Transport: store.TransportStdio, Command: "/bin/sh",
		Args: []string{"${env:HOME}/x", "${env:NONE:-y}", "$TOKEN"}, Env: map[string]store.Value{"KEY": "Bearer ${env:TOKEN}"}}
	p, err := m.plan(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"/bin/sh", home + "/x", "y", "$TOKEN"}; !slices.Equal(p.spec.args, want) {
		t.Errorf("it runs %q", p.spec.args)
	}
	if !slices.Contains(p.spec.env, "KEY=Bearer canary-4711") {
		t.Errorf("it gets %q", p.spec.env)
	}
	if slices.ContainsFunc(p.spec.env, func(kv string) bool { return strings.HasPrefix(kv, "TOKEN=") }) {
		t.Error("it gets a variable that it was not given")
	}
	if got := p.given.redactor.Text("a canary-4711 in " + home); got != "a "+tools.Redacted+" in "+home {
		t.Errorf("the log has %q", got)
	}
	for name, c := range map[string]store.ServerConfig{
		"not set":     {Transport: store.TransportStdio, Command: "/bin/sh", Args: []string{"${env:NONE}"}},
		"ours":        {Transport: store.TransportStdio, Command: "/bin/sh", Env: map[string]store.Value{"K": "${env:DRAWBRIDGE_KEY}"}},
		"credentials": {Transport: store.TransportHTTP, URL: "${env:BAD}/mcp"},
	} {
		c.ID, c.Name = "a", "a"
		if _, err := m.plan(context.Background(), c); !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	web := store.ServerConfig{ID: "a", Name: "a", Transport: store.TransportHTTP, URL: "${env:BASE}/mcp", Headers: map[string]store.Value{"Authorization": "Bearer ${env:TOKEN}"}}
	if p, err = m.plan(context.Background(), web); err != nil || p.config.URL != "http://127.0.0.1:1/mcp" || p.given.headers["Authorization"] != "Bearer canary-4711" {
		t.Errorf("got %q %q, %v", p.config.URL, p.given.headers, err)
	}
}

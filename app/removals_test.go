package main

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// TestRemovalsAreTakenBack removes a server and a provider and takes them back with
// their secrets, approvals and answers; and has those gone when that is not done,
// also where the program ends in between.
func TestRemovalsAreTakenBack(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	b, restart := openEngineAside(t)
	draft := setup.Draft{Config: store.ServerConfig{
		ID: "echo", Name: "echo", Transport: store.TransportStdio, Command: program(t, "echo-mcp"), Env: map[string]store.Value{"TOKEN": "canary"},
	}}
	draft.MakeSecret("env", "TOKEN")
	c, err := b.AddServer(ctx, draft, true)
	if err != nil {
		t.Fatal(err)
	}
	if v := settle(t, b, c.ID); v.State != mcphost.Ready {
		t.Fatalf("%s: %s", v.State, v.Error)
	}
	say := tools.Ref{Server: c.ID, Tool: "say"}
	if err := b.SetStandingAnswer(ctx, say, tools.AnswerNever); err != nil {
		t.Fatal(err)
	}
	key := store.NewSecret("sk-canary")
	for _, id := range []string{"first", "second"} {
		if err := b.SetProvider(ctx, store.ProviderConfig{ID: id, Kind: store.ProviderChat, BaseURL: "http://127.0.0.1:1/v1", Model: "m"}, &key); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.SetDefaultModel(store.ModelRef{Provider: "first", Model: "m"}); err != nil {
		t.Fatal(err)
	}
	kept := func(b *bridge.Bridge) (n int) {
		t.Helper()
		refs, err := b.Secrets(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return len(refs)
	}
	if n := kept(b); n != 3 {
		t.Fatalf("%d secrets", n)
	}

	// Taken back, all is as it was.
	server, err := b.TakeServer(ctx, c.ID)
	if err != nil {
		t.Fatal(err)
	}
	provider, err := b.TakeProvider(ctx, "first")
	if err != nil {
		t.Fatal(err)
	}
	until(t, time.Minute, "the server is gone", func() bool { _, err := b.Server(c.ID); return errors.Is(err, store.ErrNotFound) })
	if _, err := b.Provider("first"); !errors.Is(err, store.ErrNotFound) || b.DefaultModel().Provider != "second" {
		t.Errorf("the provider is there (%v), new chats begin with %v", err, b.DefaultModel())
	}
	if n := kept(b); n != 3 || len(b.Settings().Removing) != 2 {
		t.Errorf("%d secrets are kept, %q is noted", n, b.Settings().Removing)
	}
	if err := errors.Join(server.Back(ctx), provider.Back(ctx)); err != nil {
		t.Fatal(err)
	}
	if v := settle(t, b, c.ID); v.State != mcphost.Ready || len(v.Held) != 0 {
		t.Errorf("back it is %s: %s", v.State, v.Error)
	}
	answers, err := b.StandingAnswers(ctx)
	if err != nil || len(answers) != 1 || len(b.Providers()) != 3 || b.DefaultModel().Provider != "first" || len(b.Settings().Removing) != 0 {
		t.Errorf("answers %v (%v), providers %v, new chats with %v, noted %q", answers, err, b.Providers(), b.DefaultModel(), b.Settings().Removing)
	}
	if err := errors.Join(server.Finish(ctx), provider.Finish(ctx)); err != nil || kept(b) != 3 {
		t.Errorf("what was taken back is forgotten (%v)", err)
	}
	if err := server.Back(ctx); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("taken back twice: %v", err)
	}

	// A new one of the name begins from nothing, and the old one does not come back.
	if server, err = b.TakeServer(ctx, c.ID); err != nil {
		t.Fatal(err)
	}
	plain := setup.Draft{Config: store.ServerConfig{Name: "echo", Transport: store.TransportStdio, Command: program(t, "echo-mcp")}}
	if _, err := b.AddServer(ctx, plain, true); err != nil {
		t.Fatal(err)
	}
	if answers, err = b.StandingAnswers(ctx); err != nil || len(answers) != 0 || kept(b) != 2 {
		t.Errorf("the new server has answers %v (%v), %d secrets are kept", answers, err, kept(b))
	}
	if err := server.Back(ctx); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the old one: %v", err)
	}

	// The end of the program finishes.
	if _, err := b.TakeProvider(ctx, "second"); err != nil {
		t.Fatal(err)
	}
	b = restart()
	if n := kept(b); n != 1 || len(b.Settings().Removing) != 0 {
		t.Errorf("%d secrets are kept, %q is noted", n, b.Settings().Removing)
	}
	// So does the next start, where the program was killed; but not what is there.
	if err := b.SetSecret(ctx, store.ProviderSecret("gone", "key"), key); err != nil {
		t.Fatal(err)
	}
	if err := b.UpdateSettings(func(s *store.Settings) error {
		s.Removing = []string{"provider/gone", "provider/first", "server/echo"}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	b = restart()
	until(t, time.Minute, "the removal is finished", func() bool { return len(b.Settings().Removing) == 0 })
	refs, err := b.Secrets(ctx)
	if err != nil || !slices.Equal(refs, []store.SecretRef{store.ProviderSecret("first", "key")}) {
		t.Errorf("secrets %v (%v)", refs, err)
	}
	if _, err := b.Server("echo"); err != nil {
		t.Error(err)
	}
}

// TestRevocationsAreTakenBack has the app with a key get in again.
func TestRevocationsAreTakenBack(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	b := openBridgeAside(t)
	k, value, err := b.AddKey(ctx, "editor", "", store.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.RevokeKey(ctx, k.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Authenticate(ctx, value); !errors.Is(err, store.ErrDenied) {
		t.Errorf("a revoked key: %v", err)
	}
	if err := b.RestoreKey(ctx, k.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Authenticate(ctx, value); err != nil {
		t.Errorf("a key that holds again: %v", err)
	}
	if err := b.RevokeKey(ctx, k.ID); err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.AddKey(ctx, "editor", "", store.Limits{}); err != nil {
		t.Fatal(err)
	}
	if err := b.RestoreKey(ctx, k.ID); !errors.Is(err, store.ErrExists) {
		t.Errorf("two keys of a name: %v", err)
	}
	if err := b.RestoreKey(ctx, "none"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("no key: %v", err)
	}
}

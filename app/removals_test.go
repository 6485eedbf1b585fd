package main

import (
	"errors"
	"io"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
	"github.com/drawbridge-app/drawbridge/store/secret"
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
	until(t, time.Minute, "the server is still there", func() bool { _, err := b.Server("echo"); return err == nil })
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

// TestRemovalsReturnToTheirPlace takes each provider and each server of a list away
// and back: the lists, and all secrets, are the same as before.
func TestRemovalsReturnToTheirPlace(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	b, _ := openEngineAside(t)
	for i, id := range []string{"zeta", "alpha", "middle"} {
		key := store.NewSecret("sk-" + id)
		cfg := store.ProviderConfig{
			ID: id, Name: "The " + id, Kind: store.ProviderChat, BaseURL: "http://127.0.0.1:1/v1", Model: "m" + id,
			Headers: map[string]store.Value{"X-Team": store.Value(id)}, NoKey: i == 2,
		}
		if err := b.SetProvider(ctx, cfg, &key); err != nil {
			t.Fatal(err)
		}
		draft := setup.Draft{Config: store.ServerConfig{
			ID: id, Name: "The " + id, Transport: store.TransportStdio, Command: program(t, "echo-mcp"), Args: []string{id}, Disabled: true,
			Env: map[string]store.Value{"TOKEN": "canary " + store.Value(id)}, Rules: store.Rules{DisallowedTools: []string{id}},
		}}
		draft.MakeSecret("env", "TOKEN")
		if _, err := b.AddServer(ctx, draft, true); err != nil {
			t.Fatal(err)
		}
	}
	servers := func() (out []store.ServerConfig) {
		for _, v := range b.Servers() {
			out = append(out, v.Server)
		}
		return out
	}
	secrets := func() []store.SecretRef {
		refs, err := b.Secrets(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return refs
	}
	until(t, time.Minute, "all servers are listed", func() bool { return len(servers()) == 4 })
	wantProviders, wantServers, wantSecrets := b.Providers(), servers(), secrets()
	for _, id := range []string{"zeta", "alpha", "middle"} {
		provider, err := b.TakeProvider(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		server, err := b.TakeServer(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		until(t, time.Minute, "one is missing", func() bool { return len(servers()) == 3 })
		if err := errors.Join(provider.Back(ctx), server.Back(ctx)); err != nil {
			t.Fatal(err)
		}
		until(t, time.Minute, "it is back", func() bool { return len(servers()) == 4 })
		if got := b.Providers(); !reflect.DeepEqual(got, wantProviders) {
			t.Errorf("after %s the providers are\n%+v, want\n%+v", id, got, wantProviders)
		}
		if got := servers(); !reflect.DeepEqual(got, wantServers) {
			t.Errorf("after %s the servers are\n%+v, want\n%+v", id, got, wantServers)
		}
		if got := secrets(); !slices.Equal(got, wantSecrets) {
			t.Errorf("after %s the secrets are %v, want %v", id, got, wantSecrets)
		}
	}
}

// TestAProviderIsAsItWas has an entry be as it was before it was changed, with the
// key that was replaced and the secrets that were forgotten or came new.
func TestAProviderIsAsItWas(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	keychain := secret.Open(t.TempDir())
	keychain.UseMemory()
	h, err := openHomeAt(filepath.Join(t.TempDir(), "drawbridge"))
	if err != nil {
		t.Fatal(err)
	}
	e := newEngine(h, startAll)
	e.environ, e.secrets = func() []string { return nil }, keychain
	t.Cleanup(func() { e.close(io.Discard) })
	b, err := e.open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	value := func(name string) string {
		t.Helper()
		v, err := keychain.Get(ctx, store.ProviderSecret("work", name))
		if errors.Is(err, store.ErrNotFound) {
			return ""
		} else if err != nil {
			t.Fatal(err)
		}
		return v.Reveal()
	}
	set := func(name, text string) {
		t.Helper()
		if err := b.SetSecret(ctx, store.ProviderSecret("work", name), store.NewSecret(text)); err != nil {
			t.Fatal(err)
		}
	}
	was := store.ProviderConfig{ID: "work", Name: "Work", Kind: store.ProviderChat, BaseURL: "http://127.0.0.1:1/v1", Model: "m"}
	old, other := store.NewSecret("sk-old"), store.NewSecret("sk-new")
	if err := b.SetProvider(ctx, was, &old); err != nil {
		t.Fatal(err)
	}
	set("header/X-Token", "old token")
	back, err := b.RememberProvider(ctx, "work")
	if err != nil {
		t.Fatal(err)
	}
	changed := was
	changed.Name, changed.BaseURL = "Other", "http://127.0.0.1:2/v1"
	if err := b.SetProvider(ctx, changed, &other); err != nil {
		t.Fatal(err)
	}
	set("header/X-Token", "")
	set("header/X-New", "new token")
	if err := back(ctx); err != nil {
		t.Fatal(err)
	}
	if got, err := b.Provider("work"); err != nil || !reflect.DeepEqual(got, was) {
		t.Errorf("the entry is %+v (%v)", got, err)
	}
	if key, token, fresh := value("key"), value("header/X-Token"), value("header/X-New"); key != "sk-old" || token != "old token" || fresh != "" {
		t.Errorf("the key is %q, the token %q, and what came new %q", key, token, fresh)
	}
	if err := b.RemoveProvider(ctx, "work"); err != nil {
		t.Fatal(err)
	}
	if err := back(ctx); !errors.Is(err, store.ErrNotFound) || value("key") != "" {
		t.Errorf("of one that was removed: %v, and the key is %q", err, value("key"))
	}
	if _, err := b.RememberProvider(ctx, "nobody"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("of one that is not there: %v", err)
	}
}

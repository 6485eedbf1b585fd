package bridge

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"testing"

	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/bridge/policy"
	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/store"
)

// entries are settings that hold servers alone.
type entries struct{ list []store.ServerConfig }

func (*entries) Settings() store.Settings                 { return store.Settings{} }
func (*entries) Update(func(*store.Settings) error) error { return nil }
func (e *entries) Servers() []store.ServerConfig          { return e.list }
func (*entries) Watch(context.Context) iter.Seq[struct{}] { return func(func(struct{}) bool) {} }
func (*entries) Problems() []string                       { return nil }
func (e *entries) UpdateServers(change func([]store.ServerConfig) ([]store.ServerConfig, error)) (err error) {
	e.list, err = change(e.list)
	return err
}

// approvals are a ledger of approvals alone.
type approvals struct {
	Ledger
	mu   sync.Mutex
	seen map[string]bool
}

func (a *approvals) ServerApproved(_ context.Context, id, hash string) (bool, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.seen[id+hash], nil
}

func (a *approvals) ApproveServer(_ context.Context, id, hash string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seen[id+hash] = true
	return nil
}

// TestPermittedOriginKeepsTheApproval, and gives none to what nobody approved.
func TestPermittedOriginKeepsTheApproval(t *testing.T) {
	t.Parallel()
	for _, approved := range []bool{true, false} {
		c := store.ServerConfig{ID: "s", Name: "s", Transport: store.TransportHTTP, URL: "https://mcp.example.com/mcp", Disabled: true}
		files := &entries{list: []store.ServerConfig{c}}
		ledger := &approvals{seen: map[string]bool{c.ID + c.Hash(): approved}}
		b := &Bridge{o: Options{Settings: files, Secrets: noSecrets{}}}
		b.policy = policy.New(policy.Options{Ledger: ledger})
		b.host = newHost(t, b.policy)
		b.audit = newAuditor(nil, nil, nil, nil)
		if err := b.PermitOrigin(t.Context(), "s", "https://login.corp"); err != nil {
			t.Fatal(err)
		}
		now := files.list[0]
		if len(now.Auth.Origins) != 1 || now.Auth.Origins[0] != "https://login.corp" {
			t.Errorf("%+v", now.Auth)
		}
		if err := b.policy.MayStart(t.Context(), now); errors.Is(err, store.ErrHeld) == approved {
			t.Errorf("approved before: %t, afterwards: %v", approved, err)
		}
		if err := b.PermitOrigin(t.Context(), "s", "http://login.corp"); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("an origin without TLS: %v", err)
		}
		if err := b.PermitOrigin(t.Context(), "other", "https://login.corp"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%v", err)
		}
	}
}

// TestHandedOverWithItsToken: a provider that connects itself gets the header of
// a token that does not change; what is signed in to is not handed over.
func TestHandedOverWithItsToken(t *testing.T) {
	t.Parallel()
	d := setup.Draft{Config: store.ServerConfig{ID: "s", Name: "s", Transport: store.TransportHTTP, URL: "https://mcp.vendor.com/mcp", Auth: store.Auth{Kind: store.AuthBearer}}}
	d.SetAuthSecret(store.NewSecret("t0ken"))
	b := &Bridge{o: Options{Secrets: oneSecret{ref: d.Config.Auth.Secret.Refs()[0], value: "t0ken"}}}
	h, err := b.headers(t.Context(), d.Config)
	if err != nil || h["Authorization"].Reveal() != "Bearer t0ken" {
		t.Errorf("%v %v", h, err)
	}
	if !ManagedOf(d.Config).Can {
		t.Error("it cannot be handed over")
	}
	moved := d.Rename("other")
	if ref := moved.Config.Auth.Secret.Refs()[0]; ref != store.ServerSecret("other", "auth", "secret") || moved.Secrets[ref].Reveal() != "t0ken" {
		t.Errorf("renamed: %+v", moved.Config.Auth)
	}
	for _, kind := range []store.AuthKind{store.AuthOAuth, store.AuthClient} {
		d.Config.Auth.Kind = kind
		if ManagedOf(d.Config).Can {
			t.Errorf("%s can be handed over", kind)
		}
	}
}

type oneSecret struct {
	Secrets
	ref   store.SecretRef
	value string
}

func (s oneSecret) Get(_ context.Context, ref store.SecretRef) (store.Secret, error) {
	if ref != s.ref {
		return store.Secret{}, fmt.Errorf("%s (%w)", ref, store.ErrNotFound)
	}
	return store.NewSecret(s.value), nil
}

func newHost(t *testing.T, g mcphost.Gate) *mcphost.Manager {
	m := mcphost.New(mcphost.Options{Gate: g, Secrets: noSecrets{}, Manual: true})
	t.Cleanup(func() {
		if err := m.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return m
}

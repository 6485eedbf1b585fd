package uitest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// Settings returns Keep.
func (e *Engine) Settings() store.Settings {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.Keep
}

// UpdateSettings changes Keep.
func (e *Engine) UpdateSettings(change func(*store.Settings) error) error {
	if err := e.did("settings"); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return change(&e.Keep)
}

// Problems returns Said.
func (e *Engine) Problems() []string { return e.Said }

// Providers returns those of Keep, and the built-in one.
func (e *Engine) Providers() []store.ProviderConfig {
	return append(slices.Clone(e.Settings().Providers),
		store.ProviderConfig{ID: "rehearsal", Name: "Rehearsal (no AI)", Kind: store.ProviderRehearsal, Model: "rehearsal", NoKey: true})
}

// SetProvider keeps an entry.
func (e *Engine) SetProvider(_ context.Context, p store.ProviderConfig, key *store.Secret) error {
	if err := e.did("provider %s %s %s model=%s key=%t", p.ID, p.Kind, p.BaseURL, p.Model, key != nil); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if ref := store.ProviderSecret(p.ID, "key"); key != nil && key.Empty() {
		delete(e.Keys, ref)
	} else if key != nil {
		e.Keys[ref] = *key
	}
	if i := slices.IndexFunc(e.Keep.Providers, func(o store.ProviderConfig) bool { return o.ID == p.ID }); i >= 0 {
		e.Keep.Providers[i] = p
		return nil
	}
	e.Keep.Providers = append(e.Keep.Providers, p)
	return nil
}

// RememberProvider returns what has all entries and keys be as they are now.
func (e *Engine) RememberProvider(_ context.Context, id string) (func(context.Context) error, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	providers, keys := slices.Clone(e.Keep.Providers), maps.Clone(e.Keys)
	return func(context.Context) error {
		err := e.did("bring provider %s back as it was", id)
		e.mu.Lock()
		defer e.mu.Unlock()
		e.Keep.Providers, e.Keys = providers, keys
		return err
	}, nil
}

// TakeProvider takes an entry away.
func (e *Engine) TakeProvider(_ context.Context, id string) (bridge.Removal, error) {
	if err := e.did("remove provider %s", id); err != nil {
		return bridge.Removal{}, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	before := slices.Clone(e.Keep.Providers)
	e.Keep.Providers = slices.DeleteFunc(e.Keep.Providers, func(o store.ProviderConfig) bool { return o.ID == id })
	r := e.removal("provider " + id)
	back := r.Back
	r.Back = func(ctx context.Context) error {
		err := back(ctx)
		e.mu.Lock()
		defer e.mu.Unlock()
		e.Keep.Providers = before
		return err
	}
	return r, nil
}

// Models returns from Lists.
func (e *Engine) Models(_ context.Context, id string) ([]model.Info, error) {
	if err := e.did("models of %s", id); err != nil {
		return nil, err
	}
	if e.Lists[id] == nil {
		return nil, errors.New("the provider does not answer at that address. Check that it runs")
	}
	return e.Lists[id], nil
}

// Limits returns from Known.
func (e *Engine) Limits(ref store.ModelRef) store.ModelLimits {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.Known[ref]
}

// DetectLocal returns Local.
func (e *Engine) DetectLocal(context.Context) []store.ProviderConfig { return e.Local }

// DefaultModel returns the one in Keep, or rehearsal.
func (e *Engine) DefaultModel() store.ModelRef {
	if m := e.Settings().Model; !m.Zero() {
		return m
	}
	return store.ModelRef{Provider: "rehearsal", Model: "rehearsal"}
}

// SetDefaultModel changes Keep.
func (e *Engine) SetDefaultModel(m store.ModelRef) error {
	return e.UpdateSettings(func(s *store.Settings) error { s.Model = m; return nil })
}

// Secrets lists Keys.
func (e *Engine) Secrets(context.Context) ([]store.SecretRef, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []store.SecretRef
	for ref := range e.Keys {
		out = append(out, ref)
	}
	slices.Sort(out)
	return out, nil
}

// SetSecret changes Keys; an empty value is removed.
func (e *Engine) SetSecret(_ context.Context, ref store.SecretRef, value store.Secret) error {
	what := "secret"
	if value.Empty() {
		what = "no secret"
	}
	if err := e.did("%s %s", what, ref); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if value.Empty() {
		delete(e.Keys, ref)
		return nil
	}
	e.Keys[ref] = value
	return nil
}

// SecretState returns State.
func (e *Engine) SecretState(context.Context) store.SecretState {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.State
}

// UnlockSecrets unlocks State.
func (e *Engine) UnlockSecrets(context.Context) error {
	if err := e.did("unlock"); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.State.Locked = false
	return nil
}

// UseMemorySecrets changes State.
func (e *Engine) UseMemorySecrets() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.Calls = append(e.Calls, "use memory")
	e.State.Place = store.SecretsMemory
}

// UsePassphrase changes State.
func (e *Engine) UsePassphrase(_ context.Context, p store.Secret) error {
	if err := e.did("use passphrase of %d letters", len(p.Reveal())); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.State = store.SecretState{Place: store.SecretsPassphrase}
	return nil
}

// StandingAnswers returns Given.
func (e *Engine) StandingAnswers(context.Context) ([]store.ToolAnswer, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.Given), nil
}

// SetStandingAnswer changes Given; an empty answer is removed from it.
func (e *Engine) SetStandingAnswer(_ context.Context, ref tools.Ref, answer tools.Answer) error {
	if err := e.did("answer %s %q", strings.TrimSpace(ref.String()), answer); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.Given = slices.DeleteFunc(e.Given, func(t store.ToolAnswer) bool { return t.Server == ref.Server && t.Tool == ref.Tool })
	if answer != "" {
		e.Given = append(e.Given, store.ToolAnswer{Server: ref.Server, Tool: ref.Tool, Answer: string(answer)})
	}
	return nil
}

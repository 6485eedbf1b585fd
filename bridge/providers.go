package bridge

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/provider"
	"github.com/drawbridge-app/drawbridge/store"
)

// Rehearsal is the id of the provider that is built in and needs no network.
const Rehearsal = "rehearsal"

// Providers returns the entries that a person made, and the built-in one last.
func (b *Bridge) Providers() []store.ProviderConfig {
	return append(slices.Clone(b.o.Settings.Settings().Providers),
		store.ProviderConfig{ID: Rehearsal, Name: "Rehearsal (no AI)", Kind: store.ProviderRehearsal, Model: Rehearsal, NoKey: true})
}

// Provider returns one entry. The error wraps store.ErrNotFound.
func (b *Bridge) Provider(id string) (store.ProviderConfig, error) {
	for _, p := range b.Providers() {
		if p.ID == id {
			return p, nil
		}
	}
	return store.ProviderConfig{}, fmt.Errorf("there is no provider %q; choose another model, or add the provider in the settings (%w)", id, store.ErrNotFound)
}

// SetProvider adds the entry, or replaces the one of that ID. A key that is not
// nil goes into the keychain; an empty one is removed from it.
func (b *Bridge) SetProvider(ctx context.Context, p store.ProviderConfig, key *store.Secret) error {
	if err := p.Validate(); err != nil {
		return err
	}
	if p.ID == Rehearsal || p.Kind == store.ProviderRehearsal {
		return fmt.Errorf("%q is built in; choose another name (%w)", Rehearsal, store.ErrExists)
	}
	if err := b.finishRemovals(ctx, providerRemoval+p.ID); err != nil {
		return err
	}
	if key != nil {
		if err := b.SetSecret(ctx, store.ProviderSecret(p.ID, "key"), *key); err != nil {
			return err
		}
	}
	return b.UpdateSettings(func(s *store.Settings) error {
		if i := slices.IndexFunc(s.Providers, func(o store.ProviderConfig) bool { return o.ID == p.ID }); i >= 0 {
			s.Providers[i] = p
			return nil
		}
		s.Providers = append(s.Providers, p)
		return nil
	})
}

// RemoveProvider forgets the entry, its key and its secret headers.
// Conversations that used it stay, and ask for another model.
func (b *Bridge) RemoveProvider(ctx context.Context, id string) error {
	r, err := b.TakeProvider(ctx, id)
	if err != nil {
		return err
	}
	return r.Finish(ctx)
}

// forgetProvider forgets the secrets of an entry that is not there any more.
func (b *Bridge) forgetProvider(ctx context.Context, id string) error {
	refs, err := b.o.Secrets.List(ctx)
	errs := []error{err}
	for _, ref := range refs {
		if owner, ok := ref.ProviderID(); ok && owner == id {
			errs = append(errs, b.o.Secrets.Remove(ctx, ref))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("provider %q is removed, but a secret of it stayed: %w", id, err)
	}
	return nil
}

// DefaultModel returns what a new conversation starts with: the person's
// choice, else the first entry that names a model, else rehearsal.
func (b *Bridge) DefaultModel() store.ModelRef {
	s := b.o.Settings.Settings()
	if _, err := b.Provider(s.Model.Provider); err == nil {
		return s.Model
	}
	for _, p := range b.Providers() {
		if p.Model != "" {
			return store.ModelRef{Provider: p.ID, Model: p.Model}
		}
	}
	return store.ModelRef{Provider: Rehearsal, Model: Rehearsal}
}

// SetDefaultModel says what new conversations start with.
func (b *Bridge) SetDefaultModel(m store.ModelRef) error {
	if b.o.Settings.Settings().Model == m {
		return nil
	}
	return b.o.Settings.Update(func(s *store.Settings) error { s.Model = m; return nil })
}

// DetectLocal looks for model servers on this machine, on the ports where
// Ollama, LM Studio and llama.cpp listen unless told otherwise, and returns
// those that are not among the entries yet. Nothing is kept.
func (b *Bridge) DetectLocal(ctx context.Context) []store.ProviderConfig {
	have := map[string]bool{}
	for _, p := range b.Providers() {
		have[p.BaseURL] = true
		have[p.ID] = true
	}
	found := provider.Detect(ctx, b.o.HTTP)
	return slices.DeleteFunc(found, func(p store.ProviderConfig) bool { return have[p.BaseURL] || have[p.ID] })
}

// adapter is a client with the entry that it was made for. It learns which
// fields its service refuses, so it is kept as long as the entry is the same.
type adapter struct {
	entry  store.ProviderConfig
	client model.Client
	listed map[string]store.ModelLimits // what the provider said of its models; never changed, only replaced
}

// client returns the adapter for a model.
func (b *Bridge) client(ref store.ModelRef) (model.Client, error) {
	cfg, err := b.Provider(ref.Provider)
	if err != nil {
		return nil, err
	}
	b.adaptersMu.Lock()
	defer b.adaptersMu.Unlock()
	if a, ok := b.adapters[cfg.ID]; ok && reflect.DeepEqual(a.entry, cfg) {
		return a.client, nil
	}
	client, err := provider.New(cfg, provider.Options{
		Secret:  b.o.Secrets.Get,
		HTTP:    b.o.HTTP,
		Logger:  b.o.Logger,
		Now:     b.o.Now,
		Version: b.o.Version,
	})
	if err != nil {
		return nil, err
	}
	client = stoppedByRaise{client, b}
	b.adapters[cfg.ID] = adapter{entry: cfg, client: client}
	return client, nil
}

// SetSecret keeps a secret, or removes it if it is empty.
func (b *Bridge) SetSecret(ctx context.Context, ref store.SecretRef, value store.Secret) error {
	if value.Empty() {
		err := b.o.Secrets.Remove(ctx, ref)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	}
	return b.o.Secrets.Set(ctx, ref, value)
}

// RemoveSecret forgets a secret. The error wraps store.ErrNotFound if there is
// none.
func (b *Bridge) RemoveSecret(ctx context.Context, ref store.SecretRef) error {
	return b.o.Secrets.Remove(ctx, ref)
}

// Secrets returns the names of all secrets, sorted; never a value.
func (b *Bridge) Secrets(ctx context.Context) ([]store.SecretRef, error) {
	return b.o.Secrets.List(ctx)
}

// SecretState says where secrets live now.
func (b *Bridge) SecretState(ctx context.Context) store.SecretState { return b.o.Secrets.State(ctx) }

// UnlockSecrets has the operating system ask for the keychain's password.
func (b *Bridge) UnlockSecrets(ctx context.Context) error { return b.o.Secrets.Unlock(ctx) }

// UseMemorySecrets keeps secrets for this run of the program only.
func (b *Bridge) UseMemorySecrets() { b.o.Secrets.UseMemory(); b.apply() }

// UsePassphrase keeps secrets in a file sealed by the passphrase.
func (b *Bridge) UsePassphrase(ctx context.Context, passphrase store.Secret) error {
	if err := b.o.Secrets.UsePassphrase(ctx, passphrase); err != nil {
		return err
	}
	b.apply()
	return nil
}

// Service is a service that an entry can be made for.
type Service = provider.Preset

// Services returns the services whose addresses and oddities are known, in the
// order in which people are shown them, and last any other compatible one.
func Services() []Service { return provider.Presets() }

// TraceID returns the id under which Portkey's log keeps the requests of a
// conversation.
func TraceID(conversation string) string { return provider.TraceID(conversation) }

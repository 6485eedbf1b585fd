package memory

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"

	"github.com/drawbridge-app/drawbridge/store"
)

// Settings keeps the settings and the servers.
type Settings struct {
	change sync.Mutex // held while something is changed

	mu       sync.Mutex // protects what follows; each is replaced as a whole
	settings store.Settings
	servers  []store.ServerConfig
}

// NewSettings returns settings to begin with.
func NewSettings(s store.Settings, servers ...store.ServerConfig) *Settings {
	return &Settings{settings: copied(s), servers: clones(servers)}
}

// copied returns settings that share nothing with s. They are what a file of JSON
// holds, so that nothing gets lost on the way.
func copied(s store.Settings) store.Settings {
	b, err := json.Marshal(s)
	if err != nil {
		panic("memory: settings always encode: " + err.Error())
	}
	var out store.Settings
	if err := json.Unmarshal(b, &out); err != nil {
		panic("memory: settings always decode: " + err.Error())
	}
	return out
}

func clones(list []store.ServerConfig) []store.ServerConfig {
	out := make([]store.ServerConfig, len(list))
	for i, c := range list {
		out[i] = c.Clone()
	}
	return out
}

// Settings returns the settings.
func (s *Settings) Settings() store.Settings {
	s.mu.Lock()
	defer s.mu.Unlock()
	return copied(s.settings)
}

// Update changes the settings, unless change returns an error.
func (s *Settings) Update(change func(*store.Settings) error) error {
	s.change.Lock()
	defer s.change.Unlock()
	next := s.Settings()
	if err := change(&next); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settings = copied(next)
	return nil
}

// Servers returns the servers.
func (s *Settings) Servers() []store.ServerConfig {
	s.mu.Lock()
	defer s.mu.Unlock()
	return clones(s.servers)
}

// UpdateServers changes the servers, unless change returns an error. The error
// wraps store.ErrInvalid for one that cannot work, and store.ErrExists for a name
// that comes twice.
func (s *Settings) UpdateServers(change func([]store.ServerConfig) ([]store.ServerConfig, error)) error {
	s.change.Lock()
	defer s.change.Unlock()
	next, err := change(s.Servers())
	if err != nil {
		return err
	}
	names := map[string]bool{}
	for _, c := range next {
		if err := c.Validate(); err != nil {
			return err
		}
		if names[c.Name] {
			return fmt.Errorf("two servers are called %q (%w)", c.Name, store.ErrExists)
		}
		names[c.Name] = true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.servers = clones(next)
	return nil
}

// Watch yields nothing until the context ends: nobody changes these but the
// program itself.
func (s *Settings) Watch(ctx context.Context) iter.Seq[struct{}] {
	return func(func(struct{}) bool) { <-ctx.Done() }
}

// Problems returns nothing.
func (s *Settings) Problems() []string { return nil }

// Secrets keeps secrets. It is as small as the place in memory of store/secret,
// which no room below the engine may know.
type Secrets struct {
	mu     sync.Mutex // protects values
	values map[store.SecretRef]store.Secret
}

// NewSecrets returns Secrets without any.
func NewSecrets() *Secrets { return &Secrets{values: map[store.SecretRef]store.Secret{}} }

// Get returns a secret. The error wraps store.ErrNotFound.
func (s *Secrets) Get(_ context.Context, ref store.SecretRef) (store.Secret, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.values[ref]
	if !ok {
		return v, fmt.Errorf("the secret %s: %w", ref, store.ErrNotFound)
	}
	return v, nil
}

// Set keeps a secret.
func (s *Secrets) Set(_ context.Context, ref store.SecretRef, value store.Secret) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values[ref] = value
	return nil
}

// Remove forgets a secret. The error wraps store.ErrNotFound.
func (s *Secrets) Remove(_ context.Context, ref store.SecretRef) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.values[ref]; !ok {
		return fmt.Errorf("the secret %s: %w", ref, store.ErrNotFound)
	}
	delete(s.values, ref)
	return nil
}

// List returns the names of all secrets, sorted.
func (s *Secrets) List(context.Context) ([]store.SecretRef, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.values)), nil
}

// State says that they are kept for this run.
func (s *Secrets) State(context.Context) store.SecretState {
	return store.SecretState{Place: store.SecretsMemory}
}

// Unlock does nothing: nothing is locked.
func (s *Secrets) Unlock(context.Context) error { return nil }

// UseMemory does nothing: they are there already.
func (s *Secrets) UseMemory() {}

// UsePassphrase is refused: nothing is written, so there is nothing to seal. The
// error wraps store.ErrInvalid.
func (s *Secrets) UsePassphrase(context.Context, store.Secret) error {
	return fmt.Errorf("these secrets are kept in memory alone; no passphrase seals them (%w)", store.ErrInvalid)
}

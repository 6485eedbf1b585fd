package bridge

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/drawbridge-app/drawbridge/store"
)

// Removal is a server or a provider that was removed and can be taken back: it is
// out of the way at once, and what belongs to it (secrets, approvals, what was seen
// of it) stays until Finish, which is called at the latest when the bridge closes.
type Removal struct {
	// Back takes the removal back: everything is as it was. The error wraps
	// store.ErrNotFound where it is finished, and store.ErrExists where something
	// else has the name by now.
	Back func(ctx context.Context) error
	// Finish forgets what belonged to it. It is no error if it was taken back or
	// finished before; what could not be removed is tried again at the next start of
	// the program.
	Finish func(ctx context.Context) error
}

func (b *Bridge) removal(key string) Removal {
	return Removal{
		Back: func(context.Context) error { return b.takeBack(key) },
		Finish: func(ctx context.Context) error {
			b.removals.mu.Lock()
			defer b.removals.mu.Unlock()
			return b.finishRemoval(ctx, key)
		},
	}
}

// removals are those that are not finished. What is removed stands in the settings
// as well, so that a program that ends in between finishes at its next start.
type removals struct {
	mu sync.Mutex // held while something is removed, taken back or finished

	list    sync.Mutex // protects pending; never held during input or output
	pending map[string]*removed
}

func (r *removals) get(key string) *removed {
	r.list.Lock()
	defer r.list.Unlock()
	return r.pending[key]
}

// set keeps one, or with nil none.
func (r *removals) set(key string, was *removed) {
	r.list.Lock()
	defer r.list.Unlock()
	if was == nil {
		delete(r.pending, key)
		return
	}
	r.pending[key] = was
}

func (r *removals) keys() []string {
	r.list.Lock()
	defer r.list.Unlock()
	return slices.Sorted(maps.Keys(r.pending))
}

// servers are those that can be taken back.
func (r *removals) servers() (out []store.ServerConfig) {
	r.list.Lock()
	defer r.list.Unlock()
	for _, was := range r.pending {
		if was.server != nil {
			out = append(out, *was.server)
		}
	}
	return out
}

// removed is what it takes to take one back.
type removed struct {
	server   *store.ServerConfig
	provider *store.ProviderConfig
	at       int            // where it stood
	model    store.ModelRef // what new conversations began with, where it was of the provider
}

const (
	serverRemoval   = "server/"
	providerRemoval = "provider/"
)

// TakeServer stops a server and takes it out of the configuration, so that it can
// be taken back for a while. Otherwise it is RemoveServer.
func (b *Bridge) TakeServer(ctx context.Context, id string) (Removal, error) {
	if id == Workbench {
		return Removal{}, errWorkbench()
	}
	key := serverRemoval + id
	b.removals.mu.Lock()
	defer b.removals.mu.Unlock()
	if err := b.noteRemoval(key); err != nil {
		return Removal{}, err
	}
	was := &removed{}
	err := b.o.Settings.UpdateServers(func(all []store.ServerConfig) ([]store.ServerConfig, error) {
		i := slices.IndexFunc(all, func(c store.ServerConfig) bool { return c.ID == id })
		if i < 0 {
			return nil, fmt.Errorf("there is no server %q (%w)", id, store.ErrNotFound)
		}
		c := all[i].Clone()
		was.server, was.at = &c, i
		return slices.Delete(all, i, i+1), nil
	})
	if err != nil {
		return Removal{}, errors.Join(err, b.dropRemoval(key))
	}
	b.removals.set(key, was)
	b.apply()
	return b.removal(key), nil
}

// TakeProvider does the same with a provider.
func (b *Bridge) TakeProvider(_ context.Context, id string) (Removal, error) {
	key := providerRemoval + id
	b.removals.mu.Lock()
	defer b.removals.mu.Unlock()
	was := &removed{}
	err := b.UpdateSettings(func(s *store.Settings) error {
		i := slices.IndexFunc(s.Providers, func(o store.ProviderConfig) bool { return o.ID == id })
		if i < 0 {
			return fmt.Errorf("there is no provider %q to remove (%w)", id, store.ErrNotFound)
		}
		p := s.Providers[i]
		was.provider, was.at = &p, i
		s.Providers = slices.Delete(slices.Clone(s.Providers), i, i+1)
		if s.Model.Provider == id {
			was.model, s.Model = s.Model, store.ModelRef{}
		}
		if !slices.Contains(s.Removing, key) {
			s.Removing = append(slices.Clone(s.Removing), key)
		}
		return nil
	})
	if err != nil {
		return Removal{}, err
	}
	b.removals.set(key, was)
	return b.removal(key), nil
}

// takeBack is Removal.Back.
func (b *Bridge) takeBack(key string) error {
	b.removals.mu.Lock()
	defer b.removals.mu.Unlock()
	was := b.removals.get(key)
	if was == nil {
		return fmt.Errorf("it is removed for good, and cannot be taken back any more (%w)", store.ErrNotFound)
	}
	if was.provider != nil {
		err := b.UpdateSettings(func(s *store.Settings) error {
			if slices.ContainsFunc(s.Providers, func(o store.ProviderConfig) bool { return o.ID == was.provider.ID }) {
				return fmt.Errorf("there is another provider %q by now (%w)", was.provider.ID, store.ErrExists)
			}
			s.Providers = slices.Insert(slices.Clone(s.Providers), min(was.at, len(s.Providers)), *was.provider)
			if was.model != (store.ModelRef{}) && s.Model == (store.ModelRef{}) {
				s.Model = was.model
			}
			s.Removing = without(s.Removing, key)
			return nil
		})
		if err == nil {
			b.removals.set(key, nil)
		}
		return err
	}
	if err := b.free(*was.server, ""); err != nil {
		return err
	}
	err := b.o.Settings.UpdateServers(func(all []store.ServerConfig) ([]store.ServerConfig, error) {
		return slices.Insert(all, min(was.at, len(all)), was.server.Clone()), nil
	})
	if err != nil {
		return err
	}
	b.removals.set(key, nil)
	b.apply()
	return b.dropRemoval(key)
}

// finishRemoval is Removal.Finish. The lock is held.
func (b *Bridge) finishRemoval(ctx context.Context, key string) error {
	was := b.removals.get(key)
	if was == nil {
		return nil
	}
	b.removals.set(key, nil)
	var err error
	if was.server != nil {
		err = b.forgetServer(ctx, was.server.ID, was.server)
	} else {
		err = b.forgetProvider(ctx, was.provider.ID)
	}
	if err != nil {
		return err // it still stands in the settings
	}
	return b.dropRemoval(key)
}

// finishRemovals finishes all, or those of these keys: what comes under the same
// name begins from nothing.
func (b *Bridge) finishRemovals(ctx context.Context, keys ...string) error {
	b.removals.mu.Lock()
	defer b.removals.mu.Unlock()
	var errs []error
	for _, key := range b.removals.keys() {
		if len(keys) == 0 || slices.Contains(keys, key) {
			errs = append(errs, b.finishRemoval(ctx, key))
		}
	}
	return errors.Join(errs...)
}

// removalPatience bounds how long the end of the program waits for it.
const removalPatience = 10 * time.Second

// endRemovals finishes what is still pending when the bridge closes.
func (b *Bridge) endRemovals(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removalPatience)
	defer cancel()
	if err := b.finishRemovals(ctx); err != nil {
		b.o.Logger.Warn("something of what was removed stays until the next start", "error", err)
	}
}

// resumeRemovals finishes what an earlier run of the program removed and did not
// come to finish.
func (b *Bridge) resumeRemovals(ctx context.Context) {
	b.removals.mu.Lock()
	defer b.removals.mu.Unlock()
	for _, key := range b.o.Settings.Settings().Removing {
		if ctx.Err() != nil {
			return
		}
		if b.removals.get(key) != nil {
			continue
		}
		var err error
		server, isServer := strings.CutPrefix(key, serverRemoval)
		provider, isProvider := strings.CutPrefix(key, providerRemoval)
		switch {
		case isServer && !slices.ContainsFunc(b.configs(), func(c store.ServerConfig) bool { return c.ID == server }):
			err = b.forgetServer(ctx, server, nil)
		case isProvider && !slices.ContainsFunc(b.Providers(), func(p store.ProviderConfig) bool { return p.ID == provider }):
			err = b.forgetProvider(ctx, provider)
		}
		if err == nil {
			err = b.dropRemoval(key)
		}
		if err != nil {
			b.o.Logger.Warn("something of what was removed stays until the next start", "what", key, "error", err)
		}
	}
}

func (b *Bridge) noteRemoval(key string) error {
	return b.o.Settings.Update(func(s *store.Settings) error {
		if !slices.Contains(s.Removing, key) {
			s.Removing = append(slices.Clone(s.Removing), key)
		}
		return nil
	})
}

func (b *Bridge) dropRemoval(key string) error {
	return b.o.Settings.Update(func(s *store.Settings) error {
		s.Removing = without(s.Removing, key)
		return nil
	})
}

func without(list []string, one string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == one })
}

// RestoreKey takes the revocation of a key back, by its id, as long as it is not
// older than a few minutes. Only the hash of its value was ever kept, and that
// stays, so that the app that has the value gets in again. The error wraps
// store.ErrNotFound for a key that is not there, store.ErrInvalid for one that was
// revoked longer ago, and store.ErrExists where another key has its name by now.
func (b *Bridge) RestoreKey(ctx context.Context, id string) error {
	list, err := b.Keys(ctx)
	if err != nil {
		return err
	}
	for _, k := range list {
		switch {
		case k.ID != id:
			continue
		case k.RevokedAt.IsZero():
			return nil
		case b.o.Now().Sub(k.RevokedAt) > restoreTime:
			return fmt.Errorf("the key %q was revoked too long ago to be taken back; make another one (%w)", k.Name, store.ErrInvalid)
		}
		return b.editKeys(ctx, fmt.Sprintf("The revocation of the key %q was taken back.", k.Name), func(s KeyStore) error { return s.RestoreKey(ctx, id) })
	}
	return fmt.Errorf("there is no key %q (%w)", id, store.ErrNotFound)
}

// restoreTime is how long a revocation can be taken back.
const restoreTime = 5 * time.Minute

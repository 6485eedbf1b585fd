package bridge

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/drawbridge-app/drawbridge/store"
)

// KeyStore keeps keys, teams and organisations. What is written is durable when
// a method returns. store/db implements it.
type KeyStore interface {
	AddKey(ctx context.Context, k store.Key, hash [sha256.Size]byte) error
	Keys(ctx context.Context) ([]store.HashedKey, error)
	RevokeKey(ctx context.Context, id string) error
	RestoreKey(ctx context.Context, id string) error
	KeysUsed(ctx context.Context, used map[string]time.Time) error
	Teams(ctx context.Context) ([]store.Team, error)
	SetTeam(ctx context.Context, t store.Team) error
	RemoveTeam(ctx context.Context, id string) error
	Organisations(ctx context.Context) ([]store.Organisation, error)
	SetOrganisation(ctx context.Context, o store.Organisation) error
	RemoveOrganisation(ctx context.Context, id string) error
}

// keyring is the copy of the keys that requests are held against.
type keyring struct {
	store KeyStore // nil has no keys
	now   func() time.Time

	change sync.Mutex // held while something is read or written, so that the copy never goes back

	mu      sync.RWMutex // protects what follows
	callers map[[sha256.Size]byte]store.Caller
	used    map[string]time.Time // that the store does not have yet
	kept    time.Time            // when it was last given them
	// wrong counts the wrong keys since wrongSince.
	wrong      int
	wrongSince time.Time
}

// keysUsedDelay is how long it may take until it is kept that a key was used.
const keysUsedDelay = 30 * time.Second

// Authenticate returns whom a presented key belongs to. The error wraps
// store.ErrDenied for a key that is unknown, revoked or expired, and does not
// tell which; otherwise it is the store's, and then nobody is let in either.
func (b *Bridge) Authenticate(ctx context.Context, presented store.Secret) (store.Caller, error) {
	c, err := b.keyring.authenticate(ctx, presented)
	if err != nil && b.keyring.tell() {
		r := store.AuditRecord{Kind: store.AuditDecision, Client: "gateway", Decision: "deny", Reason: "A key was shown that is not known, or does not hold any more."}
		if err := b.audit.record(ctx, r, nil); err != nil && ctx.Err() == nil {
			b.o.Logger.Error("a refusal is not in the audit yet", "error", err)
		}
	}
	return c, err
}

// wrongKeys is how many wrong keys a minute the audit is told of, so that they
// do not push everything else out of it.
const wrongKeys = 60

// tell reports whether the audit is to be told of one more wrong key.
func (r *keyring) tell() bool {
	now := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Sub(r.wrongSince) >= time.Minute {
		r.wrongSince, r.wrong = now, 0
	}
	r.wrong++
	return r.wrong <= wrongKeys
}

var errKey = fmt.Errorf("the key is not known, or does not hold any more (%w)", store.ErrDenied)

func (r *keyring) authenticate(ctx context.Context, presented store.Secret) (store.Caller, error) {
	hash, ok := store.HashKey(presented)
	if !ok || r.store == nil {
		return store.Caller{}, errKey
	}
	callers, err := r.all(ctx)
	if err != nil {
		return store.Caller{}, err
	}
	// The hash of a random value tells nothing of it, so the time that a look-up
	// takes does not either.
	c, ok := callers[hash]
	now := r.now()
	if !ok || !c.Expires.IsZero() && !now.Before(c.Expires) {
		return store.Caller{}, errKey
	}
	r.mu.Lock()
	r.used[c.Key] = now
	r.mu.Unlock()
	return c, nil
}

// all returns the copy, read if need be. It is replaced as a whole.
func (r *keyring) all(ctx context.Context) (map[[sha256.Size]byte]store.Caller, error) {
	r.mu.RLock()
	callers := r.callers
	r.mu.RUnlock()
	if callers != nil {
		return callers, nil
	}
	r.change.Lock()
	defer r.change.Unlock()
	return r.read(ctx)
}

// read reads the copy. change is held.
func (r *keyring) read(ctx context.Context) (map[[sha256.Size]byte]store.Caller, error) {
	keys, err := r.store.Keys(ctx)
	if err != nil {
		return nil, err
	}
	teams, err := r.store.Teams(ctx)
	if err != nil {
		return nil, err
	}
	orgs, err := r.store.Organisations(ctx)
	if err != nil {
		return nil, err
	}
	callers := map[[sha256.Size]byte]store.Caller{}
	for _, k := range keys {
		if !k.RevokedAt.IsZero() {
			continue
		}
		team, org, ok := within(k.Key, teams, orgs)
		if ok {
			callers[k.Hash] = store.NewCaller(k.Key, team, org)
		}
	}
	r.mu.Lock()
	r.callers = callers
	r.mu.Unlock()
	return callers, nil
}

// within finds the team and the organisation of a key. It reports false if one
// that is named is gone: then nobody knows what bounds the key.
func within(k store.Key, teams []store.Team, orgs []store.Organisation) (*store.Team, *store.Organisation, bool) {
	if k.Team == "" {
		return nil, nil, true
	}
	for i := range teams {
		if teams[i].ID != k.Team {
			continue
		}
		if teams[i].Organisation == "" {
			return &teams[i], nil, true
		}
		for j := range orgs {
			if orgs[j].ID == teams[i].Organisation {
				return &teams[i], &orgs[j], true
			}
		}
		return nil, nil, false
	}
	return nil, nil, false
}

// edit runs a change of the store, and has the copy be read anew.
func (b *Bridge) editKeys(ctx context.Context, what string, change func(KeyStore) error) error {
	r := b.keyring
	if r.store == nil {
		return fmt.Errorf("keys are not kept here (%w)", store.ErrInvalid)
	}
	r.change.Lock()
	defer r.change.Unlock()
	err := change(r.store)
	r.mu.Lock()
	r.callers = nil // also after an error: it may be written all the same
	r.mu.Unlock()
	if err != nil {
		return err
	}
	b.keysChanged.fire()
	return b.audit.record(ctx, store.AuditRecord{Kind: store.AuditKey, Client: "person", Decision: "allow", Reason: clipAudit(what, 500)}, nil)
}

// WhenKeysChange returns a channel that is closed at the next change of keys,
// teams or organisations.
func (b *Bridge) WhenKeysChange() <-chan struct{} { return b.keysChanged.wait() }

// AddKey makes a key with a name and limits, in a team if one is named (by id or
// name). The value is returned this once; only its hash is kept. The error wraps
// store.ErrExists, store.ErrInvalid or store.ErrNotFound.
func (b *Bridge) AddKey(ctx context.Context, name, team string, limits store.Limits) (store.Key, store.Secret, error) {
	if err := checkName("key", name); err != nil {
		return store.Key{}, store.Secret{}, err
	}
	k := store.Key{ID: store.NewID(), Name: name, Limits: limits, CreatedAt: b.o.Now()}
	if team != "" {
		t, err := b.Team(ctx, team)
		if err != nil {
			return store.Key{}, store.Secret{}, err
		}
		k.Team = t.ID
	}
	value := store.NewKeyValue()
	hash, ok := store.HashKey(value)
	if !ok {
		return store.Key{}, store.Secret{}, errors.New("a new key could not be made")
	}
	err := b.editKeys(ctx, fmt.Sprintf("The key %q was made.", name), func(s KeyStore) error { return s.AddKey(ctx, k, hash) })
	if err != nil {
		return store.Key{}, store.Secret{}, err
	}
	return k, value, nil
}

func checkName(what, name string) error {
	if strings.TrimSpace(name) == "" || len(name) > 100 || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return fmt.Errorf("the %s needs a name of at most 100 bytes, without control characters (%w)", what, store.ErrInvalid)
	}
	return nil
}

// Keys returns all keys, the oldest first, revoked ones too.
func (b *Bridge) Keys(ctx context.Context) ([]store.Key, error) {
	if b.keyring.store == nil {
		return nil, nil
	}
	list, err := b.keyring.store.Keys(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]store.Key, 0, len(list))
	b.keyring.mu.RLock()
	defer b.keyring.mu.RUnlock()
	for _, k := range list {
		if at := b.keyring.used[k.ID]; at.After(k.UsedAt) {
			k.UsedAt = at
		}
		out = append(out, k.Key)
	}
	return out, nil
}

// KeyNames returns what the keys are called, by id, revoked ones too.
func (b *Bridge) KeyNames(ctx context.Context) (map[string]string, error) {
	list, err := b.Keys(ctx)
	out := make(map[string]string, len(list))
	for _, k := range list {
		out[k.ID] = k.Name
	}
	return out, err
}

// RevokeKey ends a key, by its id or the name of one that holds. The
// error wraps store.ErrNotFound.
func (b *Bridge) RevokeKey(ctx context.Context, idOrName string) error {
	list, err := b.Keys(ctx)
	if err != nil {
		return err
	}
	for _, k := range list {
		if k.ID == idOrName || k.Name == idOrName && k.RevokedAt.IsZero() {
			return b.editKeys(ctx, fmt.Sprintf("The key %q was revoked.", k.Name), func(s KeyStore) error { return s.RevokeKey(ctx, k.ID) })
		}
	}
	return fmt.Errorf("there is no key %q; drawbridge keys list shows those there are (%w)", idOrName, store.ErrNotFound)
}

// Teams returns all teams by name.
func (b *Bridge) Teams(ctx context.Context) ([]store.Team, error) {
	if b.keyring.store == nil {
		return nil, nil
	}
	return b.keyring.store.Teams(ctx)
}

// Team returns a team by id or name. The error wraps store.ErrNotFound.
func (b *Bridge) Team(ctx context.Context, idOrName string) (store.Team, error) {
	list, err := b.Teams(ctx)
	if err != nil {
		return store.Team{}, err
	}
	for _, t := range list {
		if t.ID == idOrName || t.Name == idOrName {
			return t, nil
		}
	}
	return store.Team{}, fmt.Errorf("there is no team %q (%w)", idOrName, store.ErrNotFound)
}

// SetTeam keeps a team; one without an ID is new. Its Organisation is an id or a
// name. What it limits holds at once for all its keys.
func (b *Bridge) SetTeam(ctx context.Context, t store.Team) (store.Team, error) {
	if err := checkName("team", t.Name); err != nil {
		return store.Team{}, err
	}
	if t.ID == "" {
		t.ID = store.NewID()
	}
	if t.Organisation != "" {
		o, err := b.Organisation(ctx, t.Organisation)
		if err != nil {
			return store.Team{}, err
		}
		t.Organisation = o.ID
	}
	return t, b.editKeys(ctx, fmt.Sprintf("The team %q was set.", t.Name), func(s KeyStore) error { return s.SetTeam(ctx, t) })
}

// RemoveTeam removes a team that no key is in that holds.
func (b *Bridge) RemoveTeam(ctx context.Context, idOrName string) error {
	t, err := b.Team(ctx, idOrName)
	if err != nil {
		return err
	}
	return b.editKeys(ctx, fmt.Sprintf("The team %q was removed.", t.Name), func(s KeyStore) error { return s.RemoveTeam(ctx, t.ID) })
}

// Organisations returns all organisations by name.
func (b *Bridge) Organisations(ctx context.Context) ([]store.Organisation, error) {
	if b.keyring.store == nil {
		return nil, nil
	}
	return b.keyring.store.Organisations(ctx)
}

// Organisation returns one by id or name. The error wraps store.ErrNotFound.
func (b *Bridge) Organisation(ctx context.Context, idOrName string) (store.Organisation, error) {
	list, err := b.Organisations(ctx)
	if err != nil {
		return store.Organisation{}, err
	}
	for _, o := range list {
		if o.ID == idOrName || o.Name == idOrName {
			return o, nil
		}
	}
	return store.Organisation{}, fmt.Errorf("there is no organisation %q (%w)", idOrName, store.ErrNotFound)
}

// SetOrganisation keeps an organisation; one without an ID is new.
func (b *Bridge) SetOrganisation(ctx context.Context, o store.Organisation) (store.Organisation, error) {
	if err := checkName("organisation", o.Name); err != nil {
		return store.Organisation{}, err
	}
	if o.ID == "" {
		o.ID = store.NewID()
	}
	return o, b.editKeys(ctx, fmt.Sprintf("The organisation %q was set.", o.Name), func(s KeyStore) error { return s.SetOrganisation(ctx, o) })
}

// RemoveOrganisation removes an organisation without teams.
func (b *Bridge) RemoveOrganisation(ctx context.Context, idOrName string) error {
	o, err := b.Organisation(ctx, idOrName)
	if err != nil {
		return err
	}
	return b.editKeys(ctx, fmt.Sprintf("The organisation %q was removed.", o.Name), func(s KeyStore) error { return s.RemoveOrganisation(ctx, o.ID) })
}

// keepUsed keeps when keys were used, now and then, or at once at the end.
func (r *keyring) keepUsed(ctx context.Context, end bool) error {
	r.mu.Lock()
	used := r.used
	if len(used) == 0 || !end && r.now().Sub(r.kept) < keysUsedDelay {
		r.mu.Unlock()
		return nil
	}
	r.used, r.kept = map[string]time.Time{}, r.now()
	r.mu.Unlock()
	err := r.store.KeysUsed(ctx, used)
	if err != nil {
		r.mu.Lock()
		for id, at := range used {
			if at.After(r.used[id]) {
				r.used[id] = at
			}
		}
		r.mu.Unlock()
	}
	return err
}

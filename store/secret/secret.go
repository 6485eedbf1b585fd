// Package secret keeps keys, tokens and passwords: in the keychain of the
// operating system, and where there is none, in the memory of this run or in a
// file sealed by a passphrase, whichever the person chooses. Nothing is chosen
// silently, and no value is ever written in plain text.
//
// Keychains take short values only, so one of more than 2,000 bytes is sealed in
// a file of its own under a key that is the keychain's item. A value is read
// once and then kept in memory. Every call of the operating system runs on a
// goroutine of its own and is given up after three seconds, except Unlock, which
// waits for a person. The names of secrets, which are no secrets, are listed in
// secrets.json, because keychains cannot list them.
//
//	secrets := secret.Open(home)
//	err := secrets.Set(ctx, store.ProviderSecret("openai", "key"), key)
//	if errors.Is(err, store.ErrNoKeychain) { … secrets.UseMemory() … }
package secret

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/drawbridge-app/drawbridge/store"
)

// Store keeps secrets in one place. All methods may be called from any
// goroutine, but may wait (for the keychain 3 s at most), so not from the one
// that draws the window.
type Store struct {
	keychain *keychain
	file     *sealedFile

	mu     sync.Mutex // protects memory
	memory map[store.SecretRef]store.Secret
	used   bool // memory is the place
}

// place is what holds secrets. Its errors are those of Store.
type place interface {
	get(context.Context, store.SecretRef) (store.Secret, error)
	set(context.Context, store.SecretRef, store.Secret) error
	remove(context.Context, store.SecretRef) error
	list(context.Context) ([]store.SecretRef, error)
}

type options struct {
	system system        // the keychain
	limit  time.Duration // for a call of it
	work   int           // of scrypt: the logarithm of its rounds
	now    func() time.Time
}

// Open returns the secrets of one home. It does no input or output. A sealed
// file in the home is the place that the person chose; otherwise it is the
// keychain.
func Open(home string) *Store {
	if abs, err := filepath.Abs(home); err == nil {
		home = abs
	}
	if real, err := filepath.EvalSymlinks(home); err == nil {
		home = real // so that one home has one name
	}
	return openWith(home, options{
		system: newSystem(serviceName(home), os.Getenv),
		limit:  3 * time.Second,
		work:   18, // about a second
		now:    time.Now,
	})
}

func openWith(home string, o options) *Store {
	return &Store{
		keychain: newKeychain(home, o),
		file:     &sealedFile{path: filepath.Join(home, "secrets.age"), work: o.work},
		memory:   map[store.SecretRef]store.Secret{},
	}
}

// place returns where secrets live now.
func (s *Store) place() (place, store.SecretPlace) {
	s.mu.Lock()
	used := s.used
	s.mu.Unlock()
	switch {
	case used:
		return (*memory)(s), store.SecretsMemory
	case s.file.chosen():
		return s.file, store.SecretsPassphrase
	}
	return s.keychain, store.SecretsKeychain
}

// Get returns a secret. The error wraps store.ErrNotFound, or store.ErrLocked
// if a person has to unlock the place first, or store.ErrNoKeychain if there is
// no place.
func (s *Store) Get(ctx context.Context, ref store.SecretRef) (store.Secret, error) {
	if err := check(ref); err != nil {
		return store.Secret{}, err
	}
	p, _ := s.place()
	return p.get(ctx, ref)
}

// Set keeps a secret, in place of any earlier one of that name. It is kept when
// Set returns nil. The errors are those of Get, and store.ErrInvalid for a name
// or value that cannot be kept.
func (s *Store) Set(ctx context.Context, ref store.SecretRef, value store.Secret) error {
	if err := check(ref); err != nil {
		return err
	}
	if value.Empty() {
		return fmt.Errorf("the secret %q is empty; remove it instead (%w)", ref, store.ErrInvalid)
	}
	if len(value.Reveal()) > maxValue {
		return fmt.Errorf("the secret %q is longer than %d MB (%w)", ref, maxValue>>20, store.ErrInvalid)
	}
	p, _ := s.place()
	return p.set(ctx, ref, value)
}

// Remove forgets a secret. The errors are those of Get.
func (s *Store) Remove(ctx context.Context, ref store.SecretRef) error {
	if err := check(ref); err != nil {
		return err
	}
	p, _ := s.place()
	return p.remove(ctx, ref)
}

// List returns the names of the secrets that are kept, in order. The keychain
// need not be unlocked for it, the sealed file must be.
func (s *Store) List(ctx context.Context) ([]store.SecretRef, error) {
	p, _ := s.place()
	return p.list(ctx)
}

// State says where secrets live now, and asks the operating system for it if
// that is the keychain.
func (s *Store) State(ctx context.Context) store.SecretState {
	_, place := s.place()
	switch place {
	case store.SecretsPassphrase:
		return store.SecretState{Place: place, Locked: !s.file.open()}
	case store.SecretsKeychain:
		return s.keychain.state(ctx)
	default:
		return store.SecretState{Place: place}
	}
}

// Unlock has the operating system ask the person to unlock its keychain, and
// waits until they did, without a limit of time; the context can end it. It is
// nil if the keychain is not locked. The error wraps store.ErrLocked if the
// person refused, or if the place is the sealed file, which UsePassphrase opens.
func (s *Store) Unlock(ctx context.Context) error {
	_, place := s.place()
	switch {
	case place == store.SecretsMemory || place == store.SecretsPassphrase && s.file.open():
		return nil
	case place == store.SecretsPassphrase:
		return errFileLocked
	}
	return s.keychain.unlock(ctx)
}

// UseMemory keeps secrets in memory from now on, until the program ends.
func (s *Store) UseMemory() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used = true
}

// UsePassphrase opens the sealed file, or makes it if there is none; from then
// on it is the place, at the next start too. What was kept in memory is carried
// over. It takes about a second of computing. The error wraps store.ErrDenied
// if the passphrase is wrong, store.ErrDamaged if the file cannot be read (it is
// left as it is), store.ErrNewer, or store.ErrInvalid for an empty passphrase.
func (s *Store) UsePassphrase(ctx context.Context, passphrase store.Secret) error {
	s.mu.Lock()
	carry := maps.Clone(s.memory)
	s.mu.Unlock()
	if err := s.file.unlock(ctx, passphrase, carry); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used = false
	clear(s.memory)
	return nil
}

const (
	maxName  = 600     // bytes of a name
	maxValue = 1 << 20 // bytes of a value
)

func check(ref store.SecretRef) error {
	if ref == "" || len(ref) > maxName || strings.ContainsFunc(string(ref), func(r rune) bool { return r < ' ' || r == 0x7f || r == '\ufffd' }) {
		return fmt.Errorf("%q is no name for a secret; use at most %d plain characters (%w)", ref, maxName, store.ErrInvalid)
	}
	return nil
}

func notFound(ref store.SecretRef) error {
	return fmt.Errorf("the secret %q: %w", ref, store.ErrNotFound)
}

// memory is the place that lasts for this run.
type memory Store

func (m *memory) get(_ context.Context, ref store.SecretRef) (store.Secret, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := m.memory[ref]
	if !ok {
		return v, notFound(ref)
	}
	return v, nil
}

func (m *memory) set(_ context.Context, ref store.SecretRef, value store.Secret) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.memory[ref] = value
	return nil
}

func (m *memory) remove(_ context.Context, ref store.SecretRef) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.memory[ref]; !ok {
		return notFound(ref)
	}
	delete(m.memory, ref)
	return nil
}

func (m *memory) list(context.Context) ([]store.SecretRef, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.memory)), nil
}

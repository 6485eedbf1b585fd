package secret

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/drawbridge-app/drawbridge/store"
)

// system is the keychain of the operating system. Its calls may hang; keychain
// sees to that.
type system interface {
	// ready says whether items can be read and written without asking a person:
	// an error that wraps store.ErrNoKeychain or store.ErrLocked if not. It ends
	// with the context.
	ready(context.Context) error
	// unlock asks the person, and ends with the context.
	unlock(context.Context) error
	// The items are named by user; get and remove wrap store.ErrNotFound.
	get(user string) (string, error)
	set(user, value string) error
	remove(user string) error
}

// serviceName names the items of one home in the keychain, so that two homes do
// not share any.
func serviceName(home string) string {
	sum := sha256.Sum256([]byte(home))
	return "drawbridge-" + hex.EncodeToString(sum[:6])
}

// keychain is the place in the keychain of the operating system.
type keychain struct {
	sys    system
	limit  time.Duration
	sealed string // the folder of long values
	index  index  // used by the one who has the slot

	// slot holds one token: only one call of the system runs at a time, also
	// when nobody waits for it any more.
	slot chan struct{}
	// asking is set while the one who has the slot may be waiting for a person.
	asking atomic.Bool

	mu    sync.Mutex // protects known
	known map[store.SecretRef]store.Secret
}

func newKeychain(home string, o options) *keychain {
	return &keychain{
		sys: o.system, limit: o.limit, sealed: filepath.Join(home, "sealed"),
		index: index{path: filepath.Join(home, "secrets.json"), now: o.now},
		slot:  make(chan struct{}, 1), known: map[store.SecretRef]store.Secret{},
	}
}

// missing says what to do where there is no keychain.
func missing(reason string) error {
	return fmt.Errorf("secrets cannot be kept, because %s; mend that, or choose in Drawbridge's settings to keep them for this run only or in a file sealed by a passphrase (%w)",
		reason, store.ErrNoKeychain)
}

// do runs f off the caller's goroutine, once the system is ready, within the
// limit. If f outlasts it, f goes on alone, and later calls wait for it in
// vain until it ends.
func (k *keychain) do(ctx context.Context, f func() error) error {
	limited, cancel := context.WithTimeout(ctx, k.limit)
	defer cancel()
	late := func() error {
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("ask the keychain: %w", context.Cause(ctx))
		case k.asking.Load():
			return fmt.Errorf("the keychain did not answer within %v; if it shows a dialog, answer that, and try again (%w)", k.limit, store.ErrLocked)
		}
		return missing(fmt.Sprintf("the keychain did not answer within %v", k.limit))
	}
	select {
	case k.slot <- struct{}{}:
	case <-limited.Done():
		return late()
	}
	done := make(chan error, 1)
	go func() {
		defer k.release()
		err := k.sys.ready(limited)
		if err == nil && limited.Err() == nil {
			k.asking.Store(true)
			err = f()
		}
		done <- err
	}()
	select {
	case err := <-done:
		if limited.Err() != nil && (errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)) {
			return late()
		}
		return err
	case <-limited.Done():
		return late()
	}
}

func (k *keychain) release() {
	k.asking.Store(false)
	<-k.slot
}

// unlock waits for a person.
func (k *keychain) unlock(ctx context.Context) error {
	select {
	case k.slot <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("unlock the keychain: %w", context.Cause(ctx))
	}
	done := make(chan error, 1)
	go func() {
		defer k.release()
		k.asking.Store(true)
		done <- k.sys.unlock(ctx)
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("unlock the keychain: %w", context.Cause(ctx))
	}
}

func (k *keychain) state(ctx context.Context) store.SecretState {
	err := k.do(ctx, func() error { return nil })
	switch {
	case err == nil:
		return store.SecretState{Place: store.SecretsKeychain}
	case errors.Is(err, store.ErrLocked):
		return store.SecretState{Place: store.SecretsKeychain, Locked: true}
	}
	return store.SecretState{Place: store.SecretsNowhere, Reason: err.Error()}
}

func (k *keychain) recall(ref store.SecretRef) (store.Secret, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	v, ok := k.known[ref]
	return v, ok
}

func (k *keychain) remember(ref store.SecretRef, v store.Secret) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.known[ref] = v
}

func (k *keychain) forget(ref store.SecretRef) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.known, ref)
}

func (k *keychain) get(ctx context.Context, ref store.SecretRef) (store.Secret, error) {
	if v, ok := k.recall(ref); ok {
		return v, nil
	}
	var out store.Secret
	err := k.do(ctx, func() error {
		if v, ok := k.recall(ref); ok { // somebody else just read it
			out = v
			return nil
		}
		item, err := k.sys.get(string(ref))
		if errors.Is(err, store.ErrNotFound) {
			return notFound(ref)
		}
		if err != nil {
			return err
		}
		v, err := k.open(ref, item)
		if err != nil {
			return err
		}
		k.remember(ref, v)
		out = v
		return nil
	})
	if err != nil {
		return store.Secret{}, err // out may still be written to
	}
	return out, nil
}

func (k *keychain) set(ctx context.Context, ref store.SecretRef, value store.Secret) error {
	return k.do(ctx, func() error {
		// The name first: a name without an item does no harm, an item that
		// nobody can find does.
		added, err := k.index.add(ref)
		if err != nil {
			return err
		}
		item, file, err := k.seal(ref, value)
		if err == nil {
			err = k.put(ref, item)
		}
		if err != nil {
			if file != "" {
				_ = os.Remove(file)
			}
			if added {
				err = errors.Join(err, k.index.remove(ref))
			}
			return err
		}
		k.remember(ref, value)
		return k.sweep(ref, file)
	})
}

// put writes an item and reads it back: a dialog that is dismissed is no error
// to some keychains.
func (k *keychain) put(ref store.SecretRef, item string) error {
	if err := k.sys.set(string(ref), item); err != nil {
		return err
	}
	back, err := k.sys.get(string(ref))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if err != nil || back != item {
		k.forget(ref) // what is there now is not what was
		return fmt.Errorf("the keychain did not keep the secret %q; if it showed a dialog, allow it there, and try again (%w)", ref, store.ErrLocked)
	}
	return nil
}

func (k *keychain) remove(ctx context.Context, ref store.SecretRef) error {
	return k.do(ctx, func() error {
		err := k.sys.remove(string(ref))
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		k.forget(ref)
		gone := err != nil
		if err := errors.Join(k.sweep(ref, ""), k.index.remove(ref)); err != nil {
			return err
		}
		if gone {
			return notFound(ref)
		}
		return nil
	})
}

func (k *keychain) list(ctx context.Context) ([]store.SecretRef, error) {
	select { // the list is not read while it is written
	case k.slot <- struct{}{}:
		defer func() { <-k.slot }()
		return k.index.read()
	case <-ctx.Done():
		return nil, fmt.Errorf("list the secrets: %w", context.Cause(ctx))
	case <-time.After(k.limit):
		return nil, missing(fmt.Sprintf("the keychain has not answered for %v", k.limit))
	}
}

// maxItem is how long a value may be to be an item itself. macOS takes about
// 2,900 bytes, Windows 2,560.
const maxItem = 2000

// sealedItem begins the item of a value that is sealed in a file. It is
// followed by the file's name and the key. A short value that begins so is
// sealed too.
const sealedItem = "drawbridge-sealed:1:"

// seal returns what the keychain gets, and the file that holds the value if it
// is too long for an item. Each file has a new name and key, so that the old
// ones hold until the item is replaced.
func (k *keychain) seal(ref store.SecretRef, value store.Secret) (item, file string, err error) {
	plain := value.Reveal()
	if len(plain) <= maxItem && !strings.HasPrefix(plain, sealedItem) {
		return plain, "", nil
	}
	key := make([]byte, 32)
	_, _ = rand.Read(key) // it never fails
	aead, err := newAEAD(key)
	if err != nil {
		return "", "", err
	}
	name := sealedPrefix(ref) + store.NewID()
	file = filepath.Join(k.sealed, name)
	if err := writeFile(file, aead.Seal(nil, nil, []byte(plain), []byte(ref))); err != nil {
		return "", "", err
	}
	return sealedItem + name + ":" + base64.RawStdEncoding.EncodeToString(key), file, nil
}

// open returns the value of an item.
func (k *keychain) open(ref store.SecretRef, item string) (store.Secret, error) {
	rest, sealed := strings.CutPrefix(item, sealedItem)
	if !sealed {
		return store.NewSecret(item), nil
	}
	damaged := func(err error) error {
		return fmt.Errorf("the sealed file of the secret %q cannot be used: %w; set the secret anew (%w)", ref, err, store.ErrDamaged)
	}
	name, encoded, ok := strings.Cut(rest, ":")
	key, err := base64.RawStdEncoding.DecodeString(encoded)
	if !ok || err != nil || !strings.HasPrefix(name, sealedPrefix(ref)) || filepath.Base(name) != name {
		return store.Secret{}, damaged(errors.New("its item in the keychain is broken"))
	}
	aead, err := newAEAD(key)
	if err != nil {
		return store.Secret{}, damaged(errors.New("its key in the keychain is broken"))
	}
	b, err := os.ReadFile(filepath.Join(k.sealed, name))
	if err != nil {
		return store.Secret{}, damaged(err)
	}
	plain, err := aead.Open(nil, nil, b, []byte(ref))
	if err != nil {
		return store.Secret{}, damaged(errors.New("it was changed or cut short"))
	}
	return store.NewSecret(string(plain)), nil
}

// newAEAD is AES-256-GCM with a random nonce in front of the text.
func newAEAD(key []byte) (cipher.AEAD, error) {
	if len(key) != 32 {
		return nil, fmt.Errorf("a key of %d bytes (%w)", len(key), store.ErrInvalid)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// sealedPrefix begins the names of the sealed files of a secret.
func sealedPrefix(ref store.SecretRef) string {
	sum := sha256.Sum256([]byte(ref))
	return hex.EncodeToString(sum[:16]) + "-"
}

// sweep removes the sealed files of a secret but one.
func (k *keychain) sweep(ref store.SecretRef, keep string) error {
	entries, err := os.ReadDir(k.sealed)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var errs error
	for _, e := range entries {
		path := filepath.Join(k.sealed, e.Name())
		if path != keep && strings.HasPrefix(e.Name(), sealedPrefix(ref)) {
			errs = errors.Join(errs, os.Remove(path))
		}
	}
	return errs
}

package secret

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"sync"

	"filippo.io/age"

	"github.com/drawbridge-app/drawbridge/store"
)

// sealedFile is the place in one file, encrypted with a passphrase in the format
// of age (age-encryption.org/v1, scrypt).
type sealedFile struct {
	path string
	work int

	writing    sync.Mutex // held while the file is read or written, before mu
	passphrase store.Secret

	mu     sync.Mutex                       // protects values, which is replaced, never changed
	values map[store.SecretRef]store.Secret // nil while it is locked
}

const fileVersion = 1

// plainFile is what is encrypted.
type plainFile struct {
	Version int                        `json:"version"`
	Secrets map[store.SecretRef][]byte `json:"secrets"`
}

var errFileLocked = fmt.Errorf("the file of secrets is locked; type its passphrase first (%w)", store.ErrLocked)

// chosen reports whether the person chose this place.
func (f *sealedFile) chosen() bool {
	if f.open() {
		return true
	}
	_, err := os.Lstat(f.path)
	return err == nil || !errors.Is(err, fs.ErrNotExist)
}

// open reports whether the passphrase is known.
func (f *sealedFile) open() bool { return f.now() != nil }

func (f *sealedFile) now() map[store.SecretRef]store.Secret {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.values
}

func (f *sealedFile) take(values map[store.SecretRef]store.Secret) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.values = values
}

// unlock opens the file, or makes it, and adds to it what it does not have of
// carry. It runs off the caller's goroutine; when the context ends, it goes on
// alone.
func (f *sealedFile) unlock(ctx context.Context, passphrase store.Secret, carry map[store.SecretRef]store.Secret) error {
	if passphrase.Empty() {
		return fmt.Errorf("the passphrase is empty; type one (%w)", store.ErrInvalid)
	}
	return background(ctx, func() error {
		f.writing.Lock()
		defer f.writing.Unlock()
		values, err := f.read(passphrase)
		fresh := errors.Is(err, fs.ErrNotExist)
		if err != nil && !fresh {
			return err
		}
		changed := fresh
		for ref, v := range carry {
			if _, there := values[ref]; !there {
				values[ref], changed = v, true
			}
		}
		if changed {
			if err := f.write(passphrase, values); err != nil {
				return err
			}
		}
		f.passphrase = passphrase
		f.take(values)
		return nil
	})
}

// background runs f on a goroutine of its own, and stops waiting for it when the
// context ends.
func background(ctx context.Context, f func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("open or write the file of secrets: %w", context.Cause(ctx))
	}
}

// read returns what the file holds; an empty map and fs.ErrNotExist if there is
// none.
func (f *sealedFile) read(passphrase store.Secret) (map[store.SecretRef]store.Secret, error) {
	b, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return map[store.SecretRef]store.Secret{}, fs.ErrNotExist
	}
	if err != nil {
		return nil, fmt.Errorf("the file of secrets cannot be read; check its rights: %w", err)
	}
	damaged := fmt.Errorf("the file of secrets %s is damaged; restore it from a backup, or move it away to begin anew (%w)", f.path, store.ErrDamaged)
	id, err := age.NewScryptIdentity(passphrase.Reveal())
	if err != nil {
		return nil, fmt.Errorf("the passphrase cannot be used: %w", err)
	}
	r, err := age.Decrypt(bytes.NewReader(b), id)
	if err != nil {
		if wrong := new(age.NoIdentityMatchError); errors.As(err, &wrong) {
			return nil, fmt.Errorf("the passphrase is not that of the file of secrets; try again (%w)", store.ErrDenied)
		}
		return nil, damaged
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		return nil, damaged
	}
	var p plainFile
	if err := json.Unmarshal(plain, &p); err != nil || p.Version < 1 {
		return nil, damaged // without err, which may quote a value
	}
	if p.Version > fileVersion {
		return nil, fmt.Errorf("the file of secrets %s is of version %d, and this program knows %d at most; start the newer version of Drawbridge (%w)",
			f.path, p.Version, fileVersion, store.ErrNewer)
	}
	values := map[store.SecretRef]store.Secret{}
	for ref, v := range p.Secrets {
		values[ref] = store.NewSecret(string(v))
	}
	return values, nil
}

func (f *sealedFile) write(passphrase store.Secret, values map[store.SecretRef]store.Secret) error {
	to, err := age.NewScryptRecipient(passphrase.Reveal())
	if err != nil {
		return fmt.Errorf("the passphrase cannot be used: %w", err)
	}
	to.SetWorkFactor(f.work)
	p := plainFile{fileVersion, map[store.SecretRef][]byte{}}
	for ref, v := range values {
		p.Secrets[ref] = []byte(v.Reveal())
	}
	plain, err := json.Marshal(p)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	w, err := age.Encrypt(&b, to)
	if err == nil {
		_, err = w.Write(plain)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return fmt.Errorf("seal the file of secrets: %w", err)
	}
	return writeFile(f.path, b.Bytes())
}

func (f *sealedFile) get(_ context.Context, ref store.SecretRef) (store.Secret, error) {
	values := f.now()
	if values == nil {
		return store.Secret{}, errFileLocked
	}
	v, ok := values[ref]
	if !ok {
		return store.Secret{}, notFound(ref)
	}
	return v, nil
}

// change writes the file with other values, and keeps the old ones if that
// fails.
func (f *sealedFile) change(ctx context.Context, change func(map[store.SecretRef]store.Secret) error) error {
	return background(ctx, func() error {
		f.writing.Lock()
		defer f.writing.Unlock()
		values := f.now()
		if values == nil {
			return errFileLocked
		}
		next := maps.Clone(values)
		if err := change(next); err != nil {
			return err
		}
		if err := f.write(f.passphrase, next); err != nil {
			return err
		}
		f.take(next)
		return nil
	})
}

func (f *sealedFile) set(ctx context.Context, ref store.SecretRef, value store.Secret) error {
	return f.change(ctx, func(m map[store.SecretRef]store.Secret) error {
		m[ref] = value
		return nil
	})
}

func (f *sealedFile) remove(ctx context.Context, ref store.SecretRef) error {
	return f.change(ctx, func(m map[store.SecretRef]store.Secret) error {
		if _, ok := m[ref]; !ok {
			return notFound(ref)
		}
		delete(m, ref)
		return nil
	})
}

func (f *sealedFile) list(context.Context) ([]store.SecretRef, error) {
	values := f.now()
	if values == nil {
		return nil, errFileLocked
	}
	return slices.Sorted(maps.Keys(values)), nil
}

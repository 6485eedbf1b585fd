package secret

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/drawbridge-app/drawbridge/store"
)

// writeFile replaces a file, whole or not at all: a new file in the same
// folder, readable by its owner alone, synced, and renamed over the old one.
func writeFile(path string, data []byte) (err error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".new-*") // with rights 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
			err = fmt.Errorf("%s cannot be written; check the free space and the rights of its folder: %w", path, err)
		}
	}()
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir makes a renamed name durable. Windows has no such call; there the
// file system's own log does it.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// index is the list of the names in the keychain. One goroutine at a time uses
// it.
type index struct {
	path string
	now  func() time.Time
}

const indexVersion = 1

type indexFile struct {
	Version int               `json:"version"`
	Names   []store.SecretRef `json:"names"`
}

// read returns the names. A list that cannot be read is kept aside: the secrets
// themselves are in the keychain, and each is listed again when it is next set.
func (x *index) read() ([]store.SecretRef, error) {
	b, err := os.ReadFile(x.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("the list of secrets cannot be read: %w", err)
	}
	var f indexFile
	if err := json.Unmarshal(b, &f); err != nil || f.Version < 1 {
		return nil, x.keepAside()
	}
	if f.Version > indexVersion {
		return nil, fmt.Errorf("the list of secrets %s is of version %d, and this program knows %d at most; start the newer version of Drawbridge (%w)",
			x.path, f.Version, indexVersion, store.ErrNewer)
	}
	slices.Sort(f.Names)
	return slices.Compact(f.Names), nil
}

func (x *index) keepAside() error {
	base := x.path + ".damaged-" + x.now().UTC().Format("20060102T150405Z")
	aside := base
	for i := 2; ; i++ {
		if _, err := os.Lstat(aside); errors.Is(err, fs.ErrNotExist) {
			break
		}
		aside = fmt.Sprintf("%s-%d", base, i)
	}
	if err := os.Rename(x.path, aside); err != nil {
		return fmt.Errorf("the list of secrets is damaged and cannot be renamed: %w", err)
	}
	return syncDir(filepath.Dir(x.path))
}

func (x *index) write(names []store.SecretRef) error {
	b, err := json.MarshalIndent(indexFile{indexVersion, names}, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(x.path, append(b, '\n'))
}

// add reports whether the name was not there before.
func (x *index) add(ref store.SecretRef) (bool, error) {
	names, err := x.read()
	if err != nil {
		return false, err
	}
	at, found := slices.BinarySearch(names, ref)
	if found {
		return false, nil
	}
	return true, x.write(slices.Insert(names, at, ref))
}

func (x *index) remove(ref store.SecretRef) error {
	names, err := x.read()
	if err != nil {
		return err
	}
	at, found := slices.BinarySearch(names, ref)
	if !found {
		return nil
	}
	return x.write(slices.Delete(names, at, at+1))
}

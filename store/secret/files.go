package secret

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/drawbridge-app/drawbridge/store"
	"github.com/drawbridge-app/drawbridge/store/internal/files"
)

// writeFile replaces a file, whole or not at all. It makes the folder.
func writeFile(path string, data []byte) error {
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err == nil {
		err = files.Replace(path, data)
	}
	if err != nil {
		return fmt.Errorf("%s cannot be written; check the free space and the rights of its folder: %w", path, err)
	}
	return nil
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
	if _, err := files.PutAside(x.path, x.now()); err != nil {
		return fmt.Errorf("the list of secrets is damaged and cannot be renamed: %w", err)
	}
	return nil
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

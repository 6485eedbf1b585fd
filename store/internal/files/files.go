// Package files is what every store does with whole files: replace one so that
// a crash leaves the old one or the new one, and put a damaged one aside under a
// name that is free. It knows nothing of what is in them.
//
//	err := files.Replace(path, data)
//	…
//	aside, err := files.PutAside(path, time.Now())
package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// Replace writes a file, whole or not at all: a new file in the same folder,
// which must exist, readable by its owner alone, synced, and renamed over the
// old one. Where the path is a link, the link itself is replaced.
func Replace(path string, data []byte) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, pattern(path)) // with rights 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
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
	return SyncDir(dir)
}

func pattern(path string) string { return "." + filepath.Base(path) + ".new-*" }

// RemoveLeftovers removes the new files that calls of Replace left behind when a
// crash cut them off. It must not run beside such a call.
func RemoveLeftovers(path string) error {
	left, err := filepath.Glob(filepath.Join(filepath.Dir(path), pattern(path)))
	if err != nil {
		return nil // the folder's name is a bad pattern; leftovers do no harm
	}
	for _, l := range left {
		err = errors.Join(err, os.Remove(l))
	}
	return err
}

// SyncDir makes new, renamed and removed names of a folder durable. Windows has
// no such call; there the file system's own log does it.
func SyncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Aside is a name that is free, for a damaged file: PATH.damaged-TIMESTAMP, in
// UTC, with a number where that is taken. The name is free with each of the
// given endings, too, for files that belong to it.
func Aside(path string, now time.Time, endings ...string) string {
	base := path + ".damaged-" + now.UTC().Format("20060102T150405Z")
	aside := base
	for i := 2; taken(aside, endings); i++ {
		aside = fmt.Sprintf("%s-%d", base, i)
	}
	return aside
}

func taken(path string, endings []string) bool {
	for _, ending := range append([]string{""}, endings...) {
		if _, err := os.Lstat(path + ending); !errors.Is(err, fs.ErrNotExist) {
			return true
		}
	}
	return false
}

// PutAside renames a damaged file to the name of Aside, and returns that.
func PutAside(path string, now time.Time) (string, error) {
	aside := Aside(path, now)
	if err := os.Rename(path, aside); err != nil {
		return "", err
	}
	return aside, SyncDir(filepath.Dir(path))
}

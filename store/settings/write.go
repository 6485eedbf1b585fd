package settings

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// writeFile replaces a file, whole or not at all: a new file in the same
// folder, readable by its owner alone, synced, and renamed over the old one.
// A link is followed, so that a file kept elsewhere stays there.
func writeFile(path string, data []byte) (err error) {
	if target, lerr := filepath.EvalSymlinks(path); lerr == nil {
		path = target
	}
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, tempPattern(path)) // with rights 0600
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
	return syncDir(dir)
}

func tempPattern(path string) string { return "." + filepath.Base(path) + ".new-*" }

// removeLeftovers removes the new files of writes that a crash cut off.
func removeLeftovers(path string) error {
	left, err := filepath.Glob(filepath.Join(filepath.Dir(path), tempPattern(path)))
	if err != nil {
		return nil // the folder's name is a bad pattern; leftovers do no harm
	}
	for _, l := range left {
		err = errors.Join(err, os.Remove(l))
	}
	return err
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

// keepAside renames a damaged file to a name that is free, and returns it.
func keepAside(path string, now time.Time) (string, error) {
	base := path + ".damaged-" + now.UTC().Format("20060102T150405Z")
	aside := base
	for i := 2; ; i++ {
		if _, err := os.Lstat(aside); errors.Is(err, fs.ErrNotExist) {
			break
		}
		aside = fmt.Sprintf("%s-%d", base, i)
	}
	if err := os.Rename(path, aside); err != nil {
		return "", err
	}
	return aside, syncDir(filepath.Dir(path))
}

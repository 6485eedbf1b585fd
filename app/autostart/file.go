//go:build !windows

package autostart

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

func (a *Autostart) on() (bool, error) {
	path, err := a.path()
	if err != nil {
		return false, err
	}
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("look whether Drawbridge starts at login: %w", err)
	}
	return !entryOff(string(text)), nil
}

// write writes the file beside its place and then into it, so that a login
// meanwhile finds the old one or the new one.
func (a *Autostart) write() error {
	path, err := a.path()
	if err != nil {
		return err
	}
	fail := func(err error) error {
		return fmt.Errorf("start at login: %w. Check the rights of the folder %s", err, filepath.Dir(path))
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fail(err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".drawbridge-*")
	if err != nil {
		return fail(err)
	}
	_, err = f.WriteString(a.text())
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fail(errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}

func (a *Autostart) remove() error {
	path, err := a.path()
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("start at login no more: %w. Remove the file %s", err, path)
	}
	return nil
}

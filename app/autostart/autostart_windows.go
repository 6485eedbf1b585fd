package autostart

import (
	"errors"
	"fmt"

	"golang.org/x/sys/windows/registry"
)

// runKey is read by Windows when the person logs in.
const runKey = `Software\Microsoft\Windows\CurrentVersion\Run`

func (a *Autostart) on() (on bool, err error) {
	k, err := registry.OpenKey(registry.CURRENT_USER, runKey, registry.QUERY_VALUE)
	if err == nil {
		_, _, err = k.GetStringValue(a.o.ID)
		err = errors.Join(err, k.Close())
	}
	switch {
	case errors.Is(err, registry.ErrNotExist):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("look whether Drawbridge starts at login: %w", err)
	}
	return true, nil
}

func (a *Autostart) write() error {
	k, _, err := registry.CreateKey(registry.CURRENT_USER, runKey, registry.SET_VALUE)
	if err == nil {
		err = k.SetStringValue(a.o.ID, commandLine(a.o))
		err = errors.Join(err, k.Close())
	}
	if err != nil {
		return fmt.Errorf("start at login: %w", err)
	}
	return nil
}

func (a *Autostart) remove() error {
	k, err := registry.OpenKey(registry.CURRENT_USER, runKey, registry.SET_VALUE)
	if err == nil {
		err = errors.Join(k.DeleteValue(a.o.ID), k.Close())
	}
	if err != nil && !errors.Is(err, registry.ErrNotExist) {
		return fmt.Errorf("start at login no more: %w", err)
	}
	return nil
}

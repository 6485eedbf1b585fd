//go:build !windows && !darwin

package autostart

import (
	"fmt"
	"os"
	"path/filepath"
)

// path is the entry's place by the Desktop Application Autostart Specification.
func (a *Autostart) path() (string, error) {
	config := os.Getenv("XDG_CONFIG_HOME")
	if !filepath.IsAbs(config) {
		person, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("find your home folder: %w", err)
		}
		config = filepath.Join(person, ".config")
	}
	return filepath.Join(config, "autostart", a.o.ID+".desktop"), nil
}

func (a *Autostart) text() string { return desktopEntry(a.o) }

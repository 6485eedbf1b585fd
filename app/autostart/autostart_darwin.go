package autostart

import (
	"fmt"
	"os"
	"path/filepath"
)

// path is the agent's place; launchd reads it at login.
func (a *Autostart) path() (string, error) {
	person, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find your home folder: %w", err)
	}
	return filepath.Join(person, "Library", "LaunchAgents", a.o.ID+".plist"), nil
}

func (a *Autostart) text() string { return launchAgent(a.o) }

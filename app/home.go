package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"

	"github.com/drawbridge-app/drawbridge/bridge/setup"
)

// home is the folder with everything that the program keeps.
type home struct {
	dir    string
	logger *slog.Logger
	log    io.Closer
}

// maxLog is the size at which the program's log is put aside at start.
const maxLog = 5 << 20

// openHome opens the home of this process.
func openHome() (*home, error) {
	dir, err := homeDir()
	if err != nil {
		return nil, err
	}
	return openHomeAt(dir)
}

// openHomeAt makes the folder where it is missing, and opens the log.
func openHomeAt(dir string) (*home, error) {
	if err := os.MkdirAll(filepath.Join(dir, "logs"), 0o700); err != nil {
		return nil, fmt.Errorf("make the folder for Drawbridge's files: %w. Set DRAWBRIDGE_HOME to a folder that can be written", err)
	}
	path := filepath.Join(dir, "logs", "drawbridge.log")
	if info, err := os.Stat(path); err == nil && info.Size() > maxLog {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, fmt.Errorf("put the old log aside: %w", err)
		}
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log: %w. Set DRAWBRIDGE_HOME to a folder that can be written", err)
	}
	return &home{dir: dir, logger: slog.New(slog.NewTextHandler(f, nil)), log: f}, nil
}

// homeDir is DRAWBRIDGE_HOME, or the platform's place for an application's
// data.
func homeDir() (string, error) {
	if dir := os.Getenv("DRAWBRIDGE_HOME"); dir != "" {
		return filepath.Abs(dir)
	}
	person, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find your home folder: %w. Set DRAWBRIDGE_HOME to the folder that Drawbridge should use", err)
	}
	switch runtime.GOOS {
	case "darwin":
		return filepath.Join(person, "Library", "Application Support", "Drawbridge"), nil
	case "windows":
		if dir := os.Getenv("LOCALAPPDATA"); dir != "" {
			return filepath.Join(dir, "Drawbridge"), nil
		}
		return filepath.Join(person, "AppData", "Local", "Drawbridge"), nil
	}
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "drawbridge"), nil
	}
	return filepath.Join(person, ".local", "share", "drawbridge"), nil
}

// places says where other apps keep their files.
func places() setup.Places {
	person, err := os.UserHomeDir()
	if err != nil {
		return setup.Places{}
	}
	p := setup.Places{GOOS: runtime.GOOS, Home: person, LocalData: os.Getenv("LOCALAPPDATA"), ClaudeCode: os.Getenv("CLAUDE_CONFIG_DIR"), Codex: os.Getenv("CODEX_HOME")}
	switch runtime.GOOS {
	case "windows":
		p.Config = os.Getenv("APPDATA")
	case "linux":
		p.Config = os.Getenv("XDG_CONFIG_HOME")
	}
	return p
}

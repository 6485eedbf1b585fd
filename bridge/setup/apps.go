package setup

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Places says where other apps keep their files on this machine.
type Places struct {
	GOOS string
	// Home is the person's home folder.
	Home string
	// Config is the folder for settings: XDG_CONFIG_HOME on Linux, APPDATA on
	// Windows; empty for the platform's default under Home.
	Config string
	// LocalData is LOCALAPPDATA on Windows.
	LocalData string
}

// Found is another app's file with servers in it.
type Found struct {
	App      string
	Path     string
	Drafts   []Draft
	Problems []string
}

// ClaudeDesktop reads Claude Desktop's servers, where its file is found and
// has any. It returns false when there is nothing to offer; a file that is
// there but cannot be read gives an error that says so.
func ClaudeDesktop(p Places) (Found, bool, error) {
	for _, path := range claudePaths(p) {
		text, err := readSmall(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return Found{}, false, fmt.Errorf("read Claude Desktop's servers from %s: %w", path, err)
		}
		entries, err := entriesOf(text)
		if err != nil || len(entries) == 0 {
			continue // the app writes this file without any servers, too
		}
		drafts, problems, err := Parse(text)
		if err != nil {
			return Found{}, false, fmt.Errorf("read Claude Desktop's servers from %s: %w", path, err)
		}
		return Found{App: "Claude Desktop", Path: path, Drafts: drafts, Problems: problems}, true, nil
	}
	return Found{}, false, nil
}

func claudePaths(p Places) []string {
	const file = "claude_desktop_config.json"
	switch p.GOOS {
	case "darwin":
		return []string{filepath.Join(p.Home, "Library", "Application Support", "Claude", file)}
	case "windows":
		return []string{
			filepath.Join(cmp.Or(p.Config, filepath.Join(p.Home, "AppData", "Roaming")), "Claude", file),
			filepath.Join(cmp.Or(p.LocalData, filepath.Join(p.Home, "AppData", "Local")),
				"Packages", "Claude_pzs8sxrjxfjjc", "LocalCache", "Roaming", "Claude", file),
		}
	}
	config := cmp.Or(p.Config, filepath.Join(p.Home, ".config"))
	return []string{filepath.Join(config, "Claude", file), filepath.Join(config, "claude", file)}
}

// readSmall reads a regular file of at most maxText bytes.
func readSmall(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxText+1))
}

package setup

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
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
	// ClaudeCode and Codex are CLAUDE_CONFIG_DIR and CODEX_HOME, where set.
	ClaudeCode, Codex string
}

// Found is another app's file with servers in it.
type Found struct {
	// ID names the app to Reader and on the command line; App to a person.
	ID, App  string
	Path     string
	Drafts   []Draft
	Problems []string
}

// app is one whose file is known.
type app struct {
	id, name string
	shape    shape
	paths    func(p Places) []string
}

// config is the folder where programs keep settings.
func (p Places) config() string {
	switch p.GOOS {
	case "darwin":
		return filepath.Join(p.Home, "Library", "Application Support")
	case "windows":
		return cmp.Or(p.Config, filepath.Join(p.Home, "AppData", "Roaming"))
	}
	return cmp.Or(p.Config, filepath.Join(p.Home, ".config"))
}

// dotConfig is ~/.config, also where the platform has another place.
func (p Places) dotConfig() string {
	if p.GOOS == "linux" {
		return p.config()
	}
	return filepath.Join(p.Home, ".config")
}

func inHome(parts ...string) func(Places) []string {
	return func(p Places) []string { return []string{filepath.Join(append([]string{p.Home}, parts...)...)} }
}

var apps = []app{
	{"claude-desktop", "Claude Desktop", shape{format: formatJSON}, claudePaths},
	{"claude-code", "Claude Code", shape{format: formatJSON, braces: true}, func(p Places) []string {
		return []string{filepath.Join(cmp.Or(p.ClaudeCode, p.Home), ".claude.json")}
	}},
	{"cursor", "Cursor", shape{format: formatJSON}, inHome(".cursor", "mcp.json")},
	{"vscode", "VS Code", shape{format: formatJSON}, codePaths},
	{"lmstudio", "LM Studio", shape{format: formatJSON}, func(p Places) []string {
		return []string{filepath.Join(p.Home, ".lmstudio", "mcp.json"), filepath.Join(p.Home, ".cache", "lm-studio", "mcp.json")}
	}},
	{"windsurf", "Windsurf", shape{format: formatJSON}, inHome(".codeium", "windsurf", "mcp_config.json")},
	{"gemini", "Gemini CLI", shape{format: formatJSON, braces: true, dollar: true, percent: true, urlIsSSE: true}, inHome(".gemini", "settings.json")},
	{"zed", "Zed", shape{format: formatJSON}, func(p Places) []string {
		if p.GOOS == "windows" {
			return []string{filepath.Join(p.config(), "Zed", "settings.json")}
		}
		return []string{filepath.Join(p.dotConfig(), "zed", "settings.json")}
	}},
	{"goose", "goose", shape{format: formatYAML}, func(p Places) []string {
		if p.GOOS == "windows" {
			return []string{filepath.Join(p.config(), "Block", "goose", "config", "config.yaml")}
		}
		return []string{filepath.Join(p.dotConfig(), "goose", "config.yaml")}
	}},
	{"codex", "Codex", shape{format: formatTOML}, func(p Places) []string {
		return []string{filepath.Join(cmp.Or(p.Codex, filepath.Join(p.Home, ".codex")), "config.toml")}
	}},
	{"continue", "Continue", shape{format: formatYAML}, inHome(".continue", "config.yaml")},
	// LiteLLM's file has no place of its own; it is named.
	{"litellm", "LiteLLM", shape{format: formatYAML}, func(Places) []string { return nil }},
}

// Apps returns the ids of the apps whose files can be read, for Reader.App.
func Apps() []string {
	out := make([]string, len(apps))
	for i, a := range apps {
		out[i] = a.id
	}
	return out
}

func claudePaths(p Places) []string {
	const file = "claude_desktop_config.json"
	out := []string{filepath.Join(p.config(), "Claude", file)}
	switch p.GOOS {
	case "windows":
		out = append(out, filepath.Join(cmp.Or(p.LocalData, filepath.Join(p.Home, "AppData", "Local")),
			"Packages", "Claude_pzs8sxrjxfjjc", "LocalCache", "Roaming", "Claude", file))
	case "linux":
		out = append(out, filepath.Join(p.config(), "claude", file))
	}
	return out
}

func codePaths(p Places) []string {
	var out []string
	for _, code := range []string{"Code", "Code - Insiders", "VSCodium"} {
		dir := filepath.Join(p.config(), code, "User")
		out = append(out, filepath.Join(dir, "mcp.json"), filepath.Join(dir, "settings.json"))
	}
	return out
}

// Find reads the servers of every app that is found on the machine (all of the
// formats in this package), or of those with these ids. A file that is there but
// cannot be read, or has no servers that can be used, is returned with the
// reason in Problems; one without any servers is left out. Nothing is written.
func Find(p Places, ids ...string) []Found {
	if p.Home == "" {
		return nil
	}
	var out []Found
	var seen []os.FileInfo
	for _, a := range apps {
		if len(ids) > 0 && !slices.Contains(ids, a.id) {
			continue
		}
		for _, path := range a.paths(p) {
			text, info, err := readSmall(path)
			if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
				continue
			}
			f := Found{ID: a.id, App: a.name, Path: path}
			if err != nil {
				f.Problems = []string{fmt.Sprintf("%s's file %s cannot be read: %v.", a.name, path, reasonOf(err))}
				out = append(out, f)
				continue
			}
			if slices.ContainsFunc(seen, func(o os.FileInfo) bool { return os.SameFile(o, info) }) {
				continue // one folder under two spellings
			}
			seen = append(seen, info)
			if !mentions(text) {
				continue
			}
			f.Drafts, f.Problems, err = Reader{App: a.id, Places: p}.Parse(text)
			if err != nil {
				if !broken(text, a.shape.format) {
					continue // it is fine, and has no servers
				}
				f.Problems = []string{fmt.Sprintf("%s's file %s cannot be used: %s.", a.name, path, readable(err))}
			}
			if len(f.Drafts)+len(f.Problems) > 0 {
				out = append(out, f)
			}
		}
	}
	return out
}

func reasonOf(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// mentions reports whether a text may have servers at all.
func mentions(text []byte) bool {
	for _, h := range holders {
		if bytes.Contains(text, []byte(h.key)) {
			return true
		}
	}
	return false
}

// broken reports whether a text is not even what its name says.
func broken(text []byte, f format) bool {
	root, err := object(text, f)
	if err != nil {
		return true
	}
	for _, h := range holders {
		if raw := root.get(h.key); raw != nil && raw[0] != '{' && raw[0] != '[' {
			return true
		}
	}
	return false
}

// ReadFile reads a file of at most 4 MB for Reader.Parse. It follows links, and
// refuses what is no regular file.
func ReadFile(path string) ([]byte, error) {
	text, _, err := readSmall(path)
	return text, err
}

func readSmall(path string) ([]byte, os.FileInfo, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("%s is no regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxText+1))
	if err == nil && len(text) > maxText {
		err = errors.New("it is longer than 4 MB")
	}
	return text, info, err
}

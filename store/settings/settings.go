// Package settings keeps what a person configured in two files that they can
// read and edit: settings.json, and mcp.json with the servers in the shape that
// many programs share.
//
// Both are JSON in which comments and trailing commas are allowed. A change
// touches only what it is about: keys that are not known, comments and the
// order of servers stay. Files are replaced whole or not at all. No secret
// value is ever written by this package; a store.Value holds a reference to it.
//
// A file that cannot be used is never overwritten. At the start, a damaged
// settings.json is renamed to settings.json.damaged-TIMESTAMP; one that a newer
// version wrote stays untouched. A mistake in mcp.json, or one made while the
// program runs, leaves the last good state in force until a person mends it;
// till then changes are refused. Problems has a sentence about each.
//
//	files, err := settings.Open(home, logger)
//	err = files.Update(func(s *store.Settings) error { s.StepLimit = 10; return nil })
//	for range files.Watch(ctx) { … } // somebody edited a file
package settings

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/drawbridge-app/drawbridge/store"
	"github.com/drawbridge-app/drawbridge/store/internal/files"
)

// Files are the two files of one home. All methods may be called from any
// goroutine. Settings, Servers and Problems never wait; the others read and
// write files.
type Files struct {
	logger *slog.Logger
	aside  []string // about files that Open renamed; does not change

	mu       sync.Mutex // serialises all use of the files, and protects the two below
	settings file
	servers  file

	// What is in force. They are replaced while mu is held, never changed.
	settingsNow atomic.Pointer[settingsState]
	serversNow  atomic.Pointer[serversState]
	changes     atomic.Uint64 // counts what was changed by hand
}

type settingsState struct {
	value    store.Settings
	doc      *document // what the file holds; nil if it cannot be used
	problems []string
	blocked  error // why the file must not be written
}

type serversState struct {
	list     []store.ServerConfig
	broken   map[string]bool // names of the entries that cannot be used
	doc      *document
	problems []string
	blocked  error
}

const (
	newSettings = "{\n  \"version\": 1\n}\n"
	newServers  = "{\n  \"mcpServers\": {}\n}\n"
)

// Open reads the files in the folder dir, which is made if there is none. Files
// that cannot be used are no error; Problems tells. A nil logger discards.
func Open(dir string, logger *slog.Logger) (*Files, error) {
	return openAt(dir, logger, time.Now())
}

func openAt(dir string, logger *slog.Logger, now time.Time) (*Files, error) {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("the folder %s cannot be made; set DRAWBRIDGE_HOME to a folder that you can write to: %w", dir, err)
	}
	f := &Files{
		logger:   logger,
		settings: file{path: filepath.Join(dir, "settings.json")},
		servers:  file{path: filepath.Join(dir, "mcp.json")},
	}
	for _, p := range []string{f.settings.path, f.servers.path} {
		if err := files.RemoveLeftovers(p); err != nil {
			logger.Warn("a left-over file could not be removed", "error", err)
		}
	}
	f.settings.refresh(false)
	f.servers.refresh(false)
	f.settingsNow.Store(&settingsState{})
	f.serversNow.Store(&serversState{})
	f.loadSettings()
	f.loadServers()
	if s := f.settingsNow.Load(); s.doc == nil && f.settings.now.err == nil && !errors.Is(s.blocked, store.ErrNewer) {
		aside, err := files.PutAside(f.settings.path, now)
		if err != nil {
			logger.Warn("the damaged settings could not be renamed", "error", err)
			return f, nil // they stay where they are, and are not written to
		}
		f.aside = []string{fmt.Sprintf(
			"settings.json could not be read (%s). It is kept as %s, and the program began with new settings; copy over what you need from there.",
			s.problems[0], filepath.Base(aside))}
		f.settings = file{path: f.settings.path}
		f.loadSettings()
	}
	return f, nil
}

// Settings returns a copy of the settings in force.
func (f *Files) Settings() store.Settings { return cloneSettings(f.settingsNow.Load().value) }

// Servers returns copies of the servers in force, in the order of mcp.json.
func (f *Files) Servers() []store.ServerConfig { return cloneServers(f.serversNow.Load().list) }

func cloneServers(list []store.ServerConfig) []store.ServerConfig {
	out := make([]store.ServerConfig, len(list))
	for i, c := range list {
		out[i] = c.Clone()
	}
	return out
}

// Problems returns sentences for the person about what could not be read, as it
// is now.
func (f *Files) Problems() []string {
	out := slices.Clone(f.aside)
	if s := f.settingsNow.Load(); s.blocked != nil {
		out = append(out, s.blocked.Error()+".")
	} else {
		out = append(out, s.problems...)
	}
	if s := f.serversNow.Load(); s.blocked != nil {
		out = append(out, s.blocked.Error()+".")
	} else {
		out = append(out, s.problems...)
	}
	return out
}

// loadSettings takes over what was read from settings.json. f.mu is held, or
// nobody else has f yet.
func (f *Files) loadSettings() {
	last := f.settingsNow.Load()
	blocked := func(format string, a ...any) {
		f.settingsNow.Store(&settingsState{value: last.value, blocked: fmt.Errorf("settings.json "+format, a...)})
	}
	if err := f.settings.now.err; err != nil {
		blocked("cannot be read, so its last good state holds, and nothing is written to it: %w", err)
		return
	}
	s, err := readSettings(f.settings.content(newSettings))
	if err == nil {
		f.settingsNow.Store(s)
		return
	}
	if errors.Is(err, store.ErrNewer) {
		blocked("is of a newer version of Drawbridge, so it is left as it is and not used: %w; start the newer version, or move the file away", err)
		return
	}
	f.settingsNow.Store(&settingsState{value: last.value, problems: []string{err.Error()}, blocked: fmt.Errorf(
		"settings.json cannot be used: %w; mend it, or move it away to begin anew: till then the last good settings hold and cannot be changed", err)})
}

// loadServers is loadSettings for mcp.json.
func (f *Files) loadServers() {
	last := f.serversNow.Load()
	if err := f.servers.now.err; err != nil {
		f.serversNow.Store(&serversState{list: last.list, broken: last.broken, blocked: fmt.Errorf(
			"mcp.json cannot be read, so its last good state holds, and nothing is written to it: %w", err)})
		return
	}
	s, err := readServers(f.servers.content(newServers))
	if err == nil {
		f.serversNow.Store(s)
		return
	}
	f.serversNow.Store(&serversState{list: last.list, broken: last.broken, blocked: fmt.Errorf(
		"mcp.json cannot be used: %w; mend it, or move it away to begin anew: till then the last good list of servers holds and cannot be changed", err)})
}

// Update changes the settings and writes settings.json before it returns, if
// anything changed. change gets the settings as they are, with what was edited
// by hand until now, and must not call f. Nothing is changed if change, or the
// check of what it left, gives an error (the latter wraps store.ErrInvalid), if
// the file cannot be written, or if it may not be: then the error says why, and
// wraps store.ErrNewer if a newer version wrote it.
func (f *Files) Update(change func(*store.Settings) error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reload(true)
	was := f.settingsNow.Load()
	if was.blocked != nil {
		return fmt.Errorf("the settings cannot be changed: %w", was.blocked)
	}
	next := cloneSettings(was.value)
	if err := change(&next); err != nil {
		return err
	}
	if err := checkSettings(next); err != nil {
		return err
	}
	next = cloneSettings(next)
	if canonical(next) == canonical(was.value) {
		return nil
	}
	fresh, err := was.with(next)
	if err != nil {
		return err
	}
	if err := f.settings.write(fresh.doc.bytes()); err != nil {
		return err
	}
	f.settingsNow.Store(fresh)
	return nil
}

// with returns the state, and so the file, with other settings.
func (was *settingsState) with(next store.Settings) (*settingsState, error) {
	before, err := plain(was.value)
	if err != nil {
		return nil, err
	}
	after, err := plain(next)
	if err != nil {
		return nil, err
	}
	doc, err := was.doc.clone()
	if err != nil {
		return nil, fmt.Errorf("change settings.json: %w", err)
	}
	if err := doc.merge(nil, before, after); err != nil {
		return nil, fmt.Errorf("change settings.json: %w", err)
	}
	fresh, err := readSettings(doc.bytes())
	if err != nil || canonical(fresh.value) != canonical(next) {
		return nil, errors.Join(errors.New("the change cannot be carried over to settings.json; mend the entries there that Drawbridge cannot use, and try again"), err)
	}
	return fresh, nil
}

// readSettings reads the text of settings.json.
func readSettings(data []byte) (*settingsState, error) {
	doc, err := parse(data)
	if err != nil {
		return nil, err
	}
	s := &settingsState{doc: doc}
	s.value, s.problems, err = decodeSettings(doc)
	return s, err
}

// canonical is a text that is the same for the same settings, whatever the
// order of the providers.
func canonical(s store.Settings) string {
	s.Providers = slices.Clone(s.Providers)
	slices.SortFunc(s.Providers, func(a, b store.ProviderConfig) int { return cmp.Compare(a.ID, b.ID) })
	b, err := json.Marshal(s)
	if err != nil {
		return "error: " + err.Error()
	}
	return string(b)
}

func checkSettings(s store.Settings) error {
	seen := map[string]bool{}
	for _, p := range s.Providers {
		if err := p.Validate(); err != nil {
			return err
		}
		if seen[p.ID] {
			return fmt.Errorf("provider %q: there is one of that name already; choose another (%w)", p.ID, store.ErrExists)
		}
		seen[p.ID] = true
	}
	if err := s.Gateway.Validate(); err != nil {
		return err
	}
	if s.StepLimit < 0 {
		return fmt.Errorf("the step limit is less than 0 (%w)", store.ErrInvalid)
	}
	if _, err := json.Marshal(s); err != nil { // a width that is no number
		return fmt.Errorf("the settings: %w (%w)", err, store.ErrInvalid)
	}
	return nil
}

// UpdateServers changes the servers and writes mcp.json before it returns, if
// anything changed. change gets a copy of the list, with what was edited by
// hand until now, and returns the new one; it must not call f. A server keeps
// its place in the file, whatever the order of the new list; a new one stands before
// those that follow it there. Servers are told apart by id, so a name can be changed. The
// errors are those of Update, and store.ErrExists if a name or id is taken.
func (f *Files) UpdateServers(change func([]store.ServerConfig) ([]store.ServerConfig, error)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reload(true)
	was := f.serversNow.Load()
	if was.blocked != nil {
		return fmt.Errorf("the servers cannot be changed: %w", was.blocked)
	}
	next, err := change(cloneServers(was.list))
	if err != nil {
		return err
	}
	next = cloneServers(next)
	if err := checkServers(next, was.broken); err != nil {
		return err
	}
	if sameServers(was.list, next) {
		return nil
	}
	fresh, err := was.with(next)
	if err != nil {
		return err
	}
	if err := f.servers.write(fresh.doc.bytes()); err != nil {
		return err
	}
	f.serversNow.Store(fresh)
	return nil
}

// with returns the state, and so the file, with another list.
func (was *serversState) with(next []store.ServerConfig) (*serversState, error) {
	doc, err := was.doc.clone()
	if err != nil {
		return nil, fmt.Errorf("change mcp.json: %w", err)
	}
	if err := applyServers(doc, was.list, next); err != nil {
		return nil, fmt.Errorf("change mcp.json: %w", err)
	}
	fresh, err := readServers(doc.bytes())
	if err != nil || !sameServers(fresh.list, next) {
		return nil, errors.Join(errors.New("the change cannot be carried over to mcp.json; mend the entries there that Drawbridge cannot use, and try again"), err)
	}
	return fresh, nil
}

// readServers reads the text of mcp.json.
func readServers(data []byte) (*serversState, error) {
	doc, err := parse(data)
	if err != nil {
		return nil, err
	}
	s := &serversState{doc: doc}
	s.list, s.broken, s.problems, err = decodeServers(doc)
	return s, err
}

// sameServers reports whether two lists hold the same, in any order.
func sameServers(a, b []store.ServerConfig) bool {
	texts := func(list []store.ServerConfig) (out [][]byte) {
		for _, c := range list {
			t, err := json.Marshal(struct {
				ID, Name string
				entry
			}{c.ID, c.Name, entryOf(c)})
			if err != nil {
				return nil
			}
			out = append(out, t)
		}
		slices.SortFunc(out, bytes.Compare)
		return out
	}
	return len(a) == len(b) && slices.EqualFunc(texts(a), texts(b), bytes.Equal)
}

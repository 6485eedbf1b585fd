// Package store holds the plain data types of Drawbridge and its sentinel
// errors: conversations and their messages, servers, providers, settings and
// secrets.
//
// It does no input or output. The packages below it keep the data: store/db in
// SQLite, store/settings in two JSON files, store/secret in the keychain of the
// operating system. The engine (package bridge) knows only this package and
// gets the rest through small interfaces that it declares itself.
//
//	m := store.Message{Role: store.RoleUser, Parts: store.Parts{store.Text{Text: "What time is it?"}}}
package store

import (
	"crypto/rand"
	"errors"
	"strings"
)

// Sentinel errors. They are wrapped with what was being done; compare with
// errors.Is.
var (
	// ErrNotFound says that what was named does not exist.
	ErrNotFound = errors.New("not found")
	// ErrExists says that the name is taken.
	ErrExists = errors.New("exists already")
	// ErrInvalid says that the input cannot be used as it is.
	ErrInvalid = errors.New("not valid")
	// ErrHeld says that a person has to look first: at a server's command, or
	// at a tool's definition that changed.
	ErrHeld = errors.New("held until you approve it")
	// ErrDenied says that a rule or a person refused.
	ErrDenied = errors.New("denied")
	// ErrNoKeychain says that the operating system offers no usable keychain.
	ErrNoKeychain = errors.New("no keychain")
	// ErrLocked says that the keychain, or the passphrase file, is locked.
	ErrLocked = errors.New("locked")
	// ErrNewer says that a file was written by a newer version of the program.
	ErrNewer = errors.New("written by a newer version")
	// ErrLimit says that a limit of calls, tokens or cost is used up.
	ErrLimit = errors.New("limit reached")
	// ErrRaised says that the bridge is raised: nothing is served until a person
	// lowers it.
	ErrRaised = errors.New("the bridge is raised")
	// ErrDamaged says that a file cannot be read; it was kept aside.
	ErrDamaged = errors.New("damaged")
	// ErrClosed says that the component has been shut down.
	ErrClosed = errors.New("closed")
)

// NewID returns a new random identifier of 26 lower-case letters and digits.
func NewID() string { return strings.ToLower(rand.Text()) }

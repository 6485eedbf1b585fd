package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/drawbridge-app/drawbridge/assets"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/store"
	"github.com/drawbridge-app/drawbridge/store/db"
	"github.com/drawbridge-app/drawbridge/store/secret"
	"github.com/drawbridge-app/drawbridge/store/settings"
)

// engine opens the stores and the bridge when they are needed first, and closes
// them in the right order. Only the owner of the home has one.
type engine struct {
	home    *home
	start   startMode
	environ func() []string // what servers may see is of it
	secrets bridge.Secrets  // nil: those of the home

	mu     sync.Mutex // protects the rest
	bridge *bridge.Bridge
	err    error
	db     *db.DB
	closed bool
	// show brings the window to the front; nil where there is none.
	show func()
	// offer shows the review of a file or a link there.
	offer func(what string)
}

// startMode says whether the servers start with the bridge.
type startMode bool

const (
	startNothing startMode = false // a command starts the servers that it needs
	startAll     startMode = true
)

func newEngine(h *home, start startMode) *engine {
	return &engine{home: h, start: start, environ: os.Environ}
}

// open returns the bridge, made at the first call. Any goroutine may call it.
func (e *engine) open(ctx context.Context) (*bridge.Bridge, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, fmt.Errorf("the program is closing (%w)", store.ErrClosed)
	}
	if e.bridge == nil && e.err == nil {
		e.bridge, e.err = e.build(ctx)
	}
	return e.bridge, e.err
}

func (e *engine) build(ctx context.Context) (*bridge.Bridge, error) {
	files, err := settings.Open(e.home.dir, e.home.logger)
	if err != nil {
		return nil, err
	}
	history, err := db.Open(ctx, filepath.Join(e.home.dir, "drawbridge.db"))
	if err != nil {
		return nil, err
	}
	var secrets bridge.Secrets = secret.Open(e.home.dir)
	if e.secrets != nil {
		secrets = e.secrets
	}
	b, err := bridge.New(ctx, bridge.Options{
		Home:        e.home.dir,
		History:     history,
		Ledger:      history,
		Settings:    files,
		Secrets:     secrets,
		Cache:       history,
		Audit:       history,
		Keys:        history,
		Desk:        history,
		Problems:    history.Problems(),
		Places:      places(),
		Version:     version(),
		Environ:     e.environ,
		OpenBrowser: openBrowser,
		ModelTable:  assets.Models(),
		Backups:     func() ([]store.Backup, error) { return db.Backups(filepath.Join(e.home.dir, "drawbridge.db")) },
		Logger:      e.home.logger,
		Idle:        e.start == startNothing,
	})
	if err != nil {
		return nil, errors.Join(err, history.Close())
	}
	e.db = history
	return b, nil
}

// showWindow brings the window to the front, and reports false where there is
// none.
func (e *engine) showWindow() bool {
	e.mu.Lock()
	show := e.show
	e.mu.Unlock()
	if show == nil {
		return false
	}
	show()
	return true
}

// offerInWindow shows the review of a file or a link, and reports false where
// there is no window.
func (e *engine) offerInWindow(what string) bool {
	e.mu.Lock()
	offer := e.offer
	e.mu.Unlock()
	if offer == nil {
		return false
	}
	offer(what)
	return true
}

// close stops the servers, then closes the stores. What fails is written to w,
// since nobody else is left to hear it.
func (e *engine) close(w io.Writer) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return
	}
	e.closed = true
	var errs []error
	if e.bridge != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		errs = append(errs, e.bridge.Close(ctx), e.db.Close())
	}
	errs = append(errs, e.home.log.Close())
	if err := errors.Join(errs...); err != nil {
		fmt.Fprintf(w, "drawbridge: while closing: %v\n", err)
	}
}

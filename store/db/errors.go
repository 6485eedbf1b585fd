package db

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/drawbridge-app/drawbridge/store"
)

// explain turns SQLite's errors into sentences: what was being done, why it
// failed, and what to do. Errors that have been explained pass, as do those of
// this package and of contexts, with what was being done in front.
func (d *DB) explain(what string, err error) error {
	if err == nil {
		return nil
	}
	var done *explained
	if errors.As(err, &done) {
		return err
	}
	say := func(format string, a ...any) error {
		return &explained{fmt.Sprintf("%s: %s", what, fmt.Sprintf(format, a...)), err}
	}
	var se *sqlite.Error
	if !errors.As(err, &se) {
		if strings.Contains(err.Error(), "database is closed") {
			return &explained{what + ": the database has been closed", errors.Join(store.ErrClosed, err)}
		}
		return say("%v", err)
	}
	if se.Code() == sqlite3.SQLITE_IOERR_SHMSIZE { // the index of the log could not grow
		return say("the disk that holds %s has no room left, or it failed; free some space, check the disk, and try again", d.path)
	}
	switch se.Code() & 0xff { // the primary code; the rest says which kind of it
	case sqlite3.SQLITE_FULL:
		return say("the disk that holds %s is full; free some space and try again", d.path)
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM:
		return say("%s cannot be written to; check its rights, and whether the disk is read-only", d.path)
	case sqlite3.SQLITE_CANTOPEN:
		return say("%s cannot be opened; check that its folder exists, that you may write to it, and that this program has not too many files open", d.path)
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return say("another program keeps %s locked; close that program and try again", d.path)
	case sqlite3.SQLITE_IOERR:
		return say("the disk that holds %s reported an error (%v); check the disk, and try again", d.path, se)
	case sqlite3.SQLITE_NOMEM:
		return say("there is not enough memory; close other programs and try again")
	case sqlite3.SQLITE_TOOBIG:
		return say("it is too large to be kept; the limit is 1 GB")
	case sqlite3.SQLITE_INTERRUPT:
		return &explained{what + ": it was stopped", errors.Join(context.Canceled, err)}
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		d.suspect()
		return &explained{
			fmt.Sprintf("%s: the database %s is damaged; restart Drawbridge, which then checks it and keeps it aside if need be", what, d.path),
			errors.Join(store.ErrDamaged, err),
		}
	}
	return say("%v", err)
}

// suspect leaves the note that makes the next start check the whole file.
func (d *DB) suspect() {
	if f, err := os.OpenFile(d.suspectPath(), os.O_CREATE|os.O_WRONLY, 0o600); err == nil {
		_ = f.Close()
	}
}

// explained is a sentence for a person, with the error that it explains.
type explained struct {
	sentence string
	cause    error
}

func (e *explained) Error() string { return e.sentence }
func (e *explained) Unwrap() error { return e.cause }

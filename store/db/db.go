// Package db keeps conversations, messages and what a person approved in one
// SQLite file.
//
// What a method has acknowledged is on the disk: the database runs in WAL mode
// with synchronous=FULL, and every change is one transaction. The package knows
// nothing of models, servers or windows. It keeps no secret value; those are
// the matter of store/secret. It is what bridge/chat calls its History and
// bridge/policy its Ledger.
//
//	d, err := db.Open(ctx, filepath.Join(home, "drawbridge.db"))
//	if err != nil { … }                     // a sentence for the person
//	defer d.Close()
//	for _, p := range d.Problems() { … }    // what was kept aside
//	err = d.CreateConversation(ctx, store.Conversation{ID: store.NewID()})
//	err = d.Append(ctx, message)            // durable when it returns
package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/drawbridge-app/drawbridge/store"
)

// DB is an open database. All methods may be called from any goroutine; they
// wait for the disk, so never from the one that draws the window.
type DB struct {
	path     string
	now      func() time.Time
	write    *sql.DB // one connection, so that writers queue here and not in SQLite
	read     *sql.DB // several connections, which never wait for the writer
	problems []string
	append   appendStatements

	mu     sync.Mutex // protects closed
	closed bool
}

// readers is how many reads run at the same time.
const readers = 4

// Open opens the database at path, or begins a new one if there is none. The
// file is readable by its owner alone. One process at a time owns it.
//
// A database that a newer version of the program wrote is left untouched; the
// error wraps store.ErrNewer. A damaged one is renamed to
// NAME.damaged-TIMESTAMP, a new one is begun, and Problems says so. Every other
// failure is an error that says what to do.
func Open(ctx context.Context, path string) (*DB, error) {
	return openWith(ctx, path, options{now: time.Now, busy: 5 * time.Second})
}

type options struct {
	now  func() time.Time
	busy time.Duration // how long to wait for another program that holds the file locked
}

func openWith(ctx context.Context, path string, o options) (*DB, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open the database %s: %w", path, err)
	}
	if err := makeFile(path); err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	d := &DB{path: path, now: o.now}
	err = d.open(ctx, o)
	if err == nil || !errors.Is(err, store.ErrDamaged) {
		if err != nil {
			return nil, err
		}
		return d, nil
	}
	aside, kerr := keepAside(path, o.now())
	if kerr != nil {
		return nil, fmt.Errorf("the database %s is damaged, and it could not be renamed to begin a new one: %w", path, kerr)
	}
	if err := makeFile(path); err != nil {
		return nil, fmt.Errorf("begin a new database: %w", err)
	}
	fresh := &DB{path: path, now: o.now, problems: []string{fmt.Sprintf(
		"The database of conversations and approvals was damaged. It is kept as %s, and a new one was begun; restore a backup over %s if you have one.",
		filepath.Base(aside), path)}}
	if err := fresh.open(ctx, o); err != nil {
		return nil, err
	}
	return fresh, nil
}

// open does everything that can find damage; such an error wraps
// store.ErrDamaged, and then nothing is left open.
func (d *DB) open(ctx context.Context, o options) (err error) {
	found, err := d.inspect(ctx)
	if err != nil {
		return d.explain("open the database", err)
	}
	if found > len(migrations) {
		return fmt.Errorf("the database %s is of version %d, and this program knows %d at most; start the newer version of Drawbridge, or move the file away (%w)",
			d.path, found, len(migrations), store.ErrNewer)
	}
	d.write, err = sql.Open("sqlite", dsn(d.path, o.busy, "_txlock=immediate"))
	if err != nil {
		return d.explain("open the database", err)
	}
	defer func() {
		if err != nil {
			_ = d.write.Close()
			if d.read != nil {
				_ = d.read.Close()
			}
		}
	}()
	d.write.SetMaxOpenConns(1)
	d.write.SetMaxIdleConns(1)
	if err := d.migrate(ctx); err != nil {
		return d.explain("open the database", err)
	}
	if d.append, err = prepareAppend(ctx, d.write); err != nil {
		return d.explain("open the database", err)
	}
	d.read, err = sql.Open("sqlite", dsn(d.path, o.busy, "_pragma=query_only(1)"))
	if err != nil {
		return d.explain("open the database", err)
	}
	d.read.SetMaxOpenConns(readers)
	d.read.SetMaxIdleConns(readers)
	return nil
}

// dsn is the driver's name of the file, with what every connection is set to.
func dsn(path string, busy time.Duration, extra ...string) string {
	q := []string{
		fmt.Sprintf("_pragma=busy_timeout(%d)", busy.Milliseconds()),
		"_pragma=journal_mode(WAL)",
		"_pragma=synchronous(FULL)",
		"_pragma=foreign_keys(1)",
		"_pragma=trusted_schema(0)",
		// The log is folded in every 16 MB and not every 4: a step of a turn changes
		// a few pages again and again.
		"_pragma=wal_autocheckpoint(4000)",
	}
	if runtime.GOOS == "darwin" {
		q = append(q, "_pragma=fullfsync(1)") // there fsync alone leaves the data in the drive's cache
	}
	return fileURL(path, slices.Concat(q, extra)...)
}

func fileURL(path string, query ...string) string {
	p := filepath.ToSlash(path)
	if !strings.HasPrefix(p, "/") {
		p = "/" + p // C:/…
	}
	u := url.URL{Scheme: "file", Path: p, RawQuery: strings.Join(query, "&")}
	return u.String()
}

// Problems returns sentences for the person about what Open found. It does not
// change.
func (d *DB) Problems() []string { return slices.Clone(d.problems) }

// Close writes everything back into the one file and closes it. Later calls of
// any method give an error that wraps store.ErrClosed.
func (d *DB) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil
	}
	d.closed = true
	// The writer is last, because the last one folds the log into the file.
	return d.explain("close the database", errors.Join(d.read.Close(), d.write.Close()))
}

// update runs f in the one write transaction. It commits once if f returns nil,
// and changes nothing otherwise. The context bounds the wait for the other
// writers; what has begun is carried through, since a statement that can be
// interrupted costs two more goroutines. f uses the context that it is given.
func (d *DB) update(ctx context.Context, what string, f func(context.Context, *sql.Tx) error) error {
	conn, err := d.write.Conn(ctx)
	if err != nil {
		return d.explain(what, err)
	}
	defer func() { _ = conn.Close() }() // back to the pool
	if err := ctx.Err(); err != nil {
		return d.explain(what, err)
	}
	ctx = context.WithoutCancel(ctx)
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return d.explain(what, err)
	}
	defer func() { _ = tx.Rollback() }() // also when f panics; after Commit it does nothing
	if err := f(ctx, tx); err != nil {
		return d.explain(what, err)
	}
	return d.explain(what, tx.Commit())
}

// Times are kept as nanoseconds since 1970; 0 is the zero time.

func toNanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func fromNanos(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n)
}

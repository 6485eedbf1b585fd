package db

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/store"
)

// filled makes a closed database with some pages of messages.
func filled(t *testing.T, path string) {
	t.Helper()
	d := open(t, path)
	create(t, d, "c")
	parent := ""
	for i := range 20 {
		id := fmt.Sprint("m", i)
		if err := d.Append(t.Context(), message(id, "c", parent, store.RoleUser, store.Text{Text: strings.Repeat("words ", 2000)})); err != nil {
			t.Fatal(err)
		}
		parent = id
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestFilesArePrivate(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		return // no such rights there; the profile's folder protects them
	}
	dir := filepath.Join(t.TempDir(), "a b%41?#", "new")
	path := filepath.Join(dir, "history.db")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	d := open(t, path)
	create(t, d, "c")
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	names := ""
	for _, e := range entries {
		names += e.Name() + " "
		info, err := e.Info()
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has the rights %v, error %v", e.Name(), info.Mode().Perm(), err)
		}
	}
	if names != "history.db history.db-shm history.db-wal " {
		t.Errorf("the folder holds %s", names)
	}
}

func TestDamagedIsKeptAside(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(b []byte) []byte{
		"garbage":     func([]byte) []byte { return bytes.Repeat([]byte("no database "), 500) },
		"short":       func(b []byte) []byte { return b[:50] },
		"cut":         func(b []byte) []byte { return b[:len(b)/2] },
		"cut by one":  func(b []byte) []byte { return b[:len(b)-1] },
		"zeroed page": func(b []byte) []byte { clear(b[4096:8192]); return b },
		"wrong page":  func(b []byte) []byte { copy(b[3*4096:4*4096], bytes.Repeat([]byte{0xA5}, 4096)); return b },
		"header":      func(b []byte) []byte { b[3] = 'x'; return b },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "history.db")
			filled(t, path)
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			broken := damage(b)
			if err := os.WriteFile(path, broken, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path+"-wal", []byte("what is left of a log"), 0o600); err != nil {
				t.Fatal(err)
			}
			at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
			aside := path + ".damaged-20260102T030405Z"
			if err := os.WriteFile(aside, []byte("an older one"), 0o600); err != nil {
				t.Fatal(err)
			}

			d, err := openWith(t.Context(), path, options{now: func() time.Time { return at }, busy: time.Second})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = d.Close() }()
			if p := d.Problems(); len(p) != 1 || !strings.Contains(p[0], filepath.Base(aside)+"-2") {
				t.Errorf("problems %q", p)
			}
			create(t, d, "c") // the new one works
			if kept, err := os.ReadFile(aside + "-2"); err != nil || !bytes.Equal(kept, broken) {
				t.Errorf("the damaged file was not kept as it was: %d bytes, error %v", len(kept), err)
			}
			if kept, err := os.ReadFile(aside + "-2-wal"); err != nil || string(kept) != "what is left of a log" {
				t.Errorf("its log was not kept as it was: %q, error %v", kept, err)
			}
			if kept, err := os.ReadFile(aside); err != nil || string(kept) != "an older one" {
				t.Errorf("the older one was touched: %q, error %v", kept, err)
			}
		})
	}
}

// TestDamageMetLater has a database that is too large to be checked at each
// start: damage is met when it is read, and found by the next start.
func TestDamageMetLater(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "history.db")
	d := open(t, path)
	create(t, d, "c")
	for i := range 3 {
		if err := d.Append(t.Context(), message(fmt.Sprint(i), "c", "", store.RoleUser, store.Text{Text: strings.Repeat("w", checkAlways)})); err != nil {
			t.Fatal(err)
		}
	}
	var root int64
	if err := d.read.QueryRowContext(t.Context(), "SELECT rootpage FROM sqlite_schema WHERE name = 'messages'").Scan(&root); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt(bytes.Repeat([]byte{0xA5}, 4096), (root-1)*4096)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}

	d = open(t, path)
	if p := d.Problems(); len(p) != 0 {
		t.Fatalf("found at once: %q", p)
	}
	if _, err := d.Chain(t.Context(), "c"); !errors.Is(err, store.ErrDamaged) {
		t.Fatalf("reading damage: %v", err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d = open(t, path)
	if p := d.Problems(); len(p) != 1 {
		t.Errorf("after a restart the problems are %q", p)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d = open(t, path)
	if p := d.Problems(); len(p) != 0 {
		t.Errorf("the new one is suspected too: %q", p)
	}
	d.suspect()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if p := open(t, path).Problems(); len(p) != 0 {
		t.Errorf("a sound one is kept aside: %q", p)
	}
	if _, err := os.Stat(d.suspectPath()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a sound one stays suspected: %v", err)
	}
}

func TestNewerIsUntouched(t *testing.T) {
	t.Parallel()
	for _, inLog := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "history.db")
		filled(t, path)
		w, err := sql.Open("sqlite", dsn(path, time.Second))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.ExecContext(t.Context(), fmt.Sprintf("PRAGMA user_version = %d", len(migrations)+1)); err != nil {
			t.Fatal(err)
		}
		if inLog { // as a crash leaves it: copied while the log is not folded in
			from := path
			path = filepath.Join(t.TempDir(), "history.db")
			for _, side := range []string{"", "-wal"} {
				b, err := os.ReadFile(from + side)
				if err == nil {
					err = os.WriteFile(path+side, b, 0o600)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		sum := func() (s string) {
			for _, side := range []string{"", "-wal"} {
				b, _ := os.ReadFile(path + side)
				s += fmt.Sprintf("%d:%x ", len(b), sha256.Sum256(b))
			}
			return s
		}
		before := sum()
		d, err := Open(t.Context(), path)
		if !errors.Is(err, store.ErrNewer) {
			t.Errorf("log %v: error %v", inLog, err)
		}
		if err == nil {
			_ = d.Close()
		}
		if after := sum(); after != before {
			t.Errorf("log %v: the files were touched:\n%s\n%s", inLog, before, after)
		}
		if others, _ := filepath.Glob(path + ".*"); len(others) != 0 {
			t.Errorf("log %v: other files were made: %q", inLog, others)
		}
	}
}

// TestMigrationIsWhole proves that a migration that fails leaves nothing.
func TestMigrationIsWhole(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "history.db")
	w, err := sql.Open("sqlite", dsn(path, time.Second))
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.ExecContext(t.Context(), "CREATE TABLE pins (in_the_way)")
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	if d, err := Open(t.Context(), path); err == nil {
		_ = d.Close()
		t.Fatal("a table in the way is no error")
	}
	w, err = sql.Open("sqlite", dsn(path, time.Second))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Close() }()
	var tables string
	if err := w.QueryRowContext(t.Context(), "SELECT group_concat(name) FROM sqlite_schema").Scan(&tables); err != nil || tables != "pins" {
		t.Errorf("the tables are %s, error %v", tables, err)
	}
}

func TestFailuresAreSentencesAndPass(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "history.db")
	filled(t, path)
	d, err := openWith(t.Context(), path, options{now: time.Now, busy: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	big := message("big", "c", "", store.RoleUser, store.Text{Text: strings.Repeat("x", 1<<20)})
	set := func(q string) {
		t.Helper()
		if _, err := d.write.ExecContext(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	other, err := sql.Open("sqlite", dsn(path, time.Second, "_txlock=immediate"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	var lock *sql.Tx
	for _, tt := range []struct {
		name         string
		begin, end   func()
		want, advice string
	}{
		{
			"full",
			func() { set("PRAGMA max_page_count = 1") }, // SQLite then takes the present size
			func() { set("PRAGMA max_page_count = 1000000000") },
			"is full", "free some space",
		},
		{
			"read-only",
			func() { set("PRAGMA query_only = 1") },
			func() { set("PRAGMA query_only = 0") },
			"cannot be written to", "check its rights",
		},
		{
			"locked",
			func() {
				if lock, err = other.BeginTx(t.Context(), nil); err != nil {
					t.Fatal(err)
				}
			},
			func() { _ = lock.Rollback() },
			"locked", "close that program",
		},
	} {
		tt.begin()
		err := d.Append(t.Context(), big)
		if err == nil {
			t.Fatalf("%s: no error", tt.name)
		}
		for _, s := range []string{"save the message", tt.want, tt.advice} {
			if !strings.Contains(err.Error(), s) {
				t.Errorf("%s: %q does not say %q", tt.name, err, s)
			}
		}
		if strings.Contains(err.Error(), "SQLITE") {
			t.Errorf("%s: %q is no sentence for people", tt.name, err)
		}
		if n := len(chainIDs(t, d, "c")); n != 20 { // reading goes on, nothing was half kept
			t.Errorf("%s: %d messages", tt.name, n)
		}
		tt.end()
		m := message("after "+tt.name, "c", "m19", store.RoleUser)
		if err := d.Append(t.Context(), m); err != nil {
			t.Errorf("after %s: %v", tt.name, err)
		}
		if _, err := d.write.ExecContext(context.Background(), "UPDATE conversations SET head = 'm19'"); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOpenFailures(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(file, "history.db"), dir} {
		d, err := Open(t.Context(), path)
		if err == nil {
			_ = d.Close()
			t.Errorf("%s was opened", path)
			continue
		}
		if errors.Is(err, store.ErrDamaged) || !strings.HasPrefix(err.Error(), "open the database") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

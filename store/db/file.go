package db

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/drawbridge-app/drawbridge/store"
	"github.com/drawbridge-app/drawbridge/store/internal/files"
)

// makeFile makes the folder and an empty file, readable by the owner alone,
// and takes the rights of others away from a file that is there already. SQLite
// gives its side files the same rights.
func makeFile(path string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("the folder %s cannot be made; set DRAWBRIDGE_HOME to a folder that you can write to: %w", dir, err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	switch {
	case err == nil:
		if err := f.Close(); err != nil {
			return err
		}
		return files.SyncDir(dir)
	case !errors.Is(err, fs.ErrExist):
		return fmt.Errorf("the file cannot be made; check the rights of its folder: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no regular file; move it away", path)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		if err := os.Chmod(path, 0o600); err != nil {
			return fmt.Errorf("the file cannot be made private to you; check whom it belongs to: %w", err)
		}
	}
	return nil
}

const magic = "SQLite format 3\x00" // https://www.sqlite.org/fileformat.html, section 1.3

// checkAlways is the size up to which the whole database is checked at each
// start, which takes some milliseconds at that size.
const checkAlways = 1 << 20

// inspect reads the schema's version and looks for damage without changing a
// byte of the database or its log. The error wraps store.ErrDamaged if there is
// damage. The whole file is read if it is small, or if damage was met while the
// program last ran; damage elsewhere is met when it is read, and leads here at
// the next start.
//
// It must run before this process has the file open: on Unix, closing any
// descriptor of a file drops the locks that SQLite holds.
func (d *DB) inspect(ctx context.Context) (version int, err error) {
	f, err := os.Open(d.path)
	if err != nil {
		return 0, err
	}
	head := make([]byte, 100)
	n, err := io.ReadFull(f, head)
	info, serr := f.Stat()
	_ = f.Close()
	switch {
	case n == 0 && errors.Is(err, io.EOF):
		return 0, nil // a new one
	case err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
		return 0, err
	case serr != nil:
		return 0, serr
	case n < len(head) || string(head[:len(magic)]) != magic:
		return 0, fmt.Errorf("it is no SQLite database (%w)", store.ErrDamaged)
	}
	version = int(int32(binary.BigEndian.Uint32(head[60:])))
	if version > len(migrations) {
		return version, nil
	}

	// The log may hold a newer first page. A connection that may only read
	// neither folds the log in nor removes it.
	ro, err := sql.Open("sqlite", fileURL(d.path, "mode=ro", "_pragma=busy_timeout(1000)"))
	if err != nil {
		return 0, err
	}
	defer func() { _ = ro.Close() }()
	ro.SetMaxOpenConns(1)
	if err := ro.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		var se *sqlite.Error
		if errors.As(err, &se) && se.Code()&0xff == sqlite3.SQLITE_READONLY {
			// The first start ended before the file was a database: the
			// writer mends that.
			return 0, nil
		}
		return 0, err
	}
	_, err = os.Stat(d.suspectPath())
	suspect := err == nil
	if version > len(migrations) || info.Size() > checkAlways && !suspect {
		return version, nil
	}
	var first string
	if err := ro.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&first); err != nil {
		return 0, err
	}
	if first != "ok" {
		return 0, fmt.Errorf("%s (%w)", first, store.ErrDamaged)
	}
	if suspect {
		return version, os.Remove(d.suspectPath())
	}
	return version, nil
}

// suspectPath is a file whose presence makes the next start check everything.
func (d *DB) suspectPath() string { return d.path + ".check" }

// keepAside renames a damaged database and its side files to a name that is
// free, and returns that name. The log goes first: a database without its log
// can still be found damaged again, a log without its database would be lost.
func keepAside(path string, now time.Time) (string, error) {
	aside := files.Aside(path, now, "-wal")
	for _, side := range []string{"-wal", "-shm", ""} {
		if err := os.Rename(path+side, aside+side); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	if err := os.Remove(path + ".check"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	return aside, files.SyncDir(filepath.Dir(path))
}

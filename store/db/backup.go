package db

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/drawbridge-app/drawbridge/store"
	"github.com/drawbridge-app/drawbridge/store/internal/files"
)

// maxBackups is how many backups are kept; the oldest goes first.
const maxBackups = 3

// backupTime is the form of the time in a backup's name, in UTC.
const backupTime = "20060102T150405.000Z"

// backup copies the database beside itself before its schema is changed, whole
// or not at all: one file that SQLite reads by itself, with what the log held.
func (d *DB) backup(ctx context.Context, version int) (err error) {
	at := d.now().UTC()
	path := fmt.Sprintf("%s.backup-v%d-%s", d.path, version, at.Format(backupTime))
	unfinished := path + ".new"
	// It is there already, so that it is private; VACUUM INTO takes an empty file.
	f, err := os.OpenFile(unfinished, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(unfinished)
		}
	}()
	if _, err := d.write.ExecContext(ctx, "VACUUM INTO ?", unfinished); err != nil {
		return err
	}
	if f, err = os.OpenFile(unfinished, os.O_RDWR, 0); err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(unfinished, path); err != nil {
		return err
	}
	if err := files.SyncDir(filepath.Dir(path)); err != nil {
		return err
	}
	all, err := Backups(d.path)
	if err != nil {
		return err
	}
	for _, old := range all[min(len(all), maxBackups):] {
		if err := os.Remove(old.Path); err != nil {
			return err
		}
	}
	return nil
}

var backupName = regexp.MustCompile(`\.backup-v([0-9]{1,9})-([0-9]{8}T[0-9]{6}\.[0-9]{3}Z)$`)

// Backups returns the backups of the database at path, the newest first. They
// were made before its schema was changed, and are never written again. To go
// back, quit the program, move NAME, NAME-wal and NAME-shm away, and rename a
// backup to NAME.
func Backups(path string) ([]store.Backup, error) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list the backups: %w", err)
	}
	var out []store.Backup
	for _, e := range entries {
		m := backupName.FindStringSubmatch(e.Name())
		if m == nil || e.Name()[:len(e.Name())-len(m[0])] != filepath.Base(path) || !e.Type().IsRegular() {
			continue
		}
		at, err := time.Parse(backupTime, m[2])
		if err != nil {
			continue // a name that we did not give
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("list the backups: %w", err)
		}
		version, _ := strconv.Atoi(m[1]) // digits, as the expression says
		out = append(out, store.Backup{Path: filepath.Join(filepath.Dir(path), e.Name()), Version: version, At: at, Size: info.Size()})
	}
	slices.SortFunc(out, func(a, b store.Backup) int { return cmp.Or(b.At.Compare(a.At), cmp.Compare(b.Path, a.Path)) })
	return out, nil
}

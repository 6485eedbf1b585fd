package bridge

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/drawbridge-app/drawbridge/store"
)

// Storage says how much the program keeps, in bytes.
type Storage struct {
	Home     string
	Database int64 // conversations, approvals and the audit
	Logs     int64
	Other    int64
	Backups  []store.Backup // the newest first
}

// databaseFile is the name of the database, with which its side files begin.
const databaseFile = "drawbridge.db"

// logFolder holds the program's own log.
const logFolder = "logs"

// Storage adds up what is in the program's folder. A file that goes meanwhile is
// not counted.
func (b *Bridge) Storage(ctx context.Context) (Storage, error) {
	s := Storage{Home: b.o.Home}
	if b.o.Backups != nil {
		var err error
		if s.Backups, err = b.o.Backups(); err != nil {
			return s, err
		}
	}
	backups := map[string]bool{}
	for _, k := range s.Backups {
		backups[k.Path] = true
	}
	err := filepath.WalkDir(b.o.Home, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if !entry.Type().IsRegular() || backups[path] {
			return nil
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		switch name, _ := filepath.Rel(b.o.Home, path); { // path is below it
		case name == databaseFile, name == databaseFile+"-wal", name == databaseFile+"-shm":
			s.Database += info.Size()
		case strings.HasPrefix(name, logFolder+string(filepath.Separator)):
			s.Logs += info.Size()
		default:
			s.Other += info.Size()
		}
		return nil
	})
	if err != nil {
		return s, fmt.Errorf("look at the folder %s: %w", b.o.Home, err)
	}
	return s, nil
}

// ClearLogs empties the program's own log. What is written after it is kept.
func (b *Bridge) ClearLogs() error {
	dir := filepath.Join(b.o.Home, logFolder)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if e.Type().IsRegular() {
			err = errors.Join(err, os.Truncate(filepath.Join(dir, e.Name()), 0))
		}
	}
	if err != nil {
		return fmt.Errorf("clear the logs: %w", err)
	}
	return nil
}

package db

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/store"
)

// oldDatabase writes a database of the first version, with what was said last
// still in its log.
func oldDatabase(t *testing.T, path string) *sql.DB {
	t.Helper()
	old, err := sql.Open("sqlite", dsn(path, time.Second, "_pragma=wal_autocheckpoint(0)"))
	if err != nil {
		t.Fatal(err)
	}
	old.SetMaxOpenConns(1)
	for _, statement := range []string{
		migrations[0],
		`INSERT INTO conversations VALUES ('c', 'Old', 'm1', 'p', 'm', '', '{}', 1, 2)`,
		`INSERT INTO messages VALUES (1, 'm1', 'c', NULL, 'user', 'complete', '[{"type":"text","text":"Hello"}]', 0, 0, '', '', '{}', '', 1)`,
		"PRAGMA user_version = 1",
	} {
		if _, err := old.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	return old
}

// TestBackup migrates a file of the first version and goes back to it.
func TestBackup(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "drawbridge.db")
	if err := oldDatabase(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)
	open := func() *DB {
		t.Helper()
		d, err := openWith(t.Context(), path, options{now: func() time.Time { return now }, busy: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	d := open()
	// What comes after is not in it.
	if err := d.Append(t.Context(), store.Message{ID: "m2", ConversationID: "c", ParentID: "m1", Role: store.RoleAssistant, Status: store.StatusComplete}); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	all, err := Backups(path)
	if err != nil || len(all) != 1 || all[0].Version != 1 || !all[0].At.Equal(now) || all[0].Size == 0 {
		t.Fatalf("the backups are %+v, %v", all, err)
	}
	info, err := os.Stat(all[0].Path)
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("the backup is %v, %v", info.Mode(), err)
	}
	old, err := sql.Open("sqlite", fileURL(all[0].Path, "mode=ro"))
	if err != nil {
		t.Fatal(err)
	}
	var version, messages int
	var said, check string
	for query, into := range map[string]any{
		"PRAGMA user_version": &version, "PRAGMA integrity_check": &check,
		"SELECT count(*) FROM messages": &messages, "SELECT parts FROM messages": &said,
	} {
		if err := old.QueryRow(query).Scan(into); err != nil {
			t.Errorf("%s: %v", query, err)
		}
	}
	if version != 1 || messages != 1 || check != "ok" || !strings.Contains(said, "Hello") {
		t.Errorf("the backup is of version %d, %s, and has %d messages: %s", version, check, messages, said)
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	// A start that migrates nothing makes none.
	if err := open().Close(); err != nil {
		t.Fatal(err)
	}
	if all, err = Backups(path); err != nil || len(all) != 1 {
		t.Errorf("a second start leaves %+v, %v", all, err)
	}
	// Back, as people are told.
	for _, side := range []string{"", "-wal", "-shm"} {
		if err := os.Rename(path+side, path+side+".away"); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
	if err := os.Rename(all[0].Path, path); err != nil {
		t.Fatal(err)
	}
	d = open()
	defer d.Close()
	if chain, err := d.Chain(t.Context(), "c"); err != nil || len(chain) != 1 || chain[0].Text() != "Hello" {
		t.Errorf("the backup opens with %+v, %v", chain, err)
	}
}

// TestBackupsAreBounded keeps the newest, and nothing else that lies there.
func TestBackupsAreBounded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "drawbridge.db")
	for _, name := range []string{
		"drawbridge.db.backup-v1-20200101T000000.000Z", "drawbridge.db.backup-v1-20210101T000000.000Z", "drawbridge.db.backup-v1-20220101T000000.000Z",
		"drawbridge.db.backup-v1-by hand", "other.db.backup-v1-20200101T000000.000Z",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := oldDatabase(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	d, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	all, err := Backups(path)
	if err != nil || len(all) != maxBackups || all[2].At.Year() != 2021 || all[0].At.Year() < 2025 {
		t.Errorf("the backups are %+v, %v", all, err)
	}
	for _, name := range []string{"drawbridge.db.backup-v1-by hand", "other.db.backup-v1-20200101T000000.000Z"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.new")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestNoBackupNoMigration leaves a database as it is where no backup can be kept.
func TestNoBackupNoMigration(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "drawbridge.db")
	if err := oldDatabase(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)
	blocked := path + ".backup-v1-" + now.Format(backupTime) + ".new"
	if err := os.MkdirAll(filepath.Join(blocked, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := openWith(context.Background(), path, options{now: func() time.Time { return now }, busy: time.Second})
	if err == nil || !strings.Contains(err.Error(), "backup") {
		t.Fatalf("it is opened without a backup: %v", err)
	}
	old, err := sql.Open("sqlite", fileURL(path, "mode=ro"))
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	var version int
	if err := old.QueryRow("PRAGMA user_version").Scan(&version); err != nil || version != 1 {
		t.Errorf("the database is of version %d now, %v", version, err)
	}
}

// TestAll reads every branch, each message after its parent.
func TestAll(t *testing.T) {
	t.Parallel()
	d, err := Open(t.Context(), filepath.Join(t.TempDir(), "drawbridge.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.CreateConversation(t.Context(), store.Conversation{ID: "c"}); err != nil {
		t.Fatal(err)
	}
	for _, m := range [][2]string{{"a", ""}, {"b", "a"}, {"x", "a"}, {"y", "x"}, {"z", "b"}} {
		if err := d.Append(t.Context(), store.Message{ID: m[0], ParentID: m[1], ConversationID: "c", Role: store.RoleUser, Status: store.StatusComplete, Parts: store.Parts{store.Text{Text: m[0]}}}); err != nil {
			t.Fatal(err)
		}
	}
	all, err := d.All(t.Context(), "c")
	var order strings.Builder
	for _, m := range all {
		order.WriteString(m.ID + m.ParentID + m.Text() + " ")
	}
	if err != nil || order.String() != "aa bab xax yxy zbz " {
		t.Errorf("all are %q, %v", order.String(), err)
	}
	if _, err := d.All(t.Context(), "none"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("of none: %v", err)
	}
}

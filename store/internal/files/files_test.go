package files

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

func TestReplace(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "list.json")
	for _, text := range []string{"first", "the second, which is longer", ""} {
		if err := Replace(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != text {
			t.Errorf("read %q, %v", got, err)
		}
	}
	info, err := os.Stat(path)
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("there are %v, %v", entries, err)
	}
}

// What cannot be put in place leaves nothing behind.
func TestReplaceFails(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "folder")
	if err := os.MkdirAll(filepath.Join(path, "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Replace(path, []byte("text")); err == nil {
		t.Error("a folder was replaced")
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("there are %v, %v", entries, err)
	}
	if err := Replace(filepath.Join(path, "none", "x"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a folder: %v", err)
	}
}

func TestRemoveLeftovers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "list.json")
	for _, name := range []string{".list.json.new-17", ".list.json.new-x", ".other.json.new-17", "list.json"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := RemoveLeftovers(path); err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("there are %v, %v", entries, err)
	}
}

func TestPutAside(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "list.json")
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600))
	for _, want := range []string{".damaged-20260102T020405Z", ".damaged-20260102T020405Z-2", ".damaged-20260102T020405Z-3"} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if aside, err := PutAside(path, now); err != nil || aside != path+want {
			t.Errorf("put aside as %s, %v", aside, err)
		}
	}
	if err := os.WriteFile(path+".damaged-20260102T020405Z-4-wal", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if aside := Aside(path, now, "-wal"); aside != path+".damaged-20260102T020405Z-5" {
		t.Errorf("with its log, it would be put aside as %s", aside)
	}
	if _, err := PutAside(path, now); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what is not there was put aside: %v", err)
	}
}

package clip

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/drawbridge-app/drawbridge/store"
)

var png = []byte("\x89PNG\r\n\x1a\nrest")

// TestPicture has programs in the place of the desktop's.
func TestPicture(t *testing.T) {
	if runtime.GOOS != "linux" {
		if _, _, decode := reader(runtime.GOOS, false); decode == nil {
			t.Error("nothing reads the clipboard here")
		}
		return
	}
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	t.Setenv("WAYLAND_DISPLAY", "")
	if _, err := Picture(t.Context()); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("without a program: %v", err)
	}
	for script, want := range map[string][]byte{
		"printf '\\211PNG\\r\\n\\032\\nrest'": png,
		"echo no picture":                     nil,
		"exit 1":                              nil,
	} {
		if err := os.WriteFile(filepath.Join(dir, "xclip"), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		if got, err := Picture(t.Context()); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s gives %q, %v", script, got, err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "xclip"), []byte("#!/bin/sh\nwhile :; do printf '%65536s' x; done\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Picture(t.Context()); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("without end: %v", err)
	}
}

func TestDecode(t *testing.T) {
	t.Parallel()
	if got, err := fromAppleScript([]byte("«data PNGf89504E470D0A1A0A72657374»\n")); err != nil || !bytes.Equal(got, png) {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := fromAppleScript([]byte("text")); err != nil || got != nil {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := fromBase64([]byte("iVBORw0KGgpyZXN0\r\n")); err != nil || !bytes.Equal(got, png) {
		t.Errorf("%q, %v", got, err)
	}
	if name, _, _ := reader("linux", true); name != "wl-paste" {
		t.Errorf("under Wayland %s reads", name)
	}
}

//go:build linux

package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestOpenerGetsPlainArguments: what a server chose of an address reaches the
// opener as one argument, whatever is in it, and no shell looks at it.
func TestOpenerGetsPlainArguments(t *testing.T) {
	dir := t.TempDir()
	seen := filepath.Join(dir, "seen")
	script := "#!/bin/sh\nfor a in \"$@\"; do printf '%s\\n' \"$a\"; done > " + seen + ".part\nmv " + seen + ".part " + seen + "\n"
	if err := os.WriteFile(filepath.Join(dir, "xdg-open"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":/usr/bin:/bin")
	t.Setenv("DISPLAY", ":0")
	for _, address := range []string{
		"https://example.com/authorize?a=1&b=$(touch " + dir + "/pwned)", "https://example.com/`touch " + dir + "/pwned`", "https://example.com/;touch " + dir + "/pwned;'\"",
	} {
		if err := os.Remove(seen); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		if err := openBrowser(t.Context(), address); err != nil {
			t.Fatal(err)
		}
		var got []byte
		for until := time.Now().Add(time.Minute); time.Now().Before(until) && got == nil; time.Sleep(5 * time.Millisecond) {
			got, _ = os.ReadFile(seen)
		}
		if strings.TrimSuffix(string(got), "\n") != address {
			t.Errorf("the opener got %q for %q", got, address)
		}
		if _, err := os.Stat(filepath.Join(dir, "pwned")); err == nil {
			t.Fatalf("%q ran something", address)
		}
	}
}

func TestOpener(t *testing.T) {
	none := func(string) string { return "" }
	for system, want := range map[string][]string{"windows": {"rundll32", "url.dll,FileProtocolHandler"}, "darwin": {"open"}} {
		if got, err := opener(system, none); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q %v", system, got, err)
		}
	}
	if _, err := opener("linux", none); err == nil {
		t.Error("without a display something would be opened")
	}
	if got, err := opener("linux", func(k string) string { return map[string]string{"WAYLAND_DISPLAY": "wayland-0"}[k] }); err != nil || got[0] != "xdg-open" {
		t.Errorf("%q %v", got, err)
	}
}

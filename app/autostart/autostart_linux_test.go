package autostart

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestLinux writes the entry of this program, reads it as a desktop does, and
// starts what it says.
func TestLinux(t *testing.T) {
	config := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", config)
	told := filepath.Join(t.TempDir(), "told")
	program := filepath.Join(t.TempDir(), "a b $x 100% \"q\" `z` back\\slash")
	if err := os.WriteFile(program, []byte("#!/bin/sh\nprintf '%s\\n' \"$@\" > \"$TOLD\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	a := New(Options{ID: "app.example.Test", Name: "Test", Program: program, Args: []string{"--tray", "two words"}})
	path := filepath.Join(config, "autostart", "app.example.Test.desktop")
	is := func(want bool) {
		t.Helper()
		if on, err := a.On(); err != nil || on != want {
			t.Errorf("on: %v, %v; want %v", on, err, want)
		}
	}
	is(false)
	for range 2 {
		if err := a.Set(true); err != nil {
			t.Fatal(err)
		}
	}
	is(true)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "\nExec=")
	line, _, _ := strings.Cut(rest, "\n")
	words := readExec(t, line)
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Env = append(os.Environ(), "TOLD="+told)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%q: %v\n%s", words, err, out)
	}
	if got, err := os.ReadFile(told); err != nil || string(got) != "--tray\ntwo words\n" {
		t.Errorf("the program was told %q, %v", got, err)
	}
	// Desktops switch an entry off in its own file.
	if err := os.WriteFile(path, append(text, "Hidden=true\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	is(false)
	if err := a.Set(true); err != nil {
		t.Fatal(err)
	}
	is(true)
	for range 2 {
		if err := a.Set(false); err != nil {
			t.Fatal(err)
		}
	}
	is(false)
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if err := New(Options{ID: "x", Name: "x", Program: "relative"}).Set(true); err == nil {
		t.Error("a program without a full path is to be started")
	}
	if err := New(Options{ID: "x", Name: "x", Program: "/a\nExec=/bin/evil"}).Set(true); err == nil {
		t.Error("a path with a line break becomes two lines of the entry")
	}
}

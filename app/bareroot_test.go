//go:build linux

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// The program without its window needs no library, no shell, no /proc and no
// certificate: it runs in a root that holds nothing else.
func TestBareRoot(t *testing.T) {
	root := t.TempDir()
	build := exec.Command("go", "build", "-tags", "nowindow", "-o", filepath.Join(root, "drawbridge"), ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build without cgo: %v\n%s", err, out)
	}
	run := func(args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), "/drawbridge", args...)
		cmd.Env = []string{"DRAWBRIDGE_HOME=/home"}
		cmd.Dir = "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root}
		if os.Geteuid() != 0 {
			cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
			cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
			cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
		}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--version"}, "drawbridge "},
		{[]string{"ask", "--approve", "always", "workbench__time zone=America/Lima"}, "America/Lima"},
		{[]string{"servers", "add", "self", "--", "/drawbridge", "--version"}, "added self"},
		{[]string{"servers", "list"}, "self"},
		{[]string{"tools", "call", "workbench__list_folders"}, "folder"},
		{[]string{"providers", "list"}, "rehearsal"},
	} {
		if out, err := run(c.args...); err != nil || !strings.Contains(out, c.want) {
			t.Errorf("drawbridge %s: %v\n%s", strings.Join(c.args, " "), err, out)
		}
	}
	// A program that is no server fails with a sentence, and nothing hangs.
	if out, err := run("servers", "test", "self"); err == nil || !strings.Contains(out, "self:") {
		t.Errorf("drawbridge servers test self: %v\n%s", err, out)
	}
}

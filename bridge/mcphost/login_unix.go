//go:build unix

package mcphost

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// loginLimit is the longest that a login shell may take.
const loginLimit = 5 * time.Second

// loginEnviron asks the person's shell, as a login and interactive one, for its
// environment, and returns nil if it does not tell. The answer comes over a
// descriptor of its own, so whatever the shell's files print does not matter.
func loginEnviron(env []string) []string {
	shell := environ(env, "SHELL")
	if !filepath.IsAbs(shell) {
		return nil
	}
	switch filepath.Base(shell) {
	case "csh", "tcsh", "nu", "nologin", "false":
		return nil // they know no such redirection, or are no shell
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil
	}
	defer r.Close()
	cmd := exec.Command(shell, "-ilc", "/usr/bin/env -0 >&3")
	cmd.Env = append(slices.DeleteFunc(slices.Clone(env), func(kv string) bool {
		return strings.HasPrefix(kv, "DRAWBRIDGE_")
	}), "TERM=dumb")
	cmd.Dir = homeOf(env)
	cmd.ExtraFiles = []*os.File{w}
	// A session of its own has no terminal that the shell could wait for.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	r.SetReadDeadline(time.Now().Add(loginLimit))
	if err := cmd.Start(); err != nil {
		w.Close()
		return nil
	}
	w.Close()
	exited := make(chan struct{})
	go func() {
		cmd.Wait()
		// What the shell's files started may keep the descriptor open.
		r.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		close(exited)
	}()
	defer func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-exited
	}()
	var all bytes.Buffer
	if _, err := io.Copy(&all, io.LimitReader(r, 1<<20)); err != nil && !hasPath(all.Bytes()) {
		return nil
	}
	list := strings.Split(all.String(), "\x00")
	return list[:len(list)-1] // each ends in NUL; a last one that does not is cut off
}

// hasPath reports whether the variable arrived whole, although the descriptor
// was not closed: something that the shell's files started may keep it open.
func hasPath(b []byte) bool {
	i := bytes.Index(append([]byte{0}, b...), []byte("\x00PATH="))
	return i >= 0 && bytes.IndexByte(b[i:], 0) >= 0
}

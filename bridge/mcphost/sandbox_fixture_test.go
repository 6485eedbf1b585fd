//go:build linux

package mcphost

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"golang.org/x/sys/unix"

	"github.com/drawbridge-app/drawbridge/bridge/mcphost/internal/sandbox"
)

// foundOf is what a program of the tests has been told to use.
func foundOf(method string) *sandbox.Found {
	finder := sandbox.Finder{Own: loading(os.Environ())}
	found := finder.Landlock()
	if method == string(sandbox.Bubblewrap) {
		found = finder.Bubblewrap(context.Background())
	}
	return &found
}

// prisoner returns a server that tries what it is told to, and says how it went.
func prisoner() *mcp.Server {
	s := obedient()
	try := func(name string, do func(what string) (string, error)) {
		addTool(s, name, func(_ context.Context, _ *mcp.CallToolRequest, in textIn) (string, error) {
			said, err := do(in.Text)
			if err != nil {
				return "refused: " + err.Error(), nil
			}
			return "done: " + said, nil
		})
	}
	try("read", func(path string) (string, error) {
		b, err := os.ReadFile(path)
		return string(b), err
	})
	try("list", func(path string) (string, error) {
		entries, err := os.ReadDir(path)
		return fmt.Sprint(entries), err
	})
	try("write", func(path string) (string, error) { return "", os.WriteFile(path, []byte("was here"), 0o600) })
	try("truncate", func(path string) (string, error) { return "", os.Truncate(path, 0) })
	try("link", func(path string) (string, error) {
		to := filepath.Join(os.Getenv("HOME"), "linked")
		return "", os.Link(path, to)
	})
	try("dial", func(address string) (string, error) {
		network, address, _ := strings.Cut(address, " ")
		c, err := net.DialTimeout(network, address, 3*time.Second)
		if err != nil {
			return "", err
		}
		defer c.Close()
		_, err = c.Write([]byte("hello"))
		return "", err
	})
	try("signal", func(pid string) (string, error) {
		var n int
		fmt.Sscan(pid, &n)
		return "", syscall.Kill(n, 0)
	})
	try("environ", func(pid string) (string, error) {
		b, err := os.ReadFile("/proc/" + pid + "/environ")
		return string(b), err
	})
	try("descriptors", func(string) (string, error) {
		entries, err := os.ReadDir("/proc/self/fd")
		var out []string
		for _, e := range entries {
			to, _ := os.Readlink("/proc/self/fd/" + e.Name())
			out = append(out, to)
		}
		return strings.Join(out, "\n"), err
	})
	try("call", func(name string) (string, error) {
		var errno syscall.Errno
		switch name {
		case "io_uring":
			_, _, errno = syscall.Syscall(unix.SYS_IO_URING_SETUP, 1, 0, 0)
		case "keys":
			_, _, errno = syscall.Syscall6(unix.SYS_KEYCTL, 0, ^uintptr(2), 0, 0, 0, 0) // KEYCTL_GET_KEYRING_ID of the session
		case "parent":
			_, _, errno = syscall.Syscall(syscall.SYS_PTRACE, 16, uintptr(os.Getppid()), 0) // PTRACE_ATTACH
		}
		if errno != 0 {
			return "", errno
		}
		return "", nil
	})
	try("run", func(line string) (string, error) {
		words := strings.Fields(line)
		b, err := exec.Command(words[0], words[1:]...).CombinedOutput()
		return string(b), err
	})
	return s
}

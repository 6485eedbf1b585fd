//go:build linux || darwin

package control

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
)

// longestSocket is how long the path of a Unix socket may be: what fits on
// macOS (104 bytes, the last one 0) fits on Linux (108) too.
const longestSocket = 103

const socketName = "control.sock"

// listen makes the socket of a home. The caller holds the lock, so what stands
// in the socket's place belongs to nobody.
//
// The socket is home/control.sock. Where that path is too long for one, it
// stands in a directory of the user's with a short name, and home/control.sock
// is a symbolic link to it: so a client finds it whatever XDG_RUNTIME_DIR and
// TMPDIR are for that one.
func listen(home string) (net.Listener, func(), error) {
	path := filepath.Join(home, socketName)
	if err := removeStale(path); err != nil {
		return nil, nil, err
	}
	if len(path) <= longestSocket {
		ln, err := listenAt(path)
		return ln, func() {}, err
	}
	short, err := shortPath(home)
	if err != nil {
		return nil, nil, err
	}
	ln, err := listenAt(short)
	if err != nil {
		return nil, nil, err
	}
	if err := os.Symlink(short, path); err != nil {
		_ = ln.Close()
		return nil, nil, err
	}
	return ln, func() { _ = os.Remove(path) }, nil
}

// listenAt listens on a socket that only this user may connect to. Until its
// mode is set another user may reach it, and is turned away by the check of
// every connection's user.
func listenAt(path string) (net.Listener, error) {
	if err := removeStale(path); err != nil {
		return nil, err
	}
	ln, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		_ = ln.Close()
		return nil, err
	}
	return ln, nil
}

// removeStale removes an earlier owner's socket, or the link to it, and
// nothing else.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket && info.Mode().Type() != fs.ModeSymlink {
		return fmt.Errorf("%s is in the way: it is not a socket. Move it away, then try again", path)
	}
	return os.Remove(path)
}

// shortPath finds a place for the socket of a home with a long name, and makes
// its directory.
func shortPath(home string) (string, error) {
	sum := sha256.Sum256([]byte(home))
	name := hex.EncodeToString(sum[:8]) + ".sock"
	var failed []error
	for _, base := range []string{os.Getenv("XDG_RUNTIME_DIR"), os.TempDir(), "/tmp"} {
		if !filepath.IsAbs(base) {
			continue
		}
		dir := filepath.Join(base, fmt.Sprintf("drawbridge-%d", os.Getuid()))
		path := filepath.Join(dir, name)
		if len(path) > longestSocket {
			failed = append(failed, fmt.Errorf("%s is too long as well", path))
			continue
		}
		if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			failed = append(failed, err)
			continue
		}
		if err := checkDir(dir); err != nil {
			failed = append(failed, err)
			continue
		}
		return path, nil
	}
	return "", fmt.Errorf("the folder %s has too long a name for a socket, and there is no other place for it: %w", home, errors.Join(failed...))
}

// checkDir says whether a directory is this user's alone.
func checkDir(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || info.Mode().Perm() != 0o700 || !ok || int(owner.Uid) != os.Getuid() {
		return fmt.Errorf("%s is not a directory of this user's alone (it should belong to user %d with mode 0700)", dir, os.Getuid())
	}
	return nil
}

// connect opens a connection to the socket of a home.
func connect(ctx context.Context, home string) (net.Conn, error) {
	path := filepath.Join(home, socketName)
	if len(path) > longestSocket {
		short, err := os.Readlink(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%w: %w", ErrNoOwner, err)
		}
		if err != nil {
			return nil, err
		}
		if err := checkDir(filepath.Dir(short)); err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				err = fmt.Errorf("%w: %w", ErrNoOwner, err)
			}
			return nil, err
		}
		path = short
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", path)
	switch {
	case err == nil:
		return conn, nil
	// No socket; a socket that nobody listens on; an owner that has more
	// connections waiting than the system keeps.
	case errors.Is(err, syscall.ENOENT), errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.EAGAIN):
		return nil, fmt.Errorf("%w: %w", ErrNoOwner, err)
	case errors.Is(err, context.DeadlineExceeded): // a timeout of package net is one
		return nil, fmt.Errorf("%w: %w", ErrNoOwner, err)
	}
	return nil, err
}

// withSocket runs f with the file descriptor of a connection.
func withSocket(conn net.Conn, f func(fd int) error) error {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return fmt.Errorf("a connection of type %T has no file descriptor", conn)
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if err := raw.Control(func(fd uintptr) { inner = f(int(fd)) }); err != nil {
		return err
	}
	return inner
}

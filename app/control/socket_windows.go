package control

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/Microsoft/go-winio"
	"golang.org/x/sys/windows"
)

// pipeName is the named pipe of a home. Names of files do not tell upper from
// lower case on Windows.
func pipeName(home string, user *windows.SID) string {
	sum := sha256.Sum256([]byte(strings.ToLower(home) + "\x00" + user.String()))
	return `\\.\pipe\drawbridge-` + hex.EncodeToString(sum[:16])
}

// listen makes the named pipe of a home. Only the current user may open it,
// and not over the network. It fails when another process made a pipe of that
// name before.
func listen(home string) (net.Listener, func(), error) {
	user, err := userOf(windows.CurrentProcess())
	if err != nil {
		return nil, nil, err
	}
	ln, err := winio.ListenPipe(pipeName(home, user), &winio.PipeConfig{
		SecurityDescriptor: "D:P(D;;GA;;;NU)(A;;GA;;;" + user.String() + ")",
		InputBufferSize:    maxChunk,
		OutputBufferSize:   maxChunk,
	})
	if err != nil {
		return nil, nil, err
	}
	return ln, func() {}, nil
}

// connect opens a connection to the pipe of a home.
func connect(ctx context.Context, home string) (net.Conn, error) {
	user, err := userOf(windows.CurrentProcess())
	if err != nil {
		return nil, err
	}
	conn, err := winio.DialPipeContext(ctx, pipeName(home, user))
	switch {
	case err == nil:
		return conn, nil
	case errors.Is(err, os.ErrNotExist), errors.Is(err, context.DeadlineExceeded), errors.Is(err, winio.ErrTimeout):
		return nil, fmt.Errorf("%w: %w", ErrNoOwner, err)
	}
	return nil, err
}

// peerOf names the process at the other end of a pipe. That it belongs to the
// same user is checked here, because a user has no number on Windows.
func peerOf(conn net.Conn) (Peer, error) {
	file, ok := conn.(interface{ Fd() uintptr })
	if !ok {
		return Peer{}, fmt.Errorf("a connection of type %T has no handle", conn)
	}
	pipe := windows.Handle(file.Fd())
	var flags uint32
	if err := windows.GetNamedPipeInfo(pipe, &flags, nil, nil, nil); err != nil {
		return Peer{}, fmt.Errorf("asking who is at the other end: %w", err)
	}
	var pid uint32
	ask := windows.GetNamedPipeServerProcessId
	if flags&windows.PIPE_SERVER_END != 0 {
		ask = windows.GetNamedPipeClientProcessId
	}
	if err := ask(pipe, &pid); err != nil {
		return Peer{}, fmt.Errorf("asking who is at the other end: %w", err)
	}
	process, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, pid)
	if err != nil {
		return Peer{}, fmt.Errorf("process %d cannot be looked at: %w: %w", pid, ErrForeign, err)
	}
	defer windows.CloseHandle(process)
	theirs, err := userOf(process)
	if err != nil {
		return Peer{}, fmt.Errorf("process %d: %w: %w", pid, ErrForeign, err)
	}
	mine, err := userOf(windows.CurrentProcess())
	if err != nil {
		return Peer{}, err
	}
	if !theirs.Equals(mine) {
		return Peer{}, fmt.Errorf("process %d runs as %s: %w", pid, theirs, ErrForeign)
	}
	return Peer{PID: int(pid), UID: -1}, nil
}

// userOf is the user that a process runs as.
func userOf(process windows.Handle) (*windows.SID, error) {
	var token windows.Token
	if err := windows.OpenProcessToken(process, windows.TOKEN_QUERY, &token); err != nil {
		return nil, fmt.Errorf("finding the user of a process: %w", err)
	}
	defer token.Close()
	user, err := token.GetTokenUser()
	if err != nil {
		return nil, fmt.Errorf("finding the user of a process: %w", err)
	}
	return user.User.Sid.Copy()
}

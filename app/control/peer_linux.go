package control

import (
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// peerOf names the process that connected, or on a client's side the one that
// listens (unix(7), SO_PEERCRED).
func peerOf(conn net.Conn) (Peer, error) {
	var p Peer
	err := withSocket(conn, func(fd int) error {
		cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
		if err != nil {
			return err
		}
		p = Peer{PID: int(cred.Pid), UID: int(cred.Uid)}
		return nil
	})
	if err != nil {
		return Peer{}, fmt.Errorf("asking who is at the other end: %w", err)
	}
	return p, nil
}

package control

import (
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// peerOf names the process that connected, or on a client's side the one that
// listens (unix(4), LOCAL_PEERCRED and LOCAL_PEERPID).
func peerOf(conn net.Conn) (Peer, error) {
	var p Peer
	err := withSocket(conn, func(fd int) error {
		cred, err := unix.GetsockoptXucred(fd, unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
		if err != nil {
			return err
		}
		pid, err := unix.GetsockoptInt(fd, unix.SOL_LOCAL, unix.LOCAL_PEERPID)
		if err != nil {
			return err
		}
		p = Peer{PID: pid, UID: int(cred.Uid)}
		return nil
	})
	if err != nil {
		return Peer{}, fmt.Errorf("asking who is at the other end: %w", err)
	}
	return p, nil
}

//go:build linux && e2e

package desk

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// ErrNoText is returned where nobody offers a text on the clipboard.
var ErrNoText = errors.New("there is no text on the clipboard")

// clipboardLimit bounds one look at the clipboard.
const clipboardLimit = 20 * time.Second

// Clipboard is the text that a paste would give: the X server's selection
// CLIPBOARD, which is asked for as another program would (ICCCM, section 2). The
// error wraps ErrNoText where nobody has one.
func (d *Desktop) Clipboard(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, clipboardLimit)
	defer cancel()
	x, err := d.dialX(ctx)
	if err != nil {
		return "", fmt.Errorf("connecting to the X server: %w", err)
	}
	defer x.conn.Close()
	defer context.AfterFunc(ctx, func() { x.conn.Close() })()
	text, err := x.selection("CLIPBOARD", "UTF8_STRING")
	if err != nil {
		return "", fmt.Errorf("reading the clipboard: %w", err)
	}
	return text, nil
}

// xClient is a connection to the X server that can do no more than ask for a
// selection (X Window System Protocol, release 6.7, appendix B).
type xClient struct {
	conn net.Conn
	in   *bufio.Reader
	root uint32
	next uint32 // the next id of ours
}

// What is used of the protocol: requests, events and sizes.
const (
	xCreateWindow     = 1
	xInternAtom       = 16
	xGetProperty      = 20
	xConvertSelection = 24

	xError           = 0
	xReply           = 1
	xSelectionNotify = 31
	xGenericEvent    = 35

	xUnit     = 32      // bytes of an event, and of the head of a reply
	xMostText = 1 << 22 // of a property, in units of four bytes
)

var xOrder = binary.LittleEndian

// dialX connects to the desktop's X server.
func (d *Desktop) dialX(ctx context.Context) (*xClient, error) {
	var dialer net.Dialer
	path := "/tmp/.X11-unix/X" + d.display[1:]
	conn, err := dialer.DialContext(ctx, "unix", path)
	if err != nil {
		var again error
		if conn, again = dialer.DialContext(ctx, "unix", "@"+path); again != nil {
			return nil, errors.Join(err, again)
		}
	}
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	x := &xClient{conn: conn, in: bufio.NewReader(conn)}
	if err := x.greet(); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return x, nil
}

// greet opens the connection, and learns the root window and our ids.
func (x *xClient) greet() error {
	hello := make([]byte, 12)
	hello[0] = 'l'
	xOrder.PutUint16(hello[2:], 11)
	if _, err := x.conn.Write(hello); err != nil {
		return err
	}
	head := make([]byte, 8)
	if _, err := io.ReadFull(x.in, head); err != nil {
		return err
	}
	rest := make([]byte, 4*int(xOrder.Uint16(head[6:])))
	if _, err := io.ReadFull(x.in, rest); err != nil {
		return err
	}
	if head[0] != 1 || len(rest) < 32 {
		return fmt.Errorf("the X server refuses: %q", rest)
	}
	vendor, formats := int(xOrder.Uint16(rest[16:])), int(rest[21])
	screen := 32 + (vendor+3)/4*4 + 8*formats
	if len(rest) < screen+4 {
		return errors.New("the X server has no screen")
	}
	x.next, x.root = xOrder.Uint32(rest[4:]), xOrder.Uint32(rest[screen:])
	return nil
}

// request sends one request of 32-bit fields after its head.
func (x *xClient) request(opcode, detail byte, fields ...uint32) error {
	b := []byte{opcode, detail, 0, 0}
	xOrder.PutUint16(b[2:], uint16(1+len(fields)))
	for _, f := range fields {
		b = xOrder.AppendUint32(b, f)
	}
	_, err := x.conn.Write(b)
	return err
}

// wait reads until the event of a kind, or the reply, and returns it whole.
func (x *xClient) wait(kind byte) ([]byte, error) {
	for {
		b := make([]byte, xUnit)
		if _, err := io.ReadFull(x.in, b); err != nil {
			return nil, err
		}
		got := b[0] & 0x7f
		if got == xError {
			return nil, fmt.Errorf("the X server says error %d to request %d", b[1], b[10])
		}
		if got == xReply || got == xGenericEvent {
			more := make([]byte, 4*int(xOrder.Uint32(b[4:])))
			if _, err := io.ReadFull(x.in, more); err != nil {
				return nil, err
			}
			b = append(b, more...)
		}
		if got == kind {
			return b, nil
		}
	}
}

// atom is the number of a name.
func (x *xClient) atom(name string) (uint32, error) {
	b := []byte{xInternAtom, 0, 0, 0}
	b = xOrder.AppendUint16(b, uint16(len(name)))
	b = append(b, 0, 0)
	b = append(b, name...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	xOrder.PutUint16(b[2:], uint16(len(b)/4))
	if _, err := x.conn.Write(b); err != nil {
		return 0, err
	}
	reply, err := x.wait(xReply)
	if err != nil {
		return 0, err
	}
	return xOrder.Uint32(reply[8:]), nil
}

// selection asks the owner of a selection for its content.
func (x *xClient) selection(name, target string) (string, error) {
	var atoms [3]uint32
	for i, n := range []string{name, target, "DRAWBRIDGE_E2E"} {
		var err error
		if atoms[i], err = x.atom(n); err != nil {
			return "", err
		}
	}
	window := x.next
	// A window of one pixel that is never shown takes the answer.
	if err := x.request(xCreateWindow, 0, window, x.root, 0, 1|1<<16, 1<<16, 0, 0); err != nil {
		return "", err
	}
	if err := x.request(xConvertSelection, 0, window, atoms[0], atoms[1], atoms[2], 0); err != nil {
		return "", err
	}
	event, err := x.wait(xSelectionNotify)
	if err != nil {
		return "", err
	}
	property := xOrder.Uint32(event[20:])
	if property == 0 {
		return "", ErrNoText
	}
	if err := x.request(xGetProperty, 1, window, property, 0, 0, xMostText); err != nil {
		return "", err
	}
	reply, err := x.wait(xReply)
	if err != nil {
		return "", err
	}
	size := int(xOrder.Uint32(reply[16:]))
	if kind := xOrder.Uint32(reply[8:]); kind != atoms[1] || reply[1] != 8 || xUnit+size > len(reply) {
		return "", fmt.Errorf("the answer is no text: type %d, %d bits, %d long", kind, reply[1], size)
	}
	return string(reply[xUnit : xUnit+size]), nil
}

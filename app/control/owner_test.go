package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestAcquire(t *testing.T) {
	t.Parallel()
	home := filepath.Join(t.TempDir(), "new", "home")
	owner, err := Acquire(home, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Acquire(home, Options{}); !errors.Is(err, ErrOwned) {
		t.Errorf("a second Acquire: %v, want ErrOwned", err)
	}
	if err := owner.Close(); err != nil {
		t.Fatal(err)
	}
	if err := owner.Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
	owner, err = Acquire(home, Options{})
	if err != nil {
		t.Fatalf("after Close: %v", err)
	}
	if err := owner.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestJoinWaitsForTheOwnerToEnd(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	owner, err := Acquire(home, Options{})
	if err != nil {
		t.Fatal(err)
	}
	// It takes no new commands, but has not given up the lock.
	if err := owner.Drain(context.Background()); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, _, err := Join(short, home, Options{}); !errors.Is(err, ErrNoOwner) || !strings.Contains(err.Error(), home) {
		t.Errorf("Join while the lock is held: %v", err)
	}
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := Join(gone, home, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Join with a cancelled context: %v", err)
	}
	type joined struct {
		owner  *Owner
		client *Client
		err    error
	}
	done := make(chan joined, 1)
	go func() {
		o, c, err := Join(context.Background(), home, Options{Handshake: patience})
		done <- joined{o, c, err}
	}()
	if err := owner.Close(); err != nil {
		t.Fatal(err)
	}
	j := <-done
	if j.err != nil || j.owner == nil || j.client != nil {
		t.Fatalf("Join after Close: %+v", j)
	}
	if err := j.owner.Close(); err != nil {
		t.Fatal(err)
	}
}

// An owner that has the lock but does not serve is reported, not waited for
// without end.
func TestOwnerThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	owner, err := Acquire(home, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close()
	_, _, err = Join(context.Background(), home, Options{Handshake: 100 * time.Millisecond})
	if !errors.Is(err, ErrNoOwner) || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) {
		t.Errorf("got %v, want ErrNoOwner with the number of the process", err)
	}
	gone, cancel := context.WithCancel(context.Background())
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := Dial(gone, home, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Dial with a cancelled context: %v", err)
	}
}

func TestVersions(t *testing.T) {
	t.Parallel()
	home, _ := serve(t, Options{Version: "1.2.3", Role: "window"}, commands)
	_, err := Dial(context.Background(), home, Options{Version: "1.3.0"})
	var version *VersionError
	if !errors.As(err, &version) || version.Theirs != "1.2.3" || version.Mine != "1.3.0" || version.PID != os.Getpid() {
		t.Errorf("another version: %v", err)
	}
	_, _, err = Join(context.Background(), home, Options{Version: "1.3.0"})
	if !errors.As(err, &version) {
		t.Errorf("Join with another version: %v", err)
	}
	client, err := Dial(context.Background(), home, Options{Version: "1.2.3"})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if want := (Info{PID: os.Getpid(), Version: "1.2.3", Role: "window"}); client.Owner() != want {
		t.Errorf("Owner is %+v, want %+v", client.Owner(), want)
	}
	if code, err := client.Run(context.Background(), &Session{Args: []string{"exit", "-7"}, Dir: os.TempDir(), Stdin: strings.NewReader("")}); code != -7 || err != nil {
		t.Errorf("exit -7: %d, %v", code, err)
	}
	if code, err := client.Run(context.Background(), &Session{}); code != ExitInternal || err == nil {
		t.Errorf("a second Run: %d, %v", code, err)
	}
}

// Another user's connection is closed before a byte of it counts.
func TestForeignClient(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	owner, err := Acquire(home, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var ran, admitted atomic.Bool
	owner.peerOf = func(net.Conn) (Peer, error) { return Peer{PID: 1, UID: os.Getuid() + 1}, nil }
	owner.admit = func(p Peer) error {
		err := checkPeer(p)
		admitted.Store(err == nil)
		return err
	}
	serveOn(t, owner, func(context.Context, *Session) int { ran.Store(true); return 0 })
	conn, err := connect(context.Background(), owner.Home())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if got, err := io.ReadAll(conn); len(got) != 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read %q, %v; want a closed connection", got, err)
	}
	if r := runClient(context.Background(), home, Options{}, nil, "x"); !errors.Is(r.err, ErrNoOwner) {
		t.Errorf("a client: %+v", r)
	}
	if ran.Load() || admitted.Load() {
		t.Error("another user's command was let in")
	}
	if err := checkPeer(Peer{UID: os.Getuid() + 1}); !errors.Is(err, ErrForeign) {
		t.Errorf("checkPeer of another user: %v", err)
	}
	if err := checkPeer(Peer{UID: os.Getuid()}); err != nil {
		t.Errorf("checkPeer of this user: %v", err)
	}
}

// Package control makes one process the owner of a DRAWBRIDGE_HOME and every
// other start of the program its client.
//
// The owner holds a lock on the home directory and listens on a socket in it
// (on Windows a named pipe). A client does no work of its own: it forwards its
// arguments, its working directory, what it knows of its terminal, and its
// standard input; the owner runs that very command with those streams and
// sends back standard output, standard error and the exit code. So a command
// is written once, against a [Session], and does not know where it runs:
//
//	session, err := control.Local(ctx, os.Args[1:])
//	...
//	owner, client, err := control.Join(ctx, home, control.Options{Version: version, Role: "command"})
//	switch {
//	case err != nil:
//		// A sentence for the person.
//	case client != nil:
//		code, err = client.Run(ctx, session)
//	default:
//		defer owner.Close()
//		serveCtx, stop := context.WithCancel(ctx)
//		served := make(chan error, 1)
//		go func() { served <- owner.Serve(serveCtx, handler) }()
//		code = handler.Run(ctx, session)
//		_ = owner.Drain(ctx) // the others finish first
//		stop()
//		err = <-served
//	}
//
// Bringing the window to the front is a command like any other.
//
// The environment of a client does not matter to the owner, apart from
// DRAWBRIDGE_HOME, which picked the owner. A command that the environment must
// reach takes it as an argument.
//
// Both ends check that the other belongs to the same user, by what the
// operating system says of the connection, before either reads a byte. The
// package is no protection from other programs of the same user; whether one
// of them may do a thing is decided by the command, which is given the process
// id of its caller ([Peer]) and can ask whether that descends from another
// process ([Descends]).
//
// The package works on Linux, macOS and Windows.
package control

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"
)

// Exit codes that the package itself gives. A command's own codes pass
// through unchanged.
const (
	ExitUnavailable = 69  // the owner could not be reached, or ended before the command did
	ExitInternal    = 70  // the command failed in a way that its author did not foresee
	ExitOutput      = 74  // the client could not write what the command printed
	ExitInterrupted = 130 // the command did not end in time after an interrupt
)

var (
	// ErrOwned says that another process owns the home.
	ErrOwned = errors.New("another Drawbridge is using this folder")
	// ErrNoOwner says that nobody listens for clients of the home: there is
	// no owner, or it is just starting or just ending.
	ErrNoOwner = errors.New("no Drawbridge is listening for this folder")
	// ErrForeign says that the process at the other end belongs to another user.
	ErrForeign = errors.New("the other process belongs to another user")
	// ErrOwnerGone says that the owner ended before the command did.
	ErrOwnerGone = errors.New("the running Drawbridge ended before this command did")
	// ErrRefused says that the owner declined to run the command; the text
	// around it is the owner's reason.
	ErrRefused = errors.New("the running Drawbridge declined")
	// ErrNoInput says that standard input ended where a value was to be read.
	ErrNoInput = errors.New("standard input ended before a value was given")

	// ErrInterrupted is the cause of a session's context when the person at
	// the client interrupted the command.
	ErrInterrupted = errors.New("interrupted")
	// ErrClientGone is the cause of a session's context when the client went
	// away without waiting for the command.
	ErrClientGone = errors.New("the client went away")
	// ErrClosing is the cause of a session's context when the owner closes.
	ErrClosing = errors.New("the running Drawbridge is closing")
)

// A VersionError says that the owner is another version of the program, so
// that it may not understand this one's commands.
type VersionError struct {
	Mine, Theirs string // versions of the program
	PID          int    // of the owner
}

// Error tells both versions and what to do.
func (e *VersionError) Error() string {
	return fmt.Sprintf("Drawbridge %s is running (process %d), and this is Drawbridge %s. Quit the running one, then try again.",
		e.Theirs, e.PID, e.Mine)
}

// Options are the choices of an owner and of a client. The zero value works.
type Options struct {
	// Version is the program's version. An owner and its clients must have
	// the same.
	Version string
	// Role is one word for what this process is if it becomes the owner,
	// "window" for example. Clients see it in [Info].
	Role string
	// Logger gets what goes wrong with connections. It is never given
	// arguments, input or output of a command. Nil discards.
	Logger *slog.Logger
	// Handshake is how long a new connection may take until its command is
	// known, and how long [Dial] and [Join] try when their context has no
	// deadline of its own. Zero means 10 s.
	Handshake time.Duration
	// Grace is how long a command may go on after it was cancelled, and how
	// long one write to a client may take from then on. Zero means 10 s.
	Grace time.Duration
	// MaxSessions is how many commands run at a time. Zero means 64.
	MaxSessions int
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Handshake <= 0 {
		o.Handshake = 10 * time.Second
	}
	if o.Grace <= 0 {
		o.Grace = 10 * time.Second
	}
	if o.MaxSessions <= 0 {
		o.MaxSessions = 64
	}
	return o
}

// A Peer is the process at the other end of a connection, as the operating
// system names it.
type Peer struct {
	PID int
	UID int // -1 on Windows, where the user was compared by SID
}

// Info is what an owner tells of itself.
type Info struct {
	PID     int
	Version string
	Role    string
}

// A Handler runs commands.
type Handler interface {
	// Run runs one command and returns its exit code. It is called from many
	// goroutines at once. It returns soon after ctx is done;
	// context.Cause(ctx) is then ErrInterrupted, ErrClientGone or ErrClosing
	// if the command came from a client. It does not use s after it returned.
	Run(ctx context.Context, s *Session) int
}

// HandlerFunc is a function that is a [Handler].
type HandlerFunc func(ctx context.Context, s *Session) int

// Run calls f.
func (f HandlerFunc) Run(ctx context.Context, s *Session) int { return f(ctx, s) }

// Join makes this process the owner of home or, where another is, its client:
// exactly one of the first two results is not nil when the error is. An owner
// that is just starting or just ending is waited for, until ctx is done or,
// when ctx has no deadline, for Options.Handshake.
//
// Errors: [*VersionError], [ErrForeign], [ErrRefused], [ErrNoOwner] when the
// owner did not answer in time, ctx's own when it was cancelled.
func Join(ctx context.Context, home string, opts Options) (*Owner, *Client, error) {
	opts = opts.withDefaults()
	ctx, cancel := withDefaultTimeout(ctx, opts.Handshake)
	defer cancel()
	pause := 5 * time.Millisecond
	for {
		owner, err := Acquire(home, opts)
		if err == nil {
			return owner, nil, nil
		}
		if !errors.Is(err, ErrOwned) {
			return nil, nil, err
		}
		client, err := dial(ctx, home, opts)
		if err == nil {
			return nil, client, nil
		}
		if !errors.Is(err, ErrNoOwner) {
			return nil, nil, err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
			pause = min(2*pause, 200*time.Millisecond)
		case <-ctx.Done():
			timer.Stop()
			if errors.Is(ctx.Err(), context.Canceled) {
				return nil, nil, ctx.Err()
			}
			return nil, nil, fmt.Errorf("another Drawbridge has locked %s but does not answer. Wait for it to end, or end it, then try again: %w", home, err)
		}
	}
}

// withDefaultTimeout gives ctx a deadline if it has none.
func withDefaultTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if _, has := ctx.Deadline(); has {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, d)
}

// resolve gives the one name of an existing home, so that every process finds
// the same lock and the same socket.
func resolve(home string) (string, error) {
	abs, err := filepath.Abs(home)
	if err != nil {
		return "", fmt.Errorf("finding the folder %s: %w", home, err)
	}
	resolved, err := filepath.EvalSymlinks(abs)
	if err != nil {
		return "", fmt.Errorf("finding the folder %s: %w", home, err)
	}
	return resolved, nil
}

// checkPeer compares the user of the process at the other end with ours.
func checkPeer(p Peer) error {
	if p.UID != os.Getuid() {
		return fmt.Errorf("process %d runs as user %d and this one as user %d; start both as the same user: %w", p.PID, p.UID, os.Getuid(), ErrForeign)
	}
	return nil
}

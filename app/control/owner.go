package control

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

// An Owner holds the lock of a home and runs the commands of its clients. Its
// methods may be called from any goroutine.
type Owner struct {
	opts   Options
	home   string
	lock   *flock.Flock
	ln     net.Listener
	forget func()                       // removes what the listener leaves behind
	peerOf func(net.Conn) (Peer, error) // the operating system's word
	admit  func(Peer) error             // whether that process may be a client

	// accepting ends when no new command is taken, running when those that
	// run are to end. accepting ends no later than running.
	accepting     context.Context
	stopAccepting context.CancelFunc
	running       context.Context
	stopRunning   context.CancelCauseFunc

	mu       sync.Mutex
	closed   bool          // protected by mu; set with stopAccepting
	sessions int           // protected by mu; commands that were welcomed
	conns    int           // protected by mu; all connections
	changed  chan struct{} // protected by mu; closed and replaced when sessions falls
	served   chan struct{} // protected by mu; nil until Serve; closed when it returns

	closeOnce sync.Once
	closeErr  error
}

// Acquire takes the lock of home and listens for clients; those that come
// before [Owner.Serve] wait. The folder is made if it is not there. The lock
// is the file "lock" in it, and ends with the process, however that ends. A
// socket that an earlier owner left behind is removed.
//
// The error is [ErrOwned] when another process, or an Owner of this one, holds
// the lock.
func Acquire(home string, opts Options) (*Owner, error) {
	opts = opts.withDefaults()
	if err := os.MkdirAll(home, 0o700); err != nil {
		return nil, fmt.Errorf("making Drawbridge's folder: %w", err)
	}
	home, err := resolve(home)
	if err != nil {
		return nil, err
	}
	lock := flock.New(filepath.Join(home, "lock"), flock.SetPermissions(0o600))
	locked, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("locking Drawbridge's folder %s: %w", home, err)
	}
	if !locked {
		return nil, fmt.Errorf("%s: %w", home, ErrOwned)
	}
	ln, forget, err := listen(home)
	if err != nil {
		_ = lock.Unlock()
		return nil, fmt.Errorf("listening for other starts of Drawbridge: %w", err)
	}
	o := &Owner{
		opts: opts, home: home, lock: lock, ln: ln, forget: forget,
		peerOf: peerOf, admit: checkPeer,
		changed: make(chan struct{}),
	}
	o.accepting, o.stopAccepting = context.WithCancel(context.Background())
	o.running, o.stopRunning = context.WithCancelCause(context.Background())
	return o, nil
}

// Home is the folder, with every symbolic link resolved.
func (o *Owner) Home() string { return o.home }

// Serve runs the commands of clients with h until ctx is done, [Owner.Drain]
// succeeded or [Owner.Close] was called. Then it takes no new ones, cancels
// those that run with [ErrClosing], and waits for them, at most twice
// Options.Grace; it returns an error if some had not ended by then. What the
// commands use may be closed after Serve returned nil, and the lock given up
// with Close after that. Values of ctx reach the commands. Call it once.
func (o *Owner) Serve(ctx context.Context, h Handler) error {
	o.mu.Lock()
	if o.served != nil {
		o.mu.Unlock()
		return errors.New("control: Serve was called twice")
	}
	served := make(chan struct{})
	o.served = served
	o.mu.Unlock()
	defer close(served)
	defer context.AfterFunc(ctx, o.stop)()

	var handlers sync.WaitGroup
	pause := time.Duration(0)
	for {
		conn, err := o.ln.Accept()
		if err == nil {
			pause = 0
			if !o.enter() {
				o.opts.Logger.Warn("control: too many connections, one was closed")
				_ = conn.Close()
				continue
			}
			handlers.Go(func() {
				defer o.leave()
				o.handle(ctx, conn, h)
			})
			continue
		}
		if o.accepting.Err() != nil {
			break
		}
		// Too many open files, or a client that left before it was greeted.
		pause = min(max(2*pause, 5*time.Millisecond), time.Second)
		o.opts.Logger.Warn("control: accepting a connection failed", "err", err)
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-o.accepting.Done():
			timer.Stop()
		}
	}
	ended := make(chan struct{})
	go func() { handlers.Wait(); close(ended) }()
	timer := time.NewTimer(2 * o.opts.Grace)
	defer timer.Stop()
	select {
	case <-ended:
		return nil
	case <-timer.C:
		o.mu.Lock()
		defer o.mu.Unlock()
		return fmt.Errorf("%d commands of other processes did not stop in time", o.sessions)
	}
}

// Drain waits until no client's command runs and, in the same moment, stops
// taking new ones. Until then new ones are taken, so that a long command of
// one client never keeps all others from working. An owner that was started
// for one command of its own calls it before it ends. The error is ctx's, and
// the owner then goes on as before.
func (o *Owner) Drain(ctx context.Context) error {
	for {
		o.mu.Lock()
		if o.sessions == 0 {
			o.refuseNewLocked()
			o.mu.Unlock()
			return nil
		}
		changed := o.changed
		o.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Close ends Serve as a cancelled context does, waits for it, and gives up the
// lock. The lock file stays. Later calls return what the first did. A command
// does not call it: it would wait for itself.
func (o *Owner) Close() error {
	o.closeOnce.Do(func() {
		o.stop()
		o.mu.Lock()
		served := o.served
		o.mu.Unlock()
		if served != nil {
			<-served
		}
		if err := o.lock.Unlock(); err != nil {
			o.closeErr = fmt.Errorf("unlocking Drawbridge's folder: %w", err)
		}
	})
	return o.closeErr
}

// stop takes no new commands and ends those that run.
func (o *Owner) stop() {
	o.mu.Lock()
	o.refuseNewLocked()
	o.mu.Unlock()
	o.stopRunning(ErrClosing)
}

// refuseNewLocked closes the listener. mu is held.
func (o *Owner) refuseNewLocked() {
	if o.closed {
		return
	}
	o.closed = true
	o.stopAccepting()
	_ = o.ln.Close()
	o.forget()
}

// enter counts a new connection, and says whether there is room for it. Twice
// as many may be open as commands may run, so that those that only hold a
// connection open do not keep the others out while they are timed out.
func (o *Owner) enter() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.conns >= 2*o.opts.MaxSessions {
		return false
	}
	o.conns++
	return true
}

func (o *Owner) leave() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.conns--
}

var errBusy = errors.New("too many commands run at once. Wait for one to end, then try again")

// welcome counts a command that is about to start. The error is errBusy when
// there are too many and ErrClosing when no more are taken.
func (o *Owner) welcome() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return ErrClosing
	}
	if o.sessions >= o.opts.MaxSessions {
		return errBusy
	}
	o.sessions++
	return nil
}

// farewell is the opposite of welcome.
func (o *Owner) farewell() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sessions--
	close(o.changed)
	o.changed = make(chan struct{})
}

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

	"github.com/drawbridge-app/drawbridge/store"
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

func TestCommandPanics(t *testing.T) {
	t.Parallel()
	home, _ := serve(t, Options{}, commands)
	r := runClient(context.Background(), home, Options{}, nil, "panic")
	if r.code != ExitInternal || r.err != nil || !strings.Contains(r.stderr, "mistake of its own") || strings.Contains(r.stderr, "on purpose") {
		t.Errorf("got %+v", r)
	}
	if r := runClient(context.Background(), home, Options{}, nil, "exit", "5"); r.code != 5 || r.err != nil {
		t.Errorf("after it: %+v", r)
	}
}

func TestDrain(t *testing.T) {
	t.Parallel()
	entered, release := make(chan struct{}), make(chan struct{})
	home, owner := serve(t, Options{}, func(ctx context.Context, s *Session) int {
		if s.Args[0] == "hold" {
			entered <- struct{}{}
			<-release
		}
		return 0
	})
	held := make(chan result, 1)
	go func() { held <- runClient(context.Background(), home, Options{}, nil, "hold") }()
	<-entered

	short, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := owner.Drain(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Drain while a command runs: %v", err)
	}
	drained := make(chan error, 1)
	go func() { drained <- owner.Drain(context.Background()) }()
	if r := runClient(context.Background(), home, Options{}, nil, "quick"); r.err != nil {
		t.Errorf("a command while the owner drains: %v", r.err)
	}
	select {
	case err := <-drained:
		t.Errorf("Drain returned %v while a command ran", err)
	default:
	}
	close(release)
	if err := <-drained; err != nil {
		t.Errorf("Drain: %v", err)
	}
	if r := <-held; r.err != nil || r.code != 0 {
		t.Errorf("the command that was waited for: %+v", r)
	}
	if _, err := Dial(context.Background(), home, Options{}); !errors.Is(err, ErrNoOwner) {
		t.Errorf("Dial after Drain: %v", err)
	}
	// One that was accepted before is turned away.
	if err := owner.welcome(); !errors.Is(err, ErrClosing) {
		t.Errorf("a command after Drain: %v", err)
	}
	if _, err := Acquire(home, Options{}); !errors.Is(err, ErrOwned) {
		t.Errorf("Acquire before Close: %v", err)
	}
}

func TestClosingTellsCommands(t *testing.T) {
	t.Parallel()
	home, owner := serve(t, Options{}, commands)
	var stdout buffer
	done := make(chan result, 1)
	go func() {
		done <- runClient(context.Background(), home, Options{}, func(s *Session) { s.Stdout = &stdout }, "wait")
	}()
	eventually(t, "the command starts", func() bool { return stdout.String() == "waiting\n" })
	if err := owner.Close(); err != nil {
		t.Fatal(err)
	}
	if r := <-done; r.code != 42 || r.err != nil || r.stderr != ErrClosing.Error()+"\n" {
		t.Errorf("got %+v, want the command's own end", r)
	}
}

// A command that does not stop is left, and said so, after the grace.
func TestCommandThatDoesNotStop(t *testing.T) {
	t.Parallel()
	entered, release := make(chan struct{}), make(chan struct{})
	home := t.TempDir()
	opts := Options{Grace: 50 * time.Millisecond}
	owner, err := Acquire(home, opts)
	if err != nil {
		t.Fatal(err)
	}
	defer close(release)
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() {
		served <- owner.Serve(ctx, HandlerFunc(func(context.Context, *Session) int {
			close(entered)
			<-release
			return 0
		}))
	}()
	interrupt, cancel := context.WithCancel(context.Background())
	done := make(chan result, 1)
	go func() { done <- runClient(interrupt, home, opts, nil, "stuck") }()
	<-entered
	cancel()
	if r := <-done; r.code != ExitInterrupted || !errors.Is(r.err, context.Canceled) {
		t.Errorf("the client: %+v", r)
	}
	stop()
	if err := <-served; err == nil || !strings.Contains(err.Error(), "1 commands") {
		t.Errorf("Serve: %v", err)
	}
	if err := owner.Close(); err != nil {
		t.Error(err)
	}
}

func TestTooManyCommands(t *testing.T) {
	t.Parallel()
	entered, release := make(chan struct{}), make(chan struct{})
	opts := Options{MaxSessions: 1}
	home, _ := serve(t, opts, func(context.Context, *Session) int {
		entered <- struct{}{}
		<-release
		return 0
	})
	done := make(chan result, 1)
	go func() { done <- runClient(context.Background(), home, opts, nil, "one") }()
	<-entered
	if r := runClient(context.Background(), home, opts, nil, "two"); !errors.Is(r.err, ErrRefused) || !strings.Contains(r.err.Error(), errBusy.Error()) {
		t.Errorf("one too many: %v", r.err)
	}
	close(release)
	if r := <-done; r.err != nil {
		t.Error(r.err)
	}
}

func TestTooLongArguments(t *testing.T) {
	t.Parallel()
	home, _ := serve(t, Options{}, func(_ context.Context, s *Session) int { return len(s.Args[0]) / 1000 })
	if r := runClient(context.Background(), home, Options{}, nil, strings.Repeat("a", 700_000)); r.code != 700 || r.err != nil {
		t.Errorf("long arguments: %+v", r)
	}
	if r := runClient(context.Background(), home, Options{}, nil, strings.Repeat("a", maxPayload)); r.code != ExitUnavailable || !strings.Contains(r.err.Error(), "too long") {
		t.Errorf("too long arguments: %+v", r)
	}
}

// A client that does not read holds up its own command, without memory, and no
// other.
func TestSlowClient(t *testing.T) {
	t.Parallel()
	var written atomic.Int64
	flooded := make(chan error, 1)
	home, _ := serve(t, Options{Grace: 100 * time.Millisecond}, func(ctx context.Context, s *Session) int {
		if s.Args[0] != "flood" {
			return commands(ctx, s)
		}
		chunk := make([]byte, 100_000)
		for {
			n, err := s.Stdout.Write(chunk)
			written.Add(int64(n))
			if err != nil {
				flooded <- err
				return 1
			}
		}
	})
	ctx, cancel := context.WithCancel(context.Background())
	block, out := io.Pipe() // nobody reads block
	defer block.Close()
	done := make(chan result, 1)
	go func() {
		done <- runClient(ctx, home, Options{Grace: 100 * time.Millisecond}, func(s *Session) { s.Stdout = out }, "flood")
	}()
	eventually(t, "the flood begins", func() bool { return written.Load() > 0 })
	for range 50 {
		if r := runClient(context.Background(), home, Options{}, nil, "exit", "3"); r.code != 3 || r.err != nil {
			t.Fatalf("another command: %+v", r)
		}
	}
	if n := written.Load(); n > 4<<20 {
		t.Errorf("%d bytes were taken for a client that reads nothing", n)
	}
	cancel()
	if r := <-done; r.code != ExitInterrupted {
		t.Errorf("the client: %+v", r)
	}
	select {
	case <-flooded:
	case <-time.After(patience):
		t.Error("the write of a cancelled command did not end")
	}
}

// A slow reader that takes its time at the end still gets all, also when the
// command ended long ago.
func TestOutputAfterTheEnd(t *testing.T) {
	t.Parallel()
	const size = 3 << 20
	home, _ := serve(t, Options{Grace: 10 * time.Millisecond}, func(_ context.Context, s *Session) int {
		_, _ = s.Stdout.Write(make([]byte, size))
		return 9
	})
	in, out := io.Pipe()
	done := make(chan result, 1)
	go func() {
		done <- runClient(context.Background(), home, Options{}, func(s *Session) { s.Stdout = out }, "x")
		_ = out.Close()
	}()
	got, buf := 0, make([]byte, 50_000)
	for {
		n, err := in.Read(buf)
		got += n
		if err != nil {
			break
		}
		time.Sleep(500 * time.Microsecond) // a reader that is slower than the grace in all
	}
	if r := <-done; got != size || r.code != 9 || r.err != nil {
		t.Errorf("%d bytes and %+v, want %d bytes and code 9", got, r, size)
	}
}

// Each write after a cancel has the grace for itself: last words that come
// late are not lost while the client listens.
func TestLateLastWords(t *testing.T) {
	t.Parallel()
	const grace = 20 * time.Millisecond
	entered := make(chan struct{})
	home, _ := serve(t, Options{Grace: grace}, func(ctx context.Context, s *Session) int {
		close(entered)
		<-ctx.Done()
		<-time.After(3 * grace)
		fmt.Fprint(s.Stdout, "bye")
		return 5
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan result, 1)
	go func() { done <- runClient(ctx, home, Options{}, nil, "x") }()
	<-entered
	cancel()
	if r := <-done; r.code != 5 || r.err != nil || r.stdout != "bye" {
		t.Errorf("got %+v", r)
	}
}

// An answer that comes in the moment in which its question is taken back is
// not taken for the answer to the next one.
func TestAnswerAtTheLastMoment(t *testing.T) {
	t.Parallel()
	for range 100 {
		ctx, cancel := context.WithCancel(context.Background())
		r := &remote{ctx: context.Background(), tty: true, asking: make(chan struct{}, 1), answers: make(chan answer, 1)}
		answers := []string{"stale", "fresh"}
		before := make(chan struct{}) // closed when the answer before has come
		close(before)
		r.frames = &frameWriter{w: writerFunc(func(p []byte) (int, error) {
			if kind(p[0]) != kindAsk {
				return len(p), nil
			}
			r.asked.Store(0) // as read does when the answer has come
			cancel()
			value := answers[0]
			answers = answers[1:]
			wait, done := before, make(chan struct{})
			before = done
			go func() {
				defer close(done)
				<-wait
				r.answers <- answer{value: store.NewSecret(value)}
			}()
			return len(p), nil
		})}
		if v, err := r.readSecret(ctx, "first"); err == nil && v.Reveal() != "stale" {
			t.Fatalf("the first question: %q", v.Reveal())
		}
		if v, err := r.readSecret(context.Background(), "second"); v.Reveal() != "fresh" || err != nil {
			t.Fatalf("the second question: %q, %v", v.Reveal(), err)
		}
	}
}

func TestReadEndsWithTheSession(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(context.Background())
	entered, release := make(chan struct{}), make(chan struct{})
	defer close(release)
	r := &endingReader{ctx: ctx, r: readerFunc(func(p []byte) (int, error) {
		close(entered)
		<-release
		return copy(p, "late"), nil
	})}
	read := make(chan error, 1)
	buf := make([]byte, 4)
	go func() { _, err := r.Read(buf); read <- err }()
	<-entered
	why := errors.New("why")
	cancel(why)
	select {
	case err := <-read:
		if !errors.Is(err, why) {
			t.Errorf("got %v", err)
		}
	case <-time.After(patience):
		t.Fatal("the read did not end")
	}
	if n, err := r.Read(buf); n != 0 || !errors.Is(err, why) || string(buf) != "\x00\x00\x00\x00" {
		t.Errorf("afterwards: %d, %v, %q", n, err, buf)
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestOutputThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	cause := make(chan error, 1)
	home, _ := serve(t, Options{}, func(ctx context.Context, s *Session) int {
		fmt.Fprintln(s.Stdout, "hello")
		<-ctx.Done()
		cause <- context.Cause(ctx)
		return 0
	})
	r := runClient(context.Background(), home, Options{}, func(s *Session) { s.Stdout = failingWriter{} }, "x")
	if r.code != ExitOutput || r.err == nil || !strings.Contains(r.err.Error(), "disk full") {
		t.Errorf("got %+v", r)
	}
	if err := <-cause; !errors.Is(err, ErrClientGone) {
		t.Errorf("cause %v", err)
	}
}

// A command that reads no input takes none, and one that is cancelled while it
// reads is not held up.
func TestInputIsTakenOnDemand(t *testing.T) {
	t.Parallel()
	home, _ := serve(t, Options{}, func(ctx context.Context, s *Session) int {
		if s.Args[0] == "none" {
			return 0
		}
		fmt.Fprint(s.Stdout, "reading")
		_, err := io.ReadAll(s.Stdin)
		fmt.Fprint(s.Stderr, err)
		return 7
	})
	var reads atomic.Int64
	r := runClient(context.Background(), home, Options{}, func(s *Session) {
		s.Stdin = readerFunc(func([]byte) (int, error) { reads.Add(1); return 0, io.EOF })
	}, "none")
	if r.err != nil || reads.Load() != 0 {
		t.Errorf("%v, %d reads of standard input, want none", r.err, reads.Load())
	}

	ctx, cancel := context.WithCancel(context.Background())
	var stdout buffer
	never, hold := io.Pipe()
	defer hold.Close()
	done := make(chan result, 1)
	go func() {
		done <- runClient(ctx, home, Options{}, func(s *Session) { s.Stdin, s.Stdout = never, &stdout }, "read")
	}()
	eventually(t, "the command reads", func() bool { return stdout.String() == "reading" })
	cancel()
	if r := <-done; r.code != 7 || r.err != nil || r.stderr != ErrInterrupted.Error() {
		t.Errorf("a cancelled read: %+v", r)
	}

	r = runClient(context.Background(), home, Options{}, func(s *Session) {
		s.Stdin = readerFunc(func([]byte) (int, error) { return 0, errors.New("is a directory") })
	}, "read")
	if r.code != 7 || !strings.Contains(r.stderr, "is a directory") {
		t.Errorf("input that fails: %+v", r)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestAskSecret(t *testing.T) {
	t.Parallel()
	asking := make(chan struct{}, 1)
	home, _ := serve(t, Options{}, func(ctx context.Context, s *Session) int {
		switch s.Args[0] {
		case "impatient":
			short, cancel := context.WithCancel(ctx)
			go func() { <-asking; cancel() }()
			if _, err := s.ReadSecret(short, "first"); !errors.Is(err, context.Canceled) {
				fmt.Fprintf(s.Stderr, "a question that was taken back: %v", err)
				return 1
			}
		case "late":
			go func() { _, _ = s.ReadSecret(ctx, "late") }()
			<-asking
			return 3
		}
		for _, prompt := range []string{"second", "third"} {
			value, err := s.ReadSecret(ctx, prompt)
			if err != nil {
				fmt.Fprint(s.Stderr, errors.Is(err, ErrNoInput), err)
				return 2
			}
			fmt.Fprint(s.Stdout, value.Reveal(), "|")
		}
		return 0
	})
	terminal := func(read func(ctx context.Context, prompt string) (store.Secret, error)) func(*Session) {
		return func(s *Session) { s.StdinTTY, s.ReadSecret = true, read }
	}
	answer := func(_ context.Context, prompt string) (store.Secret, error) {
		return store.NewSecret(strings.Repeat(prompt, 100)), nil
	}
	want := strings.Repeat("second", 100) + "|" + strings.Repeat("third", 100) + "|"
	if r := runClient(context.Background(), home, Options{}, terminal(answer), "x"); r.err != nil || r.stdout != want {
		t.Errorf("two questions: %+v", r)
	}
	var open atomic.Int32
	r := runClient(context.Background(), home, Options{}, terminal(func(ctx context.Context, prompt string) (store.Secret, error) {
		if open.Add(1) != 1 {
			t.Error("two questions at once")
		}
		defer open.Add(-1)
		if prompt == "first" {
			asking <- struct{}{}
			<-ctx.Done()
			<-time.After(20 * time.Millisecond) // a terminal takes a moment
			return store.NewSecret("too late"), nil
		}
		return answer(ctx, prompt)
	}), "impatient")
	if r.err != nil || r.stdout != want {
		t.Errorf("a question that is taken back: %+v", r)
	}
	ended := false
	r = runClient(context.Background(), home, Options{}, terminal(func(ctx context.Context, _ string) (store.Secret, error) {
		asking <- struct{}{}
		<-ctx.Done()
		ended = true // Run waits for this
		return store.Secret{}, context.Cause(ctx)
	}), "late")
	if r.code != 3 || !ended {
		t.Errorf("a command that ends with an open question: %+v, question over: %v", r, ended)
	}
	for _, err := range []error{ErrNoInput, errors.New("no terminal")} {
		r := runClient(context.Background(), home, Options{}, terminal(func(context.Context, string) (store.Secret, error) {
			return store.Secret{}, err
		}), "x")
		if want := fmt.Sprint(errors.Is(err, ErrNoInput), err); r.code != 2 || r.stderr != want {
			t.Errorf("%v: %+v", err, r)
		}
	}
	long := func(n int) func(context.Context, string) (store.Secret, error) {
		return func(context.Context, string) (store.Secret, error) {
			return store.NewSecret(strings.Repeat("k", n)), nil
		}
	}
	if r := runClient(context.Background(), home, Options{}, terminal(long(maxSecret)), "x"); len(r.stdout) != 2*maxSecret+2 {
		t.Errorf("the longest value: %d bytes back, %v", len(r.stdout), r.err)
	}
	if r := runClient(context.Background(), home, Options{}, terminal(long(maxSecret+1)), "x"); r.code != 2 || !strings.Contains(r.stderr, "longer than") {
		t.Errorf("too long a value: %+v", r)
	}
	r = runClient(context.Background(), home, Options{}, func(s *Session) { s.Stdin = strings.NewReader("a\nb") }, "x")
	if r.err != nil || r.stdout != "a|b|" {
		t.Errorf("without a terminal: %+v", r)
	}
	r = runClient(context.Background(), home, Options{}, func(s *Session) { s.Stdin = strings.NewReader(strings.Repeat("k", maxSecret+9)) }, "x")
	if r.code != 2 || !strings.Contains(r.stderr, "longer than") {
		t.Errorf("too long a line: %+v", r)
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

package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

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

package control

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

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

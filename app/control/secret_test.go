package control

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/store"
)

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

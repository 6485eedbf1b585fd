package mcphost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/drawbridge-app/drawbridge/store"
)

func TestBackoff(t *testing.T) {
	t.Parallel()
	o := Options{}.withDefaults()
	if o.BackoffMin != time.Second || o.BackoffMax != time.Minute {
		t.Errorf("from %s to %s", o.BackoffMin, o.BackoffMax)
	}
	for failures, base := range map[int]time.Duration{
		0: time.Second, 1: time.Second, 2: 2 * time.Second, 3: 4 * time.Second, 6: 32 * time.Second, 7: time.Minute, 8: time.Minute, 63: time.Minute, 1 << 40: time.Minute,
	} {
		seen := map[time.Duration]bool{}
		least, most := time.Hour, time.Duration(0)
		for range 500 {
			d := backoff(o, failures)
			seen[d] = true
			least, most = min(least, d), max(most, d)
		}
		if least < base*4/5 || most > base*6/5 {
			t.Errorf("after %d failures: %s to %s, around %s", failures, least, most, base)
		}
		// Not all at the same moment.
		if len(seen) < 100 || most-least < base/5 {
			t.Errorf("after %d failures: %d waits from %s to %s", failures, len(seen), least, most)
		}
	}
}

// dying returns a server of this program that ends so long after its start, and
// when it was started.
func dying(after time.Duration) (run func(context.Context, io.ReadWriteCloser) error, starts func() []time.Time) {
	var mu sync.Mutex
	var list []time.Time
	return func(ctx context.Context, rw io.ReadWriteCloser) error {
			mu.Lock()
			list = append(list, time.Now())
			mu.Unlock()
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			go obedient().Run(ctx, &mcp.IOTransport{Reader: rw, Writer: rw})
			select {
			case <-ctx.Done():
			case <-time.After(after):
			}
			return errors.New("its battery is flat")
		}, func() []time.Time {
			mu.Lock()
			defer mu.Unlock()
			return append([]time.Time(nil), list...)
		}
}

// supervised runs a server of this program in a bubble of time, as the program
// has it by default.
func supervised(t *testing.T, run func(context.Context, io.ReadWriteCloser) error) *Manager {
	m := New(Options{Gate: open, Secrets: keychain{}, Builtins: map[string]func(context.Context, io.ReadWriteCloser) error{"b": run}})
	m.Apply([]store.ServerConfig{{ID: "s", Name: "s", Transport: store.TransportBuiltin, Command: "b"}})
	t.Cleanup(func() {
		if err := m.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return m
}

// TestRestartsInTime: a server that ends is started again after 1 s, 2 s, 4 s and
// 8 s, give or take a fifth, and then not any more.
func TestRestartsInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		run, starts := dying(500 * time.Millisecond)
		m := supervised(t, run)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		list := starts()
		if len(list) != crashesMax {
			t.Fatalf("it was started %d times", len(list))
		}
		for i, want := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second} {
			wait := list[i+1].Sub(list[i]) - 500*time.Millisecond
			if wait < want*4/5 || wait > want*6/5+100*time.Millisecond {
				t.Errorf("the wait number %d was %s, around %s", i+1, wait, want)
			}
		}
		s := status(t, m, "s")
		if s.State != Failed || !strings.Contains(s.Error, "5 times within 5 minutes") || len(s.Log) == 0 {
			t.Errorf("%s: %s, log %q", s.State, s.Error, s.Log)
		}
		if !logHas(m, "s", "its battery is flat") {
			t.Errorf("the cause is not in the log: %q", m.Log("s"))
		}
		// A person may start it, with a new count.
		if err := m.Start("s"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if n := len(starts()); n != 2*crashesMax {
			t.Errorf("it was started %d times in all", n)
		}
	})
}

// TestRareCrashes: what crashes now and then is started again for ever.
func TestRareCrashes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		run, starts := dying(2 * time.Minute)
		m := supervised(t, run)
		time.Sleep(time.Hour + time.Minute)
		synctest.Wait()
		if n := len(starts()); n < 25 || status(t, m, "s").State == Failed {
			t.Errorf("it was started %d times and is %s", n, status(t, m, "s").State)
		}
	})
}

// TestShellIsAskedOnce: the PATH of the login shell is kept.
func TestShellIsAskedOnce(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	shell := filepath.Join(home, "shell")
	asked := filepath.Join(home, "asked")
	script := fmt.Sprintf("#!/bin/sh\necho x >>%q\neval \"$2\"\n", asked)
	if err := os.WriteFile(shell, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	m := newManager(t, func(o *Options) {
		o.Environ = func() []string { return []string{"HOME=" + home, "SHELL=" + shell, "PATH=/usr/bin:/bin"} }
	})
	var configs []store.ServerConfig
	for i := range 3 {
		configs = append(configs, child(t, fmt.Sprint("s", i), "echo"))
	}
	m.Apply(configs)
	if err := m.Ready(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if err := m.Restart("s0"); err != nil {
		t.Fatal(err)
	}
	if err := m.Ready(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(asked); err != nil || string(b) != "x\n" {
		t.Errorf("the shell was asked %d times (%v)", strings.Count(string(b), "x"), err)
	}
}

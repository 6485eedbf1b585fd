package mcphost

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// The test binary runs itself again as a server; the mode says how it behaves.
const modeVariable = "MCPHOST_TEST_MODE"

// sandboxesVariable says where the hosts of tests keep the homes of sandboxes.
const sandboxesVariable = "MCPHOST_TEST_SANDBOXES"

func TestMain(m *testing.M) {
	RunShim()
	if mode := os.Getenv(modeVariable); mode != "" {
		fixture(mode)
		os.Exit(0)
	}
	code := m.Run()
	if err := writePeak(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// patience bounds every wait of these tests.
const patience = 2 * time.Minute

// soak says whether the long versions of tests are wanted, on a quiet machine.
var soak = os.Getenv("DRAWBRIDGE_SOAK") == "1"

// promised holds for how long something went on against what the program
// promises. How long things take by the clock depends on what else the machine
// does, so that the promise is held where the long tests run, and elsewhere it is
// patience.
func promised(t testing.TB, began time.Time, limit time.Duration) {
	t.Helper()
	if !soak {
		limit = patience
	}
	if took := time.Since(began); took > limit {
		t.Errorf("it took %s", took)
	}
}

func testContext(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

type gate func(store.ServerConfig) error

func (g gate) MayStart(_ context.Context, c store.ServerConfig) error { return g(c) }

var open = gate(func(store.ServerConfig) error { return nil })

type keychain map[store.SecretRef]string

func (k keychain) Get(_ context.Context, ref store.SecretRef) (store.Secret, error) {
	v, ok := k[ref]
	if !ok {
		return store.Secret{}, fmt.Errorf("no such item (%w)", store.ErrNotFound)
	}
	return store.NewSecret(v), nil
}

// newManager returns a manager whose children are all gone when the test ends.
func newManager(t testing.TB, change func(*Options)) *Manager {
	t.Helper()
	home := t.TempDir()
	o := Options{
		Gate: open, Secrets: keychain{}, Logger: slog.New(slog.DiscardHandler), LogDir: t.TempDir(), Version: "1.2.3",
		Environ: func() []string { return []string{"HOME=" + home, "PATH=/usr/bin:/bin", "LANG=C.UTF-8"} },
		// Room for a slow machine, but nothing that a test would wait for.
		StartTimeout: patience, BackoffMin: 10 * time.Millisecond, BackoffMax: 50 * time.Millisecond,
	}
	if change != nil {
		change(&o)
	}
	m := New(o)
	t.Cleanup(func() {
		pids := m.Processes()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := m.Close(ctx); err != nil {
			t.Errorf("Close: %v", err)
		}
		for _, pid := range pids {
			if alive(pid) {
				t.Errorf("process %d is still there after Close", pid)
			}
		}
		if left := m.Processes(); len(left) > 0 {
			t.Errorf("processes %v are said to run after Close", left)
		}
	})
	return m
}

// child returns a server that is this test binary in a mode.
func child(t testing.TB, id, mode string) store.ServerConfig {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return store.ServerConfig{
		ID: id, Name: id, Transport: store.TransportStdio, Command: exe,
		Env: map[string]store.Value{modeVariable: store.Value(mode)},
	}
}

// started applies one server and returns its status once it is settled.
func started(t testing.TB, m *Manager, c store.ServerConfig) Status {
	t.Helper()
	m.Apply([]store.ServerConfig{c})
	if err := m.Ready(testContext(t), c.ID); err != nil {
		t.Fatalf("Ready: %v; log: %q", err, tail(m, c.ID))
	}
	return status(t, m, c.ID)
}

func ready(t testing.TB, m *Manager, c store.ServerConfig) Status {
	t.Helper()
	s := started(t, m, c)
	if s.State != Ready {
		t.Fatalf("state %s: %s; log: %q", s.State, s.Error, tail(m, c.ID))
	}
	return s
}

func status(t testing.TB, m *Manager, id string) Status {
	t.Helper()
	for _, s := range m.Statuses() {
		if s.Server.ID == id {
			return s
		}
	}
	t.Fatalf("there is no server %q", id)
	return Status{}
}

// await waits until a server's status is as asked.
func await(t testing.TB, m *Manager, id, what string, is func(Status) bool) Status {
	t.Helper()
	var last Status
	for list := range m.Watch(testContext(t)) {
		for _, s := range list {
			if s.Server.ID == id {
				if last = s; is(s) {
					return s
				}
			}
		}
	}
	t.Fatalf("waited for %s; the state is %s (%s), the log %q", what, last.State, last.Error, tail(m, id))
	return Status{}
}

// eventually waits for something that announces itself to nobody.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for until := time.Now().Add(patience); time.Now().Before(until); time.Sleep(5 * time.Millisecond) {
		if is() {
			return
		}
	}
	t.Fatalf("waited for %s", what)
}

func call(t testing.TB, m *Manager, server, tool, args string) (tools.Result, error) {
	t.Helper()
	return m.Call(testContext(t), tools.Ref{Server: server, Tool: tool}, json.RawMessage(args), nil)
}

func mustCall(t testing.TB, m *Manager, server, tool, args string) tools.Result {
	t.Helper()
	r, err := call(t, m, server, tool, args)
	if err != nil {
		t.Fatalf("call %s: %v; log: %q", tool, err, tail(m, server))
	}
	return r
}

func names(list []tools.Tool) []string {
	var out []string
	for _, t := range list {
		out = append(out, t.Tool)
	}
	return out
}

func TestEcho(t *testing.T) {
	t.Parallel()
	m := newManager(t, nil)
	s := ready(t, m, child(t, "echo", "echo"))
	if s.PeerName != "fixture" || s.PID == 0 || s.Program == "" || s.Took <= 0 || s.Since.IsZero() {
		t.Errorf("the status lacks something: %+v", s)
	}
	if got := names(m.Tools()); !slices.Contains(got, "echo") {
		t.Fatalf("tools %v", got)
	}
	before := time.Now()
	r := mustCall(t, m, "echo", "echo", `{"text":"hello"}`)
	if r.Content.Text() != "hello" || r.IsError || r.Started.Before(before) || r.Elapsed <= 0 {
		t.Errorf("result %+v", r)
	}
	if _, err := call(t, m, "echo", "no_such", `{}`); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a tool that is not there: %v", err)
	}
	if _, err := call(t, m, "nobody", "echo", `{}`); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a server that is not there: %v", err)
	}
}

func TestManyCallsAtOnce(t *testing.T) {
	t.Parallel()
	m := newManager(t, nil)
	ready(t, m, child(t, "echo", "echo"))
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			text := fmt.Sprint("text ", i)
			r, err := call(t, m, "echo", "echo", fmt.Sprintf(`{"text":%q}`, text))
			if err != nil || r.Content.Text() != text {
				t.Errorf("call %d: %q, %v", i, r.Content.Text(), err)
			}
		})
	}
	all.Wait()
}

func logHas(m *Manager, id, text string) bool {
	return strings.Contains(strings.Join(m.Log(id), "\n"), text)
}

// tail is as much of a log as a failing test should show.
func tail(m *Manager, id string) []string {
	lines := m.Log(id)
	return lines[max(0, len(lines)-15):]
}

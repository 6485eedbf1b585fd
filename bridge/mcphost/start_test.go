package mcphost

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

func TestStartFailures(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		config func(store.ServerConfig) store.ServerConfig
		says   []string
		logs   string
	}{
		{"exits at once", func(c store.ServerConfig) store.ServerConfig { return c }, []string{"exit status 3"}, "the token is missing"},
		{"no program", func(c store.ServerConfig) store.ServerConfig { c.Command = "no-such-program-here"; return c }, []string{`"no-such-program-here"`, "not found"}, ""},
		{"no npx", func(c store.ServerConfig) store.ServerConfig { c.Command = "npx"; return c }, []string{"npx", "Node.js"}, ""},
		{"no such path", func(c store.ServerConfig) store.ServerConfig { c.Command = "/nowhere/server"; return c }, []string{"/nowhere/server", "no such file"}, ""},
		{"a folder", func(c store.ServerConfig) store.ServerConfig { c.Command = "/usr"; return c }, []string{"/usr", "folder"}, ""},
		{"no folder to work in", func(c store.ServerConfig) store.ServerConfig { c.Dir = "/nowhere"; return c }, []string{"/nowhere", "does not exist"}, ""},
		{"a secret that is not there", func(c store.ServerConfig) store.ServerConfig { c.Env["KEY"] = "${secret:mine}"; return c }, []string{"mine", "not in the keychain"}, ""},
		{"another's secret", func(c store.ServerConfig) store.ServerConfig {
			c.Env["KEY"] = "${secret:server/other/env/KEY}"
			return c
		}, []string{"belongs to something else"}, ""},
		{"a provider's key", func(c store.ServerConfig) store.ServerConfig {
			c.Env["KEY"] = "${secret:provider/openai/key}"
			return c
		}, []string{"belongs to something else"}, ""},
		{"not built in", func(c store.ServerConfig) store.ServerConfig {
			c.Transport, c.Command = store.TransportBuiltin, "nothing"
			return c
		}, []string{"nothing"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := newManager(t, func(o *Options) {
				empty := t.TempDir()
				o.Environ = func() []string { return []string{"HOME=" + empty, "PATH=" + empty} }
				o.Secrets = keychain{"server/other/env/KEY": "a", "provider/openai/key": "b"}
			})
			m.path.once.Do(func() {}) // the well-known places would have npx
			s := started(t, m, c.config(child(t, "s", "exit")))
			if s.State != Failed {
				t.Fatalf("state %s", s.State)
			}
			for _, text := range c.says {
				if !strings.Contains(s.Error, text) {
					t.Errorf("%q does not say %q", s.Error, text)
				}
			}
			if c.logs != "" && !strings.Contains(strings.Join(s.Log, "\n"), c.logs) {
				t.Errorf("log %q lacks %q", s.Log, c.logs)
			}
			if _, err := call(t, m, "s", "echo", `{}`); err == nil || !strings.Contains(err.Error(), "does not run") {
				t.Errorf("a call: %v", err)
			}
		})
	}
}

// TestEndBeforeTheQuestion has a server end before anything was asked or read, so
// that the question finds the streams closed.
func TestEndBeforeTheQuestion(t *testing.T) {
	t.Parallel()
	m := newManager(t, nil)
	ctx := testContext(t)
	p, err := m.plan(ctx, child(t, "s", "exit"))
	if err != nil {
		t.Fatal(err)
	}
	k := newLink(p.config, &serverLog{}, p.given.redactor)
	defer k.close()
	if err := m.startProcess(k, p.spec); err != nil {
		t.Fatal(err)
	}
	<-k.lines.done
	err = k.open(ctx, k.lines, m, &era{}, true)
	if err == nil {
		t.Fatal("it answers")
	}
	if err = k.startError(ctx, err, m.o); !strings.Contains(err.Error(), "exit status 3") {
		t.Error(err)
	}
}

func TestSilentServerFails(t *testing.T) {
	t.Parallel()
	m := newManager(t, func(o *Options) { o.StartTimeout, o.DiscoverTimeout = 600*time.Millisecond, 100*time.Millisecond })
	s := started(t, m, child(t, "s", "silent"))
	if s.State != Failed || !strings.Contains(s.Error, "did not answer within 600ms") {
		t.Errorf("%s: %s", s.State, s.Error)
	}
	eventually(t, "its process to end", func() bool { return len(m.Processes()) == 0 })
}

func TestEras(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"strict", "mute", "banner"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			m := newManager(t, func(o *Options) { o.DiscoverTimeout = 300 * time.Millisecond })
			ready(t, m, child(t, "s", mode))
			if r := mustCall(t, m, "s", "echo", `{"text":"ä"}`); r.Content.Text() != "ä" {
				t.Errorf("result %q", r.Content.Text())
			}
			if mode == "banner" {
				for _, text := range []string{"> node index.js", `{"level":30,"msg":"listening"}`, "{broken"} {
					if !logHas(m, "s", text) {
						t.Errorf("the log %q lacks %q", m.Log("s"), text)
					}
				}
			}
			if mode == "strict" { // known from now on: it is not started twice again
				m.Restart("s")
				if err := m.Ready(testContext(t)); err != nil {
					t.Fatal(err)
				}
				if n := strings.Count(strings.Join(m.Log("s"), "\n"), "expected initialize"); n != 1 {
					t.Errorf("it was asked %d times for the newest era", n)
				}
			}
		})
	}
}

func TestGate(t *testing.T) {
	t.Parallel()
	approved := make(chan string, 10)
	var asked []store.ServerConfig
	m := newManager(t, func(o *Options) {
		o.Gate = gate(func(c store.ServerConfig) error {
			asked = append(asked, c)
			select {
			case h := <-approved:
				approved <- h
				if h == c.Hash() {
					return nil
				}
			default:
			}
			return store.ErrHeld
		})
	})
	c := child(t, "s", "echo")
	m.Apply([]store.ServerConfig{c})
	s := await(t, m, "s", "held", func(s Status) bool { return s.State == Held && s.Error != "" })
	if len(m.Processes()) != 0 || s.Generation == 0 {
		t.Errorf("something runs: %+v", s)
	}
	if _, err := call(t, m, "s", "echo", `{}`); !errors.Is(err, store.ErrHeld) {
		t.Errorf("a call: %v", err)
	}
	if s := m.Test(testContext(t), c); s.State != Held {
		t.Errorf("Test: %+v", s)
	}
	approved <- c.Hash()
	m.Apply([]store.ServerConfig{c}) // asks again
	await(t, m, "s", "ready", func(s Status) bool { return s.State == Ready })
	if last := asked[len(asked)-1]; last.Hash() != c.Hash() {
		t.Errorf("the gate was asked about %+v", last)
	}
	c.Args = []string{"more"}
	m.Apply([]store.ServerConfig{c})
	await(t, m, "s", "held again", func(s Status) bool { return s.State == Held })
	eventually(t, "the old process to end", func() bool { return len(m.Processes()) == 0 })
}

func TestApply(t *testing.T) {
	t.Parallel()
	m := newManager(t, nil)
	a, b, off := child(t, "a", "echo"), child(t, "b", "echo"), child(t, "off", "echo")
	off.Disabled = true
	m.Apply([]store.ServerConfig{a, off, b, a})
	if err := m.Ready(testContext(t)); err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, s := range m.Statuses() {
		order = append(order, s.Server.ID+" "+string(s.State))
	}
	if want := []string{"a ready", "off disabled", "b ready"}; !slices.Equal(order, want) {
		t.Fatalf("%v, not %v", order, want)
	}
	pidA, pidB := status(t, m, "a").PID, status(t, m, "b").PID

	a.Name = "Anna" // no reason to start anew
	off.Disabled = false
	b.Env["MORE"] = "x"
	m.Apply([]store.ServerConfig{b, a, off})
	if err := m.Ready(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if s := status(t, m, "a"); s.PID != pidA || s.Tools[0].ServerName != "Anna" || s.State != Ready {
		t.Errorf("a renamed server: %+v", s)
	}
	if s := status(t, m, "b"); s.PID == pidB || s.State != Ready {
		t.Errorf("a changed server was not started anew: %+v", s)
	}
	if s := status(t, m, "off"); s.State != Ready {
		t.Errorf("a server that was switched on: %+v", s)
	}
	m.Apply([]store.ServerConfig{off})
	if got := m.Statuses(); len(got) != 1 {
		t.Errorf("%d servers are left", len(got))
	}
	eventually(t, "removed servers to end", func() bool { return !alive(pidA) && len(m.Processes()) == 1 })
	off.Disabled = true
	m.Apply([]store.ServerConfig{off})
	if s := status(t, m, "off"); s.State != Disabled || s.PID != 0 || s.Tools != nil || len(m.Tools()) != 0 {
		t.Errorf("a server that was switched off: %+v", s)
	}
	if err := m.Start("off"); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("Start of a disabled server: %v", err)
	}
	if err := m.Stop("none"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Stop of nothing: %v", err)
	}
}

func TestStopAndStart(t *testing.T) {
	t.Parallel()
	m := newManager(t, nil)
	c := child(t, "s", "echo")
	first := ready(t, m, c)
	if err := m.Stop("s"); err != nil {
		t.Fatal(err)
	}
	if s := status(t, m, "s"); s.State != Stopped || s.Generation <= first.Generation {
		t.Errorf("%+v", s)
	}
	m.Apply([]store.ServerConfig{c})
	if s := status(t, m, "s"); s.State != Stopped {
		t.Errorf("Apply started a server that a person stopped: %s", s.State)
	}
	for range 3 { // a start waits for the end of the one before
		m.Start("s")
		m.Restart("s")
	}
	if err := m.Ready(testContext(t), "s"); err != nil {
		t.Fatal(err)
	}
	s := status(t, m, "s")
	if s.State != Ready || s.PID == first.PID {
		t.Errorf("%+v", s)
	}
	if pids := m.Processes(); !slices.Equal(pids, []int{s.PID}) {
		t.Errorf("processes %v run", pids)
	}
}

func TestWatch(t *testing.T) {
	t.Parallel()
	m := newManager(t, nil)
	m.Apply([]store.ServerConfig{child(t, "s", "echo")})
	var seen []State
	for list := range m.Watch(testContext(t)) {
		if s := list[0].State; len(seen) == 0 || seen[len(seen)-1] != s {
			seen = append(seen, s)
		}
		switch list[0].State {
		case Ready:
			m.Stop("s")
		case Stopped:
			if want := []State{Starting, Ready, Stopped}; !slices.Equal(seen, want) {
				t.Errorf("saw %v", seen)
			}
			return
		}
	}
	t.Errorf("saw %v, then the end", seen)
}

func TestTest(t *testing.T) {
	t.Parallel()
	m := newManager(t, nil)
	ready(t, m, child(t, "s", "echo"))
	pid := status(t, m, "s").PID
	s := m.Test(testContext(t), child(t, "s", "echo"))
	if s.State != Ready || len(s.Tools) == 0 || s.Took <= 0 || s.PeerName != "fixture" {
		t.Errorf("%+v", s)
	}
	if pids := m.Processes(); !slices.Equal(pids, []int{pid}) {
		t.Errorf("processes %v run", pids)
	}
	s = m.Test(testContext(t), child(t, "s", "exit"))
	if s.State != Failed || !strings.Contains(s.Error, "exit status 3") || !strings.Contains(strings.Join(s.Log, "\n"), "the token is missing") {
		t.Errorf("%+v", s)
	}
	ctx, cancel := context.WithCancel(testContext(t))
	time.AfterFunc(50*time.Millisecond, cancel)
	began := time.Now()
	s = m.Test(ctx, child(t, "s", "silent"))
	if s.State != Failed {
		t.Errorf("a test that was stopped: %+v", s)
	}
	promised(t, began, 4*time.Second)
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	home, programs := t.TempDir(), t.TempDir()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(exe, filepath.Join(programs, "my-server")); err != nil {
		t.Fatal(err)
	}
	m := newManager(t, func(o *Options) {
		o.Environ = func() []string {
			return []string{
				"HOME=" + home, "PATH=" + programs + ":relative:/bin", "LANG=de_DE.UTF-8", "USER=anna", "TERM=() { :; }", "SHELL=/bin/false",
				"LD_PRELOAD=/evil.so", "NODE_OPTIONS=--evil", "PYTHONPATH=/evil", "OPENAI_API_KEY=canary", "DRAWBRIDGE_HOME=/x",
			}
		}
		o.Secrets = keychain{"server/s/env/TOKEN": "s3cret-value", "mine": "shared-value"}
	})
	c := child(t, "s", "echo")
	c.Command = "my-server"
	c.Env["TOKEN"] = store.RefTo("server/s/env/TOKEN")
	c.Env["MIXED"] = "Bearer ${secret:mine}!"
	c.Env["PYTHONUTF8"] = "1"
	s := ready(t, m, c)
	if want := filepath.Join(programs, "my-server"); s.Program != want {
		t.Errorf("it runs %s, not %s", s.Program, want)
	}
	got := strings.Split(mustCall(t, m, "s", "environment", `{}`).Content.Text(), "\n")
	for _, want := range []string{
		"HOME=" + home, "LANG=de_DE.UTF-8", "USER=anna", "PYTHONUTF8=1", "cwd:" + home,
		"TOKEN=" + tools.Redacted, "MIXED=Bearer " + tools.Redacted + "!", // the values, redacted in what comes back
	} {
		if !slices.Contains(got, want) {
			t.Errorf("%q is missing in %q", want, got)
		}
	}
	for _, line := range got {
		name, value, _ := strings.Cut(line, "=")
		switch name {
		case "LD_PRELOAD", "NODE_OPTIONS", "PYTHONPATH", "OPENAI_API_KEY", "DRAWBRIDGE_HOME", "TERM":
			t.Errorf("%s was passed on", name)
		case "PATH":
			if strings.Contains(value, "relative") || !strings.HasPrefix(value, programs+":/bin") {
				t.Errorf("PATH=%s", value)
			}
		}
	}
}

func TestBuiltin(t *testing.T) {
	t.Parallel()
	m := newManager(t, func(o *Options) { o.Builtins = builtins() })
	c := store.ServerConfig{ID: "b", Name: "b", Transport: store.TransportBuiltin, Command: "echo"}
	s := ready(t, m, c)
	if s.PID != 0 {
		t.Errorf("it has a process: %+v", s)
	}
	if r := mustCall(t, m, "b", "echo", `{"text":"in here"}`); r.Content.Text() != "in here" {
		t.Errorf("%+v", r)
	}
	c.ID, c.Name, c.Command = "p", "p", "panics"
	if s := started(t, m, c); s.State != Failed {
		t.Errorf("what panics: %+v", s)
	}
}

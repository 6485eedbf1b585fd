//go:build linux

package mcphost

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/mcphost/internal/sandbox"
	"github.com/drawbridge-app/drawbridge/store"
)

// cell is a place for tests of sandboxes: a home with secrets, folders that are
// granted, and what this program keeps.
type cell struct {
	m                              *Manager
	home, kept                     string
	reading, writing, working, key string
}

// newCell returns a place whose sandboxes are of one method.
func newCell(t testing.TB, found sandbox.Found) *cell {
	t.Helper()
	c := &cell{}
	c.m = newManager(t, func(o *Options) {
		c.home, c.kept = t.TempDir(), t.TempDir()
		o.LogDir, o.SandboxDir = filepath.Join(c.kept, "logs"), filepath.Join(c.kept, "sandboxes")
		o.Private = []string{c.kept}
		o.Programs = filepath.Join(c.kept, "bundles")
		o.Environ = func() []string { return []string{"HOME=" + c.home, "PATH=/usr/bin:/bin", "LANG=C.UTF-8"} }
	})
	c.m.boxes.found = &found
	for _, dir := range []*string{&c.reading, &c.writing, &c.working} {
		*dir = t.TempDir()
		if err := os.WriteFile(filepath.Join(*dir, "there"), []byte("granted"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{filepath.Join(c.home, ".ssh", "id_ed25519"), filepath.Join(c.home, "diary"), filepath.Join(c.kept, "drawbridge.db")} {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte("secret"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c.key = filepath.Join(c.home, ".ssh", "id_ed25519")
	return c
}

// server is a prisoner with what this cell grants.
func (c *cell) server(t testing.TB) store.ServerConfig {
	s := child(t, "s", "prisoner")
	s.Dir = c.working
	s.Sandbox = &store.Sandbox{Read: []string{c.reading}, Write: []string{c.writing}}
	return s
}

// tries calls a tool of a prisoner and returns what it did.
func (c *cell) tries(t testing.TB, tool, what string) string {
	t.Helper()
	return mustCall(t, c.m, "s", tool, fmt.Sprintf(`{"text":%q}`, what)).Content.Text()
}

func (c *cell) may(t testing.TB, tool, what string) string {
	t.Helper()
	said, ok := strings.CutPrefix(c.tries(t, tool, what), "done: ")
	if !ok {
		t.Errorf("%s %s: %s", tool, what, c.tries(t, tool, what))
	}
	return said
}

func (c *cell) mayNot(t testing.TB, tool, what string) {
	t.Helper()
	if said := c.tries(t, tool, what); !strings.HasPrefix(said, "refused: ") {
		t.Errorf("%s %s was possible: %.200s", tool, what, said)
	}
}

// spoilsNot checks that what a tool does to a file has no effect outside: it is
// refused, or, where the sandbox has a temporary folder of its own in the place
// of the system's, done there alone.
func (c *cell) spoilsNot(t testing.TB, found sandbox.Found, tool, path string) {
	t.Helper()
	before, wasThere := os.ReadFile(path)
	said := c.tries(t, tool, path)
	after, isThere := os.ReadFile(path)
	if string(before) != string(after) || (wasThere == nil) != (isThere == nil) {
		t.Errorf("%s %s had an effect", tool, path)
	}
	if own := found.Method == sandbox.Bubblewrap && under(path, "/tmp"); !own && !strings.HasPrefix(said, "refused: ") {
		t.Errorf("%s %s was possible: %.200s", tool, path, said)
	}
}

// variable finds a variable in what a server said of its environment.
func variable(env, name string) string {
	for line := range strings.Lines(env) {
		if v, ok := strings.CutPrefix(line, name+"="); ok {
			return strings.TrimSuffix(v, "\n")
		}
	}
	return ""
}

func (c *cell) environment(t testing.TB) string {
	t.Helper()
	return mustCall(t, c.m, "s", "environment", `{}`).Content.Text() + "\n"
}

// eachMethod tests the ways to have a sandbox on this system. Where there is none of
// a kind, the test of it is that this is told.
func eachMethod(t *testing.T, do func(t *testing.T, found sandbox.Found)) {
	own := loading(os.Environ())
	finder := sandbox.Finder{Path: filepath.SplitList(os.Getenv("PATH")), Own: own}
	for _, method := range []sandbox.Method{sandbox.Bubblewrap, sandbox.Landlock} {
		t.Run(string(method), func(t *testing.T) {
			t.Parallel()
			found := finder.Landlock()
			if method == sandbox.Bubblewrap {
				found = finder.Bubblewrap(testContext(t))
			}
			if found.Method == sandbox.None {
				t.Logf("this system has none: %s", found.Why)
				checkNoSandbox(t, found)
				return
			}
			do(t, found)
		})
	}
}

// checkNoSandbox demands that a server which is to run in a sandbox does not run
// without one, unless it may, and that both is told.
func checkNoSandbox(t *testing.T, found sandbox.Found) {
	t.Helper()
	c := newCell(t, found)
	config := c.server(t)
	s := started(t, c.m, config)
	if s.State != Failed || !strings.Contains(s.Error, "not started") || !strings.Contains(s.Error, found.Why) || !strings.Contains(s.Error, "turn its sandbox off") ||
		s.Sandbox == nil || s.Sandbox.Method != "" || !strings.Contains(s.Sandbox.Missing, found.Why) {
		t.Errorf("%s: %s %+v", s.State, s.Error, s.Sandbox)
	}
	if len(c.m.Processes()) != 0 {
		t.Error("it runs")
	}
	if s := c.m.Test(testContext(t), config); s.State != Failed || s.Sandbox == nil {
		t.Errorf("a test: %s: %s", s.State, s.Error)
	}
	config.Sandbox.Optional = true
	s = ready(t, c.m, config)
	if s.Sandbox == nil || s.Sandbox.Method != "" || len(s.Sandbox.Holds) != 0 || !strings.Contains(s.Sandbox.Missing, found.Why) {
		t.Errorf("%+v", s.Sandbox)
	}
	if !logHas(c.m, "s", "there is no sandbox on this system") {
		t.Errorf("the log does not say so: %q", tail(c.m, "s"))
	}
	c.may(t, "read", c.key) // nothing keeps it from that
}

func TestNoSandbox(t *testing.T) {
	t.Parallel()
	checkNoSandbox(t, sandbox.Found{Why: "Bubblewrap (bwrap) is not installed."})
	// One that is to have none is not told of any.
	m := newManager(t, nil)
	if s := ready(t, m, child(t, "s", "echo")); s.Sandbox != nil {
		t.Errorf("%+v", s.Sandbox)
	}
}

func TestNoSandboxError(t *testing.T) {
	if err := (&noSandboxError{"x"}); !errors.Is(err, ErrNoSandbox) {
		t.Error(err)
	}
}

func TestSandboxFiles(t *testing.T) {
	t.Parallel()
	eachMethod(t, func(t *testing.T, found sandbox.Found) {
		c := newCell(t, found)
		s := ready(t, c.m, c.server(t))
		if s.Sandbox == nil || s.Sandbox.Method != string(found.Method) || len(s.Sandbox.Holds) < 2 {
			t.Fatalf("%+v", s.Sandbox)
		}
		// It can do its work.
		for _, dir := range []string{c.reading, c.writing, c.working} {
			if got := c.may(t, "read", filepath.Join(dir, "there")); got != "granted" {
				t.Errorf("%q", got)
			}
			c.may(t, "list", dir)
		}
		for _, dir := range []string{c.writing, c.working} {
			c.may(t, "write", filepath.Join(dir, "new"))
			if b, err := os.ReadFile(filepath.Join(dir, "new")); err != nil || string(b) != "was here" {
				t.Errorf("%q, %v", b, err)
			}
		}
		c.may(t, "read", "/etc/passwd")
		c.may(t, "run", "/bin/ls /usr")
		env := c.environment(t)
		if !strings.Contains(env, "HOME="+filepath.Join(c.kept, "sandboxes", "s", "home")+"\n") || !strings.Contains(env, "cwd:"+c.working) {
			t.Errorf("%s", env)
		}
		for _, name := range []string{"HOME", "TMPDIR"} {
			dir := variable(env, name)
			c.may(t, "write", filepath.Join(dir, "mine"))
			c.may(t, "write", "/dev/null")
		}
		// And nothing else.
		for _, path := range []string{c.key, filepath.Join(c.home, "diary"), filepath.Join(c.kept, "drawbridge.db")} {
			c.mayNot(t, "read", path)
			if said := c.tries(t, "run", "/bin/cat "+path); strings.Contains(said, "secret") {
				t.Errorf("what it starts reads %s: %s", path, said)
			}
			for _, tool := range []string{"link", "truncate", "write"} {
				c.spoilsNot(t, found, tool, path)
			}
		}
		for _, path := range []string{filepath.Join(c.kept, "logs"), filepath.Join(c.home, ".ssh"), "/root", "/home/nobody"} {
			c.mayNot(t, "list", path)
		}
		for _, path := range []string{
			filepath.Join(c.reading, "there"), filepath.Join(c.reading, "new"), filepath.Join(c.home, "new"), filepath.Join(c.kept, "new"),
			filepath.Join(c.kept, "sandboxes", "new"), "/usr/new", "/etc/new", "/new",
		} {
			c.spoilsNot(t, found, "write", path)
		}
		// Through a link of its own neither.
		c.may(t, "run", "/bin/ln -s "+c.key+" "+filepath.Join(c.writing, "link"))
		c.mayNot(t, "read", filepath.Join(c.writing, "link"))
		// What is temporary does not stay.
		c.m.Stop("s")
		eventually(t, "its end", func() bool { return len(c.m.Processes()) == 0 })
		eventually(t, "the end of its temporary folder", func() bool {
			left, err := filepath.Glob(filepath.Join(c.kept, "sandboxes", "s", "tmp-*"))
			return err == nil && len(left) == 0
		})
		if _, err := os.Stat(filepath.Join(c.kept, "sandboxes", "s", "home", "mine")); err != nil {
			t.Errorf("its home was not kept: %v", err)
		}
	})
}

func TestSandboxNetwork(t *testing.T) {
	t.Parallel()
	eachMethod(t, func(t *testing.T, found sandbox.Found) {
		tcp, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer tcp.Close()
		udp, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer udp.Close()
		c := newCell(t, found)
		// The socket of a program outside, as that of Drawbridge itself is, and one
		// in a folder that is granted.
		sockets := []string{filepath.Join(c.kept, "control.sock")}
		if found.Method == sandbox.Landlock { // others get it with the folder
			sockets = append(sockets, filepath.Join(c.writing, "their.sock"))
		}
		for _, path := range sockets {
			l, err := net.Listen("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
		}
		abstract := fmt.Sprintf("@drawbridge-test-%d-%s", os.Getpid(), found.Method)
		l, err := net.Listen("unix", abstract)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		for _, on := range []bool{false, true} {
			config := c.server(t)
			config.Sandbox.Network = on
			s := ready(t, c.m, config)
			for _, to := range []string{"tcp " + tcp.Addr().String(), "udp " + udp.LocalAddr().String()} {
				if on {
					c.may(t, "dial", to)
				} else if strings.HasPrefix(to, "tcp") || found.Method == sandbox.Landlock {
					c.mayNot(t, "dial", to)
				} else { // it has a network of its own with nobody in it
					c.tries(t, "dial", to)
				}
			}
			if !on {
				udp.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
				if n, _, err := udp.ReadFrom(make([]byte, 9)); err == nil {
					t.Errorf("a datagram of %d bytes got out", n)
				}
			}
			for _, path := range sockets {
				c.mayNot(t, "dial", "unix "+path)
			}
			c.mayNot(t, "dial", "unix "+abstract)
			told := strings.Join(s.Sandbox.Holds, "\n")
			if strings.Contains(told, "Network: it makes no connection.") == on || slices.ContainsFunc(s.Sandbox.Gaps, func(s string) bool { return strings.Contains(s, "may use the network") }) != on {
				t.Errorf("%+v", s.Sandbox)
			}
		}
	})
}

func TestSandboxProcesses(t *testing.T) {
	t.Parallel()
	eachMethod(t, func(t *testing.T, found sandbox.Found) {
		c := newCell(t, found)
		config := c.server(t)
		canary := fmt.Sprintf("canary-%d-%s", os.Getpid(), found.Method)
		config.Env["TOKEN"] = store.Value(canary)
		config.Env["LD_PRELOAD"] = store.Value(filepath.Join(c.reading, "none.so")) // reaches the server alone
		ready(t, c.m, config)
		mine := fmt.Sprint(os.Getpid())
		for _, tool := range []string{"signal", "environ"} {
			c.mayNot(t, tool, mine)
		}
		calls := []string{"io_uring", "keys"}
		if found.Method == sandbox.Landlock { // elsewhere its parent is inside too
			calls = append(calls, "parent")
		}
		for _, call := range calls {
			c.mayNot(t, "call", call)
		}
		for _, to := range strings.Split(c.may(t, "descriptors", ""), "\n") {
			switch {
			case strings.HasPrefix(to, "pipe:"), strings.HasPrefix(to, "anon_inode:"), strings.HasPrefix(to, "/proc/"), to == "/dev/null", to == "":
			case strings.HasPrefix(to, "/sys/fs/cgroup"): // the runtime of the fixture
			default:
				t.Errorf("it inherited %s", to)
			}
		}
		if got := c.environment(t); !strings.Contains(got, "TOKEN=") || strings.Contains(got, sandbox.Variable) || strings.Contains(got, "DRAWBRIDGE") || strings.Contains(got, "GOMAXPROCS") {
			t.Errorf("%s", got)
		}
		// No list of processes shows what it has in its environment.
		entries, err := filepath.Glob("/proc/[0-9]*/cmdline")
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range entries {
			if b, err := os.ReadFile(path); err == nil && strings.Contains(string(b), canary) {
				t.Errorf("%s: %q", path, b)
			}
		}
	})
}

// TestSandboxTree: what a server starts ends with it, also in a sandbox.
func TestSandboxTree(t *testing.T) {
	t.Parallel()
	eachMethod(t, func(t *testing.T, found sandbox.Found) {
		for kind, n := range trees {
			c := newCell(t, found)
			config := child(t, "s", kind+":"+c.writing)
			config.Sandbox = &store.Sandbox{Write: []string{c.writing}}
			ready(t, c.m, config)
			announced(t, c.writing, n+1)
			began := time.Now()
			c.m.Stop("s")
			allGone(t, "after stop", c.writing)
			promised(t, began, treeIsGoneWithin)
		}
	})
}

// TestAskedToEnd: a server that does not end with its input, and puts things in
// order when it is asked to end, has the time for that, in a sandbox too.
func TestAskedToEnd(t *testing.T) {
	t.Parallel()
	stop := func(t *testing.T, c *cell, box *store.Sandbox) {
		file := filepath.Join(c.writing, "in-order")
		config := child(t, "s", "orderly:"+file)
		config.Sandbox = box
		ready(t, c.m, config)
		c.m.Stop("s")
		eventually(t, "its end", func() bool { return len(c.m.Processes()) == 0 })
		if b, err := os.ReadFile(file); err != nil || string(b) != "yes" {
			t.Errorf("it had no time: %q, %v", b, err)
		}
	}
	t.Run("plain", func(t *testing.T) {
		t.Parallel()
		stop(t, newCell(t, sandbox.Found{}), nil)
	})
	eachMethod(t, func(t *testing.T, found sandbox.Found) {
		c := newCell(t, found)
		stop(t, c, &store.Sandbox{Write: []string{c.writing}})
	})
}

// TestSandboxKilledHost: nor does anything stay when the program is killed.
func TestSandboxKilledHost(t *testing.T) {
	t.Parallel()
	eachMethod(t, func(t *testing.T, found sandbox.Found) {
		for kind, n := range trees {
			killHost(t, "boxed-host:"+string(found.Method)+":", kind, n)
		}
	})
}

func TestSandboxedStubbornServerStops(t *testing.T) {
	t.Parallel()
	eachMethod(t, func(t *testing.T, found sandbox.Found) {
		c := newCell(t, found)
		config := child(t, "s", "stubborn")
		config.Sandbox = &store.Sandbox{}
		s := ready(t, c.m, config)
		began := time.Now()
		c.m.Stop("s")
		eventually(t, "its end", func() bool { return !alive(s.PID) })
		promised(t, began, treeIsGoneWithin)
		if took := time.Since(began); took < stopAfterEOF {
			t.Errorf("it took %s only", took)
		}
		eventually(t, "its being forgotten", func() bool { return len(c.m.Processes()) == 0 })
	})
}

func TestSandboxGrants(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]struct {
		change func(*cell, *store.ServerConfig)
		says   string
	}{
		"home":       {func(c *cell, s *store.ServerConfig) { s.Sandbox.Read = []string{c.home} }, "contains your home"},
		"home by ~":  {func(c *cell, s *store.ServerConfig) { s.Sandbox.Write = []string{"~/"} }, "contains your home"},
		"above home": {func(c *cell, s *store.ServerConfig) { s.Sandbox.Read = []string{filepath.Dir(c.home)} }, "contains your home"},
		"all":        {func(_ *cell, s *store.ServerConfig) { s.Sandbox.Read = []string{"/"} }, "contains everything"},
		"a root":     {func(c *cell, s *store.ServerConfig) { s.Roots = []string{c.home} }, "contains your home"},
		"working":    {func(c *cell, s *store.ServerConfig) { s.Dir = c.home }, "contains your home"},
		"our own":    {func(c *cell, s *store.ServerConfig) { s.Sandbox.Read = []string{c.kept} }, "what Drawbridge keeps"},
		"in our own": {func(c *cell, s *store.ServerConfig) {
			s.Sandbox.Read = []string{filepath.Join(c.kept, "drawbridge.db")}
		}, "what Drawbridge keeps"},
		"around secrets": {func(c *cell, s *store.ServerConfig) { s.Sandbox.Read = []string{filepath.Join(c.home, ".config")} }, "~/.config/"},
		"a link to secrets": {func(c *cell, s *store.ServerConfig) {
			os.Symlink(filepath.Join(c.home, ".ssh"), filepath.Join(c.reading, "link"))
			s.Sandbox.Read = []string{filepath.Join(c.reading, "link")}
		}, "where secrets are kept"},
		"nothing":         {func(_ *cell, s *store.ServerConfig) { s.Sandbox.Write = []string{"/nowhere/at/all"} }, "does not exist"},
		"a secret itself": {func(c *cell, s *store.ServerConfig) { s.Sandbox.Read = []string{"~/.ssh"} }, ""},
		"a root that went": {func(_ *cell, s *store.ServerConfig) {
			s.Roots = []string{"/nowhere/at/all"}
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCell(t, sandbox.Finder{}.Landlock())
			if err := os.MkdirAll(filepath.Join(c.home, ".config", "gh"), 0o700); err != nil {
				t.Fatal(err)
			}
			if c.m.boxes.found.Method == sandbox.None {
				checkNoSandbox(t, *c.m.boxes.found)
				return
			}
			config := c.server(t)
			change.change(c, &config)
			s := started(t, c.m, config)
			if change.says == "" && s.State != Ready || change.says != "" && (s.State != Failed || !strings.Contains(s.Error, change.says)) {
				t.Errorf("%s: %s", s.State, s.Error)
			}
			if name == "a secret itself" {
				c.may(t, "read", c.key)
				c.mayNot(t, "write", c.key)
			}
		})
	}
}

// TestSandboxLinkOfItsOwn: a folder inside one that the server may change could
// have become a link, and gives nothing more.
func TestSandboxLinkOfItsOwn(t *testing.T) {
	t.Parallel()
	eachMethod(t, func(t *testing.T, found sandbox.Found) {
		c := newCell(t, found)
		outside := t.TempDir()
		if err := os.WriteFile(filepath.Join(outside, "file"), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(outside, filepath.Join(c.writing, "below")); err != nil {
			t.Fatal(err)
		}
		config := c.server(t)
		config.Sandbox.Read = append(config.Sandbox.Read, filepath.Join(c.writing, "below"))
		ready(t, c.m, config)
		c.mayNot(t, "read", filepath.Join(c.writing, "below", "file"))
		c.mayNot(t, "read", filepath.Join(outside, "file"))
	})
}

// TestSandboxOfUnpackedServer: the folder of a bundle is where it runs, and is
// not for it to change.
func TestSandboxOfUnpackedServer(t *testing.T) {
	t.Parallel()
	eachMethod(t, func(t *testing.T, found sandbox.Found) {
		c := newCell(t, found)
		bundle := filepath.Join(c.kept, "bundles", "x-1")
		if err := os.MkdirAll(bundle, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(bundle, "manifest.json"), []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
		config := c.server(t)
		config.Dir = bundle
		ready(t, c.m, config)
		c.may(t, "read", filepath.Join(bundle, "manifest.json"))
		c.mayNot(t, "write", filepath.Join(bundle, "manifest.json"))
		if said := c.tries(t, "list", c.kept); strings.Contains(said, "drawbridge.db") {
			t.Errorf("%s", said)
		}
	})
}

// TestSandboxOfALooseProgram: a file in a folder for everybody brings nothing
// else of that folder along.
func TestSandboxOfALooseProgram(t *testing.T) {
	t.Parallel()
	c := newCell(t, sandbox.Found{})
	shared := t.TempDir()
	if err := os.Chmod(shared, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"server.js", "package.json"} {
		if err := os.WriteFile(filepath.Join(shared, name), []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l := newLayout(c.home, []string{c.kept}, "")
	l.around(real(filepath.Join(shared, "server.js")))
	if last := l.access.Read[len(l.access.Read)-1]; last != real(filepath.Join(shared, "server.js")) {
		t.Errorf("it brought %s along", last)
	}
	// One that is in a project does.
	project := filepath.Join(c.reading, "project")
	if err := os.MkdirAll(filepath.Join(project, "src"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(project, "package.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	l.around(real(filepath.Join(project, "src", "server.js")))
	if last := l.access.Read[len(l.access.Read)-1]; last != real(project) {
		t.Errorf("it brought %s along", last)
	}
}

func TestForgetSandbox(t *testing.T) {
	t.Parallel()
	c := newCell(t, sandbox.Found{})
	folder, err := c.m.ownFolder("a/b")
	if err != nil {
		t.Fatal(err)
	}
	if filepath.Dir(folder) != real(filepath.Join(c.kept, "sandboxes")) {
		t.Errorf("%s", folder)
	}
	if err := c.m.ForgetSandbox(testContext(t), "a/b"); err != nil {
		t.Fatal(err)
	}
	if exists(folder) {
		t.Error("it is there still")
	}
}

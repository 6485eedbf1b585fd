package mcphost

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// attack is one way of a server to do harm, and what must hold against it. The
// server is a child process, so that what it does costs this one nothing.
type attack struct {
	name string
	// serve is the child process over stdio; nil behaves.
	serve func(*raw)
	// http is the child over Streamable HTTP, in the place of serve.
	http func(*rawHTTP)
	// large says that many megabytes or messages are sent: too many for the race
	// detector.
	// TestHostileBounds runs these, each in a process of its own.
	large bool
	// tune changes what the server is run with.
	tune func(*Options, *store.ServerConfig)

	state State    // that is reached; Ready if empty
	says  []string // parts of Status.Error
	logs  []string // parts of the server's log
	// then looks further; nil calls a tool, which must work, if the server is
	// ready.
	then func(t *testing.T, s *scene)
}

// attacks are all rows, by file.
func attacks() []attack {
	return slices.Concat(streamAttacks(), messageAttacks(), storms(), questionAttacks(), definitionAttacks(), httpAttacks(), httpBodyAttacks())
}

// hostileMode is the mode of a child that is one of the attacks.
const hostileMode = "hostile"

func hostileFixture(name string) {
	for _, a := range attacks() {
		switch {
		case a.name != name:
		case a.http != nil:
			serveHostileHTTP(a.http)
			return
		default:
			r := &raw{}
			if a.serve == nil {
				r.serve()
				return
			}
			a.serve(r)
			return
		}
	}
	fmt.Fprintln(os.Stderr, "no such attack")
	os.Exit(95)
}

// evil and good are the ids of the two servers of a scene.
const (
	evil = "evil"
	good = "good"
)

// scene is a manager with a hostile server and one that behaves.
type scene struct {
	m      *Manager
	status Status // of the hostile one, when its state was reached
	logs   string // the folder of the logs
	folder string // for the hostile one
	person *person
	// trapped counts the connections to an address of which only the hostile
	// server knows: nobody has to go there.
	trapped *atomic.Int32
}

// What the hostile server is told: the address that is a trap, and a folder.
const (
	trapVariable   = "MCPHOST_TEST_TRAP"
	folderVariable = "MCPHOST_TEST_FOLDER"
)

// setTrap listens at an address and counts who comes.
func setTrap(t *testing.T) (address string, trapped *atomic.Int32) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	trapped = new(atomic.Int32)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			trapped.Add(1)
			conn.Close()
		}
	}()
	return "http://" + l.Addr().String(), trapped
}

// quick makes the limits of a server that says nothing short. The server that
// behaves has to start within them.
func quick(o *Options, _ *store.ServerConfig) {
	o.StartTimeout, o.DiscoverTimeout = 8*time.Second, 300*time.Millisecond
	o.BackoffMin, o.BackoffMax = time.Hour, time.Hour
}

// noRetry keeps a server that could not be started from being tried again.
func noRetry(o *Options, _ *store.ServerConfig) { o.BackoffMin, o.BackoffMax = time.Hour, time.Hour }

// quickCalls makes the limits of a call short.
func quickCalls(o *Options, _ *store.ServerConfig) {
	o.DiscoverTimeout, o.CallIdle, o.CallMax = 300*time.Millisecond, 2500*time.Millisecond, 5*time.Second
}

// TestHostile starts each of the hostile servers beside one that behaves. What
// the hostile one does stays with it: its state, its log or the result say what
// happened, and the other's calls go on as if it were alone.
func TestHostile(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, a := range attacks() {
		if seen[a.name] {
			t.Errorf("there are two attacks %q", a.name)
		}
		seen[a.name] = true
		if a.large && peakFile() == "" {
			continue
		}
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			a.run(t)
		})
	}
	if len(seen) < 36 {
		t.Errorf("there are %d attacks only", len(seen))
	}
}

func (a attack) run(t *testing.T) {
	s := &scene{logs: t.TempDir(), folder: t.TempDir(), person: &person{}}
	var trap string
	trap, s.trapped = setTrap(t)
	c := child(t, evil, hostileMode+":"+a.name)
	c.Env[trapVariable], c.Env[folderVariable] = store.Value(trap), store.Value(s.folder)
	if a.http != nil {
		c = store.ServerConfig{ID: evil, Name: evil, Transport: store.TransportHTTP, URL: startHostileHTTP(t, c)}
	}
	s.m = newManager(t, func(o *Options) {
		o.LogDir, o.Elicitor = s.logs, s.person
		if a.tune != nil {
			a.tune(o, &c)
		}
	})
	s.m.Apply([]store.ServerConfig{child(t, good, "echo")})
	if err := s.m.Ready(testContext(t), good); err != nil || status(t, s.m, good).State != Ready {
		t.Fatalf("the good server is %s: %v", status(t, s.m, good).Error, err)
	}
	s.m.Apply([]store.ServerConfig{child(t, good, "echo"), c})
	calls := keepCalling(t, s.m)
	want := a.state
	if want == "" {
		want = Ready
	}
	s.status = await(t, s.m, evil, string(want), func(s Status) bool { return s.State == want })
	for _, text := range a.says {
		if !strings.Contains(s.status.Error, text) {
			t.Errorf("the state %q does not say %q", s.status.Error, text)
		}
	}
	switch {
	case a.then != nil:
		a.then(t, s)
	case want == Ready:
		s.works(t)
	}
	for _, text := range a.logs {
		eventually(t, fmt.Sprintf("the log to say %q; it ends with %q", text, tail(s.m, evil)), func() bool { return logHas(s.m, evil, text) })
	}
	calls.done(t)
}

// works demands that the hostile server's tool answers as it should.
func (s *scene) works(t *testing.T) {
	t.Helper()
	if r := mustCall(t, s.m, evil, "echo", `{"text":"x"}`); r.Content.Text() != "x" || r.IsError {
		t.Errorf("the tool returns %.300q", r.Content.Text())
	}
}

// fails demands that a call has no result, and that the error says why.
func (s *scene) fails(t *testing.T, tool string, says ...string) {
	t.Helper()
	r, err := call(t, s.m, evil, tool, `{"text":"x"}`)
	if err == nil && !r.IsError {
		t.Fatalf("the call has a result: %.300q", r.Content.Text())
	}
	text := r.Content.Text()
	if err != nil {
		text = err.Error()
	}
	if len(text) > 8<<10 {
		t.Errorf("the sentence has %d bytes", len(text))
	}
	for _, part := range says {
		if !strings.Contains(text, part) {
			t.Errorf("%.500q does not say %q", text, part)
		}
	}
}

// goodCalls are calls of the server that behaves, one after the other.
type goodCalls struct {
	cancel context.CancelFunc
	over   sync.WaitGroup
	took   []time.Duration
	wrong  []string
	pid    int
	m      *Manager
}

func keepCalling(t *testing.T, m *Manager) *goodCalls {
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	g := &goodCalls{cancel: cancel, m: m, pid: status(t, m, good).PID}
	first := make(chan struct{})
	var once sync.Once
	g.over.Go(func() {
		defer once.Do(func() { close(first) })
		pause := time.NewTicker(5 * time.Millisecond)
		defer pause.Stop()
		for i := 0; ; i++ {
			began := time.Now()
			text := fmt.Sprint("call ", i)
			limited, end := context.WithTimeout(ctx, patience)
			r, err := m.Call(limited, tools.Ref{Server: good, Tool: "echo"}, json.RawMessage(fmt.Sprintf(`{"text":%q}`, text)), nil)
			end()
			if ctx.Err() != nil {
				return
			}
			once.Do(func() { close(first) })
			g.took = append(g.took, time.Since(began))
			if err != nil || r.Content.Text() != text {
				g.wrong = append(g.wrong, fmt.Sprintf("%s returned %q, %v", text, r.Content.Text(), err))
			}
			select {
			case <-pause.C:
			case <-ctx.Done():
				return
			}
		}
	})
	<-first
	return g
}

// goodMedian is what half of the good server's calls may take at most, when
// nothing but one hostile server runs beside them, on a quiet machine.
const goodMedian = 250 * time.Millisecond

// done ends the calls. All must have worked, with the process that was there at
// first, and none may have waited for the hostile server.
func (g *goodCalls) done(t *testing.T) {
	t.Helper()
	g.cancel()
	g.over.Wait()
	for _, text := range g.wrong[:min(len(g.wrong), 5)] {
		t.Errorf("a call of the good server failed: %s", text)
	}
	if len(g.took) == 0 {
		t.Fatal("the good server was not called")
	}
	slices.Sort(g.took)
	median := g.took[len(g.took)/2]
	if peakFile() != "" && soak && median > goodMedian {
		t.Errorf("half of %d calls of the good server took longer than %s", len(g.took), median)
	}
	if s := status(t, g.m, good); s.State != Ready || s.PID != g.pid {
		t.Errorf("the good server is %s, process %d and not %d: %s", s.State, s.PID, g.pid, s.Error)
	}
}

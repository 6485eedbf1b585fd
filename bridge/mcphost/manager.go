package mcphost

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// Manager owns the servers. Its methods may be called from any goroutine; those
// without a context return at once.
type Manager struct {
	o    Options
	path *searchPath
	// outputs checks structured results.
	outputs *tools.Validator
	// life ends when the manager closes.
	life context.Context
	end  context.CancelCauseFunc
	// lives are the goroutines that watch over servers.
	lives sync.WaitGroup
	boxes boxes
	// warnOnce is for the warning that servers run without a shim.
	warnOnce sync.Once
	// lending are connections with credentials of other programs.
	lending lending

	mu      sync.Mutex // protects what follows
	order   []string   // ids, as Apply gave them
	servers map[string]*server
	view    view
	changed chan struct{} // closed and replaced whenever view changes
	// endings are of removed servers, whose processes may still be ending.
	endings map[string]<-chan struct{}
	pids    map[int]struct{} // child processes that run now
	closed  bool
}

// server is what the manager knows of one configured server. The manager's
// mutex protects it.
type server struct {
	status Status
	life   *life // nil if nothing runs and nothing tries to
	// ending is closed when the life before has ended and its process is gone.
	ending <-chan struct{}
	link   *link // the live connection; nil unless Ready
	log    *serverLog
	era    *era
	facts  *facts // what was found of it; nil if nothing was yet
	// account is the sign-in; nil where there is none to be had.
	account *account
	hurry   chan<- struct{} // makes a life try again at once; nil if none waits to
}

// view is a snapshot of all servers. It does not change.
type view struct {
	statuses     []Status
	tools        []tools.Tool
	instructions []tools.Instructions
	servers      map[string]serverView
}

type serverView struct {
	status *Status
	link   *link
	hurry  chan<- struct{}
}

// New returns a manager without servers. Close ends it.
func New(o Options) *Manager {
	o = o.withDefaults()
	life, end := context.WithCancelCause(context.Background())
	return &Manager{
		o: o, path: newSearchPath(o.Environ), outputs: tools.NewValidator(), life: life, end: end,
		servers: map[string]*server{}, changed: make(chan struct{}),
		endings: map[string]<-chan struct{}{}, pids: map[int]struct{}{},
	}
}

// Apply makes the configured servers run: new ones are started, changed ones
// restarted, removed and disabled ones stopped, held ones asked about again. One
// that starts on demand sleeps if its tools are known from before; otherwise it
// is started once to learn them.
// A server that a person stopped, or that failed, is left as it is unless its
// configuration changed. Of two with the same id the first counts. With
// Options.Manual nothing is started.
func (m *Manager) Apply(configs []store.ServerConfig) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return
	}
	defer m.publish()
	seen := map[string]bool{}
	m.order = m.order[:0:0]
	for _, c := range configs {
		if seen[c.ID] {
			m.o.Logger.Warn("two servers have the same id; the second is left out", "server", c.ID)
			continue
		}
		seen[c.ID] = true
		m.order = append(m.order, c.ID)
		m.reconcile(c.Clone())
	}
	for id, s := range m.servers {
		if !seen[id] {
			m.halt(s, Stopped)
			m.endings[id] = s.ending
			s.log.close(s.ending)
			s.account.stop()
			delete(m.servers, id)
		}
	}
}

// reconcile brings one server to its configuration. The caller holds mu.
func (m *Manager) reconcile(c store.ServerConfig) {
	s, known := m.servers[c.ID]
	if !known {
		s = &server{log: newServerLog(m.o.LogDir, c.ID), era: &era{}, ending: m.endings[c.ID]}
		delete(m.endings, c.ID)
		m.servers[c.ID] = s
	}
	old := s.status.Server
	changed := !known || old.RunHash() != c.RunHash()
	s.status.Server = c
	if changed {
		s.era, s.facts = &era{}, nil
		s.status.Sandbox = nil
		s.account.stop()
		s.account = m.newAccount(c)
	}
	switch {
	case c.Disabled:
		if s.status.State != Disabled {
			m.halt(s, Disabled)
		}
	case m.o.Manual && (changed || old.Disabled):
		m.halt(s, Stopped)
	case s.status.State == Held && !changed && !old.Disabled:
		m.launch(s, Held) // until the gate has answered
	case changed || old.Disabled, old.OnDemand != c.OnDemand || old.IdleMinutes != c.IdleMinutes:
		m.launch(s, Starting)
	case old.Name != c.Name:
		s.status.Tools = renamed(s.status.Tools, c.Name)
	}
}

func renamed(list []tools.Tool, name string) []tools.Tool {
	list = slices.Clone(list)
	for i := range list {
		list[i].ServerName = name
	}
	return list
}

// launch gives the server a new life, after the one before has ended, and shows
// it in the given state till then. The caller holds mu.
func (m *Manager) launch(s *server, state State) { m.launchAs(s, state, false) }

// launchAs does so; awake starts also a server that would wait for a call.
func (m *Manager) launchAs(s *server, state State, awake bool) {
	m.halt(s, state)
	ctx, cancel := context.WithCancelCause(m.life)
	l := &life{
		m: m, s: s, config: s.status.Server.Clone(), ctx: ctx, cancel: cancel,
		after: s.ending, done: make(chan struct{}), generation: s.status.Generation,
		log: s.log, era: s.era, hurry: make(chan struct{}, 1), awake: awake,
	}
	s.life = l
	m.lives.Go(l.run)
}

// halt ends the server's life, if it has one, and begins a new generation in
// the given state. The caller holds mu.
func (m *Manager) halt(s *server, state State) {
	if id := s.status.Server.ID; id != "" {
		m.lending.recall(id)
	}
	if s.life != nil {
		s.life.cancel(errStopped)
		s.ending = s.life.done
		s.life = nil
	}
	s.status.Generation++
	m.move(s, s.status.Generation, state, nil)
}

// move is the only place where a server's state moves. An event of another
// generation than the present one is dropped, and move reports false. fill
// completes the new status; what belonged to the old state alone is cleared
// before. The caller holds mu and publishes.
func (m *Manager) move(s *server, generation uint64, to State, fill func(*Status)) bool {
	if s.status.Generation != generation {
		return false
	}
	next := Status{Server: s.status.Server, State: to, Generation: generation, Since: s.status.Since}
	if s.status.State != to || next.Since.IsZero() {
		next.Since = time.Now()
	}
	if to == Ready || to == Starting || to == Asleep {
		next.Program = s.status.Program
		next.PeerName, next.PeerVersion, next.Icon = s.status.PeerName, s.status.PeerVersion, s.status.Icon
	}
	if to != Disabled && s.status.Server.Sandbox != nil {
		next.Sandbox = s.status.Sandbox
	}
	s.hurry = nil
	if to != Ready {
		s.link = nil
	}
	if fill != nil {
		fill(&next)
	}
	s.status = next
	return true
}

// event moves a server's state from a life: lock, move, publish.
func (m *Manager) event(s *server, generation uint64, to State, fill func(*Status)) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed || !m.move(s, generation, to, fill) {
		return false
	}
	m.publish()
	return true
}

// publish makes the present state visible and wakes everyone who waits. The
// caller holds mu.
func (m *Manager) publish() {
	v := view{servers: make(map[string]serverView, len(m.order)), statuses: make([]Status, 0, len(m.order))}
	for _, id := range m.order {
		s := m.servers[id]
		status := s.status
		status.SignIn = s.account.view()
		v.statuses = append(v.statuses, status)
		v.servers[id] = serverView{&status, s.link, s.hurry}
		if status.Callable() {
			v.tools = append(v.tools, status.Tools...)
			if status.Instructions != nil {
				v.instructions = append(v.instructions, *status.Instructions)
			}
		}
	}
	m.view = v
	close(m.changed)
	m.changed = make(chan struct{})
}

// now returns the present view and a channel that is closed when it is no
// longer present.
func (m *Manager) now() (view, <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.view, m.changed
}

// Statuses returns each server in the order of Apply.
func (m *Manager) Statuses() []Status {
	v, _ := m.now()
	return slices.Clone(v.statuses)
}

// Watch yields all servers whenever one changed, the present state first, until
// the context ends or the manager closes. A slow reader skips states and holds
// nobody up.
func (m *Manager) Watch(ctx context.Context) iter.Seq[[]Status] {
	return func(yield func([]Status) bool) {
		for {
			v, next := m.now()
			if ctx.Err() != nil || !yield(slices.Clone(v.statuses)) {
				return
			}
			select {
			case <-next:
			case <-ctx.Done():
				return
			case <-m.life.Done():
				return
			}
		}
	}
}

// Tools returns the tools of the servers that are ready or asleep. Do not change what the
// slice points to.
func (m *Manager) Tools() []tools.Tool {
	v, _ := m.now()
	return slices.Clone(v.tools)
}

// Instructions returns what those servers tell models.
func (m *Manager) Instructions() []tools.Instructions {
	v, _ := m.now()
	return slices.Clone(v.instructions)
}

// Start starts a server that is stopped, asleep, failed or held. One that runs is left
// alone. The error wraps store.ErrNotFound, store.ErrInvalid for a disabled
// server, or store.ErrClosed.
func (m *Manager) Start(id string) error {
	return m.command(id, func(s *server) error {
		switch s.status.State {
		case Disabled:
			return fmt.Errorf("the server %q is switched off; switch it on first (%w)", s.status.Server.Name, store.ErrInvalid)
		case Starting, Ready:
			return nil
		}
		m.launchAs(s, Starting, true)
		return nil
	})
}

// Stop stops a server until Start, Restart or a change of its configuration.
// The error wraps store.ErrNotFound or store.ErrClosed.
func (m *Manager) Stop(id string) error {
	return m.command(id, func(s *server) error {
		if s.status.State != Disabled && s.status.State != Stopped {
			m.halt(s, Stopped)
		}
		return nil
	})
}

// Restart stops the server and starts it again. The errors are those of Start.
func (m *Manager) Restart(id string) error {
	return m.command(id, func(s *server) error {
		if s.status.State == Disabled {
			return fmt.Errorf("the server %q is switched off; switch it on first (%w)", s.status.Server.Name, store.ErrInvalid)
		}
		m.launchAs(s, Starting, true)
		return nil
	})
}

func (m *Manager) command(id string, do func(*server) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return fmt.Errorf("the servers are shut down (%w)", store.ErrClosed)
	}
	s, ok := m.servers[id]
	if !ok {
		return fmt.Errorf("there is no server %q (%w)", id, store.ErrNotFound)
	}
	if err := do(s); err != nil {
		return err
	}
	m.publish()
	return nil
}

// Ready waits until none of the named servers, or of all if none is named, is
// starting any more. The error wraps store.ErrNotFound for a name that is not
// there, store.ErrClosed, or is the cause of the context's end. Whether a
// server came up is in its Status.
func (m *Manager) Ready(ctx context.Context, ids ...string) error {
	for {
		v, next := m.now()
		settled := true
		if len(ids) == 0 {
			for _, s := range v.statuses {
				settled = settled && s.State != Starting
			}
		}
		for _, id := range ids {
			s, ok := v.servers[id]
			if !ok {
				return fmt.Errorf("there is no server %q (%w)", id, store.ErrNotFound)
			}
			settled = settled && s.status.State != Starting
		}
		if settled {
			return nil
		}
		select {
		case <-next:
		case <-ctx.Done():
			return fmt.Errorf("wait for the servers to start: %w", context.Cause(ctx))
		case <-m.life.Done():
			return fmt.Errorf("the servers are shut down (%w)", store.ErrClosed)
		}
	}
}

// Log returns the last lines of a server's log, oldest first: what it wrote to
// its standard error, what on its output was no message, and what happened to
// it. It holds about 64 KiB. Secrets are replaced by a placeholder.
func (m *Manager) Log(id string) []string {
	if l := m.logOf(id); l != nil {
		return l.lines(0)
	}
	return nil
}

// Processes returns the ids of the child processes that run now, also of those
// that are being stopped. Each leads a process group of its own.
func (m *Manager) Processes() []int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.pids))
}

// running notes that a child process runs, or that it is gone.
func (m *Manager) running(pid int, runs bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if runs {
		m.pids[pid] = struct{}{}
	} else {
		delete(m.pids, pid)
	}
}

// Close stops all servers and waits until their processes are gone, at most as
// long as the context lasts. Nothing can be started afterwards.
func (m *Manager) Close(ctx context.Context) error {
	m.mu.Lock()
	if !m.closed {
		for _, s := range m.servers {
			if s.status.State != Disabled {
				m.halt(s, Stopped)
			}
		}
		m.publish()
		m.closed = true
		m.lending.recall("")
		m.end(errStopped)
	}
	m.mu.Unlock()
	gone := make(chan struct{})
	go func() {
		m.lives.Wait()
		m.o.HTTP.CloseIdleConnections()
		close(gone)
	}()
	select {
	case <-gone:
	case <-ctx.Done():
		return fmt.Errorf("some servers have not ended yet: %w", context.Cause(ctx))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.servers {
		s.log.close(nil)
	}
	return nil
}

package mcphost

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// errNoAnswer is the cause with which a start ends that took too long.
var errNoAnswer = errors.New("the server did not answer in time")

// plan is everything that a start needs.
type plan struct {
	config store.ServerConfig
	spec   processSpec
	given  received
	// account is the sign-in; nil where there is none to be had.
	account *account
	samples bool // whoever uses the connection lets the server use its model
}

// plan looks up what the configuration refers to: secrets, the program, the
// folder. It starts nothing. Errors are sentences.
func (m *Manager) plan(ctx context.Context, c store.ServerConfig) (plan, error) {
	if err := c.Validate(); err != nil {
		return plan{}, err
	}
	p := plan{config: c}
	var path []string
	if c.Transport == store.TransportStdio {
		path = m.path.list()
	}
	var err error
	if p.given, err = m.resolve(ctx, c, m.path.join(path)); err != nil {
		return plan{}, sentence(upper(err.Error())+".", err)
	}
	if p.account = m.accountFor(c, p.given.config.URL); p.account != nil {
		p.given.redactor = p.given.redactor.And(p.account.secrets)
	}
	c = p.given.config
	p.config = c
	switch c.Transport {
	case store.TransportBuiltin:
		if m.o.Builtins[c.Command] == nil {
			return plan{}, sentence(fmt.Sprintf("Nothing that is built in is called %q.", c.Command), store.ErrNotFound)
		}
	case store.TransportOpenAPI:
		if m.o.OpenAPI == nil {
			return plan{}, sentence("This program does not serve OpenAPI documents.", store.ErrInvalid)
		}
	case store.TransportStdio:
		home := homeOf(m.o.Environ())
		if p.spec.dir, err = workDir(c, home); err != nil {
			return plan{}, sentence(upper(err.Error())+".", err)
		}
		// A PATH that the person configured comes first.
		path = append(filepath.SplitList(environ(p.given.env, "PATH")), path...)
		if p.spec.path, err = find(c.Command, p.spec.dir, home, path); err != nil {
			return plan{}, err
		}
		p.spec.args = append([]string{c.Command}, c.Args...)
		p.spec.env = p.given.env
		if p.spec.fence, p.spec.sandbox, err = m.fence(ctx, c, &p.spec, home); err != nil {
			return plan{}, err
		}
	}
	return p, nil
}

// connect starts the server and opens a session with it. The caller closes the
// link. Errors are sentences.
func (m *Manager) connect(ctx context.Context, p plan, log *serverLog, e *era) (*link, error) {
	switch p.config.Transport {
	case store.TransportStdio:
		return m.connectStdio(ctx, p, log, e)
	case store.TransportHTTP:
		return m.connectHTTP(ctx, p, log, e)
	case store.TransportSSE:
		return m.connectSSE(ctx, p, log)
	}
	k := newLink(p.config, log, p.given.redactor)
	m.startInside(k, p.config.ID, m.inside(p.config, p.given.http))
	if err := k.open(ctx, k.lines, m, e, true); err != nil {
		err = k.startError(ctx, err, m.o)
		k.close()
		return nil, err
	}
	return k, nil
}

// connectStdio starts the child process. If it ends at the question which era
// it speaks, it is started once more and asked in the older way; if it answers
// that question too late and then refuses the older way, once more in the newer.
//
// One that was known to speak the older era and does so no more is asked anew.
func (m *Manager) connectStdio(ctx context.Context, p plan, log *serverLog, e *era) (*link, error) {
	known := e.older
	for try := 0; ; try++ {
		k := newLink(p.config, log, p.given.redactor)
		err := m.startProcess(k, p.spec)
		if err == nil {
			if err = k.open(ctx, k.lines, m, e, true); err == nil {
				return k, nil
			}
			err = k.startError(ctx, err, m.o)
		}
		asked := k.lines != nil && !k.lines.initialized.Load()
		late := e.answeredLate()
		k.close()
		switch {
		case ctx.Err() != nil || k.process == nil:
			*e = era{}
			return nil, err
		case known:
			log.add("it does not speak the protocol that it spoke before; asking it again")
			*e = era{}
			known, try = false, -1
		case try > 0:
			*e = era{}
			return nil, err
		case asked && !e.older:
			log.add("it ended when asked for the newest protocol; trying the older one")
			e.older = true
		case late:
			log.add("it knows the newest protocol, but took long to say so; trying again")
			e.patient = true
		default:
			*e = era{} // ask again at the next start
			return nil, err
		}
	}
}

// startProcess runs the program and connects its streams.
func (m *Manager) startProcess(k *link, spec processSpec) error {
	program, left := spec.path, func() {}
	if spec.fence != nil {
		var err error
		if spec, left, err = spec.fence.close(spec); err != nil {
			return sentence(fmt.Sprintf("Its sandbox cannot be made: %s.", reason(err)), err)
		}
	}
	t, weaker := newTree(m.o.Environ(), spec.box)
	if weaker != "" {
		m.warnOnce.Do(func() {
			m.o.Logger.Warn("what servers start may outlive them, and this program when it is killed", "cause", weaker)
		})
	}
	p, err := launch(spec, t)
	if err != nil {
		left()
		return sentence(fmt.Sprintf("The program %s could not be started: %v.", program, reason(err)), err)
	}
	k.process, k.program, k.sandbox = p, program, spec.sandbox
	m.running(p.pid(), true)
	k.log.add(fmt.Sprintf("started %s as process %d%s", program, p.pid(), spec.sandbox.note()))
	k.lines = newLineConn(p.stdout, p.stdin, func() {
		p.stdout.Close()
		p.stdin.Close()
	}, k.events())
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		k.drain(p.stderr)
	}()
	cleared := make(chan struct{})
	go func() {
		defer close(cleared)
		<-p.gone
		m.running(p.pid(), false)
		// What left the group may still hold our pipes open.
		within(drained, drainAfter)
		left()
		p.stderr.Close()
		select {
		case <-k.lines.done: // we closed them first, as after an answer that is none
		default: // a request may notice that they are closed before anybody reads their end
			k.lines.ended.Store(true)
		}
		k.lines.Close()
		k.die(errors.New("its process ended"))
	}()
	k.end = func() {
		p.stop()
		<-cleared
	}
	return nil
}

func within(done <-chan struct{}, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-done:
	case <-t.C:
	}
}

// drain reads what the server writes to its standard error, always and to the
// end, so that the server never waits for us.
func (k *link) drain(stderr *os.File) {
	lines := lineSplitter{line: k.log.wrote}
	stream := k.redactor.Stream(lines.write)
	buf := make([]byte, 32<<10)
	for {
		n, err := stderr.Read(buf)
		stream.Write(buf[:n])
		if err != nil {
			stream.Flush()
			lines.flush()
			return
		}
	}
}

// startError phrases why a start failed.
func (k *link) startError(ctx context.Context, err error, o Options) error {
	cause := context.Cause(ctx)
	if k.http != nil {
		return k.http.startError(cause, err, o)
	}
	if errors.Is(cause, errStopped) {
		return errStopped
	}
	if why := k.inside.Load(); why != nil {
		return sentence(k.redactor.Text(upper((*why).Error())), *why)
	}
	if k.process != nil && !errors.Is(cause, errNoAnswer) && k.lines != nil && k.lines.ended.Load() {
		k.process.endsWithin(exitAfter)
		how := k.process.ending()
		k.end() // so that its last lines are in the log
		return sentence(fmt.Sprintf("It %s before it was ready. Its log says more.", how), err)
	}
	if errors.Is(cause, errNoAnswer) {
		return sentence(fmt.Sprintf("It runs, but did not answer within %s. Perhaps it is no MCP server, or it waits for something; its log may say more.", o.StartTimeout), err)
	}
	return sentence("It answered with something that is not the protocol: "+cut(k.redactor.Text(visible(reason(err))), 500)+".", err)
}

// reason is the innermost text of an error, without what was being done.
func reason(err error) string {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}

func upper(s string) string {
	if s != "" && s[0] >= 'a' && s[0] <= 'z' {
		return string(s[0]-'a'+'A') + s[1:]
	}
	return s
}

// instructionsMax is the size of a server's instructions in bytes.
const instructionsMax = 256 << 10

// fill completes the status of a server that is ready.
func (k *link) fill(took time.Duration) func(*Status) {
	hello := k.session.InitializeResult()
	var instructions *tools.Instructions
	switch text := k.redactor.Text(hello.Instructions); {
	case text == "":
	case len(text) > instructionsMax:
		k.log.add(fmt.Sprintf("its instructions of %d KiB are longer than the %d that are taken, and are left out", len(text)>>10, instructionsMax>>10))
	default:
		instructions = &tools.Instructions{Server: k.id, Text: visible(text), Hash: hashOf([]byte(text))}
	}
	return func(s *Status) {
		s.Tools = renamed(k.catalogue.Load().tools, s.Server.Name)
		s.Instructions = instructions
		s.Offers = k.offers.now(hello.Capabilities)
		s.Program = k.program
		s.Sandbox = k.sandbox
		s.Took = took
		s.PeerName, s.PeerVersion, s.Icon = "", "", iconOf(hello.ServerInfo)
		if hello.ServerInfo != nil {
			s.PeerName = visible(cut(k.redactor.Text(hello.ServerInfo.Name), 200))
			s.PeerVersion = visible(cut(k.redactor.Text(hello.ServerInfo.Version), 200))
		}
		if k.process != nil {
			s.PID = k.process.pid()
		}
	}
}

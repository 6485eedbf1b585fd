package mcphost

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"testing"

	"github.com/drawbridge-app/drawbridge/store"
)

// actor is a server inside the test: it answers with what it is told to, in
// the newer era unless older is set.
type actor struct {
	older        bool
	capabilities string // "{}" with tools if empty
	// handle returns the result of a request, an error of the protocol in
	// fault, or neither to stay silent.
	handle func(s *actor, method string, params json.RawMessage) (result, fault string)

	mu      sync.Mutex
	out     io.Writer
	seen    []string // methods, in their order
	hello   json.RawMessage
	answers chan json.RawMessage // responses of the client
	cancels chan json.RawMessage
}

func (s *actor) say(format string, a ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.out, format+"\n", a...)
}

func (s *actor) serve(ctx context.Context, rw io.ReadWriteCloser) error {
	s.mu.Lock()
	s.out = rw
	s.mu.Unlock()
	in := bufio.NewScanner(rw)
	in.Buffer(nil, 32<<20)
	var running sync.WaitGroup
	defer running.Wait()
	for in.Scan() {
		var m struct {
			ID     json.RawMessage
			Method string
			Params json.RawMessage
		}
		if json.Unmarshal(in.Bytes(), &m) != nil {
			continue
		}
		if m.Method == "" {
			s.answers <- append(json.RawMessage(nil), in.Bytes()...)
			continue
		}
		s.mu.Lock()
		s.seen = append(s.seen, m.Method)
		s.mu.Unlock()
		capabilities := s.capabilities
		if capabilities == "" {
			capabilities = `{"tools":{}}`
		}
		switch {
		case m.Method == "notifications/cancelled":
			s.cancels <- m.Params
		case len(m.ID) == 0:
		case m.Method == "server/discover" && s.older:
			s.say(`{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"no such method"}}`, m.ID)
		case m.Method == "server/discover":
			s.hello = m.Params
			s.say(`{"jsonrpc":"2.0","id":%s,"result":{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":%s}}`, m.ID, capabilities)
		case m.Method == "initialize":
			s.hello = m.Params
			s.say(`{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":"2025-11-25","capabilities":%s,"serverInfo":{"name":"script","version":"0"}}}`, m.ID, capabilities)
		default:
			running.Go(func() {
				var result, fault string
				if s.handle != nil {
					result, fault = s.handle(s, m.Method, m.Params)
				}
				switch {
				case result != "":
					s.say(`{"jsonrpc":"2.0","id":%s,"result":%s}`, m.ID, result)
				case fault != "":
					s.say(`{"jsonrpc":"2.0","id":%s,"error":%s}`, m.ID, fault)
				case m.Method == "tools/list":
					s.say(`{"jsonrpc":"2.0","id":%s,"result":%s}`, m.ID, oneTool)
				}
			})
		}
	}
	return nil
}

// scripted starts an actor as the server "s".
func scripted(t testing.TB, s *actor, change func(*Options, *store.ServerConfig)) *Manager {
	t.Helper()
	s.answers, s.cancels = make(chan json.RawMessage, 100), make(chan json.RawMessage, 100)
	c := store.ServerConfig{ID: "s", Name: "s", Transport: store.TransportBuiltin, Command: "script"}
	m := newManager(t, func(o *Options) {
		o.Builtins = map[string]func(context.Context, io.ReadWriteCloser) error{"script": s.serve}
		if change != nil {
			change(o, &c)
		}
	})
	ready(t, m, c)
	return m
}

// person answers questions, and keeps them.
type person struct {
	mu     sync.Mutex
	asked  []Elicitation
	answer func(context.Context, Elicitation) (ElicitAnswer, error)
}

func (p *person) Elicit(ctx context.Context, e Elicitation) (ElicitAnswer, error) {
	p.mu.Lock()
	p.asked = append(p.asked, e)
	p.mu.Unlock()
	if p.answer == nil {
		return ElicitAnswer{Action: Accepted}, nil
	}
	return p.answer(ctx, e)
}

func (p *person) questions() []Elicitation {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Elicitation(nil), p.asked...)
}

func willing(p *person) func(*Options, *store.ServerConfig) {
	return func(o *Options, _ *store.ServerConfig) { o.Elicitor = p }
}

// heard returns how often a method was called.
func (s *actor) heard(method string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.seen {
		if m == method {
			n++
		}
	}
	return n
}

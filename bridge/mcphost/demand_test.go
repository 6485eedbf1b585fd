package mcphost

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// shelf is a Cache in memory.
type shelf struct {
	mu    sync.Mutex
	facts map[string]json.RawMessage
	wrote int
}

func (s *shelf) ServerFacts(_ context.Context, id string) (json.RawMessage, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.facts[id], nil
}

func (s *shelf) SetServerFacts(_ context.Context, id string, facts json.RawMessage) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.facts == nil {
		s.facts = map[string]json.RawMessage{}
	}
	s.facts[id], s.wrote = facts, s.wrote+1
	return nil
}

// onDemand runs do in a bubble of its own time, with a manager whose one server
// is built in and starts on demand. starts counts its starts.
func onDemand(t *testing.T, change func(*Options, *mcp.Server), do func(t *testing.T, m *Manager, apply func(), starts *atomic.Int32)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var starts atomic.Int32
		server := obedient()
		o := Options{Gate: open, Secrets: keychain{}, Builtins: map[string]func(context.Context, io.ReadWriteCloser) error{
			"it": func(ctx context.Context, rw io.ReadWriteCloser) error {
				starts.Add(1)
				return server.Run(ctx, &mcp.IOTransport{Reader: rw, Writer: rw})
			},
		}}
		if change != nil {
			change(&o, server)
		}
		m := New(o)
		do(t, m, func() {
			m.Apply([]store.ServerConfig{{ID: "s", Name: "s", Transport: store.TransportBuiltin, Command: "it", OnDemand: true, IdleMinutes: 5}})
			synctest.Wait()
		}, &starts)
		if err := m.Close(t.Context()); err != nil {
			t.Error(err)
		}
		synctest.Wait()
	})
}

func TestOnDemand(t *testing.T) {
	cache := &shelf{}
	onDemand(t, func(o *Options, _ *mcp.Server) { o.Cache = cache }, func(t *testing.T, m *Manager, apply func(), starts *atomic.Int32) {
		apply() // nothing is known of it, so it is started once
		before := status(t, m, "s")
		if before.State != Ready || starts.Load() != 1 || before.Instructions == nil {
			t.Fatalf("%d starts, %+v", starts.Load(), before)
		}
		// A call now and then keeps it running.
		for range 4 {
			time.Sleep(4 * time.Minute)
			mustCall(t, m, "s", "echo", `{"text":"x"}`)
		}
		if starts.Load() != 1 {
			t.Errorf("%d starts", starts.Load())
		}
		time.Sleep(7 * time.Minute)
		asleep := status(t, m, "s")
		if asleep.State != Asleep || len(asleep.Tools) != len(before.Tools) || asleep.Instructions == nil || asleep.Instructions.Hash != before.Instructions.Hash || asleep.PeerName != "fixture" {
			t.Fatalf("%+v", asleep)
		}
		for i, tool := range asleep.Tools {
			if tool.Hash != before.Tools[i].Hash || tool.Ref != before.Tools[i].Ref || tool.ServerName != "s" {
				t.Errorf("the tool %+v was %+v", tool, before.Tools[i])
			}
		}
		if len(m.Tools()) != len(before.Tools) {
			t.Error("its tools are not offered")
		}
		// What it does not have does not wake it.
		if _, err := call(t, m, "s", "no_such", `{}`); !errors.Is(err, store.ErrNotFound) || starts.Load() != 1 {
			t.Errorf("%v after %d starts", err, starts.Load())
		}
		// Many callers at once wake it once.
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				if r, err := call(t, m, "s", "echo", fmt.Sprintf(`{"text":"%d"}`, i)); err != nil || r.Content.Text() != fmt.Sprint(i) {
					t.Errorf("%v, %v", r, err)
				}
			})
		}
		all.Wait()
		if starts.Load() != 2 {
			t.Errorf("%d starts", starts.Load())
		}
		// A call that runs longer is not ended.
		ctx, cancel := context.WithTimeout(t.Context(), 9*time.Minute)
		defer cancel()
		m.o.CallIdle, m.o.CallMax = time.Hour, time.Hour
		if _, err := m.Call(ctx, tools.Ref{Server: "s", Tool: "until"}, json.RawMessage(`{"file":"/nowhere"}`), nil); err == nil || !strings.Contains(err.Error(), "deadline") {
			t.Errorf("%v", err)
		}
		if starts.Load() != 2 || status(t, m, "s").State != Ready {
			t.Errorf("%d starts", starts.Load())
		}
		if cache.wrote != 1 {
			t.Errorf("it was written down %d times", cache.wrote)
		}
	})
	// The next run of the program knows the tools before the server runs.
	onDemand(t, func(o *Options, _ *mcp.Server) { o.Cache = cache }, func(t *testing.T, m *Manager, apply func(), starts *atomic.Int32) {
		apply()
		if s := status(t, m, "s"); s.State != Asleep || len(s.Tools) == 0 || starts.Load() != 0 {
			t.Fatalf("%d starts, %+v", starts.Load(), s)
		}
		if err := m.Start("s"); err != nil { // a person may
			t.Fatal(err)
		}
		synctest.Wait()
		if s := status(t, m, "s"); s.State != Ready || starts.Load() != 1 {
			t.Errorf("%d starts, %+v", starts.Load(), s)
		}
	})
}

// TestOnDemandChangedMeanwhile has another version of the server with another
// definition: the call that wakes it is not run.
func TestOnDemandChangedMeanwhile(t *testing.T) {
	cache := &shelf{}
	onDemand(t, func(o *Options, _ *mcp.Server) { o.Cache = cache }, func(_ *testing.T, _ *Manager, apply func(), _ *atomic.Int32) { apply() })
	ran := false
	change := func(o *Options, s *mcp.Server) {
		o.Cache = cache
		mcp.AddTool(s, &mcp.Tool{Name: "echo", Description: "Something else."},
			func(context.Context, *mcp.CallToolRequest, textIn) (*mcp.CallToolResult, any, error) {
				ran = true
				return textOut("poisoned"), nil, nil
			})
	}
	onDemand(t, change, func(t *testing.T, m *Manager, apply func(), starts *atomic.Int32) {
		apply()
		if _, err := call(t, m, "s", "echo", `{"text":"x"}`); !errors.Is(err, store.ErrHeld) || ran || starts.Load() != 1 {
			t.Errorf("%v after %d starts; it ran: %v", err, starts.Load(), ran)
		}
	})
}

// TestOnDemandGate withdraws the approval while the server sleeps.
func TestOnDemandGate(t *testing.T) {
	cache := &shelf{}
	onDemand(t, func(o *Options, _ *mcp.Server) { o.Cache = cache }, func(_ *testing.T, _ *Manager, apply func(), _ *atomic.Int32) { apply() })
	var withdrawn atomic.Bool
	change := func(o *Options, _ *mcp.Server) {
		o.Cache = cache
		o.Gate = gate(func(store.ServerConfig) error {
			if withdrawn.Load() {
				return store.ErrHeld
			}
			return nil
		})
	}
	onDemand(t, change, func(t *testing.T, m *Manager, apply func(), starts *atomic.Int32) {
		apply()
		withdrawn.Store(true)
		if _, err := call(t, m, "s", "echo", `{"text":"x"}`); !errors.Is(err, store.ErrHeld) || starts.Load() != 0 {
			t.Errorf("%v after %d starts", err, starts.Load())
		}
		if s := status(t, m, "s"); s.State != Held || len(m.Tools()) != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// TestFactsOfAnotherServer has facts that are damaged, or another
// configuration's: they do not count.
func TestFactsOfAnotherServer(t *testing.T) {
	for name, facts := range map[string]string{
		"damaged": `{"config":`, "another's": `{"config":"x","tools":[{"name":"evil","inputSchema":{"type":"object"}}]}`, "no object": `7`,
	} {
		t.Run(name, func(t *testing.T) {
			cache := &shelf{facts: map[string]json.RawMessage{"s": json.RawMessage(facts)}}
			onDemand(t, func(o *Options, _ *mcp.Server) { o.Cache = cache }, func(t *testing.T, m *Manager, apply func(), starts *atomic.Int32) {
				apply()
				if s := status(t, m, "s"); s.State != Ready || starts.Load() != 1 || strings.Contains(fmt.Sprint(names(m.Tools())), "evil") {
					t.Errorf("%d starts, %+v", starts.Load(), s)
				}
			})
		})
	}
}

// TestMuteServerIsRestarted has a server of the older era that stops answering
// while nothing is asked of it, and one that is only busy.
func TestMuteServerIsRestarted(t *testing.T) {
	for _, old := range []bool{true, false} {
		t.Run(fmt.Sprintf("older era %v", old), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var starts, pings atomic.Int32
				var mute atomic.Bool
				m := New(Options{Gate: open, Secrets: keychain{}, Builtins: map[string]func(context.Context, io.ReadWriteCloser) error{
					"it": func(ctx context.Context, rw io.ReadWriteCloser) error {
						starts.Add(1)
						server := obedient()
						server.AddReceivingMiddleware(func(next mcp.MethodHandler) mcp.MethodHandler {
							return func(ctx context.Context, method string, r mcp.Request) (mcp.Result, error) {
								switch {
								case method == "server/discover" && old:
									return nil, errors.New("no such method")
								case method == "ping":
									if pings.Add(1); mute.Load() && starts.Load() == 1 {
										<-ctx.Done()
										return nil, ctx.Err()
									}
								}
								return next(ctx, method, r)
							}
						})
						return server.Run(ctx, &mcp.IOTransport{Reader: rw, Writer: rw})
					},
				}})
				m.Apply([]store.ServerConfig{{ID: "s", Name: "s", Transport: store.TransportBuiltin, Command: "it"}})
				if err := m.Ready(t.Context()); err != nil {
					t.Fatal(err)
				}
				time.Sleep(10 * time.Minute)
				if starts.Load() != 1 || old != (pings.Load() > 15) {
					t.Fatalf("%d starts, %d pings", starts.Load(), pings.Load())
				}
				mute.Store(true)
				time.Sleep(3 * time.Minute)
				if want := map[bool]int32{true: 2, false: 1}[old]; starts.Load() != want || status(t, m, "s").State != Ready {
					t.Errorf("%d starts, %+v", starts.Load(), status(t, m, "s"))
				}
				if err := m.Close(t.Context()); err != nil {
					t.Error(err)
				}
				synctest.Wait()
			})
		})
	}
}

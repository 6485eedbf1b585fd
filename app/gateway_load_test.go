package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/drawbridge-app/drawbridge/store"
)

// The load: clients, each with a session, spread over four keys, of which three
// see a group each and one sees all, in both eras of the protocol.
const loadClients = 50

// TestGatewayLoad is the short form of TestGatewayLoadSoak.
func TestGatewayLoad(t *testing.T) { loadGateway(t, 4_000, false) }

// TestGatewayLoadSoak makes a million calls: no answer is another's, nobody sees
// another group, and memory stays what it was after the first tenth. It prints how
// long calls took; BENCHMARKS.md has what came of it.
func TestGatewayLoadSoak(t *testing.T) {
	if os.Getenv("DRAWBRIDGE_SOAK") == "" {
		t.Skip("a million calls; make soak runs them")
	}
	loadGateway(t, 1_000_000, true)
}

func loadGateway(t *testing.T, calls int, measured bool) {
	g := openGated(t)
	groups := []string{"red", "green", "blue"}
	for _, group := range groups {
		for n := range 2 {
			g.add(fmt.Sprintf("%s%d", group, n), "", func(c *store.ServerConfig) {
				c.Transport, c.URL, c.Command = store.TransportStdio, "", program(t, "echo-mcp")
				c.Rules.Groups, c.Rules.Trusted = []string{group}, true
			})
		}
	}
	keys := map[string]string{"all": g.key("all", "", store.Limits{})}
	for _, group := range groups {
		keys[group] = g.key(group, "", store.Limits{Groups: []string{group}})
	}
	type client struct {
		session *mcp.ClientSession
		sees    []string // servers
		not     string   // one that it may not see
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = loadClients
	t.Cleanup(transport.CloseIdleConnections)
	clients := make([]client, loadClients)
	for i := range clients {
		key := append([]string{"all"}, groups...)[i%4]
		var c client
		for _, group := range groups {
			if key == "all" || key == group {
				c.sees = append(c.sees, group+"0", group+"1")
			} else {
				c.not = group + "0"
			}
		}
		version := []string{"2025-11-25", "2026-07-28"}[i/4%2]
		s, err := mcp.NewClient(&mcp.Implementation{Name: "load", Version: "1"}, nil).Connect(t.Context(), &mcp.StreamableClientTransport{
			Endpoint: g.address, DisableStandaloneSSE: true, HTTPClient: &http.Client{Transport: loadKey{transport, keys[key]}},
		}, &mcp.ClientSessionOptions{ProtocolVersion: version})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		c.session = s
		clients[i] = c
		for _, name := range toolsOf(t, s) {
			if server, _, _ := strings.Cut(name, "__"); !slices.Contains(c.sees, server) {
				t.Errorf("the key %s sees %s", key, name)
			}
		}
	}

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var next, forbidden, again atomic.Int64
	var early, late uint64 // bytes of the heap after the first 100,000 calls, and at the end
	var took durations
	start := time.Now()
	var all sync.WaitGroup
	run := func(until int64) {
		for i, c := range clients {
			all.Go(func() {
				for ctx.Err() == nil {
					n := next.Add(1)
					if n > until {
						return
					}
					want := fmt.Sprintf("client %d call %d", i, n)
					server := c.sees[int(n)%len(c.sees)]
					deny := c.not != "" && n%16 == 0
					if deny {
						server = c.not
					}
					began := time.Now()
					call := func() (*mcp.CallToolResult, error) {
						return c.session.CallTool(ctx, &mcp.CallToolParams{Name: server + "__say", Arguments: map[string]any{"text": want}})
					}
					r, err := call()
					if err != nil && strings.Contains(err.Error(), "server closed idle connection") {
						// Both ends stood still for minutes; nothing was sent.
						again.Add(1)
						r, err = call()
					}
					took.add(time.Since(began))
					switch {
					case err != nil:
						t.Errorf("%s: %v", want, err)
						cancel()
					case deny:
						forbidden.Add(1)
						if !r.IsError || r.Meta["status"] != 403.0 {
							t.Errorf("%s reached a server of another group: %+v", want, r)
							cancel()
						}
					default:
						if got := r.Content[0].(*mcp.TextContent).Text; got != "you said "+want || r.IsError {
							t.Errorf("%s was answered %q", want, got)
							cancel()
						}
					}
				}
			})
		}
		all.Wait()
	}
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	if measured {
		run(int64(calls / 10))
		early = heap()
		next.Store(int64(calls / 10))
	}
	run(int64(calls))
	if measured {
		if late = heap(); late > early+early/10 {
			t.Errorf("the heap grew from %d to %d KiB", early>>10, late>>10)
		}
	}
	t.Logf("%d calls of %d clients, %d of them forbidden, %d sent again, in %v: p50 %v, p99 %v; heap %d, then %d KiB",
		min(next.Load(), int64(calls)), loadClients, forbidden.Load(), again.Load(), time.Since(start).Round(time.Second), took.below(50), took.below(99), early>>10, late>>10)
	if forbidden.Load() == 0 {
		t.Error("no forbidden call was tried")
	}
}

// durations counts how long calls took, in steps of a tenth of a millisecond up
// to two seconds, so that what a million calls leave is not memory.
type durations [20_000]atomic.Int64

const durationStep = 100 * time.Microsecond

func (d *durations) add(took time.Duration) { d[min(int(took/durationStep), len(d)-1)].Add(1) }

// below returns the time that so many of a hundred calls did not exceed.
func (d *durations) below(percent int64) time.Duration {
	var all, seen int64
	for i := range d {
		all += d[i].Load()
	}
	for i := range d {
		if seen += d[i].Load(); seen*100 >= all*percent {
			return time.Duration(i+1) * durationStep
		}
	}
	return 0
}

// loadKey adds a key to each request.
type loadKey struct {
	base http.RoundTripper
	key  string
}

func (k loadKey) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("X-Drawbridge-Key", k.key)
	return k.base.RoundTrip(r)
}

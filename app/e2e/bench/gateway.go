//go:build linux && e2e

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/drawbridge-app/drawbridge/app/e2e/measure"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/store"
)

// What a call through the gateway may cost beside a proxy that is nothing but
// the SDK: once at a time, and with many callers, whose throughput may be a tenth
// less.
const (
	gatewayLimit    = 1.15
	gatewayManyMost = 1 / 0.9
)

const (
	gatewayCallers  = 16
	gatewayManyRuns = 1600 // calls of all callers together
	gatewayText     = "a text of an ordinary length that goes there and back again"
)

// gatewayCall measures a call through the gateway by an app with a key, over
// HTTP to a server over stdio, with the audit on.
func (b *bench) gatewayCall(ctx context.Context, version, name string) (measure.Row, error) {
	return b.throughGateway(ctx, version, name, gatewayLimit, func(_ context.Context, dial func() (*mcp.ClientSession, error), tool string) (time.Duration, error) {
		s, err := dial()
		if err != nil {
			return 0, err
		}
		defer s.Close()
		return medianCall(func() error { return echoThrough(ctx, s, tool) }, nil)
	})
}

// gatewayMany measures what many callers at once get through, each with a
// session of its own.
func (b *bench) gatewayMany(ctx context.Context, version, name string) (measure.Row, error) {
	return b.throughGateway(ctx, version, name, gatewayManyMost, func(ctx context.Context, dial func() (*mcp.ClientSession, error), tool string) (time.Duration, error) {
		sessions := make([]*mcp.ClientSession, gatewayCallers)
		for i := range sessions {
			s, err := dial()
			if err != nil {
				return 0, err
			}
			defer s.Close()
			sessions[i] = s
			for range 5 {
				if err := echoThrough(ctx, s, tool); err != nil {
					return 0, err
				}
			}
		}
		var left atomic.Int64
		left.Store(gatewayManyRuns)
		errs := make([]error, gatewayCallers)
		var all sync.WaitGroup
		began := time.Now()
		for i, s := range sessions {
			all.Go(func() {
				for left.Add(-1) >= 0 && errs[i] == nil {
					errs[i] = echoThrough(ctx, s, tool)
				}
			})
		}
		all.Wait()
		return time.Since(began) / gatewayManyRuns, errors.Join(errs...)
	})
}

func echoThrough(ctx context.Context, s *mcp.ClientSession, tool string) error {
	result, err := s.CallTool(ctx, &mcp.CallToolParams{Name: tool, Arguments: echoArguments{gatewayText}})
	if err != nil {
		return err
	}
	if got, ok := result.Content[0].(*mcp.TextContent); !ok || result.IsError || got.Text != gatewayText {
		return fmt.Errorf("the server gave back %+v", result.Content)
	}
	return nil
}

// throughGateway compares a sample through the gateway with one through a proxy
// of the SDK's own parts. Both are in this process, in front of a server that is
// a program.
func (b *bench) throughGateway(ctx context.Context, version, name string, limit float64, sample func(context.Context, func() (*mcp.ClientSession, error), string) (time.Duration, error)) (row measure.Row, err error) {
	program, err := os.Executable()
	if err != nil {
		return row, err
	}
	whole, closeBridge, err := openBridge(ctx, func(h bridge.History) bridge.History { return h })
	if err != nil {
		return row, err
	}
	defer func() { err = errors.Join(err, closeBridge()) }()
	if _, err := readyEcho(ctx, whole, program, gatewayText); err != nil {
		return row, err
	}
	state, err := whole.OpenGateway(ctx, 0)
	if err != nil {
		return row, err
	}
	_, key, err := whole.AddKey(ctx, "bench", "", store.Limits{})
	if err != nil {
		return row, err
	}
	bare, closeProxy, err := bareProxy(ctx, program, version >= "2026-07-28")
	if err != nil {
		return row, err
	}
	defer func() { err = errors.Join(err, closeProxy()) }()
	dial := func(address string, key string) func() (*mcp.ClientSession, error) {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.MaxIdleConnsPerHost = 2 * gatewayCallers
		return func() (*mcp.ClientSession, error) {
			client := mcp.NewClient(&mcp.Implementation{Name: "bench", Version: "1"}, nil)
			return client.Connect(ctx, &mcp.StreamableClientTransport{
				Endpoint: address, HTTPClient: &http.Client{Transport: bearing{transport, key}}, DisableStandaloneSSE: true,
			}, &mcp.ClientSessionOptions{ProtocolVersion: version})
		}
	}
	ours := func(ctx context.Context) (time.Duration, error) {
		if err := whole.RestartServer("echo"); err != nil {
			return 0, err
		}
		if err := whole.SettleServers(ctx); err != nil {
			return 0, err
		}
		return sample(ctx, dial(state.Address, key.Reveal()), "echo__echo")
	}
	reference := func(ctx context.Context) (time.Duration, error) {
		address, err := bare(ctx)
		if err != nil {
			return 0, err
		}
		return sample(ctx, dial(address, ""), "echo__echo")
	}
	latency, err := measure.Compare(ctx, max(measure.MinPairs, b.pairs), ours, reference)
	return latency.Row(name, limit), err
}

// bearing adds a key to each request.
type bearing struct {
	base http.RoundTripper
	key  string
}

func (t bearing) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+t.key)
	return t.base.RoundTrip(r)
}

// bareProxy is the least that passes tools of servers on: the SDK's server in
// front of the SDK's client. Each start connects to the server anew, as the
// gateway does in its samples.
func bareProxy(ctx context.Context, program string, stateless bool) (start func(context.Context) (string, error), end func() error, err error) {
	var session *mcp.ClientSession
	var server *http.Server
	end = func() error {
		var errs []error
		if server != nil {
			errs = append(errs, server.Close())
		}
		if session != nil {
			errs = append(errs, session.Close())
		}
		server, session = nil, nil
		return errors.Join(errs...)
	}
	start = func(ctx context.Context) (string, error) {
		if err := end(); err != nil {
			return "", err
		}
		client := mcp.NewClient(&mcp.Implementation{Name: "proxy", Version: "1"}, nil)
		s, err := client.Connect(ctx, &mcp.CommandTransport{Command: exec.Command(program, echoServer)}, nil)
		if err != nil {
			return "", err
		}
		session = s
		proxy := mcp.NewServer(&mcp.Implementation{Name: "proxy", Version: "1"}, nil)
		for tool, err := range s.Tools(ctx, nil) {
			if err != nil {
				return "", err
			}
			inner := tool.Name
			copied := *tool
			copied.Name = "echo__" + inner
			proxy.AddTool(&copied, func(ctx context.Context, r *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
				return s.CallTool(ctx, &mcp.CallToolParams{Name: inner, Arguments: r.Params.Arguments})
			})
		}
		var c net.ListenConfig
		l, err := c.Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return "", err
		}
		server = &http.Server{
			Handler:           mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return proxy }, &mcp.StreamableHTTPOptions{Stateless: stateless}),
			ReadHeaderTimeout: 10 * time.Second,
		}
		go server.Serve(l)
		return "http://" + l.Addr().String(), nil
	}
	return start, end, nil
}

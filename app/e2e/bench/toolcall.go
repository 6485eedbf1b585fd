//go:build linux && e2e

package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/drawbridge-app/drawbridge/app/e2e/measure"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
	"github.com/drawbridge-app/drawbridge/store/db"
	"github.com/drawbridge-app/drawbridge/store/secret"
	"github.com/drawbridge-app/drawbridge/store/settings"
)

// callLimit is what a call through the whole bridge may cost beside the SDK's.
const callLimit = 1.05

// A call is short, and its time scatters, so a sample is made of many.
const (
	callWarmup = 50
	calls      = 200
)

// echoServer is the argument that makes this program the MCP server of the
// measurement: one tool that gives its text back, over stdio.
const echoServer = "-serve-echo"

type echoArguments struct {
	Text string `json:"text"`
}

func serveEcho() error {
	// A collection of garbage in Go 1.26 can miss that a goroutine just began a
	// blocking read, and then stands still until the next timer of the program.
	go func() {
		for range time.Tick(100 * time.Millisecond) {
		}
	}()
	return newEcho().Run(context.Background(), &mcp.StdioTransport{})
}

func newEcho() *mcp.Server {
	server := mcp.NewServer(&mcp.Implementation{Name: "echo", Version: "1"}, nil)
	mcp.AddTool(server, &mcp.Tool{Name: "echo", Description: "Gives the text back."},
		func(_ context.Context, _ *mcp.CallToolRequest, in echoArguments) (*mcp.CallToolResult, any, error) {
			return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: in.Text}}}, nil, nil
		})
	return server
}

// toolCall measures one call of a tool that was allowed for good, from a
// conversation: the policy, the checks of the arguments, the host and the
// shaping of the result, beside the SDK's own client. Both servers are this
// program. A sample is the median of many calls to a server that was started
// for it, since two servers that are alike differ by more than the limit.
func (b *bench) toolCall(ctx context.Context) (row measure.Row, err error) {
	program, err := os.Executable()
	if err != nil {
		return row, err
	}
	const text = "a text of an ordinary length that goes there and back again"
	bare := func(ctx context.Context) (took time.Duration, err error) {
		client := mcp.NewClient(&mcp.Implementation{Name: "bench", Version: "1"}, nil)
		session, err := client.Connect(ctx, &mcp.CommandTransport{Command: exec.Command(program, echoServer)}, nil)
		if err != nil {
			return 0, err
		}
		defer func() { err = errors.Join(err, session.Close()) }()
		return medianCall(bareEcho(ctx, session, text), nil)
	}

	whole, closeBridge, err := openBridge(ctx, func(h bridge.History) bridge.History { return h })
	if err != nil {
		return row, err
	}
	defer func() { err = errors.Join(err, closeBridge()) }()
	invocation, err := readyEcho(ctx, whole, program, text)
	if err != nil {
		return row, err
	}
	latency, err := measure.Compare(ctx, max(2*measure.MinPairs, b.pairs), anew(whole, invocation, text), bare)
	return latency.Row("a tool call through the bridge", callLimit), err
}

// anew returns a sample of our calls, at a server that is started or connected
// for it, as the bare client's is.
func anew(whole *bridge.Bridge, invocation tools.Invocation, text string) func(context.Context) (time.Duration, error) {
	return func(ctx context.Context) (time.Duration, error) {
		if err := whole.RestartServer(invocation.Ref.Server); err != nil {
			return 0, err
		}
		if err := whole.SettleServers(ctx); err != nil {
			return 0, err
		}
		return medianCall(ourEcho(ctx, whole, invocation, text), nil)
	}
}

// medianCall returns what a call takes, once it is warm.
// before, if not nil, is done before each call and not counted.
func medianCall(call func() error, before func()) (time.Duration, error) {
	took := make([]time.Duration, 0, calls)
	for i := range callWarmup + calls {
		if before != nil {
			before()
		}
		began := time.Now()
		if err := call(); err != nil {
			return 0, err
		}
		if i >= callWarmup {
			took = append(took, time.Since(began))
		}
	}
	return measure.Median(took), nil
}

// openBridge opens a bridge with all that the program gives it, in an empty
// home of its own. wrap may put something around the history.
func openBridge(ctx context.Context, wrap func(bridge.History) bridge.History) (_ *bridge.Bridge, closeAll func() error, err error) {
	home, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return nil, nil, err
	}
	remove := func() error { return os.RemoveAll(home) }
	defer func() {
		if err != nil {
			err = errors.Join(err, remove())
		}
	}()
	logger := slog.New(slog.DiscardHandler)
	files, err := settings.Open(home, logger)
	if err != nil {
		return nil, nil, err
	}
	history, err := db.Open(ctx, filepath.Join(home, "drawbridge.db"))
	if err != nil {
		return nil, nil, err
	}
	whole, err := bridge.New(ctx, bridge.Options{
		Home:     home,
		History:  wrap(history),
		Ledger:   history,
		Cache:    history,
		Audit:    history,
		Keys:     history,
		Settings: files,
		Secrets:  secret.Open(home),
		Environ:  os.Environ,
		Logger:   logger,
	})
	if err != nil {
		return nil, nil, errors.Join(err, history.Close())
	}
	return whole, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		return errors.Join(whole.Close(ctx), history.Close(), remove())
	}, nil
}

// readyEcho is readyAt for the echo server over stdio.
func readyEcho(ctx context.Context, whole *bridge.Bridge, program, text string) (tools.Invocation, error) {
	return readyAt(ctx, whole, store.ServerConfig{
		Name: "echo", Transport: store.TransportStdio, Command: program, Args: []string{echoServer},
	}, text)
}

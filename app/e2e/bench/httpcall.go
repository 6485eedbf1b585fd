//go:build linux && e2e

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/drawbridge-app/drawbridge/app/e2e/measure"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// The arguments that make this program an MCP server over Streamable HTTP: one
// with sessions, and one of the newest era, which has none.
const (
	httpServer      = "-serve-http"
	statelessServer = "-serve-http-stateless"
)

// serveHTTP serves on a free port of this computer, which it prints.
func serveHTTP(stateless bool) error {
	server := newEcho()
	handler := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server },
		&mcp.StreamableHTTPOptions{Stateless: stateless})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("http://%s/mcp\n", listener.Addr())
	return http.Serve(listener, handler)
}

// startHTTP starts such a server in a process of its own.
func startHTTP(ctx context.Context, how string) (address string, end func() error, err error) {
	program, err := os.Executable()
	if err != nil {
		return "", nil, err
	}
	cmd := exec.CommandContext(ctx, program, how)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	end = func() error {
		err := cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
		return err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return "", nil, errors.Join(err, end())
	}
	return strings.TrimSpace(line), end, nil
}

// httpCall measures one call of a tool over Streamable HTTP, as toolCall does
// over stdio. Both clients call the same server, in a session of their own for
// each sample.
func (b *bench) httpCall(how, name string) func(context.Context) (measure.Row, error) {
	return func(ctx context.Context) (row measure.Row, err error) {
		address, end, err := startHTTP(ctx, how)
		if err != nil {
			return row, err
		}
		defer func() { err = errors.Join(err, end()) }()
		const text = "a text of an ordinary length that goes there and back again"
		bare := func(ctx context.Context) (took time.Duration, err error) {
			client := mcp.NewClient(&mcp.Implementation{Name: "bench", Version: "1"}, nil)
			session, err := client.Connect(ctx, &mcp.StreamableClientTransport{Endpoint: address}, nil)
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
		invocation, err := readyAt(ctx, whole, store.ServerConfig{Name: "echo", Transport: store.TransportHTTP, URL: address}, text)
		if err != nil {
			return row, err
		}
		latency, err := measure.Compare(ctx, max(2*measure.MinPairs, b.pairs), anew(whole, invocation, text), bare)
		return latency.Row(name, callLimit), err
	}
}

// bareEcho is a call of the echo server by the SDK's client.
func bareEcho(ctx context.Context, session *mcp.ClientSession, text string) func() error {
	return func() error {
		result, err := session.CallTool(ctx, &mcp.CallToolParams{Name: "echo", Arguments: echoArguments{text}})
		if err != nil {
			return err
		}
		if got, ok := result.Content[0].(*mcp.TextContent); !ok || result.IsError || got.Text != text {
			return fmt.Errorf("the server gave back %+v", result)
		}
		return nil
	}
}

// ourEcho is the same call through the whole bridge.
func ourEcho(ctx context.Context, whole *bridge.Bridge, invocation tools.Invocation, text string) func() error {
	return func() error {
		result := whole.CallTool(ctx, invocation, nil, nil)
		if len(result.Content) != 1 || result.IsError || result.Content[0] != (store.Text{Text: text}) {
			return fmt.Errorf("the call gave %+v", result)
		}
		return nil
	}
}

// readyAt adds an echo server, waits until it is ready, allows its tool for
// good, and returns a call of it from a conversation.
func readyAt(ctx context.Context, whole *bridge.Bridge, config store.ServerConfig, text string) (inv tools.Invocation, err error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	config, err = whole.AddServer(ctx, setup.Draft{Config: config}, true)
	if err != nil {
		return inv, err
	}
	if err := whole.StartServers(ctx, config.ID); err != nil {
		return inv, err
	}
	inv = tools.Invocation{Client: tools.ClientChat, CallID: "call", Ref: tools.Ref{Server: config.ID, Tool: "echo"}}
	if err := whole.SetStandingAnswer(ctx, inv.Ref, tools.AnswerAlways); err != nil {
		return inv, err
	}
	conversation, err := whole.NewConversation(ctx)
	if err != nil {
		return inv, err
	}
	inv.Conversation = conversation.ID
	inv.Arguments, err = json.Marshal(echoArguments{text})
	return inv, err
}

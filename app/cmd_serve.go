package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/drawbridge-app/drawbridge/app/control"
	"github.com/drawbridge-app/drawbridge/bridge"
)

// startsAll marks commands for which the servers start with the engine.
var startsAll = map[string]string{"start": "all"}

// startOf says whether the command line has the servers start when it becomes
// the owner.
func startOf(s *control.Session) startMode {
	cmd, _, err := newRoot(&cli{session: s}).Find(s.Args)
	return startMode(err == nil && cmd.Annotations["start"] == "all")
}

// settleFirst is how long a client over a pipe waits for servers that are still
// starting; what comes later is told to it as a change.
const settleFirst = 8 * time.Second

func (c *cli) serve() *cobra.Command {
	var port int
	var stdio bool
	var key string
	var servers []string
	cmd := &cobra.Command{
		Use: "serve", Short: "Let other apps use your servers, without a window", Args: cobra.NoArgs, Annotations: startsAll,
		Long: `Serve your MCP servers to other apps as one server, at http://127.0.0.1:PORT/mcp,
until it is interrupted. Apps show a key: drawbridge connect makes one with what
an app needs, drawbridge keys add makes one alone. The port is chosen at the first
start and kept.

/mcp/NAME,… narrows the address to servers and groups. With --stdio one app is
served over standard input and output instead, as apps want it that start servers
as programs; it needs no key, and with --key NAME it gets what that key may.

Where a window is open, its servers and its gateway are used.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			b, err := c.bridge(ctx)
			if err != nil {
				return err
			}
			if err := c.byPerson(b, "serve"); err != nil {
				return err
			}
			if !stdio && (key != "" || len(servers) > 0) {
				return usagef("--key and --servers go with --stdio; over HTTP they come with each request")
			}
			if c.engine.start == startNothing {
				go func() {
					// The window's own servers run as the person left them.
					if err := b.StartServers(ctx); err != nil && ctx.Err() == nil {
						fmt.Fprintf(c.session.Stderr, "drawbridge: %v\n", err)
					}
				}()
			}
			if stdio {
				return c.serveStdio(ctx, b, key, servers)
			}
			return c.serveHTTP(ctx, b, port)
		},
	}
	f := cmd.Flags()
	f.IntVar(&port, "port", 0, "listen at this port, this once")
	f.BoolVar(&stdio, "stdio", false, "serve one app over standard input and output")
	f.StringVar(&key, "key", "", "with --stdio: what this key may")
	f.StringSliceVar(&servers, "servers", nil, "with --stdio: these servers and groups alone")
	return cmd
}

func (c *cli) serveHTTP(ctx context.Context, b *bridge.Bridge, port int) error {
	was := b.Gateway().Address != ""
	state, err := b.OpenGateway(ctx, port)
	if err != nil {
		return err
	}
	if !was {
		defer b.CloseGateway()
	}
	fmt.Fprintln(c.session.Stdout, state.Address)
	if keys, err := b.Keys(ctx); err == nil && len(keys) == 0 {
		fmt.Fprintln(c.session.Stderr, "There is no key yet, so nobody is let in: drawbridge connect makes one for an app.")
	}
	err = b.GatewayClosed(ctx)
	if ctx.Err() != nil && !errors.Is(context.Cause(ctx), control.ErrClientGone) {
		return context.Cause(ctx)
	}
	return err
}

func (c *cli) serveStdio(ctx context.Context, b *bridge.Bridge, key string, servers []string) error {
	settling, cancel := context.WithTimeout(ctx, settleFirst)
	err := b.SettleServers(settling)
	cancel()
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	err = b.ServePipe(ctx, key, servers, c.session.Stdin, c.session.Stdout)
	if errors.Is(err, io.EOF) || errors.Is(err, control.ErrClientGone) {
		return nil // the app is gone
	}
	return err
}

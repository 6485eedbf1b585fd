package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/gateway"
	"github.com/drawbridge-app/drawbridge/store"
)

// connectOutput is what connect prints as JSON.
type connectOutput struct {
	App     string `json:"app"`
	Key     string `json:"key"` // name
	Value   string `json:"value,omitempty"`
	Address string `json:"address"`
	Where   string `json:"where"`
	Kind    string `json:"kind"`
	Snippet string `json:"snippet"`
	Tools   int    `json:"tools,omitempty"`
}

func (c *cli) connect() *cobra.Command {
	var name, team string
	var servers, groups, only, namespace []string
	var lasts time.Duration
	var perMinute int
	var asJSON, noTest bool
	var titles []string
	for _, a := range gateway.Apps() {
		titles = append(titles, string(a))
	}
	cmd := &cobra.Command{
		Use: "connect APP", Short: "Make a key for another app, and what goes into its configuration", Args: cobra.ExactArgs(1), Annotations: startsAll,
		Long: `Make a key for another app and print what goes into the app's configuration, with
the key in it: it is shown this once. The connection is tested as the app would
use it. The gateway runs while the window is open, or drawbridge serve runs.

The apps: ` + strings.Join(titles, ", ") + ".",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			b, err := c.bridge(ctx)
			if err != nil {
				return err
			}
			if err := c.byPerson(b, "connect"); err != nil {
				return err
			}
			program, err := os.Executable()
			if err != nil {
				return fmt.Errorf("find this program: %w", err)
			}
			limits := store.Limits{Servers: servers, Groups: groups, Tools: only, CallsPerMinute: perMinute}
			if lasts > 0 {
				limits.Expires = time.Now().Add(lasts)
			}
			if err := limits.Validate(); err != nil {
				return err
			}
			was := b.Gateway().Address != ""
			got, err := b.ConnectApp(ctx, bridge.Connecting{
				App: gateway.App(args[0]), Name: name, Team: team, Limits: limits, Namespace: namespace, Program: program,
			})
			if err != nil {
				return err
			}
			out := connectOutput{
				App: args[0], Key: got.Key.Name, Address: got.Address, Where: got.Snippet.Where, Kind: got.Snippet.Kind, Snippet: got.Snippet.Text.Reveal(),
			}
			if !got.Snippet.App.Pipes() {
				out.Value = got.Value.Reveal()
			}
			var tried error
			if !noTest {
				if err := b.SettleServers(ctx); err != nil {
					return err
				}
				var trial gateway.Trial
				trial, tried = b.TestConnected(ctx, got, namespace)
				out.Tools = trial.Tools
			}
			if asJSON {
				if err := c.printJSON(out); err != nil {
					return err
				}
				return tried
			}
			w := c.session.Stderr
			fmt.Fprintln(w, out.Where)
			fmt.Fprintln(c.session.Stdout, strings.TrimRight(out.Snippet, "\n"))
			fmt.Fprintf(w, "The key is called %q; drawbridge keys revoke %q ends it. It is shown this once.\n", visible(out.Key), visible(out.Key))
			if tried != nil {
				return fmt.Errorf("the key was made, but the test of the connection failed: %w", tried)
			}
			if !noTest {
				fmt.Fprintf(w, "Tested: it connects and sees %d tools.\n", out.Tools)
			}
			if !was && !got.Snippet.App.Pipes() {
				fmt.Fprintln(w, "The gateway runs while the window is open; drawbridge serve runs it without one.")
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&name, "name", "", "what the key is called (the app's name otherwise)")
	f.StringVar(&team, "team", "", "the team that the key is in")
	f.StringSliceVar(&servers, "server", nil, "a server that the key may see; all without this and --group")
	f.StringSliceVar(&groups, "group", nil, "a group of servers that the key may see")
	f.StringSliceVar(&only, "tool", nil, "a tool that the key may call: server__tool, server__* or a name")
	f.StringSliceVar(&namespace, "namespace", nil, "narrow the address to these servers and groups")
	f.DurationVar(&lasts, "expires-in", 0, "how long the key holds, such as 720h")
	f.IntVar(&perMinute, "per-minute", 0, "how many calls a minute the key may make")
	f.BoolVar(&noTest, "no-test", false, "do not test the connection")
	f.BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

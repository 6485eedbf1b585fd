package main

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/store"
)

func (c *cli) servers() *cobra.Command {
	return group("servers", "List, add, remove and test MCP servers",
		c.serversList(), c.serversAdd(), c.serversRemove(), c.serversTest(), c.serversMode(), c.serversRules(), c.serversSandbox(), c.serversImport(), c.serversExport(), c.serversApprove(),
		c.serversLogin(), c.serversLogout())
}

// serverJSON is a server in the output of --json.
type serverJSON struct {
	Name      string   `json:"name"`
	Transport string   `json:"transport"`
	Command   []string `json:"command,omitempty"`
	URL       string   `json:"url,omitempty"`
	State     string   `json:"state"`
	Mode      string   `json:"mode"` // "client", or "provider" where providers connect themselves
	HeldMode  string   `json:"mode_held,omitempty"`
	Tools     int      `json:"tools"`
	Held      []string `json:"held,omitempty"`
	Millis    int64    `json:"ms,omitempty"`
	Error     string   `json:"error,omitempty"`
	Log       []string `json:"log,omitempty"`
	// SignIn says how the sign-in stands, where there is one.
	SignIn *signInJSON `json:"sign_in,omitempty"`
	// Sandbox says what it may do, where it is a program that is to run in one.
	Sandbox *sandboxJSON `json:"sandbox,omitempty"`
}

func describeServer(v mcphost.Status, held []string, passed int) serverJSON {
	j := serverJSON{
		Mode: modeOf(v.Server),
		Name: v.Server.Name, Transport: string(v.Server.Transport), URL: v.Server.URL, State: string(v.State),
		Tools: passed, Held: held, Millis: v.Took.Milliseconds(), Error: v.Error, Log: v.Log,
		SignIn: describeSignIn(v.SignIn), Sandbox: describeSandbox(v.Server.Sandbox, v.Sandbox),
	}
	if v.Server.Transport == store.TransportStdio {
		j.Command = append([]string{v.Server.Command}, v.Server.Args...)
	}
	return j
}

func viewJSON(v bridge.ServerView) serverJSON {
	var held []string
	for _, h := range v.Held {
		held = append(held, h.Name)
	}
	j := describeServer(v.Status, held, len(v.Passed))
	if v.Managed.Hold != nil {
		j.HeldMode = v.Managed.Hold.Reason
	}
	return j
}

func (c *cli) serversList() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "list", Short: "List the servers with their state", Args: cobra.NoArgs,
		Long: "List the servers with their state. Where Drawbridge does not run already, none is\nstarted, and those that would start are stopped.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := c.bridge(cmd.Context())
			if err != nil {
				return err
			}
			views, err := knownServers(cmd.Context(), b)
			if err != nil {
				return err
			}
			if asJSON {
				list := []serverJSON{}
				for _, v := range views {
					list = append(list, viewJSON(v))
				}
				return c.printJSON(list)
			}
			w := tabwriter.NewWriter(c.session.Stdout, 0, 4, 2, ' ', 0)
			fmt.Fprintln(w, "NAME\tSTATE\tTOOLS\tRUNS")
			for _, v := range views {
				fmt.Fprintf(w, "%s\t%s\t%d\t%s\n", v.Server.Name, v.State, len(v.Passed), runs(v.Server))
			}
			return w.Flush()
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// knownServers waits until the bridge has taken over the configuration.
func knownServers(ctx context.Context, b *bridge.Bridge) ([]bridge.ServerView, error) {
	if err := b.KnowServers(ctx); err != nil {
		return nil, err
	}
	return b.Servers(), nil
}

// knownServer returns one of them.
func knownServer(ctx context.Context, b *bridge.Bridge, name string) (bridge.ServerView, error) {
	if err := b.KnowServers(ctx); err != nil {
		return bridge.ServerView{}, err
	}
	return b.Server(name)
}

func runs(s store.ServerConfig) string {
	switch s.Transport {
	case store.TransportHTTP, store.TransportSSE:
		return s.URL
	case store.TransportOpenAPI:
		return s.URL + " (" + s.OpenAPI.Document + ")"
	case store.TransportBuiltin:
		return "built in"
	}
	return setup.Join(append([]string{s.Command}, s.Args...)...)
}

func (c *cli) serversAdd() *cobra.Command {
	var (
		env, headers, secretEnv, secretHeaders []string
		dir, bundle                            string
		answers                                []string
		asJSON, managed                        bool
		auth                                   authFlags
		api                                    apiFlags
	)
	cmd := &cobra.Command{
		Use:   "add NAME [flags] (-- COMMAND ARGS… | URL | --openapi DOCUMENT --base-url URL) | add --bundle FILE [NAME]",
		Short: "Add a server; typing it is the approval of the command",
		Long: `Add a server that is a program of this machine (give its command after --), one
that is reached at an address (Streamable HTTP), or one that this program makes
of an HTTP API that an OpenAPI document describes. The document is read now and
kept; requests go to the base URL alone, wherever the document points. Typing this command is your
approval of exactly that program and its arguments. The values of --secret-env
and --secret-header are asked for, or read from stdin one line each in the order
of the flags (variables first), and go into the keychain, and so does the secret
that one signs in with, which is asked for last
(also the value of --auth). A server with a sign-in of its
own needs none of these flags: add it, then run drawbridge servers login.

With --bundle, add the server of an MCP bundle (.mcpb or .dxt). What it asks for
is given with --set; it starts once you have approved its command.`,
		Example: `  drawbridge servers add files -- npx -y @modelcontextprotocol/server-filesystem ~/Documents
  drawbridge servers add work --secret-header Authorization https://mcp.example.com/mcp
  drawbridge servers add pets --openapi pets.yaml --base-url https://pets.example.com/v1 --auth bearer_token`,
		Args: func(cmd *cobra.Command, args []string) error {
			dash := cmd.ArgsLenAtDash()
			switch {
			case bundle != "" && dash < 0 && len(args) <= 1:
				return nil
			case bundle != "":
				return fmt.Errorf("with --bundle give at most a name")
			case dash == 1 && len(args) >= 2, dash < 0 && len(args) == 2, dash < 0 && len(args) == 1 && api.document != "":
				return nil
			case dash < 0 && len(args) > 2:
				return fmt.Errorf("put -- in front of the server's command")
			}
			return fmt.Errorf("give a name, and then -- and a command, or a URL")
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if bundle != "" {
				if len(env)+len(headers)+len(secretEnv)+len(secretHeaders) > 0 || dir != "" || managed || auth.given(cmd.Flags()) {
					return usagef("what a bundle needs is in the bundle; use --set for what it asks for")
				}
				return c.addBundle(cmd, bundle, strings.Join(args, ""), answers, asJSON)
			}
			if len(answers) > 0 {
				return usagef("--set goes with --bundle")
			}
			b, err := c.bridge(cmd.Context())
			if err != nil {
				return err
			}
			if err := c.byPerson(b, "servers add"); err != nil {
				return err
			}
			if err := api.check(cmd, args); err != nil {
				return err
			}
			cfg := store.ServerConfig{ID: args[0], Name: args[0], Managed: managed}
			if api.document != "" {
				cfg.Transport = store.TransportOpenAPI
			} else if cmd.ArgsLenAtDash() < 0 {
				if len(env)+len(secretEnv) > 0 || dir != "" {
					return usagef("a server at an address has no environment and no folder; use --header")
				}
				if u, err := url.Parse(args[1]); err != nil || u.Scheme == "" {
					return usagef("%q is no URL; put -- in front of a command", store.ShowAddress(args[1]))
				}
				cfg.Transport, cfg.URL = store.TransportHTTP, args[1]
			} else {
				if len(headers)+len(secretHeaders) > 0 {
					return usagef("a server that is a program has no headers; use --env")
				}
				if auth.given(cmd.Flags()) {
					return usagef("a server that is a program is not signed in to; use --env or --secret-env")
				}
				cfg.Transport, cfg.Command, cfg.Args = store.TransportStdio, args[1], args[2:]
				if dir != "" && !filepath.IsAbs(dir) {
					dir = filepath.Join(c.session.Dir, dir)
				}
				cfg.Dir = dir
			}
			if cfg.Env, err = pairs(env, "--env"); err != nil {
				return err
			}
			if cfg.Headers, err = pairs(headers, "--header"); err != nil {
				return err
			}
			draft := setup.Draft{Config: cfg}
			for _, kind := range []struct {
				name   string
				keys   []string
				values map[string]store.Value
			}{{"env", secretEnv, cfg.Env}, {"header", secretHeaders, cfg.Headers}} {
				for _, key := range kind.keys {
					if _, ok := kind.values[key]; ok {
						return usagef("%s is given both as plain and as secret", key)
					}
					value, err := c.session.ReadSecret(cmd.Context(), fmt.Sprintf("Value of %s: ", key))
					if err != nil {
						return fmt.Errorf("read the value of %s: %w", key, err)
					}
					kind.values[key] = store.Value(value.Reveal())
					draft.MakeSecret(kind.name, key)
				}
			}
			if auth.given(cmd.Flags()) {
				if err := auth.apply(cmd.Context(), c, &draft); err != nil {
					return err
				}
			}
			var operations []string
			if api.document != "" {
				made, names, err := c.draftAPI(cmd.Context(), b, api, draft.Config)
				if err != nil {
					return err
				}
				maps.Copy(made.Secrets, draft.Secrets)
				draft, operations = made, names
			}
			if err := c.unlock(cmd.Context(), b, len(draft.Secrets) > 0); err != nil {
				return err
			}
			added, err := b.AddServer(cmd.Context(), draft, true)
			if err != nil {
				return err
			}
			if asJSON {
				return c.printJSON(describeServer(mcphost.Status{Server: added, State: mcphost.Stopped}, nil, len(operations)))
			}
			fmt.Fprintf(c.session.Stdout, "added %s: %s\n", added.Name, runs(added))
			for _, note := range draft.Notes {
				fmt.Fprintf(c.session.Stderr, "drawbridge: %s\n", note)
			}
			return nil
		},
	}
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usagef("%w; put -- in front of the server's command if that is part of it, or see %s --help", err, cmd.CommandPath())
	})
	api.register(cmd)
	f := cmd.Flags()
	f.StringArrayVar(&env, "env", nil, "environment variable, NAME=VALUE (repeatable)")
	f.StringArrayVar(&headers, "header", nil, "HTTP header, NAME=VALUE (repeatable)")
	f.StringArrayVar(&secretEnv, "secret-env", nil, "environment variable whose value is asked for (repeatable)")
	f.StringArrayVar(&secretHeaders, "secret-header", nil, "HTTP header whose value is asked for (repeatable)")
	f.StringVar(&bundle, "bundle", "", "add the server of this MCP bundle (.mcpb or .dxt)")
	f.StringArrayVar(&answers, "set", nil, "what the bundle asks for, KEY=VALUE (repeatable)")
	f.StringVar(&dir, "dir", "", "working folder of the program")
	auth.register(f)
	f.BoolVar(&managed, "managed", false, "have providers that can do so connect to this address themselves")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (c *cli) serversRemove() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "remove NAME", Short: "Remove a server with its approvals and secrets", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := c.bridge(cmd.Context())
			if err != nil {
				return err
			}
			if err := c.byPerson(b, "servers remove"); err != nil {
				return err
			}
			v, err := knownServer(cmd.Context(), b, args[0])
			if err != nil {
				return err
			}
			if err := b.RemoveServer(cmd.Context(), v.Server.ID); err != nil {
				return err
			}
			if asJSON {
				return c.printJSON(map[string]string{"removed": v.Server.Name})
			}
			fmt.Fprintf(c.session.Stdout, "removed %s\n", v.Server.Name)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (c *cli) serversTest() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "test NAME", Short: "Start a server apart from the others, list its tools and stop it", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := c.bridge(cmd.Context())
			if err != nil {
				return err
			}
			v, err := knownServer(cmd.Context(), b, args[0])
			if err != nil {
				return err
			}
			if err := c.unlock(cmd.Context(), b, len(v.Server.Refs()) > 0); err != nil {
				return err
			}
			s, err := b.TestServer(cmd.Context(), v.Server.ID)
			if err != nil {
				return err
			}
			if asJSON {
				if err := c.printJSON(describeServer(s, nil, len(s.Tools))); err != nil {
					return err
				}
			} else {
				c.printTest(s)
			}
			if s.State != mcphost.Ready {
				return exitCode(exitError)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (c *cli) printTest(s mcphost.Status) {
	if s.State == mcphost.Ready {
		fmt.Fprintf(c.session.Stdout, "%s is ready: %d tools in %d ms\n", s.Server.Name, len(s.Tools), s.Took.Round(time.Millisecond).Milliseconds())
		for _, t := range s.Tools {
			summary, _, _ := strings.Cut(strings.TrimSpace(t.Description), "\n")
			fmt.Fprintf(c.session.Stdout, "  %s  %s\n", t.Tool, summary)
		}
		return
	}
	fmt.Fprintf(c.session.Stderr, "drawbridge: %s: %s\n", s.Server.Name, s.Error)
	for _, line := range s.Log {
		fmt.Fprintf(c.session.Stderr, "  | %s\n", line)
	}
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/drawbridge-app/drawbridge/app/control"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/store"
)

// need says what a command line needs to run.
type need int

const (
	needsNothing need = iota // help, the version, a mistake
	needsOwner               // the owner of the home
	needsWindow              // the window
)

// inTray starts the window hidden in the tray, as the start at login does.
const inTray = "--tray"

// local marks commands that need no owner.
var local = map[string]string{"needs": "nothing"}

// needOf looks at the command line without running anything.
func needOf(s *control.Session) (need, error) {
	if len(s.Args) == 0 || slices.Equal(s.Args, []string{inTray}) {
		return needsWindow, nil
	}
	root := newRoot(&cli{session: s})
	root.InitDefaultHelpCmd()
	cmd, rest, err := root.Find(s.Args)
	if err != nil {
		return needsNothing, err
	}
	own := rest // what stands after -- belongs to somebody else
	if i := slices.Index(rest, "--"); i >= 0 {
		own = rest[:i]
	}
	for _, flag := range []string{"--help", "-h", "--version"} {
		if slices.Contains(own, flag) {
			return needsNothing, nil
		}
	}
	if cmd == root || cmd.Name() == "help" || !cmd.Runnable() || cmd.Annotations["needs"] == "nothing" {
		return needsNothing, nil
	}
	return needsOwner, nil
}

// execute runs the session's command line. Without an engine only what needs
// none can run.
func execute(ctx context.Context, s *control.Session, e *engine) int {
	root := newRoot(&cli{session: s, engine: e})
	root.SetArgs(s.Args)
	root.SetIn(s.Stdin)
	root.SetOut(s.Stdout)
	root.SetErr(s.Stderr)
	err := root.ExecuteContext(ctx)
	var code exitCode
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &code):
		return int(code)
	case errors.Is(context.Cause(ctx), control.ErrInterrupted):
		return control.ExitInterrupted
	}
	fail(s.Stderr, err)
	var usage usageError
	if errors.As(err, &usage) || strings.HasPrefix(err.Error(), "unknown command") {
		return exitUsage
	}
	return exitError
}

// exitCode ends a command whose reason was told already.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit %d", int(c)) }

// usageError says that the command line is wrong.
type usageError struct{ error }

func usagef(format string, a ...any) error { return usageError{fmt.Errorf(format, a...)} }

// cli is one command line being run.
type cli struct {
	session *control.Session
	engine  *engine
}

func (c *cli) bridge(ctx context.Context) (*bridge.Bridge, error) {
	if c.engine == nil {
		return nil, errors.New("this command needs Drawbridge's folder")
	}
	b, err := c.engine.open(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range b.Problems() {
		fmt.Fprintf(c.session.Stderr, "drawbridge: %s\n", p)
	}
	return b, nil
}

func newRoot(c *cli) *cobra.Command {
	root := &cobra.Command{
		Use:   "drawbridge",
		Short: "Let cloud models use the MCP servers of your own machine",
		Long: `Drawbridge lets cloud models use the MCP servers of your own machine, without
exposing them. Without a subcommand it opens the window.

The folder with its files is DRAWBRIDGE_HOME, or the platform's own place.
Exit codes: 0 done, 1 failed (the reason is on stderr), 2 the command line is
wrong, 69 the running Drawbridge ended first, 130 interrupted.`,
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usagef("%w; see %s --help", err, cmd.CommandPath())
	})
	root.CompletionOptions.HiddenDefaultCmd = true
	root.Flags().Bool(strings.TrimPrefix(inTray, "--"), false, "open the window hidden in the tray")
	root.AddCommand(c.ask(), c.conversations(), c.presets(), c.servers(), c.tools(), c.resources(), c.prompts(), c.providers(), c.secret(), c.doctor(), c.keys(), c.teams(), c.organisations(), c.audit(), c.raise(), c.lower(), c.serve(), c.connect(), c.exportAll(), c.importFile(), c.openFile(), c.show())
	for _, group := range root.Commands() {
		wrapArgs(group)
	}
	return root
}

// wrapArgs makes mistakes in arguments usage errors, and has a command that
// only groups others say so.
func wrapArgs(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return usagef("%w; see %s --help", err, cmd.CommandPath())
			}
			return nil
		}
	}
	for _, sub := range cmd.Commands() {
		wrapArgs(sub)
	}
}

// group is a command that only holds others.
func group(use, short string, subs ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return fmt.Errorf("unknown command %q", args[0])
		}
		return nil
	}}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.Annotations = local
	cmd.AddCommand(subs...)
	return cmd
}

// show brings the window of the owner to the front.
func (c *cli) show() *cobra.Command {
	return &cobra.Command{
		Use: "show", Short: "Bring the window to the front", Hidden: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if c.engine == nil || !c.engine.showWindow() {
				return errors.New("the running Drawbridge has no window")
			}
			return nil
		},
	}
}

// printJSON writes v on one line, with its characters as they are.
func (c *cli) printJSON(v any) error {
	enc := json.NewEncoder(c.session.Stdout)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// byPerson refuses the command to a process that a server started: what a
// person types is their approval, and a server must not give it to itself.
func (c *cli) byPerson(b *bridge.Bridge, what string) error {
	servers := b.ServerProcesses()
	if len(servers) == 0 || c.session.Peer.PID == os.Getpid() {
		return nil // the servers are children of this process
	}
	descends, err := control.Descends(c.session.Peer.PID, func(pid int) bool { return slices.Contains(servers, pid) })
	if err != nil {
		return fmt.Errorf("find out who typed this: %w", err)
	}
	if descends {
		return fmt.Errorf("%s is refused to a process that an MCP server started; type it in a terminal of your own (%w)", what, store.ErrDenied)
	}
	return nil
}

// pairs reads K=V flags.
func pairs(flags []string, what string) (map[string]store.Value, error) {
	out := map[string]store.Value{}
	for _, f := range flags {
		k, v, ok := strings.Cut(f, "=")
		if !ok || k == "" {
			return nil, usagef("%s takes NAME=VALUE, not %q", what, f)
		}
		if _, ok := out[k]; ok {
			return nil, usagef("%s names %s twice", what, k)
		}
		if value := store.Value(v); value.Secret() {
			return nil, usagef("%s %s refers to a secret by name; use --secret-env or --secret-header", what, k)
		}
		out[k] = store.Value(v)
	}
	return out, nil
}

// Command drawbridge lets cloud models use the MCP servers of your own machine.
//
// Without a subcommand it opens the window (or brings the open one to the
// front). The subcommands do the same things for scripts, tests and machines
// without a display; drawbridge help lists them. One process owns the folder
// with the program's files at a time: where one runs, every other start has it
// do the work (see package control).
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/drawbridge-app/drawbridge/app/control"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
)

// Exit codes, besides those of package control.
const (
	exitOK    = 0
	exitError = 1 // what was asked for failed; the reason is on stderr
	exitUsage = 2 // the command line is wrong
)

func main() {
	mcphost.RunShim()
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	session, err := control.Local(ctx, args)
	if err != nil {
		return fail(os.Stderr, err)
	}
	switch need, err := needOf(session); {
	case err != nil || need == needsNothing:
		// Help, the version, and command lines that are wrong need no owner.
		return execute(ctx, session, nil)
	case need == needsWindow:
		return runWindow(ctx, session)
	default:
		return runCommand(ctx, session)
	}
}

// runCommand runs a subcommand in the owner's process, or in this one if there
// is no owner: then this one is the owner while the command runs.
func runCommand(ctx context.Context, session *control.Session) int {
	h, err := openHome()
	if err != nil {
		return fail(session.Stderr, err)
	}
	owner, client, err := control.Join(ctx, h.dir, control.Options{Version: version(), Role: roleCommand, Logger: h.logger})
	if err != nil {
		return fail(session.Stderr, err)
	}
	if client != nil {
		code, err := client.Run(ctx, session)
		if err != nil {
			fail(session.Stderr, err)
		}
		return code
	}
	defer owner.Close()
	e := newEngine(h, startOf(session))
	defer e.close(session.Stderr)
	serving := serve(ctx, owner, e)
	code := execute(ctx, session, e)
	if err := owner.Drain(ctx); err != nil && ctx.Err() == nil {
		fail(session.Stderr, err)
	}
	if err := serving.stop(); err != nil {
		fail(session.Stderr, err)
	}
	return code
}

// The roles of an owner.
const (
	roleCommand = "command"
	roleWindow  = "window"
)

// serving runs forwarded commands until it is stopped.
type serving struct {
	cancel context.CancelFunc
	done   chan error
}

func serve(ctx context.Context, owner *control.Owner, e *engine) *serving {
	ctx, cancel := context.WithCancel(ctx)
	s := &serving{cancel: cancel, done: make(chan error, 1)}
	go func() {
		s.done <- owner.Serve(ctx, control.HandlerFunc(func(ctx context.Context, session *control.Session) int {
			return execute(ctx, session, e)
		}))
	}()
	return s
}

func (s *serving) stop() error {
	s.cancel()
	if err := <-s.done; err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

func fail(w io.Writer, err error) int {
	fmt.Fprintf(w, "drawbridge: %v\n", err)
	return exitError
}

// version is the module's version, or the commit that it was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	revision, modified := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision" && len(s.Value) >= 12:
			revision = "-" + s.Value[:12]
		case s.Key == "vcs.modified" && s.Value == "true":
			modified = "+changes"
		}
	}
	return "0.1.0-dev" + revision + modified
}

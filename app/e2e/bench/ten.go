//go:build linux && e2e

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/drawbridge-app/drawbridge/app/e2e/measure"
	"github.com/drawbridge-app/drawbridge/app/e2e/standin"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/store"
	"github.com/drawbridge-app/drawbridge/store/db"
	"github.com/drawbridge-app/drawbridge/store/secret"
	"github.com/drawbridge-app/drawbridge/store/settings"
)

// tenLimit is what the start of ten servers may cost beside the SDK's.
const tenLimit = 1.2

// startTime is how long ten servers may take to start, and to end.
const startTime = 2 * time.Minute

// tenServers measures the start of ten real servers at once, until the tools of
// all are listed: a bridge that is opened on a home that has them, as at each
// start of the program, with the look for the shell's PATH, their processes
// under guard and their definitions held against those that were seen, beside
// the SDK's client that starts the same ten. How they end is not counted.
func (b *bench) tenServers(ctx context.Context) (row measure.Row, err error) {
	node, err := standin.FindNode(ctx)
	if err != nil {
		return row, err
	}
	home, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return row, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(home)) }()
	args := func(i int) []string { return []string{node.Filesystem(), filepath.Join(home, fmt.Sprint("folder", i))} }
	const servers, toolsEach = 10, 14
	for i := range servers {
		if err := os.Mkdir(args(i)[1], 0o700); err != nil {
			return row, err
		}
	}
	bare := func(ctx context.Context) (took time.Duration, err error) {
		ctx, cancel := context.WithTimeout(ctx, startTime)
		defer cancel()
		ended := make(chan func() error, servers)
		began := time.Now()
		errs := make(chan error, servers)
		for i := range servers {
			go func() {
				client := mcp.NewClient(&mcp.Implementation{Name: "bench", Version: "1"}, nil)
				session, err := client.Connect(ctx, &mcp.CommandTransport{Command: exec.Command(node.Program, args(i)...)}, nil)
				if err != nil {
					errs <- err
					return
				}
				ended <- session.Close
				listed, err := session.ListTools(ctx, nil)
				if err == nil && len(listed.Tools) != toolsEach {
					err = fmt.Errorf("a server has %d tools", len(listed.Tools))
				}
				errs <- err
			}()
		}
		for range servers {
			err = errors.Join(err, <-errs)
		}
		took = time.Since(began)
		close(ended)
		for end := range ended {
			err = errors.Join(err, end())
		}
		return took, err
	}

	// What they listed at first is what a person has seen.
	first, closeFirst, _, err := openTen(ctx, home)
	if err != nil {
		return row, err
	}
	for i := range servers {
		config := store.ServerConfig{Name: fmt.Sprint("server", i), Transport: store.TransportStdio, Command: node.Program, Args: args(i)}
		if _, err := first.AddServer(ctx, setup.Draft{Config: config}, true); err != nil {
			return row, errors.Join(err, closeFirst())
		}
	}
	if err := errors.Join(allReady(ctx, first, servers, toolsEach), closeFirst()); err != nil {
		return row, err
	}
	ours := func(ctx context.Context) (took time.Duration, err error) {
		ctx, cancel := context.WithTimeout(ctx, startTime)
		defer cancel()
		whole, closeAll, began, err := openTen(ctx, home)
		if err != nil {
			return 0, err
		}
		err = allReady(ctx, whole, servers, toolsEach)
		took = time.Since(began)
		return took, errors.Join(err, closeAll())
	}
	latency, err := measure.Compare(ctx, b.pairs, ours, bare)
	return latency.Row("ten servers started at once, until all are ready", tenLimit), err
}

// openTen opens a bridge on a home, which starts its servers; began is when.
func openTen(ctx context.Context, home string) (whole *bridge.Bridge, closeAll func() error, began time.Time, err error) {
	logger := slog.New(slog.DiscardHandler)
	files, err := settings.Open(home, logger)
	if err != nil {
		return nil, nil, began, err
	}
	history, err := db.Open(ctx, filepath.Join(home, "drawbridge.db"))
	if err != nil {
		return nil, nil, began, err
	}
	began = time.Now()
	whole, err = bridge.New(ctx, bridge.Options{
		Home: home, History: history, Ledger: history, Cache: history, Settings: files, Secrets: secret.Open(home),
		Environ: os.Environ, Logger: logger,
	})
	if err != nil {
		return nil, nil, began, errors.Join(err, history.Close())
	}
	return whole, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), startTime)
		defer cancel()
		return errors.Join(whole.Close(ctx), history.Close())
	}, began, nil
}

// allReady waits until all servers are ready, with so many tools that may be
// offered.
func allReady(ctx context.Context, whole *bridge.Bridge, servers, toolsEach int) error {
	if err := whole.SettleServers(ctx); err != nil {
		return err
	}
	views := whole.Servers()
	ready := 0
	for _, v := range views {
		if v.Server.Transport != store.TransportStdio {
			continue // what is built in
		}
		if v.State != mcphost.Ready || len(v.Passed) != toolsEach {
			return fmt.Errorf("%s is %s with %d tools: %s", v.Server.Name, v.State, len(v.Passed), v.Error)
		}
		ready++
	}
	if ready != servers {
		return fmt.Errorf("%d servers are ready", ready)
	}
	return nil
}

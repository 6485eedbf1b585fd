//go:build linux && e2e

// Command bench prints a table of Drawbridge beside its references, each line as
// soon as it is measured, and exits with 1 when one is over its limit or could not
// be measured; what over means is told by package measure. It is what make bench runs, on Linux, built with the tag e2e.
//
// The window is measured beside the smallest window that Fyne makes
// (app/e2e/testdata/hello), from outside and by the same means: the pixels of
// the X server, and what the kernel counts for the process. A tool call is
// measured beside the same call by the MCP SDK alone, and a turn beside the loop
// that one writes with the SDKs of the provider and of MCP.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/drawbridge-app/drawbridge/app/e2e/measure"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
)

func main() {
	mcphost.RunShim() // servers are guarded as they are in the program
	if len(os.Args) == 2 && os.Args[1] == echoServer {
		os.Exit(exit(serveEcho()))
	}
	if len(os.Args) == 2 && (os.Args[1] == httpServer || os.Args[1] == statelessServer) {
		os.Exit(exit(serveHTTP(os.Args[1] == statelessServer)))
	}
	if len(os.Args) == 2 && os.Args[1] == modelServer {
		os.Exit(exit(serveModel()))
	}
	if len(os.Args) == 3 && os.Args[1] == ourGateway {
		os.Exit(exit(serveGateway(context.Background(), os.Args[2])))
	}
	if len(os.Args) > 1 && (os.Args[1] == bareLoopProgram || os.Args[1] == ourLoopProgram) {
		os.Exit(exit(serveLoop(context.Background(), os.Args[1], os.Args[2:])))
	}
	var b bench
	flag.StringVar(&b.app, "app", "./drawbridge", "the program to measure")
	flag.StringVar(&b.hello, "hello", "", "the hello-world window to compare it with")
	flag.StringVar(&b.transcript, "transcript", "", "the program that measures the thread; app/e2e/bench/transcript")
	flag.StringVar(&b.out, "out", ".ci/out/bench", "the folder for logs and the table")
	flag.IntVar(&b.pairs, "pairs", measure.MinPairs, "how many pairs a latency takes")
	peers := flag.String("peers", "", "go through the gateways and beside the loops of others instead; the folder app/testdata/peers")
	fixtures := flag.String("fixtures", "app/testdata/npm", "the folder with the stand-in model server of those peers")
	python := flag.String("python", "app/testdata/peers/.venv/bin/python", "the Python of those peers")
	only := flag.String("only", "", "the names of the benchmarks to run, with commas; all by default. With -peers: gateways, litellm, loops")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if *peers != "" {
		os.Exit(exit(b.peers(ctx, *peers, *fixtures, *python, *only)))
	}
	os.Exit(exit(b.run(ctx, *only)))
}

func exit(err error) int {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	return 0
}

// A bench is what one run needs to know.
type bench struct {
	app, hello, out string
	transcript      string
	pairs           int
}

// peers prints the tables of make peers, and keeps them.
func (b *bench) peers(ctx context.Context, folder, fixtures, python, only string) (err error) {
	for _, path := range []*string{&folder, &fixtures, &python, &b.out} {
		if *path, err = filepath.Abs(*path); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(b.out, 0o755); err != nil {
		return err
	}
	file, err := os.Create(filepath.Join(b.out, "table.txt"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	w := io.MultiWriter(os.Stdout, file)
	for _, table := range []struct {
		name string
		run  func() error
	}{
		{"gateways", func() error { return crossGateways(ctx, fixtures, folder, python, b.out, w) }},
		{"litellm", func() error { return compareGateways(ctx, python, b.out, w) }},
		{"loops", func() error { return compareLoops(ctx, folder, python, w) }},
	} {
		if only != "" && !slices.Contains(strings.Split(only, ","), table.name) {
			continue
		}
		if err := table.run(); err != nil {
			return fmt.Errorf("%s: %w", table.name, err)
		}
		fmt.Fprintln(w)
	}
	return nil
}

// all are the benchmarks by name, in the order of the table.
func (b *bench) all() []measure.Line {
	list := []measure.Line{
		{Name: "call", Measure: b.toolCall},
		{Name: "gateway", Measure: func(ctx context.Context) (measure.Row, error) {
			return b.gatewayCall(ctx, "2025-11-25", "a call through the gateway")
		}},
		{Name: "gateway-new", Measure: func(ctx context.Context) (measure.Row, error) {
			return b.gatewayCall(ctx, "2026-07-28", "the same, 2026-07-28")
		}},
		{Name: "gateway-16", Measure: func(ctx context.Context) (measure.Row, error) {
			return b.gatewayMany(ctx, "2025-11-25", "16 callers of the gateway")
		}},
		{Name: "gateway-16-new", Measure: func(ctx context.Context) (measure.Row, error) {
			return b.gatewayMany(ctx, "2026-07-28", "the same, 2026-07-28")
		}},
		{Name: "http-call", Measure: b.httpCall(httpServer, "a tool call over Streamable HTTP")},
		{Name: "http-call-stateless", Measure: b.httpCall(statelessServer, "the same without sessions, as of 2026-07-28")},
		{Name: "ten", Measure: b.tenServers},
		{Name: "convert-cold", Measure: b.convertCold},
		{Name: "convert-cached", Measure: b.convertCached},
		{Name: "find-tools", Measure: b.findTools},
		{Name: "search", Measure: b.search},
		{Name: "turn", Measure: b.turnWall},
		{Name: "turn-kept", Measure: b.turnKept},
		{Name: "turn-cpu", Measure: b.turnCPU},
		{Name: "start", Measure: b.coldStart},
		{Name: "memory", Measure: b.memory},
		{Name: "idle", Measure: b.idle},
		{Name: "stream", Measure: b.stream},
	}
	for _, name := range threadLines {
		list = append(list, measure.Line{Name: name, Measure: b.thread(name)})
	}
	return list
}

// run measures the lines, prints each as it comes, and goes on after one that
// failed.
func (b *bench) run(ctx context.Context, only string) (err error) {
	for _, file := range []*string{&b.app, &b.hello, &b.transcript, &b.out} {
		absolute, err := filepath.Abs(*file)
		if err != nil {
			return err
		}
		*file = absolute
	}
	if err := os.MkdirAll(b.out, 0o755); err != nil {
		return err
	}
	var lines []measure.Line
	for _, line := range b.all() {
		if only != "" && !slices.Contains(strings.Split(only, ","), line.Name) {
			continue
		}
		lines = append(lines, measure.Line{Name: line.Name, Measure: func(ctx context.Context) (measure.Row, error) {
			fmt.Fprintf(os.Stderr, "measuring %s …\n", line.Name)
			return line.Measure(ctx)
		}})
	}
	if len(lines) == 0 {
		return fmt.Errorf("there is no benchmark named %q", only)
	}
	file, err := os.Create(filepath.Join(b.out, "table.txt"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	var table measure.Table
	return table.Run(ctx, io.MultiWriter(os.Stdout, file), lines)
}

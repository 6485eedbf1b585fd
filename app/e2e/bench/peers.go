//go:build linux && e2e

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/drawbridge-app/drawbridge/app/e2e/measure"
	"github.com/drawbridge-app/drawbridge/bridge"
)

// The arguments that make this program one of the loops that are compared. They
// are followed by the model's URL, the number of turns, the number of calls in
// each, and the command of the server, as for the scripts in
// app/testdata/peers.
const (
	bareLoopProgram = "-loop-bare"
	ourLoopProgram  = "-loop-ours"
)

const (
	peerTurns  = 10 // of each process; the first is the cold one
	peerRounds = 3  // processes of each loop, one after the other in turn
)

// compareLoops runs the same turn by Drawbridge's loop and by those that others
// have, each in a process of its own, and prints what they take. folder has the
// scripts and what npm installed for them; python runs the one for Python.
func compareLoops(ctx context.Context, folder, python string, w io.Writer) (err error) {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	baseURL, stop, err := startModel(ctx, program)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()

	loops := []struct {
		name    string
		command []string
		runs    []loopRun
	}{
		{name: "Drawbridge: bridge, policy, database", command: []string{program, ourLoopProgram}},
		{name: "bare Go: openai-go, go-sdk", command: []string{program, bareLoopProgram}},
		{name: "TypeScript: portkey-ai, MCP SDK", command: []string{"node", filepath.Join(folder, "portkey.mjs")}},
		{name: "TypeScript: Vercel's AI SDK and MCP client", command: []string{"node", filepath.Join(folder, "vercel.mjs")}},
		{name: "Python: portkey-ai, mcp", command: []string{python, filepath.Join(folder, "loop.py")}},
	}
	for range peerRounds {
		for i := range loops {
			run, err := runLoop(ctx, loops[i].command, baseURL, program)
			if err != nil {
				return fmt.Errorf("%s: %w", loops[i].name, err)
			}
			loops[i].runs = append(loops[i].runs, run)
		}
	}

	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "a turn with %d calls by\tfirst turn\tlater turns\tprocessor, %d turns\tmemory\n", turnCalls, peerTurns)
	for _, l := range loops {
		var first, later, cpu []time.Duration
		var memory []float64
		for _, r := range l.runs {
			first, later = append(first, r.turns[0]), append(later, r.turns[1:]...)
			cpu, memory = append(cpu, r.cpu), append(memory, r.memory)
		}
		fmt.Fprintf(table, "%s\t%.0f ms\t%.0f ms\t%.0f ms\t%.0f MB\n", l.name,
			ms(measure.Median(first)), ms(measure.Median(later)), ms(measure.Median(cpu)), measure.Median(memory))
	}
	return table.Flush()
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// loopRun is what one process did.
type loopRun struct {
	turns  []time.Duration
	cpu    time.Duration // of the whole process, without the server's
	memory float64       // the most that was resident, in MB
}

func runLoop(ctx context.Context, command []string, baseURL, program string) (run loopRun, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	args := append(command[1:len(command):len(command)], baseURL, strconv.Itoa(peerTurns), strconv.Itoa(turnCalls), program, echoServer)
	cmd := exec.CommandContext(ctx, command[0], args...)
	cmd.WaitDelay = 5 * time.Second
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return run, fmt.Errorf("%w: %s", err, strings.TrimSpace(said.String()))
	}
	var took []float64
	if err := json.Unmarshal(out.Bytes(), &took); err != nil {
		return run, fmt.Errorf("it printed %q: %w", out.String(), err)
	}
	if len(took) != peerTurns {
		return run, fmt.Errorf("it made %d turns of %d", len(took), peerTurns)
	}
	for _, t := range took {
		run.turns = append(run.turns, time.Duration(t*float64(time.Millisecond)))
	}
	run.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	run.memory, err = peak(cmd.ProcessState)
	return run, err
}

// serveLoop is one of the two loops that this program has, in a process that
// prints as the scripts do.
func serveLoop(ctx context.Context, which string, args []string) error {
	if len(args) != 5 || args[2] != strconv.Itoa(turnCalls) || args[4] != echoServer {
		return fmt.Errorf("%s wants a URL, turns, %d, a program and %s; it got %q", which, turnCalls, echoServer, args)
	}
	baseURL, program := args[0], args[3]
	turns, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	turn, closeLoop, err := openLoop(ctx, which, program, baseURL)
	if err != nil {
		return err
	}
	took := make([]float64, 0, turns)
	for range turns {
		d, err := turn(ctx)
		if err != nil {
			return errors.Join(err, closeLoop())
		}
		took = append(took, ms(d))
	}
	return errors.Join(json.NewEncoder(os.Stdout).Encode(took), closeLoop())
}

func openLoop(ctx context.Context, which, program, baseURL string) (measure.Sample, func() error, error) {
	if which == bareLoopProgram {
		bare, closeBare, err := newBareLoop(ctx, program, baseURL)
		return func(ctx context.Context) (time.Duration, error) {
			return wall(func() error { return bare.turn(ctx) })
		}, closeBare, err
	}
	whole, closeBridge, err := openBridge(ctx, func(h bridge.History) bridge.History { return h })
	if err != nil {
		return nil, nil, err
	}
	ref, err := readyTurn(ctx, whole, program, baseURL)
	if err != nil {
		return nil, nil, errors.Join(err, closeBridge())
	}
	return func(ctx context.Context) (time.Duration, error) {
		conversation, err := newTurn(ctx, whole, ref)
		if err != nil {
			return 0, err
		}
		return wall(func() error { return turnOf(ctx, whole, conversation) })
	}, closeBridge, nil
}

//go:build linux && e2e

package main

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	_ "modernc.org/sqlite" // the driver that the history uses

	"github.com/drawbridge-app/drawbridge/app/e2e/measure"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/store"
)

// What a turn with turnCalls calls may cost beside the same loop made of the
// two SDKs alone.
const (
	turnLimit     = 1.15 // with a history in memory
	turnKeptLimit = 1.20 // with the database, beside the bare loop and its commits
	turnCPULimit  = 1.30
)

// turnWall measures a turn with a history in memory.
func (b *bench) turnWall(ctx context.Context) (measure.Row, error) {
	return b.turn(ctx, "a turn with 20 tool calls, history in memory", turnLimit, false, wall)
}

// turnCPU measures the processor time of this process during such a turn. The
// model and the tool's server are processes of their own.
func (b *bench) turnCPU(ctx context.Context) (measure.Row, error) {
	return b.turn(ctx, "the same turn, processor time", turnCPULimit, false, processor)
}

// turnKept measures a turn with the database. The reference is the bare loop,
// and as many commits of one row as the turn made.
func (b *bench) turnKept(ctx context.Context) (measure.Row, error) {
	return b.turn(ctx, "the same turn, history in the database", turnKeptLimit, true, wall)
}

// wall and processor say what work costs.
func wall(work func() error) (time.Duration, error) {
	began := time.Now()
	err := work()
	return time.Since(began), err
}

func processor(work func() error) (time.Duration, error) {
	before, err := used()
	if err != nil {
		return 0, err
	}
	if err := work(); err != nil {
		return 0, err
	}
	after, err := used()
	return after - before, err
}

// peak is the most memory that a process had resident, in MB.
func peak(state *os.ProcessState) (float64, error) {
	u, ok := state.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0, fmt.Errorf("the system says %T of a process", state.SysUsage())
	}
	return float64(u.Maxrss) / 1000, nil // it is in kB
}

func used() (time.Duration, error) {
	var u syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), err
}

func (b *bench) turn(ctx context.Context, name string, limit float64, kept bool, cost func(func() error) (time.Duration, error)) (row measure.Row, err error) {
	program, err := os.Executable()
	if err != nil {
		return row, err
	}
	baseURL, stop, err := startModel(ctx, program)
	if err != nil {
		return row, err
	}
	defer func() { err = errors.Join(err, stop()) }()

	bare, closeBare, err := newBareLoop(ctx, program, baseURL)
	if err != nil {
		return row, err
	}
	defer func() { err = errors.Join(err, closeBare()) }()
	reference := func(ctx context.Context) (time.Duration, error) {
		return cost(func() error { return bare.turn(ctx) })
	}

	var history *countingHistory
	whole, closeBridge, err := openBridge(ctx, func(h bridge.History) bridge.History {
		if !kept {
			h = newMemoryHistory(h)
		}
		history = &countingHistory{History: h}
		return history
	})
	if err != nil {
		return row, err
	}
	defer func() { err = errors.Join(err, closeBridge()) }()
	ref, err := readyTurn(ctx, whole, program, baseURL)
	if err != nil {
		return row, err
	}
	var before int64 // commits when the last turn began
	ours := func(ctx context.Context) (time.Duration, error) {
		conversation, err := newTurn(ctx, whole, ref)
		if err != nil {
			return 0, err
		}
		before = history.commits.Load()
		return cost(func() error { return turnOf(ctx, whole, conversation) })
	}

	for range 3 { // warm
		if _, err := ours(ctx); err != nil {
			return row, err
		}
		if _, err := reference(ctx); err != nil {
			return row, err
		}
	}
	detail := ""
	if kept {
		commits := history.commits.Load() - before
		commit, closeFile, err := newCommit(ctx)
		if err != nil {
			return row, err
		}
		defer func() { err = errors.Join(err, closeFile()) }()
		alone := reference
		reference = func(ctx context.Context) (time.Duration, error) {
			took, err := alone(ctx)
			if err != nil {
				return 0, err
			}
			one, err := commit(ctx)
			return took + time.Duration(commits)*one, err
		}
		detail = fmt.Sprintf(", reference with %d commits", commits)
	}
	latency, err := measure.Compare(ctx, max(2*measure.MinPairs, b.pairs), ours, reference)
	row = latency.Row(name, limit)
	row.Detail += detail
	return row, err
}

// newTurn makes a conversation that the stand-in answers.
func newTurn(ctx context.Context, whole *bridge.Bridge, ref store.ModelRef) (string, error) {
	conversation, err := whole.NewConversation(ctx)
	if err != nil {
		return "", err
	}
	// A title that a person gave is not made by the model.
	if err := whole.RenameConversation(ctx, conversation.ID, "A measurement"); err != nil {
		return "", err
	}
	return conversation.ID, whole.SetConversationModel(ctx, conversation.ID, ref)
}

// turnOf runs one turn and checks that it was whole.
func turnOf(ctx context.Context, whole *bridge.Bridge, conversation string) error {
	calls, done := 0, false
	for event, err := range whole.Send(ctx, conversation, "Do the steps.", nil) {
		if err != nil {
			return err
		}
		switch e := event.(type) {
		case chat.CallDone:
			if e.Result.IsError {
				return fmt.Errorf("a call failed: %s", e.Result.Content.Text())
			}
			calls++
		case chat.TurnDone:
			done = e.Reason == chat.ReasonEnd
		}
	}
	if calls != turnCalls || !done {
		return fmt.Errorf("the turn made %d calls of %d, and its end is %v", calls, turnCalls, done)
	}
	return nil
}

// readyTurn makes the provider and the tool's server ready.
func readyTurn(ctx context.Context, whole *bridge.Bridge, program, baseURL string) (store.ModelRef, error) {
	if _, err := readyEcho(ctx, whole, program, "a text"); err != nil {
		return store.ModelRef{}, err
	}
	ref := store.ModelRef{Provider: "standin", Model: "m"}
	none := store.Switches{Off: true, Servers: map[string]bool{"echo": true}}
	if err := whole.UpdateSettings(func(s *store.Settings) error {
		s.Switches, s.WorkbenchOff = none, true
		return nil
	}); err != nil {
		return ref, err
	}
	return ref, whole.SetProvider(ctx, store.ProviderConfig{
		ID: ref.Provider, Kind: store.ProviderChat, BaseURL: baseURL, NoKey: true,
	}, nil)
}

// startModel starts the stand-in model as a process of its own.
func startModel(ctx context.Context, program string) (baseURL string, stop func() error, err error) {
	cmd := exec.CommandContext(ctx, program, modelServer)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return "", nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() error { return errors.Join(in.Close(), cmd.Wait()) }
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return "", nil, errors.Join(fmt.Errorf("the stand-in model said nothing: %w", err), stop())
	}
	return strings.TrimSpace(line), stop, nil
}

// bareLoop is the loop that one writes with openai-go and the MCP SDK, and
// nothing else.
type bareLoop struct {
	client  openai.Client
	session *mcp.ClientSession
	tools   []openai.ChatCompletionToolUnionParam
}

func newBareLoop(ctx context.Context, program, baseURL string) (*bareLoop, func() error, error) {
	client := mcp.NewClient(&mcp.Implementation{Name: "bench", Version: "1"}, nil)
	session, err := client.Connect(ctx, &mcp.CommandTransport{Command: exec.Command(program, echoServer)}, nil)
	if err != nil {
		return nil, nil, err
	}
	listed, err := session.ListTools(ctx, nil)
	if err != nil {
		return nil, nil, errors.Join(err, session.Close())
	}
	l := &bareLoop{client: openai.NewClient(option.WithBaseURL(baseURL), option.WithAPIKey("none")), session: session}
	for _, t := range listed.Tools {
		parameters, ok := t.InputSchema.(map[string]any)
		if !ok {
			return nil, nil, errors.Join(fmt.Errorf("the schema of %s is a %T", t.Name, t.InputSchema), session.Close())
		}
		l.tools = append(l.tools, openai.ChatCompletionFunctionTool(openai.FunctionDefinitionParam{
			Name: t.Name, Description: openai.String(t.Description), Parameters: parameters,
		}))
	}
	return l, session.Close, nil
}

func (l *bareLoop) turn(ctx context.Context) error {
	params := openai.ChatCompletionNewParams{
		Model:         "m",
		Messages:      []openai.ChatCompletionMessageParamUnion{openai.UserMessage("Do the steps.")},
		Tools:         l.tools,
		StreamOptions: openai.ChatCompletionStreamOptionsParam{IncludeUsage: openai.Bool(true)},
	}
	for calls := 0; ; calls++ {
		stream := l.client.Chat.Completions.NewStreaming(ctx, params)
		var whole openai.ChatCompletionAccumulator
		for stream.Next() {
			whole.AddChunk(stream.Current())
		}
		if err := errors.Join(stream.Err(), stream.Close()); err != nil {
			return err
		}
		if len(whole.Choices) == 0 {
			return errors.New("the model said nothing")
		}
		message := whole.Choices[0].Message
		if len(message.ToolCalls) == 0 {
			if calls != turnCalls {
				return fmt.Errorf("the bare loop made %d calls of %d", calls, turnCalls)
			}
			return nil
		}
		params.Messages = append(params.Messages, message.ToParam())
		for _, call := range message.ToolCalls {
			result, err := l.session.CallTool(ctx, &mcp.CallToolParams{
				Name: call.Function.Name, Arguments: json.RawMessage(call.Function.Arguments),
			})
			if err != nil {
				return err
			}
			text, ok := result.Content[0].(*mcp.TextContent)
			if !ok || result.IsError {
				return fmt.Errorf("the server gave back %+v", result)
			}
			params.Messages = append(params.Messages, openai.ToolMessage(text.Text, call.ID))
		}
	}
}

// newCommit returns what takes one commit of one row, as durable as those of
// the history.
func newCommit(ctx context.Context) (commit func(context.Context) (time.Duration, error), closeFile func() error, err error) {
	folder, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return nil, nil, err
	}
	file, err := sql.Open("sqlite", filepath.Join(folder, "commit.db")+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	if err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(folder))
	}
	file.SetMaxOpenConns(1)
	closeFile = func() error { return errors.Join(file.Close(), os.RemoveAll(folder)) }
	if _, err := file.ExecContext(ctx, "CREATE TABLE t (seq INTEGER PRIMARY KEY, text TEXT NOT NULL)"); err != nil {
		return nil, nil, errors.Join(err, closeFile())
	}
	row := strings.Repeat("a row of an ordinary length ", 10)
	return func(ctx context.Context) (time.Duration, error) {
		const commits = 20
		began := time.Now()
		for range commits {
			if _, err := file.ExecContext(ctx, "INSERT INTO t (text) VALUES (?)", row); err != nil {
				return 0, err
			}
		}
		return time.Since(began) / commits, nil
	}, closeFile, nil
}

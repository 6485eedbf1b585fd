// Package uitest has what the tests of the pages share: an engine that is a
// small model of the real one, a runner that works at once, and the gallery:
// pictures of pages, which tests compare and people look at.
//
// It is for tests only; nothing of the program imports it.
//
//	e := uitest.NewEngine()
//	page := servers.New(servers.Options{Engine: e, Runner: uitest.Inline(), …})
package uitest

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/bridge/gateway"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/policy"
	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// Inline returns a runner that does everything at once, on the goroutine that
// asks.
func Inline() form.Runner {
	return form.Runner{
		Do: func(f func()) { f() },
		Go: func(f func(context.Context)) { f(context.Background()) },

		After: func(time.Duration, func()) {}, // nothing comes by itself
	}
}

// Engine answers as package bridge does, from memory. Tests set its fields
// before the page uses it; its methods may be called from any goroutine.
type Engine struct {
	mu    sync.Mutex // protects all fields
	Views []bridge.ServerView
	Logs  map[string][]mcphost.LogLine
	// Gives is what CallTool returns, and Asks why it asks before; empty asks not.
	Gives tools.Result
	Asks  string
	// Sent is what ServerMessages returns, and Recording whether more is kept.
	Sent      []mcphost.Message
	Recording bool
	// Found is what Imports returns, Bundle what OpenBundle does, and Checks and
	// Steps are what the doctor finds.
	Found  []bridge.Import
	Bundle setup.Draft
	Checks []setup.Check
	Steps  []mcphost.Step
	// Contents, Read, Written and Filled are what a server has beside tools.
	Contents mcphost.Contents
	Read     store.Parts
	Written  []mcphost.Prompt
	Filled   []mcphost.PromptMessage
	// Proposals are what Complete chooses from.
	Proposals []string
	Local     []store.ProviderConfig
	State     store.SecretState
	Said      []string // problems
	Keep      store.Settings
	Given     []store.ToolAnswer
	Keys      map[store.SecretRef]store.Secret
	Lists     map[string][]model.Info
	// Known is what Limits returns.
	Known map[store.ModelRef]store.ModelLimits
	// Err is what the next call that can fail returns, once.
	Err error
	// Handed is what HandedOver returns.
	Handed []bridge.Handed
	// Door is what WatchGateway yields, and Trial what TestConnected finds.
	Door  bridge.GatewayView
	Trial gateway.Trial
	// Stored is what Storage returns, and Taken what ImportFile does.
	Stored bridge.Storage
	Taken  bridge.Imported
	// Chats is what Conversations returns, and Works whether work is under way.
	Chats []store.Conversation
	Works bool
	// Records are those of the audit, the newest first, and Up whether the bridge
	// is raised.
	Records []store.AuditRecord
	Up      bool
	// Ruled are the rules that were set, by server.
	Ruled map[string]store.Rules
	// Calls are the changes that were asked for, in words.
	Calls []string

	changed chan struct{}
}

// NewEngine returns one with the workbench alone.
func NewEngine() *Engine {
	return &Engine{
		Views:   []bridge.ServerView{Workbench()},
		Logs:    map[string][]mcphost.LogLine{},
		Keys:    map[store.SecretRef]store.Secret{},
		Lists:   map[string][]model.Info{},
		State:   store.SecretState{Place: store.SecretsKeychain},
		changed: make(chan struct{}),
	}
}

// Workbench returns the view of the built-in server.
func Workbench() bridge.ServerView {
	c := store.ServerConfig{ID: "workbench", Name: "workbench", Transport: store.TransportBuiltin, Command: "workbench"}
	list := []tools.Tool{
		Tool("workbench", "time", "Tells the time in any zone."),
		Tool("workbench", "list", "Lists a granted folder."),
		Tool("workbench", "read", "Reads a file in a granted folder."),
		Tool("workbench", "search", "Searches the granted folders for a text."),
	}
	return bridge.ServerView{Status: mcphost.Status{Server: c, State: mcphost.Ready, Tools: list, Took: 3 * time.Millisecond}, Hash: c.Hash(), Passed: list}
}

// Tool returns a tool with a definition.
func Tool(server, name, description string) tools.Tool {
	schema := json.RawMessage(`{"type":"object","properties":{"path":{"type":"string","description":"A path in a granted folder."},"limit":{"type":"integer","minimum":1}},"required":["path"]}`)
	definition, err := json.Marshal(map[string]any{"name": name, "description": description, "inputSchema": schema})
	if err != nil {
		panic(err)
	}
	return tools.Tool{Ref: tools.Ref{Server: server, Tool: name}, ServerName: server, Description: description, InputSchema: schema, Definition: definition, Hash: "hash-of-" + name}
}

// Stdio returns a view of a server that a command starts.
func Stdio(name string, state mcphost.State, command string, args ...string) bridge.ServerView {
	c := store.ServerConfig{ID: name, Name: name, Transport: store.TransportStdio, Command: command, Args: args}
	return bridge.ServerView{Status: mcphost.Status{Server: c, State: state}, Hash: c.Hash()}
}

// Held returns a definition that waits to be seen.
func Held(name, was, is string) policy.Held {
	h := policy.Held{Name: name, New: json.RawMessage(is), NewHash: "new-" + name}
	if was != "" {
		h.Old, h.OldHash = json.RawMessage(was), "old-"+name
	}
	return h
}

// did notes a call and returns the error that was set for it.
func (e *Engine) did(format string, a ...any) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.Calls = append(e.Calls, fmt.Sprintf(format, a...))
	err := e.Err
	e.Err = nil
	return err
}

// Did returns the calls so far.
func (e *Engine) Did() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.Calls)
}

// SetViews changes the servers and tells whoever watches.
func (e *Engine) SetViews(views ...bridge.ServerView) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.Views = views
	close(e.changed)
	e.changed = make(chan struct{})
}

// WatchServers yields the servers at each change.
func (e *Engine) WatchServers(ctx context.Context) iter.Seq[[]bridge.ServerView] {
	return func(yield func([]bridge.ServerView) bool) {
		for {
			e.mu.Lock()
			views, changed := slices.Clone(e.Views), e.changed
			e.mu.Unlock()
			if !yield(views) {
				return
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
		}
	}
}

// ReadImport reads pasted servers.
func (e *Engine) ReadImport(text []byte, app string) (bridge.Import, error) {
	drafts, problems, err := setup.Reader{App: app}.Parse(text)
	out := e.compared(drafts)
	out.Problems = problems
	return out, err
}

// compared holds drafts against Views.
func (e *Engine) compared(drafts []setup.Draft) bridge.Import {
	e.mu.Lock()
	defer e.mu.Unlock()
	var here []store.ServerConfig
	for _, v := range e.Views {
		here = append(here, v.Server)
	}
	var out bridge.Import
	for _, d := range drafts {
		out.Entries = append(out.Entries, setup.Compare(d, here))
	}
	return out
}

// Offer makes another app's file of drafts, held against Views.
func (e *Engine) Offer(app, path string, drafts ...setup.Draft) bridge.Import {
	out := e.compared(drafts)
	out.App, out.Path = app, path
	return out
}

// Imports returns Found.
func (e *Engine) Imports(context.Context, ...string) []bridge.Import {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.Calls = append(e.Calls, "imports")
	return slices.Clone(e.Found)
}

// ImportServers notes each server; those that are new become views.
func (e *Engine) ImportServers(ctx context.Context, chosen []setup.Compared, approve bool) ([]store.ServerConfig, error) {
	var out []store.ServerConfig
	for _, c := range chosen {
		if c.State == setup.Differs {
			d := c.Draft.Config
			if err := e.did("replace %s: %s %q approve=%t", c.Server.ID, d.Command+d.URL, d.Args, approve); err != nil {
				return nil, err
			}
			continue
		}
		added, err := e.AddServer(ctx, c.Draft, approve)
		if err != nil {
			return nil, err
		}
		out = append(out, added)
	}
	return out, nil
}

// OpenBundle returns Bundle.
func (e *Engine) OpenBundle(_ context.Context, path string) (setup.Draft, error) {
	return e.Bundle, e.did("open bundle %s", path)
}

// ReadAPI reads the file of an OpenAPI document, as the real engine does.
func (e *Engine) ReadAPI(ctx context.Context, source, dir string) (*bridge.API, error) {
	if err := e.did("read document %s", source); err != nil {
		return nil, err
	}
	return new(bridge.Bridge).ReadAPI(ctx, source, dir)
}

// KeptAPI reads the document that the server was made of.
func (e *Engine) KeptAPI(ctx context.Context, id string) (*bridge.API, error) {
	for _, v := range e.Views {
		if v.Server.ID == id && v.Server.OpenAPI != nil {
			return e.ReadAPI(ctx, v.Server.OpenAPI.Document, "")
		}
	}
	return nil, store.ErrNotFound
}

// CheckServer returns Checks.
func (e *Engine) CheckServer(_ context.Context, id string) ([]setup.Check, error) {
	return e.Checks, e.did("check %s", id)
}

// DiagnoseServer tells Steps.
func (e *Engine) DiagnoseServer(_ context.Context, id string, tell func(mcphost.Step)) (mcphost.Status, error) {
	err := e.did("diagnose %s", id)
	for _, s := range e.Steps {
		tell(s)
	}
	return mcphost.Status{State: mcphost.Ready}, err
}

// AddServer adds a view.
func (e *Engine) AddServer(_ context.Context, d setup.Draft, approve bool) (store.ServerConfig, error) {
	if err := e.did("add %s %s %q env=%v headers=%v secrets=%d approve=%t", d.Config.Name, d.Config.Command+d.Config.URL, d.Config.Args, d.Config.Env, d.Config.Headers, len(d.Secrets), approve); err != nil {
		return store.ServerConfig{}, err
	}
	state := mcphost.Held
	if approve {
		state = mcphost.Starting
	}
	v := bridge.ServerView{Status: mcphost.Status{Server: d.Config, State: state}, Hash: d.Config.Hash()}
	e.SetViews(append(slices.Clone(e.Views), v)...)
	return d.Config, nil
}

// UpdateServer notes the call.
func (e *Engine) UpdateServer(_ context.Context, id string, d setup.Draft, approve bool) error {
	return e.did("update %s: %s %s %q env=%v secrets=%d approve=%t", id, d.Config.Name, d.Config.Command+d.Config.URL, d.Config.Args, d.Config.Env, len(d.Secrets), approve)
}

// TakeServer notes the call, and what comes of it.
func (e *Engine) TakeServer(_ context.Context, id string) (bridge.Removal, error) {
	return e.removal(id), e.did("remove %s", id)
}

func (e *Engine) removal(what string) bridge.Removal {
	return bridge.Removal{
		Back:   func(context.Context) error { return e.did("take back %s", what) },
		Finish: func(context.Context) error { return e.did("forget %s", what) },
	}
}

// ApproveServer notes the call.
func (e *Engine) ApproveServer(_ context.Context, id, hash string) error {
	return e.did("approve %s %s", id, hash)
}

// ApproveTools notes the call.
func (e *Engine) ApproveTools(_ context.Context, id string, seen map[string]string) error {
	return e.did("approve tools of %s: %v", id, seen)
}

// SetServerEnabled notes the call.
func (e *Engine) SetServerEnabled(_ context.Context, id string, on bool) error {
	return e.did("enable %s %t", id, on)
}

// SetServerManaged notes the call.
func (e *Engine) SetServerManaged(_ context.Context, id string, on bool) error {
	return e.did("managed %s %t", id, on)
}

// ReleaseManaged notes the call.
func (e *Engine) ReleaseManaged(_ context.Context, id, hash string) error {
	return e.did("release %s %s", id, hash)
}

// RunClientSide notes the call.
func (e *Engine) RunClientSide(_ context.Context, id string) error {
	return e.did("run %s client-side", id)
}

// HandedOver returns Handed.
func (e *Engine) HandedOver(context.Context, store.Conversation) ([]bridge.Handed, error) {
	return e.Handed, e.did("handed over")
}

// KnowServers does nothing: the views are there.
func (e *Engine) KnowServers(context.Context) error { return nil }

// SignIn notes the call.
func (e *Engine) SignIn(_ context.Context, id string, _ func(context.Context, string) error) error {
	return e.did("sign in to %s", id)
}

// CancelSignIn notes the call.
func (e *Engine) CancelSignIn(id string) { _ = e.did("cancel the sign-in to %s", id) }

// SignOut notes the call.
func (e *Engine) SignOut(_ context.Context, id string, forget bool) error {
	return e.did("sign out of %s forget=%t", id, forget)
}

// PermitOrigin notes the call.
func (e *Engine) PermitOrigin(_ context.Context, id, origin string) error {
	return e.did("permit %s to %s", origin, id)
}

// StartServer notes the call.
func (e *Engine) StartServer(id string) error { return e.did("start %s", id) }

// StopServer notes the call.
func (e *Engine) StopServer(id string) error { return e.did("stop %s", id) }

// RestartServer notes the call.
func (e *Engine) RestartServer(id string) error { return e.did("restart %s", id) }

// Resources returns Contents.
func (e *Engine) Resources(context.Context, string) (mcphost.Contents, error) { return e.Contents, nil }

// ReadResource returns Read.
func (e *Engine) ReadResource(_ context.Context, server, uri string) (store.Parts, error) {
	return e.Read, e.did("read %s of %s", uri, server)
}

// WatchResource says that it changed, once.
func (e *Engine) WatchResource(_ context.Context, server, uri string, changed func()) error {
	err := e.did("watch %s of %s", uri, server)
	if err == nil {
		changed()
	}
	return err
}

// Complete proposes those of Proposals that begin with what was typed.
func (e *Engine) Complete(_ context.Context, server string, c mcphost.Completing, typed string) ([]string, error) {
	var out []string
	for _, p := range e.Proposals {
		if strings.HasPrefix(p, typed) {
			out = append(out, p)
		}
	}
	return out, nil
}

// Prompts returns Written.
func (e *Engine) Prompts(context.Context, string) ([]mcphost.Prompt, error) { return e.Written, nil }

// GetPrompt returns Filled.
func (e *Engine) GetPrompt(_ context.Context, server, name string, arguments map[string]string) ([]mcphost.PromptMessage, error) {
	return e.Filled, e.did("fill in %s of %s with %v", name, server, arguments)
}

// CallTool asks if Asks is set, tells a half, and returns Gives.
func (e *Engine) CallTool(ctx context.Context, inv tools.Invocation, ask chat.Ask, progress func(tools.Progress)) tools.Result {
	if err := e.did("call %s as %s: %s", inv.Ref, inv.Client, inv.Arguments); err != nil {
		return tools.ErrorResult(err.Error())
	}
	if e.Asks != "" {
		if a, err := ask(ctx, tools.Verdict{Decision: tools.Ask, Reason: e.Asks}); err != nil || a != tools.AnswerOnce {
			return tools.ErrorResult("The person denied this call.")
		}
	}
	if progress != nil {
		progress(tools.Progress{Done: 1, Total: 2, Message: "half"})
	}
	return e.Gives
}

// ServerLogLines returns from Logs.
func (e *Engine) ServerLogLines(id string) []mcphost.LogLine {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.Logs[id])
}

// WatchServerLog yields once.
func (e *Engine) WatchServerLog(context.Context, string) iter.Seq[struct{}] {
	return func(yield func(struct{}) bool) { yield(struct{}{}) }
}

// ClearServerLog empties Logs and Sent.
func (e *Engine) ClearServerLog(id string) (back func()) {
	_ = e.did("clear the log of %s", id)
	e.mu.Lock()
	defer e.mu.Unlock()
	lines, sent := e.Logs[id], e.Sent
	delete(e.Logs, id)
	e.Sent = nil
	return func() {
		_ = e.did("bring the log of %s back", id)
		e.mu.Lock()
		defer e.mu.Unlock()
		e.Logs[id], e.Sent = append(lines, e.Logs[id]...), append(sent, e.Sent...)
	}
}

// RecordServerMessages changes Recording.
func (e *Engine) RecordServerMessages(id string, on bool) {
	_ = e.did("record %s %t", id, on)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.Recording = on
}

// ServerMessages returns Sent.
func (e *Engine) ServerMessages(string) ([]mcphost.Message, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.Sent), e.Recording
}

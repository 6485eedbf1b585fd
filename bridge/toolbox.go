package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/bridge/memory"
	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// Toolbox is MCP servers that a program runs for itself, to give their tools to
// the models that it asks: it offers them in the provider's format, takes the
// provider's call of one, and returns the result in the same format. It is an
// engine that keeps nothing beyond the program, see package memory.
//
//	box, err := bridge.OpenToolbox(ctx, bridge.ToolboxOptions{
//		Config:  `{"mcpServers": {"files": {"command": "npx", "args": ["-y", "@modelcontextprotocol/server-filesystem", "."]}}}`,
//		Approve: bridge.ApproveAll,
//	})
//	defer box.Close()
//	offer, err := box.Tools(ctx, bridge.FormatOpenAI)          // "tools" of the request
//	answer, err := box.Call(ctx, bridge.FormatOpenAI, toolCall) // for each of "tool_calls"
//	messages = append(messages, answer.Message)
//
// Conversation runs the whole loop. A program whose servers are commands calls
// mcphost.RunShim first in its main, so that nothing that they start outlives it.
//
// All methods may be called from any goroutine.
type Toolbox struct {
	b         *Bridge
	o         ToolboxOptions
	converter *tools.Converter
	direct    string // id of the conversation to which the calls of Call belong
	remove    string // folder to remove at the end
}

// ToolboxOptions say which servers there are. The zero value has none.
type ToolboxOptions struct {
	// Config names servers in any form that Drawbridge reads: mcpServers as in the
	// READMEs of servers, VS Code's servers, mcp_servers of LiteLLM's config.yaml,
	// in JSON, YAML or TOML. It counts as approved: it is the program's own, so do
	// not pass on what somebody else sent. A value may be ${env:NAME}.
	Config string
	// Servers are more of them. An empty ID is the Name.
	Servers []store.ServerConfig
	// Secrets are those to which Servers refer.
	Secrets map[store.SecretRef]store.Secret
	// Approve is asked before a call that no rule of its server allows. Its answer
	// is one of package tools. Nil refuses such calls; ApproveAll allows them.
	Approve func(ctx context.Context, a chat.Approval) (tools.Answer, error)
	// Home is a folder for logs and documents; empty makes a temporary one, which
	// Close removes.
	Home string
	// Environ is the environment that servers inherit a few variables of, and that
	// ${env:NAME} is read from; nil means that of the program.
	Environ func() []string
	// Reach is what reaches servers over HTTP; nil means a transport like
	// http.DefaultTransport.
	Reach *http.Transport
	// StepLimit is how often a Conversation calls the model in one turn; 0 means 25.
	StepLimit int
	Logger    *slog.Logger     // nil discards
	Now       func() time.Time // nil means time.Now
}

// ApproveAll is an Approve that allows each call, once. A model then does with
// the servers what it wants, or what a text that it read tells it to.
func ApproveAll(context.Context, chat.Approval) (tools.Answer, error) { return tools.AnswerOnce, nil }

// OpenToolbox starts the servers and waits until they have listed their tools.
// The error names each server that did not start; then none runs. The context
// bounds OpenToolbox alone.
func OpenToolbox(ctx context.Context, o ToolboxOptions) (_ *Toolbox, err error) {
	drafts, err := o.drafts()
	if err != nil {
		return nil, err
	}
	t := &Toolbox{o: o, converter: tools.NewConverter()}
	if o.Home == "" {
		if t.remove, err = os.MkdirTemp("", "drawbridge-"); err != nil {
			return nil, fmt.Errorf("make a folder for the toolbox: %w", err)
		}
		o.Home = t.remove
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, t.Close())
		}
	}()
	if o.Environ == nil {
		o.Environ = os.Environ
	}
	t.b, err = New(ctx, Options{
		Home: o.Home, History: memory.NewHistory(), Ledger: memory.NewLedger(), Secrets: memory.NewSecrets(),
		Settings: memory.NewSettings(store.Settings{WorkbenchOff: true, StepLimit: o.StepLimit}),
		Environ:  o.Environ, Reach: o.Reach, Logger: o.Logger, Now: o.Now, Version: "library",
	})
	if err != nil {
		return nil, err
	}
	for i, d := range drafts {
		if drafts[i], err = t.b.withDocument(ctx, d); err != nil {
			return nil, err
		}
	}
	err = t.b.keepAll(ctx, drafts, true, func(all []store.ServerConfig) ([]store.ServerConfig, error) {
		for _, d := range drafts {
			all = append(all, d.Config)
		}
		return all, nil
	})
	if err != nil {
		return nil, err
	}
	if err := t.b.SettleServers(ctx); err != nil {
		return nil, err
	}
	var failed []error
	for _, v := range t.b.Servers() {
		if v.State != mcphost.Ready && v.State != mcphost.Asleep && v.State != mcphost.Disabled {
			failed = append(failed, fmt.Errorf("the server %s did not start: %s", v.Server.Name, v.Error))
		}
	}
	if len(failed) > 0 {
		return nil, errors.Join(failed...)
	}
	c, err := t.newConversation(ctx, store.ModelRef{})
	t.direct = c.ID
	return t, err
}

// drafts returns the servers of the options.
func (o ToolboxOptions) drafts() ([]setup.Draft, error) {
	var drafts []setup.Draft
	if strings.TrimSpace(o.Config) != "" {
		read, problems, err := setup.Parse([]byte(o.Config))
		if err != nil {
			return nil, err
		}
		if len(problems) > 0 {
			return nil, fmt.Errorf("%s (%w)", strings.Join(problems, "; "), store.ErrInvalid)
		}
		drafts = read
	}
	for _, c := range o.Servers {
		c = c.Clone()
		if c.ID == "" {
			c.ID = c.Name
		}
		d := setup.Draft{Config: c, Secrets: map[store.SecretRef]store.Secret{}}
		for _, ref := range c.Refs() {
			value, ok := o.Secrets[ref]
			if !ok {
				return nil, fmt.Errorf("server %q refers to the secret %s, which is not there (%w)", c.Name, ref, store.ErrNotFound)
			}
			d.Secrets[ref] = value
		}
		drafts = append(drafts, d)
	}
	names := map[string]bool{Workbench: true}
	for _, d := range drafts {
		if names[d.Config.Name] || names[d.Config.ID] {
			return nil, fmt.Errorf("there are two servers %q; choose another name for one (%w)", d.Config.Name, store.ErrExists)
		}
		names[d.Config.Name], names[d.Config.ID] = true, true
		if d.Config.Transport == store.TransportBuiltin {
			return nil, fmt.Errorf("what is built in cannot be added (%w)", store.ErrInvalid)
		}
		if err := d.Validate(); err != nil {
			return nil, err
		}
	}
	return drafts, nil
}

// Close stops the servers, and with them what runs.
func (t *Toolbox) Close() error {
	var errs []error
	if t.b != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		errs = append(errs, t.b.Close(ctx))
	}
	if t.remove != "" {
		errs = append(errs, os.RemoveAll(t.remove))
	}
	return errors.Join(errs...)
}

// Tools returns the tools of the servers as the value of "tools" in a request of
// the format, named server__tool and as their rules let models see them. only
// names servers; without a name it is all of them. A tool whose schema the format
// cannot take is left out; LeftOut tells.
func (t *Toolbox) Tools(ctx context.Context, f Format, only ...string) (json.RawMessage, error) {
	table, err := t.table(ctx, f, only)
	if err != nil {
		return nil, err
	}
	return f.offer(table)
}

// LeftOut returns the tools that Tools leaves out, with the reasons.
func (t *Toolbox) LeftOut(ctx context.Context, f Format) ([]tools.LeftOut, error) {
	table, err := t.table(ctx, f, nil)
	if err != nil {
		return nil, err
	}
	return table.LeftOut(), nil
}

// table names the tools of the servers.
func (t *Toolbox) table(ctx context.Context, f Format, only []string) (*tools.Table, error) {
	if err := f.validate(); err != nil {
		return nil, err
	}
	for _, name := range only {
		if _, err := t.b.Server(name); err != nil {
			return nil, fmt.Errorf("there is no server %q (%w)", name, store.ErrNotFound)
		}
	}
	t.b.freshen(ctx)
	conv, err := t.b.switchboard.get(ctx, t.direct)
	if err != nil {
		return nil, err
	}
	list, err := t.b.Offered(ctx, *conv)
	if err != nil {
		return nil, err
	}
	if len(only) > 0 {
		list = slices.DeleteFunc(slices.Clone(list), func(tool tools.Tool) bool {
			return !slices.Contains(only, tool.Server) && !slices.Contains(only, tool.ServerName)
		})
	}
	dialect, _ := f.Dialect()
	return t.converter.Table(list, dialect, false), nil
}

// Called is what a call gave.
type Called struct {
	// Message is the result as the format wants it back.
	Message json.RawMessage
	// Result is the same for the program. What went wrong is in it: a tool that
	// does not exist, arguments that do not fit, a call that was refused. A model
	// that is told can do better.
	Result tools.Result
}

// Call runs a call that a model made, through the rules of its server and
// Approve. call is its JSON as it came from the provider, see Format. The error
// is store.ErrInvalid for what is no call in this format.
func (t *Toolbox) Call(ctx context.Context, f Format, call json.RawMessage) (Called, error) {
	c, err := f.call(call)
	if err != nil {
		return Called{}, err
	}
	table, err := t.table(ctx, f, nil)
	if err != nil {
		return Called{}, err
	}
	r := t.run(ctx, c, table)
	message, err := f.answer(c, r)
	return Called{Message: message, Result: r}, err
}

func (t *Toolbox) run(ctx context.Context, c toolCall, table *tools.Table) tools.Result {
	tool, ok := table.Lookup(c.name)
	if !ok {
		return tools.ErrorResult(fmt.Sprintf("There is no tool %.100q.", c.name))
	}
	if err := tools.CheckArguments(c.arguments); err != nil {
		return tools.ErrorResult(err.Error())
	}
	id := c.id
	if id == "" {
		id = store.NewID()
	}
	inv := tools.Invocation{Client: tools.ClientChat, Conversation: t.direct, CallID: id, Ref: tool.Ref, Arguments: c.arguments}
	var ask chat.Ask
	if t.o.Approve != nil {
		ask = func(ctx context.Context, v tools.Verdict) (tools.Answer, error) {
			if v.Change != nil {
				return tools.AnswerOnce, nil // a program accepts no definition, so the call is refused as held
			}
			arguments := v.Arguments
			if arguments == nil {
				arguments = c.arguments
			}
			return t.o.Approve(ctx, chat.Approval{
				ConversationID: t.direct, Tool: tool, Reason: v.Reason, After: v.After,
				Call: store.ToolCall{ID: id, Name: c.name, Server: tool.Server, Tool: tool.Ref.Tool, Arguments: arguments},
			})
		}
	}
	return t.b.CallTool(ctx, inv, ask, nil)
}

// Conversation is a conversation of a model of the program's own with the tools
// of a Toolbox.
type Conversation struct {
	t     *Toolbox
	id    string
	model chat.Model
}

// Conversation begins one. m answers: a client of package provider, or whatever
// else implements chat.Model; name is what requests call the model. system is
// what it is told first, and may be empty.
func (t *Toolbox) Conversation(ctx context.Context, m chat.Model, name, system string) (*Conversation, error) {
	if m == nil {
		return nil, fmt.Errorf("a conversation needs a model (%w)", store.ErrInvalid)
	}
	c, err := t.newConversation(ctx, store.ModelRef{Provider: "own", Model: name})
	if err == nil && system != "" {
		err = t.b.SetSystem(ctx, c.ID, system)
	}
	if err != nil {
		return nil, err
	}
	return &Conversation{t: t, id: c.ID, model: m}, nil
}

func (t *Toolbox) newConversation(ctx context.Context, m store.ModelRef) (store.Conversation, error) {
	now := t.b.o.Now()
	c := store.Conversation{ID: store.NewID(), Model: m, CreatedAt: now, UpdatedAt: now}
	return c, t.b.o.History.CreateConversation(ctx, c)
}

// Send runs one turn: it appends the message, calls the model and the tools that
// the model asks for, until it is done. Events and errors are those of
// chat.Loop. The turn ends when the context does or the reader breaks out. With
// an empty text it goes on after a turn that failed.
func (c *Conversation) Send(ctx context.Context, text string) iter.Seq2[chat.Event, error] {
	return func(yield func(chat.Event, error) bool) {
		conv, err := c.t.b.Conversation(ctx, c.id)
		if err != nil {
			yield(nil, err)
			return
		}
		turn := chat.Turn{Conversation: conv, Model: c.model}
		if c.t.o.Approve != nil {
			turn.Approver = approver(c.t.o.Approve)
		}
		if text != "" {
			turn.Message = store.Message{Parts: store.Parts{store.Text{Text: text}}}
		}
		c.t.b.freshen(ctx)
		for e, err := range c.t.b.loop.Run(ctx, turn) {
			if !yield(e, err) {
				return
			}
		}
	}
}

// Ask is Send for who wants the answer alone: the text of the model's last
// message. A turn that ended early, at the step limit or at a limit of output, is
// an error that wraps store.ErrLimit.
func (c *Conversation) Ask(ctx context.Context, text string) (string, error) {
	var answer string
	for e, err := range c.Send(ctx, text) {
		if err != nil {
			return "", err
		}
		switch e := e.(type) {
		case chat.Finished:
			answer = e.Message.Text()
		case chat.TurnDone:
			switch e.Reason {
			case chat.ReasonEnd:
			case chat.ReasonStopped:
				return answer, context.Cause(ctx)
			default:
				return answer, fmt.Errorf("the answer ended early (%s): %w", e.Reason, store.ErrLimit)
			}
		}
	}
	return answer, nil
}

// Messages returns what was said so far.
func (c *Conversation) Messages(ctx context.Context) ([]store.Message, error) {
	return c.t.b.Messages(ctx, c.id)
}

// approver asks the program.
type approver func(ctx context.Context, a chat.Approval) (tools.Answer, error)

// Approve asks about a call. A program accepts no definition that changed, so
// that such a call is refused as held.
func (f approver) Approve(ctx context.Context, a chat.Approval) (tools.Answer, error) {
	if a.Change != nil {
		return tools.AnswerOnce, nil
	}
	return f(ctx, a)
}

// Continue ends the turn: the program set the limit.
func (f approver) Continue(context.Context, chat.Pause) (bool, error) { return false, nil }

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/drawbridge-app/drawbridge/app/control"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// maxPrompt bounds what ask reads from stdin.
const maxPrompt = 4 << 20

func (c *cli) ask() *cobra.Command {
	var (
		o      askOptions
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "ask [flags] PROMPT",
		Short: "Ask a model; its tool calls run here",
		Long: `Ask a model, and let it use your tools: one turn of a conversation, through the
same loop and the same rules as in the window. The answer streams to a terminal;
to a file or another program it goes when it is whole, so that one which broke off
and was repeated is not there twice. Tool calls are told on stderr. --json prints
one event a line instead, as it comes.

A tool that you have not allowed yet is asked about (--approve ask). Without a
terminal that means no. "always" allows every call of this turn, keeps nothing,
and overrides neither a "never" nor a definition that waits for your approval.`,
		Example: `  drawbridge ask --provider rehearsal "workbench__time zone=America/Lima"
  drawbridge ask --tools files,git__log --approve always "What changed this week?"
  drawbridge ask --conversation ID --edit MESSAGE "What changed this month?"
  drawbridge ask --conversation ID --regenerate MESSAGE`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch o.approve {
			case "ask", "always", "never":
			default:
				return usagef("--approve is ask, always or never, not %q", o.approve)
			}
			if err := o.check(cmd, len(args) == 1); err != nil {
				return err
			}
			prompt, err := c.prompt(args)
			if err != nil {
				return err
			}
			b, err := c.started(cmd.Context())
			if err != nil {
				return err
			}
			if err := c.byPerson(b, "ask"); err != nil {
				return err
			}
			conv, err := o.conversation(cmd.Context(), b)
			if err != nil {
				return err
			}
			if p, err := b.Provider(conv.Model.Provider); err == nil && !p.NoKey {
				if err := c.unlock(cmd.Context(), b, true); err != nil {
					return err
				}
			}
			by := &terminal{session: c.session, mode: o.approve}
			parts, err := attached(bridge.WithElicitor(cmd.Context(), by), b, o.resources)
			if err != nil {
				return err
			}
			turn := o.turn(cmd.Context(), b, conv.ID, prompt, parts, by)
			if asJSON {
				err = c.askJSON(cmd.Context(), b, conv, turn)
			} else {
				err = c.askText(b, conv, turn)
			}
			if err == nil {
				b.AwaitTitle(cmd.Context(), conv.ID)
			}
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.provider, "provider", "", "name of the provider (see providers list)")
	f.StringVar(&o.model, "model", "", "the provider's name of the model")
	f.StringVar(&o.id, "conversation", "", "id of a conversation to go on with; a new one if left out")
	f.StringVar(&o.tools, "tools", "", "servers and tools to offer (files,git__log), or none; the defaults if left out")
	f.StringVar(&o.approve, "approve", "ask", "ask, always or never")
	f.StringVar(&o.edit, "edit", "", "id of a message of yours to send again with another text; what followed it stays on its own branch")
	f.StringVar(&o.regenerate, "regenerate", "", "id of an answer to make again; the old one stays on its own branch")
	f.BoolVar(&o.retry, "retry", false, "go on with a turn that failed or was stopped")
	f.StringVar(&o.system, "system", "", "system prompt of the conversation; empty for none")
	f.StringVar(&o.preset, "preset", "", "name of a preset to take as the system prompt (see presets list)")
	f.StringArrayVar(&o.metadata, "metadata", nil, "NAME=VALUE for the log of a gateway, in place of what the conversation had (repeatable)")
	f.StringArrayVar(&o.resources, "resource", nil, "SERVER=URI of a resource to attach to the message (repeatable)")
	f.BoolVar(&asJSON, "json", false, "print one event a line")
	cmd.MarkFlagsMutuallyExclusive("edit", "regenerate", "retry")
	cmd.MarkFlagsMutuallyExclusive("system", "preset")
	return cmd
}

// prompt is the argument, or stdin for "-"; empty if there is none.
func (c *cli) prompt(args []string) (string, error) {
	if len(args) == 0 {
		return "", nil
	}
	prompt := args[0]
	if prompt == "-" {
		text, err := io.ReadAll(io.LimitReader(c.session.Stdin, maxPrompt+1))
		if err != nil {
			return "", fmt.Errorf("read the prompt from stdin: %w", err)
		}
		if len(text) > maxPrompt {
			return "", usagef("the prompt on stdin is longer than 4 MB")
		}
		prompt = string(text)
	}
	if strings.TrimSpace(prompt) == "" {
		return "", usagef("the prompt is empty")
	}
	return prompt, nil
}

// askOptions are the flags that choose a conversation, what it uses, and where
// in it the turn begins.
type askOptions struct {
	provider, model, id, tools, approve string
	edit, regenerate                    string
	retry                               bool
	system, preset                      string
	systemGiven                         bool
	metadata                            []string
	resources                           []string // SERVER=URI
}

// check says what does not go together.
func (o *askOptions) check(cmd *cobra.Command, prompt bool) error {
	flags := cmd.Flags()
	o.systemGiven = flags.Changed("system")
	for _, name := range []string{"edit", "regenerate"} {
		if flags.Changed(name) && flags.Lookup(name).Value.String() == "" {
			return usagef("--%s takes the id of a message (see conversations show)", name)
		}
	}
	again := o.regenerate != "" || o.retry
	switch {
	case again && prompt:
		return usagef("--regenerate and --retry take no prompt; use --edit to send another one")
	case !again && !prompt:
		return usagef("a prompt is missing; see drawbridge ask --help")
	case len(o.resources) > 0 && (again || o.edit != ""):
		return usagef("--resource is for a new message")
	case (again || o.edit != "") && o.id == "":
		return usagef("say which conversation with --conversation")
	}
	return nil
}

// turn returns the turn that the flags ask for.
func (o *askOptions) turn(ctx context.Context, b *bridge.Bridge, id, prompt string, parts store.Parts, by chat.Approver) iter.Seq2[chat.Event, error] {
	switch {
	case o.edit != "":
		return b.Edit(ctx, id, o.edit, prompt, by)
	case o.regenerate != "":
		return b.Regenerate(ctx, id, o.regenerate, by)
	}
	if len(parts) == 0 {
		return b.Send(ctx, id, prompt, by)
	}
	return b.SendParts(ctx, id, append(store.Parts{store.Text{Text: prompt}}, parts...), by)
}

// settings changes what the flags say about the conversation itself.
func (o *askOptions) settings(ctx context.Context, b *bridge.Bridge, id string, metadata map[string]string) error {
	if o.preset != "" {
		p, err := b.Preset(o.preset)
		if err != nil {
			return err
		}
		o.system, o.systemGiven = p.System, true
	}
	if o.systemGiven {
		if err := b.SetSystem(ctx, id, o.system); err != nil {
			return err
		}
	}
	if metadata != nil {
		return b.SetMetadata(ctx, id, metadata)
	}
	return nil
}

func (o *askOptions) conversation(ctx context.Context, b *bridge.Bridge) (store.Conversation, error) {
	var (
		conv store.Conversation
		err  error
	)
	ref, err := o.modelRef(b)
	if err != nil {
		return conv, err
	}
	var switches *store.Switches
	if o.tools != "" {
		s, err := o.switches(ctx, b)
		if err != nil {
			return conv, err
		}
		switches = &s
	}
	if o.preset != "" {
		if _, err := b.Preset(o.preset); err != nil {
			return conv, err
		}
	}
	metadata, err := fields(o.metadata)
	if err != nil {
		return conv, err
	}
	if o.id != "" {
		conv, err = b.Conversation(ctx, o.id)
	} else {
		conv, err = b.NewConversation(ctx)
	}
	if err != nil {
		return conv, err
	}
	if !ref.Zero() {
		if err := b.SetConversationModel(ctx, conv.ID, ref); err != nil {
			return conv, err
		}
	}
	if switches != nil {
		if err := b.SetSwitches(ctx, conv.ID, *switches); err != nil {
			return conv, err
		}
	}
	if err := o.settings(ctx, b, conv.ID, metadata); err != nil {
		return conv, err
	}
	return b.Conversation(ctx, conv.ID)
}

// fields reads NAME=VALUE flags; nil for none.
func fields(flags []string) (map[string]string, error) {
	var out map[string]string
	for _, f := range flags {
		k, v, ok := strings.Cut(f, "=")
		if !ok || k == "" {
			return nil, usagef("--metadata takes NAME=VALUE, not %q", f)
		}
		if out == nil {
			out = map[string]string{}
		}
		out[k] = v
	}
	return out, nil
}

// modelRef returns the model that the flags name, and the zero one for none.
func (o *askOptions) modelRef(b *bridge.Bridge) (store.ModelRef, error) {
	if o.provider == "" && o.model == "" {
		return store.ModelRef{}, nil
	}
	id := o.provider
	if id == "" {
		id = b.DefaultModel().Provider
	}
	p, err := b.Provider(id)
	if err != nil {
		return store.ModelRef{}, err
	}
	ref := store.ModelRef{Provider: p.ID, Model: o.model}
	if ref.Model == "" {
		ref.Model = p.Model
	}
	if ref.Model == "" && b.DefaultModel().Provider == p.ID {
		ref.Model = b.DefaultModel().Model
	}
	if ref.Model == "" {
		return store.ModelRef{}, usagef("give --model; the provider %s has no default one", p.ID)
	}
	return ref, nil
}

// switches reads the list of servers and tools. What it does not name is off.
func (o *askOptions) switches(ctx context.Context, b *bridge.Bridge) (store.Switches, error) {
	s := store.Switches{Off: true}
	if o.tools == "none" {
		return s, nil
	}
	list, err := b.Tools(ctx)
	if err != nil {
		return s, err
	}
	only := map[string]map[string]bool{}
	for _, name := range strings.Split(o.tools, ",") {
		name = strings.TrimSpace(name)
		if v, err := b.Server(name); err == nil {
			s = s.SetServer(v.Server.ID, true)
			continue
		}
		t, err := findTool(ctx, b, name)
		if err != nil {
			return s, fmt.Errorf("--tools names %q, which is no server and no tool: %w", name, err)
		}
		if only[t.Server] == nil {
			only[t.Server] = map[string]bool{}
		}
		only[t.Server][t.Tool] = true
	}
	for server, chosen := range only {
		if s.Servers[server] {
			continue // the whole server was named, too
		}
		s = s.SetServer(server, true)
		for _, t := range list {
			if t.Server == server {
				s = s.SetTool(server, t.Ref.Tool, chosen[t.Ref.Tool])
			}
		}
	}
	return s, nil
}

// askText streams the answer to stdout and tells of tool calls on stderr.
func (c *cli) askText(b *bridge.Bridge, conv store.Conversation, turn iter.Seq2[chat.Event, error]) error {
	printer := &textPrinter{out: c.session.Stdout, err: c.session.Stderr, hold: !c.session.StdoutTTY, names: map[string]string{}}
	for event, err := range turn {
		if err != nil {
			printer.end()
			told := err.Error() == printer.told
			if help := clientSide(b, err); help != "" {
				if !told {
					fmt.Fprintf(c.session.Stderr, "drawbridge: %s\n", visible(err.Error()))
				}
				fmt.Fprintf(c.session.Stderr, "drawbridge: %s\n", visible(help))
				told = true
			}
			if told {
				return exitCode(exitError)
			}
			return err
		}
		printer.print(event)
	}
	printer.end()
	if c.session.StdoutTTY {
		fmt.Fprintf(c.session.Stderr, "\n(go on with --conversation %s)\n", conv.ID)
	}
	return nil
}

// terminal answers for the person: by the flag, or by asking at the terminal.
type terminal struct {
	session *control.Session
	mode    string

	mu   sync.Mutex // one question at a time; protects read
	read *bufio.Reader
}

// Approve answers whether a call may run.
func (t *terminal) Approve(ctx context.Context, a chat.Approval) (tools.Answer, error) {
	switch {
	case t.mode == "always":
		return tools.AnswerOnce, nil
	case t.mode == "never", !t.session.StdinTTY:
		return tools.AnswerDeny, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	who := ""
	if a.Managed {
		who = ", on the provider's own connection,"
	}
	if a.Change != nil { // without its Accept, the call is refused as held
		fmt.Fprintf(t.session.Stderr, "\nThe server has changed the definition of %s since you have seen it, so its call is not run. Look at the change on the page of the servers in the window.\n", a.Tool.Ref)
		return tools.AnswerOnce, nil
	}
	fmt.Fprintf(t.session.Stderr, "\n%s wants to run%s with %s\n", a.Tool.Ref, who, visible(string(a.Call.Arguments)))
	choices := "Allow it [o]nce, in this [c]onversation, [a]lways, or [d]eny? "
	if len(a.After) > 0 {
		from := visible(strings.Join(a.After, ", "))
		fmt.Fprintf(t.session.Stderr, "Content from %s stands before this call and may have led to it.\n", from)
		choices = fmt.Sprintf("Allow it [o]nce, [a]fter content from %s in this conversation, or [d]eny? ", from)
	}
	for {
		fmt.Fprint(t.session.Stderr, choices)
		line, err := t.line(ctx)
		if err != nil {
			return tools.AnswerDeny, err
		}
		if len(a.After) > 0 {
			switch strings.ToLower(line) {
			case "o", "once", "y", "yes":
				return tools.AnswerOnce, nil
			case "a", "after":
				return tools.AnswerAfter, nil
			case "d", "deny", "n", "no", "":
				return tools.AnswerDeny, nil
			}
			continue
		}
		switch strings.ToLower(line) {
		case "o", "once", "y", "yes":
			return tools.AnswerOnce, nil
		case "c", "conversation":
			return tools.AnswerConversation, nil
		case "a", "always":
			return tools.AnswerAlways, nil
		case "d", "deny", "n", "no", "":
			return tools.AnswerDeny, nil
		}
	}
}

// Continue answers whether a turn that reached the step limit, or goes round in
// circles, goes on.
func (t *terminal) Continue(ctx context.Context, p chat.Pause) (bool, error) {
	if !t.session.StdinTTY {
		return false, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(t.session.Stderr, "\n%s Go on [y/N]? ", visible(p.String()))
	line, err := t.line(ctx)
	return strings.HasPrefix(strings.ToLower(line), "y"), err
}

func (t *terminal) line(ctx context.Context) (string, error) {
	if t.read == nil {
		t.read = bufio.NewReader(t.session.Stdin)
	}
	type result struct {
		line string
		err  error
	}
	got := make(chan result, 1)
	go func() {
		line, err := t.read.ReadString('\n')
		got <- result{strings.TrimSpace(line), err}
	}()
	select {
	case r := <-got:
		if errors.Is(r.err, io.EOF) {
			r.err = nil // no answer is a no
		}
		return r.line, r.err
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

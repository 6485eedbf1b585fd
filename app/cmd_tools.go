package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// maxArguments bounds what tools call reads from stdin.
const maxArguments = 16 << 20

func (c *cli) tools() *cobra.Command {
	return group("tools", "List tools, call one by hand, and say which may run unasked", c.toolsList(), c.toolsCall(), c.toolsAllow())
}

func (c *cli) toolsList() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use: "list", Short: "List the tools of all servers", Args: cobra.NoArgs,
		Long: `List the tools that a conversation could be offered: those of the servers that run,
or that can be started, apart from definitions that wait for your approval and
from tools that your rules forbid.
Beside each tool stands about how many tokens it takes in every request.

--format mcp prints the definitions as the servers gave them. The others print
the value of "tools" as it is sent: openai to Chat Completions, responses to
OpenAI's Responses, anthropic to Anthropic's Messages, gemini to Gemini.
Tools that cannot be sent are named on stderr, with the reason.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dialect, ok := bridge.Format(format).Dialect()
			if !ok && format != "" && format != string(bridge.FormatMCP) {
				return usagef("--format is mcp, openai, responses, anthropic or gemini, not %q", format)
			}
			b, err := c.started(cmd.Context())
			if err != nil {
				return err
			}
			views, err := b.Tools(cmd.Context())
			if err != nil {
				return err
			}
			list := make([]tools.Tool, 0, len(views))
			for _, v := range views {
				if v.Ruled == "" {
					list = append(list, v.Tool)
				} else {
					fmt.Fprintf(c.session.Stderr, "drawbridge: %s: the tool %q is left out: %s\n", v.ServerName, v.Ref.Tool, v.Ruled)
				}
			}
			c.printLeftOut(b)
			if format == string(bridge.FormatMCP) {
				return c.printJSON(mcpList(list))
			}
			table := tools.NewTable(list, dialect)
			c.printConversion(table, list)
			if format != "" {
				_, err := fmt.Fprintln(c.session.Stdout, string(tools.JSON(dialect.Format, table.Functions())))
				return err
			}
			w := tabwriter.NewWriter(c.session.Stdout, 0, 4, 2, ' ', 0)
			for _, f := range table.Functions() {
				summary, _, _ := strings.Cut(strings.TrimSpace(f.Description), "\n")
				fmt.Fprintf(w, "%s\t~%d tokens\t%s\n", f.Name, tools.EstimateTokens(len(f.JSON(dialect.Format))), summary)
			}
			return w.Flush()
		},
	}
	cmd.Flags().StringVar(&format, "format", "", "mcp, openai, responses, anthropic or gemini; a table for people if left out")
	return cmd
}

// printLeftOut names the tools that servers list and nobody can use.
func (c *cli) printLeftOut(b *bridge.Bridge) {
	for _, v := range b.Servers() {
		for _, l := range v.LeftOut {
			fmt.Fprintf(c.session.Stderr, "drawbridge: %s: the tool %q is left out: %s\n", v.Server.Name, l.Name, l.Reason)
		}
	}
}

// printConversion says what a service is not sent.
func (c *cli) printConversion(table *tools.Table, list []tools.Tool) {
	server := map[tools.Ref]string{}
	for _, t := range list {
		server[t.Ref] = t.ServerName
	}
	for _, l := range table.LeftOut() {
		fmt.Fprintf(c.session.Stderr, "drawbridge: %s: the tool %q is left out: %s\n", server[l.Ref], l.Ref.Tool, l.Reason)
	}
	for _, f := range table.Functions() {
		if f.Note != "" {
			fmt.Fprintf(c.session.Stderr, "drawbridge: %s: %s\n", f.Name, f.Note)
		}
	}
	if table.Over() > 0 {
		fmt.Fprintf(c.session.Stderr, "drawbridge: these are %d tools, and the service takes at most %d; a conversation with all of them gets a search over them in their place\n",
			len(table.Functions()), table.Dialect().MaxTools)
	}
}

func mcpList(list []tools.Tool) any {
	type item struct {
		Server string          `json:"server"`
		Tool   json.RawMessage `json:"tool"`
	}
	out := make([]item, 0, len(list))
	for _, t := range list {
		out = append(out, item{t.ServerName, t.Definition})
	}
	return out
}

// started returns the bridge with its servers started, as far as they can be.
func (c *cli) started(ctx context.Context) (*bridge.Bridge, error) {
	b, err := c.bridge(ctx)
	if err != nil {
		return nil, err
	}
	if err := b.KnowServers(ctx); err != nil {
		return nil, err
	}
	refs := false
	for _, v := range b.Servers() {
		refs = refs || !v.Server.Disabled && len(v.Server.Refs()) > 0
	}
	if err := c.unlock(ctx, b, refs); err != nil {
		return nil, err
	}
	if err := b.StartServers(ctx); err != nil {
		return nil, err
	}
	for _, v := range b.Servers() {
		if v.Error != "" {
			fmt.Fprintf(c.session.Stderr, "drawbridge: %s: %s\n", v.Server.Name, v.Error)
		}
	}
	return b, nil
}

func (c *cli) toolsCall() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "call SERVER__TOOL [JSON]",
		Short: "Call a tool; typing it is the approval of this call",
		Long: `Call a tool with a JSON object of arguments, or with what stdin holds if the
argument is -. Typing it is your approval of this one call; it overrides neither
a "never", nor a definition that waits for you. The exit code is 1 if the tool
reports an error.`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			arguments := "{}"
			if len(args) == 2 {
				arguments = args[1]
			}
			if arguments == "-" {
				text, err := io.ReadAll(io.LimitReader(c.session.Stdin, maxArguments+1))
				if err != nil {
					return fmt.Errorf("read the arguments from stdin: %w", err)
				}
				if len(text) > maxArguments {
					return usagef("the arguments on stdin are longer than 16 MB")
				}
				arguments = string(text)
			}
			if !json.Valid([]byte(arguments)) {
				return usagef("the arguments are no JSON; they should look like '{\"path\": \"notes.txt\"}'")
			}
			b, err := c.started(cmd.Context())
			if err != nil {
				return err
			}
			if err := c.byPerson(b, "tools call"); err != nil {
				return err
			}
			tool, err := findTool(cmd.Context(), b, args[0])
			if err != nil {
				return err
			}
			result := b.CallTool(bridge.WithElicitor(cmd.Context(), c.elicitor()), tools.Invocation{
				Client: tools.ClientCommand, CallID: store.NewID(), Ref: tool.Ref, Arguments: json.RawMessage(arguments),
			}, nil, nil)
			if asJSON {
				err = c.printJSON(result.Part(""))
			} else {
				c.printResult(result)
			}
			if err == nil && result.IsError {
				err = exitCode(exitError)
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the whole result as JSON")
	return cmd
}

// findTool takes the name that models get, or the server's and the tool's own
// names joined by two underscores.
func findTool(ctx context.Context, b *bridge.Bridge, name string) (tools.Tool, error) {
	views, err := b.Tools(ctx)
	if err != nil {
		return tools.Tool{}, err
	}
	list := make([]tools.Tool, 0, len(views))
	for _, v := range views {
		if v.ServerName+"__"+v.Ref.Tool == name {
			return v.Tool, nil
		}
		list = append(list, v.Tool)
	}
	if t, ok := tools.NewTable(list, tools.OpenAI).Lookup(name); ok {
		return t, nil
	}
	for _, v := range b.Servers() {
		for _, h := range v.Held {
			if v.Server.Name+"__"+h.Name == name {
				return tools.Tool{}, fmt.Errorf("the definition of %s changed and waits for your approval in the window (%w)", name, store.ErrHeld)
			}
		}
	}
	return tools.Tool{}, fmt.Errorf("there is no tool %q; drawbridge tools list shows those there are (%w)", name, store.ErrNotFound)
}

func (c *cli) printResult(r tools.Result) {
	out := c.session.Stdout
	if r.IsError {
		out = c.session.Stderr
	}
	for _, p := range r.Content {
		switch p := p.(type) {
		case store.Text:
			fmt.Fprintln(out, strings.TrimSuffix(p.Text, "\n"))
		case store.Image:
			fmt.Fprintf(out, "[image, %s, %d bytes; --json prints it]\n", p.MIMEType, len(p.Data))
		case store.File:
			fmt.Fprintf(out, "[file %s, %s, %d bytes; --json prints it]\n", p.Name+p.URI, p.MIMEType, len(p.Data))
		}
	}
	if len(r.Content) == 0 && len(r.Structured) > 0 {
		fmt.Fprintln(out, string(r.Structured))
	}
}

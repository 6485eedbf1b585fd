package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/store"
)

func (c *cli) conversations() *cobra.Command {
	return group("conversations", "List conversations, and go back or branch off in them",
		c.conversationsList(), c.conversationsShow(), c.conversationsRename(), c.conversationsDelete(),
		c.conversationsHead(), c.conversationsFork(), c.conversationsExport())
}

// conversationJSON is a conversation as --json prints it. The file of an export,
// which looks alike, is a format that later versions have to read, and has a form of
// its own in bridge/archive, so that neither changes with the other.
type conversationJSON struct {
	ID        string            `json:"id"`
	Title     string            `json:"title"`
	Named     bool              `json:"named,omitempty"`
	Head      string            `json:"head,omitempty"`
	Model     store.ModelRef    `json:"model"`
	System    string            `json:"system,omitempty"`
	Metadata  map[string]string `json:"metadata,omitempty"`
	Aside     []store.Used      `json:"aside,omitempty"`
	CreatedAt time.Time         `json:"created_at"`
	UpdatedAt time.Time         `json:"updated_at"`
	Messages  []messageJSON     `json:"messages,omitempty"`
}

type messageJSON struct {
	ID        string         `json:"id"`
	Parent    string         `json:"parent,omitempty"`
	Role      store.Role     `json:"role"`
	Status    store.Status   `json:"status"`
	Parts     store.Parts    `json:"parts"`
	Model     store.ModelRef `json:"model,omitzero"`
	Usage     store.Usage    `json:"usage,omitzero"`
	Error     string         `json:"error,omitempty"`
	CreatedAt time.Time      `json:"created_at"`
	Siblings  []string       `json:"siblings,omitempty"` // all in this place, the oldest first
}

func newConversationJSON(conv store.Conversation) conversationJSON {
	return conversationJSON{
		ID: conv.ID, Title: conv.Title, Named: conv.Named, Head: conv.Head, Model: conv.Model, System: conv.System,
		Metadata: conv.Metadata, Aside: conv.Aside, CreatedAt: conv.CreatedAt, UpdatedAt: conv.UpdatedAt,
	}
}

func (c *cli) conversationsList() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "list", Short: "List the conversations, the one used last first", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := c.bridge(cmd.Context())
			if err != nil {
				return err
			}
			list, err := b.Conversations(cmd.Context())
			if err != nil {
				return err
			}
			if asJSON {
				out := make([]conversationJSON, len(list))
				for i, conv := range list {
					out[i] = newConversationJSON(conv)
				}
				return c.printJSON(out)
			}
			w := tabwriter.NewWriter(c.session.Stdout, 0, 4, 2, ' ', 0)
			fmt.Fprintln(w, "ID\tUSED\tMODEL\tTITLE")
			for _, conv := range list {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", conv.ID, conv.UpdatedAt.Local().Format("2006-01-02 15:04"), visible(conv.Model.Model), visible(conv.Title))
			}
			return w.Flush()
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (c *cli) conversationsShow() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "show ID", Short: "Show a conversation with the ids of its messages", Args: cobra.ExactArgs(1),
		Long: `Show the branch of a conversation that is chosen now. Where a message was edited,
made again or branched off, its place among the others is shown with their ids.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := c.bridge(cmd.Context())
			if err != nil {
				return err
			}
			conv, err := b.Conversation(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			messages, err := b.Messages(cmd.Context(), conv.ID)
			if err != nil {
				return err
			}
			siblings, err := b.Siblings(cmd.Context(), conv.ID)
			if err != nil {
				return err
			}
			if !asJSON {
				fmt.Fprintf(c.session.Stdout, "%s\n", visible(cmp.Or(conv.Title, "(no title)")))
				for _, m := range messages {
					showMessage(c.session.Stdout, m, siblings[m.ID])
				}
				return nil
			}
			out := newConversationJSON(conv)
			for _, m := range messages {
				out.Messages = append(out.Messages, messageJSON{
					ID: m.ID, Parent: m.ParentID, Role: m.Role, Status: m.Status, Parts: m.Parts, Model: m.Model,
					Usage: m.Usage, Error: m.Error, CreatedAt: m.CreatedAt, Siblings: siblings[m.ID],
				})
			}
			return c.printJSON(out)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// showMessage prints a message for people.
func showMessage(w io.Writer, m store.Message, siblings []string) {
	fmt.Fprintf(w, "\n%s %s", m.Role, m.ID)
	if m.Model.Model != "" {
		fmt.Fprintf(w, " by %s/%s", visible(m.Model.Provider), visible(m.Model.Model))
	}
	if i := slices.Index(siblings, m.ID); i >= 0 {
		fmt.Fprintf(w, " (%d of %d:", i+1, len(siblings))
		for _, id := range siblings {
			fmt.Fprintf(w, " %s", id)
		}
		fmt.Fprint(w, ")")
	}
	fmt.Fprintln(w)
	for _, p := range m.Parts {
		switch p := p.(type) {
		case store.Text:
			fmt.Fprintln(w, visible(p.Text))
		case store.ToolCall:
			fmt.Fprintf(w, "→ %s %s\n", visible(p.Name), visible(string(p.Arguments)))
		case store.ToolResult:
			mark := "✓"
			if p.IsError {
				mark = "✗"
			}
			fmt.Fprintf(w, "%s %s\n", mark, visible(p.Content.Text()))
		case store.ManagedCall:
			fmt.Fprintf(w, "⇢ %s %s (run by the provider: %s)\n", visible(p.Server+"__"+p.Tool), visible(string(p.Arguments)), p.State)
		case store.Image:
			fmt.Fprintf(w, "[image, %s, %d bytes]\n", visible(p.MIMEType), len(p.Data))
		case store.File:
			fmt.Fprintf(w, "[file %s %s]\n", visible(p.Name), visible(p.URI))
		case store.Summary:
			fmt.Fprintf(w, "[what came before, in short]\n%s\n", visible(p.Text))
		}
	}
	if m.Error != "" {
		fmt.Fprintf(w, "(%s)\n", visible(m.Error))
	}
}

func (c *cli) conversationsRename() *cobra.Command {
	return &cobra.Command{
		Use: "rename ID TITLE", Short: "Give a conversation a title, which then stays", Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := c.changing(cmd, "conversations rename")
			if err != nil {
				return err
			}
			return b.RenameConversation(cmd.Context(), args[0], args[1])
		},
	}
}

func (c *cli) conversationsDelete() *cobra.Command {
	return &cobra.Command{
		Use: "delete ID", Short: "Delete a conversation with all its branches", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := c.changing(cmd, "conversations delete")
			if err != nil {
				return err
			}
			return b.DeleteConversation(cmd.Context(), args[0])
		},
	}
}

func (c *cli) conversationsHead() *cobra.Command {
	var newest, asJSON bool
	cmd := &cobra.Command{
		Use: "head ID MESSAGE", Short: "Go back, or over to another branch", Args: cobra.ExactArgs(2),
		Long: `Make a message the last one of its conversation, so that the next turn goes on
from there. Nothing is removed: what came after it stays on its own branch. With
--newest the branch of the message is shown down to its newest message.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := c.changing(cmd, "conversations head")
			if err != nil {
				return err
			}
			move := b.SetHead
			if newest {
				move = b.SwitchBranch
			}
			head, err := move(cmd.Context(), args[0], args[1])
			if err != nil {
				return err
			}
			if asJSON {
				return c.printJSON(map[string]string{"id": args[0], "head": head})
			}
			fmt.Fprintf(c.session.Stdout, "%s\n", head)
			return nil
		},
	}
	cmd.Flags().BoolVar(&newest, "newest", false, "down to the newest message of the branch")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (c *cli) conversationsFork() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "fork ID [MESSAGE]", Short: "Copy a conversation up to a message into a new one", Args: cobra.RangeArgs(1, 2),
		Long: `Copy a conversation up to a message, or all that it shows, into a new one with the
same model, tools and system prompt, and print the new one's id. What you allowed
"in this conversation" does not go along.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := c.changing(cmd, "conversations fork")
			if err != nil {
				return err
			}
			conv, err := b.Fork(cmd.Context(), args[0], append(args, "")[1])
			if err != nil {
				return err
			}
			if asJSON {
				return c.printJSON(newConversationJSON(conv))
			}
			fmt.Fprintf(c.session.Stdout, "%s\n", conv.ID)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// changing returns the bridge for a command that only a person may give.
func (c *cli) changing(cmd *cobra.Command, what string) (*bridge.Bridge, error) {
	b, err := c.bridge(cmd.Context())
	if err != nil {
		return nil, err
	}
	return b, c.byPerson(b, what)
}

package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/drawbridge-app/drawbridge/store"
)

func (c *cli) presets() *cobra.Command {
	return group("presets", "Keep system prompts by name", c.presetsList(), c.presetsSet(), c.presetsRemove())
}

func (c *cli) presetsList() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "list", Short: "List the presets", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := c.bridge(cmd.Context())
			if err != nil {
				return err
			}
			list := b.Presets()
			if asJSON {
				return c.printJSON(append([]store.PromptPreset{}, list...))
			}
			w := tabwriter.NewWriter(c.session.Stdout, 0, 4, 2, ' ', 0)
			fmt.Fprintln(w, "NAME\tSYSTEM PROMPT")
			for _, p := range list {
				line, more, _ := strings.Cut(p.System, "\n")
				if more != "" {
					line += " …"
				}
				fmt.Fprintf(w, "%s\t%s\n", visible(p.Name), visible(line))
			}
			return w.Flush()
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (c *cli) presetsSet() *cobra.Command {
	return &cobra.Command{
		Use: "set NAME TEXT", Short: "Keep a system prompt under a name", Args: cobra.ExactArgs(2),
		Long: `Keep a system prompt under a name, in place of the one that has it; "-" reads it
from stdin. Conversations that took the old one keep it.`,
		Example: `  drawbridge presets set brief "Answer in one sentence."
  drawbridge ask --preset brief "Why is the sky blue?"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := c.prompt(args[1:])
			if err != nil {
				return err
			}
			b, err := c.changing(cmd, "presets set")
			if err != nil {
				return err
			}
			return b.SetPreset(store.PromptPreset{Name: args[0], System: text})
		},
	}
}

func (c *cli) presetsRemove() *cobra.Command {
	return &cobra.Command{
		Use: "remove NAME", Short: "Forget a preset", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := c.changing(cmd, "presets remove")
			if err != nil {
				return err
			}
			return b.RemovePreset(args[0])
		},
	}
}

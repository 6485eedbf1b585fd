package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
)

// toolsAllow sets a tool's lasting answer.
func (c *cli) toolsAllow() *cobra.Command {
	var never, ask bool
	cmd := &cobra.Command{
		Use: "allow SERVER__TOOL", Short: "Have a tool run without being asked about", Args: cobra.ExactArgs(1),
		Long: `Keep your answer for a tool: it runs without a question from now on, for
conversations and for other apps, unless a rule or the limits of a key forbid it.
With --ask each call is asked about again, with --never all are refused.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if never && ask {
				return usagef("--never and --ask exclude each other")
			}
			b, err := c.started(cmd.Context())
			if err != nil {
				return err
			}
			if err := c.byPerson(b, "tools allow"); err != nil {
				return err
			}
			tool, err := findTool(cmd.Context(), b, args[0])
			if err != nil {
				return err
			}
			answer, said := tools.AnswerAlways, "runs without being asked about"
			switch {
			case never:
				answer, said = tools.AnswerNever, "is refused"
			case ask:
				answer, said = "", "is asked about"
			}
			if err := b.SetStandingAnswer(cmd.Context(), tool.Ref, answer); err != nil {
				return err
			}
			fmt.Fprintf(c.session.Stdout, "%s %s from now on.\n", visible(tool.Ref.String()), said)
			return nil
		},
	}
	cmd.Flags().BoolVar(&never, "never", false, "refuse every call")
	cmd.Flags().BoolVar(&ask, "ask", false, "ask about each call")
	return cmd
}

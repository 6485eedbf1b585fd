package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

func (c *cli) serversExport() *cobra.Command {
	var output string
	var asJSON bool
	cmd := &cobra.Command{
		Use: "export [NAME…]", Short: "Write servers as the config.yaml of LiteLLM's proxy",
		Long: `Write servers, all of them if none is named, as the config.yaml of LiteLLM's proxy:
addresses and commands, ways to sign in, access groups, allowed tools and
parameters. No secret is written: each is os.environ/NAME, and the names of the
variables that the proxy has to be started with are listed on stderr, with what
they hold. What the proxy cannot do is said there, too.`,
		Example: `  drawbridge servers export -o config.yaml
  drawbridge servers export github wiki >> config.yaml`,
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := c.bridge(cmd.Context())
			if err != nil {
				return err
			}
			l, err := b.ExportLiteLLM(args...)
			if err != nil {
				return err
			}
			if output == "" && !asJSON {
				if _, err := c.session.Stdout.Write(l.Config); err != nil {
					return err
				}
			}
			if output != "" {
				path := c.inDir(output)
				f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
				if err != nil {
					return fmt.Errorf("write %s: %w", path, err)
				}
				_, err = f.Write(l.Config)
				if closed := f.Close(); err == nil {
					err = closed
				}
				if err != nil {
					return fmt.Errorf("write %s: %w", path, err)
				}
			}
			if asJSON {
				type variable struct {
					Name  string `json:"name"`
					Holds string `json:"holds"`
				}
				out := struct {
					Config    string     `json:"config"`
					Variables []variable `json:"variables"`
					Notes     []string   `json:"notes,omitempty"`
				}{Config: string(l.Config), Variables: []variable{}, Notes: l.Notes}
				for _, v := range l.Variables {
					out.Variables = append(out.Variables, variable(v))
				}
				return c.printJSON(out)
			}
			w := c.session.Stderr
			if len(l.Variables) > 0 {
				fmt.Fprintln(w, "Start the proxy with these variables:")
			}
			for _, v := range l.Variables {
				fmt.Fprintf(w, "  %s: %s\n", v.Name, visible(v.Holds))
			}
			for _, note := range l.Notes {
				fmt.Fprintf(w, "- %s\n", visible(note))
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "write to this file, which must not be there yet")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the file, the variables and the notes as JSON")
	return cmd
}

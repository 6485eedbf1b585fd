package main

import (
	"bufio"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/store"
)

func (c *cli) serversApprove() *cobra.Command {
	var hash string
	var asJSON bool
	cmd := &cobra.Command{
		Use: "approve NAME", Short: "Look at the exact command of a server that waits, and let it run", Args: cobra.ExactArgs(1),
		Long: `Show the exact command or address of a server that was imported or changed, and
let it run once you have typed yes. Without a terminal, --hash is the word: the
hash that servers import --json or this command printed, so that what is approved
is what was seen.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			b, err := c.bridge(ctx)
			if err != nil {
				return err
			}
			if err := c.byPerson(b, "servers approve"); err != nil {
				return err
			}
			v, err := knownServer(ctx, b, args[0])
			if err != nil {
				return err
			}
			seen := v.Server.Hash()
			if hash == "" {
				if asJSON {
					return c.printJSON(draftOutput(setup.Draft{Config: v.Server}))
				}
				fmt.Fprintf(c.session.Stdout, "%s runs: %s\n", visible(v.Server.Name), visible(runs(v.Server)))
				c.printDraft(setup.Draft{Config: v.Server})
				if !c.session.StdinTTY {
					fmt.Fprintf(c.session.Stdout, "to approve exactly this: drawbridge servers approve %s --hash %s\n", setup.Join(v.Server.Name), seen)
					return nil
				}
				fmt.Fprint(c.session.Stderr, "It runs with your rights each time it starts. Type yes to approve it: ")
				line, err := bufio.NewReader(c.session.Stdin).ReadString('\n')
				if err != nil || strings.TrimSpace(line) != "yes" {
					return fmt.Errorf("it was not approved (%w)", store.ErrDenied)
				}
			} else {
				seen = hash
			}
			if err := b.ApproveServer(ctx, v.Server.ID, seen); err != nil {
				return err
			}
			if asJSON {
				return c.printJSON(describeServer(mcphost.Status{Server: v.Server, State: mcphost.Stopped}, nil, 0))
			}
			fmt.Fprintf(c.session.Stdout, "approved %s\n", visible(v.Server.Name))
			return nil
		},
	}
	cmd.Flags().StringVar(&hash, "hash", "", "the hash of the configuration that you have seen")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// addBundle adds the server of a bundle; it waits for its approval, since what
// it runs stands in the bundle and was not typed.
func (c *cli) addBundle(cmd *cobra.Command, path, name string, answers []string, asJSON bool) error {
	ctx := cmd.Context()
	b, err := c.bridge(ctx)
	if err != nil {
		return err
	}
	if err := c.byPerson(b, "servers add"); err != nil {
		return err
	}
	if err := b.KnowServers(ctx); err != nil {
		return err
	}
	d, err := b.OpenBundle(ctx, c.inDir(path))
	if err != nil {
		return err
	}
	if name != "" {
		d = d.Rename(name)
	}
	given, err := parseAnswers(answers)
	if err != nil {
		return err
	}
	if d, err = c.fill(ctx, d, given); err != nil {
		return err
	}
	if err := c.unlock(ctx, b, len(d.Secrets) > 0); err != nil {
		return err
	}
	added, err := b.AddServer(ctx, d, false)
	if err != nil {
		return err
	}
	if asJSON {
		return c.printJSON(draftOutput(setup.Draft{Config: added, Notes: d.Notes, Warnings: d.Warnings}))
	}
	fmt.Fprintf(c.session.Stdout, "%s runs: %s\n", visible(added.Name), visible(runs(added)))
	c.printDraft(d)
	c.printAdded([]store.ServerConfig{added})
	return nil
}

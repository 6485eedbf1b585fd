package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/store"
)

// The modes of a server.
const (
	modeClient   = "client"
	modeProvider = "provider"
)

func modeOf(c store.ServerConfig) string {
	if bridge.ManagedOf(c).On {
		return modeProvider
	}
	return modeClient
}

func (c *cli) serversMode() *cobra.Command {
	var asJSON, release bool
	cmd := &cobra.Command{
		Use: "mode NAME [client|provider]", Short: "Say who connects to a server: Drawbridge, or the provider itself", Args: cobra.RangeArgs(1, 2),
		Long: `Say who runs a server's tools. With "client" Drawbridge does, as for every server
at first. With "provider" a provider that can do so (OpenAI's Responses API,
Anthropic's connector) connects to the server itself: it gets the address and the
headers, tokens included, with each request. Only a server with a public https
address can be handed over, and only the tools that you permit are.

What a provider tells of a server is held against what you have seen. Where it
differs, no provider gets the server until you have looked; --release is your
word that you have.`,
		Example: `  drawbridge servers mode docs provider
  drawbridge servers mode docs client
  drawbridge servers mode docs --release`,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			b, err := c.bridge(ctx)
			if err != nil {
				return err
			}
			if len(args) == 2 || release {
				if err := c.byPerson(b, "servers mode"); err != nil {
					return err
				}
			}
			v, err := knownServer(ctx, b, args[0])
			if err != nil {
				return err
			}
			if len(args) == 2 {
				if args[1] != modeClient && args[1] != modeProvider {
					return usagef("the mode is client or provider, not %q", args[1])
				}
				if err := b.SetServerManaged(ctx, v.Server.ID, args[1] == modeProvider); err != nil {
					return err
				}
			}
			if release && v.Managed.Hold != nil {
				if err := b.ReleaseManaged(ctx, v.Server.ID, v.Managed.Hold.Hash); err != nil {
					return err
				}
				v.Managed.Hold = nil
			}
			if len(args) == 2 {
				v.Server.Managed = args[1] == modeProvider
			}
			if asJSON {
				return c.printJSON(viewJSON(v))
			}
			fmt.Fprintf(c.session.Stdout, "%s: %s\n", v.Server.Name, modeOf(v.Server))
			if m := bridge.ManagedOf(v.Server); !m.Can {
				fmt.Fprintf(c.session.Stdout, "  %s\n", m.Why)
			} else if h := v.Managed.Hold; h != nil && m.On {
				fmt.Fprintf(c.session.Stdout, "  held: %s\n", visible(h.Reason))
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().BoolVar(&release, "release", false, "hand the server over again after you have looked at a difference")
	return cmd
}

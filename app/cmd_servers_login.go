package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
)

// signInJSON is a sign-in in the output of --json.
type signInJSON struct {
	SignedIn bool       `json:"signed_in"`
	Needed   bool       `json:"needed,omitempty"`
	Waiting  bool       `json:"waiting,omitempty"`
	Program  bool       `json:"by_program,omitempty"`
	Issuer   string     `json:"issuer,omitempty"`
	Account  string     `json:"account,omitempty"`
	Expires  *time.Time `json:"expires,omitempty"`
	Renews   bool       `json:"renews,omitempty"`
	Scopes   []string   `json:"scopes,omitempty"`
	Missing  []string   `json:"missing_scopes,omitempty"`
	Error    string     `json:"error,omitempty"`
	Note     string     `json:"note,omitempty"`
}

func describeSignIn(s *mcphost.SignIn) *signInJSON {
	if s == nil || !s.SignedIn && !s.Needed && !s.Waiting && !s.ByProgram && s.Error == "" {
		return nil
	}
	j := &signInJSON{
		SignedIn: s.SignedIn, Needed: s.Needed, Waiting: s.Waiting, Program: s.ByProgram, Issuer: s.Issuer, Account: s.Account,
		Renews: s.Renews, Scopes: s.Scopes, Missing: s.Missing, Error: s.Error, Note: s.Note,
	}
	if !s.Expires.IsZero() {
		at := s.Expires.UTC().Truncate(time.Second)
		j.Expires = &at
	}
	return j
}

func (c *cli) serversLogin() *cobra.Command {
	var asJSON, noBrowser bool
	var origins []string
	cmd := &cobra.Command{
		Use: "login NAME", Short: "Sign in to a server with your browser", Args: cobra.ExactArgs(1),
		Long: `Sign in to a server. Your browser opens where the server says that one signs in,
and this command waits up to five minutes for its answer, which comes to this
computer. The tokens go into the keychain and are renewed by themselves. A server
that signs in as a program does so without a browser.

A server may send the sign-in to this computer or into a private network only
where --allow-origin permits that place, once and for all.`,
		Example: `  drawbridge servers login work
  drawbridge servers login work --allow-origin http://127.0.0.1:9000`,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			b, v, err := c.signsIn(ctx, "servers login", args[0])
			if err != nil {
				return err
			}
			for _, origin := range origins {
				if err := b.PermitOrigin(ctx, v.Server.ID, origin); err != nil {
					return err
				}
			}
			if len(origins) > 0 {
				if err := b.KnowServers(ctx); err != nil {
					return err
				}
			}
			err = b.SignIn(ctx, v.Server.ID, func(ctx context.Context, address string) error {
				fmt.Fprintf(c.session.Stderr, "Sign in to %s at this address:\n  %s\n", v.Server.Name, address)
				if noBrowser {
					return nil
				}
				if err := openBrowser(ctx, address); err != nil {
					fmt.Fprintf(c.session.Stderr, "The browser was not opened: %v. Open the address yourself, on this computer.\n", err)
				}
				return nil
			})
			if origin, private := bridge.PrivateOrigin(err); private {
				return fmt.Errorf("%w. If you know it, run: drawbridge servers login %s --allow-origin %s", err, v.Server.Name, origin)
			}
			if err != nil {
				return err
			}
			return c.printSignIn(ctx, b, v.Server.ID, asJSON)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&noBrowser, "no-browser", false, "print the address alone, for you to open")
	f.StringArrayVar(&origins, "allow-origin", nil, "private place that the server may send the sign-in to (repeatable)")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// signsIn returns the server whose sign-in a command is about to change, with the
// place for secrets unlocked. Only a person may do that.
func (c *cli) signsIn(ctx context.Context, command, name string) (*bridge.Bridge, bridge.ServerView, error) {
	b, err := c.bridge(ctx)
	if err != nil {
		return nil, bridge.ServerView{}, err
	}
	if err := c.byPerson(b, command); err != nil {
		return nil, bridge.ServerView{}, err
	}
	v, err := knownServer(ctx, b, name)
	if err != nil {
		return nil, bridge.ServerView{}, err
	}
	return b, v, c.unlock(ctx, b, true)
}

// printSignIn says how the sign-in stands.
func (c *cli) printSignIn(ctx context.Context, b *bridge.Bridge, id string, asJSON bool) error {
	v, err := knownServer(ctx, b, id)
	if err != nil {
		return err
	}
	if asJSON {
		return c.printJSON(viewJSON(v))
	}
	s := v.SignIn
	if s == nil || !s.SignedIn {
		fmt.Fprintf(c.session.Stdout, "signed out of %s\n", v.Server.Name)
		return nil
	}
	line := "signed in to " + v.Server.Name
	if s.Account != "" {
		line += " as " + visible(s.Account)
	}
	fmt.Fprintln(c.session.Stdout, line)
	if s.Note != "" {
		fmt.Fprintf(c.session.Stderr, "drawbridge: %s\n", visible(s.Note))
	}
	return nil
}

func (c *cli) serversLogout() *cobra.Command {
	var asJSON, forget bool
	cmd := &cobra.Command{
		Use: "logout NAME", Short: "Sign out of a server and forget its tokens", Args: cobra.ExactArgs(1),
		Long: `Sign out of a server: its tokens are revoked where the server offers that, and
forgotten here in any case. With --forget, what Drawbridge is registered as there
is forgotten too, so that the next sign-in begins from nothing.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			b, v, err := c.signsIn(ctx, "servers logout", args[0])
			if err != nil {
				return err
			}
			if err := b.SignOut(ctx, v.Server.ID, forget); err != nil {
				return err
			}
			return c.printSignIn(ctx, b, v.Server.ID, asJSON)
		},
	}
	cmd.Flags().BoolVar(&forget, "forget", false, "forget what Drawbridge is registered as there, too")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

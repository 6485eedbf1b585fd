package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/store"
)

func (c *cli) secret() *cobra.Command {
	return group("secret", "Keep keys and tokens in the keychain",
		c.secretSet(), c.secretList(), c.secretRemove(), c.secretPassphrase())
}

func (c *cli) secretSet() *cobra.Command {
	return &cobra.Command{
		Use: "set NAME", Short: "Keep a secret; its value is asked for, or read from stdin", Args: cobra.ExactArgs(1),
		Long: `Keep a secret. Its value is asked for without being shown, or is the first line
of stdin. A provider's key is called provider/NAME/key; a name without a slash
is your own, and the environment or headers of a server can refer to it as
${secret:NAME}.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := c.bridge(cmd.Context())
			if err != nil {
				return err
			}
			if err := c.byPerson(b, "secret set"); err != nil {
				return err
			}
			ref := store.SecretRef(args[0])
			if got := store.RefTo(ref).Refs(); len(got) != 1 || got[0] != ref {
				return usagef("%q is no name for a secret; leave out blanks, braces and $", args[0])
			}
			if err := c.unlock(cmd.Context(), b, true); err != nil {
				return err
			}
			value, err := c.session.ReadSecret(cmd.Context(), "Value: ")
			if err != nil {
				return err
			}
			if value.Empty() {
				return usagef("the value is empty; drawbridge secret remove forgets one")
			}
			return b.SetSecret(cmd.Context(), ref, value)
		},
	}
}

func (c *cli) secretList() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "list", Short: "List the names of the secrets", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := c.bridge(cmd.Context())
			if err != nil {
				return err
			}
			refs, err := b.Secrets(cmd.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return c.printJSON(append([]store.SecretRef{}, refs...))
			}
			for _, ref := range refs {
				fmt.Fprintln(c.session.Stdout, ref)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (c *cli) secretRemove() *cobra.Command {
	return &cobra.Command{
		Use: "remove NAME", Short: "Forget a secret", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := c.bridge(cmd.Context())
			if err != nil {
				return err
			}
			if err := c.byPerson(b, "secret remove"); err != nil {
				return err
			}
			if err := c.unlock(cmd.Context(), b, true); err != nil {
				return err
			}
			return b.RemoveSecret(cmd.Context(), store.SecretRef(args[0]))
		},
	}
}

func (c *cli) secretPassphrase() *cobra.Command {
	return &cobra.Command{
		Use: "passphrase", Short: "Where there is no keychain: keep secrets in a file sealed by a passphrase", Args: cobra.NoArgs,
		Long: `Where the system has no keychain, keep secrets in a file of Drawbridge's folder
that a passphrase seals. The passphrase is asked for, or is the first line of
stdin. Later commands that need a secret ask for it again.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := c.bridge(cmd.Context())
			if err != nil {
				return err
			}
			if err := c.byPerson(b, "secret passphrase"); err != nil {
				return err
			}
			if s := b.SecretState(cmd.Context()); s.Place == store.SecretsKeychain {
				return fmt.Errorf("this system has a keychain, and your secrets are in it (%w)", store.ErrExists)
			}
			value, err := c.session.ReadSecret(cmd.Context(), "Passphrase: ")
			if err != nil {
				return err
			}
			if c.session.StdinTTY {
				again, err := c.session.ReadSecret(cmd.Context(), "Once more: ")
				if err != nil {
					return err
				}
				if again.Reveal() != value.Reveal() {
					return fmt.Errorf("the two differ; nothing was changed")
				}
			}
			return b.UsePassphrase(cmd.Context(), value)
		},
	}
}

// unlock makes secrets readable where the command wants some: it asks for the
// passphrase at a terminal, and otherwise has the next use of a secret say
// what is wrong.
func (c *cli) unlock(ctx context.Context, b *bridge.Bridge, wanted bool) error {
	if !wanted {
		return nil
	}
	s := b.SecretState(ctx)
	if !s.Locked || !c.session.StdinTTY {
		return nil
	}
	if s.Place == store.SecretsKeychain {
		fmt.Fprintln(c.session.Stderr, "The keychain is locked; its dialog asks for the password.")
		return b.UnlockSecrets(ctx)
	}
	value, err := c.session.ReadSecret(ctx, "Passphrase: ")
	if err != nil {
		return err
	}
	return b.UsePassphrase(ctx, value)
}

package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/store"
)

func (c *cli) providers() *cobra.Command {
	return group("providers", "List providers of models, and set one up", c.providersList(), c.providersSet())
}

func (c *cli) providersList() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "list", Short: "List the providers", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := c.bridge(cmd.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return c.printJSON(b.Providers())
			}
			w := tabwriter.NewWriter(c.session.Stdout, 0, 4, 2, ' ', 0)
			fmt.Fprintln(w, "NAME\tTYPE\tMODEL\tADDRESS")
			for _, p := range b.Providers() {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", p.ID, p.Kind, p.Model, p.BaseURL)
			}
			return w.Flush()
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (c *cli) providersSet() *cobra.Command {
	var (
		kind, baseURL, model, title string
		headers, secretHeaders      []string
		noKey, asJSON               bool
	)
	cmd := &cobra.Command{
		Use:   "set NAME --type responses|chat --base-url URL",
		Short: "Set up a provider, or change one",
		Long: `Set up a provider of models, or change the one of that name. Its key is kept
apart: drawbridge secret set provider/NAME/key.`,
		Example: `  drawbridge providers set openai --type responses --base-url https://api.openai.com/v1
  drawbridge providers set ollama --type chat --base-url http://127.0.0.1:11434/v1 --no-key`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := c.bridge(cmd.Context())
			if err != nil {
				return err
			}
			if err := c.byPerson(b, "providers set"); err != nil {
				return err
			}
			plain, err := pairs(headers, "--header")
			if err != nil {
				return err
			}
			p := store.ProviderConfig{
				ID: args[0], Name: title, Kind: store.ProviderKind(kind), BaseURL: baseURL,
				Headers: plain, Model: model, NoKey: noKey,
			}
			secrets := map[store.SecretRef]store.Secret{}
			for _, h := range secretHeaders {
				ref := store.ProviderSecret(p.ID, "header/"+h)
				if secrets[ref], err = c.session.ReadSecret(cmd.Context(), fmt.Sprintf("Value of %s: ", h)); err != nil {
					return fmt.Errorf("read the value of %s: %w", h, err)
				}
				p.Headers[h] = store.RefTo(ref)
			}
			if err := p.Validate(); err != nil {
				return err
			}
			if err := c.unlock(cmd.Context(), b, len(secrets) > 0); err != nil {
				return err
			}
			for _, ref := range slices.Sorted(maps.Keys(secrets)) {
				if err := b.SetSecret(cmd.Context(), ref, secrets[ref]); err != nil {
					return err
				}
			}
			if err := b.SetProvider(cmd.Context(), p, nil); err != nil {
				return err
			}
			if asJSON {
				return c.printJSON(p)
			}
			fmt.Fprintf(c.session.Stdout, "set %s: %s at %s\n", p.ID, p.Kind, p.BaseURL)
			return c.hintKey(cmd.Context(), b, p)
		},
	}
	f := cmd.Flags()
	f.StringVar(&kind, "type", "", "responses (OpenAI Responses) or chat (Chat Completions)")
	f.StringVar(&baseURL, "base-url", "", "address up to the version, such as https://api.openai.com/v1")
	f.StringVar(&model, "model", "", "model that is chosen by default")
	f.StringVar(&title, "title", "", "name for people")
	f.StringArrayVar(&headers, "header", nil, "further HTTP header, NAME=VALUE (repeatable)")
	f.StringArrayVar(&secretHeaders, "secret-header", nil, "further HTTP header whose value is asked for (repeatable)")
	f.BoolVar(&noKey, "no-key", false, "the service wants no key")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	for _, name := range []string{"type", "base-url"} {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic("drawbridge: " + err.Error())
		}
	}
	return cmd
}

// hintKey tells how to store the key where it is missing.
func (c *cli) hintKey(ctx context.Context, b *bridge.Bridge, p store.ProviderConfig) error {
	if p.NoKey {
		return nil
	}
	refs, err := b.Secrets(ctx)
	if err != nil {
		return err
	}
	if ref := store.ProviderSecret(p.ID, "key"); !slices.Contains(refs, ref) {
		fmt.Fprintf(c.session.Stdout, "it has no key yet: drawbridge secret set %s\n", ref)
	}
	return nil
}

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

package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/store"
)

func (c *cli) providers() *cobra.Command {
	return group("providers", "List providers of models and what they offer, and set one up",
		c.providersList(), c.providersSet(), c.providersModels(), c.providersRemove())
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

// listedModel is a model as providers models --json prints it.
type listedModel struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
	store.ModelLimits
}

func (c *cli) providersModels() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "models NAME", Short: "List the models of a provider, with what they take and cost", Args: cobra.ExactArgs(1),
		Long: `List the models of a provider: the tokens that a request and its answer may take
together, those of an answer, and the prices of a million tokens in US dollars.
What is not known is left empty; providers set has --context, --max-output and
--price for it.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := c.bridge(cmd.Context())
			if err != nil {
				return err
			}
			p, err := b.Provider(args[0])
			if err != nil {
				return err
			}
			if err := c.unlock(cmd.Context(), b, !p.NoKey); err != nil {
				return err
			}
			list, err := b.Models(cmd.Context(), p.ID)
			if err != nil {
				return err
			}
			if asJSON {
				out := make([]listedModel, 0, len(list))
				for _, m := range list {
					out = append(out, listedModel{m.ID, m.Name, m.Limits})
				}
				return c.printJSON(out)
			}
			w := tabwriter.NewWriter(c.session.Stdout, 0, 4, 2, ' ', 0)
			fmt.Fprintln(w, "MODEL\tCONTEXT\tANSWER\tINPUT $\tCACHED $\tOUTPUT $")
			for _, m := range list {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", visible(m.ID), amount(float64(m.Limits.Context)), amount(float64(m.Limits.MaxOutput)),
					amount(m.Limits.Input), amount(m.Limits.Cached), amount(m.Limits.Output))
			}
			return w.Flush()
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// amount writes a number, and nothing for one that is not known.
func amount(n float64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatFloat(n, 'f', -1, 64)
}

func (c *cli) providersRemove() *cobra.Command {
	return &cobra.Command{
		Use: "remove NAME", Short: "Forget a provider, its key and its secret headers", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := c.bridge(cmd.Context())
			if err != nil {
				return err
			}
			if err := c.byPerson(b, "providers remove"); err != nil {
				return err
			}
			if err := c.unlock(cmd.Context(), b, true); err != nil {
				return err
			}
			if err := b.RemoveProvider(cmd.Context(), args[0]); err != nil {
				return err
			}
			fmt.Fprintf(c.session.Stdout, "removed %s\n", args[0])
			return nil
		},
	}
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

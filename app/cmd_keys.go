package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/store"
)

func (c *cli) keys() *cobra.Command {
	return group("keys", "Make, list and revoke the keys of other apps", c.keysAdd(), c.keysList(), c.keysRevoke())
}

// limitFlags are the limits of a key, a team or an organisation.
type limitFlags struct {
	servers, groups, tools, providers, models []string
	minute, day                               int
	tokens                                    int64
	cost                                      float64
	expires                                   string
	withModels, approve, noApprove            bool
	flags                                     *pflag.FlagSet
}

func (l *limitFlags) register(f *pflag.FlagSet, key bool) {
	l.flags = f
	f.StringArrayVar(&l.servers, "server", nil, "a server that may be seen (repeatable; all, if no server and no group is named)")
	f.StringArrayVar(&l.groups, "group", nil, "an access group whose servers may be seen (repeatable)")
	f.StringArrayVar(&l.tools, "tool", nil, "a tool that may be called: SERVER__TOOL, SERVER__* or a bare name (repeatable)")
	f.IntVar(&l.minute, "per-minute", 0, "how many tools may be called in a minute")
	f.IntVar(&l.day, "per-day", 0, "how many tools may be called in a day")
	f.StringVar(&l.expires, "expires", "", "when it ends: a time from now such as 12h or 30d, or a date such as 2027-01-31")
	if key {
		f.BoolVar(&l.withModels, "models", false, "let it ask models, too")
		f.BoolVar(&l.approve, "may-approve", false, "have an answer of the app count as yours")
	} else {
		f.BoolVar(&l.noApprove, "no-approve", false, "have no answer of its apps count as yours, whatever a key says")
	}
	f.StringArrayVar(&l.providers, "provider", nil, "a provider whose models may be asked (repeatable)")
	f.StringArrayVar(&l.models, "model", nil, "a model that may be asked (repeatable)")
	f.Int64Var(&l.tokens, "tokens-per-day", 0, "how many tokens of models may be used in a day")
	f.Float64Var(&l.cost, "cost-per-day", 0, "how many US dollars models may cost in a day")
}

func (l *limitFlags) limits(now time.Time) (store.Limits, error) {
	out := store.Limits{
		Servers: l.servers, Groups: l.groups, Tools: l.tools, CallsPerMinute: l.minute, CallsPerDay: l.day,
		MayApprove: l.approve, NoApprove: l.noApprove,
	}
	if l.expires != "" {
		at, err := expiry(l.expires, now)
		if err != nil {
			return out, err
		}
		out.Expires = at
	}
	if l.withModels || l.providers != nil || l.models != nil || l.tokens != 0 || l.cost != 0 {
		out.Models = &store.ModelAccess{Providers: l.providers, Models: l.models, TokensPerDay: l.tokens, CostPerDay: l.cost}
	}
	return out, out.Validate()
}

// expiry reads 12h, 30d or 2027-01-31.
func expiry(s string, now time.Time) (time.Time, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		var n int
		if _, err := fmt.Sscanf(days, "%d", &n); err == nil && fmt.Sprint(n) == days && n > 0 && n < 100_000 {
			return now.AddDate(0, 0, n), nil
		}
	}
	if d, err := time.ParseDuration(s); err == nil && d > 0 {
		return now.Add(d), nil
	}
	if at, err := time.ParseInLocation("2006-01-02", s, now.Location()); err == nil && at.After(now) {
		return at, nil
	}
	return time.Time{}, usagef("--expires takes a time from now such as 12h or 30d, or a date to come such as 2027-01-31, not %q", s)
}

func (c *cli) keysAdd() *cobra.Command {
	var limits limitFlags
	var team string
	var asJSON bool
	cmd := &cobra.Command{
		Use: "add NAME", Short: "Make a key for another app, and show it this once", Args: cobra.ExactArgs(1),
		Long: `Make a key with which another app may use your servers through the gateway. It is
shown this once: what is kept is a hash. Without limits it sees every server that
runs; what your rules forbid is forbidden to it, too. A key in a team is bound by
the team's limits and its organisation's as well.`,
		Example: `  drawbridge keys add cursor --group code --per-day 500
  drawbridge keys add script --server files --tool files__read_file --expires 30d`,
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := c.personal(cmd.Context(), "keys add")
			if err != nil {
				return err
			}
			l, err := limits.limits(time.Now())
			if err != nil {
				return err
			}
			k, value, err := b.AddKey(cmd.Context(), args[0], team, l)
			if err != nil {
				return err
			}
			if asJSON {
				return c.printJSON(struct {
					store.Key
					Value string `json:"value"`
				}{k, value.Reveal()})
			}
			fmt.Fprintln(c.session.Stdout, value.Reveal())
			fmt.Fprintf(c.session.Stderr, "drawbridge: this is the key %q; it is shown only now\n", k.Name)
			return nil
		},
	}
	limits.register(cmd.Flags(), true)
	cmd.Flags().StringVar(&team, "team", "", "the team that it is in")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// personal is the bridge, for what only a person may do.
func (c *cli) personal(ctx context.Context, what string) (*bridge.Bridge, error) {
	b, err := c.bridge(ctx)
	if err != nil {
		return nil, err
	}
	return b, c.byPerson(b, what)
}

func (c *cli) keysList() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "list", Short: "List the keys, with what they may do", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			b, err := c.bridge(ctx)
			if err != nil {
				return err
			}
			list, err := b.Keys(ctx)
			if err != nil {
				return err
			}
			if asJSON {
				if list == nil {
					list = []store.Key{}
				}
				return c.printJSON(list)
			}
			teams, err := b.Teams(ctx)
			if err != nil {
				return err
			}
			name := map[string]string{}
			for _, t := range teams {
				name[t.ID] = t.Name
			}
			w := tabwriter.NewWriter(c.session.Stdout, 0, 4, 2, ' ', 0)
			fmt.Fprintln(w, "NAME\tTEAM\tSTATE\tUSED\tLIMITS")
			for _, k := range list {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", visible(k.Name), orDash(visible(name[k.Team])), keyState(k, time.Now()), day(k.UsedAt, "never"), sayLimits(k.Limits))
			}
			return w.Flush()
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func keyState(k store.Key, now time.Time) string {
	switch {
	case !k.RevokedAt.IsZero():
		return "revoked " + day(k.RevokedAt, "")
	case k.Limits.Expires.IsZero():
		return "holds"
	case now.Before(k.Limits.Expires):
		return "until " + day(k.Limits.Expires, "")
	}
	return "expired " + day(k.Limits.Expires, "")
}

func day(t time.Time, never string) string {
	if t.IsZero() {
		return never
	}
	return t.Local().Format("2006-01-02")
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// sayLimits puts limits into a few words.
func sayLimits(l store.Limits) string {
	var out []string
	list := func(what string, names []string) {
		if names != nil {
			out = append(out, what+" "+orDash(visible(strings.Join(names, ","))))
		}
	}
	list("servers", l.Servers)
	list("groups", l.Groups)
	list("tools", l.Tools)
	if l.CallsPerMinute > 0 {
		out = append(out, fmt.Sprintf("%d a minute", l.CallsPerMinute))
	}
	if l.CallsPerDay > 0 {
		out = append(out, fmt.Sprintf("%d a day", l.CallsPerDay))
	}
	if m := l.Models; m != nil {
		out = append(out, "models "+orDash(visible(strings.Join(append(append([]string{}, m.Providers...), m.Models...), ","))))
		if m.TokensPerDay > 0 {
			out = append(out, fmt.Sprintf("%d tokens a day", m.TokensPerDay))
		}
		if m.CostPerDay > 0 {
			out = append(out, fmt.Sprintf("%g USD a day", m.CostPerDay))
		}
	}
	if l.MayApprove {
		out = append(out, "may approve")
	}
	if l.NoApprove {
		out = append(out, "may not approve")
	}
	if len(out) == 0 {
		return "none"
	}
	return strings.Join(out, "; ")
}

func (c *cli) keysRevoke() *cobra.Command {
	return &cobra.Command{
		Use: "revoke NAME", Short: "End a key for good", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := c.personal(cmd.Context(), "keys revoke")
			if err != nil {
				return err
			}
			if err := b.RevokeKey(cmd.Context(), args[0]); err != nil {
				return err
			}
			fmt.Fprintf(c.session.Stdout, "revoked %s\n", visible(args[0]))
			return nil
		},
	}
}

func (c *cli) teams() *cobra.Command {
	var organisation string
	return c.holders("teams", "team", "Hold keys together under common limits",
		func(f *pflag.FlagSet) {
			f.StringVar(&organisation, "organisation", "", "the organisation that it is in")
		},
		func(ctx context.Context, b *bridge.Bridge, name string, l store.Limits) error {
			t := store.Team{Name: name, Organisation: organisation, Limits: l}
			if was, err := b.Team(ctx, name); err == nil {
				t.ID = was.ID
				if organisation == "" {
					t.Organisation = was.Organisation
				}
			}
			_, err := b.SetTeam(ctx, t)
			return err
		},
		func(ctx context.Context, b *bridge.Bridge, w io.Writer) (any, error) {
			teams, err := b.Teams(ctx)
			if err != nil {
				return nil, err
			}
			orgs, err := b.Organisations(ctx)
			if err != nil {
				return nil, err
			}
			name := map[string]string{}
			for _, o := range orgs {
				name[o.ID] = o.Name
			}
			fmt.Fprintln(w, "NAME\tORGANISATION\tLIMITS")
			for _, t := range teams {
				fmt.Fprintf(w, "%s\t%s\t%s\n", visible(t.Name), orDash(visible(name[t.Organisation])), sayLimits(t.Limits))
			}
			return append([]store.Team{}, teams...), nil
		},
		func(ctx context.Context, b *bridge.Bridge, name string) error { return b.RemoveTeam(ctx, name) })
}

func (c *cli) organisations() *cobra.Command {
	cmd := c.holders("organisations", "organisation", "Hold teams together under common limits",
		func(*pflag.FlagSet) {},
		func(ctx context.Context, b *bridge.Bridge, name string, l store.Limits) error {
			o := store.Organisation{Name: name, Limits: l}
			if was, err := b.Organisation(ctx, name); err == nil {
				o.ID = was.ID
			}
			_, err := b.SetOrganisation(ctx, o)
			return err
		},
		func(ctx context.Context, b *bridge.Bridge, w io.Writer) (any, error) {
			orgs, err := b.Organisations(ctx)
			if err != nil {
				return nil, err
			}
			fmt.Fprintln(w, "NAME\tLIMITS")
			for _, o := range orgs {
				fmt.Fprintf(w, "%s\t%s\n", visible(o.Name), sayLimits(o.Limits))
			}
			return append([]store.Organisation{}, orgs...), nil
		},
		func(ctx context.Context, b *bridge.Bridge, name string) error { return b.RemoveOrganisation(ctx, name) })
	cmd.Aliases = []string{"orgs"}
	return cmd
}

// holders are the commands for what holds keys together.
func (c *cli) holders(use, one, short string, more func(*pflag.FlagSet),
	set func(context.Context, *bridge.Bridge, string, store.Limits) error,
	list func(context.Context, *bridge.Bridge, io.Writer) (any, error),
	remove func(context.Context, *bridge.Bridge, string) error,
) *cobra.Command {
	var limits limitFlags
	add := &cobra.Command{
		Use: "set NAME", Short: "Make the " + one + ", or set its limits anew", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := c.personal(cmd.Context(), use+" set")
			if err != nil {
				return err
			}
			l, err := limits.limits(time.Now())
			if err != nil {
				return err
			}
			if err := set(cmd.Context(), b, args[0], l); err != nil {
				return err
			}
			fmt.Fprintf(c.session.Stdout, "%s %s: %s\n", one, visible(args[0]), sayLimits(l))
			return nil
		},
	}
	limits.register(add.Flags(), false)
	more(add.Flags())
	var asJSON bool
	show := &cobra.Command{
		Use: "list", Short: "List the " + use, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := c.bridge(cmd.Context())
			if err != nil {
				return err
			}
			w := tabwriter.NewWriter(c.session.Stdout, 0, 4, 2, ' ', 0)
			all, err := list(cmd.Context(), b, w)
			if err != nil || asJSON {
				if err == nil {
					err = c.printJSON(all)
				}
				return err
			}
			return w.Flush()
		},
	}
	show.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	gone := &cobra.Command{
		Use: "remove NAME", Short: "Remove the " + one + ", once nothing is in it", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := c.personal(cmd.Context(), use+" remove")
			if err != nil {
				return err
			}
			if err := remove(cmd.Context(), b, args[0]); err != nil {
				return err
			}
			fmt.Fprintf(c.session.Stdout, "removed %s\n", visible(args[0]))
			return nil
		},
	}
	return group(use, short, add, show, gone)
}

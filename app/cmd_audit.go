package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/drawbridge-app/drawbridge/store"
)

func (c *cli) audit() *cobra.Command {
	var q store.AuditQuery
	var kind, since, until string
	var asJSON bool
	cmd := &cobra.Command{
		Use: "audit", Short: "Search what was called, refused and allowed", Args: cobra.NoArgs,
		Long: `Show what tools were called, what was refused and why, what you answered, and what
was done with keys and the bridge; the newest first. Of arguments the audit keeps
their shape, and their values only if audit_arguments is true in settings.json.

--json prints every record that is found as a line of JSON, for export.`,
		Example: `  drawbridge audit --decision deny --since 24h
  drawbridge audit --json > audit.jsonl`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			b, err := c.bridge(ctx)
			if err != nil {
				return err
			}
			q.Kind = store.AuditKind(kind)
			for _, t := range []struct {
				flag, value string
				at          *time.Time
			}{{"--since", since, &q.Since}, {"--until", until, &q.Until}} {
				if t.value == "" {
					continue
				}
				if *t.at, err = timeOf(t.value, time.Now()); err != nil {
					return usagef("%s %w", t.flag, err)
				}
			}
			if q.Key != "" {
				keys, err := b.Keys(ctx)
				if err != nil {
					return err
				}
				for _, k := range keys { // by name, too; of two the newest
					if k.Name == q.Key {
						q.Key = k.ID
						break
					}
				}
			}
			if asJSON {
				return b.ExportAudit(ctx, c.session.Stdout, q)
			}
			list, err := b.Audit(ctx, q)
			if err != nil {
				return err
			}
			w := tabwriter.NewWriter(c.session.Stdout, 0, 4, 2, ' ', 0)
			fmt.Fprintln(w, "TIME\tWHO\tTOOL\tDECISION\tWHY")
			for _, r := range list {
				tool := "-"
				if r.Server != "" {
					tool = r.Server + "__" + r.Tool
				}
				why := r.Reason
				if r.Error != "" {
					why = r.Error
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", r.At.Local().Format("2006-01-02 15:04:05"), visible(r.Client), visible(tool), visible(r.Decision), visible(why))
			}
			if err := w.Flush(); err != nil {
				return err
			}
			if n := len(list); n > 0 && (n == q.Limit || q.Limit == 0 && n == 100) {
				fmt.Fprintf(c.session.Stderr, "drawbridge: there may be more: --before %d\n", list[n-1].ID)
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&q.Text, "text", "", "what stands in the tool's name, the reason, the error or the shape of the arguments")
	f.StringVar(&kind, "kind", "", "decision, call, approval, key or bridge")
	f.StringVar(&q.Client, "client", "", "chat, command, gateway, models or person")
	f.StringVar(&q.Key, "key", "", "the name or id of a key")
	f.StringVar(&q.Server, "server", "", "the id of a server")
	f.StringVar(&q.Tool, "tool", "", "a tool's own name")
	f.StringVar(&q.Decision, "decision", "", "allow, deny or an answer of yours")
	f.BoolVar(&q.Failed, "failed", false, "those with an error alone")
	f.StringVar(&since, "since", "", "from then on: 24h, 7d, 2027-01-31 or 2027-01-31T12:00:00Z")
	f.StringVar(&until, "until", "", "before then")
	f.Int64Var(&q.Before, "before", 0, "older than the record of this id, for the next page")
	f.IntVar(&q.Limit, "limit", 0, "how many, at most 1000 (default 100)")
	f.BoolVar(&asJSON, "json", false, "print all records as JSON lines")
	return cmd
}

// timeOf reads a time gone by.
func timeOf(s string, now time.Time) (time.Time, error) {
	var n int
	if _, err := fmt.Sscanf(s, "%dd", &n); err == nil && fmt.Sprintf("%dd", n) == s {
		return now.AddDate(0, 0, -n), nil
	}
	if d, err := time.ParseDuration(s); err == nil {
		return now.Add(-d), nil
	}
	for _, layout := range []string{"2006-01-02", time.RFC3339} {
		if at, err := time.ParseInLocation(layout, s, now.Location()); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("takes 24h, 7d, a date such as 2027-01-31 or a time such as 2027-01-31T12:00:00Z, not %q", s)
}

func (c *cli) raise() *cobra.Command {
	return &cobra.Command{
		Use: "raise", Short: "Raise the bridge: every call stops, and nothing is served until it is lowered", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			// Anybody may stop everything; only a person starts it again.
			b, err := c.bridge(cmd.Context())
			if err != nil {
				return err
			}
			if err := b.Raise(cmd.Context(), "command"); err != nil {
				return err
			}
			fmt.Fprintln(c.session.Stdout, "the bridge is raised: nothing is served until drawbridge lower")
			return nil
		},
	}
}

func (c *cli) lower() *cobra.Command {
	return &cobra.Command{
		Use: "lower", Short: "Lower the bridge, so that tools are served again", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := c.personal(cmd.Context(), "lower")
			if err != nil {
				return err
			}
			if err := b.Lower(cmd.Context(), "command"); err != nil {
				return err
			}
			fmt.Fprintln(c.session.Stdout, "the bridge is lowered")
			return nil
		},
	}
}

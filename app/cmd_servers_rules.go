package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// ruleFlags are the rules as flags. Those that are given replace what was set.
type ruleFlags struct {
	allow, deny, params, fixed, groups, approvals, answers []string
	trusted, clear                                         bool
	minute, day                                            int
}

func (c *cli) serversRules() *cobra.Command {
	var flags ruleFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use: "rules NAME", Short: "Say what of a server may be seen and called, or show it", Args: cobra.ExactArgs(1),
		Long: `Say what of a server may be seen and called, by your own chats, by providers and by
other apps. A flag replaces what was set of its kind; the others stay. --clear
removes all rules first. Without flags the rules are shown.

Where only some tools are allowed, that list alone counts. A tool may be named
with the server's name in front (server__tool). Parameters that are not allowed,
or that are fixed to a value, are not shown to models.

--approve says what becomes of calls that you have not answered about: ask, always
or never, for what the server claims of a tool (read_only, destructive,
open_world) or for all others (default). Such a claim allows a call only if the
server is trusted. The results of a server that is trusted are no reason to ask
about the calls that follow.

--answer sets your lasting answer for one tool: always, never, ask, or none.`,
		Example: `  drawbridge servers rules files --allow-tool read_file --allow-tool list_directory
  drawbridge servers rules wiki --allow-param read_wiki_contents=status --fix 'search:limit=10'
  drawbridge servers rules github --group code --approve read_only=always --trusted
  drawbridge servers rules github --answer create_issue=never`,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			changed := cmd.Flags().NFlag() > 0 && (!asJSON || cmd.Flags().NFlag() > 1)
			var b *bridge.Bridge
			var err error
			if changed {
				b, err = c.personal(ctx, "servers rules")
			} else {
				b, err = c.bridge(ctx)
			}
			if err != nil {
				return err
			}
			v, err := knownServer(ctx, b, args[0])
			if err != nil {
				return err
			}
			rules, err := b.Rules(v.Server.ID)
			if err != nil {
				return err
			}
			if changed {
				if rules, err = flags.apply(cmd, rules); err != nil {
					return err
				}
				if err := b.SetRules(ctx, v.Server.ID, rules); err != nil {
					return err
				}
				if err := flags.answer(ctx, b, v.Server); err != nil {
					return err
				}
			}
			if asJSON {
				return c.printJSON(rules)
			}
			fmt.Fprintf(c.session.Stdout, "%s: %s\n", visible(v.Server.Name), sayRules(rules))
			return nil
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&flags.allow, "allow-tool", nil, "a tool that is allowed; all others are not (repeatable)")
	f.StringArrayVar(&flags.deny, "deny-tool", nil, "a tool that is not allowed (repeatable)")
	f.StringArrayVar(&flags.params, "allow-param", nil, "TOOL=PARAMETER[,PARAMETER]: the only parameters that may be given (repeatable)")
	f.StringArrayVar(&flags.fixed, "fix", nil, "TOOL:PARAMETER=JSON: a parameter that is always sent with this value (repeatable)")
	f.StringArrayVar(&flags.groups, "group", nil, "an access group that the server belongs to (repeatable)")
	f.StringArrayVar(&flags.approvals, "approve", nil, "CLAIM=ask|always|never (repeatable)")
	f.StringArrayVar(&flags.answers, "answer", nil, "TOOL=always|never|ask|none: your lasting answer for a tool (repeatable)")
	f.BoolVar(&flags.trusted, "trusted", false, "trust what the server says (--trusted=false: not any more)")
	f.IntVar(&flags.minute, "per-minute", 0, "how many calls may be made in a minute; 0 is no limit")
	f.IntVar(&flags.day, "per-day", 0, "how many calls may be made in a day; 0 is no limit")
	f.BoolVar(&flags.clear, "clear", false, "remove all rules first")
	f.BoolVar(&asJSON, "json", false, "print the rules as JSON")
	return cmd
}

func (l *ruleFlags) apply(cmd *cobra.Command, r store.Rules) (store.Rules, error) {
	if l.clear {
		r = store.Rules{}
	}
	given := cmd.Flags().Changed
	if given("allow-tool") {
		r.AllowedTools = l.allow
	}
	if given("deny-tool") {
		r.DisallowedTools = l.deny
	}
	if given("group") {
		r.Groups = l.groups
	}
	if given("trusted") {
		r.Trusted = l.trusted
	}
	if given("per-minute") {
		r.CallsPerMinute = l.minute
	}
	if given("per-day") {
		r.CallsPerDay = l.day
	}
	if given("allow-param") {
		r.AllowedParams = map[string][]string{}
		for _, s := range l.params {
			tool, names, ok := strings.Cut(s, "=")
			if !ok || tool == "" {
				return r, usagef("--allow-param takes TOOL=PARAMETER[,PARAMETER], not %q", s)
			}
			list := r.AllowedParams[tool]
			if list == nil {
				list = []string{} // none is allowed
			}
			for _, name := range strings.Split(names, ",") {
				if name != "" {
					list = append(list, name)
				}
			}
			r.AllowedParams[tool] = list
		}
	}
	if given("fix") {
		r.FixedParams = map[string]map[string]json.RawMessage{}
		for _, s := range l.fixed {
			name, value, ok := strings.Cut(s, "=")
			i := strings.LastIndexByte(name, ':')
			if !ok || i <= 0 || i == len(name)-1 || !json.Valid([]byte(value)) {
				return r, usagef("--fix takes TOOL:PARAMETER=JSON, such as search:limit=10 or read:path='\"/notes\"', not %q", s)
			}
			if r.FixedParams[name[:i]] == nil {
				r.FixedParams[name[:i]] = map[string]json.RawMessage{}
			}
			r.FixedParams[name[:i]][name[i+1:]] = json.RawMessage(value)
		}
	}
	for _, s := range l.approvals {
		claim, a, _ := strings.Cut(s, "=")
		to := map[string]*store.Approval{
			"default": &r.Approvals.Default, "read_only": &r.Approvals.ReadOnly, "destructive": &r.Approvals.Destructive, "open_world": &r.Approvals.OpenWorld,
		}[claim]
		if to == nil {
			return r, usagef("--approve takes read_only, destructive, open_world or default, =, and ask, always or never; not %q", s)
		}
		*to = store.Approval(a)
	}
	return r, r.Validate()
}

func (l *ruleFlags) answer(ctx context.Context, b *bridge.Bridge, server store.ServerConfig) error {
	for _, s := range l.answers {
		tool, word, _ := strings.Cut(s, "=")
		answer, ok := map[string]tools.Answer{"always": tools.AnswerAlways, "never": tools.AnswerNever, "ask": tools.AnswerAsk, "none": ""}[word]
		if !ok || tool == "" {
			return usagef("--answer takes TOOL=always, never, ask or none, not %q", s)
		}
		if err := b.SetStandingAnswer(ctx, tools.Ref{Server: server.ID, Tool: tool}, answer); err != nil {
			return err
		}
	}
	return nil
}

// sayRules is the rules on one line.
func sayRules(r store.Rules) string {
	if r.Zero() {
		return "no rules; calls are asked about"
	}
	b, err := json.Marshal(r)
	if err != nil {
		return "the rules cannot be shown: " + err.Error()
	}
	return visible(string(b))
}

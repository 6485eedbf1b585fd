package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/store"
)

// importJSON is what an import found, in the output of --json.
type importJSON struct {
	Sources []sourceJSON `json:"sources"`
	Added   []string     `json:"added"`
}

type sourceJSON struct {
	App      string      `json:"app,omitempty"`
	Path     string      `json:"path,omitempty"`
	Servers  []draftJSON `json:"servers"`
	Problems []string    `json:"problems,omitempty"`
}

// draftJSON is a server as it would be added; never with a secret's value.
type draftJSON struct {
	Name      string                 `json:"name"`
	State     setup.State            `json:"state,omitempty"`
	Here      string                 `json:"here,omitempty"` // the server that it was compared with
	Transport string                 `json:"transport"`
	Command   []string               `json:"command,omitempty"`
	Env       map[string]store.Value `json:"env,omitempty"`
	URL       string                 `json:"url,omitempty"`
	Headers   map[string]store.Value `json:"headers,omitempty"`
	Folder    string                 `json:"folder,omitempty"`
	Rules     store.Rules            `json:"rules,omitzero"`
	Asks      []askJSON              `json:"asks,omitempty"`
	Changes   []changeJSON           `json:"changes,omitempty"`
	Notes     []string               `json:"notes,omitempty"`
	Warnings  []string               `json:"warnings,omitempty"`
	Hash      string                 `json:"hash"` // for servers approve
}

type askJSON struct {
	Key      string   `json:"key"`
	Title    string   `json:"title"`
	Kind     string   `json:"kind,omitempty"`
	Options  []string `json:"options,omitempty"`
	Default  []string `json:"default,omitempty"`
	Required bool     `json:"required,omitempty"`
	Secret   bool     `json:"secret,omitempty"`
	Multiple bool     `json:"multiple,omitempty"`
}

type changeJSON struct {
	What  string `json:"what"`
	Here  string `json:"here"`
	There string `json:"there"`
}

func draftOutput(d setup.Draft) draftJSON {
	c := d.Config
	j := draftJSON{Name: c.Name, Transport: string(c.Transport), URL: c.URL, Env: c.Env, Headers: c.Headers, Folder: c.Dir, Rules: c.Rules, Notes: d.Notes, Warnings: d.Warnings, Hash: c.Hash()}
	if c.Transport == store.TransportStdio {
		j.Command = append([]string{c.Command}, c.Args...)
	}
	for _, f := range d.Fields {
		j.Asks = append(j.Asks, askJSON{f.Key, f.Title, string(f.Kind), f.Options, f.Default, f.Required, f.Secret, f.Multiple})
	}
	return j
}

func sourceOutput(i bridge.Import) sourceJSON {
	out := sourceJSON{App: i.App, Path: i.Path, Problems: i.Problems, Servers: []draftJSON{}}
	for _, e := range i.Entries {
		j := draftOutput(e.Draft)
		j.State, j.Here = e.State, e.Server.Name
		for _, c := range e.Changes {
			j.Changes = append(j.Changes, changeJSON(c))
		}
		out.Servers = append(out.Servers, j)
	}
	return out
}

func (c *cli) serversImport() *cobra.Command {
	var (
		from, app     string
		only, answers []string
		dry, replace  bool
		asJSON        bool
	)
	cmd := &cobra.Command{
		Use:   "import [--from APP|FILE|LINK|-]",
		Short: "Take over the servers of other apps, of a file, a link or stdin",
		Long: `Take over MCP servers that another app has: of every app that is found on this
computer, of one app, of a file in any of their formats, of a link that would
install one, or of stdin. The other app's file is only read.

All of the servers are added, or none. Nothing starts: each waits until you have
approved its command, in the window or with drawbridge servers approve. Secrets
go into the keychain. What is here already is passed over, and what differs too,
unless --replace is given. What a server asks for is given with --set, by the
name that the list shows; secrets are asked for, or read from stdin one line
each.

The apps: ` + strings.Join(setup.Apps(), ", ") + `.`,
		Example: `  drawbridge servers import --dry-run
  drawbridge servers import --from cursor --only github
  pbpaste | drawbridge servers import --from -`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			b, err := c.bridge(ctx)
			if err != nil {
				return err
			}
			if !dry {
				if err := c.byPerson(b, "servers import"); err != nil {
					return err
				}
			}
			if err := b.KnowServers(ctx); err != nil {
				return err
			}
			found, err := c.importsFrom(ctx, b, from, app)
			if err != nil {
				return err
			}
			out := importJSON{Sources: []sourceJSON{}, Added: []string{}}
			for _, i := range found {
				out.Sources = append(out.Sources, sourceOutput(i))
			}
			if dry {
				if asJSON {
					return c.printJSON(out)
				}
				c.printImports(found)
				return nil
			}
			chosen, err := chooseImports(found, only, replace)
			if err != nil {
				return err
			}
			if chosen, err = c.fillImports(ctx, chosen, answers); err != nil {
				return err
			}
			if err := c.unlock(ctx, b, slices.ContainsFunc(chosen, func(e setup.Compared) bool { return len(e.Draft.Secrets) > 0 })); err != nil {
				return err
			}
			added, err := b.ImportServers(ctx, chosen, false)
			if err != nil {
				return err
			}
			for _, s := range added {
				out.Added = append(out.Added, s.Name)
			}
			if asJSON {
				return c.printJSON(out)
			}
			c.printImports(found)
			c.printAdded(added)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&from, "from", "", "an app, a file, a link, or - for stdin; every app if it is not given")
	f.StringVar(&app, "as", "", "the app whose format the file or stdin has, if that is not clear")
	f.StringArrayVar(&only, "only", nil, "take only the server of this name (repeatable)")
	f.StringArrayVar(&answers, "set", nil, "what a server asks for, KEY=VALUE or SERVER/KEY=VALUE (repeatable)")
	f.BoolVar(&replace, "replace", false, "also replace servers that are here with other settings")
	f.BoolVar(&dry, "dry-run", false, "only show what would be taken over")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// maxImport bounds what is read of stdin; setup refuses what is longer than
// its own bound.
const maxImport = 5 << 20

// importsFrom finds what --from names.
func (c *cli) importsFrom(ctx context.Context, b *bridge.Bridge, from, app string) ([]bridge.Import, error) {
	if app != "" && !slices.Contains(setup.Apps(), app) {
		return nil, usagef("--as takes one of %s, not %q", strings.Join(setup.Apps(), ", "), app)
	}
	read := func(text []byte, path string) ([]bridge.Import, error) {
		i, err := b.ReadImport(text, app)
		if err != nil {
			return nil, err
		}
		i.Path = path
		return []bridge.Import{i}, nil
	}
	switch {
	case from == "":
		return b.Imports(ctx), nil
	case from == "-":
		text, err := io.ReadAll(io.LimitReader(c.session.Stdin, maxImport))
		if err != nil {
			return nil, fmt.Errorf("read stdin: %w", err)
		}
		return read(text, "")
	case setup.IsLink(from):
		return read([]byte(from), "")
	case slices.Contains(setup.Apps(), from):
		found := b.Imports(ctx, from)
		if len(found) == 0 {
			return nil, fmt.Errorf("no servers of %s were found where it keeps them; give its file with --from FILE (%w)", from, store.ErrNotFound)
		}
		return found, nil
	}
	path := c.inDir(from)
	text, err := setup.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, usagef("--from takes a file, a link, - or an app (%s), not %q", strings.Join(setup.Apps(), ", "), from)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return read(text, path)
}

// chooseImports picks the servers that are to be taken over.
func chooseImports(found []bridge.Import, only []string, replace bool) ([]setup.Compared, error) {
	var out []setup.Compared
	missing := map[string]bool{}
	for _, name := range only {
		missing[name] = true
	}
	for _, i := range found {
		for _, e := range i.Entries {
			name := e.Draft.Config.Name
			if len(only) > 0 && !slices.Contains(only, name) {
				continue
			}
			delete(missing, name)
			if e.State == setup.New || e.State == setup.Differs && replace {
				out = append(out, e)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(missing)) {
		return nil, fmt.Errorf("no server %q was found; see them with --dry-run (%w)", name, store.ErrNotFound)
	}
	return out, nil
}

// fillImports puts in what the servers ask for.
func (c *cli) fillImports(ctx context.Context, chosen []setup.Compared, answers []string) ([]setup.Compared, error) {
	given, err := parseAnswers(answers)
	if err != nil {
		return nil, err
	}
	out := slices.Clone(chosen)
	for i, e := range out {
		if out[i].Draft, err = c.fill(ctx, e.Draft, given); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func parseAnswers(flags []string) (map[string][]string, error) {
	out := map[string][]string{}
	for _, f := range flags {
		key, value, ok := strings.Cut(f, "=")
		if !ok || key == "" {
			return nil, usagef("--set takes KEY=VALUE, not %q", f)
		}
		out[key] = append(out[key], value)
	}
	return out, nil
}

// fill answers what a draft asks for, from the flags and, for secrets, from
// the person.
func (c *cli) fill(ctx context.Context, d setup.Draft, given map[string][]string) (setup.Draft, error) {
	if len(d.Fields) == 0 {
		return d, nil
	}
	values := map[string][]string{}
	for _, f := range d.Fields {
		v, own := given[d.Config.Name+"/"+f.Key]
		if !own {
			v, own = given[f.Key]
		}
		switch {
		case own && f.Secret:
			return d, usagef("%s of %s is a secret, which is asked for; the command line is seen by every program", f.Key, d.Config.Name)
		case own:
			values[f.Key] = v
		case f.Secret && (f.Required || c.session.StdinTTY):
			s, err := c.session.ReadSecret(ctx, fmt.Sprintf("%s of %s: ", visible(f.Title), visible(d.Config.Name)))
			if err != nil {
				return d, fmt.Errorf("read %s of %s: %w", f.Key, d.Config.Name, err)
			}
			values[f.Key] = []string{s.Reveal()}
		case f.Required && len(f.Default) == 0:
			return d, fmt.Errorf("server %q asks for %s (%s); give it with --set %s=VALUE (%w)", d.Config.Name, f.Key, visible(f.Title), f.Key, store.ErrInvalid)
		}
	}
	return d.Fill(values)
}

// printImports lists what was found, everything that would run in full.
func (c *cli) printImports(found []bridge.Import) {
	w := c.session.Stdout
	if len(found) == 0 {
		fmt.Fprintln(w, "No servers of other apps were found on this computer.")
	}
	for _, i := range found {
		switch {
		case i.App != "":
			fmt.Fprintf(w, "%s (%s)\n", i.App, visible(i.Path))
		case i.Path != "":
			fmt.Fprintln(w, visible(i.Path))
		}
		for _, e := range i.Entries {
			fmt.Fprintf(w, "  %-8s %s: %s\n", e.State, visible(e.Draft.Config.Name), visible(runs(e.Draft.Shown())))
			for _, ch := range e.Changes {
				fmt.Fprintf(w, "           %s: here %s, there %s\n", visible(ch.What), orNone(ch.Here), orNone(ch.There))
			}
			c.printDraft(e.Draft)
		}
		for _, p := range i.Problems {
			fmt.Fprintf(w, "  passed over: %s\n", visible(p))
		}
	}
}

func orNone(s string) string {
	if s == "" {
		return "nothing"
	}
	return visible(s)
}

// printDraft tells what there is to a draft beside its command.
func (c *cli) printDraft(d setup.Draft) {
	w := c.session.Stdout
	line := func(format string, a ...any) { fmt.Fprintf(w, "           "+format+"\n", a...) }
	shown := d.Shown()
	for _, name := range slices.Sorted(maps.Keys(shown.Env)) {
		line("%s=%s", name, visible(string(shown.Env[name])))
	}
	for _, name := range slices.Sorted(maps.Keys(shown.Headers)) {
		line("%s: %s", name, visible(string(shown.Headers[name])))
	}
	if shown.Dir != "" {
		line("in %s", visible(shown.Dir))
	}
	if !shown.Rules.Zero() {
		line("rules: %s", sayRules(shown.Rules))
	}
	for _, f := range d.Fields {
		how := ""
		if f.Required {
			how = ", needed"
		}
		if f.Secret {
			how += ", secret"
		}
		line("asks for %s: %s%s", f.Key, visible(f.Title), how)
	}
	for _, s := range d.Warnings {
		line("! %s", visible(s))
	}
	for _, s := range d.Notes {
		line("- %s", visible(s))
	}
}

func (c *cli) printAdded(added []store.ServerConfig) {
	w := c.session.Stdout
	if len(added) == 0 {
		fmt.Fprintln(w, "Nothing was added.")
		return
	}
	for _, s := range added {
		fmt.Fprintf(w, "added %s; it waits for: drawbridge servers approve %s\n", visible(s.Name), visible(setup.Join(s.Name)))
	}
}

// openFile is what a desktop calls for a bundle or a link.
func (c *cli) openFile() *cobra.Command {
	return &cobra.Command{
		Use: "open FILE|LINK", Short: "Show the review of a bundle, a file or an install link in the open window", Args: cobra.ExactArgs(1),
		Long: `Show in the window that is open what a bundle (.mcpb, .dxt), another app's file or
an install link (drawbridge://, cursor://, vscode:, lmstudio:// and the like) would
add. Nothing of it is kept or run before you have agreed there.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			what := strings.TrimSpace(args[0])
			if !setup.IsLink(what) {
				what = c.inDir(what)
				if _, err := os.Stat(what); err != nil {
					return fmt.Errorf("open %s: %w", what, err)
				}
			}
			if c.engine == nil || !c.engine.offerInWindow(what) {
				return errors.New("no window of Drawbridge is open; open it first, or use drawbridge servers import --from and servers add --bundle")
			}
			return nil
		},
	}
}

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/store"
)

func (c *cli) resources() *cobra.Command {
	return group("resources", "List what a server lets read, and read it", c.resourcesList(), c.resourcesRead())
}

// startedServer starts one server and returns it, ready.
func (c *cli) startedServer(ctx context.Context, name string) (*bridge.Bridge, bridge.ServerView, error) {
	b, err := c.bridge(ctx)
	if err != nil {
		return nil, bridge.ServerView{}, err
	}
	v, err := knownServer(ctx, b, name)
	if err != nil {
		return nil, v, err
	}
	if err := c.unlock(ctx, b, len(v.Server.Refs()) > 0); err != nil {
		return nil, v, err
	}
	if err := b.StartServers(ctx, v.Server.ID); err != nil {
		return nil, v, err
	}
	if v, err = b.Server(v.Server.ID); err != nil {
		return nil, v, err
	}
	if v.State != mcphost.Ready {
		if v.Error != "" {
			return nil, v, fmt.Errorf("the server %q does not run: %s", v.Server.Name, v.Error)
		}
		return nil, v, fmt.Errorf("the server %q does not run: it is %s", v.Server.Name, v.State)
	}
	return b, v, nil
}

func (c *cli) resourcesList() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "list SERVER", Short: "List the resources of a server, and the templates of such", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			b, v, err := c.startedServer(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			all, err := b.Resources(cmd.Context(), v.Server.ID)
			if err != nil {
				return err
			}
			if asJSON {
				return c.printJSON(describeContents(all))
			}
			w := tabwriter.NewWriter(c.session.Stdout, 0, 4, 2, ' ', 0)
			for _, r := range all.Resources {
				fmt.Fprintf(w, "%s\t%s\t%s\n", visible(r.URI), visible(firstOf(r.Title, r.Name)), visible(r.MIMEType))
			}
			for _, t := range all.Templates {
				fmt.Fprintf(w, "%s\t%s\t%s\n", visible(t.URITemplate), visible(firstOf(t.Title, t.Name)), visible(t.MIMEType))
			}
			return w.Flush()
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func firstOf(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}

// describeContents is the JSON of resources list.
func describeContents(all mcphost.Contents) any {
	type item struct {
		URI         string `json:"uri,omitempty"`
		URITemplate string `json:"uriTemplate,omitempty"`
		Name        string `json:"name"`
		Title       string `json:"title,omitempty"`
		Description string `json:"description,omitempty"`
		MIMEType    string `json:"mimeType,omitempty"`
		Size        *int64 `json:"size,omitempty"`
	}
	out := struct {
		Resources []item `json:"resources"`
		Templates []item `json:"templates"`
	}{[]item{}, []item{}}
	for _, r := range all.Resources {
		i := item{URI: r.URI, Name: r.Name, Title: r.Title, Description: r.Description, MIMEType: r.MIMEType}
		if r.Size >= 0 {
			i.Size = &r.Size
		}
		out.Resources = append(out.Resources, i)
	}
	for _, t := range all.Templates {
		out.Templates = append(out.Templates, item{URITemplate: t.URITemplate, Name: t.Name, Title: t.Title, Description: t.Description, MIMEType: t.MIMEType})
	}
	return out
}

func (c *cli) resourcesRead() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "read SERVER URI [NAME=VALUE ...]", Short: "Read a resource",
		Long: `Read a resource and print it. The values of a template stand behind it:
drawbridge resources read files 'file:///{path}' path=notes.txt`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			values, err := pairsOf(args[2:])
			if err != nil {
				return err
			}
			uri := args[1]
			if len(values) > 0 {
				t := mcphost.Template{URITemplate: uri}
				for name := range values {
					if !slices.Contains(t.Variables(), name) {
						return usagef("the template has no %q", name)
					}
				}
				if uri, err = t.Expand(values); err != nil {
					return err
				}
			}
			b, v, err := c.startedServer(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if err := c.byPerson(b, "resources read"); err != nil {
				return err
			}
			parts, err := b.ReadResource(bridge.WithElicitor(cmd.Context(), c.elicitor()), v.Server.ID, uri)
			if err != nil {
				return err
			}
			if asJSON {
				return c.printJSON(parts)
			}
			for _, p := range parts {
				f, ok := p.(store.File)
				switch {
				case !ok:
				case c.session.StdoutTTY && strings.ContainsFunc(string(f.Data), func(r rune) bool { return r == 0 || r == '\ufffd' }):
					fmt.Fprintf(c.session.Stdout, "[%s, %s, %d bytes; send it to a file, or use --json]\n", visible(f.URI), visible(f.MIMEType), len(f.Data))
				default:
					if _, err := c.session.Stdout.Write(f.Data); err != nil {
						return err
					}
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print all parts as JSON")
	return cmd
}

// pairsOf reads NAME=VALUE.
func pairsOf(args []string) (map[string]string, error) {
	out := map[string]string{}
	for _, a := range args {
		name, value, ok := strings.Cut(a, "=")
		if !ok || name == "" {
			return nil, usagef("%q should look like NAME=VALUE", a)
		}
		if _, twice := out[name]; twice {
			return nil, usagef("%q is given twice", name)
		}
		out[name] = value
	}
	return out, nil
}

func (c *cli) prompts() *cobra.Command {
	return group("prompts", "List the prompts of a server, and fill one in", c.promptsList(), c.promptsGet())
}

func (c *cli) promptsList() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "list SERVER", Short: "List the prompts of a server", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			b, v, err := c.startedServer(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			list, err := b.Prompts(cmd.Context(), v.Server.ID)
			if err != nil {
				return err
			}
			if asJSON {
				return c.printJSON(list)
			}
			w := tabwriter.NewWriter(c.session.Stdout, 0, 4, 2, ' ', 0)
			for _, p := range list {
				var takes []string
				for _, a := range p.Arguments {
					if takes = append(takes, a.Name+"=…"); !a.Required {
						takes[len(takes)-1] = "[" + a.Name + "=…]"
					}
				}
				fmt.Fprintf(w, "%s\t%s\t%s\n", visible(p.Name), visible(strings.Join(takes, " ")), visible(firstOf(p.Title, p.Description)))
			}
			return w.Flush()
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (c *cli) promptsGet() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "get SERVER NAME [ARGUMENT=VALUE ...]", Short: "Have a server fill in a prompt, and print it", Args: cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			values, err := pairsOf(args[2:])
			if err != nil {
				return err
			}
			b, v, err := c.startedServer(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if err := c.byPerson(b, "prompts get"); err != nil {
				return err
			}
			list, err := b.GetPrompt(bridge.WithElicitor(cmd.Context(), c.elicitor()), v.Server.ID, args[1], values)
			if err != nil {
				return err
			}
			if asJSON {
				type message struct {
					Role  store.Role  `json:"role"`
					Parts store.Parts `json:"parts"`
				}
				out := make([]message, 0, len(list))
				for _, m := range list {
					out = append(out, message(m))
				}
				return c.printJSON(out)
			}
			for _, m := range list {
				fmt.Fprintf(c.session.Stdout, "%s:\n", m.Role)
				for _, p := range m.Parts {
					switch p := p.(type) {
					case store.Text:
						fmt.Fprintln(c.session.Stdout, visible(strings.TrimSuffix(p.Text, "\n")))
					case store.Image:
						fmt.Fprintf(c.session.Stdout, "[image, %s, %d bytes; --json prints it]\n", visible(p.MIMEType), len(p.Data))
					case store.File:
						fmt.Fprintf(c.session.Stdout, "[file %s, %s, %d bytes; --json prints it]\n", visible(p.Name+p.URI), visible(p.MIMEType), len(p.Data))
					}
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print all parts as JSON")
	return cmd
}

// attached reads what --resource names, SERVER=URI each.
func attached(ctx context.Context, b *bridge.Bridge, named []string) (store.Parts, error) {
	var out store.Parts
	for _, n := range named {
		server, uri, ok := strings.Cut(n, "=")
		if !ok || server == "" || uri == "" {
			return nil, usagef("--resource should look like files=file:///notes.txt, not %q", n)
		}
		v, err := b.Server(server)
		if err != nil {
			return nil, err
		}
		parts, err := b.Attach(ctx, v.Server.ID, uri)
		if err != nil {
			return nil, err
		}
		out = append(out, parts...)
	}
	return out, nil
}

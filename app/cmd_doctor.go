package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/store"
)

// inDir makes a path whole, from the caller's working directory.
func (c *cli) inDir(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(c.session.Dir, path)
}

// doctorJSON is a server in the output of doctor --json.
type doctorJSON struct {
	Name     string        `json:"name"`
	Programs []programJSON `json:"programs,omitempty"`
	Steps    []stepJSON    `json:"steps,omitempty"`
	OK       bool          `json:"ok"`
}

type programJSON struct {
	Program string `json:"program"`
	Path    string `json:"path,omitempty"`
	Version string `json:"version,omitempty"`
	Problem string `json:"problem,omitempty"`
	Install string `json:"install,omitempty"`
}

type stepJSON struct {
	Step  string `json:"step"`
	OK    bool   `json:"ok"`
	Words string `json:"words"`
}

func (c *cli) doctor() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "doctor [NAME]", Short: "Say what each server needs, what is missing, and where a start gets stuck", Args: cobra.MaximumNArgs(1),
		Long: `For every server, or one: which program its command resolves to and of which
version, what is missing and the command that installs it here. Nothing is
installed. With a NAME, the server is also started apart from the others, step by
step, if you have approved it.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			b, err := c.bridge(ctx)
			if err != nil {
				return err
			}
			views, err := knownServers(ctx, b)
			if err != nil {
				return err
			}
			one := len(args) == 1
			if one {
				v, err := knownServer(ctx, b, args[0])
				if err != nil {
					return err
				}
				views = []bridge.ServerView{v}
			}
			list := []doctorJSON{}
			fine := true
			for _, v := range views {
				if v.Server.Transport == store.TransportBuiltin && !one {
					continue
				}
				if !asJSON {
					fmt.Fprintf(c.session.Stdout, "%s: %s\n", visible(v.Server.Name), visible(runs(v.Server)))
				}
				j := doctorJSON{Name: v.Server.Name, OK: true}
				checks, err := b.CheckServer(ctx, v.Server.ID)
				if err != nil {
					return err
				}
				for _, k := range checks {
					j.Programs = append(j.Programs, programJSON{k.Program, k.Path, k.Version, k.Words, k.Install})
					j.OK = j.OK && k.OK()
					if !asJSON {
						c.printCheck(k.OK(), strings.TrimSpace(k.Program+" "+k.Version), k.Path, k.Words, k.Install)
					}
				}
				if one {
					if err := c.unlock(ctx, b, len(v.Server.Refs()) > 0); err != nil {
						return err
					}
					s, err := b.DiagnoseServer(ctx, v.Server.ID, func(step mcphost.Step) {
						j.Steps = append(j.Steps, stepJSON{step.Name, step.OK, step.Words})
						if !asJSON {
							c.printCheck(step.OK, step.Name, "", step.Words, "")
						}
					})
					if err != nil {
						return err
					}
					if j.OK = j.OK && s.State == mcphost.Ready; !asJSON {
						for _, line := range s.Log {
							fmt.Fprintf(c.session.Stdout, "    | %s\n", visible(line))
						}
					}
				}
				fine = fine && j.OK
				list = append(list, j)
			}
			if asJSON {
				if err := c.printJSON(list); err != nil {
					return err
				}
			}
			if !fine {
				return exitCode(exitError)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (c *cli) printCheck(ok bool, what, where, words, install string) {
	mark := "✓"
	if !ok {
		mark = "✗"
	}
	line := fmt.Sprintf("  %s %s", mark, visible(what))
	for _, s := range []string{where, words} {
		if s != "" {
			line += "  " + visible(s)
		}
	}
	fmt.Fprintln(c.session.Stdout, line)
	if install != "" {
		fmt.Fprintf(c.session.Stdout, "    install it with: %s\n", install)
	}
}

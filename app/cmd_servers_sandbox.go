package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/store"
)

// sandboxJSON is a server's sandbox in the output of --json.
type sandboxJSON struct {
	Network  bool     `json:"network"`
	Read     []string `json:"read,omitempty"`
	Write    []string `json:"write,omitempty"`
	Optional bool     `json:"optional,omitempty"`
	// Method, Holds, Gaps and Missing say what holds, once the server was
	// started. Without a method the system has none.
	Method  *string  `json:"method,omitempty"`
	Holds   []string `json:"holds,omitempty"`
	Gaps    []string `json:"gaps,omitempty"`
	Missing string   `json:"missing,omitempty"`
}

func describeSandbox(s *store.Sandbox, state *mcphost.SandboxState) *sandboxJSON {
	if s == nil {
		return nil
	}
	j := &sandboxJSON{Network: s.Network, Read: s.Read, Write: s.Write, Optional: s.Optional}
	if state != nil {
		j.Method, j.Holds, j.Gaps, j.Missing = &state.Method, state.Holds, state.Gaps, state.Missing
	}
	return j
}

// printSandbox says what a server may do and what holds it.
func printSandbox(w io.Writer, name string, s *store.Sandbox, state *mcphost.SandboxState) {
	if s == nil {
		fmt.Fprintf(w, "%s: no sandbox\n", name)
		return
	}
	how := "in a sandbox"
	switch {
	case state == nil:
	case state.Method == "":
		how = "to run in a sandbox, and there is none on this system"
	default:
		how += " (" + state.Method + ")"
	}
	fmt.Fprintf(w, "%s: %s\n", name, how)
	network := "none"
	if s.Network {
		network = "permitted"
	}
	fmt.Fprintf(w, "  network: %s\n", network)
	for _, list := range []struct {
		what  string
		paths []string
	}{{"reads", s.Read}, {"writes", s.Write}} {
		for _, p := range list.paths {
			fmt.Fprintf(w, "  %s: %s\n", list.what, visible(p))
		}
	}
	if s.Optional {
		fmt.Fprintln(w, "  starts without one where there is none")
	}
	if state == nil {
		return
	}
	for _, line := range state.Holds {
		fmt.Fprintf(w, "  + %s\n", line)
	}
	for _, line := range state.Gaps {
		fmt.Fprintf(w, "  - %s\n", line)
	}
	if state.Missing != "" {
		fmt.Fprintf(w, "  ! %s\n", state.Missing)
	}
}

func (c *cli) serversSandbox() *cobra.Command {
	var asJSON, network, optional bool
	var read, write []string
	cmd := &cobra.Command{
		Use: "sandbox NAME [on|off]", Short: "Say what a server that is a program may do on this computer", Args: cobra.RangeArgs(1, 2),
		Long: `Run a server that is a program in a sandbox, or without one. In a sandbox it reads
the system's folders and what it is itself made of; it writes in a home of its
own, in its working folder and in the folders that it is told of; and it sees no
other files of yours and makes no connection, except for what the flags permit.
A program that npx or uvx fetches needs the network, at least the first time.

The sandbox is made with bubblewrap where that is installed, else with Landlock,
on macOS with sandbox-exec. Where a system has none of them, the server does not
start, unless you say --optional. Without on or off, print what is set, and what
holds the server that runs.`,
		Example: `  drawbridge servers sandbox files on --write ~/Documents
  drawbridge servers sandbox fetch on --network
  drawbridge servers sandbox files off`,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			given := network || optional || len(read)+len(write) > 0
			if given && (len(args) < 2 || args[1] != "on") {
				return usagef("what a sandbox permits goes with on: drawbridge servers sandbox %s on …", args[0])
			}
			b, err := c.bridge(ctx)
			if err != nil {
				return err
			}
			if len(args) == 2 {
				if err := c.byPerson(b, "servers sandbox"); err != nil {
					return err
				}
			}
			v, err := knownServer(ctx, b, args[0])
			if err != nil {
				return err
			}
			if len(args) == 2 {
				var s *store.Sandbox
				switch args[1] {
				case "off":
				case "on":
					s = &store.Sandbox{Network: network, Optional: optional, Read: c.fullPaths(read), Write: c.fullPaths(write)}
				default:
					return usagef("the sandbox is on or off, not %q", args[1])
				}
				if err := b.SetServerSandbox(ctx, v.Server.ID, s); err != nil {
					return err
				}
				v.Server.Sandbox, v.Sandbox = s, nil
			}
			if asJSON {
				return c.printJSON(viewJSON(v))
			}
			printSandbox(c.session.Stdout, v.Server.Name, v.Server.Sandbox, v.Sandbox)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().BoolVar(&network, "network", false, "permit connections")
	cmd.Flags().BoolVar(&optional, "optional", false, "start it without a sandbox where the system has none")
	cmd.Flags().StringArrayVar(&read, "read", nil, "a folder or file that it may read (more than once)")
	cmd.Flags().StringArrayVar(&write, "write", nil, "a folder or file that it may read and write (more than once)")
	return cmd
}

// fullPaths reads paths as they were typed in the session's folder.
func (c *cli) fullPaths(paths []string) []string {
	var out []string
	for _, p := range paths {
		if !filepath.IsAbs(p) && p != "~" && !strings.HasPrefix(p, "~/") {
			p = filepath.Join(c.session.Dir, p)
		}
		out = append(out, p)
	}
	return out
}

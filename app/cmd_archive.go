package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/store"
)

func (c *cli) conversationsExport() *cobra.Command {
	var output, form string
	cmd := &cobra.Command{
		Use: "export ID", Short: "Write a conversation as Markdown, or as JSON", Args: cobra.ExactArgs(1),
		Long: `Write what is shown of a conversation as Markdown, or all of it, with its branches,
as JSON, which drawbridge import takes. Secrets that Drawbridge keeps are replaced
wherever they stand in it.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := c.bridge(cmd.Context())
			if err != nil {
				return err
			}
			write := func(w io.Writer) error {
				return b.ExportConversation(cmd.Context(), args[0], bridge.ExportFormat(form), w)
			}
			if output == "" {
				return write(c.session.Stdout)
			}
			return writeNew(c.inDir(output), write)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "write to this file, which must not be there yet")
	cmd.Flags().StringVar(&form, "format", string(bridge.ExportMarkdown), "markdown or json")
	return cmd
}

func (c *cli) exportAll() *cobra.Command {
	return &cobra.Command{
		Use: "export FILE", Short: "Write everything into one zip file", Args: cobra.ExactArgs(1),
		Long: `Write all conversations, the servers and the settings into one zip file, which must
not be there yet. No secret is in it. drawbridge import reads it back.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := c.bridge(cmd.Context())
			if err != nil {
				return err
			}
			n := 0
			err = writeNew(c.inDir(args[0]), func(w io.Writer) error {
				return b.ExportAll(cmd.Context(), w, func(done, _ int) { n = done })
			})
			if err == nil {
				fmt.Fprintf(c.session.Stderr, "Conversations: %d.\n", n)
			}
			return err
		},
	}
}

func (c *cli) importFile() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "import FILE", Short: "Read what was exported: a conversation as JSON, or everything", Args: cobra.ExactArgs(1),
		Long: `Read a conversation that was exported as JSON, or the zip file of everything. What is
here already is passed over. Servers are kept without their secrets, and wait for
your review; of the settings, the providers, whose keys are asked for again, and the
system prompts are taken.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := c.changing(cmd, "import")
			if err != nil {
				return err
			}
			got, err := b.ImportFile(cmd.Context(), c.inDir(args[0]))
			if asJSON {
				return errors.Join(c.printJSON(importedJSON(got)), err)
			}
			for _, conv := range got.Conversations {
				fmt.Fprintf(c.session.Stdout, "%s\t%s\n", conv.ID, visible(conv.Title))
			}
			for _, s := range got.Servers {
				fmt.Fprintf(c.session.Stderr, "The server %s waits for your review.\n", visible(s.Name))
			}
			for _, p := range got.Providers {
				if !p.NoKey {
					fmt.Fprintf(c.session.Stderr, "The provider %s waits for its key: drawbridge secret set %s\n", visible(p.Title()), store.ProviderSecret(p.ID, "key"))
				}
			}
			for _, note := range got.Notes {
				fmt.Fprintf(c.session.Stderr, "- %s\n", visible(note))
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// importedJSON is what came of an import as --json prints it.
func importedJSON(got bridge.Imported) any {
	out := struct {
		Conversations []conversationJSON `json:"conversations"`
		Servers       []string           `json:"servers"`
		Providers     []string           `json:"providers"`
		Presets       int                `json:"presets"`
		Notes         []string           `json:"notes,omitempty"`
	}{Conversations: []conversationJSON{}, Servers: []string{}, Providers: []string{}, Presets: got.Presets, Notes: got.Notes}
	for _, conv := range got.Conversations {
		out.Conversations = append(out.Conversations, newConversationJSON(conv))
	}
	for _, s := range got.Servers {
		out.Servers = append(out.Servers, s.Name)
	}
	for _, p := range got.Providers {
		out.Providers = append(out.Providers, p.ID)
	}
	return out
}

// writeNew writes a file that must not be there yet, whole or not at all, and for
// its owner alone.
func writeNew(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("the file %s is there already; choose another name (%w)", path, store.ErrExists)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		return nil
	}
	if gone := os.Remove(path); gone != nil {
		err = errors.Join(err, gone)
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("write %s: %w", path, err)
}

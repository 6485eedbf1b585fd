//go:build linux && e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// journalFile makes this test's program an MCP server that writes down in a file
// what it is asked to do, so that a test sees what really ran, and how often.
const journalFile = "DRAWBRIDGE_E2E_JOURNAL"

func TestMain(m *testing.M) {
	if path := os.Getenv(journalFile); path != "" {
		if err := serveJournal(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// journalInput is what both tools take.
type journalInput struct {
	Text string `json:"text"`
}

// serveJournal is the server. The tool note writes a line. The tool hold writes
// that it begins and goes on until the file gate beside the journal is there, or
// until it is told to stop; it writes down either.
func serveJournal(path string) error {
	write := func(line string) error {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(f, line); err != nil {
			return err
		}
		return f.Close()
	}
	said := func(text string) (*mcp.CallToolResult, any, error) {
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: text}}}, nil, nil
	}
	server := mcp.NewServer(&mcp.Implementation{Name: "journal", Version: "1"}, nil)
	mcp.AddTool(server, &mcp.Tool{Name: "note", Description: "Writes a line into the journal."},
		func(_ context.Context, _ *mcp.CallToolRequest, in journalInput) (*mcp.CallToolResult, any, error) {
			if err := write("note " + in.Text); err != nil {
				return nil, nil, err
			}
			return said("It is written: " + in.Text)
		})
	mcp.AddTool(server, &mcp.Tool{Name: "hold", Description: "Writes a line into the journal and waits."},
		func(ctx context.Context, _ *mcp.CallToolRequest, in journalInput) (*mcp.CallToolResult, any, error) {
			if err := write("begin " + in.Text); err != nil {
				return nil, nil, err
			}
			tick := time.NewTicker(20 * time.Millisecond)
			defer tick.Stop()
			for {
				if _, err := os.Stat(path + gate); err == nil {
					if err := write("end " + in.Text); err != nil {
						return nil, nil, err
					}
					return said("It was held: " + in.Text)
				}
				select {
				case <-ctx.Done():
					return nil, nil, write("stopped " + in.Text)
				case <-tick.C:
				}
			}
		})
	return server.Run(context.Background(), &mcp.StdioTransport{})
}

// gate is what the name of the file ends with that ends the waiting.
const gate = ".gate"

// journal returns the lines that a journal has now.
func journal(path string) ([]string, error) {
	text, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil, nil
	}
	return strings.Fields(strings.ReplaceAll(strings.ReplaceAll(string(text), " ", ":"), "\n", " ")), err
}

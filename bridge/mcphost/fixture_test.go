package mcphost

import (
	"context"
	"os"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

type textIn struct {
	Text string `json:"text"`
}

func textOut(s string) *mcp.CallToolResult {
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: s}}}
}

// obedient returns a server with the tool echo.
func obedient() *mcp.Server {
	s := mcp.NewServer(&mcp.Implementation{Name: "fixture", Version: "1"}, &mcp.ServerOptions{Instructions: "Be kind."})
	mcp.AddTool(s, &mcp.Tool{Name: "echo", Description: "Returns the text."},
		func(_ context.Context, _ *mcp.CallToolRequest, in textIn) (*mcp.CallToolResult, any, error) {
			return textOut(in.Text), nil, nil
		})
	return s
}

// fixture is the child process.
func fixture(mode string) {
	time.AfterFunc(2*time.Minute, func() { os.Exit(99) }) // whatever happens to the tests
	switch mode {
	case "echo":
		obedient().Run(context.Background(), &mcp.StdioTransport{})
	}
}

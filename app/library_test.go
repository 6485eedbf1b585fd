package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// libraryServer is an MCP server over stdio with resources, a prompt, and a tool
// that asks the person.
func libraryServer() {
	server := mcp.NewServer(&mcp.Implementation{Name: "library", Version: "1"}, nil)
	read := func(_ context.Context, r *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
		text := "the text of " + r.Params.URI + "\n"
		if r.Params.URI == "book:///call" { // the rehearsal calls what a message names
			text = "\nworkbench__time zone=America/Lima\n"
		}
		return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{{URI: r.Params.URI, MIMEType: "text/plain", Text: text}}}, nil
	}
	server.AddResource(&mcp.Resource{URI: "book:///moby", Name: "moby", Title: "Moby Dick", MIMEType: "text/plain"}, read)
	server.AddResourceTemplate(&mcp.ResourceTemplate{URITemplate: "book:///{author}", Name: "by author"}, read)
	server.AddPrompt(&mcp.Prompt{Name: "review", Arguments: []*mcp.PromptArgument{{Name: "book", Required: true}}},
		func(_ context.Context, r *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
			return &mcp.GetPromptResult{Messages: []*mcp.PromptMessage{{Role: "user", Content: &mcp.TextContent{Text: "Review " + r.Params.Arguments["book"]}}}}, nil
		})
	type nothing struct{}
	mcp.AddTool(server, &mcp.Tool{Name: "lend", Description: "Lends a book."},
		func(_ context.Context, r *mcp.CallToolRequest, _ nothing) (*mcp.CallToolResult, any, error) {
			if got, ok := r.Params.InputResponses["who"].(*mcp.ElicitResult); ok {
				return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "they said " + got.Action + strings.TrimSuffix(fmt.Sprint(" ", got.Content["name"]), " <nil>")}}}, nil, nil
			}
			return &mcp.CallToolResult{InputRequests: mcp.InputRequestMap{"who": &mcp.ElicitParams{
				Mode: "form", Message: "Who are you?",
				RequestedSchema: map[string]any{"type": "object", "properties": map[string]any{"name": map[string]any{"type": "string", "default": "Ishmael"}}},
			}}}, nil, nil
		})
	if err := server.Run(context.Background(), &mcp.StdioTransport{}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

package main

import (
	"context"
	"encoding/json"
	"os"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// oddServer is an MCP server over stdio whose tools have schemas that services
// take differently: one that fits every mode, one with forms at the top, one of
// an older draft, and one that no service is sent.
func oddServer() {
	server := mcp.NewServer(&mcp.Implementation{Name: "odd", Version: "1"}, nil)
	for name, schema := range map[string]string{
		"fits":   `{"type":"object","properties":{"text":{"type":"string"}},"required":["text"],"additionalProperties":false}`,
		"either": `{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"}},"anyOf":[{"required":["a"]},{"required":["b"]}]}`,
		"older":  `{"$schema":"http://json-schema.org/draft-07/schema#","type":"object","properties":{"pair":{"$ref":"#/definitions/pair"}},"definitions":{"pair":{"type":"array","items":[{"type":"string"},{"type":"number"}]}}}`,
		"deep":   `{"type":"object","properties":{"a":` + strings.Repeat(`{"not":`, 200) + `{}` + strings.Repeat(`}`, 200) + `}}`,
	} {
		server.AddTool(&mcp.Tool{Name: name, Description: "Does it.", InputSchema: json.RawMessage(schema)},
			func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
				return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: name}}}, nil
			})
	}
	if err := server.Run(context.Background(), &mcp.StdioTransport{}); err != nil {
		os.Exit(1)
	}
}

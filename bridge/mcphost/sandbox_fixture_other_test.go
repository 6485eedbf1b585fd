//go:build unix && !linux

package mcphost

import "github.com/modelcontextprotocol/go-sdk/mcp"

func prisoner() *mcp.Server { return obedient() }

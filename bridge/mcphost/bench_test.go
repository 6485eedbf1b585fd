package mcphost

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// echoServer builds the server that benchmarks measure against.
func echoServer(b *testing.B) string {
	b.Helper()
	program := filepath.Join(b.TempDir(), "echo")
	out, err := exec.Command("go", "build", "-o", program, "./testdata/echo").CombinedOutput()
	if err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	return program
}

const echoText = "the quick brown fox jumps over the lazy dog"

// BenchmarkCall is a call through the manager.
func BenchmarkCall(b *testing.B) {
	m := newManager(b, nil)
	ready(b, m, store.ServerConfig{ID: "echo", Name: "echo", Transport: store.TransportStdio, Command: echoServer(b)})
	ctx := context.Background()
	args := json.RawMessage(`{"text":"` + echoText + `"}`)
	for b.Loop() {
		r, err := m.Call(ctx, tools.Ref{Server: "echo", Tool: "echo"}, args, nil)
		if err != nil || r.Content.Text() != echoText {
			b.Fatal(r, err)
		}
	}
}

// BenchmarkBareSDK is the same call with the SDK alone.
func BenchmarkBareSDK(b *testing.B) {
	ctx := context.Background()
	client := mcp.NewClient(&mcp.Implementation{Name: "bare", Version: "1"}, nil)
	cmd := exec.Command(echoServer(b))
	cmd.Stderr = os.Stderr
	session, err := client.Connect(ctx, &mcp.CommandTransport{Command: cmd}, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer session.Close()
	args := json.RawMessage(`{"text":"` + echoText + `"}`)
	for b.Loop() {
		r, err := session.CallTool(ctx, &mcp.CallToolParams{Name: "echo", Arguments: args})
		if err != nil || r.Content[0].(*mcp.TextContent).Text != echoText {
			b.Fatal(r, err)
		}
	}
}

//go:build linux && e2e

package clients

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/store"
	"github.com/drawbridge-app/drawbridge/store/db"
	"github.com/drawbridge-app/drawbridge/store/secret"
	"github.com/drawbridge-app/drawbridge/store/settings"
)

func TestMain(m *testing.M) {
	mcphost.RunShim()
	os.Exit(m.Run())
}

// clientLimit is for a slow machine that does other things, too.
const clientLimit = 3 * time.Minute

// fixture is a server of the era that the clients speak, with one of each.
func fixture(t *testing.T) string {
	t.Helper()
	server := mcp.NewServer(&mcp.Implementation{Name: "fixture", Version: "1"}, nil)
	type echo struct {
		Text string `json:"text"`
	}
	text := func(s string) *mcp.CallToolResult {
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: s}}}
	}
	mcp.AddTool(server, &mcp.Tool{Name: "echo", Description: "Gives the text back."}, func(ctx context.Context, r *mcp.CallToolRequest, in echo) (*mcp.CallToolResult, any, error) {
		if token := r.Params.GetProgressToken(); token != nil {
			if err := r.Session.NotifyProgress(ctx, &mcp.ProgressNotificationParams{ProgressToken: token, Progress: 1, Total: 2}); err != nil {
				return nil, nil, err
			}
		}
		return text("you said " + in.Text), nil, nil
	})
	mcp.AddTool(server, &mcp.Tool{Name: "ask", Description: "Asks for a name."}, func(ctx context.Context, r *mcp.CallToolRequest, _ struct{}) (*mcp.CallToolResult, any, error) {
		res, err := r.Session.Elicit(ctx, &mcp.ElicitParams{Message: "name?", RequestedSchema: json.RawMessage(`{"type":"object","properties":{"name":{"type":"string"}}}`)})
		if err != nil {
			return nil, nil, err
		}
		name, _ := res.Content["name"].(string)
		return text(res.Action + " " + name), nil, nil
	})
	server.AddResource(&mcp.Resource{Name: "page", URI: "test://page"}, func(context.Context, *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
		return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{{URI: "test://page", Text: "the page"}}}, nil
	})
	server.AddPrompt(&mcp.Prompt{Name: "greet", Arguments: []*mcp.PromptArgument{{Name: "who", Required: true}}}, func(_ context.Context, r *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
		return &mcp.GetPromptResult{Messages: []*mcp.PromptMessage{{Role: "user", Content: &mcp.TextContent{Text: "greet " + r.Params.Arguments["who"]}}}}, nil
	})
	s := httptest.NewServer(mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, nil))
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s.URL
}

// open returns the address of a gateway in front of the fixture, and a key.
func open(t *testing.T) (address, key string) {
	t.Helper()
	home := t.TempDir()
	files, err := settings.Open(home, nil)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := db.Open(t.Context(), filepath.Join(home, "drawbridge.db"))
	if err != nil {
		t.Fatal(err)
	}
	secrets := secret.Open(home)
	secrets.UseMemory()
	b, err := bridge.New(t.Context(), bridge.Options{
		Home: home, History: kept, Ledger: kept, Settings: files, Secrets: secrets, Cache: kept, Audit: kept, Keys: kept, Version: "test",
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := b.Close(ctx); err != nil {
			t.Error(err)
		}
		if err := kept.Close(); err != nil {
			t.Error(err)
		}
	})
	c := store.ServerConfig{Name: "fixture", Transport: store.TransportHTTP, URL: fixture(t)}
	c.Rules.Approvals.Default, c.Rules.Trusted = store.ApproveAlways, true
	if _, err := b.AddServer(t.Context(), setup.Draft{Config: c}, true); err != nil {
		t.Fatal(err)
	}
	if err := b.SettleServers(t.Context(), "fixture"); err != nil {
		t.Fatal(err)
	}
	state, err := b.OpenGateway(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	_, value, err := b.AddKey(t.Context(), "client", "", store.Limits{Servers: []string{"fixture"}})
	if err != nil {
		t.Fatal(err)
	}
	return state.Address, value.Reveal()
}

// folder is the absolute path of a folder of app/testdata.
func folder(t *testing.T, name string) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("../../testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// node is the Node that came with the clients, or the system's.
func node(t *testing.T) string {
	t.Helper()
	for _, arch := range []string{"x64", "arm64"} {
		path := filepath.Join(folder(t, "clients"), "node_modules", "node-linux-"+arch, "bin", "node")
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return "node"
}

// run runs a client and returns what it printed.
func run(t *testing.T, key, program string, args ...string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), clientLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = folder(t, "clients")
	cmd.Env = append(os.Environ(), "DRAWBRIDGE_KEY="+key)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %v: %v\n%s\n%s", program, args, err, out.Bytes(), said.Bytes())
	}
	return out.Bytes()
}

// found is what a client prints of what it found.
type found struct {
	Tools                         []string
	Progress                      []float64
	Echo, Asked, Resource, Prompt string
}

func (f found) check(t *testing.T, all bool) {
	t.Helper()
	slices.Sort(f.Tools)
	if !slices.Equal(f.Tools, []string{"fixture__ask", "fixture__echo"}) || f.Echo != "you said hello" {
		t.Errorf("it found %+v", f)
	}
	if all && (f.Asked != "accept Ada [fixture] name?" || f.Resource != "the page" || f.Prompt != "greet Ada") {
		t.Errorf("it found %+v", f)
	}
}

func TestTypeScriptSDK(t *testing.T) {
	t.Parallel()
	address, key := open(t)
	var f found
	if err := json.Unmarshal(run(t, key, node(t), "sdk.mjs", address), &f); err != nil {
		t.Fatal(err)
	}
	f.check(t, true)
	if len(f.Progress) != 1 {
		t.Errorf("the progress is %v", f.Progress)
	}
}

func TestVercelAI(t *testing.T) {
	t.Parallel()
	address, key := open(t)
	var f found
	if err := json.Unmarshal(run(t, key, node(t), "ai.mjs", address), &f); err != nil {
		t.Fatal(err)
	}
	f.check(t, false)
}

func TestFastMCP(t *testing.T) {
	t.Parallel()
	address, key := open(t)
	python := filepath.Join(folder(t, "servers"), ".venv", "bin", "python")
	if path := os.Getenv("CLIENTS_PYTHON"); path != "" { // one with FastMCP
		python = path
	}
	var f found
	if err := json.Unmarshal(run(t, key, python, "fast.py", address), &f); err != nil {
		t.Fatal(err)
	}
	f.check(t, true)
}

func TestInspector(t *testing.T) {
	t.Parallel()
	address, key := open(t)
	inspect := func(args ...string) string {
		cli := filepath.Join(folder(t, "clients"), "node_modules", "@modelcontextprotocol", "inspector", "clients", "launcher", "build", "index.js")
		return string(run(t, key, node(t), append([]string{cli, "--cli", address, "--transport", "http", "--header", "Authorization: Bearer " + key}, args...)...))
	}
	if out := inspect("--method", "tools/list"); !strings.Contains(out, `"fixture__echo"`) {
		t.Errorf("tools/list gave %s", out)
	}
	if out := inspect("--method", "tools/call", "--tool-name", "fixture__echo", "--tool-arg", "text=hello"); !strings.Contains(out, "you said hello") {
		t.Errorf("tools/call gave %s", out)
	}
	if out := inspect("--method", "resources/list"); !strings.Contains(out, "test://page") {
		t.Errorf("resources/list gave %s", out)
	}
}

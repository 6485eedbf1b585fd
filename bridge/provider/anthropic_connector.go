package provider

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/packages/param"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/store"
)

// connectorVersion is a version of Anthropic's MCP connector, with which the
// service connects to MCP servers itself. It is also the date in the name of
// the beta.
type connectorVersion string

// The versions.
const (
	// connectorPinned has the definitions of the tools in the request, so that
	// the service asks no server for them and a server cannot change them
	// under way. What the service listed itself comes as mcp_tool_listing.
	connectorPinned connectorVersion = "2026-09-15"
	// connectorToolset has an mcp_toolset among the tools that says which of
	// the server's tools are on.
	connectorToolset connectorVersion = "2025-11-20"
	// connectorFirst has the list of allowed tools in mcp_servers.
	connectorFirst connectorVersion = "2025-04-04"
)

// connectorVersions are all, the newest first.
var connectorVersions = []connectorVersion{connectorPinned, connectorToolset, connectorFirst}

func (v connectorVersion) beta() string { return "mcp-client-" + string(v) }

// connectorServer is a server of a request, as the connector takes it.
type connectorServer struct {
	id, label, url, token string
	tools                 []model.ManagedTool // those that may run without asking
}

// connectorStart returns the index of the version to begin with.
func connectorStart(cfg store.ProviderConfig) (int, error) {
	if cfg.Connector == "" {
		return 0, nil
	}
	i := slices.Index(connectorVersions, connectorVersion(cfg.Connector))
	if i < 0 {
		return 0, fmt.Errorf("provider %q: the version %q of the connector is not known; use 2026-09-15, 2025-11-20 or 2025-04-04 (%w)", cfg.ID, cfg.Connector, store.ErrInvalid)
	}
	return i, nil
}

// connector returns the version to use, an index in connectorVersions.
func (c *anthropicClient) connector() int {
	c.versionMu.Lock()
	defer c.versionMu.Unlock()
	return c.version
}

// connectorRefused reports whether an error is about that version of the
// connector and an older one is to be tried. The entry stays with the older
// one, unless it names its version itself.
func (c *anthropicClient) connectorRefused(version int, err error) bool {
	var refusal *refusedField
	if c.cfg.Connector != "" || version+1 >= len(connectorVersions) ||
		!errors.As(err, &refusal) || !aboutConnector(refusal.param+": "+refusal.message) {
		return false
	}
	c.versionMu.Lock()
	defer c.versionMu.Unlock()
	if c.version == version {
		c.version++
		c.o.Logger.Warn("a provider refuses a version of the MCP connector, so an older one is used", "provider", c.cfg.ID,
			"refused", connectorVersions[version].beta(), "used", connectorVersions[c.version].beta(), "said", refusal.message)
	}
	return true
}

// aboutConnector reports whether a refusal is about the form of the connector,
// and not about a server.
func aboutConnector(text string) bool {
	text = strings.ToLower(text)
	if strings.Contains(text, "mcp-client-") || strings.Contains(text, "anthropic-beta") {
		return true
	}
	has := func(s string) bool { return strings.Contains(text, s) }
	return slices.ContainsFunc([]string{"mcp_server", "mcp_tool", "tool_configuration"}, has) &&
		slices.ContainsFunc([]string{"extra inputs", "not permitted", "not match", "unexpected", "unknown", "unsupported", "not supported", "unrecognized"}, has)
}

// connectorServers checks what the connector can carry. A server without a tool
// that may run is left out, because the connector cannot ask.
func (c *anthropicClient) connectorServers(managed []model.ManagedServer) ([]connectorServer, error) {
	var out []connectorServer
	for _, m := range managed {
		s := connectorServer{id: m.Server, label: m.Label, url: m.URL}
		for _, t := range m.Tools {
			if t.Always {
				s.tools = append(s.tools, t)
			}
		}
		if len(s.tools) == 0 {
			continue
		}
		for name, value := range m.Headers {
			if value.Empty() {
				continue
			}
			scheme, token, _ := strings.Cut(strings.TrimSpace(value.Reveal()), " ")
			what := "the header " + http.CanonicalHeaderKey(name)
			switch {
			case !strings.EqualFold(name, "Authorization"):
			case !strings.EqualFold(scheme, "Bearer") || blank(token):
				what = "an Authorization header that is no Bearer token"
			default:
				s.token, what = strings.TrimSpace(token), ""
			}
			if what != "" {
				err := c.errorf(model.ErrorManaged, 0, nil, "The MCP connector of %s cannot send %s to the server %s. Let the app run that server's tools instead.", c.cfg.Title(), clean(what, 200), clean(m.Label, maxManagedName))
				err.Server = m.Server
				return nil, err
			}
		}
		out = append(out, s)
	}
	return out, nil
}

// declares reports whether a server of that label is in the request.
func (w *anthropicWriter) declares(label string) bool {
	return slices.ContainsFunc(w.servers, func(s connectorServer) bool { return s.label == label })
}

// definitions writes mcp_servers.
func (w *anthropicWriter) definitions() []anthropic.BetaRequestMCPServerURLDefinitionParam {
	var out []anthropic.BetaRequestMCPServerURLDefinitionParam
	for _, s := range w.servers {
		d := anthropic.BetaRequestMCPServerURLDefinitionParam{Name: s.label, URL: s.url}
		if s.token != "" {
			d.AuthorizationToken = param.NewOpt(s.token)
		}
		if w.connector == connectorFirst {
			d.ToolConfiguration.Enabled = param.NewOpt(true)
			for _, t := range s.tools {
				d.ToolConfiguration.AllowedTools = append(d.ToolConfiguration.AllowedTools, t.Ref.Tool)
			}
		}
		out = append(out, d)
	}
	return out
}

// connectorSet is an mcp_toolset among the tools of a request.
type connectorSet struct {
	Type    string                     `json:"type"`
	Server  string                     `json:"mcp_server_name"`
	Default connectorSwitch            `json:"default_config"`
	Configs map[string]connectorSwitch `json:"configs"`
	Tools   []connectorTool            `json:"tools,omitempty"`
	Cache   *anthropicCache            `json:"cache_control,omitempty"`
}

type connectorSwitch struct {
	Enabled bool `json:"enabled"`
}

type connectorTool struct {
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	Schema      json.RawMessage `json:"input_schema"`
}

// toolsets writes one toolset for each server, in which the permitted tools
// alone are on. Where the version has it, their definitions are those that the
// app listed and that a person has seen.
func (w *anthropicWriter) toolsets() []connectorSet {
	if w.connector == connectorFirst {
		return nil
	}
	var out []connectorSet
	for _, s := range w.servers {
		set := connectorSet{Type: "mcp_toolset", Server: s.label, Configs: map[string]connectorSwitch{}}
		for _, t := range s.tools {
			set.Configs[t.Ref.Tool] = connectorSwitch{true}
			if w.connector != connectorPinned {
				continue
			}
			schema := t.InputSchema
			if len(schema) == 0 {
				schema = json.RawMessage(`{"type":"object"}`)
			}
			set.Tools = append(set.Tools, connectorTool{t.Ref.Tool, t.Description, schema})
		}
		out = append(out, set)
	}
	return out
}

// explain turns a failure that is about a server of the connector into one that
// says so. continued says that a part of the answer came before.
func (c *anthropicClient) explain(err error, servers []connectorServer, continued bool) error {
	var e *model.Error
	if !errors.As(err, &e) {
		return err
	}
	if continued && !errors.Is(err, model.ErrCut) {
		e.Err = errors.Join(e.Err, model.ErrCut)
	}
	if len(servers) == 0 {
		return err
	}
	said := strings.ReplaceAll(e.Message, c.cfg.Title(), "")
	s, found := whichServer(servers, said)
	switch e.Kind {
	case model.ErrorManaged:
		if e.Server == "" {
			e.Server = s.id
		}
		return err
	case model.ErrorRequest, model.ErrorServer, model.ErrorAuth, model.ErrorNotFound:
	default:
		return err
	}
	if !strings.Contains(strings.ToLower(said), "mcp") {
		return err
	}
	var refusal *refusedField
	if errors.As(err, &refusal) {
		said = refusal.message
	} else {
		if _, after, ok := strings.Cut(said, ": "); ok {
			said = after // what the service said
		}
		said = clean(said, maxErrorText)
	}
	label := ""
	if found {
		label = clean(s.label, maxManagedName)
	}
	managed := c.managedError(e.Status, label, said)
	managed.Server, managed.RetryAfter, managed.Err = s.id, e.RetryAfter, e.Err
	return managed
}

// whichServer finds the server that a message is about: by its address, by its
// label as a word of its own (the longest that is there), or because there is
// but one.
func whichServer(servers []connectorServer, text string) (connectorServer, bool) {
	best := -1
	for i, s := range servers {
		if s.url != "" && strings.Contains(text, s.url) || hasWord(text, s.label) {
			if best < 0 || len(s.label) > len(servers[best].label) {
				best = i
			}
		}
	}
	switch {
	case best >= 0:
		return servers[best], true
	case len(servers) == 1:
		return servers[0], true
	}
	return connectorServer{}, false
}

// hasWord reports whether the word is in the text with no letter, digit, _ or -
// on either side.
func hasWord(text, word string) bool {
	if word == "" {
		return false
	}
	for from := 0; ; {
		i := strings.Index(text[from:], word)
		if i < 0 {
			return false
		}
		i += from
		end := i + len(word)
		if (i == 0 || !strings.Contains(nameCharacters, text[i-1:i])) && (end == len(text) || !strings.Contains(nameCharacters, text[end:end+1])) {
			return true
		}
		from = i + 1
	}
}

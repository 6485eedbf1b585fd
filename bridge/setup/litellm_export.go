package setup

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/drawbridge-app/drawbridge/store"
)

// LiteLLM is servers as LiteLLM's proxy takes them.
type LiteLLM struct {
	// Config is a config.yaml, or a part of one: mcp_servers, and what belongs to
	// them elsewhere in the file. There is no secret in it.
	Config []byte
	// Variables are those of the environment that the proxy has to be started
	// with, by name.
	Variables []Variable
	// Notes say in sentences what could not be said there, or needs a look.
	Notes []string
}

// Variable is one of the environment to which a file refers.
type Variable struct {
	Name string
	// Holds says what it has to hold, in a few words.
	Holds string
}

// liteLLMFile and liteLLMServer are the parts of a config.yaml that are written.
type liteLLMFile struct {
	Servers map[string]*liteLLMServer `yaml:"mcp_servers"`
	General map[string]string         `yaml:"general_settings,omitempty"`
	LiteLLM liteLLMSettings           `yaml:"litellm_settings,omitempty"`
}

// liteLLMSettings let the proxy read documents of private addresses, which it does
// not do by itself.
type liteLLMSettings struct {
	AllowedHosts []string `yaml:"user_url_allowed_hosts,omitempty"`
}

type liteLLMServer struct {
	Transport        string              `yaml:"transport,omitempty"`
	URL              string              `yaml:"url,omitempty"`
	SpecPath         string              `yaml:"spec_path,omitempty"`
	Command          string              `yaml:"command,omitempty"`
	Args             []string            `yaml:"args,omitempty"`
	Env              map[string]string   `yaml:"env,omitempty"`
	AuthType         string              `yaml:"auth_type,omitempty"`
	AuthValue        string              `yaml:"auth_value,omitempty"`
	OAuth2Flow       string              `yaml:"oauth2_flow,omitempty"`
	ClientID         string              `yaml:"client_id,omitempty"`
	ClientSecret     string              `yaml:"client_secret,omitempty"`
	AuthorizationURL string              `yaml:"authorization_url,omitempty"`
	TokenURL         string              `yaml:"token_url,omitempty"`
	TokenAuth        string              `yaml:"token_endpoint_auth_method,omitempty"`
	Scopes           []string            `yaml:"scopes,omitempty"`
	StaticHeaders    map[string]string   `yaml:"static_headers,omitempty"`
	ExtraHeaders     []string            `yaml:"extra_headers,omitempty"`
	AllowedTools     []string            `yaml:"allowed_tools,omitempty"`
	DisallowedTools  []string            `yaml:"disallowed_tools,omitempty"`
	AllowedParams    map[string][]string `yaml:"allowed_params,omitempty"`
	AccessGroups     []string            `yaml:"access_groups,omitempty"`
	RPM              int                 `yaml:"rpm,omitempty"`
}

// liteLLMCommands are the programs that LiteLLM starts without being told.
var liteLLMCommands = []string{"npx", "uvx", "python", "python3", "node", "docker", "deno"}

// ExportLiteLLM writes servers as LiteLLM's config.yaml has them: where they are,
// how one signs in, groups and rules. Each secret becomes os.environ/NAME, with
// NAME among the Variables; no value is read. header is what clients call the
// header with their credential, where it is not x-mcp-auth. What cannot be said
// there is in the Notes; what is built in and what is switched off is left out.
//
// apis are the operations of the servers of OpenAPI documents, by the id of the
// server: the proxy calls them by other names, and takes all of a document.
func ExportLiteLLM(servers []store.ServerConfig, header string, apis map[string][]Operation) (LiteLLM, error) {
	x := exporter{file: liteLLMFile{Servers: map[string]*liteLLMServer{}}, variables: map[string]string{}, apis: apis}
	for _, c := range slices.SortedFunc(slices.Values(servers), func(a, b store.ServerConfig) int { return strings.Compare(a.Name, b.Name) }) {
		switch {
		case c.Transport == store.TransportBuiltin:
			x.note(c, "is part of Drawbridge and was left out.")
		case c.Disabled:
			x.note(c, "is switched off and was left out.")
		default:
			x.server(c)
		}
	}
	if header != "" {
		x.file.General = map[string]string{"mcp_client_side_auth_header_name": header}
	}
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(x.file); err != nil {
		return LiteLLM{}, fmt.Errorf("write the servers as YAML: %w", err)
	}
	if err := enc.Close(); err != nil {
		return LiteLLM{}, fmt.Errorf("write the servers as YAML: %w", err)
	}
	l := LiteLLM{Config: out.Bytes(), Notes: x.notes}
	for _, name := range slices.Sorted(maps.Keys(x.variables)) {
		l.Variables = append(l.Variables, Variable{name, x.variables[name]})
	}
	return l, nil
}

// exporter writes one file.
type exporter struct {
	file      liteLLMFile
	variables map[string]string
	notes     []string
	apis      map[string][]Operation
	current   string // the server's name there
}

func (x *exporter) note(c store.ServerConfig, format string, a ...any) {
	x.notes = append(x.notes, c.Name+" "+fmt.Sprintf(format, a...))
}

const environ = "os.environ/"

// variable returns a reference to a variable that is named after what it is for.
func (x *exporter) variable(what, holds string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, x.current+"_"+what)
	if name[0] >= '0' && name[0] <= '9' {
		name = "MCP_" + name
	}
	name = UniqueName(name, func(n string) bool {
		known, taken := x.variables[strings.ReplaceAll(n, "-", "_")]
		return taken && known != holds
	})
	name = strings.ReplaceAll(name, "-", "_")
	x.variables[name] = holds
	return environ + name
}

// value writes a configured value: as it is, or as a reference to a variable.
func (x *exporter) value(v store.Value, what, holds string) string {
	refs := store.EnvRefs(string(v))
	if len(refs) == 1 && string(v) == "${env:"+refs[0].Name+"}" {
		name := refs[0].Name
		if _, ok := x.variables[name]; !ok {
			x.variables[name] = "as it is in your own environment"
		}
		return environ + name
	}
	if len(refs) > 0 || v.Secret() || strings.HasPrefix(string(v), environ) {
		return x.variable(what, holds)
	}
	return string(v)
}

func (x *exporter) values(c store.ServerConfig, kind string, m map[string]store.Value) map[string]string {
	if len(m) == 0 {
		return nil
	}
	out := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		out[name] = x.value(m[name], name, fmt.Sprintf("the %s %s of %s", kind, name, c.Name))
	}
	return out
}

func (x *exporter) server(c store.ServerConfig) {
	name := UniqueName(strings.ReplaceAll(c.Name, "-", "_"), func(n string) bool {
		_, taken := x.file.Servers[strings.ReplaceAll(n, "-", "_")]
		return taken
	})
	name = strings.ReplaceAll(name, "-", "_")
	if name != c.Name {
		x.note(c, "is called %s there, where a name has no -; so are its tools.", name)
	}
	x.current = name
	s := &liteLLMServer{}
	x.file.Servers[name] = s
	x.where(c, s)
	x.rules(c, s)
	for what, set := range map[string]bool{
		"its sandbox": c.Sandbox != nil, "the folders that it was granted": len(c.Roots) > 0, "its working folder": c.Dir != "",
		"that its calls run in turn": c.Serial, "its certificates and proxy": c.Net != store.NetConfig{},
	} {
		if set {
			x.note(c, "loses %s: the proxy has no such setting.", what)
		}
	}
	slices.Sort(x.notes)
}

func (x *exporter) where(c store.ServerConfig, s *liteLLMServer) {
	if c.Transport == store.TransportStdio {
		s.Transport, s.Command, s.Args = "stdio", c.Command, c.Args
		s.Env = x.values(c, "variable", c.Env)
		x.variables["LITELLM_ENABLE_MCP_STDIO"] = "true, so that the proxy starts programs"
		base := c.Command[strings.LastIndexAny(c.Command, `/\`)+1:]
		if !slices.Contains(liteLLMCommands, base) {
			const extra = "LITELLM_MCP_STDIO_EXTRA_COMMANDS"
			if had := x.variables[extra]; had == "" {
				x.variables[extra] = base
			} else if !slices.Contains(strings.Split(had, ","), base) {
				x.variables[extra] = had + "," + base
			}
		}
		for _, a := range append([]string{c.Command}, c.Args...) {
			if len(store.EnvRefs(a)) > 0 {
				x.note(c, "has a variable of the environment in its command, %q, which the proxy does not put in there; write its value.", a)
			}
		}
		return
	}
	s.URL = x.value(store.Value(c.URL), "URL", "the address "+store.ShowAddress(c.URL)+", with your variables put in")
	headers := maps.Clone(c.Headers)
	switch c.Transport {
	case store.TransportSSE:
		s.Transport = "sse"
	case store.TransportHTTP:
		s.Transport = "http"
	case store.TransportOpenAPI:
		s.SpecPath = c.OpenAPI.Document
		if lower := strings.ToLower(s.SpecPath); !strings.HasPrefix(lower, "https://") && !strings.HasPrefix(lower, "http://") {
			x.note(c, "is made of the document %s, which the proxy needs under that path.", s.SpecPath)
		} else if host := privateDocument(s.SpecPath); host != "" && !slices.Contains(x.file.LiteLLM.AllowedHosts, host) {
			x.file.LiteLLM.AllowedHosts = append(x.file.LiteLLM.AllowedHosts, host)
		}
		if lower := strings.ToLower(s.SpecPath); strings.HasSuffix(lower, ".yaml") || strings.HasSuffix(lower, ".yml") {
			x.note(c, "is made of a document in YAML, and the proxy reads JSON alone; give it the same document as JSON.")
		}
		x.api(c, s)
	}
	if c.Transport != store.TransportOpenAPI {
		x.signIn(c, s, headers)
	}
	for name, value := range x.values(c, "header", headers) {
		if s.StaticHeaders == nil {
			s.StaticHeaders = map[string]string{}
		}
		s.StaticHeaders[name] = value
	}
}

// signIn writes how one signs in, and takes the header that says so out of
// headers.
func (x *exporter) signIn(c store.ServerConfig, s *liteLLMServer, headers map[string]store.Value) {
	holds := func(what string) string { return what + " of " + c.Name }
	switch a := c.Auth; a.Kind {
	case store.AuthBearer:
		s.AuthType, s.AuthValue = "bearer_token", x.value(a.Secret, "TOKEN", holds("the token"))
	case store.AuthBasic:
		s.AuthType, s.AuthValue = "basic", x.variable("USER_PASSWORD", holds("the user "+a.User+", a colon and the password"))
	case store.AuthHeader:
		value := x.value(a.Secret, "API_KEY", holds("the key"))
		if strings.EqualFold(a.Header, "X-API-Key") {
			s.AuthType, s.AuthValue = "api_key", value
		} else {
			s.StaticHeaders = map[string]string{a.Header: value}
		}
	case store.AuthOAuth, store.AuthClient:
		s.AuthType, s.OAuth2Flow = "oauth2", "authorization_code"
		if a.Kind == store.AuthClient {
			s.OAuth2Flow = "client_credentials"
		}
		s.ClientID, s.AuthorizationURL, s.TokenURL, s.Scopes = a.ClientID, a.AuthorizationURL, a.TokenURL, a.Scopes
		s.TokenAuth = map[string]string{store.TokenAuthBasic: "client_secret_basic", store.TokenAuthPost: "client_secret_post"}[a.TokenAuth]
		if a.Secret != "" {
			s.ClientSecret = x.value(a.Secret, "CLIENT_SECRET", holds("the client's secret"))
		}
		if a.Kind == store.AuthOAuth {
			x.note(c, "is signed in to by each person at the proxy; your own sign-in stays here.")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		v := headers[name]
		if s.AuthType != "" || !strings.EqualFold(name, "Authorization") && !strings.EqualFold(name, "X-API-Key") {
			continue
		}
		value := string(v)
		switch {
		case strings.EqualFold(name, "X-API-Key"):
			s.AuthType, s.AuthValue = "api_key", x.value(v, "API_KEY", holds("the key"))
		case strings.HasPrefix(value, "Bearer "):
			s.AuthType, s.AuthValue = "bearer_token", x.value(store.Value(strings.TrimPrefix(value, "Bearer ")), "TOKEN", holds("the token"))
		default:
			s.AuthType, s.AuthValue = "authorization", x.value(v, "AUTHORIZATION", holds("the whole header Authorization"))
		}
		delete(headers, name)
		return
	}
}

// api writes how requests to an API are authenticated.
func (x *exporter) api(c store.ServerConfig, s *liteLLMServer) {
	a := c.OpenAPI.Auth
	holds := func(what string) string { return what + " of " + c.Name }
	header := func(name string, v store.Value, what, text string) {
		s.StaticHeaders = map[string]string{name: x.value(v, what, holds(text))}
	}
	switch a.Kind {
	case store.APIAuthBearer:
		s.AuthType, s.AuthValue = "bearer_token", x.value(a.Value, "TOKEN", holds("the token"))
	case store.APIAuthBasic:
		s.AuthType, s.AuthValue = "basic", x.variable("USER_PASSWORD", holds("the user "+a.User+", a colon and the password"))
	case store.APIAuthHeader:
		header("Authorization", a.Value, "AUTHORIZATION", "the whole header Authorization")
	case store.APIAuthKey:
		switch a.In {
		case "", "header":
			header(a.Name, a.Value, "API_KEY", "the key")
		case "cookie":
			s.StaticHeaders = map[string]string{"Cookie": x.variable("COOKIE", holds(a.Name+"= and the key"))}
		default:
			x.note(c, "sends its key in the query, as %s, which the proxy cannot; its calls will be refused.", a.Name)
		}
	case store.APIAuthClient:
		s.AuthType, s.OAuth2Flow = "oauth2", "client_credentials"
		s.ClientID, s.TokenURL, s.Scopes = a.User, a.TokenURL, a.Scopes
		s.ClientSecret = x.value(a.Value, "CLIENT_SECRET", holds("the client's secret"))
	}
}

func (x *exporter) rules(c store.ServerConfig, s *liteLLMServer) {
	r := c.Rules
	bare := func(tool string) string {
		for _, prefix := range []string{c.Name, c.ID} {
			for _, sep := range []string{"__", "-"} {
				if rest, ok := strings.CutPrefix(tool, prefix+sep); ok && rest != "" {
					return rest
				}
			}
		}
		return tool
	}
	list := func(tools []string) []string {
		var out []string
		for _, t := range tools {
			out = append(out, bare(t))
		}
		return out
	}
	r.AllowedTools, r.DisallowedTools = list(r.AllowedTools), list(r.DisallowedTools)
	there := func(tool string) string { return tool }
	if c.OpenAPI != nil {
		there = x.operations(c, &r)
	}
	for i, t := range r.AllowedTools {
		r.AllowedTools[i] = there(t)
	}
	for i, t := range r.DisallowedTools {
		r.DisallowedTools[i] = there(t)
	}
	s.AllowedTools = r.AllowedTools
	if len(s.AllowedTools) == 0 { // where it is there, it alone counts
		s.DisallowedTools = r.DisallowedTools
	}
	for tool, params := range r.AllowedParams {
		if s.AllowedParams == nil {
			s.AllowedParams = map[string][]string{}
		}
		s.AllowedParams[there(bare(tool))] = append([]string{}, params...)
	}
	s.AccessGroups, s.ExtraHeaders, s.RPM = r.Groups, r.ExtraHeaders, r.CallsPerMinute
	if len(r.FixedParams) > 0 {
		x.note(c, "fixes parameters of %s to values, which the proxy cannot; clients can give any there.", strings.Join(slices.Sorted(maps.Keys(r.FixedParams)), ", "))
	}
	if r.CallsPerDay > 0 {
		x.note(c, "loses its limit of %d calls a day: the proxy has none for a server.", r.CallsPerDay)
	}
	if r.Approvals != (store.Approvals{}) {
		x.note(c, "loses its approvals: the proxy asks nobody.")
	}
}

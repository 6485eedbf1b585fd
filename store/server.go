package store

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Transport says how a server is reached.
type Transport string

// The transports of MCP, and the server that is built in.
const (
	TransportStdio   Transport = "stdio"
	TransportHTTP    Transport = "http" // Streamable HTTP
	TransportSSE     Transport = "sse"  // HTTP with server-sent events, as of 2024-11-05
	TransportBuiltin Transport = "builtin"
)

// OverHTTP reports whether a server is reached at an address.
func (t Transport) OverHTTP() bool { return t == TransportHTTP || t == TransportSSE }

// ServerConfig describes an MCP server as a person configured it. For stdio,
// Command, Args, Env and Dir count; over HTTP, URL and Headers; for an API, URL,
// Headers and OpenAPI.
type ServerConfig struct {
	// ID is stable over renames and names the server in approvals, switches and
	// tool names. It equals the name under which the server was added.
	ID string
	// Name is the key in mcp.json and what a person reads.
	Name      string
	Transport Transport
	Command   string
	Args      []string
	Env       map[string]Value
	Dir       string // working folder; empty means the person's home
	URL       string
	Headers   map[string]Value
	// Auth says how a server over HTTP is shown who asks.
	Auth Auth
	Net  NetConfig
	// OnDemand has the server start at the first call of one of its tools, and
	// stop once none was called for IdleMinutes.
	OnDemand bool
	// IdleMinutes counts with OnDemand alone; 0 means IdleMinutesDefault.
	IdleMinutes int
	// OpenAPI is for TransportOpenAPI alone; URL is then the base URL of the API.
	OpenAPI *OpenAPI
	// Disabled servers are kept but not started.
	Disabled bool
	// Managed has a provider that can do so connect to this server itself. Only
	// a public https address can be handed over; for all else it means nothing.
	Managed bool
	// Serial has the calls of one step run in turn on this server.
	Serial bool
	// Roots are folders, as full paths, that the server is told of when it asks
	// where it may work. It is not kept from others by that, unless Sandbox is
	// set.
	Roots []string
	// Rules say what of it may be seen and called.
	Rules Rules
	// Sandbox keeps a program (stdio) from files and the network; nil means that
	// it may do whatever the person may.
	Sandbox *Sandbox
}

// IdleMinutesDefault is how long an OnDemand server runs without a call.
const IdleMinutesDefault = 10

// NetConfig says how a server's connections are made, where it is not as the
// system has it. Over HTTP it holds for Drawbridge's own connections. A program
// (stdio) gets CAFile and Proxy in the variables that such programs read.
type NetConfig struct {
	// CAFile is the full path of a PEM file with certificates that are trusted
	// beside the system's.
	CAFile string
	// CertFile and KeyFile are the full paths of PEM files with a client's
	// certificate and its key; over HTTP alone.
	CertFile, KeyFile string
	// Proxy is the address of a proxy (http, https or socks5), or ProxyNone;
	// empty means what the environment says.
	Proxy Value
}

// ProxyNone is the Proxy that means a direct connection.
const ProxyNone = "none"

// Hash identifies everything that a person approves when they approve a
// server: transport, command, arguments, the names of environment and headers,
// their literal values and references, folder and URL, and that the server is
// handed to providers, since its headers go there, how one signs in, the folders
// that it is told of, how its connections are made, what its sandbox permits, of
// an API its document, operations and authentication, and its rules, so that
// none is loosened unseen. The values of secrets
// are not part of it, so that a token can be renewed. Name, Disabled, Serial and
// OnDemand are not part of it either.
func (c ServerConfig) Hash() string {
	rules, err := c.Rules.canonical()
	if err != nil {
		// A value that is no JSON, which Validate refuses.
		rules = json.RawMessage(`"not valid"`)
	}
	return c.hash(rules)
}

// RunHash is Hash without the rules: what has a server that runs start anew when
// it changes.
func (c ServerConfig) RunHash() string { return c.hash(nil) }

func (c ServerConfig) hash(rules json.RawMessage) string {
	type pair struct{ K, V string }
	pairs := func(m map[string]Value) []pair {
		out := make([]pair, 0, len(m))
		for _, k := range slices.Sorted(maps.Keys(m)) {
			out = append(out, pair{k, string(m[k])})
		}
		return out
	}
	var auth *Auth // absent where there is none, so that older approvals hold
	if !c.Auth.Zero() {
		auth = &c.Auth
	}
	var net *NetConfig // likewise
	if c.Net != (NetConfig{}) {
		net = &c.Net
	}
	b, err := json.Marshal(struct {
		Transport Transport
		Command   string
		Args      []string
		Env       []pair
		Dir, URL  string
		Headers   []pair
		Managed   bool            `json:",omitempty"`
		Auth      *Auth           `json:",omitempty"`
		Roots     []string        `json:",omitempty"`
		Net       *NetConfig      `json:",omitempty"`
		OpenAPI   *OpenAPI        `json:",omitempty"`
		Sandbox   *Sandbox        `json:",omitempty"`
		Rules     json.RawMessage `json:",omitempty"`
	}{c.Transport, c.Command, append([]string{}, c.Args...), pairs(c.Env), c.Dir, c.URL, pairs(c.Headers), c.Managed, auth, c.Roots, net, c.OpenAPI, c.Sandbox, rules})
	if err != nil {
		panic("store: strings always encode: " + err.Error())
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Refs returns the secrets that the server's environment, headers and sign-in
// refer to.
func (c ServerConfig) Refs() []SecretRef {
	var refs []SecretRef
	for _, m := range []map[string]Value{c.Env, c.Headers} {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			refs = append(refs, m[k].Refs()...)
		}
	}
	refs = append(refs, c.Net.Proxy.Refs()...)
	if c.OpenAPI != nil {
		refs = append(refs, c.OpenAPI.Auth.Value.Refs()...)
	}
	return append(refs, c.Auth.Secret.Refs()...)
}

// Clone returns a copy that shares nothing with c.
func (c ServerConfig) Clone() ServerConfig {
	c.Args = slices.Clone(c.Args)
	c.Roots = slices.Clone(c.Roots)
	c.Env = maps.Clone(c.Env)
	c.Headers = maps.Clone(c.Headers)
	c.Auth = c.Auth.clone()
	c.OpenAPI = c.OpenAPI.clone()
	c.Rules = c.Rules.Clone()
	c.Sandbox = c.Sandbox.clone()
	return c
}

var (
	envName    = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	headerName = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$") // RFC 9110, section 5.6.2
)

// Validate says in a sentence what cannot work, without any input or output.
// The error wraps ErrInvalid.
func (c ServerConfig) Validate() error {
	bad := func(format string, a ...any) error {
		return fmt.Errorf("server %q: %s (%w)", c.Name, fmt.Sprintf(format, a...), ErrInvalid)
	}
	if strings.TrimSpace(c.Name) == "" {
		return fmt.Errorf("the server needs a name (%w)", ErrInvalid)
	}
	for _, s := range []string{c.Name, c.ID} {
		if len(s) > 200 || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == '{' || r == '}' }) {
			return bad("the name is longer than 200 bytes or contains braces or control characters; choose a shorter plain one")
		}
	}
	switch c.Transport {
	case TransportStdio:
		if strings.TrimSpace(c.Command) == "" {
			return bad("the command is missing; type the program that starts the server, for example npx")
		}
		for _, s := range append([]string{c.Command, c.Dir}, c.Args...) {
			if strings.ContainsRune(s, 0) {
				return bad("the command contains a NUL character, which no system can start")
			}
		}
		for k, v := range c.Env {
			if !envName.MatchString(k) {
				return bad("%q is no name for an environment variable; use letters, digits and _", k)
			}
			if strings.ContainsRune(string(v), 0) {
				return bad("the variable %s contains a NUL character", k)
			}
		}
	case TransportHTTP, TransportSSE, TransportOpenAPI:
		u, err := url.Parse(c.sampleURL())
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
			return bad("%q is no address; it should look like https://example.com/mcp", ShowAddress(c.URL))
		}
		if u.User != nil {
			return bad("the address contains a user name or password; put it into a header that is marked secret")
		}
		for k, v := range c.Headers {
			if !headerName.MatchString(k) {
				return bad("%q is no name for a header", k)
			}
			if strings.ContainsAny(string(v), "\r\n\x00") {
				return bad("the header %s contains a line break", k)
			}
		}
		if why := c.Auth.validate(); why != "" {
			return bad("%s", why)
		}
		for k := range c.Headers {
			sets := strings.EqualFold(k, "Authorization") && (c.Auth.Kind != AuthNone && c.Auth.Kind != AuthHeader) || c.Auth.Kind == AuthHeader && strings.EqualFold(k, c.Auth.Header)
			if sets {
				return bad("the header %s is configured, and the way to sign in sets it too; keep one of them", k)
			}
		}
		if c.Transport == TransportOpenAPI {
			if u.RawQuery != "" || u.Fragment != "" {
				return bad("the base URL goes on after its path; leave out ? and # and what follows")
			}
			if err := c.OpenAPI.validate(); err != nil {
				return fmt.Errorf("server %q: %w", c.Name, err)
			}
		}
	case TransportBuiltin:
	default:
		return bad("the transport %q is not known; use a command (stdio) or an address (Streamable HTTP)", c.Transport)
	}
	if !c.Transport.OverHTTP() && !c.Auth.Zero() {
		return bad("only a server with an address can be signed in to; a program gets what it needs in its environment")
	}
	for _, dir := range c.Roots {
		if !filepath.IsAbs(dir) || strings.ContainsRune(dir, 0) {
			return bad("the granted folder %q is no full path", dir)
		}
	}
	if c.IdleMinutes < 0 || c.IdleMinutes > 7*24*60 {
		return bad("%d minutes without a call is not possible; use 1 to %d", c.IdleMinutes, 7*24*60)
	}
	if err := c.Net.validate(); err != nil {
		return bad("%v", err)
	}
	if err := c.Rules.Validate(); err != nil {
		return fmt.Errorf("server %q: %w", c.Name, err)
	}
	if c.Sandbox != nil && c.Transport != TransportStdio {
		return bad("only a program that Drawbridge starts can have a sandbox")
	}
	if err := c.Sandbox.validate(); err != nil {
		return bad("%v", err)
	}
	for _, ref := range c.Refs() {
		if !ref.MayUse(c.ID) {
			return bad("it refers to the secret %q, which belongs to something else; type the value again", ref)
		}
	}
	return nil
}

// sampleURL is the address as it may come to be: with something that fits in the
// place of each reference to the environment.
func (c ServerConfig) sampleURL() string {
	s, err := ExpandEnv(c.URL, func(string) (string, bool) { return "", false })
	if err == nil {
		return s
	}
	otherwise := map[string]string{}
	for _, r := range EnvRefs(c.URL) {
		otherwise[r.Name] = "x"
		if r.HasOtherwise {
			otherwise[r.Name] = r.Otherwise
		}
	}
	if strings.HasPrefix(c.URL, "${env:") {
		if first := EnvRefs(c.URL); len(first) > 0 && !first[0].HasOtherwise {
			otherwise[first[0].Name] = "https://x"
		}
	}
	s, err = ExpandEnv(c.URL, func(name string) (string, bool) { return otherwise[name], true })
	if err != nil {
		return c.URL
	}
	return s
}

func (n NetConfig) validate() error {
	for _, path := range []string{n.CAFile, n.CertFile, n.KeyFile} {
		if path != "" && !filepath.IsAbs(path) && !strings.HasPrefix(path, "~/") || strings.ContainsRune(path, 0) {
			return fmt.Errorf("%q is no full path of a file with certificates", path)
		}
	}
	if (n.CertFile == "") != (n.KeyFile == "") {
		return errors.New("a client's certificate needs its key, and a key its certificate; give both files")
	}
	if n.Proxy == "" || n.Proxy == ProxyNone || n.Proxy.Secret() {
		return nil
	}
	u, err := url.Parse(string(n.Proxy))
	if err != nil || u.Host == "" || !slices.Contains([]string{"http", "https", "socks5", "socks5h"}, u.Scheme) {
		return fmt.Errorf("%q is no proxy; it should look like http://proxy.example:3128, or be %q", ShowAddress(string(n.Proxy)), ProxyNone)
	}
	if u.User != nil {
		return errors.New("the proxy's address contains a password; keep the whole address as a secret")
	}
	return nil
}

// ShowAddress returns what may be repeated of an address that a person typed:
// all of it but a user name and password, also where it is no valid address.
func ShowAddress(s string) string {
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return s
	}
	if _, rest, ok := strings.Cut(s[:at], "//"); ok {
		return s[:at-len(rest)] + redacted + s[at:]
	}
	return redacted + s[at:]
}

// Pin is a tool's definition, or a server's instructions, as a person first
// saw it. Hash is the SHA-256 of the canonical definition in hex.
type Pin struct {
	Hash       string
	Definition json.RawMessage
}

// Flow is a person's permission, for one conversation, that a tool is called
// after content of another server, the source.
type Flow struct {
	Server, Tool string
	Source       string
}

// ToolAnswer is a standing answer of a person for a tool.
type ToolAnswer struct {
	Server, Tool string
	Answer       string
}

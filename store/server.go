package store

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
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
	TransportBuiltin Transport = "builtin"
)

// ServerConfig describes an MCP server as a person configured it. For stdio,
// Command, Args, Env and Dir count; for HTTP, URL and Headers.
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
	// Disabled servers are kept but not started.
	Disabled bool
	// Managed has a provider that can do so connect to this server itself. Only
	// a public https address can be handed over; for all else it means nothing.
	Managed bool
	// Serial has the calls of one step run in turn on this server.
	Serial bool
	// Roots are folders, as full paths, that the server is told of when it asks
	// where it may work. It is not kept from others by that.
	Roots []string
}

// Hash identifies everything that a person approves when they approve a
// server: transport, command, arguments, the names of environment and headers,
// their literal values and references, folder and URL, and that the server is
// handed to providers, since its headers go there, how one signs in, and the
// folders that it is told of. The values of secrets are
// not part of it, so that a token can be renewed. Name, Disabled and Serial are
// not part of it either.
func (c ServerConfig) Hash() string {
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
	b, err := json.Marshal(struct {
		Transport Transport
		Command   string
		Args      []string
		Env       []pair
		Dir, URL  string
		Headers   []pair
		Managed   bool     `json:",omitempty"`
		Auth      *Auth    `json:",omitempty"`
		Roots     []string `json:",omitempty"`
	}{c.Transport, c.Command, append([]string{}, c.Args...), pairs(c.Env), c.Dir, c.URL, pairs(c.Headers), c.Managed, auth, c.Roots})
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
	return append(refs, c.Auth.Secret.Refs()...)
}

// Clone returns a copy that shares nothing with c.
func (c ServerConfig) Clone() ServerConfig {
	c.Args = slices.Clone(c.Args)
	c.Roots = slices.Clone(c.Roots)
	c.Env = maps.Clone(c.Env)
	c.Headers = maps.Clone(c.Headers)
	c.Auth = c.Auth.clone()
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
	case TransportHTTP:
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
	case TransportBuiltin:
	default:
		return bad("the transport %q is not known; use a command (stdio) or an address (Streamable HTTP)", c.Transport)
	}
	if c.Transport != TransportHTTP && !c.Auth.Zero() {
		return bad("only a server with an address can be signed in to; a program gets what it needs in its environment")
	}
	for _, dir := range c.Roots {
		if !filepath.IsAbs(dir) || strings.ContainsRune(dir, 0) {
			return bad("the granted folder %q is no full path", dir)
		}
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

// ToolAnswer is a standing answer of a person for a tool.
type ToolAnswer struct {
	Server, Tool string
	Answer       string
}

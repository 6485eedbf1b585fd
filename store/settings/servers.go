package settings

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tailscale/hujson"

	"github.com/drawbridge-app/drawbridge/store"
)

const serversKey = "mcpServers"

// entry is a server as mcp.json has it: the shape that other programs share,
// and what only this one needs under a key of its own.
type entry struct {
	Type     string                 `json:"type,omitempty"`
	Command  string                 `json:"command,omitempty"`
	Args     []string               `json:"args,omitempty"`
	Env      map[string]store.Value `json:"env,omitempty"`
	Cwd      string                 `json:"cwd,omitempty"`
	URL      string                 `json:"url,omitempty"`
	Headers  map[string]store.Value `json:"headers,omitempty"`
	OpenAPI  *store.OpenAPI         `json:"openapi,omitempty"`
	Disabled bool                   `json:"disabled,omitempty"`
	Managed  bool                   `json:"managed,omitempty"`
	Serial   bool                   `json:"serial,omitempty"`
	Auth     auth                   `json:"auth,omitzero"`
	// Rules, as LiteLLM names them; the others are in Own.
	AllowedTools    []string            `json:"allowed_tools,omitempty"`
	DisallowedTools []string            `json:"disallowed_tools,omitempty"`
	AllowedParams   map[string][]string `json:"allowed_params,omitempty"`
	AccessGroups    []string            `json:"access_groups,omitempty"`
	ExtraHeaders    []string            `json:"extra_headers,omitempty"`
	Own             own                 `json:"drawbridge,omitzero"`
}

// auth is how one signs in, as mcp.json has it. The secret is a reference.
type auth struct {
	Type             store.AuthKind `json:"type,omitempty"`
	Secret           store.Value    `json:"secret,omitempty"`
	Header           string         `json:"header,omitempty"`
	User             string         `json:"user,omitempty"`
	ClientID         string         `json:"client_id,omitempty"`
	AuthorizationURL string         `json:"authorization_url,omitempty"`
	TokenURL         string         `json:"token_url,omitempty"`
	Scopes           []string       `json:"scopes,omitempty"`
	TokenAuth        string         `json:"token_auth,omitempty"`
	Port             int            `json:"port,omitempty"`
	Origins          []string       `json:"origins,omitempty"`
}

// IsZero has an entry without it leave the key out.
func (a auth) IsZero() bool { return authOf(a).Zero() }

func authOf(a auth) store.Auth {
	return store.Auth{
		Kind: a.Type, Secret: a.Secret, Header: a.Header, User: a.User, ClientID: a.ClientID,
		AuthorizationURL: a.AuthorizationURL, TokenURL: a.TokenURL, Scopes: a.Scopes, TokenAuth: a.TokenAuth, Port: a.Port, Origins: a.Origins,
	}
}

type own struct {
	ID          string      `json:"id,omitempty"` // only if it is not the name
	Roots       []string    `json:"roots,omitempty"`
	OnDemand    bool        `json:"onDemand,omitempty"`
	IdleMinutes int         `json:"idleMinutes,omitempty"`
	CAFile      string      `json:"caFile,omitempty"`
	CertFile    string      `json:"certFile,omitempty"`
	KeyFile     string      `json:"keyFile,omitempty"`
	Proxy       store.Value `json:"proxy,omitempty"`

	FixedParams    map[string]map[string]json.RawMessage `json:"fixed_params,omitempty"`
	Trusted        bool                                  `json:"trusted,omitempty"`
	Approvals      store.Approvals                       `json:"approvals,omitzero"`
	CallsPerMinute int                                   `json:"calls_per_minute,omitempty"`
	CallsPerDay    int                                   `json:"calls_per_day,omitempty"`
	// Sandbox is there, though it may be empty, where there is one.
	Sandbox *store.Sandbox `json:"sandbox,omitempty"`
}

func entryOf(c store.ServerConfig) entry {
	e := entry{Disabled: c.Disabled, Managed: c.Managed, Serial: c.Serial}
	if c.ID != c.Name {
		e.Own.ID = c.ID
	}
	e.Own.Roots = c.Roots
	e.setRules(c.Rules)
	e.Own.OnDemand, e.Own.IdleMinutes = c.OnDemand, c.IdleMinutes
	e.Own.CAFile, e.Own.CertFile, e.Own.KeyFile, e.Own.Proxy = c.Net.CAFile, c.Net.CertFile, c.Net.KeyFile, c.Net.Proxy
	switch c.Transport {
	case store.TransportHTTP, store.TransportSSE:
		e.Type, e.URL, e.Headers = string(c.Transport), c.URL, c.Headers
		a := c.Auth
		e.Auth = auth{a.Kind, a.Secret, a.Header, a.User, a.ClientID, a.AuthorizationURL, a.TokenURL, a.Scopes, a.TokenAuth, a.Port, a.Origins}
	case store.TransportOpenAPI:
		e.Type, e.URL, e.Headers, e.OpenAPI = "openapi", c.URL, c.Headers, c.OpenAPI
	default:
		e.Command, e.Args, e.Env, e.Cwd = c.Command, c.Args, c.Env, c.Dir
		e.Own.Sandbox = c.Sandbox
	}
	return e
}

// decodeServers reads the servers in the order of the file. An entry that
// cannot be used is named in problems and is no server; its name is in broken.
// The error says that the whole file cannot be used.
func decodeServers(d *document) (servers []store.ServerConfig, broken map[string]bool, problems []string, err error) {
	v := member(object(&d.root), serversKey)
	if v == nil {
		return nil, nil, nil, nil
	}
	list := object(v)
	if list == nil {
		return nil, nil, nil, fmt.Errorf("its %q is no object", serversKey)
	}
	broken = map[string]bool{}
	ids := map[string]string{}
	for i := range list.Members {
		name := memberName(&list.Members[i])
		c, err := decodeServer(name, &list.Members[i].Value)
		if err == nil {
			if first, taken := ids[c.ID]; taken {
				err = fmt.Errorf("its id %q is that of the server %q", c.ID, first)
			}
		}
		if err != nil {
			broken[name] = true
			problems = append(problems, fmt.Sprintf("mcp.json: the server %q cannot be used: %v. The others are not affected.", name, err))
			continue
		}
		ids[c.ID] = name
		servers = append(servers, c)
	}
	return servers, broken, problems, nil
}

func decodeServer(name string, v *hujson.Value) (store.ServerConfig, error) {
	o := object(v)
	if o == nil {
		return store.ServerConfig{}, errors.New("it is no object; it should begin with {")
	}
	r := reader{o: o}
	kind, command, url := r.text("type"), r.text("command"), r.text("url")
	c := store.ServerConfig{ID: name, Name: name, Disabled: r.flag("disabled"), Managed: r.flag("managed"), Serial: r.flag("serial")}
	if v := member(o, "drawbridge"); v != nil && !null(v) {
		if object(v) == nil {
			return c, errors.New(`"drawbridge" should be an object`)
		}
		extra := reader{o: object(v)}
		if id := extra.text("id"); id != "" {
			c.ID = id
		}
		c.Roots = extra.texts("roots")
		extra.ownRules(&c.Rules)
		c.OnDemand, c.IdleMinutes = extra.flag("onDemand"), extra.number("idleMinutes")
		c.Net = store.NetConfig{
			CAFile: extra.text("caFile"), CertFile: extra.text("certFile"), KeyFile: extra.text("keyFile"),
			Proxy: store.Value(extra.text("proxy")),
		}
		c.Sandbox = extra.sandbox("sandbox")
		r.err = errors.Join(r.err, extra.err)
	}
	r.sharedRules(&c.Rules)
	switch kind {
	case "stdio":
		c.Transport = store.TransportStdio
	case "http", "streamable-http", "streamableHttp":
		c.Transport = store.TransportHTTP
	case "openapi":
		c.Transport = store.TransportOpenAPI
	case "":
		switch {
		case command != "":
			c.Transport = store.TransportStdio
		case url != "":
			c.Transport = store.TransportHTTP
		case r.err == nil:
			return c, errors.New(`it has neither a "command" nor a "url"; add the one that its documentation names`)
		}
	case "sse":
		c.Transport = store.TransportSSE
	default:
		return c, fmt.Errorf(`its "type" %q is not known; use "stdio", "http", "sse" or "openapi"`, kind)
	}
	switch c.Transport {
	case store.TransportHTTP, store.TransportSSE:
		c.URL, c.Headers = url, r.values("headers")
		c.Auth = r.auth("auth")
	case store.TransportOpenAPI:
		c.URL, c.Headers, c.OpenAPI = url, r.values("headers"), r.openAPI("openapi")
	default:
		c.Command, c.Args, c.Env, c.Dir = command, r.texts("args"), r.values("env"), r.text("cwd")
	}
	if r.err != nil {
		return c, r.err
	}
	return c, readable(c.Validate())
}

// readable takes the server's name and the sentinel away, which the sentence
// around it says already.
func readable(err error) error {
	if err == nil {
		return nil
	}
	s := strings.TrimSuffix(err.Error(), " ("+store.ErrInvalid.Error()+")")
	if strings.HasPrefix(s, "server ") {
		if _, rest, ok := strings.Cut(s, ": "); ok {
			s = rest
		}
	}
	return errors.New(s)
}

// reader reads the keys of an entry and keeps the first mistake. A key that is
// null counts as absent.
type reader struct {
	o   *hujson.Object
	err error
}

func null(v *hujson.Value) bool { return v.Value.Kind() == 'n' }

func (r *reader) get(key string) *hujson.Value {
	if v := member(r.o, key); v != nil && !null(v) {
		return v
	}
	return nil
}

func (r *reader) fail(key, want string) {
	if r.err == nil {
		r.err = fmt.Errorf("%q should be %s", key, want)
	}
}

func (r *reader) text(key string) string {
	v := r.get(key)
	if v == nil {
		return ""
	}
	s, ok := text(v)
	if !ok {
		r.fail(key, "a text in quotes")
	}
	return s
}

func (r *reader) flag(key string) bool {
	v := r.get(key)
	if v == nil {
		return false
	}
	if k := v.Value.Kind(); k != 't' && k != 'f' {
		r.fail(key, "true or false")
		return false
	}
	return v.Value.(hujson.Literal).Bool()
}

func (r *reader) texts(key string) []string {
	v := r.get(key)
	if v == nil {
		return nil
	}
	list, ok := v.Value.(*hujson.Array)
	if !ok {
		r.fail(key, "a list of texts in quotes")
		return nil
	}
	var out []string
	for i := range list.Elements {
		s, ok := text(&list.Elements[i])
		if !ok {
			r.fail(key, "a list of texts in quotes; put quotes around numbers too")
			return nil
		}
		out = append(out, s)
	}
	return out
}

func (r *reader) values(key string) map[string]store.Value {
	v := r.get(key)
	if v == nil {
		return nil
	}
	o := object(v)
	if o == nil {
		r.fail(key, "an object of texts")
		return nil
	}
	var out map[string]store.Value
	for i := range o.Members {
		s, ok := text(&o.Members[i].Value)
		if !ok {
			r.fail(key, "an object of texts; put quotes around numbers too")
			return nil
		}
		if out == nil {
			out = map[string]store.Value{}
		}
		out[memberName(&o.Members[i])] = store.Value(s)
	}
	return out
}

// auth reads how one signs in.
func (r *reader) auth(key string) store.Auth {
	v := r.get(key)
	if v == nil {
		return store.Auth{}
	}
	o := object(v)
	if o == nil {
		r.fail(key, "an object")
		return store.Auth{}
	}
	in := reader{o: o}
	a := store.Auth{
		Kind: store.AuthKind(in.text("type")), Secret: store.Value(in.text("secret")), Header: in.text("header"), User: in.text("user"),
		ClientID: in.text("client_id"), AuthorizationURL: in.text("authorization_url"), TokenURL: in.text("token_url"),
		Scopes: in.texts("scopes"), TokenAuth: in.text("token_auth"), Port: in.number("port"), Origins: in.texts("origins"),
	}
	if in.err != nil && r.err == nil {
		r.err = fmt.Errorf("in %q, %w", key, in.err)
	}
	return a
}

func (r *reader) number(key string) int {
	v := r.get(key)
	if v == nil {
		return 0
	}
	n, ok := v.Value.(hujson.Literal)
	if !ok || n.Kind() != '0' || n.Float() != float64(n.Int()) || n.Int() < 0 || n.Int() > 1<<30 {
		r.fail(key, "a number")
		return 0
	}
	return int(n.Int())
}

// sandbox reads what a program may do in its sandbox. What is not known there
// may be meant to forbid something, so it is a mistake.
func (r *reader) sandbox(key string) *store.Sandbox {
	v := r.get(key)
	if v == nil || v.Value.Kind() == 'f' {
		return nil
	}
	if v.Value.Kind() == 't' {
		return &store.Sandbox{}
	}
	o := object(v)
	if o == nil {
		r.fail(key, "an object, true or false")
		return nil
	}
	for i := range o.Members {
		if name := memberName(&o.Members[i]); !slices.Contains([]string{"network", "read", "write", "optional"}, name) && r.err == nil {
			r.err = fmt.Errorf("%q has a %q, which is not known; it may have network, read, write and optional", key, name)
		}
	}
	in := reader{o: o}
	s := &store.Sandbox{Network: in.flag("network"), Read: in.texts("read"), Write: in.texts("write"), Optional: in.flag("optional")}
	r.err = errors.Join(r.err, in.err)
	return s
}

// openAPI reads what a server of an API has beside its address.
func (r *reader) openAPI(key string) *store.OpenAPI {
	v := r.get(key)
	if v == nil {
		return nil
	}
	if object(v) == nil {
		r.fail(key, "an object")
		return nil
	}
	o := reader{o: object(v)}
	out := &store.OpenAPI{
		Document: o.text("document"), Digest: o.text("sha256"),
		Tags: o.texts("tags"), Methods: o.texts("methods"), Paths: o.texts("paths"),
	}
	if v := o.get("auth"); v != nil {
		if object(v) == nil {
			o.fail("auth", "an object")
		} else {
			a := reader{o: object(v)}
			out.Auth = store.APIAuth{
				Kind: store.APIAuthKind(a.text("kind")), In: a.text("in"), Name: a.text("name"), User: a.text("user"),
				Value: store.Value(a.text("value")), TokenURL: a.text("token_url"), Scopes: a.texts("scopes"),
			}
			o.err = errors.Join(o.err, a.err)
		}
	}
	r.err = errors.Join(r.err, o.err)
	return out
}

// checkServers says what is wrong with a list that is to be written.
func checkServers(servers []store.ServerConfig, broken map[string]bool) error {
	names, ids := map[string]bool{}, map[string]bool{}
	for _, c := range servers {
		if c.Transport == store.TransportBuiltin {
			return fmt.Errorf("server %q: a built-in server is not kept in mcp.json (%w)", c.Name, store.ErrInvalid)
		}
		if c.ID == "" {
			return fmt.Errorf("server %q: it has no id (%w)", c.Name, store.ErrInvalid)
		}
		if err := c.Validate(); err != nil {
			return err
		}
		if broken[c.Name] {
			return fmt.Errorf("server %q: mcp.json has an entry of that name that cannot be used; mend or remove it there, or choose another name (%w)", c.Name, store.ErrExists)
		}
		if names[c.Name] || ids[c.ID] {
			return fmt.Errorf("server %q: there is one of that name or id already; choose another name (%w)", c.Name, store.ErrExists)
		}
		names[c.Name], ids[c.ID] = true, true
	}
	return nil
}

// applyServers carries the difference between two lists over to the file:
// servers are matched by id and keep their place, and new ones stand before those
// that follow them in the list.
func applyServers(d *document, old, now []store.ServerConfig) error {
	root := object(&d.root)
	if v := member(root, serversKey); v == nil || null(v) {
		if err := d.set(nil, serversKey, []byte("{}")); err != nil {
			return err
		}
	}
	for _, was := range old {
		if !slices.ContainsFunc(now, func(c store.ServerConfig) bool { return c.ID == was.ID }) {
			if err := d.remove([]string{serversKey}, was.Name); err != nil {
				return err
			}
		}
	}
	// All renames at once, so that two servers can swap their names.
	list := object(member(root, serversKey))
	renames := map[*hujson.ObjectMember]string{}
	for _, was := range old {
		for _, is := range now {
			if is.ID != was.ID || is.Name == was.Name {
				continue
			}
			for i := range list.Members {
				if memberName(&list.Members[i]) == was.Name {
					renames[&list.Members[i]] = is.Name
				}
			}
		}
	}
	for m, name := range renames {
		m.Name.Value = hujson.String(name)
	}
	for n, is := range now {
		after, err := plain(entryOf(is))
		if err != nil {
			return err
		}
		i := slices.IndexFunc(old, func(c store.ServerConfig) bool { return c.ID == is.ID })
		if i < 0 {
			v := hujson.Value{Value: after}
			next := successor(now[n+1:], func(c store.ServerConfig) int {
				return slices.IndexFunc(old, func(o store.ServerConfig) bool { return o.ID == c.ID })
			})
			if next < 0 {
				err = d.set([]string{serversKey}, is.Name, standard(&v))
			} else {
				at := slices.IndexFunc(now, func(c store.ServerConfig) bool { return c.ID == old[next].ID })
				err = d.setBefore([]string{serversKey}, is.Name, standard(&v), now[at].Name) // as it is called now
			}
			if err != nil {
				return err
			}
			continue
		}
		before, err := plain(entryOf(old[i]))
		if err != nil {
			return err
		}
		if err := d.merge([]string{serversKey, is.Name}, before, after); err != nil {
			return err
		}
	}
	return nil
}

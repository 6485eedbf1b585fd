package setup

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/drawbridge-app/drawbridge/store"
)

// waivers are keys of other apps that would waive a question to the person.
var waivers = []string{"trust", "autoApprove", "alwaysAllow", "autoAllow", "alwaysApprove", "approval_mode", "default_tools_approval_mode", "allow_all_keys"}

// choosers are keys that pick tools; here the person does.
var choosers = []string{"includeTools", "excludeTools", "enabled_tools", "disabled_tools", "allowed_tools", "disallowed_tools", "available_tools", "disabledTools", "allowed_params", "tools", "access_groups", "mcp_access_groups"}

// understood are the keys that are read here, or that say nothing to us.
var understood = []string{"type", "transport", "command", "cmd", "args", "env", "envs", "env_keys", "env_vars", "cwd", "url", "serverUrl", "httpUrl", "uri",
	"headers", "http_headers", "env_http_headers", "static_headers", "bearer_token_env_var", "disabled", "enabled", "isActive", "name", "display_name", "description",
	"source", "bundled", "auth_type", "auth_value", "authentication_token", "apiKey", "requestOptions", "client_id", "client_secret", "authorization_url", "token_url", "scopes", "inputs", "gallery", "version", "id", "envFile", "spec_path", "path"}

// entry reads one server in any of the shapes.
type entry struct {
	m     members
	holes holes
	name  string
	err   error
}

func (e *entry) fail(key, want string) {
	if e.err == nil {
		e.err = fmt.Errorf("server %q: %q should be %s (%w)", e.name, key, want, store.ErrInvalid)
	}
}

// raw returns the text of the first key that is there.
func (e *entry) raw(keys ...string) string {
	for _, key := range keys {
		if v := e.m.get(key); v != nil {
			var s string
			if json.Unmarshal(v, &s) != nil {
				e.fail(key, "a text in quotes")
			}
			return s
		}
	}
	return ""
}

// text is raw with its references rewritten.
func (e *entry) text(keys ...string) string { return e.holes.text(e.raw(keys...), false) }

func (e *entry) flag(key string) (on, there bool) {
	v := e.m.get(key)
	if v == nil {
		return false, false
	}
	if json.Unmarshal(v, &on) != nil {
		e.fail(key, "true or false")
	}
	return on, true
}

// list returns texts. With numbers and booleans as they are written.
func (e *entry) list(key string) []string {
	v := e.m.get(key)
	if v == nil {
		return nil
	}
	var list []scalar
	if json.Unmarshal(v, &list) != nil {
		e.fail(key, "a list of texts in quotes")
		return nil
	}
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = string(s)
	}
	return out
}

func (e *entry) args() []string {
	var out []string
	for _, a := range e.list("args") {
		out = append(out, e.holes.text(a, false))
	}
	return out
}

// values returns the names and values of all those keys.
func (e *entry) values(keys ...string) map[string]store.Value {
	var out map[string]store.Value
	for _, key := range keys {
		v := e.m.get(key)
		if v == nil {
			continue
		}
		m, err := membersOf(v)
		if err != nil {
			e.fail(key, "an object of texts")
			continue
		}
		if twice := m.twice(); twice != "" {
			e.fail(key, fmt.Sprintf("without the second %q", twice))
		}
		for _, p := range m {
			if string(p.value) == "null" {
				continue // VS Code: the variable is to be taken away, which it is already
			}
			var s scalar
			if json.Unmarshal(p.value, &s) != nil {
				e.fail(key, "an object of texts")
				continue
			}
			if out == nil {
				out = map[string]store.Value{}
			}
			out[p.key] = store.Value(e.holes.text(string(s), true))
		}
	}
	return out
}

// scalar takes strings, and numbers and booleans that people write without
// quotes.
type scalar string

func (s *scalar) UnmarshalJSON(b []byte) error {
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	switch v := v.(type) {
	case string:
		*s = scalar(v)
	case float64, bool:
		*s = scalar(string(b))
	default:
		return errors.New("a value is neither text nor a number")
	}
	return nil
}

func set(m *map[string]store.Value, name string, v store.Value) {
	if *m == nil {
		*m = map[string]store.Value{}
	}
	(*m)[name] = v
}

// skipped says that an entry is no server of the person's own.
var errSkipped = errors.New("it is part of the other app")

// draft makes a draft of an entry. The error is a sentence and wraps
// store.ErrInvalid, or errSkipped.
func (n named) draft(inputs map[string]input, places Places) (Draft, error) {
	name, odd := cleanName(n.name)
	bad := func(format string, a ...any) (Draft, error) {
		return Draft{}, fmt.Errorf("server %q: %s (%w)", name, fmt.Sprintf(format, a...), store.ErrInvalid)
	}
	if name == "" {
		return Draft{}, fmt.Errorf("a server has no name (%w)", store.ErrInvalid)
	}
	if len(n.raw) > maxEntry {
		return bad("its entry is longer than %d kB", maxEntry>>10)
	}
	m, err := membersOf(n.raw)
	if err != nil {
		return bad("its entry is no object")
	}
	if key := m.twice(); key != "" {
		return bad("%q stands there twice; keep one of them", key)
	}
	e := &entry{m: m, name: name, holes: holes{shape: n.shape, inputs: inputs, places: places}}
	d := Draft{Config: store.ServerConfig{ID: name, Name: name}}
	c := &d.Config
	if odd {
		d.Warnings = append(d.Warnings, "Its name has characters that cannot be seen or that change how text reads; they were left out.")
	}
	liteLLM := n.shape.app == "litellm"
	kind := strings.ToLower(strings.ReplaceAll(cmp.Or(e.raw("type"), e.raw("transport")), "_", "-"))
	if bundled, _ := e.flag("bundled"); bundled || n.shape.app == "goose" && (kind == "builtin" || kind == "platform") {
		return Draft{}, errSkipped
	}
	if n.shape.app == "goose" && (kind == "frontend" || kind == "inline-python") {
		return bad("goose runs this kind itself; there is no program to start")
	}
	command, address := e.command(&d), e.text("httpUrl", "url", "serverUrl", "uri")
	switch {
	case e.err != nil:
		return Draft{}, e.err
	case m.get("spec_path") != nil && string(m.get("spec_path")) != "null" && command == "":
		if !liteLLM {
			return bad("it is made of an OpenAPI document, which is read from LiteLLM's config.yaml alone; add it with servers add --openapi")
		}
		e.api(&d, address)
	case command != "" && address != "":
		return bad("it has both a command and a URL; keep one of them")
	case command != "":
		c.Transport, c.Command = store.TransportStdio, command
		c.Dir = cmp.Or(e.text("cwd"), n.dir)
		if d.native() {
			inline(c.Headers, e.values("env", "envs"))
			break
		}
		c.Env = e.values("env", "envs")
		if !liteLLM { // where it is something else
			for _, k := range e.list("env_vars") { // Codex hands these on
				set(&c.Env, k, store.Value("${env:"+k+"}"))
			}
		}
		for _, k := range e.list("env_keys") { // goose keeps these in its own keychain
			set(&c.Env, k, store.Value(e.holes.ask(Field{Key: k, Title: k, Description: "The other app keeps this value where only it can read it.", Secret: true, Required: true})))
		}
	case address != "":
		sse := kind == "sse" || kind == "" && !liteLLM && (strings.HasSuffix(strings.TrimRight(pathOf(address), "/"), "/sse") || n.shape.urlIsSSE && m.get("httpUrl") == nil)
		if sse {
			c.Transport = store.TransportSSE
		} else {
			c.Transport = store.TransportHTTP
		}
		c.URL = address
		c.Headers = e.headers()
		e.signIn(&d)
	case n.shape.app == "zed":
		return bad("an extension of Zed starts it; there is no command to take over")
	default:
		return bad("it has neither a command nor a URL")
	}
	if liteLLM {
		e.liteLLM(&d, n.was)
	}
	if e.err != nil {
		return Draft{}, e.err
	}
	d.Fields = append(d.Fields, e.holes.fields...)
	if on, there := e.flag("enabled"); there && !on {
		c.Disabled = true
	}
	if on, there := e.flag("isActive"); there && !on {
		c.Disabled = true
	}
	if off, _ := e.flag("disabled"); off {
		c.Disabled = true
	}
	if e.err != nil {
		return Draft{}, e.err
	}
	if n.from != "" {
		d.Notes = append(d.Notes, n.from)
	}
	d.Notes = append(d.Notes, n.notes...)
	if liteLLM {
		m = slices.DeleteFunc(slices.Clone(m), func(x member) bool {
			return slices.Contains(liteLLMRules, x.key) || slices.Contains(liteLLMKnown, x.key)
		})
	}
	d.note(m)
	for _, m := range []map[string]store.Value{c.Env, c.Headers} {
		for k, v := range m {
			if v.Secret() {
				return bad("%s refers to a secret by name; only values can be taken over", k)
			}
		}
	}
	d.dropLoaders()
	d.makeLikelySecrets()
	d.warn()
	if err := checkMarks(*c, d.Fields); err != nil {
		return Draft{}, err
	}
	if err := d.Validate(); err != nil {
		return Draft{}, err
	}
	return d, nil
}

// Validate says what cannot work about the draft, as it would be with something
// in each place that is still to be filled, and with its OpenAPI document, which
// may not have been read yet. The error wraps store.ErrInvalid.
func (d Draft) Validate() error {
	c := d.Config.Clone()
	c.Command = askMark.ReplaceAllString(c.Command, "x")
	if strings.HasPrefix(c.URL, "${ask:") {
		c.URL = "https://x" + c.URL[strings.IndexByte(c.URL, '}')+1:]
	}
	c.URL = askMark.ReplaceAllString(c.URL, "x")
	if askMark.MatchString(string(c.Auth.Secret)) {
		c.Auth.Secret = store.RefTo(store.ServerSecret(c.ID, "auth", "secret"))
	}
	return validate(c)
}

// validate checks a configuration, also of a document that is still to be read.
func validate(c store.ServerConfig) error {
	if c.OpenAPI != nil && c.OpenAPI.Digest == "" {
		c = c.Clone()
		c.OpenAPI.Digest = strings.Repeat("0", 64)
	}
	return c.Validate()
}

// pathOf is the address without what follows its path.
func pathOf(address string) string {
	if i := strings.IndexAny(address, "?#"); i >= 0 {
		return address[:i]
	}
	return address
}

// command reads the program with its arguments: a text, or an object as Zed
// wrote it.
func (e *entry) command(d *Draft) string {
	c := &d.Config
	if v := e.m.get("command"); v != nil && v[0] == '{' {
		inner, err := membersOf(v)
		if err != nil || inner.twice() != "" {
			e.fail("command", "a text in quotes")
			return ""
		}
		sub := &entry{m: inner, name: e.name, holes: e.holes}
		command := sub.text("path")
		c.Args, c.Env = sub.args(), sub.values("env")
		if sub.err != nil {
			e.err = sub.err
		}
		e.m = append(slices.DeleteFunc(slices.Clone(e.m), func(m member) bool { return m.key == "env" }), member{"env", inner.get("env")})
		e.holes.fields = sub.holes.fields
		return command
	}
	command := e.text("command", "cmd")
	c.Args = e.args()
	if len(c.Args) == 0 && strings.ContainsAny(command, " \t") && !strings.HasPrefix(command, "/") && !windowsPath(command) {
		if words, err := Split(command); err == nil && len(words) > 1 {
			command, c.Args = words[0], words[1:]
			d.Notes = append(d.Notes, "The command was one line; it was taken apart into program and arguments.")
		}
	}
	return command
}

// headers reads what is sent with each request, in any of the shapes.
func (e *entry) headers() map[string]store.Value {
	out := e.values("headers", "http_headers", "static_headers")
	for name, v := range e.values("env_http_headers") { // values are names of variables
		set(&out, name, "${env:"+v+"}")
	}
	if v := e.raw("bearer_token_env_var"); v != "" {
		set(&out, "Authorization", store.Value("Bearer ${env:"+v+"}"))
	}
	if raw := e.m.get("requestOptions"); raw != nil { // Continue
		if inner, err := membersOf(raw); err == nil {
			sub := &entry{m: inner, name: e.name, holes: e.holes}
			for k, v := range sub.values("headers") {
				set(&out, k, v)
			}
			e.holes.fields, e.err = sub.holes.fields, cmp.Or(e.err, sub.err)
		}
	}
	if v := e.text("apiKey"); v != "" {
		set(&out, "Authorization", store.Value("Bearer "+v))
	}
	v := e.text("auth_value", "authentication_token")
	if v == "" {
		return out
	}
	switch strings.ToLower(e.raw("auth_type")) { // LiteLLM
	case "api_key":
		set(&out, "X-API-Key", store.Value(v))
	case "basic":
		if !strings.Contains(v, "${") {
			v = base64.StdEncoding.EncodeToString([]byte(v))
		}
		set(&out, "Authorization", store.Value("Basic "+v))
	case "authorization":
		set(&out, "Authorization", store.Value(v))
	case "token":
		set(&out, "Authorization", store.Value("token "+v))
	default:
		set(&out, "Authorization", store.Value("Bearer "+v))
	}
	return out
}

// signIn reads how a person or program signs in, as LiteLLM writes it.
func (e *entry) signIn(d *Draft) {
	a := store.Auth{ClientID: e.text("client_id"), AuthorizationURL: e.text("authorization_url"), TokenURL: e.text("token_url"), Scopes: e.list("scopes")}
	secret := e.text("client_secret")
	if !strings.EqualFold(e.raw("auth_type"), "oauth2") && a.AuthorizationURL == "" && a.TokenURL == "" {
		return
	}
	a.Kind = store.AuthOAuth
	if flow := e.raw("oauth2_flow"); flow == "client_credentials" || flow == "" && a.AuthorizationURL == "" && a.TokenURL != "" {
		a.Kind = store.AuthClient
	}
	switch e.raw("token_endpoint_auth_method") {
	case "client_secret_basic":
		a.TokenAuth = store.TokenAuthBasic
	case "client_secret_post":
		a.TokenAuth = store.TokenAuthPost
	}
	if secret != "" {
		if len(store.EnvRefs(secret)) > 0 || askMark.MatchString(secret) {
			secret = e.holes.ask(Field{Key: "client_secret", Title: "Client secret", Secret: true, Required: true})
			a.Secret = store.Value(secret)
		} else {
			d.SetAuthSecret(store.NewSecret(secret))
			a.Secret = d.Config.Auth.Secret
		}
	}
	d.Config.Auth = a
	d.Notes = append(d.Notes, "It is signed in to; do that once it is added.")
}

// note says what of the entry is not taken over.
func (d *Draft) note(m members) {
	var chosen, other []string
	for _, e := range m {
		switch {
		case slices.Contains(waivers, e.key):
			d.Notes = append(d.Notes, fmt.Sprintf("%q was left out: here you are asked before a tool runs the first time.", e.key))
		case slices.Contains(choosers, e.key):
			chosen = append(chosen, e.key)
		case e.key == "envFile":
			d.Notes = append(d.Notes, `"envFile" was left out; add its variables here.`)
		case !slices.Contains(understood, e.key):
			other = append(other, cutName(e.key))
		}
	}
	if len(chosen) > 0 {
		d.Notes = append(d.Notes, fmt.Sprintf("Left out: %s. Here you choose the tools for each conversation.", strings.Join(chosen, ", ")))
	}
	if len(other) > 0 {
		d.Notes = append(d.Notes, fmt.Sprintf("Left out, because Drawbridge has no such setting: %s.", strings.Join(other[:min(len(other), 20)], ", ")))
	}
	if d.Config.Disabled {
		d.Notes = append(d.Notes, "It is switched off there, and stays so here.")
	}
	for _, s := range append([]string{d.Config.Command, d.Config.URL, d.Config.Dir}, d.Config.Args...) {
		for _, r := range store.EnvRefs(s) {
			d.Notes = append(d.Notes, fmt.Sprintf("Its command or address is made with %s of your environment each time the server starts; other programs can see it there.", r.Name))
		}
	}
	for _, m := range []map[string]store.Value{d.Config.Env, d.Config.Headers} {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			v := string(m[k])
			if askMark.MatchString(v) {
				continue
			}
			if refs := store.EnvRefs(v); len(refs) > 0 {
				d.Notes = append(d.Notes, fmt.Sprintf("%s is read from your environment (%s) each time the server starts.", k, refs[0].Name))
			} else if placeholder.MatchString(v) {
				d.Notes = append(d.Notes, fmt.Sprintf("%s holds the placeholder %s; type the real value.", k, v))
			}
		}
	}
}

func cutName(s string) string {
	if len(s) > 40 {
		s = strings.ToValidUTF8(s[:40], "") + "…"
	}
	return s
}

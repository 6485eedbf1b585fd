package setup

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/drawbridge-app/drawbridge/store"
)

// liteLLMRules are the keys of LiteLLM's that are rules here. What they forbid
// there stays forbidden.
var liteLLMRules = []string{"allowed_tools", "disallowed_tools", "allowed_params", "access_groups", "mcp_access_groups", "extra_headers", "rpm"}

// liteLLMKnown are further keys of LiteLLM's that are read, or that say nothing
// to us.
var liteLLMKnown = []string{"alias", "oauth2_flow", "token_endpoint_auth_method", "mcp_info", "server_id", "spec_version", "protocol_version", "available_on_public_internet"}

// liteLLM reads what LiteLLM's file says of servers elsewhere than in their
// entries: names, and what clients call the header with their credential.
func (b *batch) liteLLM(root members) {
	inner := func(key string) members {
		m, err := membersOf(root.get(key))
		if err != nil {
			return nil
		}
		return m
	}
	aliases, err := membersOf(inner("litellm_settings").get("mcp_aliases"))
	if err != nil {
		aliases = nil
	}
	for i := range b.entries {
		n := &b.entries[i]
		if n.shape.app != "litellm" {
			continue
		}
		alias := ""
		if m, err := membersOf(n.raw); err == nil && json.Unmarshal(m.get("alias"), &alias) != nil {
			alias = ""
		}
		for _, a := range aliases {
			var of string
			if alias == "" && json.Unmarshal(a.value, &of) == nil && of == n.name {
				alias = a.key
			}
		}
		if alias = strings.TrimSpace(alias); alias != "" && alias != n.name {
			n.notes = append(n.notes, fmt.Sprintf("It is %s there, with the alias %s, which its tools carry; so that is its name here.", cutName(n.name), cutName(alias)))
			n.was, n.name = n.name, alias
		}
	}
	var header string
	if json.Unmarshal(inner("general_settings").get("mcp_client_side_auth_header_name"), &header) == nil && header != "" {
		b.problems = append(b.problems, fmt.Sprintf("the file has clients send their credential in the header %s; no server has that setting: write it as mcp_client_side_auth_header_name under gateway in settings.json", cutName(header)))
	}
}

// liteLLM reads an entry's rules. was is the name that it has there, if it gets
// another. What cannot be read fails, so that nothing is
// allowed by mistake.
func (e *entry) liteLLM(d *Draft, was string) {
	r := &d.Config.Rules
	bare := func(tool string) string { // a name there may have the server's own in front
		if rest, ok := strings.CutPrefix(tool, was+"-"); ok && was != "" && rest != "" {
			return rest
		}
		return tool
	}
	for _, t := range e.list("allowed_tools") {
		r.AllowedTools = append(r.AllowedTools, bare(t))
	}
	for _, t := range e.list("disallowed_tools") {
		r.DisallowedTools = append(r.DisallowedTools, bare(t))
	}
	r.ExtraHeaders = e.list("extra_headers")
	for _, g := range slices.Concat(e.list("access_groups"), e.list("mcp_access_groups")) {
		if !slices.Contains(r.Groups, g) {
			r.Groups = append(r.Groups, g)
		}
	}
	if v := e.m.get("allowed_params"); v != nil && string(v) != "null" {
		byTool, err := membersOf(v)
		if err != nil || byTool.twice() != "" {
			e.fail("allowed_params", "an object with a list of parameters for each tool")
		}
		for _, t := range byTool {
			in := entry{m: members{t}, name: e.name}
			names := in.list(t.key)
			if in.err != nil || names == nil {
				e.fail("allowed_params", "an object with a list of parameters for each tool")
			}
			if r.AllowedParams == nil {
				r.AllowedParams = map[string][]string{}
			}
			r.AllowedParams[bare(t.key)] = names
		}
	}
	if v := e.m.get("rpm"); v != nil && string(v) != "null" {
		var text scalar
		n, err := 0, json.Unmarshal(v, &text)
		if err == nil {
			n, err = strconv.Atoi(string(text))
		}
		if err != nil || n < 0 {
			e.fail("rpm", "a number of calls")
		}
		r.CallsPerMinute = n
	}
	if r.CallsPerMinute > 0 {
		d.Notes = append(d.Notes, fmt.Sprintf("%d calls a minute are for all clients together here.", r.CallsPerMinute))
	}
	switch kind := e.authType(); kind {
	case "", "none", "api_key", "bearer_token", "basic", "authorization", "token", "oauth2":
	default:
		d.Notes = append(d.Notes, fmt.Sprintf("It signs in there by %q, which Drawbridge does not do; it is added without.", cutName(kind)))
	}
	if e.authType() == "basic" && strings.Contains(e.text("auth_value", "authentication_token"), "${") {
		d.Notes = append(d.Notes, "Basic authentication from a variable is sent as it stands: the variable has to hold user:password in base64.")
	}
}

func (e *entry) authType() string { return strings.ToLower(e.raw("auth_type")) }

// api reads a server that is made of an OpenAPI document. The document is read
// when the draft is accepted, not here; until then it has no digest.
func (e *entry) api(d *Draft, address string) {
	c := &d.Config
	document := e.raw("spec_path")
	if lower := strings.ToLower(document); !strings.HasPrefix(lower, "https://") && !strings.HasPrefix(lower, "http://") && !filepath.IsAbs(document) && !windowsPath(document) {
		e.fail("spec_path", "the address or the full path of the OpenAPI document")
	}
	c.Transport, c.URL = store.TransportOpenAPI, address
	if address == "" {
		c.URL = e.holes.ask(Field{Key: "base_url", Title: "Address of the API", Description: "The paths of the OpenAPI document follow it.", Required: true})
	}
	c.Headers = e.values("headers", "static_headers")
	c.OpenAPI = &store.OpenAPI{Document: document}
	d.Notes = append(d.Notes, fmt.Sprintf("Its tools are made of the OpenAPI document %s, which is read when you add it.", store.ShowAddress(document)))
	value, kind := e.text("auth_value", "authentication_token"), e.authType()
	a := &c.OpenAPI.Auth
	if kind == "oauth2" && e.raw("oauth2_flow") == "client_credentials" {
		a.Kind, a.User, a.TokenURL, a.Scopes = store.APIAuthClient, e.text("client_id"), e.text("token_url"), e.list("scopes")
		e.keepValue(d, e.text("client_secret"))
		return
	}
	if value == "" || kind == "" || kind == "none" {
		return
	}
	a.Kind = store.APIAuthHeader
	switch kind {
	case "bearer_token":
		a.Kind = store.APIAuthBearer
	case "basic":
		user, password, ok := strings.Cut(value, ":")
		if !ok || strings.Contains(user, "${") {
			value = "Basic " + value
			break
		}
		a.Kind, a.User, value = store.APIAuthBasic, user, password
	case "api_key":
		value = "ApiKey " + value // as LiteLLM sends it to an API
	case "token":
		value = "token " + value
	case "authorization":
	default:
		c.OpenAPI.Auth = store.APIAuth{}
		if kind == "oauth2" {
			d.Notes = append(d.Notes, "A person signs in to it there, which Drawbridge does for MCP servers alone; it is added without.")
		}
		return // liteLLM tells of other kinds
	}
	e.keepValue(d, value)
}

// keepValue has the authentication of an API be a reference to the environment, as
// it came, or a secret.
func (e *entry) keepValue(d *Draft, value string) {
	c := &d.Config
	if len(store.EnvRefs(value)) > 0 || value == "" {
		c.OpenAPI.Auth.Value = store.Value(value)
		return
	}
	ref := store.ServerSecret(c.ID, "auth", "value")
	if d.Secrets == nil {
		d.Secrets = map[store.SecretRef]store.Secret{}
	}
	d.Secrets[ref] = store.NewSecret(value)
	c.OpenAPI.Auth.Value = store.RefTo(ref)
}

// MergeRules returns the rules of a server that is here with those that another
// app's file has for it: each kind that is there replaces what was set here, and
// all else stays.
func MergeRules(here, there store.Rules) store.Rules {
	out := here.Clone()
	there = there.Clone()
	if there.AllowedTools != nil {
		out.AllowedTools = there.AllowedTools
	}
	if there.DisallowedTools != nil {
		out.DisallowedTools = there.DisallowedTools
	}
	if there.AllowedParams != nil {
		out.AllowedParams = there.AllowedParams
	}
	if there.Groups != nil {
		out.Groups = there.Groups
	}
	if there.ExtraHeaders != nil {
		out.ExtraHeaders = there.ExtraHeaders
	}
	if there.CallsPerMinute > 0 {
		out.CallsPerMinute = there.CallsPerMinute
	}
	return out
}

// sayRules writes rules for a comparison.
func sayRules(r store.Rules) string {
	if r.Zero() {
		return ""
	}
	b, err := json.Marshal(r)
	if err != nil {
		return "rules that cannot be shown"
	}
	return string(b)
}

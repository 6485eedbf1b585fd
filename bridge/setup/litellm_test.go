package setup_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/store"
)

// exported are servers with everything that can be set.
func exported() []store.ServerConfig {
	secret := func(id, kind, name string) store.Value { return store.RefTo(store.ServerSecret(id, kind, name)) }
	return []store.ServerConfig{
		{ID: "workbench", Name: "workbench", Transport: store.TransportBuiltin},
		{ID: "off", Name: "off", Transport: store.TransportStdio, Command: "off", Disabled: true},
		{
			ID: "files", Name: "my-files", Transport: store.TransportStdio, Command: "/usr/bin/npx", Args: []string{"-y", "server", "${env:HOME}"}, Dir: "/srv",
			Env: map[string]store.Value{"MODE": "fast", "TOKEN": secret("files", "env", "TOKEN"), "REGION": "${env:AWS_REGION}", "URL": "https://${env:HOST}/x", "ODD": "os.environ/HOME"},
			Rules: store.Rules{
				AllowedTools: []string{"read", "my-files__list", "files-stat"}, DisallowedTools: []string{"write"},
				AllowedParams: map[string][]string{"my-files-read": {"path"}, "stat": {}}, Groups: []string{"dev", "ops"},
				FixedParams: map[string]map[string]json.RawMessage{"read": {"limit": json.RawMessage("10")}}, CallsPerMinute: 60, CallsPerDay: 1000,
				Approvals: store.Approvals{Default: store.ApproveNever}, Trusted: true,
			},
			Sandbox: &store.Sandbox{}, Serial: true,
		},
		{ID: "own", Name: "own", Transport: store.TransportStdio, Command: "own-server"},
		{
			ID: "bearer", Name: "bearer", Transport: store.TransportHTTP, URL: "https://b.example/mcp", Auth: store.Auth{Kind: store.AuthBearer, Secret: secret("bearer", "auth", "secret")},
			Headers: map[string]store.Value{"X-Team": "a", "X-Key": secret("bearer", "header", "X-Key")},
			Rules:   store.Rules{DisallowedTools: []string{"drop"}, ExtraHeaders: []string{"X-User", "Authorization"}},
		},
		{ID: "key", Name: "key", Transport: store.TransportSSE, URL: "https://k.example/sse", Auth: store.Auth{Kind: store.AuthHeader, Header: "X-API-Key", Secret: secret("key", "auth", "secret")}},
		{ID: "other", Name: "other", Transport: store.TransportHTTP, URL: "${env:OTHER_URL}", Auth: store.Auth{Kind: store.AuthHeader, Header: "X-Other", Secret: secret("other", "auth", "secret")}},
		{ID: "basic", Name: "basic", Transport: store.TransportHTTP, URL: "https://${env:HOST}/mcp", Auth: store.Auth{Kind: store.AuthBasic, User: "ana", Secret: secret("basic", "auth", "secret")}},
		{ID: "header", Name: "header", Transport: store.TransportHTTP, URL: "https://h.example/mcp", Headers: map[string]store.Value{"Authorization": secret("header", "header", "Authorization")}},
		{ID: "env", Name: "env", Transport: store.TransportHTTP, URL: "https://e.example/mcp", Headers: map[string]store.Value{"Authorization": "Bearer ${env:E_TOKEN}"}},
		{ID: "person", Name: "person", Transport: store.TransportHTTP, URL: "https://p.example/mcp", Auth: store.Auth{Kind: store.AuthOAuth, ClientID: "id", Scopes: []string{"read"}, AuthorizationURL: "https://p.example/a", TokenURL: "https://p.example/t"}},
		{ID: "robot", Name: "robot", Transport: store.TransportHTTP, URL: "https://r.example/mcp", Auth: store.Auth{Kind: store.AuthClient, ClientID: "id", Secret: secret("robot", "auth", "secret"), TokenURL: "https://r.example/t", TokenAuth: store.TokenAuthPost}},
		api("pets", store.APIAuth{Kind: store.APIAuthBearer, Value: secret("pets", "auth", "value")}, store.Rules{DisallowedTools: []string{"delete_pets_id"}, AllowedParams: map[string][]string{"pets__pets_get-one": {"id"}}}),
		api("pets-key", store.APIAuth{Kind: store.APIAuthKey, Name: "X-Pet", Value: secret("pets-key", "auth", "value")}, store.Rules{AllowedTools: []string{"pets_get-one", "delete_pets_id", "add_all", "gone"}}),
		api("pets-query", store.APIAuth{Kind: store.APIAuthKey, In: "query", Name: "key", Value: secret("pets-query", "auth", "value")}),
		api("pets-cookie", store.APIAuth{Kind: store.APIAuthKey, In: "cookie", Name: "sid", Value: secret("pets-cookie", "auth", "value")}),
		api("pets-basic", store.APIAuth{Kind: store.APIAuthBasic, User: "ana", Value: secret("pets-basic", "auth", "value")}),
		at("http://127.0.0.1:7000/openapi.json", api("pets-header", store.APIAuth{Kind: store.APIAuthHeader, Value: secret("pets-header", "auth", "value")})),
		at("http://docs:8080/openapi.yaml", api("pets-yaml", store.APIAuth{})),
		api("pets-client", store.APIAuth{Kind: store.APIAuthClient, User: "id", Value: secret("pets-client", "auth", "value"), TokenURL: "https://pets.example/t"}),
	}
}

func at(document string, c store.ServerConfig) store.ServerConfig {
	c.OpenAPI.Document = document
	return c
}

func api(name string, a store.APIAuth, r ...store.Rules) store.ServerConfig {
	c := store.ServerConfig{
		ID: name, Name: name, Transport: store.TransportOpenAPI, URL: "https://" + name + ".example/v1",
		OpenAPI: &store.OpenAPI{Document: "https://" + name + ".example/openapi.json", Digest: strings.Repeat("a", 64), Auth: a},
	}
	if len(r) > 0 {
		c.Rules = r[0]
	}
	return c
}

// operations are those of pets and pets-key. Of pets all are chosen but one.
func operations() map[string][]setup.Operation {
	list := func(chosen ...string) (out []setup.Operation) {
		for _, o := range []setup.Operation{
			{Tool: "listPets", ID: "listPets", Method: "GET", Path: "/pets"},
			{Tool: "pets_get-one", ID: "pets/get-one", Method: "GET", Path: "/pets/{id}"},
			{Tool: "delete_pets_id", Method: "DELETE", Path: "/pets/{id}"},
			{Tool: "trace_pets", Method: "TRACE", Path: "/pets"},
			{Tool: "ListPets_0", ID: "listpets", Method: "POST", Path: "/pets"},
			{Tool: "add_all", ID: "add all", Method: "PUT", Path: "/pets"},
		} {
			o.Chosen = len(chosen) == 0 || slices.Contains(chosen, o.Tool)
			out = append(out, o)
		}
		return out
	}
	return map[string][]setup.Operation{"pets": list("listPets", "pets_get-one", "delete_pets_id"), "pets-key": list()}
}

// What is written is shown as a whole, with the variables and what is lost.
func TestExportLiteLLM(t *testing.T) {
	t.Parallel()
	for _, c := range exported() {
		if err := c.Validate(); err != nil && c.Transport != store.TransportBuiltin {
			t.Fatal(err)
		}
	}
	l, err := setup.ExportLiteLLM(exported(), "x-team-auth", operations())
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.Write(l.Config)
	for _, v := range l.Variables {
		fmt.Fprintf(&b, "# %s: %s\n", v.Name, v.Holds)
	}
	for _, n := range l.Notes {
		fmt.Fprintf(&b, "# - %s\n", n)
	}
	golden(t, "texts/exported.yaml.golden", b.String())
	// In an argument the proxy puts nothing in, which a note says.
	if strings.Contains(strings.ReplaceAll(string(l.Config), "- ${env:HOME}", ""), "${") {
		t.Error("a reference is left that the proxy does not know")
	}
	var file struct {
		Servers map[string]map[string]any `yaml:"mcp_servers"`
	}
	if err := yaml.Unmarshal(l.Config, &file); err != nil {
		t.Fatal(err)
	}
	for name := range file.Servers {
		if strings.Contains(name, "-") {
			t.Errorf("the proxy refuses the name %s", name)
		}
	}
	for _, line := range strings.Split(string(l.Config), "\n") {
		_, name, ok := strings.Cut(line, "os.environ/")
		if ok && !slices.ContainsFunc(l.Variables, func(v setup.Variable) bool { return v.Name == name && v.Holds != "" }) {
			t.Errorf("%s is not among the variables", name)
		}
	}
}

// What was written and is read again is the same servers with the same rules, and
// is written in the same way.
func TestLiteLLMRoundTrip(t *testing.T) {
	t.Parallel()
	here := exported()
	l, err := setup.ExportLiteLLM(here, "x-team-auth", nil)
	if err != nil {
		t.Fatal(err)
	}
	drafts, problems, err := setup.Reader{App: "litellm"}.Parse(l.Config)
	if err != nil || len(problems) != 1 || !strings.Contains(problems[0], "x-team-auth") {
		t.Fatalf("%v %q", err, problems)
	}
	var again []store.ServerConfig
	for _, d := range drafts {
		if len(d.Fields) > 0 { // the client's secret, which is asked for
			d.Config.Auth.Secret = store.RefTo(store.ServerSecret(d.Config.ID, "auth", "secret"))
		}
		again = append(again, d.Config)
		if len(d.Secrets) > 0 {
			t.Errorf("%s came with secrets: %v", d.Config.Name, d.Secrets)
		}
	}
	second, err := setup.ExportLiteLLM(again, "x-team-auth", nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := without(string(second.Config)), without(string(l.Config)); got != want {
		t.Errorf("it is written in another way the second time:\n%s", diff(want, got))
	}
	for _, was := range here {
		if was.Disabled || was.Transport == store.TransportBuiltin {
			continue
		}
		name := strings.ReplaceAll(was.Name, "-", "_")
		i := slices.IndexFunc(again, func(c store.ServerConfig) bool { return c.Name == name })
		if i < 0 {
			t.Errorf("%s is lost", was.Name)
			continue
		}
		is := again[i]
		if is.Transport != was.Transport || is.Command != was.Command || len(is.Args) != len(was.Args) || len(is.Env) != len(was.Env) ||
			len(is.Rules.AllowedTools) != len(was.Rules.AllowedTools) || len(is.Rules.AllowedParams) != len(was.Rules.AllowedParams) ||
			!slices.Equal(is.Rules.Groups, was.Rules.Groups) || !slices.Equal(is.Rules.ExtraHeaders, was.Rules.ExtraHeaders) || is.Rules.CallsPerMinute != was.Rules.CallsPerMinute {
			t.Errorf("%s is another server now:\n%+v\n%+v", was.Name, was, is)
		}
	}
}

// The proxy's names of the tools of a document are known here again, however they
// are spelled: what is forbidden there stays forbidden.
func TestRulesOfOperations(t *testing.T) {
	t.Parallel()
	got := setup.RulesOfOperations(store.Rules{
		AllowedTools: []string{"PETS/get-one", "pets-add all"}, DisallowedTools: []string{"listpets", "delete__pets_{id}", "other"},
		AllowedParams: map[string][]string{"listPets": {"limit"}}, CallsPerMinute: 7,
	}, "pets", operations()["pets"])
	want := store.Rules{
		AllowedTools: []string{"pets_get-one", "add_all"}, DisallowedTools: []string{"listPets", "ListPets_0", "delete_pets_id", "other"},
		AllowedParams: map[string][]string{"listPets": {"limit"}, "ListPets_0": {"limit"}}, CallsPerMinute: 7,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the rules are %+v", got)
	}
	if got := setup.RulesOfOperations(store.Rules{}, "pets", operations()["pets"]); !got.Zero() {
		t.Errorf("of no rules came %+v", got)
	}
}

// without leaves out the lines about authentication, which is in other words the
// second time: a header in place of what it was made of.
func without(config string) string {
	var out []string
	for line := range strings.Lines(config) {
		if !strings.Contains(line, "static_headers") && !strings.Contains(line, "AUTHORIZATION") && !strings.Contains(line, "USER_PASSWORD") && !strings.Contains(line, "auth_type") && !strings.Contains(line, "auth_value") {
			out = append(out, line)
		}
	}
	return strings.Join(out, "")
}

func diff(a, b string) string {
	var out []string
	for line := range strings.Lines(a) {
		if !strings.Contains(b, line) {
			out = append(out, "- "+line)
		}
	}
	for line := range strings.Lines(b) {
		if !strings.Contains(a, line) {
			out = append(out, "+ "+line)
		}
	}
	return strings.Join(out, "")
}

// What is imported replaces the rules that it names, and no others.
func TestMergeRules(t *testing.T) {
	t.Parallel()
	here := store.Rules{
		AllowedTools: []string{"a"}, DisallowedTools: []string{"b"}, Groups: []string{"g"}, CallsPerDay: 7, Approvals: store.Approvals{Default: store.ApproveNever},
		FixedParams: map[string]map[string]json.RawMessage{"a": {"x": json.RawMessage("1")}},
	}
	got := setup.MergeRules(here, store.Rules{AllowedTools: []string{"c"}, AllowedParams: map[string][]string{"c": {"p"}}, Trusted: true})
	if !slices.Equal(got.AllowedTools, []string{"c"}) || !slices.Equal(got.DisallowedTools, here.DisallowedTools) || got.CallsPerDay != 7 ||
		got.Approvals != here.Approvals || got.Trusted || len(got.FixedParams) != 1 || len(got.AllowedParams) != 1 {
		t.Errorf("%+v", got)
	}
	if got := setup.MergeRules(here, store.Rules{}); !slices.Equal(got.Groups, here.Groups) || !slices.Equal(got.AllowedTools, here.AllowedTools) {
		t.Errorf("%+v", got)
	}
}

// A file that a person has is read, and its rules hold on the first day.
func TestLiteLLMRules(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("testdata", "texts", "litellm.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	drafts, _, err := setup.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(drafts, func(d setup.Draft) bool { return d.Config.Name == "github" })
	if i < 0 {
		t.Fatal("the alias is not the name")
	}
	c := setup.Compare(drafts[i], []store.ServerConfig{{ID: "github", Name: "github", Transport: store.TransportHTTP, URL: "https://api.githubcopilot.com/mcp", Headers: drafts[i].Config.Headers}})
	if c.State != setup.Differs || len(c.Changes) != 1 || c.Changes[0].What != "rules" || !strings.Contains(c.Changes[0].There, "search_code") {
		t.Errorf("%+v", c)
	}
}

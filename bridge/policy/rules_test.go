package policy_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/policy"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// yard is an engine with servers that a person approved and whose tools they
// have seen.
type yard struct {
	*policy.Engine
	t      *testing.T
	ledger *ledger
	config []store.ServerConfig
	now    time.Time
}

func newYard(t *testing.T, servers ...store.ServerConfig) *yard {
	t.Helper()
	y := &yard{t: t, ledger: newLedger(), now: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)}
	y.config = servers
	y.restart()
	for _, c := range servers {
		y.approve(c)
	}
	y.Configure(servers)
	return y
}

// restart is another run of the program with the same ledger.
func (y *yard) restart() {
	y.Engine = policy.New(policy.Options{Ledger: y.ledger, Now: func() time.Time { return y.now }})
	y.Configure(y.config)
}

func (y *yard) approve(c store.ServerConfig) {
	y.t.Helper()
	if err := y.ApproveServer(y.t.Context(), c); err != nil {
		y.t.Fatal(err)
	}
}

// rules sets the rules of a server as a person does.
func (y *yard) rules(id string, r store.Rules) {
	y.t.Helper()
	for i := range y.config {
		if y.config[i].ID == id {
			y.config[i].Rules = r
			y.approve(y.config[i])
		}
	}
	y.Configure(y.config)
}

func (y *yard) see(listed ...tools.Tool) {
	y.t.Helper()
	by := map[string][]tools.Tool{}
	for _, l := range listed {
		by[l.Server] = append(by[l.Server], l)
	}
	for server, list := range by {
		review(y.t, y.Engine, server, nil, list...)
	}
}

func (y *yard) decide(inv tools.Invocation, listed tools.Tool) tools.Verdict {
	var conv *store.Conversation
	if inv.Conversation != "" {
		conv = &store.Conversation{ID: inv.Conversation}
	}
	return y.Decide(y.t.Context(), inv, conv, &listed)
}

func (y *yard) want(inv tools.Invocation, listed tools.Tool, want tools.Decision, say string) {
	y.t.Helper()
	v := y.decide(inv, listed)
	if v.Decision != want || !strings.Contains(v.Reason, say) {
		y.t.Errorf("%s by %s: decided %d, %q (%v); want %d and %q", inv.Ref, inv.Client, v.Decision, v.Reason, v.Err, want, say)
	}
	if v.Decision == tools.Deny && v.Err == nil {
		y.t.Errorf("%s: refused without a kind", inv.Ref)
	}
}

func server(id string, r store.Rules) store.ServerConfig {
	return store.ServerConfig{ID: id, Name: id, Transport: store.TransportStdio, Command: "x", Rules: r}
}

func withSchema(t tools.Tool, schema string) tools.Tool {
	t.InputSchema = json.RawMessage(schema)
	return t
}

func with(inv tools.Invocation, arguments string) tools.Invocation {
	inv.Arguments = json.RawMessage(arguments)
	return inv
}

func claiming(t tools.Tool, readOnly, destructive, openWorld bool) tools.Tool {
	t.Claims = tools.Claims{ReadOnly: &readOnly, Destructive: &destructive, OpenWorld: &openWorld}
	return t
}

func gateway(c store.Caller, t tools.Tool) tools.Invocation {
	return tools.Invocation{Client: tools.ClientGateway, CallID: "1", Ref: t.Ref, Caller: &c}
}

func key(limits store.Limits) store.Caller {
	return store.NewCaller(store.Key{ID: "k", Name: "k", Limits: limits}, nil, nil)
}

// everyone are the invocations of a tool on all paths.
func everyone(t tools.Tool) []tools.Invocation {
	return []tools.Invocation{command(t), chat("c", t), gateway(key(store.Limits{}), t), {Client: tools.ClientModels, Ref: t.Ref, Caller: ptr(key(store.Limits{}))}}
}

func ptr[T any](v T) *T { return &v }

// offered are the tools that a conversation and a client of the gateway are
// offered.
func (y *yard) offered(listed ...tools.Tool) string {
	y.t.Helper()
	a, err := y.Offer(y.t.Context(), store.Conversation{ID: "c"}, listed)
	if err != nil {
		y.t.Fatal(err)
	}
	b, err := y.OfferTo(y.t.Context(), key(store.Limits{}), listed)
	if err != nil {
		y.t.Fatal(err)
	}
	if names(a) != names(b) {
		y.t.Errorf("a conversation is offered %q, and a client of the gateway %q", names(a), names(b))
	}
	var out []string
	for _, t := range a {
		out = append(out, t.Tool)
	}
	return strings.Join(out, " ")
}

func TestAllowAndDisallowTools(t *testing.T) {
	t.Parallel()
	read, write, other := tool("fs", "read", "1"), tool("fs", "write", "1"), tool("web", "read", "1")
	for _, test := range []struct {
		name    string
		rules   store.Rules
		offered string
	}{
		{"none", store.Rules{}, "read write read"},
		{"disallowed", store.Rules{DisallowedTools: []string{"write"}}, "read read"},
		{"allowed", store.Rules{AllowedTools: []string{"write"}}, "write read"},
		{"the allowed list wins", store.Rules{AllowedTools: []string{"write"}, DisallowedTools: []string{"write"}}, "write read"},
		{"with prefix", store.Rules{AllowedTools: []string{"fs__read"}}, "read read"},
		{"with LiteLLM's prefix", store.Rules{DisallowedTools: []string{"fs-read"}}, "write read"},
		{"of another server", store.Rules{AllowedTools: []string{"web__read"}}, "read"},
		{"case counts", store.Rules{AllowedTools: []string{"READ"}}, "read"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			y := newYard(t, server("fs", store.Rules{}), server("web", store.Rules{}))
			y.see(read, write, other)
			y.rules("fs", test.rules)
			if got := y.offered(read, write, other); got != test.offered {
				t.Errorf("offered %q, want %q", got, test.offered)
			}
			may := strings.Fields(test.offered)
			for _, l := range []tools.Tool{read, write} {
				ok := strings.Count(strings.Join(may, " "), l.Tool) > strings.Count("read", l.Tool) // web's read is always there
				for _, inv := range everyone(l) {
					v := y.decide(inv, l)
					if (v.Decision != tools.Deny) != ok {
						t.Errorf("%s by %s: decided %d (%s)", l.Ref, inv.Client, v.Decision, v.Reason)
					}
					if !ok && !errors.Is(v.Err, store.ErrDenied) {
						t.Errorf("%s: %v is not ErrDenied", l.Ref, v.Err)
					}
				}
			}
		})
	}
}

func TestParametersWithLiteLLMsSentence(t *testing.T) {
	t.Parallel()
	wiki := withSchema(tool("deepwiki", "read_wiki_contents", "1"),
		`{"type":"object","properties":{"status":{"type":"string"},"limit":{"type":"integer"}},"required":["limit"]}`)
	const sentence = "Parameters ['limit'] are not allowed for tool read_wiki_contents. Allowed parameters: ['status']. Contact proxy admin to allow these parameters."
	for _, name := range []string{"read_wiki_contents", "deepwiki__read_wiki_contents", "deepwiki-read_wiki_contents"} {
		y := newYard(t, server("deepwiki", store.Rules{AllowedParams: map[string][]string{name: {"status"}}}))
		y.see(wiki)
		for _, inv := range everyone(wiki) {
			y.want(with(inv, `{"status":"active","limit":10}`), wiki, tools.Deny, sentence)
			if v := y.decide(with(inv, `{"status":"active"}`), wiki); v.Decision == tools.Deny {
				t.Errorf("%s: what is allowed is refused: %s", name, v.Reason)
			}
			y.want(with(inv, `{"status":"a","status":"b"}`), wiki, tools.Deny, "given twice")
			y.want(with(inv, `["limit"]`), wiki, tools.Deny, "no JSON object")
			y.want(with(inv, `{"Limit":1,"it's":2}`), wiki, tools.Deny, `Parameters ['Limit', "it's"] are not allowed`)
		}
		list, err := y.Offer(t.Context(), store.Conversation{ID: "c"}, []tools.Tool{wiki})
		if err != nil || len(list) != 1 {
			t.Fatal(list, err)
		}
		if s := string(list[0].InputSchema); s != `{"type":"object","properties":{"status":{"type":"string"}}}` {
			t.Errorf("%s: the model sees %s", name, s)
		}
		if list[0].Hash != wiki.Hash || list[0].Narrowed == "" {
			t.Errorf("%s: the tool that is shown is taken for another, or for the whole one", name)
		}
	}
	// Named in two ways, both hold; none at all means none.
	y := newYard(t, server("deepwiki", store.Rules{AllowedParams: map[string][]string{"read_wiki_contents": {"status", "limit"}, "deepwiki__read_wiki_contents": {"status"}}}))
	y.see(wiki)
	y.want(with(command(wiki), `{"limit":10}`), wiki, tools.Deny, sentence)
	y.rules("deepwiki", store.Rules{AllowedParams: map[string][]string{"read_wiki_contents": {}}})
	y.want(with(command(wiki), `{"status":1}`), wiki, tools.Deny, "Allowed parameters: [].")
	y.want(with(command(wiki), `{}`), wiki, tools.Allow, "")
	y.want(command(wiki), wiki, tools.Allow, "")
}

func TestFixedParameters(t *testing.T) {
	t.Parallel()
	read := withSchema(tool("fs", "read", "1"), `{"type":"object","properties":{"path":{"type":"string"},"root":{"type":"string"}},"required":["path","root"]}`)
	y := newYard(t, server("fs", store.Rules{FixedParams: map[string]map[string]json.RawMessage{"read": {"root": json.RawMessage(`"/safe"`)}}}))
	y.see(read)
	for given, want := range map[string]string{
		`{"path":"a"}`:                `{"path":"a","root":"/safe"}`,
		`{"path":"a","root":"/safe"}`: `{"path":"a","root":"/safe"}`,
		``:                            `{"root":"/safe"}`,
		`null`:                        `{"root":"/safe"}`,
		`{"path":123456789012345678}`: `{"path":123456789012345678,"root":"/safe"}`,
	} {
		got, v := y.Arguments(read.Ref, json.RawMessage(given))
		if v.Decision != tools.Allow || string(got) != want {
			t.Errorf("%s becomes %s (%s), want %s", given, got, v.Reason, want)
		}
	}
	for _, inv := range everyone(read) {
		y.want(with(inv, `{"path":"a","root":"/etc"}`), read, tools.Deny, "fixed to a value")
		y.want(with(inv, `{"path":"a","ROOT":"/etc"}`), read, tools.Deny, "is like 'root'")
	}
	list, err := y.OfferTo(t.Context(), key(store.Limits{}), []tools.Tool{read})
	if err != nil || len(list) != 1 || strings.Contains(string(list[0].InputSchema), "root") {
		t.Errorf("the model sees %s (%v)", list, err)
	}
}

func TestRulesAreApprovedOrHeld(t *testing.T) {
	t.Parallel()
	read := tool("fs", "read", "1")
	strict := store.Rules{AllowedTools: []string{"other"}}
	y := newYard(t, server("fs", strict))
	y.see(read)
	// By hand, in the file: nothing is loosened, and nothing else goes on either.
	loose := server("fs", store.Rules{})
	y.config = []store.ServerConfig{loose}
	for range 2 { // the second after a restart
		for _, inv := range everyone(read) {
			y.Configure(y.config)
			v := y.decide(inv, read)
			if v.Decision != tools.Deny || !errors.Is(v.Err, store.ErrHeld) {
				t.Errorf("%s: rules that nobody approved hold: %+v", inv.Client, v)
			}
		}
		if got := y.offered(read); got != "" {
			t.Errorf("offered %q", got)
		}
		if err := y.RulesApproved(t.Context(), "fs"); !errors.Is(err, store.ErrHeld) {
			t.Errorf("approved: %v", err)
		}
		if y.MaySee(t.Context(), key(store.Limits{}), "fs") {
			t.Error("a client sees the server")
		}
		y.restart()
	}
	y.approve(loose)
	y.want(command(read), read, tools.Allow, "")
	// A list in another order is no change.
	a, b := server("x", store.Rules{Groups: []string{"a", "b"}}), server("x", store.Rules{Groups: []string{"b", "a"}})
	if a.Hash() != b.Hash() || a.Hash() == server("x", store.Rules{}).Hash() || a.RunHash() != server("x", store.Rules{}).RunHash() {
		t.Error("the hashes do not say what changed")
	}
}

func TestGroupsOfServers(t *testing.T) {
	t.Parallel()
	code, mail, none := tool("git", "log", "1"), tool("mail", "send", "1"), tool("misc", "x", "1")
	y := newYard(t, server("git", store.Rules{Groups: []string{"code", "all"}}), server("mail", store.Rules{Groups: []string{"office", "all"}}), server("misc", store.Rules{}))
	y.see(code, mail, none)
	for _, test := range []struct {
		limits store.Limits
		want   string
	}{
		{store.Limits{}, "log send x"},
		{store.Limits{Groups: []string{"code"}}, "log"},
		{store.Limits{Groups: []string{"all"}}, "log send"},
		{store.Limits{Groups: []string{"code"}, Servers: []string{"misc"}}, "log x"},
		{store.Limits{Groups: []string{"Code"}}, ""},
		{store.Limits{Groups: []string{}}, ""},
		{store.Limits{Servers: []string{}}, ""},
		{store.Limits{Servers: []string{"git"}, Tools: []string{"send"}}, ""},
		{store.Limits{Tools: []string{"git__*", "send"}}, "log send"},
		{store.Limits{Tools: []string{"git__log"}}, "log"},
		{store.Limits{Tools: []string{}}, ""},
	} {
		c := key(test.limits)
		list, err := y.OfferTo(t.Context(), c, []tools.Tool{code, mail, none})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, l := range list {
			got = append(got, l.Tool)
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%+v sees %q, want %q", test.limits, got, test.want)
		}
		for _, l := range []tools.Tool{code, mail, none} {
			// What a key may not see it cannot call.
			if called := y.decide(gateway(c, l), l).Decision != tools.Deny; called != strings.Contains(test.want, l.Tool) {
				t.Errorf("%+v may call %s: %t", test.limits, l.Ref, called)
			}
		}
	}
	if v := y.decide(tools.Invocation{Client: tools.ClientGateway, Ref: code.Ref}, code); v.Decision != tools.Deny {
		t.Error("a client without a key calls")
	}
	if v := y.decide(gateway(store.Caller{}, code), code); v.Decision != tools.Deny {
		t.Error("a caller that nothing bounds calls")
	}
}

func TestKeysWithTeamsAndOrganisations(t *testing.T) {
	t.Parallel()
	code, mail := tool("git", "log", "1"), tool("mail", "send", "1")
	y := newYard(t, server("git", store.Rules{Groups: []string{"code"}}), server("mail", store.Rules{}))
	y.see(code, mail)
	team := &store.Team{ID: "t", Name: "t", Limits: store.Limits{Groups: []string{"code"}}}
	org := &store.Organisation{ID: "o", Name: "o", Limits: store.Limits{Servers: []string{"git", "mail"}, Expires: y.now.Add(time.Hour), NoApprove: true}}
	// A key for everything, in a team for code.
	c := store.NewCaller(store.Key{ID: "k", Limits: store.Limits{MayApprove: true, Models: &store.ModelAccess{Providers: []string{"a", "b"}, TokensPerDay: 10}}}, team, org)
	y.want(gateway(c, code), code, tools.Ask, "")
	y.want(gateway(c, mail), mail, tools.Deny, "not one that this key may call")
	if c.MayApprove || c.Expires.IsZero() {
		t.Errorf("the organisation does not bound the key: %+v", c)
	}
	// The limits intersect: the key names what the team does not.
	c = store.NewCaller(store.Key{ID: "k", Limits: store.Limits{Servers: []string{"mail"}}}, team, nil)
	y.want(gateway(c, code), code, tools.Deny, "")
	y.want(gateway(c, mail), mail, tools.Deny, "")
	// Expiry of the organisation ends the key.
	c = store.NewCaller(store.Key{ID: "k"}, team, org)
	y.now = y.now.Add(time.Hour)
	y.want(gateway(c, code), code, tools.Deny, "")
	if list, _ := y.OfferTo(t.Context(), c, []tools.Tool{code}); len(list) > 0 || y.MaySee(t.Context(), c, "git") {
		t.Error("an expired key sees")
	}
	// Models: what all allow, and the key has to have access.
	m := store.NewCaller(store.Key{Limits: store.Limits{Models: &store.ModelAccess{Providers: []string{"a", "b"}, TokensPerDay: 10, CostPerDay: 5}}},
		&store.Team{Limits: store.Limits{Models: &store.ModelAccess{Providers: []string{"b", "c"}, TokensPerDay: 20, CostPerDay: 2}}}, nil).Models
	if m == nil || fmt.Sprint(m.Providers) != "[b]" || m.TokensPerDay != 10 || m.CostPerDay != 2 {
		t.Errorf("of models is left %+v", m)
	}
	if store.NewCaller(store.Key{}, &store.Team{Limits: store.Limits{Models: &store.ModelAccess{}}}, nil).Models != nil {
		t.Error("a team gives access to models")
	}
}

func TestApprovalsByClaims(t *testing.T) {
	t.Parallel()
	reads := claiming(tool("fs", "read", "1"), true, false, false)
	writes := claiming(tool("fs", "write", "1"), false, false, false)
	breaks := claiming(tool("fs", "rm", "1"), false, true, false)
	open := claiming(tool("fs", "fetch", "1"), true, false, true)
	silent := tool("fs", "silent", "1") // which means destructive and open-world
	for _, test := range []struct {
		name  string
		rules store.Approvals
		trust bool
		want  string // of these tools in order: a(llow), ?, n(ever)
	}{
		{"nothing", store.Approvals{}, true, "?????"},
		{"always by default", store.Approvals{Default: store.ApproveAlways}, false, "aaaaa"},
		{"read-only", store.Approvals{ReadOnly: store.ApproveAlways}, true, "a??a?"},
		{"read-only, not trusted", store.Approvals{ReadOnly: store.ApproveAlways}, false, "?????"},
		{"never destructive", store.Approvals{Default: store.ApproveAlways, Destructive: store.ApproveNever}, false, "aanan"},
		{"the strictest", store.Approvals{ReadOnly: store.ApproveAlways, OpenWorld: store.ApproveAsk}, true, "a????"},
		{"never open-world", store.Approvals{ReadOnly: store.ApproveAlways, OpenWorld: store.ApproveNever}, true, "a??nn"},
	} {
		y := newYard(t, server("fs", store.Rules{Approvals: test.rules, Trusted: test.trust}))
		y.see(reads, writes, breaks, open, silent)
		got := ""
		for _, l := range []tools.Tool{reads, writes, breaks, open, silent} {
			got += map[tools.Decision]string{tools.Allow: "a", tools.Ask: "?", tools.Deny: "n"}[y.decide(chat("c", l), l).Decision]
			if g := y.decide(gateway(key(store.Limits{}), l), l).Decision; g != y.decide(chat("c", l), l).Decision {
				t.Errorf("%s: the gateway decides %d about %s", test.name, g, l.Tool)
			}
		}
		if got != test.want {
			t.Errorf("%s: decided %q, want %q", test.name, got, test.want)
		}
	}
	// A person's answer for a tool goes before the rule, but for a never.
	y := newYard(t, server("fs", store.Rules{Approvals: store.Approvals{Default: store.ApproveAlways, Destructive: store.ApproveNever}}))
	y.see(reads, breaks)
	for _, a := range []struct {
		tool   tools.Tool
		answer tools.Answer
		want   tools.Decision
	}{{reads, tools.AnswerAsk, tools.Ask}, {reads, tools.AnswerNever, tools.Deny}, {reads, "", tools.Allow}, {breaks, tools.AnswerAlways, tools.Deny}} {
		if err := y.SetStanding(t.Context(), a.tool.Ref, a.answer); err != nil {
			t.Fatal(err)
		}
		y.want(chat("c", a.tool), a.tool, a.want, "")
		y.restart()
		y.want(chat("c", a.tool), a.tool, a.want, "")
	}
}

func TestNarrowedTools(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, schema, want string }{
		{"properties", `{"type":"object","properties":{"a":{},"b":{}},"required":["a","b"],"minProperties":2}`,
			`{"type":"object","properties":{"a":{}},"required":["a"]}`},
		{"branches", `{"type":"object","anyOf":[{"required":["a"]},{"required":["b"],"properties":{"b":{}}}],"not":{"required":["b"]}}`,
			`{"type":"object","anyOf":[{"required":["a"]},{"properties":{}}]}`},
		{"a root elsewhere", `{"$ref":"#/$defs/A","$defs":{"A":{"type":"object","properties":{"a":{"$ref":"#/$defs/B"},"b":{"$ref":"#/$defs/C"}}},"B":{"type":"string"},"C":{"const":"secret"}}}`,
			`{"$defs":{"B":{"type":"string"}},"allOf":[{"type":"object","properties":{"a":{"$ref":"#/$defs/B"}}}]}`},
		{"examples", `{"properties":{"a":{}},"examples":[{"b":1}],"default":{"b":1}}`, `{"properties":{"a":{}}}`},
		{"dependent", `{"dependentRequired":{"a":["b","a"],"b":["a"]},"dependentSchemas":{"b":{}}}`, `{"dependentRequired":{"a":["a"]},"dependentSchemas":{}}`},
		{"round and round", `{"$ref":"#/$defs/A","$defs":{"A":{"$ref":"#/$defs/A"}}}`, ``},
		{"no schema", ``, `{"type":"object","properties":{}}`},
		{"broken", `{"properties":`, `{"type":"object","properties":{}}`},
	} {
		got := tools.Narrow(withSchema(tool("s", "t", "1"), test.schema), func(name string) bool { return name == "b" })
		if test.want != "" && string(got.InputSchema) != test.want {
			t.Errorf("%s: %s, want %s", test.name, got.InputSchema, test.want)
		}
		if !json.Valid(got.InputSchema) || strings.Contains(string(got.InputSchema), `"b"`) {
			t.Errorf("%s: %s", test.name, got.InputSchema)
		}
	}
}

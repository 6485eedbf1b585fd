package settings

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/drawbridge-app/drawbridge/store"
)

// TestRulesInTheFile writes rules and reads them again, and keeps what a person
// wrote beside them.
func TestRulesInTheFile(t *testing.T) {
	t.Parallel()
	rules := store.Rules{
		AllowedTools: []string{"read"}, DisallowedTools: []string{"write"},
		AllowedParams: map[string][]string{"read": {"path"}, "list": {}},
		FixedParams:   map[string]map[string]json.RawMessage{"read": {"root": json.RawMessage(`"/safe <&>"`), "n": json.RawMessage(`1.50`)}},
		Groups:        []string{"code"}, Trusted: true,
		Approvals:      store.Approvals{Default: store.ApproveAsk, Destructive: store.ApproveNever},
		CallsPerMinute: 10, CallsPerDay: 100,
	}
	first, err := readServers([]byte(`{"mcpServers": {
		// mine
		"fs": {"command": "x", "other_program": {"a": 1}}
	}}`))
	if err != nil {
		t.Fatal(err)
	}
	list := cloneServers(first.list)
	list[0].Rules = rules
	next, err := first.with(list)
	if err != nil {
		t.Fatal(err)
	}
	again, err := readServers(next.doc.bytes())
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(again.list[0].Rules, rules) {
		t.Errorf("read %+v", again.list[0].Rules)
	}
	if again.list[0].Hash() != list[0].Hash() {
		t.Error("what was approved is not what is read")
	}
	text := string(next.doc.bytes())
	for _, want := range []string{"// mine", `"other_program"`, `"allowed_tools"`, `"allowed_params"`, `"access_groups"`} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is missing in %s", want, text)
		}
	}
	// And away again.
	list[0].Rules = store.Rules{}
	last, err := again.with(list)
	if err != nil {
		t.Fatal(err)
	}
	if !last.list[0].Rules.Zero() || strings.Contains(string(last.doc.bytes()), "allowed") {
		t.Errorf("left is %s", last.doc.bytes())
	}
}

// TestRulesThatCannotBeMeant make the server one that cannot be used: a rule that
// is not understood must not be taken for none.
func TestRulesThatCannotBeMeant(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`"allowed_tools": "read"`:                                 "allowed_tools",
		`"allowed_tools": [""]`:                                   "empty",
		`"disallowed_tools": [7]`:                                 "disallowed_tools",
		`"allowed_params": ["path"]`:                              "allowed_params",
		`"allowed_params": {"read": "path"}`:                      "read",
		`"allowed_params": {"read": null}`:                        "read",
		`"access_groups": ["a,b"]`:                                "cannot stand in an address",
		`"drawbridge": {"approvals": {"destructiv": "never"}}`:    "destructiv",
		`"drawbridge": {"approvals": {"destructive": "perhaps"}}`: "perhaps",
		`"drawbridge": {"approvals": "never"}`:                    "approvals",
		`"drawbridge": {"fixed_params": {"read": ["x"]}}`:         "fixed_params",
		`"drawbridge": {"calls_per_day": -1}`:                     "calls_per_day",
		`"drawbridge": {"calls_per_minute": 1000000}`:             "a minute",
		`"drawbridge": {"trusted": "yes"}`:                        "trusted",
	} {
		got, err := readServers([]byte(`{"mcpServers": {"fs": {"command": "x", ` + text + `}}}`))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if len(got.list) != 0 || len(got.problems) != 1 || !strings.Contains(got.problems[0], want) {
			t.Errorf("%s: %d servers, %q", text, len(got.list), got.problems)
		}
	}
}

package policy_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/drawbridge-app/drawbridge/bridge/policy"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// FuzzArguments holds what the rules let through against encoding/json: only
// parameters that are allowed, each once, and those that are fixed with their
// value; and whatever a model is shown of a schema does not name the others.
func FuzzArguments(f *testing.F) {
	f.Add([]byte(`{"a":1,"b":[{"c":"}"}],"é":null}`), []byte(`{"allowed_params":{"t":["a","b"]},"fixed_params":{"t":{"b":[1]}}}`), []byte(`{"properties":{"a":{},"c":{}}}`))
	f.Add([]byte(` { "a" : 1 , "\u0061" : 2 } `), []byte(`{"allowed_params":{"s__t":[],"s-t":["a"]}}`), []byte(`{"$ref":"#/$defs/x","$defs":{"x":{"required":["a"]}}}`))
	f.Add([]byte(`{"a":"\\\"","b":{}}`), []byte(`{"fixed_params":{"t":{"a":"x"}}}`), []byte(``))
	f.Add([]byte(` `), []byte(`{"allowed_params":{"t":[]}}`), []byte(`0`)) // nothing is given
	f.Add([]byte(`[]`), []byte(`{"allowed_params":{"t":["a"]}}`), []byte(`[]`))
	f.Fuzz(func(t *testing.T, given, rules, schema []byte) {
		var r store.Rules
		if json.Unmarshal(rules, &r) != nil || r.Validate() != nil {
			return
		}
		y := newLedger()
		e := policy.New(policy.Options{Ledger: y})
		config := server("s", r)
		if config.Hash() != config.Clone().Hash() {
			t.Fatal("a copy is another configuration")
		}
		e.Configure([]store.ServerConfig{config})
		ref := tools.Ref{Server: "s", Tool: "t"}
		out, v := e.Arguments(ref, given)
		shown, _ := e.Rule(t.Context(), tools.Tool{Ref: ref, InputSchema: schema, Hash: "h"})
		limited, allowed, fixed := rulesFor(r)
		if !limited && len(fixed) == 0 {
			return
		}
		if len(shown.InputSchema) > 0 && shown.Narrowed != "" && !json.Valid(shown.InputSchema) {
			t.Fatalf("the schema %s became %s", schema, shown.InputSchema)
		}
		if v.Decision != tools.Allow {
			if v.Reason == "" || v.Err == nil {
				t.Fatalf("refused without a reason: %+v", v)
			}
			return
		}
		var got map[string]json.RawMessage
		if len(bytes.TrimSpace(out)) > 0 {
			if err := json.Unmarshal(out, &got); err != nil {
				t.Fatalf("%s becomes %s: %v", given, out, err)
			}
		}
		for name, value := range got {
			if _, isFixed := fixed[name]; isFixed {
				if !json.Valid(value) {
					t.Fatalf("%s is sent as %s", name, value)
				}
				continue
			}
			if limited && !slices.Contains(allowed, name) {
				t.Fatalf("%q passed in %s; allowed are %q", name, given, allowed)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(fixed)) {
			if _, there := got[name]; !there {
				t.Fatalf("%q is fixed and not sent in %s", name, out)
			}
		}
	})
}

// rulesFor reads the rules for the tool t of the server s, as they are meant.
func rulesFor(r store.Rules) (limited bool, allowed []string, fixed map[string]json.RawMessage) {
	fixed = map[string]json.RawMessage{}
	for _, name := range []string{"t", "s__t", "s-t"} {
		if names, ok := r.AllowedParams[name]; ok {
			if limited {
				names = slices.DeleteFunc(slices.Clone(allowed), func(n string) bool { return !slices.Contains(names, n) })
			}
			limited, allowed = true, names
		}
		maps.Copy(fixed, r.FixedParams[name])
	}
	return limited, allowed, fixed
}

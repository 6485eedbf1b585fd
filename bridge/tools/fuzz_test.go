package tools_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/internal/bounds"
)

// FuzzConvert checks that whatever a server gives as a schema, what a service
// gets follows its rules, comes in time, and refuses nothing that the tool
// takes; and that it allows more only where a note says so.
func FuzzConvert(f *testing.F) {
	for _, seed := range []string{
		`{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}`,
		`{"$ref":"#/$defs/x","$defs":{"x":{"type":"object","properties":{"a":{"$ref":"#/$defs/x"},"b":{"$ref":"#/$defs/x/properties/a"}},"anyOf":[{"required":["a"]},{"required":["b"]}]}}}`,
		`{"type":"object","oneOf":[{"properties":{"k":{"const":"x"}},"additionalProperties":false},{"properties":{"k":{"const":"y"}},"required":["k"],"additionalProperties":false}]}`,
		`{"$schema":"http://json-schema.org/draft-07/schema#","definitions":{"x":{"items":[true,{}],"additionalItems":false}},"properties":{"a":{"$ref":"#/definitions/x","type":"null"}},"dependencies":{"a":["b"],"b":{"not":{}}}}`,
		`{"type":"object","allOf":[{"properties":{"a":{}},"additionalProperties":false},{"required":["a"]},{"if":{"required":["b"]},"then":{"required":["c"]}}],"unevaluatedProperties":false}`,
		`{"type":"object","anyOf":[{"properties":{"a b":{"type":"integer"}},"required":["a b"]},true],"patternProperties":{"^x":false},"propertyNames":{"maxLength":4}}`,
		`{"type":"object","enum":[{"a":1},{}],"const":{},"not":{"required":["z"]},"minProperties":1,"properties":{"q":{"$anchor":"here"},"r":{"$ref":"#here"}}}`,
		`[]`, `true`, `{"properties":[]}`, `{"$ref":"#"}`,
	} {
		f.Add([]byte(seed), []byte(`{"a":{"a":1},"b":[null,2]}`))
	}
	f.Fuzz(func(t *testing.T, schema, instance []byte) {
		for format, d := range dialects {
			tl := tools.Tool{Ref: tools.Ref{Server: "f", Tool: "a"}, InputSchema: schema}
			began := bounds.Busy()
			table := tools.NewTable([]tools.Tool{tl}, d)
			if took := bounds.Busy() - began; took > 20*time.Second && !bounds.Race {
				t.Errorf("%s: took %v", format, took)
			}
			if len(table.Functions()) == 0 {
				if len(table.LeftOut()) != 1 || table.LeftOut()[0].Reason == "" {
					t.Errorf("%s: it is gone, and nothing says why", format)
				}
				continue
			}
			fn := table.Functions()[0]
			if !json.Valid(fn.JSON(format)) {
				t.Fatalf("%s: no JSON: %s", format, fn.JSON(format))
			}
			for _, fault := range faultsOf(format, fn) {
				t.Errorf("%s: %s: %s became %s", format, fault, schema, fn.Parameters)
			}
			if len(schema) > 4<<10 || strings.Contains(string(schema), "$id") || fn.Note != "" && strings.Contains(fn.Note, "valid JSON Schema") {
				continue
			}
			compare(t, string(format), schema, fn, string(instance), "{}", `{"a":1}`, `{"a":"x","b":{}}`, `{"k":"x"}`, `{"a b":1}`, `{"b":[1],"c":null}`)
		}
	})
}

// compare holds instances against the schema and what became of it, as far as
// the validator reads all of both. It returns how many were held.
func compare(t *testing.T, name string, schema []byte, fn tools.Function, instances ...string) (held int) {
	t.Helper()
	v := tools.NewValidator()
	before := tools.Tool{InputSchema: schema, Hash: "before"}
	after := tools.Tool{InputSchema: fn.Parameters, Hash: "after"}
	if v.Note(before) != "" || v.Note(after) != "" {
		return 0
	}
	for _, raw := range instances {
		if tools.CheckArguments(json.RawMessage(raw)) != nil {
			continue
		}
		old, now := v.Check(before, json.RawMessage(raw)), v.Check(after, json.RawMessage(raw))
		if old != nil && strings.Contains(old.Error(), "too large to be checked") || now != nil && strings.Contains(now.Error(), "too large to be checked") {
			continue
		}
		held++
		if old == nil && now != nil {
			t.Errorf("%s: %s is valid no more, %v: %s became %s", name, raw, now, schema, fn.Parameters)
		}
		if old != nil && now == nil && fn.Note == "" {
			t.Errorf("%s: %s has become valid, was %v: %s became %s", name, raw, old, schema, fn.Parameters)
		}
	}
	return held
}

// FuzzFind checks that no query, and no arguments of the search functions,
// break anything.
func FuzzFind(f *testing.F) {
	f.Add("create an issue", []byte(`{"query":"x","limit":3}`))
	f.Add("日本語 ЧТЕНИЕ HTTPServer\xff", []byte(`{"name":"f__a","arguments":"{}"}`))
	list := []tools.Tool{tool("f", "readFile"), tool("f", "日本語"), tool("g", "create_issue")}
	table := tools.NewSearchTable(list, tools.OpenAI)
	index := tools.NewIndex(list)
	f.Fuzz(func(t *testing.T, query string, arguments []byte) {
		for limit := -1; limit < 5; limit++ {
			if n := len(index.Find(query, limit)); n > max(limit, 0) {
				t.Errorf("%d tools for a limit of %d", n, limit)
			}
		}
		if r := table.Find(arguments); len(r.Content) != 1 || !utf8.ValidString(r.Content.Text()) {
			t.Errorf("%q gives %+v", arguments, r)
		}
		tl, args, err := table.Unwrap(arguments)
		if err == nil && (tl.Tool == "" || tools.CheckArguments(args) != nil) {
			t.Errorf("%q is a call of %v with %s", arguments, tl.Ref, args)
		}
		_, _, _, _ = tools.ReadArguments(arguments)
	})
}

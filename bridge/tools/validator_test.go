package tools_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/internal/bounds"
	"github.com/drawbridge-app/drawbridge/store"
)

func withSchema(schema string) tools.Tool {
	return tools.Tool{Ref: tools.Ref{Server: "s", Tool: "t"}, InputSchema: json.RawMessage(schema)}
}

func TestValidatorCheck(t *testing.T) {
	t.Parallel()
	const draft7 = `"$schema":"http://json-schema.org/draft-07/schema#",`
	v := tools.NewValidator()
	for name, test := range map[string]struct{ schema, args, fault string }{
		"fits":               {`{"type":"object","properties":{"a":{"type":"integer"}}}`, `{"a":1}`, ""},
		"no schema":          {``, `{"a":1}`, ""},
		"no object":          {``, `[1]`, "not a JSON object"},
		"name twice":         {`{"type":"object"}`, `{"a":1,"a":2}`, `"a" twice`},
		"wrong type":         {`{"type":"object","properties":{"a":{"type":"integer"}}}`, `{"a":"x"}`, `at .a: type: x has type "string", want "integer".`},
		"deep":               {`{"properties":{"a":{"items":{"properties":{"b/c":{"maximum":3}}}}}}`, `{"a":[{"b/c":4}]}`, `at .a[].b/c: maximum`},
		"missing":            {`{"required":["path","mode"]}`, `{}`, `required: missing properties: ["path" "mode"].`},
		"unknown":            {`{"properties":{"a":{}},"additionalProperties":false}`, `{"b":1}`, `unexpected additional properties ["b"]`},
		"enum":               {`{"properties":{"a":{"enum":["x","y"]}}}`, `{"a":"z"}`, `at .a: enum: z does not equal any of: [x y]`},
		"any of":             {`{"properties":{"a":{"anyOf":[{"type":"string"},{"type":"number"}]}}}`, `{"a":[]}`, `at .a: the value fits none of the forms`},
		"one of, both":       {`{"properties":{"a":{"oneOf":[{"type":"integer"},{"type":"number"}]}}}`, `{"a":1}`, `at .a: the value fits more than one`},
		"not":                {`{"properties":{"a":{"not":{"type":"string"}}}}`, `{"a":"x"}`, `at .a: the value has a form that is not allowed`},
		"reference":          {`{"$defs":{"p":{"properties":{"x":{"type":"string"}}}},"properties":{"a":{"$ref":"#/$defs/p"}}}`, `{"a":{"x":1}}`, `at .a.x: type`},
		"reference, escaped": {`{"$defs":{"p/q r":{"type":"string"}},"properties":{"a":{"$ref":"#/$defs/p~1q%20r"}}}`, `{"a":1}`, `at .a: type`},
		"anchor":             {`{"$defs":{"p":{"$anchor":"here","type":"string"}},"properties":{"a":{"$ref":"#here"}}}`, `{"a":1}`, `at .a: type`},
		"recursive":          {`{"properties":{"child":{"$ref":"#"},"n":{"type":"integer"}}}`, `{"child":{"child":{"n":"x"}}}`, `at .child.child.n: type`},
		"draft 7 items":      {`{` + draft7 + `"properties":{"a":{"items":[{"type":"string"}]}}}`, `{"a":[1]}`, `at .a[]: type`},
		"draft 7 without #":  {`{"$schema":"https://json-schema.org/draft-07/schema","definitions":{"p":{"type":"string"}},"properties":{"a":{"$ref":"#/definitions/p"}}}`, `{"a":1}`, `at .a: type`},
		"draft 2020":         {`{"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"thing","properties":{"a":{"type":"string"}}}`, `{"a":1}`, `at .a: type`},
		"pattern":            {`{"properties":{"a":{"pattern":"^x+$"}}}`, `{"a":"y"}`, `at .a: pattern`},
		"pattern of others":  {`{"properties":{"a":{"pattern":"^(?=x)","type":"string"}}}`, `{"a":1}`, `at .a: type`},
		"huge number":        {`{"properties":{"a":{"type":"number"}}}`, `{"a":1e400}`, `too large`},
		"long value":         {`{"properties":{"a":{"type":"integer"}}}`, `{"a":"` + strings.Repeat("é", 5000) + `"}`, `…`},
		"hidden characters":  {`{"properties":{"a":{"type":"integer"}}}`, `{"a":"\u202e\u001b[31mx\n"}`, `type: [31mx  has type`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := v.Check(withSchema(test.schema), json.RawMessage(test.args))
			if test.fault == "" {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			if !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), test.fault) {
				t.Fatalf("got %v, want %s", err, test.fault)
			}
			if text := err.Error(); len(text) > 1000 || strings.ContainsAny(text, "\x1b\n\u202e") {
				t.Errorf("this is nothing to show: %q", text)
			}
		})
	}
}

// TestValidatorLoosens gives schemas that cannot be checked, in whole or in
// part: the call is let through, and the note says so.
func TestValidatorLoosens(t *testing.T) {
	t.Parallel()
	v := tools.NewValidator()
	for name, test := range map[string]struct{ schema, note string }{
		"all checked":      {`{"type":"object","properties":{"a":{"pattern":"x"}}}`, ""},
		"no JSON":          {`{"type":`, "no JSON Schema"},
		"no schema":        {`{"properties":"a"}`, "no JSON Schema"},
		"old dialect":      {`{"$schema":"http://json-schema.org/draft-04/schema#"}`, "dialect"},
		"foreign dialect":  {`{"$schema":"https://example.com/dialect"}`, "dialect"},
		"elsewhere":        {`{"properties":{"a":{"$ref":"http://127.0.0.1:1/schema.json"}}}`, "references to other schemas"},
		"a file":           {`{"properties":{"a":{"$ref":"file:///etc/passwd"}}}`, "references to other schemas"},
		"nowhere":          {`{"properties":{"a":{"$ref":"#/$defs/none"}}}`, "references to other schemas"},
		"lookahead":        {`{"properties":{"a":{"pattern":"(?!x)"}}}`, "patterns"},
		"pattern property": {`{"patternProperties":{"(?=x)":{"type":"string"}},"additionalProperties":false}`, "patterns"},
		"huge pattern":     {`{"properties":{"a":{"pattern":"(` + strings.Repeat("[a-z]", 100) + `){1000}"}}}`, "patterns"},
		"inner id":         {`{"properties":{"a":{"$id":"http://127.0.0.1:1/x","$ref":"#/y"}}}`, "rare way"},
		"dynamic":          {`{"properties":{"a":{"$dynamicRef":"#x"}}}`, "rare way"},
		"too deep":         {strings.Repeat(`{"not":`, 5000) + "{}" + strings.Repeat("}", 5000), "too large or too deep"},
		"too long":         {`{"description":"` + strings.Repeat("x", 1<<20) + `"}`, "too large or too deep"},
		"contradiction":    {`{"$defs":{},"definitions":{}}`, "contradicts"},
		"zero multiple":    {`{"properties":{"a":{"multipleOf":0}}}`, "multiples"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tl := withSchema(test.schema)
			if note := v.Note(tl); (test.note == "") != (note == "") || !strings.Contains(note, test.note) {
				t.Errorf("the note is %q, want %q", note, test.note)
			}
			if err := v.Check(tl, json.RawMessage(`{"a":"x","x":1}`)); err != nil {
				t.Errorf("refused: %v", err)
			}
			if err := v.Check(tl, json.RawMessage(`"x"`)); err == nil {
				t.Error("arguments that are no object were let through")
			}
		})
	}
}

// TestValidatorBounds gives schemas and arguments that would take for ever,
// or all memory.
func TestValidatorBounds(t *testing.T) {
	var doubling strings.Builder
	doubling.WriteString(`{"$ref":"#/$defs/d0","$defs":{"d60":{}`)
	for i := range 60 {
		fmt.Fprintf(&doubling, `,"d%d":{"allOf":[{"$ref":"#/$defs/d%d"},{"$ref":"#/$defs/d%d"}]}`, i, i+1, i+1)
	}
	doubling.WriteString(`}}`)
	tree := `{"anyOf":[{"properties":{"c":{"$ref":"#"}},"required":["x"]},{"properties":{"c":{"$ref":"#"}},"required":["y"]}]}`
	chain := strings.Repeat(`{"c":`, 200) + `{}` + strings.Repeat(`}`, 200)
	alternatives := `{"properties":{"a":{"anyOf":[` + strings.TrimSuffix(strings.Repeat(`{"type":"integer"},`, 5000), ",") + `]}}}`
	long := `{"a":"` + strings.Repeat("x", 9<<20) + `"}`
	for name, test := range map[string]struct{ schema, args string }{
		"refers to itself":    {`{"$ref":"#"}`, `{}`},
		"in a circle":         {`{"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}}}`, `{}`},
		"doubling":            {doubling.String(), `{}`},
		"doubling by depth":   {tree, chain},
		"10 MB many forms":    {alternatives, long},
		"10 MB pattern":       {`{"properties":{"a":{"pattern":"^(a?){400}(x|y)*z$"}}}`, long},
		"10 MB of elements":   {`{"properties":{"a":{"items":{"anyOf":[{"type":"string"},{"type":"array"}]}}}}`, `{"a":[` + strings.TrimSuffix(strings.Repeat("1,", 5<<20-10), ",") + `]}`},
		"many pattern":        {`{"patternProperties":{"^(a?){400}$":{"type":"integer"}}}`, `{"a":1,"` + strings.Repeat("a", 1<<20) + `":2}`},
		"deep and wide types": {`{"items":{"$ref":"#"},"properties":{"a":{"$ref":"#"}},"type":["object","array"]}`, `{"a":` + strings.Repeat("[", 250) + strings.Repeat("]", 250) + `}`},
	} {
		t.Run(name, func(t *testing.T) {
			v := tools.NewValidator()
			tl := withSchema(test.schema)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			began := bounds.Busy()
			err := v.Check(tl, json.RawMessage(test.args))
			took := bounds.Busy() - began
			runtime.ReadMemStats(&after)
			t.Logf("%v, %d MB, %.150v", took, (after.TotalAlloc-before.TotalAlloc)>>20, err)
			if took > 10*time.Second && !bounds.Race { // far above what it takes, far below what it would take
				t.Errorf("it took %v", took)
			}
			if err != nil && len(err.Error()) > 1000 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
		})
	}
}

// TestValidatorKeepsSchemas checks that the hash tells definitions apart.
func TestValidatorKeepsSchemas(t *testing.T) {
	t.Parallel()
	v := tools.NewValidator()
	a, b := withSchema(`{"required":["a"]}`), withSchema(`{"required":["b"]}`)
	a.Hash, b.Hash = "1", "2"
	for range 2 {
		if v.Check(a, json.RawMessage(`{"b":1}`)) == nil || v.Check(b, json.RawMessage(`{"b":1}`)) != nil {
			t.Fatal("one tool is checked by the schema of another")
		}
	}
}

// FuzzValidator looks for a schema or arguments that bring it down.
func FuzzValidator(f *testing.F) {
	f.Add(`{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]}`, `{"a":1}`)
	f.Add(`{"$ref":"#","items":[{"$ref":"#/items/0"}]}`, `{"a":[1,{"b":null}]}`)
	f.Add(`{"$schema":"http://json-schema.org/draft-07/schema#","dependencies":{"a":["b"],"c":{"not":{}}},"if":true,"then":false}`, `{"a":"x"}`)
	f.Add(`{"patternProperties":{"^a":{"multipleOf":0.1}},"unevaluatedProperties":false,"propertyNames":{"maxLength":3}}`, `{"abcd":1e300}`)
	f.Add(`{"uniqueItems":true,"contains":{},"minContains":0,"prefixItems":[null],"enum":[[],{}],"const":null}`, `{}`)
	f.Fuzz(func(t *testing.T, schema, args string) {
		v := tools.NewValidator()
		began := bounds.Busy()
		err := v.Check(withSchema(schema), json.RawMessage(args))
		if err != nil && !errors.Is(err, store.ErrInvalid) {
			t.Errorf("an error of another kind: %v", err)
		}
		if took := bounds.Busy() - began; took > 2*time.Second && !bounds.Race {
			t.Errorf("it took %v", took)
		}
	})
}

func BenchmarkValidator(b *testing.B) {
	v := tools.NewValidator()
	tl := withSchema(`{"type":"object","properties":{"path":{"type":"string"},"limit":{"type":"integer","minimum":1}},"required":["path"],"additionalProperties":false}`)
	tl.Hash = "h"
	args := json.RawMessage(`{"path":"docs/README.md","limit":10}`)
	b.ReportAllocs()
	for b.Loop() {
		if err := v.Check(tl, args); err != nil {
			b.Fatal(err)
		}
	}
}

package tools_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/internal/bounds"
)

// dialects are those of the services themselves.
var dialects = map[tools.Format]tools.Dialect{
	tools.FormatChat: tools.Chat, tools.FormatResponses: tools.Responses,
	tools.FormatAnthropic: tools.Anthropic, tools.FormatGemini: tools.Gemini,
}

// converted offers one tool with the schema.
func converted(t testing.TB, schema string, d tools.Dialect) (tools.Function, string) {
	t.Helper()
	tl := tool("f", "a")
	tl.InputSchema = json.RawMessage(schema)
	table := tools.NewTable([]tools.Tool{tl}, d)
	if out := table.LeftOut(); len(out) > 0 {
		return tools.Function{}, out[0].Reason
	}
	return table.Functions()[0], ""
}

func TestConvert(t *testing.T) {
	t.Parallel()
	const empty = `{"type":"object","properties":{}}`
	for name, test := range map[string]struct {
		in   string
		want map[tools.Format]string // "" stands for all others
		note string                  // a part; in the formats of which want has a text
	}{
		"nothing":           {"", map[tools.Format]string{"": empty}, ""},
		"an empty object":   {`{}`, map[tools.Format]string{"": empty}, ""},
		"no properties":     {`{"type":"object"}`, map[tools.Format]string{"": empty}, ""},
		"object or null":    {`{"type":["object","null"]}`, map[tools.Format]string{"": empty}, ""},
		"as it is":          {`{"type":"object", "properties":{"a":{"anyOf":[{"type":"string"},{"type":"null"}]}}, "$defs":{"x":{"not":{}}},"additionalProperties":false}`, map[tools.Format]string{"": `{"type":"object", "properties":{"a":{"anyOf":[{"type":"string"},{"type":"null"}]}}, "$defs":{"x":{"not":{}}},"additionalProperties":false}`}, ""},
		"$schema":           {`{"$schema":"http://json-schema.org/draft-07/schema#","type":"object","properties":{}}`, map[tools.Format]string{"": empty}, ""},
		"boolean schemas":   {`{"type":"object","properties":{"a":true,"b":false}}`, map[tools.Format]string{"": `{"type":"object","properties":{"a":{},"b":{"not":{}}}}`}, ""},
		"bare array":        {`{"type":"object","properties":{"a":{"type":"array"}}}`, map[tools.Format]string{"": `{"type":"object","properties":{"a":{"type":"array","items":{}}}}`, tools.FormatAnthropic: `{"type":"object","properties":{"a":{"type":"array"}}}`, tools.FormatGemini: `{"type":"object","properties":{"a":{"type":"array"}}}`}, ""},
		"implied types":     {`{"type":"object","properties":{"a":{"enum":["x","y"]},"b":{"const":1}}}`, map[tools.Format]string{"": `{"type":"object","properties":{"a":{"type":"string","enum":["x","y"]},"b":{"type":"integer","const":1}}}`, tools.FormatAnthropic: `{"type":"object","properties":{"a":{"enum":["x","y"]},"b":{"const":1}}}`}, ""},
		"mixed enum":        {`{"type":"object","properties":{"a":{"enum":["x",1]}}}`, map[tools.Format]string{"": `{"type":"object","properties":{"a":{"enum":["x",1]}}}`}, ""},
		"tuple":             {`{"type":"object","properties":{"a":{"type":"array","items":[{"type":"string"},true],"additionalItems":false}},"$schema":"http://json-schema.org/draft-07/schema#"}`, map[tools.Format]string{"": `{"type":"object","properties":{"a":{"type":"array","items":{"not":{}},"prefixItems":[{"type":"string"},{}]}}}`}, ""},
		"dependencies":      {`{"type":"object","properties":{"a":{}},"dependencies":{"a":["b"],"c":{"required":["d"]}},"$schema":"http://json-schema.org/draft-07/schema#"}`, map[tools.Format]string{"": `{"type":"object","properties":{"a":{}},"dependentRequired":{"a":["b"]},"dependentSchemas":{"c":{"required":["d"]}}}`}, ""},
		"draft 4":           {`{"type":"object","properties":{"a":{"minimum":1,"exclusiveMinimum":true,"maximum":2,"exclusiveMaximum":false}},"$schema":"http://json-schema.org/draft-04/schema#"}`, map[tools.Format]string{"": `{"type":"object","properties":{"a":{"maximum":2,"exclusiveMinimum":1}}}`}, ""},
		"definitions":       {`{"type":"object","properties":{"a":{"$ref":"#/definitions/x"}},"definitions":{"x":{"type":"string"}}}`, map[tools.Format]string{"": `{"type":"object","properties":{"a":{"$ref":"#/$defs/x"}},"$defs":{"x":{"type":"string"}}}`}, ""},
		"a place elsewhere": {`{"type":"object","properties":{"a":{"type":"string"},"b":{"$ref":"#/properties/a"}}}`, map[tools.Format]string{"": `{"type":"object","properties":{"a":{"type":"string"},"b":{"$ref":"#/$defs/ref_1"}},"$defs":{"ref_1":{"type":"string"}}}`}, ""},
		"no such place":     {`{"type":"object","properties":{"a":{"$ref":"#/$defs/x"},"b":{"$ref":"https://example.com/x"}}}`, map[tools.Format]string{"": `{"type":"object","properties":{"a":{},"b":{}}}`}, "References to schemas elsewhere"},
		"root reference":    {`{"$ref":"#/$defs/x","$defs":{"x":{"type":"object","properties":{"a":{"$ref":"#/$defs/x"}},"required":["a"]}}}`, map[tools.Format]string{"": `{"type":"object","$defs":{"x":{"type":"object","properties":{"a":{"$ref":"#/$defs/x"}},"required":["a"]}},"properties":{"a":{"$ref":"#/$defs/x"}},"required":["a"]}`}, ""},
		"beside reference":  {`{"type":"object","properties":{"a":{"$ref":"#/$defs/x","title":"A","minLength":1}},"$defs":{"x":{"type":"string"}}}`, map[tools.Format]string{"": `{"type":"object","properties":{"a":{"$ref":"#/$defs/x","title":"A","minLength":1}},"$defs":{"x":{"type":"string"}}}`, tools.FormatGemini: `{"type":"object","properties":{"a":{"title":"A","minLength":1,"allOf":[{"$ref":"#/$defs/x"}]}},"$defs":{"x":{"type":"string"}}}`}, ""},
		"words beside":      {`{"type":"object","properties":{"a":{"$ref":"#/$defs/x","title":"A","description":"B"}},"$defs":{"x":{"type":"string"}}}`, map[tools.Format]string{"": `{"type":"object","properties":{"a":{"$ref":"#/$defs/x","title":"A","description":"B"}},"$defs":{"x":{"type":"string"}}}`, tools.FormatGemini: `{"type":"object","properties":{"a":{"$ref":"#/$defs/x","description":"B"}},"$defs":{"x":{"type":"string"}}}`}, ""},
		"beside, draft 7":   {`{"type":"object","properties":{"a":{"$ref":"#/$defs/x","minLength":1}},"$defs":{"x":{"type":"string"}},"$schema":"http://json-schema.org/draft-07/schema#"}`, map[tools.Format]string{"": `{"type":"object","properties":{"a":{"$ref":"#/$defs/x"}},"$defs":{"x":{"type":"string"}}}`}, ""},
		"malformed":         {`{"type":"object","properties":{"a":{"type":"any","required":true,"minLength":-1},"b":3},"additionalProperties":false,"enum":[]}`, map[tools.Format]string{"": `{"type":"object","properties":{"a":{}},"additionalProperties":true}`}, "no valid JSON Schema"},
		"allOf":             {`{"type":"object","allOf":[{"properties":{"a":{"type":"string"}},"required":["a"]},{"properties":{"a":{"minLength":1},"b":{}},"required":["a","b"]}]}`, map[tools.Format]string{"": `{"type":"object","properties":{"a":{"allOf":[{"type":"string"},{"minLength":1}]},"b":{}},"required":["a","b"]}`}, ""},
		"allOf, closed":     {`{"type":"object","properties":{"a":{}},"additionalProperties":false,"allOf":[{"properties":{"a":{"type":"string"},"b":{}}}]}`, map[tools.Format]string{"": `{"type":"object","properties":{"a":{"allOf":[{},{"type":"string"}]}},"additionalProperties":false}`}, ""},
		"allOf, closing":    {`{"type":"object","properties":{"a":{},"b":{}},"allOf":[{"properties":{"a":{}},"additionalProperties":false}]}`, map[tools.Format]string{"": `{"type":"object","properties":{"a":{}},"additionalProperties":false}`}, ""},
		"object or nothing": {`{"anyOf":[{"type":"object","properties":{"a":{}}},{"type":"null"}]}`, map[tools.Format]string{"": `{"type":"object","properties":{"a":{}}}`}, ""},
		"one word differs":  {`{"type":"object","oneOf":[{"properties":{"a":{"const":1},"b":{}},"required":["a"]},{"properties":{"a":{"const":2},"b":{}},"required":["a"]}]}`, map[tools.Format]string{tools.FormatAnthropic: `{"type":"object","properties":{"a":{"oneOf":[{"const":1},{"const":2}]},"b":{}},"required":["a"]}`}, ""},
		"anyOf of required": {`{"type":"object","properties":{"a":{},"b":{}},"anyOf":[{"required":["a"]},{"required":["b"]}]}`, map[tools.Format]string{"": `{"type":"object","properties":{"a":{},"b":{}}}`, tools.FormatGemini: ""}, "in words"},
		"closed forms":      {`{"type":"object","oneOf":[{"properties":{"k":{"const":"x"},"a":{"type":"string"}},"required":["k"],"additionalProperties":false},{"properties":{"k":{"const":"y"},"b":{"type":"number"}},"required":["k"],"additionalProperties":false}]}`, map[tools.Format]string{tools.FormatAnthropic: `{"type":"object","properties":{"k":{"anyOf":[{"const":"x"},{"const":"y"}]},"a":{"type":"string"},"b":{"type":"number"}},"additionalProperties":false,"required":["k"]}`}, "in words"},
		"open forms":        {`{"type":"object","anyOf":[{"properties":{"a":{"type":"string","description":"A."}}},{"properties":{"b":{"type":"number"}},"required":["b"]}]}`, map[tools.Format]string{tools.FormatAnthropic: `{"type":"object","properties":{"a":{"description":"A."},"b":{}}}`}, "in words"},
		"not at the top":    {`{"type":"object","properties":{},"not":{"required":["a"]}}`, map[tools.Format]string{tools.FormatChat: empty, tools.FormatResponses: empty}, "in words"},
		"odd names":         {`{"type":"object","properties":{"a[b]":{"type":"string"},"c":{}},"required":["a[b]","c"],"additionalProperties":false}`, map[tools.Format]string{tools.FormatAnthropic: `{"type":"object","properties":{"c":{}},"required":["c"]}`}, "Names of arguments"},
		"a name twice":      {`{"type":"object","properties":{"a":{"type":"string"},"a":{"type":"number"}},"$id":"x"}`, map[tools.Format]string{"": `{"type":"object","properties":{"a":{"type":"number"}}}`}, ""},
		"$ref as a name":    {`{"type":"object","properties":{"$ref":{"type":"string"}}}`, map[tools.Format]string{"": `{"type":"object","properties":{"$ref":{"type":"string"}}}`, tools.FormatAnthropic: ""}, ""},
		"a default":         {`{"type":"object","properties":{"a":{"default":{"$ref":"#/x","anyOf":[]}}}}`, map[tools.Format]string{"": `{"type":"object","properties":{"a":{"default":{"$ref":"#/x","anyOf":[]}}}}`}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for format, d := range dialects {
				want, ok := test.want[format]
				if !ok {
					want = test.want[""]
				}
				if want == "" {
					continue
				}
				got, fault := converted(t, test.in, d)
				if fault != "" || string(got.Parameters) != want {
					t.Errorf("%s: became %s %s, want %s", format, got.Parameters, fault, want)
				}
				if (test.note == "") != (got.Note == "") || !strings.Contains(got.Note, test.note) {
					t.Errorf("%s: note %q, want %q", format, got.Note, test.note)
				}
			}
		})
	}
}

// TestHints checks that what a service is not told in the schema is told to the
// model in words.
func TestHints(t *testing.T) {
	t.Parallel()
	got, _ := converted(t, `{"type":"object","properties":{"a":{},"b":{}},"anyOf":[{"required":["a"]},{"required":["b"]}]}`, tools.Anthropic)
	if want := `[f]` + "\n\n" + `At least one of these arguments must be given: a, b.`; got.Description != want {
		t.Errorf("description %q, want %q", got.Description, want)
	}
	got, _ = converted(t, `{"type":"object","oneOf":[{"required":["a"]},{"minProperties":2}]}`, tools.Anthropic)
	if !strings.HasSuffix(got.Description, `The arguments must also fit exactly one of these JSON Schemas: [{"required":["a"]},{"minProperties":2}]`) {
		t.Errorf("description %q", got.Description)
	}
	got, _ = converted(t, `{"type":"object","properties":{"a[b]":{"type":"string"}}}`, tools.Anthropic)
	if !strings.Contains(got.Description, `named "a[b]", with this JSON Schema: {"type":"string"}`) {
		t.Errorf("description %q", got.Description)
	}
}

func TestLeftOut(t *testing.T) {
	t.Parallel()
	fine := tool("f", "fine")
	var list []tools.Tool
	want := map[string]string{}
	for name, test := range map[string][2]string{
		"true":    {`true`, "no JSON object"},
		"list":    {`[]`, "no JSON object"},
		"broken":  {`{"type":"object","properties":{]}`, "no valid JSON"},
		"string":  {`{"type":"string"}`, `describes "string"`},
		"long":    {`{"type":"object","description":"` + strings.Repeat("x", 300<<10) + `"}`, "300 KiB"},
		"deep":    {strings.Repeat(`{"not":`, 200) + "{}" + strings.Repeat("}", 200), "deeper than 128"},
		"growing": {`{"type":"object","title":"` + strings.Repeat("x", 100<<10) + `","properties":{"a":{"$ref":"#"},"b":{"$ref":"#/properties/c"},"c":{"title":"` + strings.Repeat("x", 100<<10) + `"},"d":{"$ref":"#/properties/c/"},"e":{"$ref":"#/properties"}}}`, ""},
	} {
		tl := tool("f", name)
		tl.InputSchema = json.RawMessage(test[0])
		list = append(list, tl)
		want[name] = test[1]
	}
	list = append(list, fine)
	table := tools.NewTable(list, tools.OpenAI)
	for _, l := range table.LeftOut() {
		if want[l.Ref.Tool] == "" || !strings.Contains(l.Reason, want[l.Ref.Tool]) {
			t.Errorf("%s: %q, want %q", l.Ref.Tool, l.Reason, want[l.Ref.Tool])
		}
		if _, ok := table.Name(l.Ref); ok {
			t.Errorf("%s has a name", l.Ref.Tool)
		}
	}
	if len(table.LeftOut()) != len(list)-2 {
		t.Errorf("left out %v", table.LeftOut())
	}
	if f := table.Functions(); len(f) != 2 || f[0].Name != "f__fine" {
		t.Errorf("offered: %d", len(f))
	}
}

func TestStrict(t *testing.T) {
	t.Parallel()
	const fits = `{"type":"object","properties":{"a":{"type":["string","null"]},"b":{"type":"array","items":{"$ref":"#/$defs/x"}},"c":{"anyOf":[{"type":"integer"},{"type":"null"}]},"d":{"enum":["x"]}},"required":["a","b","c","d"],"additionalProperties":false,"$defs":{"x":{"type":"object","properties":{},"required":[],"additionalProperties":false}}}`
	for schema, want := range map[string]bool{
		fits: true,
		`{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}`:                                                                                            true,
		`{"type":"object","properties":{"a":{"type":"string"}},"required":["b"],"additionalProperties":false}`:                                                                                            false,
		`{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]}`:                                                                                                                         false,
		`{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":false}`:                                                                                                             false,
		`{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"}},"required":["a"],"additionalProperties":false}`:                                                                      false,
		`{"type":"object","properties":{"a":{"type":"object"}},"required":["a"],"additionalProperties":false}`:                                                                                            false,
		`{"type":"object","properties":{"a":{"type":"string","default":"x"}},"required":["a"],"additionalProperties":false}`:                                                                              false,
		`{"type":"object","properties":{"a":{"type":"string","pattern":"x"}},"required":["a"],"additionalProperties":false}`:                                                                              false,
		`{"type":"object","properties":{"a":{}},"required":["a"],"additionalProperties":false}`:                                                                                                           false,
		`{"type":"object","properties":{"a":{"oneOf":[{"type":"string"}]}},"required":["a"],"additionalProperties":false}`:                                                                                false,
		`{"type":"object","properties":{"a":{"type":"array"}},"required":["a"],"additionalProperties":false}`:                                                                                             false,
		`{"type":"object","properties":{"a":{"anyOf":[{"type":"string"},{"type":"object","properties":{"b":{"type":"string"}},"required":["b"]}]}},"required":["a"],"additionalProperties":false}`:        false,
		`{"type":"object","properties":{"a":{"type":"array","items":{"type":"object","properties":{"b":{"type":"string"}},"additionalProperties":false}}},"required":["a"],"additionalProperties":false}`: false,
	} {
		for format, d := range dialects {
			got, _ := converted(t, schema, d)
			if got.Strict != (want && d.Strict) {
				t.Errorf("%s: strict %v for %s", format, got.Strict, schema)
			}
		}
		if got, _ := converted(t, schema, tools.OpenAI); got.Strict {
			t.Errorf("a compatible service is asked for strict mode")
		}
	}
}

func TestWireForm(t *testing.T) {
	t.Parallel()
	f := tools.Function{Name: "a__b", Description: "Say \"hi\"\n\x01<é>\xff", Parameters: json.RawMessage(`{"type":"object"}`), Strict: true}
	const text = `"Say \"hi\"\n\u0001<é>` + "\ufffd" + `"`
	for format, want := range map[tools.Format]string{
		tools.FormatChat:      `[{"type":"function","function":{"name":"a__b","description":` + text + `,"parameters":{"type":"object"},"strict":true}}]`,
		tools.FormatResponses: `[{"type":"function","name":"a__b","description":` + text + `,"parameters":{"type":"object"},"strict":true}]`,
		tools.FormatAnthropic: `[{"name":"a__b","description":` + text + `,"input_schema":{"type":"object"}}]`,
		tools.FormatGemini:    `[{"functionDeclarations":[{"name":"a__b","description":` + text + `,"parametersJsonSchema":{"type":"object"}}]}]`,
	} {
		got := tools.JSON(format, []tools.Function{f})
		if string(got) != want || !json.Valid(got) {
			t.Errorf("%s: %s, want %s", format, got, want)
		}
		if got := tools.JSON(format, nil); string(got) != "[]" {
			t.Errorf("%s: nothing is %s", format, got)
		}
	}
	f = tools.Function{Name: "x"}
	if got := string(f.JSON(tools.FormatResponses)); got != `{"type":"function","name":"x","parameters":{"type":"object","properties":{}},"strict":false}` {
		t.Errorf("a bare function: %s", got)
	}
}

// TestConvertBounds gives schemas that would grow, or take long, if nothing held
// them.
func TestConvertBounds(t *testing.T) {
	var all, refs, same strings.Builder
	for i := range 1500 {
		fmt.Fprintf(&all, `{"properties":{"p%d":{"type":"string"}}},`, i)
		fmt.Fprintf(&refs, `"p%d":{"$ref":"#/properties/p%d"},`, i, i+1)
		fmt.Fprintf(&same, `"p%d":{"$ref":"#/properties%s"},`, i, strings.Repeat("/", i%7))
	}
	for name, schema := range map[string]string{
		"allOf":      `{"type":"object","allOf":[` + strings.TrimSuffix(all.String(), ",") + `]}`,
		"oneOf":      `{"type":"object","oneOf":[` + strings.TrimSuffix(all.String(), ",") + `]}`,
		"a chain":    `{"type":"object","properties":{` + refs.String() + `"p1500":{}}}`,
		"the whole":  `{"type":"object","properties":{` + same.String() + `"p1500":{"$ref":"#"}}}`,
		"a ring":     `{"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}}}`,
		"itself":     `{"$ref":"#"}`,
		"allOf ring": `{"allOf":[{"$ref":"#/$defs/a"}],"$defs":{"a":{"allOf":[{"$ref":"#/$defs/a"},{"$ref":"#/$defs/a"}]}}}`,
	} {
		for format, d := range dialects {
			began := bounds.Busy()
			got, fault := converted(t, schema, d)
			if took := bounds.Busy() - began; took > 2*time.Second && !bounds.Race {
				t.Errorf("%s, %s: took %v", name, format, took)
			}
			if fault == "" && (!json.Valid(got.Parameters) || len(got.Parameters) > 1<<20 || len(got.Description) > 4<<10) {
				t.Errorf("%s, %s: %d bytes, described by %d", name, format, len(got.Parameters), len(got.Description))
			}
		}
	}
}

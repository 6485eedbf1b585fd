package tools_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"testing"
)

// randomSchema makes a schema of a few properties, in which what stands at the
// top, references and older forms are frequent.
func randomSchema(r *rand.Rand, depth int) any {
	if r.IntN(12) == 0 {
		return r.IntN(3) > 0
	}
	s := map[string]any{}
	names := []string{"a", "b", "c"}
	name := func() string { return names[r.IntN(len(names))] }
	some := func(chance int) bool { return r.IntN(chance) == 0 }
	if some(2) {
		s["type"] = []any{"object", "string", "integer", []any{"object", "null"}, "array"}[r.IntN(5)]
	}
	if depth == 0 {
		if some(2) {
			s["const"] = r.IntN(2)
		}
		return s
	}
	list := func() []any {
		out := []any{}
		for range 1 + r.IntN(3) {
			out = append(out, randomSchema(r, depth-1))
		}
		return out
	}
	if some(2) {
		p := map[string]any{}
		for range r.IntN(4) {
			p[name()] = randomSchema(r, depth-1)
		}
		s["properties"] = p
	}
	if some(3) {
		s["required"] = []any{name()}
	}
	if some(4) {
		s["additionalProperties"] = []any{false, false, true, randomSchema(r, 0)}[r.IntN(4)]
	}
	for _, key := range []string{"anyOf", "oneOf", "allOf"} {
		if some(5) {
			s[key] = list()
		}
	}
	if some(8) {
		s["not"] = randomSchema(r, depth-1)
	}
	if some(9) {
		s["unevaluatedProperties"] = false
	}
	if some(9) {
		s["minProperties"] = r.IntN(3)
	}
	if some(9) {
		s["if"], s["then"] = randomSchema(r, depth-1), randomSchema(r, depth-1)
	}
	if some(9) {
		s["patternProperties"] = map[string]any{"^a": randomSchema(r, 0)}
	}
	if some(6) {
		s["$ref"] = []string{"#/$defs/x", "#/$defs/y", "#/$defs/x/properties/z"}[r.IntN(3)]
	}
	if some(8) {
		s["items"] = randomSchema(r, 0)
	}
	return s
}

// TestRandomSchemas converts many schemas and checks with a few instances that
// each service's form refuses nothing that the schema takes, and takes more only
// where a note says so.
func TestRandomSchemas(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 7))
	values := []any{0.0, 1.0, "x", nil, map[string]any{}, map[string]any{"b": 1.0}, []any{}}
	var instances []string
	for _, a := range append(values, "none") {
		for _, b := range append(values[:5:5], "none") {
			o := map[string]any{}
			for name, v := range map[string]any{"a": a, "b": b} {
				if v != "none" {
					o[name] = v
				}
			}
			if len(instances)%4 == 1 {
				o["c"] = 1.0
			}
			raw, err := json.Marshal(o)
			if err != nil {
				t.Fatal(err)
			}
			instances = append(instances, string(raw))
		}
	}
	offered, held := 0, 0
	for range 800 {
		root, ok := randomSchema(r, 2).(map[string]any)
		if !ok {
			continue
		}
		if r.IntN(2) == 0 {
			root["type"] = "object"
		}
		// Old or new, one schema has definitions in one form.
		word, others := "$defs", "definitions"
		if r.IntN(3) == 0 {
			word, others = others, word
			root["$schema"] = "http://json-schema.org/draft-07/schema#"
		}
		root[word] = map[string]any{
			"x": map[string]any{"properties": map[string]any{"z": randomSchema(r, 0)}, "anyOf": []any{randomSchema(r, 1)}},
			"y": randomSchema(r, 1),
		}
		schema, err := json.Marshal(root)
		if err != nil {
			t.Fatal(err)
		}
		schema = bytes.ReplaceAll(schema, []byte("#/"+others), []byte("#/"+word))
		if word == "definitions" { // whose draft does not know it
			schema = bytes.ReplaceAll(schema, []byte("unevaluatedProperties"), []byte("x-nothing"))
		}
		for format, d := range dialects {
			f, fault := converted(t, string(schema), d)
			if fault != "" {
				continue
			}
			offered++
			for _, fault := range faultsOf(format, f) {
				t.Errorf("%s: %s: %s became %s", format, fault, schema, f.Parameters)
			}
			held += compare(t, string(format), schema, f, instances...)
			if t.Failed() {
				return
			}
		}
	}
	if offered < 1000 {
		t.Errorf("only %d schemas were offered", offered)
	}
	if t.Logf("%d schemas, %d instances", offered, held); held < 50_000 {
		t.Errorf("only %d instances were held", held)
	}
}

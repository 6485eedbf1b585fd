package tools_test

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
)

// realTools returns the tools of real servers, by server, as testdata/refresh
// wrote them.
func realTools(t testing.TB) map[string][]tools.Tool {
	t.Helper()
	files, err := filepath.Glob("testdata/servers/*.json.gz")
	if err != nil || len(files) < 7 {
		t.Fatalf("%d listings of servers, %v", len(files), err)
	}
	out := map[string][]tools.Tool{}
	for _, path := range files {
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		z, err := gzip.NewReader(file)
		if err != nil {
			t.Fatal(err)
		}
		var listing struct {
			Tools []struct {
				Name, Description string
				InputSchema       json.RawMessage
			}
		}
		if err := json.NewDecoder(z).Decode(&listing); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
		server := strings.TrimSuffix(filepath.Base(path), ".json.gz")
		for _, l := range listing.Tools {
			out[server] = append(out[server], tools.Tool{
				Ref: tools.Ref{Server: server, Tool: l.Name}, ServerName: server,
				Description: l.Description, InputSchema: l.InputSchema, Hash: server + l.Name,
			})
		}
	}
	return out
}

// The rules of the services for the schema of a function, apart from the code
// that follows them. They return what is wrong.

func objectRoot(s map[string]any) (faults []string) {
	if s["type"] != "object" {
		faults = append(faults, fmt.Sprintf("the root is of type %v", s["type"]))
	}
	if _, ok := s["properties"].(map[string]any); !ok {
		faults = append(faults, "the root has no properties")
	}
	if _, ok := s["$schema"]; ok {
		faults = append(faults, "$schema is there")
	}
	return faults
}

func has(s map[string]any, keys ...string) (faults []string) {
	for _, k := range keys {
		if _, ok := s[k]; ok {
			faults = append(faults, k+" at the top")
		}
	}
	return faults
}

// everySchema visits each schema of a document with its place.
func everySchema(v any, at string, visit func(at string, s map[string]any)) {
	s, ok := v.(map[string]any)
	if !ok {
		return
	}
	visit(at, s)
	for k, sub := range s {
		switch k {
		case "properties", "patternProperties", "$defs", "definitions", "dependentSchemas":
			for name, p := range sub.(map[string]any) {
				if _, isBool := p.(bool); isBool {
					visit(at+"/"+k+"/"+name, map[string]any{"boolean": true})
				}
				everySchema(p, at+"/"+k+"/"+name, visit)
			}
		case "allOf", "anyOf", "oneOf", "prefixItems":
			for i, p := range sub.([]any) {
				everySchema(p, fmt.Sprintf("%s/%s/%d", at, k, i), visit)
			}
		case "items", "not", "if", "then", "else", "contains", "additionalProperties", "propertyNames", "unevaluatedProperties":
			everySchema(sub, at+"/"+k, visit)
		}
	}
}

// references finds references that do not lead to a schema of the document.
func references(root map[string]any) (faults []string) {
	everySchema(root, "", func(at string, s map[string]any) {
		ref, ok := s["$ref"].(string)
		if !ok || ref == "#" {
			return
		}
		name, local := strings.CutPrefix(ref, "#/$defs/")
		name = strings.NewReplacer("~1", "/", "~0", "~", "%25", "%").Replace(name)
		defs, _ := root["$defs"].(map[string]any)
		if _, ok := defs[name]; !ok || !local {
			faults = append(faults, at+": "+ref+" leads nowhere")
		}
	})
	return faults
}

func openAIFaults(s map[string]any) []string {
	faults := slices.Concat(objectRoot(s), references(s), has(s, "oneOf", "anyOf", "allOf", "enum", "not"))
	everySchema(s, "", func(at string, s map[string]any) {
		kinds, _ := s["type"].([]any)
		if s["type"] == "array" || slices.Contains(kinds, any("array")) {
			if _, ok := s["items"].(map[string]any); !ok {
				faults = append(faults, at+": an array without items")
			}
		}
		if s["boolean"] != nil {
			faults = append(faults, at+": a boolean schema")
		}
	})
	return faults
}

func strictFaults(root map[string]any) (faults []string) {
	everySchema(root, "", func(at string, s map[string]any) {
		properties, isObject := s["properties"].(map[string]any)
		if isObject || s["type"] == "object" {
			if s["additionalProperties"] != false {
				faults = append(faults, at+": other properties are allowed")
			}
			required, _ := s["required"].([]any)
			for name := range properties {
				if !slices.Contains(required, any(name)) {
					faults = append(faults, at+": "+name+" is optional")
				}
			}
		}
		for _, k := range []string{"allOf", "oneOf", "not", "if", "dependentRequired", "dependentSchemas", "patternProperties", "default"} {
			if _, ok := s[k]; ok {
				faults = append(faults, at+": "+k)
			}
		}
	})
	return faults
}

var anthropicKeys = regexp.MustCompile(`^[a-zA-Z0-9_.-]{1,64}$`)

func anthropicFaults(s map[string]any) []string {
	faults := slices.Concat(objectRoot(s), references(s), has(s, "oneOf", "anyOf", "allOf"))
	properties, _ := s["properties"].(map[string]any)
	for name := range properties {
		if !anthropicKeys.MatchString(name) {
			faults = append(faults, "a property is named "+name)
		}
	}
	everySchema(s, "", func(at string, s map[string]any) {
		if _, ok := s["items"].([]any); ok {
			faults = append(faults, at+": items of an older draft")
		}
	})
	return faults
}

func geminiFaults(s map[string]any) []string {
	faults := slices.Concat(objectRoot(s), references(s))
	everySchema(s, "", func(at string, s map[string]any) {
		if _, ok := s["$schema"]; ok {
			faults = append(faults, at+": $schema")
		}
		if s["boolean"] != nil {
			faults = append(faults, at+": a boolean schema")
		}
		if s["$ref"] == nil {
			return
		}
		if s["$ref"] == "#" {
			faults = append(faults, at+": a reference to the root")
		}
		for k := range s {
			if k != "$ref" && k != "description" && k != "default" {
				faults = append(faults, at+": "+k+" beside a reference")
			}
		}
	})
	return faults
}

// faultsOf holds a function against the rules of its service.
func faultsOf(format tools.Format, f tools.Function) []string {
	var schema map[string]any
	if err := json.Unmarshal(f.Parameters, &schema); err != nil {
		return []string{err.Error()}
	}
	var faults []string
	switch format {
	case tools.FormatAnthropic:
		faults = anthropicFaults(schema)
	case tools.FormatGemini:
		faults = geminiFaults(schema)
	default:
		faults = openAIFaults(schema)
	}
	if f.Strict {
		faults = append(faults, strictFaults(schema)...)
	}
	if !namePattern.MatchString(f.Name) || len(f.Name) > 64 {
		faults = append(faults, "name "+f.Name)
	}
	return faults
}

// TestRulesNotice proves that the rules are rules.
func TestRulesNotice(t *testing.T) {
	t.Parallel()
	for schema, formats := range map[string][]tools.Format{
		`{"properties":{}}`: {tools.FormatChat, tools.FormatResponses, tools.FormatAnthropic, tools.FormatGemini},
		`{"type":"object","properties":{},"$schema":"x"}`:                                       {tools.FormatChat, tools.FormatAnthropic, tools.FormatGemini},
		`{"type":"object","properties":{},"anyOf":[]}`:                                          {tools.FormatChat, tools.FormatAnthropic},
		`{"type":"object","properties":{"a":{"type":"array"}}}`:                                 {tools.FormatChat},
		`{"type":"object","properties":{"a":{"$ref":"#/$defs/x"}}}`:                             {tools.FormatChat, tools.FormatAnthropic, tools.FormatGemini},
		`{"type":"object","properties":{"a":{"$ref":"#/$defs/x","title":""}},"$defs":{"x":{}}}`: {tools.FormatGemini},
		`{"type":"object","properties":{"a b":{}}}`:                                             {tools.FormatAnthropic},
	} {
		for _, format := range formats {
			if len(faultsOf(format, tools.Function{Name: "x", Parameters: json.RawMessage(schema)})) == 0 {
				t.Errorf("%s: nothing is wrong with %s", format, schema)
			}
		}
	}
	if len(faultsOf(tools.FormatChat, tools.Function{Name: "x", Strict: true, Parameters: json.RawMessage(`{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":false}`)})) == 0 {
		t.Error("an optional property passes as strict")
	}
}

// TestRealSchemas converts every tool of real servers for every service, holds
// what comes out against the service's rules, and checks with arguments that it
// allows what the tool's own schema does, and no more unless a note says so.
func TestRealSchemas(t *testing.T) {
	t.Parallel()
	checked := map[string]int{}
	for server, list := range realTools(t) {
		for format, d := range dialects {
			table := tools.NewTable(list, d)
			if out := table.LeftOut(); len(out) > 0 {
				t.Errorf("%s, %s: left out %v", server, format, out)
			}
			if !json.Valid(tools.JSON(format, table.Functions())) {
				t.Errorf("%s, %s: the functions are no JSON", server, format)
			}
			for _, f := range table.Functions() {
				for _, fault := range faultsOf(format, f) {
					t.Errorf("%s, %s: %s", f.Name, format, fault)
				}
				tl, _ := table.Lookup(f.Name)
				fitting, misfits := agree(t, string(format)+" "+f.Name, tl.InputSchema, f)
				checked["fitting"] += fitting
				checked["misfits"] += misfits
				checked["functions"]++
				if f.Strict {
					checked["strict"]++
				}
				if f.Note != "" {
					checked["notes"]++
				}
			}
		}
	}
	t.Logf("checked: %v", checked)
	if checked["functions"] < 4*160 || checked["fitting"] < 5*checked["functions"] || checked["misfits"] < 2*checked["functions"] {
		t.Errorf("too little was checked: %v", checked)
	}
}

// agree holds many instances against both schemas.
func agree(t *testing.T, name string, original json.RawMessage, f tools.Function) (fitting, misfits int) {
	t.Helper()
	before, after := resolve(t, original), resolve(t, f.Parameters)
	if before == nil || after == nil {
		t.Errorf("%s: a schema cannot be read: %s", name, f.Parameters)
		return 0, 0
	}
	m := maker{random: rand.New(rand.NewPCG(1, uint64(len(original)))), root: before.Schema()}
	for range 30 {
		instance := m.make(m.root, 0)
		if m.random.IntN(2) == 0 {
			instance = m.spoil(instance)
		}
		if _, ok := instance.(map[string]any); !ok {
			continue
		}
		fits, fitsAfter := before.Validate(instance) == nil, after.Validate(instance) == nil
		switch {
		case fits && !fitsAfter:
			raw, _ := json.Marshal(instance)
			t.Errorf("%s: %s is valid no more: %v\n%s\n%s", name, raw, after.Validate(instance), original, f.Parameters)
			return fitting, misfits
		case !fits && fitsAfter && f.Note == "":
			raw, _ := json.Marshal(instance)
			t.Errorf("%s: %s has become valid, and no note says so: %v\n%s\n%s", name, raw, before.Validate(instance), original, f.Parameters)
			return fitting, misfits
		case fits:
			fitting++
		default:
			misfits++
		}
	}
	return fitting, misfits
}

func resolve(t testing.TB, raw json.RawMessage) *jsonschema.Resolved {
	t.Helper()
	if len(raw) == 0 {
		raw = json.RawMessage("{}")
	}
	var s jsonschema.Schema
	if json.Unmarshal(raw, &s) != nil {
		return nil
	}
	s.ID = ""
	r, err := s.Resolve(nil)
	if err != nil {
		return nil
	}
	return r
}

// maker makes instances that mostly fit a schema.
type maker struct {
	random *rand.Rand
	root   *jsonschema.Schema
}

func (m *maker) make(s *jsonschema.Schema, depth int) any {
	if s == nil || depth > 12 {
		return "anything"
	}
	if name, ok := strings.CutPrefix(s.Ref, "#/$defs/"); ok {
		return m.make(m.root.Defs[name], depth+1)
	}
	if name, ok := strings.CutPrefix(s.Ref, "#/definitions/"); ok {
		return m.make(m.root.Definitions[name], depth+1)
	}
	if s.Const != nil {
		return *s.Const
	}
	if len(s.Enum) > 0 {
		return s.Enum[m.random.IntN(len(s.Enum))]
	}
	if len(s.Properties) == 0 {
		for _, list := range [][]*jsonschema.Schema{s.AnyOf, s.OneOf, s.AllOf} {
			if len(list) > 0 {
				return m.make(list[m.random.IntN(len(list))], depth+1)
			}
		}
	}
	kind := s.Type
	if kind == "" && len(s.Types) > 0 {
		kind = s.Types[m.random.IntN(len(s.Types))]
	}
	if kind == "" && len(s.Properties) > 0 {
		kind = "object"
	}
	switch kind {
	case "object":
		o := map[string]any{}
		for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
			if slices.Contains(s.Required, name) || m.random.IntN(2) == 0 && depth < 4 {
				o[name] = m.make(s.Properties[name], depth+1)
			}
		}
		for _, list := range [][]*jsonschema.Schema{s.AnyOf, s.OneOf, s.AllOf} {
			if len(list) > 0 {
				if more, ok := m.make(list[m.random.IntN(len(list))], depth+1).(map[string]any); ok {
					for k, v := range more {
						o[k] = v
					}
				}
			}
		}
		return o
	case "array":
		list := []any{}
		n := m.random.IntN(3)
		if s.MinItems != nil {
			n = max(n, *s.MinItems)
		}
		for i := range n {
			if i < len(s.PrefixItems) {
				list = append(list, m.make(s.PrefixItems[i], depth+1))
			} else {
				list = append(list, m.make(s.Items, depth+1))
			}
		}
		return list
	case "number", "integer":
		n := float64(m.random.IntN(10))
		if s.Minimum != nil {
			n += *s.Minimum
		}
		if s.ExclusiveMinimum != nil {
			n += *s.ExclusiveMinimum + 1
		}
		return n
	case "boolean":
		return m.random.IntN(2) == 0
	case "null":
		return nil
	}
	text := "text"
	if s.MinLength != nil {
		text = strings.Repeat("x", max(4, *s.MinLength))
	}
	return text
}

// spoil changes something in an instance, somewhere.
func (m *maker) spoil(v any) any {
	switch v := v.(type) {
	case map[string]any:
		names := slices.Sorted(maps.Keys(v))
		switch n := m.random.IntN(4); {
		case n == 0:
			v["unknown_"+fmt.Sprint(m.random.IntN(3))] = true
		case len(names) == 0:
		case n == 1:
			delete(v, names[m.random.IntN(len(names))])
		default:
			name := names[m.random.IntN(len(names))]
			v[name] = m.spoil(v[name])
		}
		return v
	case []any:
		if len(v) > 0 {
			i := m.random.IntN(len(v))
			v[i] = m.spoil(v[i])
		}
		return v
	}
	return []any{"odd", 1.5, false, nil, -1.0, map[string]any{"odd": 1.0}}[m.random.IntN(6)]
}

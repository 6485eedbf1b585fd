package tools

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// The bounds of a schema that is offered to models.
const (
	maxOffered    = 256 << 10 // bytes
	maxWritten    = 512 << 10 // bytes, after it was rewritten
	maxHints      = 2 << 10   // bytes of what the model is told in words
	maxCopied     = 20_000    // values that references may make copies of
	maxSchemaNote = 8         // sentences of a note
)

// convert writes a tool in a dialect. Drafts of JSON Schema older than 2020-12
// are written in its words, since it is what the services read; apart from that
// a schema stays as it is wherever the dialect takes it.
func convert(t Tool, d Dialect) conversion {
	c := conversion{description: describe(t), parameters: json.RawMessage(emptySchema)}
	if len(t.InputSchema) == 0 {
		return c
	}
	if len(t.InputSchema) > maxOffered {
		return conversion{fault: fmt.Sprintf("Its input schema of %d KiB is longer than the %d KiB that are offered to a model.", len(t.InputSchema)>>10, maxOffered>>10)}
	}
	root, err := parseTree(t.InputSchema, maxSchemaDepth)
	switch {
	case err == errTooDeep:
		return conversion{fault: fmt.Sprintf("Its input schema is nested deeper than %d.", maxSchemaDepth)}
	case err != nil:
		return conversion{fault: "Its input schema is no valid JSON."}
	case !root.isObject():
		return conversion{fault: "Its input schema is no JSON object."}
	}
	r := rewriter{format: d.Format, root: root, legacy: legacyDraft(root.get("$schema").text())}
	if fault := r.rewrite(t.InputSchema); fault != "" {
		return conversion{fault: fault}
	}
	c.parameters = t.InputSchema
	if r.changed {
		c.parameters = root.append(make([]byte, 0, len(t.InputSchema)+256))
		if len(c.parameters) > maxWritten {
			return conversion{fault: fmt.Sprintf("Its input schema grows beyond %d KiB in the form that the service takes.", maxWritten>>10)}
		}
	}
	c.note = strings.Join(r.notes, " ")
	if len(r.hints) > 0 {
		c.description = strings.TrimSpace(c.description + "\n\n" + clipNoted(strings.Join(r.hints, "\n"), maxHints))
	}
	if d.Format != FormatAnthropic && d.Format != FormatGemini && c.note == "" {
		c.strict = strict(root)
	}
	return c
}

// legacyDraft returns the number of a draft before 2019-09, and 0 for newer
// ones and for schemas that do not say.
func legacyDraft(schema string) int {
	for n, name := range map[int]string{4: "draft-04", 6: "draft-06", 7: "draft-07", 3: "draft-03"} {
		if strings.Contains(schema, "json-schema.org/"+name+"/") {
			return n
		}
	}
	return 0
}

// rewriter turns one schema, in place, into one that a service takes.
type rewriter struct {
	format  Format
	root    *node
	legacy  int // see legacyDraft
	changed bool
	notes   []string
	hints   []string // what the model is told in words
	copied  int      // values that were copied for references
}

// note says what the service is not told. Each sentence comes once.
func (r *rewriter) note(sentence string) {
	for _, n := range r.notes {
		if n == sentence {
			return
		}
	}
	if len(r.notes) < maxSchemaNote {
		r.notes = append(r.notes, sentence)
	}
}

// openAI reports whether the service is one of OpenAI's or like them.
func (r *rewriter) openAI() bool { return r.format != FormatAnthropic && r.format != FormatGemini }

// rewrite returns, in a sentence, why the schema cannot be offered.
func (r *rewriter) rewrite(raw []byte) (fault string) {
	for _, key := range []string{"$schema", "$id", "id"} {
		// A property named id would be inside properties.
		if v := r.root.get(key); v.isString() {
			r.root.remove(key)
			r.changed = true
		}
	}
	if r.root.get("definitions").isObject() || bytes.Contains(raw, []byte(`"$ref"`)) || bytes.Contains(raw, []byte(`"$dynamicRef"`)) || bytes.Contains(raw, []byte(`"$recursiveRef"`)) {
		r.references()
	}
	r.schema(r.root)
	r.inlineRoot()
	if fault := r.objectRoot(); fault != "" {
		return fault
	}
	r.flatten()
	if r.format == FormatAnthropic {
		r.propertyNames()
	}
	return ""
}

// objectRoot makes sure that the root says that it is an object, and has
// properties. Arguments are always an object, so neither changes which of them
// are valid.
func (r *rewriter) objectRoot() (fault string) {
	switch kind := r.root.get("type"); {
	case kind == nil:
		r.root.members = append([]member{{"type", stringNode("object")}}, r.root.members...)
		r.changed = true
	case kind.text() == "object":
	case kind.isArray() && containsText(kind, "object"):
		r.root.set("type", stringNode("object"))
		r.changed = true
	default:
		return fmt.Sprintf("Its input schema describes %s, and arguments are an object.", plainText(string(kind.append(nil)), 60))
	}
	if r.root.get("properties") == nil {
		r.root.set("properties", objectNode())
		r.changed = true
	}
	return ""
}

func containsText(list *node, text string) bool {
	for _, v := range list.items {
		if v.text() == text {
			return true
		}
	}
	return false
}

// anthropicKey is what Anthropic takes as the name of an argument.
var anthropicKey = regexp.MustCompile(`^[a-zA-Z0-9_.-]{1,64}$`)

// propertyNames takes out arguments whose names Anthropic refuses, and with
// them the whole request. The model is told of them in words, and the schema
// allows them.
func (r *rewriter) propertyNames() {
	properties := r.root.get("properties")
	var bad []member
	for _, m := range properties.members {
		if !anthropicKey.MatchString(m.key) {
			bad = append(bad, m)
		}
	}
	if len(bad) == 0 {
		return
	}
	r.changed = true
	r.note("Names of arguments that the service refuses are told to the model in words.")
	for _, m := range bad {
		properties.remove(m.key)
		r.hints = append(r.hints, fmt.Sprintf("There is also an argument named %s, with this JSON Schema: %s", appendString(nil, m.key), m.value.append(nil)))
	}
	for _, key := range []string{"additionalProperties", "unevaluatedProperties", "propertyNames", "patternProperties"} {
		r.root.remove(key)
	}
	if required := r.root.get("required"); required.isArray() {
		kept := arrayNode()
		for _, v := range required.items {
			if anthropicKey.MatchString(v.text()) {
				kept.items = append(kept.items, v)
			}
		}
		r.root.set("required", kept)
	}
}

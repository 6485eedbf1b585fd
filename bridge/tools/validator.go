package tools

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Validator checks the arguments of calls against the schemas of their tools.
// Schemas come from servers and arguments from models, and neither is trusted:
// nothing is ever fetched, and the work and memory of a check are bounded,
// whatever the schema. Compiled schemas are kept, so that a check of a small
// call costs a few microseconds. Any goroutine may use it.
type Validator struct {
	mu      sync.RWMutex
	schemas map[string]*schema // by Tool.Hash, or by the schema's text
}

// maxCompiled is how many schemas are kept. Beyond that all are dropped, since
// so many tools are no one's working set.
const maxCompiled = 20_000

// NewValidator returns a Validator that has compiled nothing yet.
func NewValidator() *Validator { return &Validator{schemas: map[string]*schema{}} }

// Check says in a sentence for the model why args cannot be the arguments of a
// call of t: which value it is about, and what is wrong with it. The error wraps
// store.ErrInvalid. It covers CheckArguments. What of the schema cannot be
// checked (Note says what that is) does not count.
func (v *Validator) Check(t Tool, args json.RawMessage) error {
	if err := CheckArguments(args); err != nil {
		return err
	}
	s := v.schema(t)
	if s.resolved == nil {
		return nil // CheckArguments saw that it is an object
	}
	var instance any
	if err := json.Unmarshal(args, &instance); err != nil {
		return argumentsError("The arguments contain a number that is too large. Send a smaller one.")
	}
	if !s.affordable(instance, len(args)) {
		return argumentsError("The arguments are too large to be checked against the tool's schema. Send less at once; if they are small already, the tool's schema is too complex to be used.")
	}
	if err := s.resolved.Validate(instance); err != nil {
		return argumentsError("The arguments do not fit the tool's schema: " + describeMisfit(err) + " Correct them and call again.")
	}
	return nil
}

// Note says in a sentence what of a tool's schema is not checked, and is empty
// if all of it is.
func (v *Validator) Note(t Tool) string { return v.schema(t).note }

func (v *Validator) schema(t Tool) *schema { return v.compiled(t.Hash+t.Narrowed, t.InputSchema) }

// compiled returns a schema by its key, or by its text if it has none.
func (v *Validator) compiled(key string, text json.RawMessage) *schema {
	if key == "" {
		key = string(text)
	}
	v.mu.RLock()
	s, ok := v.schemas[key]
	v.mu.RUnlock()
	if ok {
		return s
	}
	s = compile(text)
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.schemas) >= maxCompiled {
		clear(v.schemas)
	}
	v.schemas[key] = s
	return s
}

// maxMisfit bounds what a sentence repeats of the arguments, in bytes.
const maxMisfit = 300

// describeMisfit turns the error of the schema library into a path and what is
// wrong there. The library names, level by level, the place in the schema; what
// of it is a place in the arguments makes the path.
func describeMisfit(err error) string {
	var path strings.Builder
	above := ""
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			break
		}
		place := strings.TrimSuffix(err.Error(), ": "+inner.Error())
		place = strings.TrimPrefix(place, "validating ")
		if place == "root" {
			place = ""
		}
		if step, ok := strings.CutPrefix(place, above); ok {
			path.WriteString(instanceSteps(step))
		}
		above = place
		err = inner
	}
	what := err.Error()
	switch {
	case strings.HasPrefix(what, "anyOf: did not"), strings.HasPrefix(what, "oneOf: did not"):
		what = "the value fits none of the forms that are allowed there"
	case strings.HasPrefix(what, "oneOf: validated against both"):
		what = "the value fits more than one of the forms of which it may have one"
	case strings.HasPrefix(what, "not: validated"):
		what = "the value has a form that is not allowed there"
	}
	what = plainText(what, maxMisfit)
	if path.Len() == 0 {
		return what + "."
	}
	return fmt.Sprintf("at %s: %s.", plainText(path.String(), maxMisfit), what)
}

// instanceSteps turns a step in a schema, as a JSON pointer, into the step that
// it means in the arguments: "/properties/a/items" is ".a[]".
func instanceSteps(pointer string) string {
	var b strings.Builder
	segments := strings.Split(strings.TrimPrefix(pointer, "/"), "/")
	for i := 0; i < len(segments); i++ {
		last := i == len(segments)-1
		switch segments[i] {
		case "properties", "dependentSchemas", "dependencies":
			if !last && segments[i] == "properties" {
				b.WriteString("." + strings.NewReplacer("~1", "/", "~0", "~").Replace(segments[i+1]))
			}
			i++
		case "patternProperties":
			b.WriteString(".*")
			i++
		case "additionalProperties", "unevaluatedProperties", "propertyNames":
			b.WriteString(".*")
		case "items", "additionalItems", "unevaluatedItems", "contains":
			b.WriteString("[]")
		case "prefixItems":
			if !last {
				b.WriteString("[" + segments[i+1] + "]")
			}
			i++
		}
	}
	return b.String()
}

// plainText makes foreign text fit for a sentence: one line, nothing invisible,
// at most limit bytes.
func plainText(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co):
			return -1
		}
		return r
	}, s)
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit] + "…"
}

// budget is the work that one check may be, in visits of a value by a schema: a
// tenth of a second or so.
const (
	budget   = 250_000
	maxDepth = 2_000
)

// affordable reports whether a check stays within the budget. It walks as the
// library would, taking every branch, because the library itself knows no
// limit: it would follow schemas that refer to themselves for ever.
func (s *schema) affordable(instance any, size int) bool {
	w := walk{schema: s, left: budget}
	if size > smallArguments {
		w.sizes = map[uintptr]int{}
	} else {
		w.flat = 1 + size/bytesPerVisit
	}
	return w.visit(s.root, instance, 0)
}

// The library writes the value that does not fit into its error, once for every
// branch that fails, so a visit costs what the value is long. Up to
// smallArguments the length of all counts as the length of each.
const (
	smallArguments = 2 << 10
	bytesPerVisit  = 256
)

type walk struct {
	schema *schema
	left   int
	flat   int             // the cost of every visit, if sizes is nil
	sizes  map[uintptr]int // of the objects and arrays seen, by address
}

func (w *walk) cost(instance any) int {
	if w.sizes == nil {
		return w.flat
	}
	return 1 + w.size(instance)/bytesPerVisit
}

// size returns about how long a value is, in bytes.
func (w *walk) size(instance any) int {
	n := 8
	switch v := instance.(type) {
	case string:
		return n + len(v)
	case map[string]any:
		at := reflect.ValueOf(v).Pointer()
		if known, ok := w.sizes[at]; ok {
			return known
		}
		for k, e := range v {
			n += len(k) + w.size(e)
		}
		w.sizes[at] = n
	case []any:
		if len(v) == 0 {
			return n
		}
		at := reflect.ValueOf(v).Pointer()
		if known, ok := w.sizes[at]; ok {
			return known
		}
		for _, e := range v {
			n += w.size(e)
		}
		w.sizes[at] = n
	}
	return n
}

package openapi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/drawbridge-app/drawbridge/store"
)

// Operation is what can be chosen by: one method of one path.
type Operation struct {
	// Name is the tool's name: the operationId, or method and path, in letters,
	// digits, _, - and dots, at most 64 of them, unique in the document.
	Name    string
	ID      string // the operationId, as the document writes it; empty for none
	Method  string // GET, POST, …
	Path    string // as the document writes it
	Tags    []string
	Summary string
}

type operation struct {
	Operation
	description string
	raw, item   map[string]any // of the document, until the tool is made
	params      []*parameter
	body        *body
	accept      string
}

var methods = []string{"get", "head", "options", "post", "put", "patch", "delete", "trace"}

// Operations returns all operations, by path, and those of a path in the order
// GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE, TRACE.
func (d *Document) Operations() []Operation {
	var out []Operation
	for _, o := range d.operations() {
		out = append(out, o.Operation)
	}
	return out
}

func (d *Document) operations() []*operation {
	paths, _ := d.root["paths"].(map[string]any)
	var out []*operation
	for _, path := range sorted(paths) {
		item, err := d.object(paths[path])
		if err != nil || !strings.HasPrefix(path, "/") || len(path) > 2000 {
			if !strings.HasPrefix(path, "x-") {
				d.note(path, "", "its path cannot be used")
			}
			continue
		}
		for _, method := range methods {
			raw, ok := item[method].(map[string]any)
			if !ok {
				continue
			}
			o := &operation{raw: raw, item: item}
			o.Method, o.Path, o.ID = strings.ToUpper(method), path, text(raw["operationId"])
			o.Summary = cut(oneLine(text(raw["summary"])), 200)
			tags, _ := raw["tags"].([]any)
			for _, tag := range tags {
				if t := text(tag); t != "" && len(o.Tags) < 100 {
					o.Tags = append(o.Tags, t)
				}
			}
			out = append(out, o)
		}
	}
	nameAll(out)
	return out
}

func sorted(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// note remembers why something is no tool.
func (d *Document) note(path, method, why string) {
	if len(d.notes) < 100 {
		d.notes = append(d.notes, fmt.Sprintf("%s is left out: %s.", strings.TrimSpace(method+" "+cut(oneLine(path), 200)), why))
	}
}

const nameMax = 64

// nameAll names the operations. A name depends on nothing but its operation,
// and on whether others claim the same: then all of them get a mark that is made
// of method and path, so that no order decides.
func nameAll(list []*operation) {
	count := map[string]int{}
	for _, o := range list {
		o.Name = plainName(o.ID)
		if o.Name == "" {
			o.Name = plainName(strings.ToLower(o.Method) + " " + o.Path)
		} else if len(o.ID) > nameMax {
			o.Name = marked(o)
		}
		if len(o.Name) > nameMax {
			o.Name = marked(o)
		}
		count[strings.ToLower(o.Name)]++
	}
	taken := map[string]bool{}
	for _, o := range list {
		if count[strings.ToLower(o.Name)] > 1 {
			o.Name = marked(o)
		}
		for taken[strings.ToLower(o.Name)] { // somebody named an operation after a mark
			o.Name = cutName(o.Name) + "_" + hashOf(o.Name+" "+o.Method+" "+o.Path)
		}
		taken[strings.ToLower(o.Name)] = true
	}
}

func marked(o *operation) string {
	return cutName(o.Name) + "_" + hashOf(o.Method+" "+o.Path)
}

func cutName(s string) string { return s[:min(len(s), nameMax-9)] }

// hashOf returns eight characters that stand for s.
func hashOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:4])
}

var notInNames = regexp.MustCompile(`[^A-Za-z0-9.-]+`)

// plainName returns s in the characters that a tool's name has ("Tool names" of
// the specification of MCP).
func plainName(s string) string {
	return strings.Trim(notInNames.ReplaceAllString(s, "_"), "_.-")
}

// chosen reports which operations are wanted.
func (c Choice) chosen(all []*operation) ([]*operation, error) {
	wanted := c.Methods
	if len(wanted) == 0 && len(all) > largeDocument {
		wanted = []string{"GET"}
	}
	patterns := make([]*regexp.Regexp, 0, len(c.Paths))
	for _, p := range c.Paths {
		re, err := pathPattern(p)
		if err != nil {
			return nil, err
		}
		patterns = append(patterns, re)
	}
	for _, m := range c.Methods {
		if !slices.Contains(methods, strings.ToLower(m)) {
			return nil, bad("%q is no method; use GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE or TRACE.", cut(oneLine(m), 40))
		}
	}
	var out []*operation
	for _, o := range all {
		if len(wanted) > 0 && !slices.ContainsFunc(wanted, func(m string) bool { return strings.EqualFold(m, o.Method) }) {
			continue
		}
		if len(c.Tags) > 0 && !slices.ContainsFunc(c.Tags, func(t string) bool { return slices.Contains(o.Tags, t) }) {
			continue
		}
		if len(patterns) > 0 && !slices.ContainsFunc(patterns, func(re *regexp.Regexp) bool { return re.MatchString(o.Path) }) {
			continue
		}
		out = append(out, o)
	}
	return out, nil
}

func pathPattern(p string) (*regexp.Regexp, error) {
	if p == "" || len(p) > 1000 {
		return nil, bad("A pattern for paths is empty or longer than 1000 characters.")
	}
	q := regexp.QuoteMeta(p)
	q = strings.ReplaceAll(q, `\*\*`, `.*`)
	q = strings.ReplaceAll(q, `\*`, `[^/]*`)
	re, err := regexp.Compile(`^(?s:` + q + `)$`)
	if err != nil {
		return nil, bad("The pattern %q for paths cannot be used; write a path in which * stands for any part.", p)
	}
	return re, nil
}

// Choose returns the operations that a choice makes tools. The error is a
// sentence that wraps store.ErrInvalid.
func (d *Document) Choose(c Choice) ([]Operation, error) {
	list, err := c.chosen(d.operations())
	if err != nil {
		return nil, err
	}
	var out []Operation
	for _, o := range list {
		out = append(out, o.Operation)
	}
	return out, nil
}

// tools makes the tools of the chosen operations. One whose description is
// broken is left out and noted.
func (d *Document) tools(ctx context.Context, c Choice, taken map[place]bool) ([]*tool, error) {
	all := d.operations()
	if len(all) == 0 {
		return nil, bad("The document describes no operation: it has no paths with methods.")
	}
	list, err := c.chosen(all)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, bad("None of the %d operations of the document is chosen; choose other tags, methods or paths.", len(all))
	}
	if len(list) > operationsMax {
		return nil, bad("%d operations are chosen, and at most %d can be tools; choose fewer by tag, path or method.", len(list), operationsMax)
	}
	type made struct {
		op     *operation
		schema json.RawMessage
		uses   []string
	}
	var half []made
	for _, o := range list {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		schema, refs, err := d.describe(o, taken)
		if errors.Is(err, store.ErrInvalid) {
			return nil, err
		}
		if err != nil {
			d.note(o.Path, o.Method, err.Error())
			continue
		}
		half = append(half, made{o, encode(schema), refs})
	}
	if err := d.schemas.settle(ctx); err != nil {
		return nil, err
	}
	var out []*tool
	total := 0
	for _, h := range half {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if len(h.schema) > schemaMax {
			d.note(h.op.Path, h.op.Method, "its parameters take more than 256 KiB to describe")
			continue
		}
		defs, _, err := d.schemas.definitions(h.uses, schemaMax-len(h.schema))
		if err != nil {
			d.note(h.op.Path, h.op.Method, err.Error())
			continue
		}
		t := &tool{op: h.op, schema: writeDefs(h.schema, defs)}
		if total += len(t.schema); total > schemasMax {
			return nil, bad("The chosen operations take more than %d MiB to describe; choose fewer by tag, path or method.", schemasMax>>20)
		}
		h.op.raw, h.op.item = nil, nil
		out = append(out, t)
	}
	if len(out) == 0 {
		return nil, bad("No operation of the document can be used. %s", strings.Join(d.notes[:min(3, len(d.notes))], " "))
	}
	return out, nil
}

// describe reads an operation and returns the schema of its arguments, without
// definitions, and what it refers to.
func (d *Document) describe(o *operation, taken map[place]bool) (map[string]any, []string, error) {
	if err := checkTemplate(o.Path); err != nil {
		return nil, nil, err
	}
	raws, err := d.rawParameters(o)
	if err != nil {
		return nil, nil, err
	}
	var u uses
	properties := map[string]any{}
	var required []any
	add := func(arg string, schema node, must bool) {
		properties[arg] = schema
		if must {
			required = append(required, arg)
		}
	}
	for _, raw := range raws {
		p, schema, err := d.parameter(raw, &u)
		if err != nil {
			return nil, nil, err
		}
		if p == nil || p.ignored() || taken[p.place()] {
			continue
		}
		p.arg = argument(properties, p.name, p.in)
		add(p.arg, schema, p.required)
		o.params = append(o.params, p)
	}
	for name := range templateNames(o.Path) {
		if !slices.ContainsFunc(o.params, func(p *parameter) bool { return p.in == "path" && p.name == name }) {
			p := &parameter{in: "path", name: name, style: "simple", required: true, arg: argument(properties, name, "path")}
			add(p.arg, map[string]any{"type": "string"}, true)
			o.params = append(o.params, p)
		}
	}
	if err := d.addBody(o, raws, properties, &required, &u); err != nil {
		return nil, nil, err
	}
	o.accept = d.accepts(o.raw)
	o.describe()
	schema := map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	if required != nil {
		schema["required"] = required
	}
	return schema, u.all, nil
}

// argument returns a name for an argument that is not taken yet.
func argument(properties map[string]any, name, in string) string {
	arg := name
	if _, clash := properties[arg]; clash {
		arg = in + "_" + name
	}
	for i := 2; ; i++ {
		if _, clash := properties[arg]; !clash {
			return arg
		}
		arg = fmt.Sprintf("%s_%s_%d", in, name, i)
	}
}

// describe makes the description that a model reads.
func (o *operation) describe() {
	description := strings.TrimSpace(text(o.raw["description"]))
	parts := []string{strings.TrimSpace(text(o.raw["summary"]))}
	if description != parts[0] {
		parts = append(parts, description)
	}
	if o.raw["deprecated"] == true {
		parts = append(parts, "This operation is deprecated.")
	}
	parts = append(parts, o.Method+" "+o.Path)
	parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
	o.description = cut(strings.ToValidUTF8(strings.Join(parts, "\n\n"), "\uFFFD"), 6000)
}

// rawParameters returns the parameters of an operation, those of its path
// included unless the operation has its own of that name and place, in the order
// path, query, header, cookie, body, form.
func (d *Document) rawParameters(o *operation) ([]map[string]any, error) {
	var out []map[string]any
	seen := map[place]bool{}
	for _, list := range []node{o.raw["parameters"], o.item["parameters"]} {
		list, _ := list.([]any)
		if len(list) > 1000 {
			return nil, errors.New("it has more than 1000 parameters")
		}
		for _, one := range list {
			p, err := d.object(one)
			if err != nil {
				return nil, err
			}
			at := place{text(p["in"]), text(p["name"])}
			if p == nil || at.name == "" || seen[at] {
				continue
			}
			seen[at] = true
			out = append(out, p)
		}
	}
	order := []string{"path", "query", "header", "cookie"}
	slices.SortStableFunc(out, func(a, b map[string]any) int {
		return (slices.Index(order, text(a["in"]))+5)%5 - (slices.Index(order, text(b["in"]))+5)%5
	})
	return out, nil
}

var (
	templateName   = regexp.MustCompile(`\{([^{}/]+)\}`)
	templateNameOr = regexp.MustCompile(`\{[^{}/]+\}|[^{}]+|[{}]`)
)

func templateNames(path string) map[string]bool {
	names := map[string]bool{}
	for _, m := range templateName.FindAllStringSubmatch(path, -1) {
		names[m[1]] = true
	}
	return names
}

// checkTemplate refuses paths that would leave the base URL's.
func checkTemplate(path string) error {
	plain, _, _ := strings.Cut(path, "#")
	plain, query, _ := strings.Cut(plain, "?")
	for segment := range strings.SplitSeq(plain, "/") {
		s, err := url.PathUnescape(segment)
		if err != nil {
			s = segment
		}
		if s == "." || s == ".." || strings.ContainsAny(s, "/\\") || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return errors.New("its path goes outside of the base URL")
		}
	}
	if strings.ContainsAny(query, "{}") || strings.ContainsFunc(query, func(r rune) bool { return r < '!' || r > '~' }) {
		return errors.New("its path has a query that cannot be used")
	}
	return nil
}

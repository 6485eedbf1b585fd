package openapi

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestPublicCalls calls each operation of public documents, with a value for each
// parameter and a body, and holds what arrives against what the document says,
// which is read here in another way than the package reads it.
func TestPublicCalls(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		file       string
		operations int
		values     int // at least so many that were compared
	}{
		{"petstore-3.0.yaml", 8, 10},
		{"petstore-2.0.json", 8, 10},
		{"github.json.gz", 1223, 3800},
		{"stripe.json.gz", 452, 1500},
		{"kubernetes.json.gz", 845, 3000},
		{"netlify.json.gz", 181, 400},
	} {
		t.Run(c.file, func(t *testing.T) {
			t.Parallel()
			raw := document(t, c.file)
			r := newRecorder(t)
			s, err := New(t.Context(), Options{Document: raw, BaseURL: r.URL + "/base", Choice: Choice{Methods: allMethods}, limit: 10 * patience})
			if err != nil {
				t.Fatal(err)
			}
			d := readPlain(t, raw)
			session := dial(t, s)
			values := 0
			for _, one := range s.tools {
				w := d.wants(one.op.Method, one.op.Path)
				if w == nil {
					t.Errorf("%s %s is not in the document", one.op.Method, one.op.Path)
					continue
				}
				args := map[string]any{}
				for _, p := range one.op.params {
					for _, v := range w.params {
						if v.in == p.in && strings.EqualFold(v.name, p.name) {
							args[p.arg] = v.value
						}
					}
				}
				if one.op.body != nil && w.body != nil {
					args[one.op.body.arg] = w.body
				}
				if missing := len(w.params) + btoi(w.body != nil) - len(args); missing != 0 {
					t.Errorf("%s %s: %d of the parameters have no argument", one.op.Method, one.op.Path, missing)
				}
				result := call(t, session, one.op.Name, string(compact(args)))
				if result.IsError {
					t.Errorf("%s %s: %s", one.op.Method, one.op.Path, said(result))
					continue
				}
				for _, fault := range w.faults(r.last(t)) {
					t.Errorf("%s %s: %s", one.op.Method, one.op.Path, fault)
				}
				values += len(w.params) + btoi(w.body != nil)
				if t.Failed() && values > 200 {
					t.Fatal("that is enough")
				}
			}
			if got := len(r.requests()); got != c.operations {
				t.Errorf("%d requests arrived, of %d operations", got, c.operations)
			}
			if values < c.values {
				t.Errorf("only %d values were compared", values)
			}
			t.Logf("%d operations, %d values", len(r.requests()), values)
		})
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// plainDocument is a document as maps.
type plainDocument struct {
	root    map[string]any
	swagger bool
}

func readPlain(t *testing.T, raw []byte) plainDocument {
	t.Helper()
	var root map[string]any
	if json.Unmarshal(raw, &root) != nil {
		if err := yaml.Unmarshal(raw, &root); err != nil {
			t.Fatal(err)
		}
	}
	return plainDocument{root, root["swagger"] != nil}
}

// get follows references.
func (d plainDocument) get(v any) map[string]any {
	for range 50 {
		m, _ := v.(map[string]any)
		ref, ok := m["$ref"].(string)
		if !ok {
			return m
		}
		v = any(d.root)
		for part := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
			part = strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
			inner, _ := v.(map[string]any)
			v = inner[part]
		}
	}
	return nil
}

// wantedParam is a parameter with the value that is given.
type wantedParam struct {
	in, name string
	value    any
	style    string
	explode  bool
	json     bool
}

// wanted is a request as the document has it.
type wanted struct {
	method, path string
	params       []wantedParam
	kind         string // media type of the body
	body         any    // argument
	fields       map[string]any
	encoding     map[string]any
}

func (d plainDocument) wants(method, path string) *wanted {
	paths, _ := d.root["paths"].(map[string]any)
	item := d.get(paths[path])
	op, _ := item[strings.ToLower(method)].(map[string]any)
	if op == nil {
		return nil
	}
	w := &wanted{method: method, path: path}
	form := map[string]any{}
	var inBody any // schema of the body of version 2.0
	consumes, _ := op["consumes"].([]any)
	if consumes == nil {
		consumes, _ = d.root["consumes"].([]any)
	}
	byPlace := map[string]map[string]any{}
	var order []string
	for _, list := range []any{item["parameters"], op["parameters"]} {
		params, _ := list.([]any)
		for _, raw := range params {
			p := d.get(raw)
			place := fmt.Sprint(p["in"], " ", p["name"])
			if _, ok := byPlace[place]; !ok {
				order = append(order, place)
			}
			byPlace[place] = p
		}
	}
	for _, place := range order {
		p := byPlace[place]
		in, name := fmt.Sprint(p["in"]), fmt.Sprint(p["name"])
		if in == "header" && slices.Contains([]string{"accept", "content-type", "authorization"}, strings.ToLower(name)) {
			continue // the specification has them not be parameters
		}
		schema := d.get(p["schema"])
		if d.swagger && in != "body" {
			schema = p
		}
		v := wantedParam{in: in, name: name, style: map[string]string{"query": "form", "cookie": "form"}[in]}
		if v.style == "" {
			v.style = "simple"
		}
		v.explode = v.style == "form"
		if style, ok := p["style"].(string); ok {
			v.style = style
			v.explode = style == "form"
		}
		if explode, ok := p["explode"].(bool); ok {
			v.explode = explode
		}
		if d.swagger {
			v.explode = p["collectionFormat"] == "multi"
		}
		if content, ok := p["content"].(map[string]any); ok {
			for _, media := range content {
				schema, v.json = d.get(d.get(media)["schema"]), true
			}
		}
		v.value = d.value(schema, name, 1)
		switch {
		case in == "body":
			inBody = p["schema"]
		case in == "formData":
			if p["type"] == "file" {
				v.value = map[string]any{"base64": base64.StdEncoding.EncodeToString([]byte("\x00" + name))}
			}
			form[name] = v.value
		default:
			w.params = append(w.params, v)
		}
	}
	if len(form) > 0 {
		w.body, w.fields = form, form
		w.kind = "application/x-www-form-urlencoded"
		if len(consumes) > 0 {
			w.kind = fmt.Sprint(consumes[0])
		}
	}
	content, _ := d.get(op["requestBody"])["content"].(map[string]any)
	if inBody != nil {
		content = map[string]any{}
		for _, kind := range consumes {
			content[fmt.Sprint(kind)] = map[string]any{"schema": inBody}
		}
		if len(content) == 0 {
			content = map[string]any{"application/json": map[string]any{"schema": inBody}}
		}
	}
	w.choose(d, content)
	return w
}

// choose takes the body's media type: JSON before forms, and those before bytes.
func (w *wanted) choose(d plainDocument, content map[string]any) {
	kinds := slices.Sorted(func(yield func(string) bool) {
		for k := range content {
			if !yield(k) {
				return
			}
		}
	})
	for _, fits := range []func(string) bool{
		func(k string) bool { return k == "application/json" },
		func(k string) bool { return k == "*/*" }, // anything will do, so it is JSON
		func(k string) bool { return strings.HasSuffix(strings.Split(k, ";")[0], "json") },
		func(k string) bool { return k == "application/x-www-form-urlencoded" },
		func(k string) bool { return k == "multipart/form-data" },
		func(string) bool { return true },
	} {
		i := slices.IndexFunc(kinds, fits)
		if i < 0 {
			continue
		}
		w.kind = kinds[i]
		media := d.get(content[w.kind])
		schema := d.get(media["schema"])
		if w.kind == "*/*" {
			w.kind = "application/json"
		}
		switch {
		case strings.Contains(w.kind, "json"):
			w.body = d.value(schema, "body", 3)
		case strings.Contains(w.kind, "form"):
			w.encoding, _ = media["encoding"].(map[string]any)
			w.fields = map[string]any{}
			properties, _ := schema["properties"].(map[string]any)
			for name, raw := range properties {
				if v, ok := d.field(w, name, d.get(raw)); ok {
					w.fields[name] = v
				}
			}
			w.body = w.fields
		case strings.HasPrefix(w.kind, "text/"):
			w.body = "some text"
		default:
			w.body = map[string]any{"base64": base64.StdEncoding.EncodeToString([]byte("\x00some bytes"))}
		}
		return
	}
}

// field gives a value for a field of a form, if the specification says how it is
// written: values and lists of them, files, and objects of one level with
// deepObject.
func (d plainDocument) field(w *wanted, name string, schema map[string]any) (any, bool) {
	style := d.get(w.encoding[name])["style"]
	if schema["format"] == "binary" {
		return map[string]any{"base64": base64.StdEncoding.EncodeToString([]byte("\x00" + name))}, true
	}
	switch v := d.value(schema, name, 1).(type) {
	case map[string]any:
		if style != "deepObject" {
			return nil, false
		}
		for key, inner := range v {
			switch inner.(type) {
			case map[string]any, []any, nil:
				delete(v, key)
			}
		}
		return v, len(v) > 0
	case []any:
		_, nested := v[0].(map[string]any)
		return v, style == nil && !nested
	case nil:
		return nil, false
	default:
		return v, true
	}
}

// value makes one that a schema describes, with characters in its texts that have
// to be written in another way on the wire.
func (d plainDocument) value(schema map[string]any, name string, depth int) any {
	schema = d.get(schema)
	if list, ok := schema["enum"].([]any); ok && len(list) > 0 && list[0] != nil {
		return list[0]
	}
	for _, key := range []string{"allOf", "anyOf", "oneOf"} {
		list, _ := schema[key].([]any)
		for _, one := range list {
			if inner := d.get(one); inner["type"] != "null" && len(inner) > 0 {
				return d.value(inner, name, depth)
			}
		}
	}
	kind := fmt.Sprint(schema["type"])
	if list, ok := schema["type"].([]any); ok && len(list) > 0 {
		kind = fmt.Sprint(list[0])
	}
	properties, _ := schema["properties"].(map[string]any)
	switch {
	case kind == "integer", kind == "number":
		return 7.0
	case kind == "boolean":
		return true
	case kind == "array" && depth >= 0:
		one := d.value(d.get(schema["items"]), name, depth-1)
		if text, ok := one.(string); ok {
			return []any{text, "second & " + name}
		}
		return []any{one}
	case kind == "object" || len(properties) > 0:
		out := map[string]any{}
		for key, raw := range properties {
			if depth > 0 {
				out[key] = d.value(d.get(raw), key, depth-1)
			}
		}
		if len(out) == 0 {
			out["key of "+name] = "a value"
		}
		return out
	}
	return "é/?&=%+ #" + name
}

// faults says what is not as the document has it.
func (w *wanted) faults(got recorded) (out []string) {
	bad := func(format string, a ...any) { out = append(out, fmt.Sprintf(format, a...)) }
	if got.method != w.method {
		bad("it is a %s", got.method)
	}
	path, query, _ := strings.Cut(got.uri, "?")
	want, given := strings.Split("/base"+w.path, "/"), strings.Split(path, "/")
	if len(want) != len(given) {
		bad("the path is %s", path)
		return out
	}
	for i := range want {
		for _, p := range w.params {
			if p.in == "path" {
				want[i] = strings.ReplaceAll(want[i], "{"+p.name+"}", p.text(","))
			}
		}
		if part, err := url.PathUnescape(given[i]); err != nil || part != want[i] {
			bad("a part of the path is %q, not %q", given[i], want[i])
		}
	}
	arrived, err := url.ParseQuery(query)
	if err != nil {
		bad("the query is %q: %v", query, err)
	}
	expected := url.Values{}
	for _, p := range w.params {
		switch p.in {
		case "query":
			p.add(expected)
		case "header":
			if v := got.header.Get(p.name); v != p.text(",") {
				bad("the header %s is %q, not %q", p.name, v, p.text(","))
			}
		}
	}
	if !reflect.DeepEqual(arrived, expected) {
		bad("the query is %v, not %v", arrived, expected)
	}
	if w.body == nil {
		if got.body != "" {
			bad("there is a body: %q", got.body)
		}
		return out
	}
	kind, params, err := mime.ParseMediaType(got.header.Get("Content-Type"))
	if asked, _, _ := mime.ParseMediaType(w.kind); err != nil || kind != asked {
		bad("the body is %s, not %s", got.header.Get("Content-Type"), w.kind)
		return out
	}
	switch {
	case w.fields != nil && strings.HasPrefix(kind, "multipart/"):
		out = append(out, w.parts(got.body, params["boundary"])...)
	case w.fields != nil:
		arrived, err := url.ParseQuery(got.body)
		expected := url.Values{}
		for name, v := range w.fields {
			p := wantedParam{name: name, value: v, style: "form", explode: true}
			if _, object := v.(map[string]any); object {
				p.style = "deepObject"
			}
			p.add(expected)
		}
		if err != nil || !reflect.DeepEqual(arrived, expected) {
			bad("the form is %v (%v), not %v", arrived, err, expected)
		}
	case strings.Contains(kind, "json"):
		var v any
		if err := json.Unmarshal([]byte(got.body), &v); err != nil || !reflect.DeepEqual(v, w.body) {
			bad("the body is %s, not %s", got.body, compact(w.body))
		}
	default:
		if text := asText(w.body); got.body != text {
			bad("the body is %q, not %q", got.body, text)
		}
	}
	return out
}

// parts holds a multipart body against the fields.
func (w *wanted) parts(body, boundary string) (out []string) {
	arrived, expected := url.Values{}, url.Values{}
	r := multipart.NewReader(strings.NewReader(body), boundary)
	for {
		part, err := r.NextPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			return append(out, err.Error())
		}
		var b bytes.Buffer
		if _, err := b.ReadFrom(part); err != nil {
			return append(out, err.Error())
		}
		arrived.Add(part.FormName(), b.String())
	}
	for name, v := range w.fields {
		list, ok := v.([]any)
		if !ok {
			list = []any{v}
		}
		for _, one := range list {
			expected.Add(name, asText(one))
		}
	}
	if !reflect.DeepEqual(arrived, expected) {
		out = append(out, fmt.Sprintf("the parts are %q, not %q", arrived, expected))
	}
	return out
}

// asText is a value as text, or the bytes that it stands for.
func asText(v any) string {
	if m, ok := v.(map[string]any); ok {
		if b, err := base64.StdEncoding.DecodeString(fmt.Sprint(m["base64"])); err == nil && m["base64"] != nil {
			return string(b)
		}
		return string(compact(m)) // a part of a form is JSON then
	}
	return fmt.Sprint(v)
}

// text is the value on one line, its parts joined.
func (p wantedParam) text(joint string) string {
	if p.json {
		return string(compact(p.value))
	}
	switch v := p.value.(type) {
	case []any:
		var parts []string
		for _, one := range v {
			parts = append(parts, fmt.Sprint(one))
		}
		return strings.Join(parts, joint)
	case map[string]any:
		var parts []string
		for _, key := range sorted(v) {
			parts = append(parts, key, fmt.Sprint(v[key]))
		}
		return strings.Join(parts, joint)
	}
	return fmt.Sprint(p.value)
}

// add adds what stands in a query for the value.
func (p wantedParam) add(to url.Values) {
	list, isList := p.value.([]any)
	object, isObject := p.value.(map[string]any)
	switch {
	case p.json:
		to.Add(p.name, p.text(""))
	case p.style == "deepObject" && isObject:
		for key, v := range object {
			one := wantedParam{name: p.name + "[" + key + "]", value: v, style: p.style}
			one.add(to)
		}
	case p.style == "deepObject" && isList: // the specification is silent; this is what most read
		for i, v := range list {
			one := wantedParam{name: fmt.Sprintf("%s[%d]", p.name, i), value: v, style: p.style}
			one.add(to)
		}
	case isObject && p.explode:
		for key, v := range object {
			to.Add(key, fmt.Sprint(v))
		}
	case isList && p.explode:
		for _, v := range list {
			to.Add(p.name, fmt.Sprint(v))
		}
	case p.style == "spaceDelimited":
		to.Add(p.name, p.text(" "))
	case p.style == "pipeDelimited":
		to.Add(p.name, p.text("|"))
	default:
		to.Add(p.name, p.text(","))
	}
}

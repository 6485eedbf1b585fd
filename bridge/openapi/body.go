package openapi

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"mime"
	"mime/multipart"
	"net/textproto"
	"slices"
	"strings"
)

// body is what a request carries.
type body struct {
	kind     string // media type with its parameters, as the document has it
	form     form
	arg      string
	required bool
	// fields says how each field of a form is written; the rest is by default.
	fields map[string]*field
}

type form string

const (
	formJSON      form = "json"
	formURL       form = "urlencoded"
	formMultipart form = "multipart"
	formText      form = "text"
	formBytes     form = "bytes" // text or base64
)

// field is a field of a form ("Encoding Object" of the specification).
type field struct {
	parameter        // for what is written by style
	styled    bool   // whether style, explode or allowReserved say how
	kind      string // media type of a part
	file      bool   // bytes
}

// fileSchema is what a call gives where bytes are wanted.
func fileSchema(description string) map[string]any {
	s := map[string]any{
		"type": "object",
		"properties": map[string]any{
			"text":     map[string]any{"type": "string", "description": "The content, if it is text."},
			"base64":   map[string]any{"type": "string", "description": "The content in base64, if it is not text."},
			"filename": map[string]any{"type": "string", "maxLength": json.Number("255")},
		},
		"anyOf":                []any{map[string]any{"required": []any{"text"}}, map[string]any{"required": []any{"base64"}}},
		"additionalProperties": false,
	}
	if description != "" {
		s["description"] = cut(description, 4000)
	}
	return s
}

// preference is the order in which media types are taken where a body may have
// several.
func preference(kind string) (form, int) {
	t, _, err := mime.ParseMediaType(kind)
	switch {
	case err != nil && kind != "*/*":
		return formBytes, 9
	case t == "application/json":
		return formJSON, 0
	case isJSON(kind):
		return formJSON, 1
	case t == "application/x-www-form-urlencoded":
		return formURL, 2
	case t == "multipart/form-data":
		return formMultipart, 3
	case kind == "*/*" || t == "application/*":
		return formJSON, 4
	case strings.HasPrefix(t, "text/"):
		return formText, 5
	}
	return formBytes, 6
}

// addBody reads the request body and adds its argument.
func (d *Document) addBody(o *operation, raws []map[string]any, properties map[string]any, required *[]any, u *uses) error {
	var raw map[string]any
	if d.swagger {
		for _, p := range raws { // the schema of "body" may be a reference, which convert follows
			if text(p["in"]) == "body" && p["schema"] == nil {
				p["schema"] = map[string]any{}
			}
		}
		raw = d.swaggerBody(o.raw, raws)
	} else {
		var err error
		if raw, err = d.object(o.raw["requestBody"]); err != nil {
			return err
		}
	}
	content, _ := raw["content"].(map[string]any)
	kinds := sorted(content)
	if len(kinds) == 0 {
		return nil
	}
	slices.SortStableFunc(kinds, func(a, b string) int {
		_, x := preference(a)
		_, y := preference(b)
		return x - y
	})
	kind := kinds[0]
	media, err := d.object(content[kind])
	if err != nil {
		return err
	}
	b := &body{kind: kind, required: raw["required"] == true, arg: argument(properties, "body", "request")}
	b.form, _ = preference(kind)
	if strings.Contains(kind, "*") {
		b.kind = map[form]string{formJSON: "application/json", formText: "text/plain", formBytes: "application/octet-stream"}[b.form]
	} else if _, _, err := mime.ParseMediaType(kind); err != nil || strings.ContainsFunc(kind, func(r rune) bool { return r < ' ' || r > '~' }) {
		return fmt.Errorf("its body has the media type %q, which is none", cut(oneLine(kind), 100))
	}
	var schema node
	description := text(raw["description"])
	switch b.form {
	case formText:
		schema = map[string]any{"type": "string"}
	case formBytes:
		schema = fileSchema("")
	case formURL, formMultipart:
		if schema, err = d.formSchema(b, media, u); err != nil {
			return err
		}
	default:
		if d.binary(media["schema"]) {
			b.form, b.kind, schema = formBytes, "application/octet-stream", fileSchema("")
			break
		}
		if schema, err = d.schemas.convert(media["schema"], u, false, 0); err != nil {
			return err
		}
	}
	if m, ok := schema.(map[string]any); ok && description != "" {
		m["description"] = cut(description, 4000)
	}
	properties[b.arg] = schema
	if b.required {
		*required = append(*required, b.arg)
	}
	o.body = b
	return nil
}

// binary reports whether a schema means bytes and not a text.
func (d *Document) binary(v node) bool {
	m, err := d.object(v)
	if err != nil || m == nil {
		return false
	}
	if d.old {
		return text(m["format"]) == "binary" || text(m["type"]) == "file"
	}
	kind := text(m["contentMediaType"])
	return text(m["format"]) == "binary" || text(m["contentEncoding"]) == "" && kind != "" && !strings.HasPrefix(kind, "text/") && !isJSON(kind)
}

// formSchema reads the fields of a form. Its schema is written anew, since files
// are given in another way than the document says.
func (d *Document) formSchema(b *body, media map[string]any, u *uses) (node, error) {
	m, err := d.object(media["schema"])
	if err != nil {
		return nil, err
	}
	fields, err := d.fieldsOf(m, 0)
	if err != nil {
		return nil, err
	}
	converted, err := d.schemas.convert(m, u, false, 0)
	if err != nil {
		return nil, err
	}
	schema, ok := converted.(map[string]any)
	if !ok {
		schema = map[string]any{}
	}
	if _, ok := schema["type"]; !ok {
		schema["type"] = "object"
	}
	encodings, _ := media["encoding"].(map[string]any)
	b.fields = map[string]*field{}
	for name, one := range fields {
		f := &field{parameter: parameter{in: "query", name: name, style: "form", explode: true}}
		if e, err := d.object(encodings[name]); err != nil {
			return nil, err
		} else if e != nil {
			f.read(e)
		}
		b.fields[name] = f
		p, err := d.object(one)
		if err != nil {
			return nil, err
		}
		if b.form != formMultipart {
			continue
		}
		many := text(p["type"]) == "array" && d.binary(p["items"])
		if f.file = many || d.binary(one); !f.file {
			continue
		}
		replaced := fileSchema(text(p["description"]))
		if many {
			replaced = map[string]any{"type": "array", "items": replaced}
		}
		properties, ok := schema["properties"].(map[string]any)
		if !ok {
			properties = map[string]any{}
			schema["properties"] = properties
		}
		properties[name] = replaced
	}
	// Fields that come from parts of the whole are in the way where a file is
	// described in another manner: then the fields alone are the schema.
	if schema["allOf"] != nil && slices.ContainsFunc(slices.Collect(maps.Values(b.fields)), func(f *field) bool { return f.file }) {
		delete(schema, "allOf")
		properties, _ := schema["properties"].(map[string]any)
		for name, one := range fields {
			if _, ok := properties[name]; !ok {
				if properties[name], err = d.schemas.convert(one, u, false, 0); err != nil {
					return nil, err
				}
			}
		}
	}
	return schema, nil
}

// fieldsOf returns the properties of an object and of what it is made of.
func (d *Document) fieldsOf(m map[string]any, depth int) (map[string]any, error) {
	out := map[string]any{}
	if depth > 20 {
		return out, nil
	}
	for _, key := range []string{"allOf", "anyOf", "oneOf"} {
		list, _ := m[key].([]any)
		for _, one := range list[:min(len(list), 100)] {
			part, err := d.object(one)
			if err != nil {
				return nil, err
			}
			if depth > 3 && part[key] != nil {
				continue // no form is made of parts of parts of parts
			}
			inner, err := d.fieldsOf(part, depth+1)
			if err != nil {
				return nil, err
			}
			for k, v := range inner {
				out[k] = v
			}
		}
	}
	properties, _ := m["properties"].(map[string]any)
	for k, v := range properties {
		out[k] = v
	}
	return out, nil
}

func (f *field) read(e map[string]any) {
	if style := text(e["style"]); style != "" && slices.Contains(styles["query"], style) {
		f.style, f.styled = style, true
		f.explode = style == "form"
	}
	if explode, ok := e["explode"].(bool); ok {
		f.explode, f.styled = explode, true
	}
	if e["allowReserved"] == true {
		f.allowReserved, f.styled = true, true
	}
	kind, _, _ := strings.Cut(text(e["contentType"]), ",")
	if _, _, err := mime.ParseMediaType(kind); err == nil && !strings.Contains(kind, "*") && !strings.ContainsFunc(kind, func(r rune) bool { return r < ' ' || r > '~' }) {
		f.kind = strings.TrimSpace(kind)
	}
}

// write returns the body for an argument, and its media type.
func (b *body) write(v any) (data []byte, kind string, err error) {
	switch b.form {
	case formText:
		s, ok := v.(string)
		if !ok {
			s = string(compact(v))
		}
		return []byte(s), b.kind, nil
	case formBytes:
		data, _, err := content(v)
		if err != nil {
			return nil, "", fmt.Errorf("the argument %q %w", b.arg, err)
		}
		return data, b.kind, nil
	case formURL, formMultipart:
		m, ok := v.(map[string]any)
		if !ok {
			return nil, "", fmt.Errorf("the argument %q should be an object with the fields of the form", b.arg)
		}
		if b.form == formURL {
			return b.urlencoded(m), b.kind, nil
		}
		return b.multipart(m)
	}
	return compact(v), b.kind, nil
}

func (b *body) urlencoded(m map[string]any) []byte {
	var parts []string
	for _, name := range sorted(m) {
		f := b.fields[name]
		if f == nil {
			f = &field{parameter: parameter{name: name, style: "form", explode: true}}
		}
		if m[name] == nil {
			continue
		}
		if _, object := m[name].(map[string]any); !f.styled && (object || isJSON(f.kind)) {
			// An object is JSON unless a style says otherwise.
			parts = append(parts, escapeForm(name)+"="+escapeForm(string(compact(m[name]))))
			continue
		}
		enc := encoder(escapeForm)
		if f.allowReserved {
			enc = escapeReserved
		}
		for _, p := range f.pairs(m[name], enc) {
			parts = append(parts, p.name+"="+p.value)
		}
	}
	return []byte(strings.Join(parts, "&"))
}

func (b *body) multipart(m map[string]any) ([]byte, string, error) {
	var out bytes.Buffer
	w := multipart.NewWriter(&out)
	for _, name := range sorted(m) {
		if m[name] == nil {
			continue
		}
		f := b.fields[name]
		if f == nil {
			f = &field{parameter: parameter{name: name}}
		}
		values := []any{m[name]}
		if list, ok := m[name].([]any); ok && !(isJSON(f.kind) && !f.file) {
			values = list
		}
		for _, v := range values {
			if err := f.part(w, name, v); err != nil {
				return nil, "", err
			}
		}
	}
	if err := w.Close(); err != nil {
		return nil, "", err
	}
	return out.Bytes(), w.FormDataContentType(), nil
}

// part writes one part of a multipart body (RFC 7578).
func (f *field) part(w *multipart.Writer, name string, v any) error {
	disposition := `form-data; name="` + quoted(name) + `"`
	kind, data := f.kind, []byte(nil)
	switch _, object := v.(map[string]any); {
	case f.file:
		var filename string
		var err error
		if data, filename, err = content(v); err != nil {
			return fmt.Errorf("the field %q %w", name, err)
		}
		if filename == "" {
			filename = name
		}
		disposition += `; filename="` + quoted(filename) + `"`
		if kind == "" {
			kind = "application/octet-stream"
		}
	case object || isJSON(kind):
		data = compact(v)
		if kind == "" {
			kind = "application/json"
		}
	default:
		data = []byte(plain(v))
	}
	h := textproto.MIMEHeader{"Content-Disposition": {disposition}}
	if kind != "" {
		h.Set("Content-Type", kind)
	}
	p, err := w.CreatePart(h)
	if err != nil {
		return err
	}
	_, err = p.Write(data)
	return err
}

// quoted escapes what would end a quoted name, as browsers do ("multipart/form-
// data encoding algorithm" of the HTML standard), and control characters.
func quoted(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r < ' ' || r == 0x7f || r == '"' || r == '\\' {
			fmt.Fprintf(&b, "%%%02X", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// content reads what fileSchema describes. A plain text is taken as it is.
func content(v any) (data []byte, filename string, err error) {
	if s, ok := v.(string); ok {
		return []byte(s), "", nil
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, "", errors.New("should be an object with text or base64")
	}
	filename = text(m["filename"])
	if s, ok := m["text"].(string); ok {
		return []byte(s), filename, nil
	}
	s, ok := m["base64"].(string)
	if !ok {
		return nil, "", errors.New("should be an object with text or base64")
	}
	for _, e := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		if data, err = e.DecodeString(s); err == nil {
			return data, filename, nil
		}
	}
	return nil, "", errors.New("has a base64 that cannot be read")
}

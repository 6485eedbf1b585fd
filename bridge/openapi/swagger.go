package openapi

import "strings"

// Version 2.0 describes what later versions do in other places: the type of a
// parameter stands in the parameter, a body is one too, media types are lists
// of their own, and how a list is written is called collectionFormat. What
// follows rewrites these as 3.0 has them. References need no rewriting: they
// are looked up where they point.

// swaggerServers returns the servers as 3.0 lists them.
func (d *Document) swaggerServers() []any {
	host, base := text(d.root["host"]), text(d.root["basePath"])
	if host == "" {
		return []any{map[string]any{"url": base}}
	}
	var out []any
	schemes, _ := d.root["schemes"].([]any)
	if len(schemes) == 0 {
		schemes = []any{"https"}
	}
	for _, scheme := range schemes {
		out = append(out, map[string]any{"url": text(scheme) + "://" + host + strings.TrimSuffix(base, "/")})
	}
	return out
}

// mediaTypes returns the types that an operation takes ("consumes") or gives
// ("produces").
func (d *Document) mediaTypes(operation map[string]any, key string) []string {
	list, ok := operation[key].([]any)
	if !ok {
		list, _ = d.root[key].([]any)
	}
	var out []string
	for _, one := range list {
		if s := text(one); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// swaggerParameter rewrites a parameter that is neither body nor form.
func swaggerParameter(p map[string]any) map[string]any {
	out := map[string]any{"schema": swaggerSchema(p)}
	for _, key := range []string{"name", "in", "description", "required"} {
		if v, ok := p[key]; ok {
			out[key] = v
		}
	}
	if text(p["type"]) == "array" {
		style, explode := collection(text(p["collectionFormat"]))
		if in := text(p["in"]); style == "form" && (in == "path" || in == "header") {
			style = "simple"
		}
		out["style"], out["explode"] = style, explode
	}
	return out
}

// collection returns the style that a collectionFormat is now. Tabs between
// values have none; commas are what a list without a format has.
func collection(format string) (style string, explode bool) {
	switch format {
	case "ssv":
		return "spaceDelimited", false
	case "tsv":
		return "tabDelimited", false
	case "pipes":
		return "pipeDelimited", false
	case "multi":
		return "form", true
	}
	return "form", false
}

// swaggerSchema takes the schema out of a parameter.
func swaggerSchema(p map[string]any) map[string]any {
	schema := map[string]any{}
	for k, v := range p {
		switch k {
		case "name", "in", "required", "collectionFormat", "allowEmptyValue":
		default:
			schema[k] = v
		}
	}
	if text(schema["type"]) == "file" {
		schema["type"], schema["format"] = "string", "binary"
	}
	if items, ok := schema["items"].(map[string]any); ok {
		schema["items"] = swaggerSchema(items)
	}
	return schema
}

// swaggerBody makes the request body of an operation from its parameters "body"
// and "formData", or returns nil.
func (d *Document) swaggerBody(operation map[string]any, params []map[string]any) map[string]any {
	consumes := d.mediaTypes(operation, "consumes")
	properties, encoding := map[string]any{}, map[string]any{}
	var required []any
	files := false
	for _, p := range params {
		switch text(p["in"]) {
		case "body":
			if len(consumes) == 0 {
				consumes = []string{"application/json"}
			}
			content := map[string]any{}
			for _, t := range consumes {
				content[t] = map[string]any{"schema": p["schema"]}
			}
			return map[string]any{"content": content, "required": p["required"], "description": p["description"]}
		case "formData":
			name := text(p["name"])
			files = files || text(p["type"]) == "file"
			properties[name] = swaggerSchema(p)
			if text(p["type"]) == "array" {
				style, explode := collection(text(p["collectionFormat"]))
				encoding[name] = map[string]any{"style": style, "explode": explode}
			}
			if p["required"] == true {
				required = append(required, name)
			}
		}
	}
	if len(properties) == 0 {
		return nil
	}
	kind := "application/x-www-form-urlencoded"
	for _, t := range consumes {
		if strings.HasPrefix(strings.ToLower(t), "multipart/form-data") {
			kind = "multipart/form-data"
			break
		}
	}
	if files {
		kind = "multipart/form-data"
	}
	schema := map[string]any{"type": "object", "properties": properties}
	if required != nil {
		schema["required"] = required
	}
	return map[string]any{
		"content":  map[string]any{kind: map[string]any{"schema": schema, "encoding": encoding}},
		"required": len(required) > 0,
	}
}

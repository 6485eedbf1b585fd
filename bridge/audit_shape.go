package bridge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// The bounds of what the audit keeps of arguments.
const (
	shapeDepth     = 4
	shapeMembers   = 40
	shapeName      = 64
	auditArgsBytes = 16 << 10
)

// shapeOf returns the arguments with the names of types in the place of values:
// {"path":"string","lines":["number"]}. What is longer or deeper than anybody
// reads is cut.
func shapeOf(raw json.RawMessage) json.RawMessage {
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var b bytes.Buffer
	if err := shape(d, &b, shapeDepth); err != nil {
		return json.RawMessage(`"not JSON"`)
	}
	return b.Bytes()
}

func shape(d *json.Decoder, b *bytes.Buffer, depth int) error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	switch t := t.(type) {
	case json.Delim:
		if depth == 0 {
			b.WriteString(`"…"`)
			return skip(d)
		}
		b.WriteRune(rune(t))
		n := 0
		for ; d.More(); n++ {
			if t == '[' && n > 0 || n >= shapeMembers {
				if t == '{' { // the name
					if _, err := d.Token(); err != nil {
						return err
					}
				}
				var rest json.RawMessage
				if err := d.Decode(&rest); err != nil {
					return err
				}
				continue
			}
			if n > 0 {
				b.WriteByte(',')
			}
			if t == '{' {
				name, err := d.Token()
				if err != nil {
					return err
				}
				text, _ := name.(string)
				quoted, err := json.Marshal(clipAudit(text, shapeName))
				if err != nil {
					return err
				}
				b.Write(quoted)
				b.WriteByte(':')
			}
			if err := shape(d, b, depth-1); err != nil {
				return err
			}
		}
		end, err := d.Token()
		if err != nil {
			return err
		}
		if n > shapeMembers && t == '{' {
			b.WriteString(`,"…":"more"`)
		}
		b.WriteRune(rune(end.(json.Delim)))
	case string:
		b.WriteString(`"string"`)
	case json.Number:
		b.WriteString(`"number"`)
	case bool:
		b.WriteString(`"boolean"`)
	case nil:
		b.WriteString(`"null"`)
	}
	return nil
}

// skip reads to the end of the object or list that has begun.
func skip(d *json.Decoder) error {
	for open := 1; open > 0; {
		t, err := d.Token()
		if err == io.EOF {
			return io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			open++
		case json.Delim('}'), json.Delim(']'):
			open--
		}
	}
	return nil
}

// auditArguments returns the arguments without secrets: those that the program
// keeps, and what stands under a name that says that it is one.
func auditArguments(raw json.RawMessage, r *tools.Redactor) json.RawMessage {
	if len(raw) == 0 {
		return nil
	}
	if len(raw) > auditArgsBytes {
		return json.RawMessage(`"longer than 16 KiB"`)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return json.RawMessage(`"not JSON"`)
	}
	b, err := json.Marshal(hideNamed(v, 64))
	if err != nil {
		return nil
	}
	return r.JSON(b)
}

func hideNamed(v any, depth int) any {
	if depth == 0 {
		return "…"
	}
	switch v := v.(type) {
	case map[string]any:
		for name, value := range v {
			if secretName(name) {
				v[name] = tools.Redacted
				continue
			}
			v[name] = hideNamed(value, depth-1)
		}
	case []any:
		for i := range v {
			v[i] = hideNamed(v[i], depth-1)
		}
	}
	return v
}

func secretName(name string) bool {
	name = strings.NewReplacer("_", "", "-", "", ".", "", " ", "").Replace(strings.ToLower(name))
	for _, part := range []string{"password", "passwd", "passphrase", "secret", "token", "apikey", "authorization", "credential", "privatekey", "cookie"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

// auditRedactor knows every secret that the program keeps.
func (b *Bridge) auditRedactor(ctx context.Context) (*tools.Redactor, error) {
	refs, err := b.o.Secrets.List(ctx)
	if err != nil {
		return nil, err
	}
	var values []string
	for _, ref := range refs {
		s, err := b.o.Secrets.Get(ctx, ref)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		values = append(values, s.Reveal())
	}
	return tools.NewRedactor(4, values...), nil
}

// clipAudit bounds a text that others chose.
func clipAudit(s string, limit int) string {
	s = strings.ToValidUTF8(s, "�")
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}

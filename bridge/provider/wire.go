package provider

import (
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// maxCallID is the length in bytes that both formats take.
const maxCallID = 64

// wireID returns the id under which a call goes to a service: its own where
// that has the usual form, and otherwise one made from it, the same each time,
// so that calls and results still belong together.
func wireID(id string) string {
	if id != "" && len(id) <= maxCallID && strings.Trim(id, nameCharacters) == "" {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return "call_" + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:20]))
}

const nameCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"

// wireName returns the name under which a call of the history goes to a
// service: the one that the tool has in this request, else the one that it had
// then, in the characters that are allowed.
func wireName(t *tools.Table, c store.ToolCall) string {
	if t != nil && c.Server != "" {
		if name, ok := t.Name(tools.Ref{Server: c.Server, Tool: c.Tool}); ok {
			return name
		}
	}
	name := strings.Map(func(r rune) rune {
		if strings.ContainsRune(nameCharacters, r) {
			return r
		}
		return '_'
	}, c.Name)
	if name == "" {
		return "unknown_tool"
	}
	return name[:min(len(name), tools.OpenAI.MaxName)]
}

// wireArguments returns a call's arguments as JSON text of an object. What a
// model wrote that is no object is kept inside one, because services read the
// arguments of old calls too and refuse what they cannot.
func wireArguments(args json.RawMessage) string {
	args = bytes.TrimSpace(args)
	switch {
	case len(args) == 0:
		return "{}"
	case args[0] == '{' && json.Valid(args):
		return string(args)
	}
	b, err := json.Marshal(map[string]string{"invalid_arguments": looseText(args)})
	if err != nil {
		panic("provider: a string always encodes: " + err.Error())
	}
	return string(b)
}

// imageURL returns an image as a data URL, and false if no service takes its
// type.
func imageURL(img store.Image) (string, bool) {
	switch img.MIMEType {
	case "image/png", "image/jpeg", "image/gif", "image/webp":
		if len(img.Data) > 0 {
			return "data:" + img.MIMEType + ";base64," + base64.StdEncoding.EncodeToString(img.Data), true
		}
	}
	return "", false
}

// describeFile tells a model of a part that it does not get.
func describeFile(f store.File) string {
	var b strings.Builder
	b.WriteString("[file")
	for _, s := range []string{f.Name, f.MIMEType, f.URI} {
		if s != "" {
			b.WriteString(" " + s)
		}
	}
	if len(f.Data) > 0 {
		fmt.Fprintf(&b, ", %d bytes that are not shown to you", len(f.Data))
	}
	return b.String() + "]"
}

func describeImage(img store.Image) string {
	return fmt.Sprintf("[image %s, %d bytes, shown to the person and not to you]", img.MIMEType, len(img.Data))
}

// resultTexts returns the text of a result in pieces, with a note for each
// part that is none. Images for which image is true are left to the caller.
func resultTexts(r store.ToolResult, image func(store.Image) bool) []string {
	var out []string
	if r.IsError {
		out = append(out, "The tool reported an error:")
	}
	for _, p := range r.Content {
		switch p := p.(type) {
		case store.Text:
			out = append(out, p.Text)
		case store.Image:
			if !image(p) {
				out = append(out, describeImage(p))
			}
		case store.File:
			out = append(out, describeFile(p))
		}
	}
	if structured, ok := structuredText(r); ok {
		out = append(out, structured)
	}
	return out
}

// structuredText returns a result's structured content, unless one of its
// texts says the same, as the specification of MCP advises servers to do.
func structuredText(r store.ToolResult) (string, bool) {
	if len(r.Structured) == 0 || string(r.Structured) == "null" {
		return "", false
	}
	var want bytes.Buffer
	if json.Compact(&want, r.Structured) != nil {
		return string(r.Structured), true
	}
	for _, p := range r.Content {
		t, ok := p.(store.Text)
		if !ok {
			continue
		}
		var got bytes.Buffer
		if json.Compact(&got, []byte(t.Text)) == nil && bytes.Equal(got.Bytes(), want.Bytes()) {
			return "", false
		}
	}
	return want.String(), true
}

// emptyResult stands for a result without any content; services refuse an
// empty text.
const emptyResult = "The tool returned nothing."

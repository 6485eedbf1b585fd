package mcphost

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// wireResult is the result of tools/call as far as it is read here
// ("Tools: tool result" of the specification).
type wireResult struct {
	Content    []json.RawMessage `json:"content"`
	Structured json.RawMessage   `json:"structuredContent"`
	IsError    bool              `json:"isError"`
}

type wireContent struct {
	Type     string        `json:"type"`
	Text     string        `json:"text"`
	Data     string        `json:"data"`
	MIMEType string        `json:"mimeType"`
	URI      string        `json:"uri"`
	Name     string        `json:"name"`
	Title    string        `json:"title"`
	Resource *wireResource `json:"resource"`
}

type wireResource struct {
	URI      string  `json:"uri"`
	MIMEType string  `json:"mimeType"`
	Text     *string `json:"text"`
	Blob     string  `json:"blob"`
}

// newResult converts what a server sent. Content of a kind that is not known
// becomes a sentence that says so; it does not void the rest.
func newResult(raw json.RawMessage, r *tools.Redactor) (tools.Result, error) {
	var w wireResult
	err := json.Unmarshal(raw, &w)
	if err == nil && string(raw) == "null" {
		err = errors.New("it is null")
	}
	if err != nil {
		return tools.Result{}, fmt.Errorf("its result is not what the protocol asks for: %w", err)
	}
	out := tools.Result{IsError: w.IsError}
	for _, one := range w.Content {
		var c wireContent
		if err := json.Unmarshal(one, &c); err != nil {
			var kind struct{ Type string }
			if json.Unmarshal(one, &kind) != nil || knownKind(kind.Type) {
				out.Content = append(out.Content, store.Text{Text: "(a part of the result could not be read)"})
				continue
			}
			c = wireContent{Type: kind.Type}
		}
		out.Content = append(out.Content, newPart(c, r))
	}
	if len(w.Structured) > 0 && string(w.Structured) != "null" {
		out.Structured = bytes.Clone(r.JSON(bytes.ToValidUTF8(w.Structured, []byte("\uFFFD"))))
	}
	return out, nil
}

func knownKind(kind string) bool {
	switch kind {
	case "text", "image", "audio", "resource_link", "resource":
		return true
	}
	return false
}

func newPart(c wireContent, r *tools.Redactor) store.Part {
	line := func(s string) string { return r.Text(visible(s)) }
	data := func(s string) ([]byte, bool) {
		b, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			b, err = base64.RawStdEncoding.DecodeString(s)
		}
		return b, err == nil
	}
	broken := store.Text{Text: "(a part of the result has data that is no base64 and is left out)"}
	switch c.Type {
	case "text":
		return store.Text{Text: r.Text(printable(c.Text))}
	case "image":
		b, ok := data(c.Data)
		if !ok {
			return broken
		}
		return store.Image{MIMEType: line(c.MIMEType), Data: b}
	case "audio":
		b, ok := data(c.Data)
		if !ok {
			return broken
		}
		return store.File{MIMEType: line(c.MIMEType), Data: b}
	case "resource_link":
		name := c.Name
		if name == "" {
			name = c.Title
		}
		return store.File{Name: line(name), MIMEType: line(c.MIMEType), URI: line(c.URI)}
	case "resource":
		if c.Resource == nil {
			return store.Text{Text: "(a resource in the result is empty)"}
		}
		f := store.File{MIMEType: line(c.Resource.MIMEType), URI: line(c.Resource.URI)}
		if c.Resource.Text != nil {
			f.Data = []byte(r.Text(printable(*c.Resource.Text)))
			if f.MIMEType == "" {
				f.MIMEType = "text/plain"
			}
			return f
		}
		b, ok := data(c.Resource.Blob)
		if !ok {
			return broken
		}
		f.Data = r.Bytes(b)
		return f
	}
	return store.Text{Text: fmt.Sprintf("(the result has a part of the kind %q, which is not known here)", cut(visible(c.Type), 60))}
}

package store

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Parts is the content of a message. In JSON each part is an object whose
// "type" says which it is.
type Parts []Part

// Text returns the text parts, joined.
func (ps Parts) Text() string {
	var b strings.Builder
	for _, p := range ps {
		if t, ok := p.(Text); ok {
			b.WriteString(t.Text)
		}
	}
	return b.String()
}

// MarshalJSON writes each part with its type in front.
func (ps Parts) MarshalJSON() ([]byte, error) {
	out := []byte{'['}
	for i, p := range ps {
		if p == nil {
			return nil, fmt.Errorf("part %d is nil (%w)", i, ErrInvalid)
		}
		body, err := json.Marshal(p)
		if err != nil {
			return nil, fmt.Errorf("encode part %d: %w", i, err)
		}
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, `{"type":"`+p.kind()+`"`...)
		if len(body) > 2 {
			out = append(out, ',')
		}
		out = append(out, body[1:]...)
	}
	return append(out, ']'), nil
}

// UnmarshalJSON reads what MarshalJSON wrote. A type that it does not know is
// an error that wraps ErrNewer, since only a newer version writes one.
func (ps *Parts) UnmarshalJSON(b []byte) error {
	var raw []json.RawMessage
	if err := json.Unmarshal(b, &raw); err != nil {
		return err
	}
	out := make(Parts, 0, len(raw))
	for i, r := range raw {
		var head struct {
			Type string `json:"type"`
		}
		if err := json.Unmarshal(r, &head); err != nil {
			return fmt.Errorf("part %d: %w", i, err)
		}
		p, err := decodePart(head.Type, r)
		if err != nil {
			return fmt.Errorf("part %d: %w", i, err)
		}
		out = append(out, p)
	}
	*ps = out
	return nil
}

func decodePart(kind string, raw json.RawMessage) (Part, error) {
	switch kind {
	case Text{}.kind():
		return decodeAs[Text](raw)
	case Reasoning{}.kind():
		return decodeAs[Reasoning](raw)
	case ToolCall{}.kind():
		return decodeAs[ToolCall](raw)
	case ToolResult{}.kind():
		return decodeAs[ToolResult](raw)
	case Image{}.kind():
		return decodeAs[Image](raw)
	case File{}.kind():
		return decodeAs[File](raw)
	case Opaque{}.kind():
		return decodeAs[Opaque](raw)
	case ManagedListing{}.kind():
		return decodeAs[ManagedListing](raw)
	case ManagedCall{}.kind():
		return decodeAs[ManagedCall](raw)
	case ManagedAnswer{}.kind():
		return decodeAs[ManagedAnswer](raw)
	case Summary{}.kind():
		return decodeAs[Summary](raw)
	}
	return nil, fmt.Errorf("a part of type %q is not known here (%w)", kind, ErrNewer)
}

func decodeAs[P Part](raw json.RawMessage) (Part, error) {
	var p P
	err := json.Unmarshal(raw, &p)
	return p, err
}

// Attached is something that goes with a message: a file, a picture, a resource.
type Attached struct {
	Title string `json:"title"` // what a person reads
	Parts Parts  `json:"parts"`
}

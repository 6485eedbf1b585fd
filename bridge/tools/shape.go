package tools

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/drawbridge-app/drawbridge/store"
)

// MinShape is the smallest limit that Shape keeps to.
const MinShape = 1 << 10

// Readable returns what read_result reads of a result: its texts, the text of
// files among it, and its structured content unless a text says the same, each
// after a line break. Offsets of Read are bytes of it.
func Readable(r store.ToolResult) string {
	var b strings.Builder
	add := func(s string) {
		if s == "" {
			return
		}
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(strings.ToValidUTF8(s, "\ufffd"))
	}
	for _, p := range r.Content {
		switch p := p.(type) {
		case store.Text:
			add(p.Text)
		case store.File:
			if textual(p) {
				add(string(p.Data))
			}
		}
	}
	if !repeated(r) {
		add(string(r.Structured))
	}
	return b.String()
}

// Shape returns the version of a result that a model gets, and whether anything
// was cut. The texts of that version, the structured content and what it holds
// of files together are at most limit bytes (at least MinShape). A longer result
// becomes its head and its tail, two thirds and one third, with a note between
// them that says how much is left out and that read_result reads the rest under
// the handle. Images stay as they are, and files keep their names. Where the
// result fits it comes back as it is, with the text of files put in, so that a
// model can read them.
//
// Shape changes nothing of r; the person goes on seeing the whole.
func Shape(r store.ToolResult, handle string, limit int) (store.ToolResult, bool) {
	limit = max(limit, MinShape)
	whole := Readable(r)
	shaped := r
	if len(whole) <= limit {
		shaped.Content = inlined(r.Content)
		return shaped, false
	}
	shaped.Content, shaped.Structured = nil, nil
	shaped.Content = append(shaped.Content, store.Text{Text: headAndTail(whole, handle, limit)})
	for _, p := range r.Content {
		switch p := p.(type) {
		case store.Image:
			shaped.Content = append(shaped.Content, p)
		case store.File:
			if textual(p) {
				p.Data = nil
			}
			shaped.Content = append(shaped.Content, p)
		}
	}
	return shaped, true
}

// headAndTail cuts a text that is longer than limit.
func headAndTail(whole, handle string, limit int) string {
	room := limit - len(cutNote(handle, len(whole), 2*len(whole), len(whole)))
	head := runeStart(whole, room*2/3)
	tail := runeStart(whole, len(whole)-room/3)
	if tail < len(whole)-room/3 { // the tail must not grow beyond its share
		for tail++; tail < len(whole) && !utf8.RuneStart(whole[tail]); tail++ {
		}
	}
	return whole[:head] + cutNote(handle, head, tail, len(whole)) + whole[tail:]
}

func cutNote(handle string, head, tail, size int) string {
	return fmt.Sprintf("\n\n[Drawbridge left out %d of %d bytes here. To read them, call %s with handle %q, and offset %d for what follows the text above.]\n\n",
		tail-head, size, ReadResult, handle, head)
}

// readDefault is how much Read gives where no length is asked for.
const readDefault = 16 << 10

// Read answers a call of read_result: length bytes of Readable(r) from offset
// on, at most limit of them (at least MinShape), cut between characters, and
// under them a line that says what part of how much it is and where to go on. A
// length of 0 or less means 16 KiB. An offset beyond the end is an error for the
// model.
func Read(r store.ToolResult, offset, length, limit int) Result {
	whole := Readable(r)
	if offset < 0 || offset >= len(whole) {
		return ErrorResult(fmt.Sprintf("The result has %d bytes; offset must be from 0 to %d.", len(whole), max(len(whole)-1, 0)))
	}
	if length <= 0 {
		length = readDefault
	}
	length = min(length, max(limit, MinShape), len(whole)-offset)
	start := runeStart(whole, offset)
	end := runeStart(whole, start+length)
	if end <= start { // one character is longer than length
		end = start + 1
		for end < len(whole) && !utf8.RuneStart(whole[end]) {
			end++
		}
	}
	rest := "This is the end."
	if end < len(whole) {
		rest = fmt.Sprintf("The next offset is %d.", end)
	}
	return textResult(fmt.Sprintf("%s\n\n[Bytes %d to %d of %d. %s]", whole[start:end], start, end, len(whole), rest))
}

// ReadArguments reads the arguments of a call of read_result. The error is a
// sentence for the model.
func ReadArguments(raw json.RawMessage) (handle string, offset, length int, err error) {
	raw = emptyObject(raw)
	if err := CheckArguments(raw); err != nil {
		return "", 0, 0, err
	}
	var in struct {
		Handle         string
		Offset, Length float64
	}
	if err := json.Unmarshal(raw, &in); err != nil || in.Handle == "" {
		return "", 0, 0, argumentsError("read_result needs a handle, as text, from the note in a shortened result; offset and length are numbers.")
	}
	clamp := func(f float64) int { return int(min(max(f, -1), 1<<40)) }
	return in.Handle, clamp(in.Offset), clamp(in.Length), nil
}

// Inline returns the parts with the text of files put in, under their names, so
// that a model can read them. It changes nothing of what it gets, and reports
// false where there is nothing to put in.
func Inline(parts store.Parts) (store.Parts, bool) {
	for _, p := range parts {
		if f, ok := p.(store.File); ok && textual(f) {
			return inlined(parts), true
		}
	}
	return parts, false
}

// inlined puts the text of files in place of them, under their names.
func inlined(parts store.Parts) store.Parts {
	out := make(store.Parts, 0, len(parts))
	for _, p := range parts {
		f, ok := p.(store.File)
		if !ok || !textual(f) {
			out = append(out, p)
			continue
		}
		text := string(f.Data)
		f.Data = nil
		out = append(out, f, store.Text{Text: strings.ToValidUTF8(text, "\ufffd")})
	}
	return out
}

// textual reports whether a file holds text that a model can read.
func textual(f store.File) bool {
	kind, _, _ := strings.Cut(strings.ToLower(f.MIMEType), ";")
	kind = strings.TrimSpace(kind)
	return len(f.Data) > 0 && utf8.Valid(f.Data) && (strings.HasPrefix(kind, "text/") || kind == "application/json" ||
		kind == "application/xml" || kind == "application/yaml" || strings.HasSuffix(kind, "+json") || strings.HasSuffix(kind, "+xml"))
}

// repeated reports whether one of the texts says what the structured content
// says, as the specification of MCP advises servers to do.
func repeated(r store.ToolResult) bool {
	if len(r.Structured) == 0 || string(r.Structured) == "null" {
		return true
	}
	var want, got bytes.Buffer
	if json.Compact(&want, r.Structured) != nil {
		return false
	}
	for _, p := range r.Content {
		t, ok := p.(store.Text)
		got.Reset()
		if ok && json.Compact(&got, []byte(t.Text)) == nil && bytes.Equal(got.Bytes(), want.Bytes()) {
			return true
		}
	}
	return false
}

// textResult is a result that is one text.
func textResult(text string) Result {
	return Result{Content: store.Parts{store.Text{Text: text}}}
}

// runeStart returns the last start of a character that is not behind at.
func runeStart(s string, at int) int {
	if at >= len(s) {
		return len(s)
	}
	for at > 0 && !utf8.RuneStart(s[at]) {
		at--
	}
	return max(at, 0)
}

// clip cuts a text to at most limit bytes, between characters.
func clip(s string, limit int) string { return s[:runeStart(s, limit)] }

// clipNoted is clip with a sign that something is missing.
func clipNoted(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return clip(s, limit-len(" …")) + " …"
}

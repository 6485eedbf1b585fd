package tools

import (
	"encoding/json"
	"slices"
	"unicode/utf8"
)

// Format names the form in which a service takes function tools.
type Format string

// The formats.
const (
	FormatChat      Format = "chat"      // OpenAI's Chat Completions
	FormatResponses Format = "responses" // OpenAI's Responses
	FormatAnthropic Format = "anthropic" // Anthropic's Messages
	FormatGemini    Format = "gemini"    // Gemini's generateContent
)

// Dialect is what a wire format accepts as function tools. Names have the same
// form in all of them ([A-Za-z0-9_-], a letter first), so that a conversation
// that goes from one service to another keeps the names of its calls.
type Dialect struct {
	// Format decides how a schema is rewritten, and the form of
	// Function.JSON. Empty counts as FormatChat.
	Format   Format
	MaxName  int // bytes of a name
	MaxTools int // 0 means no limit that is known
	// Strict says that the service holds a model to a schema in strict mode, so
	// that Function.Strict may be set. Off for services that only resemble
	// OpenAI's, since some of them refuse a request that says so.
	Strict bool
}

// The dialects. OpenAI is that of services compatible with Chat Completions.
var (
	OpenAI    = Dialect{Format: FormatChat, MaxName: 64, MaxTools: 128}
	Chat      = Dialect{Format: FormatChat, MaxName: 64, MaxTools: 128, Strict: true}
	Responses = Dialect{Format: FormatResponses, MaxName: 64, MaxTools: 128, Strict: true}
	Anthropic = Dialect{Format: FormatAnthropic, MaxName: 64}
	Gemini    = Dialect{Format: FormatGemini, MaxName: 64, MaxTools: 512}
)

// Function is a tool as it is offered to a model.
type Function struct {
	Name        string
	Description string
	Parameters  json.RawMessage // a JSON Schema in the dialect of the table
	// Strict says that the schema fits the strict mode of the service as it is,
	// so that asking for it changes nothing about which arguments are valid.
	Strict bool
	// Note says in sentences what of the tool's schema the service cannot be
	// told. The schema that it gets allows more there, never less. Empty if it
	// gets all of it.
	Note string
	Ref  Ref // zero for Drawbridge's own functions, see Own
}

// JSON returns the function as one tool object of a request in the format: what
// adapters send and what a person is shown are both made here. For Gemini it is
// a function declaration.
func (f Function) JSON(format Format) json.RawMessage {
	b := make([]byte, 0, len(f.Parameters)+len(f.Description)+len(f.Name)+128)
	text := func(key, value string) {
		b = append(b, '"')
		b = append(b, key...)
		b = append(b, `":`...)
		b = appendString(b, value)
	}
	describe := func() {
		if f.Description != "" {
			b = append(b, ',')
			text("description", f.Description)
		}
	}
	parameters := func(key string) {
		b = append(b, `,"`...)
		b = append(b, key...)
		b = append(b, `":`...)
		if len(f.Parameters) == 0 {
			b = append(b, emptySchema...)
		} else {
			b = append(b, f.Parameters...)
		}
	}
	b = append(b, '{')
	switch format {
	case FormatResponses:
		b = append(b, `"type":"function",`...)
		text("name", f.Name)
		describe()
		parameters("parameters")
		// Strict is always said: left out, the API turns it on, and with it
		// every optional argument becomes required.
		if f.Strict {
			b = append(b, `,"strict":true`...)
		} else {
			b = append(b, `,"strict":false`...)
		}
	case FormatAnthropic:
		text("name", f.Name)
		describe()
		parameters("input_schema")
	case FormatGemini:
		text("name", f.Name)
		describe()
		parameters("parametersJsonSchema")
	default:
		b = append(b, `"type":"function","function":{`...)
		text("name", f.Name)
		describe()
		parameters("parameters")
		if f.Strict {
			b = append(b, `,"strict":true`...)
		}
		b = append(b, '}')
	}
	return append(b, '}')
}

// JSON returns the value of the field "tools" of a request that offers the
// functions: a list of tool objects, and for Gemini one tool with a list of
// declarations. It is an empty list if there are none.
func JSON(format Format, functions []Function) json.RawMessage {
	b := []byte{'['}
	if format == FormatGemini && len(functions) > 0 {
		b = append(b, `{"functionDeclarations":[`...)
	}
	for i, f := range functions {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, f.JSON(format)...)
	}
	if format == FormatGemini && len(functions) > 0 {
		b = append(b, "]}"...)
	}
	return append(b, ']')
}

// appendString appends text as a JSON string (RFC 8259). Broken UTF-8 is
// replaced.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		size := 1
		if c >= utf8.RuneSelf {
			var r rune
			if r, size = utf8.DecodeRuneInString(s[i:]); r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
		}
		b = append(b, s[start:i]...)
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, `\n`...)
		case c == '\t':
			b = append(b, `\t`...)
		case c < 0x20:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			b = append(b, "\ufffd"...)
		}
		i += size
		start = i
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}

const emptySchema = `{"type":"object","properties":{}}`

// Drawbridge's own functions. A model is offered them beside the tools of
// servers or in their place; the loop runs them itself. No tool is ever given
// one of these names.
const (
	FindTools  = "find_tools"  // see Table.Find
	CallTool   = "call_tool"   // see Table.Unwrap
	ReadResult = "read_result" // see Read
)

// Own reports whether a name is one of Drawbridge's own functions.
func Own(name string) bool {
	return slices.Contains([]string{FindTools, CallTool, ReadResult}, name)
}

// ownFunctions returns Drawbridge's own functions of these names, in their
// order. Their schemas are as every service takes them.
func ownFunctions(names ...string) []Function {
	var out []Function
	for _, name := range names {
		f := Function{Name: name}
		switch name {
		case FindTools:
			f.Description = "Find tools that can be called with call_tool. There are more tools than fit here, so look for what you need in a few words; the answer names the tools that match best, each with its description and its parameters as a JSON Schema."
			f.Parameters = json.RawMessage(`{"type":"object","properties":{"query":{"type":"string","description":"What the tool should do, in a few words, for example: create an issue"},"limit":{"type":"integer","minimum":1,"maximum":20,"description":"How many tools to name at most; 5 if left out"}},"required":["query"],"additionalProperties":false}`)
		case CallTool:
			f.Description = "Call a tool that find_tools named."
			f.Parameters = json.RawMessage(`{"type":"object","properties":{"name":{"type":"string","description":"The name of the tool, exactly as find_tools gave it"},"arguments":{"type":"object","description":"The arguments, as the tool's parameters ask for them","additionalProperties":true}},"required":["name","arguments"],"additionalProperties":false}`)
		case ReadResult:
			f.Description = "Read on in a result of a tool that was too long to be shown whole. The note in the shortened result gives its handle."
			f.Parameters = json.RawMessage(`{"type":"object","properties":{"handle":{"type":"string","description":"The handle from the note"},"offset":{"type":"integer","minimum":0,"description":"The byte at which to begin; 0 if left out"},"length":{"type":"integer","minimum":1,"description":"How many bytes to read at most"}},"required":["handle"],"additionalProperties":false}`)
		}
		out = append(out, f)
	}
	return out
}

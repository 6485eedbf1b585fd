package bridge

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/drawbridge-app/drawbridge/bridge/provider"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// Format names the form in which tools are offered to a model, calls come back,
// and results go there.
type Format string

// The formats. What a Toolbox makes and takes in each:
//
//	format     tools                      call                        result
//	openai     Chat Completions: tools    a member of tool_calls      a message of the role tool
//	responses  Responses: tools           an item function_call       an item function_call_output
//	anthropic  Messages: tools            a block tool_use            a block tool_result
//	gemini     generateContent: tools     a part with functionCall    a part with functionResponse
//	mcp        MCP: tools of tools/list   the params of tools/call    the result of tools/call
const (
	FormatMCP       Format = "mcp"
	FormatOpenAI    Format = "openai"
	FormatResponses Format = "responses"
	FormatAnthropic Format = "anthropic"
	FormatGemini    Format = "gemini"
)

// Dialect returns what the service takes as function tools. For FormatMCP, and
// for what is no format, it is that of services like OpenAI's and false.
func (f Format) Dialect() (tools.Dialect, bool) {
	switch f {
	case FormatOpenAI:
		return tools.Chat, true
	case FormatResponses:
		return tools.Responses, true
	case FormatAnthropic:
		return tools.Anthropic, true
	case FormatGemini:
		return tools.Gemini, true
	}
	return tools.OpenAI, false
}

func (f Format) validate() error {
	if _, ok := f.Dialect(); !ok && f != FormatMCP {
		return fmt.Errorf("there is no format %q; use mcp, openai, responses, anthropic or gemini (%w)", string(f), store.ErrInvalid)
	}
	return nil
}

// offer writes a table's tools.
func (f Format) offer(table *tools.Table) (json.RawMessage, error) {
	if f != FormatMCP {
		return tools.JSON(table.Dialect().Format, table.Functions()), nil
	}
	list := []json.RawMessage{}
	for _, function := range table.Functions() {
		tool, _ := table.Lookup(function.Name)
		var m map[string]json.RawMessage
		if err := json.Unmarshal(tool.Definition, &m); err != nil {
			return nil, fmt.Errorf("the definition of %s: %w", tool.Ref, err)
		}
		name, err := json.Marshal(function.Name)
		if err != nil {
			return nil, err
		}
		m["name"], m["inputSchema"] = name, tool.InputSchema // without what rules hide
		raw, err := json.Marshal(m)
		if err != nil {
			return nil, err
		}
		list = append(list, raw)
	}
	return json.Marshal(list)
}

// toolCall is a call as a model or client wrote it.
type toolCall struct {
	id, name  string
	arguments json.RawMessage
}

// call reads a call. The error wraps store.ErrInvalid.
func (f Format) call(raw json.RawMessage) (c toolCall, err error) {
	var m struct {
		Type         string          `json:"type"`
		ID           string          `json:"id"`
		CallID       string          `json:"call_id"`
		Name         string          `json:"name"`
		Arguments    json.RawMessage `json:"arguments"`
		Input        json.RawMessage `json:"input"`
		Args         json.RawMessage `json:"args"`
		Params       json.RawMessage `json:"params"`
		FunctionCall json.RawMessage `json:"functionCall"`
		Function     struct {
			Name      string          `json:"name"`
			Arguments json.RawMessage `json:"arguments"`
		} `json:"function"`
	}
	wrong := func(want string) (toolCall, error) {
		return toolCall{}, fmt.Errorf("this is no call of a tool in the format %s; hand over %s as it came (%w)", f, want, store.ErrInvalid)
	}
	read := func(raw json.RawMessage) bool { return len(raw) <= maxToolCall && json.Unmarshal(raw, &m) == nil }
	switch f {
	case FormatOpenAI:
		if !read(raw) || m.Function.Name == "" || m.Type != "" && m.Type != "function" {
			return wrong("a member of tool_calls")
		}
		c = toolCall{m.ID, m.Function.Name, written(m.Function.Arguments)}
	case FormatResponses:
		if !read(raw) || m.Name == "" || m.CallID == "" || m.Type != "function_call" {
			return wrong("an item of the type function_call")
		}
		c = toolCall{m.CallID, m.Name, written(m.Arguments)}
	case FormatAnthropic:
		if !read(raw) || m.Name == "" || m.ID == "" || m.Type != "tool_use" {
			return wrong("a block of the type tool_use")
		}
		c = toolCall{m.ID, m.Name, m.Input}
	case FormatGemini:
		if !read(raw) || m.FunctionCall != nil && !read(m.FunctionCall) || m.Name == "" {
			return wrong("a part with a functionCall")
		}
		c = toolCall{m.ID, m.Name, m.Args}
	case FormatMCP:
		if !read(raw) || m.Params != nil && !read(m.Params) || m.Name == "" {
			return wrong("the params of tools/call")
		}
		c = toolCall{"", m.Name, m.Arguments}
	default:
		return toolCall{}, f.validate()
	}
	if a := bytes.TrimSpace(c.arguments); len(a) == 0 || string(a) == "null" {
		c.arguments = json.RawMessage("{}")
	}
	return c, nil
}

// maxToolCall bounds a call, in bytes: its arguments and what is around them.
const maxToolCall = 4 * tools.MaxArguments

// written returns arguments that are a text of JSON, as OpenAI's formats have
// them, as JSON. Arguments that are JSON already stay.
func written(raw json.RawMessage) json.RawMessage {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return json.RawMessage(text)
	}
	return raw
}

// answer writes the result of a call.
func (f Format) answer(c toolCall, r tools.Result) (json.RawMessage, error) {
	if f == FormatMCP {
		return mcpResult(r)
	}
	dialect, _ := f.Dialect()
	return provider.Answer(dialect.Format, c.name, r.Part(c.id))
}

// mcpResult writes the result of tools/call (2025-11-25, server/tools).
func mcpResult(r tools.Result) (json.RawMessage, error) {
	content := []map[string]any{}
	for _, p := range r.Content {
		switch p := p.(type) {
		case store.Text:
			content = append(content, map[string]any{"type": "text", "text": p.Text})
		case store.Image:
			content = append(content, map[string]any{"type": "image", "data": base64.StdEncoding.EncodeToString(p.Data), "mimeType": p.MIMEType})
		case store.File:
			content = append(content, mcpFile(p))
		}
	}
	out := map[string]any{"content": content, "isError": r.IsError}
	if len(r.Structured) > 0 {
		out["structuredContent"] = r.Structured
	}
	return json.Marshal(out)
}

func mcpFile(f store.File) map[string]any {
	data := base64.StdEncoding.EncodeToString(f.Data)
	switch {
	case len(f.Data) == 0:
		name := f.Name
		if name == "" {
			name = f.URI
		}
		return map[string]any{"type": "resource_link", "uri": f.URI, "name": name, "mimeType": f.MIMEType}
	case strings.HasPrefix(f.MIMEType, "audio/"):
		return map[string]any{"type": "audio", "data": data, "mimeType": f.MIMEType}
	}
	return map[string]any{"type": "resource", "resource": map[string]any{"uri": f.URI, "mimeType": f.MIMEType, "blob": data}}
}

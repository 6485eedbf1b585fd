package bridge_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// asServer has the test's program be an MCP server over stdio.
const asServer = "DRAWBRIDGE_TEST_SERVER"

func TestMain(m *testing.M) {
	if os.Getenv(asServer) != "" {
		if err := odd().Run(context.Background(), &mcp.StdioTransport{}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	mcphost.RunShim()
	os.Exit(m.Run())
}

// odd is a server with a result of each kind.
func odd() *mcp.Server {
	server := mcp.NewServer(&mcp.Implementation{Name: "odd", Version: "1"}, nil)
	add := func(name string, content []mcp.Content, structured any, failed bool) {
		mcp.AddTool(server, &mcp.Tool{Name: name}, func(context.Context, *mcp.CallToolRequest, map[string]any) (*mcp.CallToolResult, any, error) {
			return &mcp.CallToolResult{Content: content, StructuredContent: structured, IsError: failed}, nil, nil
		})
	}
	text := &mcp.TextContent{Text: "a text"}
	add("text", []mcp.Content{text}, nil, false)
	add("failing", []mcp.Content{text}, nil, true)
	add("nothing", nil, nil, false)
	add("picture", []mcp.Content{text, &mcp.ImageContent{Data: []byte("\x89PNG\r\n"), MIMEType: "image/png"}}, nil, false)
	add("structured", []mcp.Content{text}, map[string]any{"n": 1}, false)
	add("link", []mcp.Content{&mcp.ResourceLink{URI: "file:///a", Name: "a", MIMEType: "text/plain"}}, nil, false)
	return server
}

// toolbox opens one with the odd server as a child process and over HTTP.
func toolbox(t *testing.T, change func(*bridge.ToolboxOptions)) *bridge.Toolbox {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	over := httptest.NewServer(mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return odd() }, nil))
	t.Cleanup(over.Close)
	config, err := json.Marshal(map[string]any{"mcpServers": map[string]any{
		"child": map[string]any{"command": self, "env": map[string]string{asServer: "1"}},
		"far":   map[string]any{"url": over.URL},
	}})
	if err != nil {
		t.Fatal(err)
	}
	o := bridge.ToolboxOptions{Config: string(config), Approve: bridge.ApproveAll, Home: t.TempDir()}
	if change != nil {
		change(&o)
	}
	box, err := bridge.OpenToolbox(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := box.Close(); err != nil {
			t.Error(err)
		}
	})
	return box
}

func TestToolboxResults(t *testing.T) {
	box := toolbox(t, nil)
	for format, call := range map[bridge.Format]string{
		bridge.FormatOpenAI:    `{"id":"c","type":"function","function":{"name":%q,"arguments":""}}`,
		bridge.FormatResponses: `{"type":"function_call","call_id":"c","name":%q,"arguments":"{}"}`,
		bridge.FormatAnthropic: `{"type":"tool_use","id":"c","name":%q,"input":{}}`,
		bridge.FormatGemini:    `{"functionCall":{"id":"c","name":%q}}`,
		bridge.FormatMCP:       `{"method":"tools/call","params":{"name":%q,"arguments":null}}`,
	} {
		for tool, want := range map[string]map[bridge.Format]string{
			"text": {
				bridge.FormatOpenAI:    `{"role":"tool","tool_call_id":"c","content":"a text"}`,
				bridge.FormatResponses: `{"type":"function_call_output","call_id":"c","output":"a text"}`,
				bridge.FormatAnthropic: `{"type":"tool_result","tool_use_id":"c","content":[{"type":"text","text":"a text"}]}`,
				bridge.FormatGemini:    `{"functionResponse":{"id":"c","name":"child__text","response":{"output":"a text"}}}`,
				bridge.FormatMCP:       `{"content":[{"type":"text","text":"a text"}],"isError":false}`,
			},
			"failing": {
				bridge.FormatOpenAI:    `{"role":"tool","tool_call_id":"c","content":"The tool reported an error:\na text"}`,
				bridge.FormatResponses: `{"type":"function_call_output","call_id":"c","output":"The tool reported an error:\na text"}`,
				bridge.FormatAnthropic: `{"type":"tool_result","tool_use_id":"c","is_error":true,"content":[{"type":"text","text":"a text"}]}`,
				bridge.FormatGemini:    `{"functionResponse":{"id":"c","name":"child__failing","response":{"error":"a text"}}}`,
				bridge.FormatMCP:       `{"content":[{"type":"text","text":"a text"}],"isError":true}`,
			},
			"nothing": {
				bridge.FormatOpenAI:    `{"role":"tool","tool_call_id":"c","content":"The tool returned nothing."}`,
				bridge.FormatResponses: `{"type":"function_call_output","call_id":"c","output":"The tool returned nothing."}`,
				bridge.FormatAnthropic: `{"type":"tool_result","tool_use_id":"c","content":[{"type":"text","text":"The tool returned nothing."}]}`,
				bridge.FormatGemini:    `{"functionResponse":{"id":"c","name":"child__nothing","response":{"output":"The tool returned nothing."}}}`,
				bridge.FormatMCP:       `{"content":[],"isError":false}`,
			},
			"picture": {
				bridge.FormatOpenAI:    `{"role":"tool","tool_call_id":"c","content":"a text\n[image image/png, 6 bytes, shown to the person and not to you]"}`,
				bridge.FormatResponses: `{"type":"function_call_output","call_id":"c","output":[{"type":"input_text","text":"a text"},{"type":"input_image","detail":"auto","image_url":"data:image/png;base64,iVBORw0K"}]}`,
				bridge.FormatAnthropic: `{"type":"tool_result","tool_use_id":"c","content":[{"type":"text","text":"a text"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBORw0K"}}]}`,
				bridge.FormatGemini:    `{"functionResponse":{"id":"c","name":"child__picture","response":{"output":"a text\n[image image/png, 6 bytes, shown to the person and not to you]"}}}`,
				bridge.FormatMCP:       `{"content":[{"type":"text","text":"a text"},{"type":"image","mimeType":"image/png","data":"iVBORw0K"}],"isError":false}`,
			},
			"structured": {
				bridge.FormatOpenAI: `{"role":"tool","tool_call_id":"c","content":"a text\n{\"n\":1}"}`,
				bridge.FormatMCP:    `{"content":[{"type":"text","text":"a text"}],"structuredContent":{"n":1},"isError":false}`,
			},
			"link": {
				bridge.FormatOpenAI: `{"role":"tool","tool_call_id":"c","content":"[file a text/plain file:///a]"}`,
				bridge.FormatMCP:    `{"content":[{"type":"resource_link","uri":"file:///a","name":"a","mimeType":"text/plain"}],"isError":false}`,
			},
		} {
			want, ok := want[format]
			if !ok {
				continue
			}
			called, err := box.Call(t.Context(), format, json.RawMessage(fmt.Sprintf(call, "child__"+tool)))
			if err != nil {
				t.Errorf("%s %s: %v", format, tool, err)
				continue
			}
			if got := plain(t, called.Message); got != plain(t, json.RawMessage(want)) {
				t.Errorf("%s %s:\n%s\nwant\n%s", format, tool, called.Message, want)
			}
		}
	}
}

// plain writes JSON with its keys sorted.
func plain(t *testing.T, raw json.RawMessage) string {
	t.Helper()
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// What a model does wrong is told to it; what the program does wrong, to the
// program.
func TestToolboxWrongCalls(t *testing.T) {
	box := toolbox(t, nil)
	for call, says := range map[string]string{
		`{"id":"c","function":{"name":"nobody__knows","arguments":"{}"}}`:              "There is no tool",
		`{"id":"c","function":{"name":"text","arguments":"{}"}}`:                       "There is no tool",
		`{"id":"c","function":{"name":"child__text","arguments":"{\"a\":"}}`:           "not a JSON object",
		`{"id":"c","function":{"name":"child__text","arguments":"[]"}}`:                "not a JSON object",
		`{"id":"c","function":{"name":"child__text","arguments":"{\"a\":1,\"a\":2}"}}`: "twice",
	} {
		called, err := box.Call(t.Context(), bridge.FormatOpenAI, json.RawMessage(call))
		if err != nil || !called.Result.IsError || !strings.Contains(called.Result.Content.Text(), says) || !strings.Contains(string(called.Message), `"tool_call_id":"c"`) {
			t.Errorf("%s: %v %s", call, err, called.Message)
		}
	}
	for call, format := range map[string]bridge.Format{
		``: bridge.FormatOpenAI, `[]`: bridge.FormatOpenAI, `{"name":"child__text"}`: bridge.FormatOpenAI,
		`{"type":"custom","function":{"name":"child__text"}}`:      bridge.FormatOpenAI,
		`{"type":"function_call","name":"child__text"}`:            bridge.FormatResponses,
		`{"type":"mcp_call","call_id":"c","name":"child__text"}`:   bridge.FormatResponses,
		`{"type":"server_tool_use","id":"c","name":"child__text"}`: bridge.FormatAnthropic,
		`{"functionCall":{"args":{}}}`:                             bridge.FormatGemini,
		`{"functionCall":7,"name":"child__text"}`:                  bridge.FormatGemini,
		`{"arguments":{}}`: bridge.FormatMCP,
		`{"id":"c","type":"function","function":{"name":"child__text"}}  `: "cobol",
	} {
		if _, err := box.Call(t.Context(), format, json.RawMessage(call)); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s as %s: %v", call, format, err)
		}
	}
	if _, err := box.Tools(t.Context(), "cobol"); !errors.Is(err, store.ErrInvalid) {
		t.Error(err)
	}
	if _, err := box.Tools(t.Context(), bridge.FormatOpenAI, "nobody"); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
	list, err := box.Tools(t.Context(), bridge.FormatOpenAI, "far")
	if err != nil || !strings.Contains(string(list), `"far__text"`) || strings.Contains(string(list), "child__") {
		t.Errorf("%s %v", list, err)
	}
}

// Nobody who is asked allows nothing, and who is asked sees what would run.
func TestToolboxApprovals(t *testing.T) {
	call := json.RawMessage(`{"type":"tool_use","id":"c","name":"child__text","input":{"a":1}}`)
	box := toolbox(t, func(o *bridge.ToolboxOptions) { o.Approve = nil })
	if called, err := box.Call(t.Context(), bridge.FormatAnthropic, call); err != nil || !errors.Is(called.Result.Denied, store.ErrDenied) {
		t.Errorf("%v %+v", err, called.Result)
	}
	var asked atomic.Int32
	box = toolbox(t, func(o *bridge.ToolboxOptions) {
		o.Approve = func(_ context.Context, a chat.Approval) (tools.Answer, error) {
			asked.Add(1)
			if a.Call.ID != "c" || a.Call.Name != "child__text" || a.Tool.Server != "child" || plain(t, a.Call.Arguments) != `{"a":1}` || a.Reason == "" {
				t.Errorf("asked about %+v", a)
			}
			return tools.AnswerConversation, nil
		}
	})
	for range 3 {
		if called, err := box.Call(t.Context(), bridge.FormatAnthropic, call); err != nil || called.Result.IsError {
			t.Errorf("%v %+v", err, called.Result)
		}
	}
	if asked.Load() != 1 {
		t.Errorf("asked %d times", asked.Load())
	}
}

// A toolbox that cannot be opened says why, and leaves nothing.
func TestToolboxWrongServers(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	for config, says := range map[string]string{
		`{"mcpServers": {"a": {"command": "no-such-program-here"}}}`: "the server a did not start",
		`{"mcpServers": {"a": {}}}`:                                  "neither a command nor a URL",
		`nonsense`:                                                   "",
		`{"servers": {"a": {"command": "x", "env": {"K": "${input:key}"}}}}`:              "asks for",
		`{"mcpServers": {"workbench": {"command": "x"}}}`:                                 "two servers",
		`{"mcpServers": {"a": {"url": "http://127.0.0.1:1/"}, "b": {"command": "true"}}}`: "the server a did not start",
	} {
		box, err := bridge.OpenToolbox(t.Context(), bridge.ToolboxOptions{Config: config, Approve: bridge.ApproveAll})
		if err == nil {
			t.Errorf("%s opened: %v", config, box.Close())
			continue
		}
		if !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", config, err)
		}
	}
	left, err := os.ReadDir(temp)
	if err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
	server := store.ServerConfig{Name: "a", Transport: store.TransportHTTP, URL: "http://127.0.0.1:1/", Headers: map[string]store.Value{"X-Key": store.RefTo(store.ServerSecret("a", "header", "X-Key"))}}
	if _, err := bridge.OpenToolbox(t.Context(), bridge.ToolboxOptions{Servers: []store.ServerConfig{server}}); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
}

// A conversation goes on where it was, and an error of the model is one of Ask.
func TestToolboxConversation(t *testing.T) {
	box := toolbox(t, nil)
	c, err := box.Conversation(t.Context(), clerk{}, "clerk-1", "Be short.")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		answer, err := c.Ask(t.Context(), "What is there?")
		if err != nil || !strings.HasPrefix(answer, "I looked it up: ") {
			t.Errorf("%q %v", answer, err)
		}
	}
	messages, err := c.Messages(t.Context())
	if err != nil || len(messages) != 8 {
		t.Errorf("%d messages, %v", len(messages), err)
	}
	if _, err := box.Conversation(t.Context(), nil, "", ""); !errors.Is(err, store.ErrInvalid) {
		t.Error(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := c.Ask(ctx, "And now?"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

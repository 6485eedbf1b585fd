package bridge_test

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// weather stands for any MCP server.
func weather() *httptest.Server {
	type where struct {
		City string `json:"city"`
	}
	server := mcp.NewServer(&mcp.Implementation{Name: "weather", Version: "1"}, nil)
	mcp.AddTool(server, &mcp.Tool{Name: "forecast", Description: "Says what the weather will be."},
		func(_ context.Context, _ *mcp.CallToolRequest, in where) (*mcp.CallToolResult, any, error) {
			return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "Rain in " + in.City + "."}}}, nil, nil
		})
	return httptest.NewServer(mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, nil))
}

// open starts the server of the examples. A program writes the addresses and
// commands of its own servers into the Config.
func open() (box *bridge.Toolbox, done func()) {
	server := weather()
	box, err := bridge.OpenToolbox(context.Background(), bridge.ToolboxOptions{
		Config:  `{"mcpServers": {"weather": {"url": "` + server.URL + `"}}}`,
		Approve: bridge.ApproveAll,
	})
	if err != nil {
		log.Fatal(err)
	}
	return box, func() {
		if err := box.Close(); err != nil {
			log.Fatal(err)
		}
		server.Close()
	}
}

// The same tool in the formats of the providers, and as MCP has it. Each is the
// value of "tools" in a request.
func ExampleToolbox_Tools() {
	box, done := open()
	defer done()
	for _, format := range []bridge.Format{bridge.FormatOpenAI, bridge.FormatResponses, bridge.FormatAnthropic, bridge.FormatGemini, bridge.FormatMCP} {
		list, err := box.Tools(context.Background(), format)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s: %s\n", format, list)
	}
	// Output:
	// openai: [{"type":"function","function":{"name":"weather__forecast","description":"[weather] Says what the weather will be.","parameters":{"additionalProperties":false,"properties":{"city":{"type":"string"}},"required":["city"],"type":"object"},"strict":true}}]
	// responses: [{"type":"function","name":"weather__forecast","description":"[weather] Says what the weather will be.","parameters":{"additionalProperties":false,"properties":{"city":{"type":"string"}},"required":["city"],"type":"object"},"strict":true}]
	// anthropic: [{"name":"weather__forecast","description":"[weather] Says what the weather will be.","input_schema":{"additionalProperties":false,"properties":{"city":{"type":"string"}},"required":["city"],"type":"object"}}]
	// gemini: [{"functionDeclarations":[{"name":"weather__forecast","description":"[weather] Says what the weather will be.","parametersJsonSchema":{"additionalProperties":false,"properties":{"city":{"type":"string"}},"required":["city"],"type":"object"}}]}]
	// mcp: [{"description":"Says what the weather will be.","inputSchema":{"additionalProperties":false,"properties":{"city":{"type":"string"}},"required":["city"],"type":"object"},"name":"weather__forecast"}]
}

// A call of Chat Completions, as it stands in tool_calls, and the message that
// answers it.
func ExampleToolbox_Call() {
	box, done := open()
	defer done()
	call := json.RawMessage(`{"id":"call_1","type":"function","function":{"name":"weather__forecast","arguments":"{\"city\":\"Lima\"}"}}`)
	called, err := box.Call(context.Background(), bridge.FormatOpenAI, call)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(called.Message))
	// Output:
	// {"role":"tool","content":"Rain in Lima.","tool_call_id":"call_1"}
}

// A call of OpenAI's Responses, as it stands in the output.
func ExampleToolbox_Call_responses() {
	box, done := open()
	defer done()
	call := json.RawMessage(`{"type":"function_call","id":"fc_1","call_id":"call_1","name":"weather__forecast","arguments":"{\"city\":\"Lima\"}","status":"completed"}`)
	called, err := box.Call(context.Background(), bridge.FormatResponses, call)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(called.Message))
	// Output:
	// {"output":"Rain in Lima.","call_id":"call_1","type":"function_call_output"}
}

// A call of Anthropic's Messages, as it stands in the content.
func ExampleToolbox_Call_anthropic() {
	box, done := open()
	defer done()
	call := json.RawMessage(`{"type":"tool_use","id":"toolu_1","name":"weather__forecast","input":{"city":"Lima"}}`)
	called, err := box.Call(context.Background(), bridge.FormatAnthropic, call)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(called.Message))
	// Output:
	// {"tool_use_id":"toolu_1","content":[{"text":"Rain in Lima.","type":"text"}],"type":"tool_result"}
}

// A call of Gemini, as it stands in the parts.
func ExampleToolbox_Call_gemini() {
	box, done := open()
	defer done()
	call := json.RawMessage(`{"functionCall":{"name":"weather__forecast","args":{"city":"Lima"}}}`)
	called, err := box.Call(context.Background(), bridge.FormatGemini, call)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(called.Message))
	// Output:
	// {"functionResponse":{"name":"weather__forecast","response":{"output":"Rain in Lima."}}}
}

// The params of an MCP client's tools/call.
func ExampleToolbox_Call_mcp() {
	box, done := open()
	defer done()
	called, err := box.Call(context.Background(), bridge.FormatMCP, json.RawMessage(`{"name":"weather__forecast","arguments":{"city":"Lima"}}`))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(called.Message))
	// Output:
	// {"content":[{"text":"Rain in Lima.","type":"text"}],"isError":false}
}

// clerk is a model of the program's own: it looks the weather up, and repeats
// what it is told. A real one calls a service in Stream; package provider has
// clients for the usual formats.
type clerk struct{}

// Dialect says which names and schemas the model takes.
func (clerk) Dialect() tools.Dialect { return tools.OpenAI }

// Features says that the provider does nothing by itself.
func (clerk) Features() model.Features { return model.Features{} }

// Stream answers one request.
func (clerk) Stream(_ context.Context, req model.Request) iter.Seq2[model.Delta, error] {
	return func(yield func(model.Delta, error) bool) {
		last := req.Messages[len(req.Messages)-1]
		if results := last.Results(); len(results) > 0 {
			_ = yield(model.TextDelta{Text: "I looked it up: " + results[0].Content.Text()}, nil) &&
				yield(model.Done{Reason: model.StopEnd}, nil)
			return
		}
		name := req.Tools.Functions()[0].Name
		_ = yield(model.CallDelta{ID: "call_1", Name: name, Arguments: `{"city":"Lima"}`}, nil) &&
			yield(model.Done{Reason: model.StopCalls}, nil)
	}
}

// The whole loop with a provider of one's own: the model is called, its calls
// run, their results go back, until it is done.
func ExampleToolbox_Conversation() {
	box, done := open()
	defer done()
	conversation, err := box.Conversation(context.Background(), clerk{}, "clerk-1", "")
	if err != nil {
		log.Fatal(err)
	}
	for event, err := range conversation.Send(context.Background(), "Do I need an umbrella in Lima?") {
		if err != nil {
			log.Fatal(err)
		}
		switch e := event.(type) {
		case chat.Finished:
			for _, call := range e.Message.Calls() {
				fmt.Println("calls", call.Name, string(call.Arguments))
			}
			if text := e.Message.Text(); text != "" {
				fmt.Println("says", text)
			}
		case chat.CallDone:
			fmt.Println("gets", e.Result.Content.Text())
		}
	}
	// Output:
	// calls weather__forecast {"city":"Lima"}
	// gets Rain in Lima.
	// says I looked it up: Rain in Lima.
}

// Rules and approvals hold for a program as they do for a person: this one lets
// models see one parameter, and looks at each call before it runs.
func ExampleOpenToolbox() {
	server := weather()
	defer server.Close()
	box, err := bridge.OpenToolbox(context.Background(), bridge.ToolboxOptions{
		Servers: []store.ServerConfig{{
			Name: "weather", Transport: store.TransportHTTP, URL: server.URL,
			Rules: store.Rules{AllowedParams: map[string][]string{"forecast": {"city"}}},
		}},
		Approve: func(_ context.Context, a chat.Approval) (tools.Answer, error) {
			fmt.Println("asked about", a.Call.Name, string(a.Call.Arguments))
			return tools.AnswerDeny, nil
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer box.Close()
	for _, arguments := range []string{`{\"city\":\"Lima\",\"days\":3}`, `{\"city\":\"Lima\"}`} {
		call := `{"id":"call_1","type":"function","function":{"name":"weather__forecast","arguments":"` + arguments + `"}}`
		called, err := box.Call(context.Background(), bridge.FormatOpenAI, json.RawMessage(call))
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(called.Result.Content.Text())
	}
	// Output:
	// Parameters ['days'] are not allowed for tool forecast. Allowed parameters: ['city']. Contact proxy admin to allow these parameters.
	// asked about weather__forecast {"city":"Lima"}
	// The person denied this call of weather__forecast.
}

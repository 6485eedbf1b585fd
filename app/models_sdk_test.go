package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	oai "github.com/openai/openai-go/v3/responses"

	"github.com/drawbridge-app/drawbridge/store"
)

// OpenAI's SDK for Go: the events of a stream come as its types know them, in
// the order of the format, and add up to the response.
func TestModelsOpenAIGo(t *testing.T) {
	a := openAskable(t, nil)
	key := a.modelKey("app", nil)
	client := openai.NewClient(option.WithBaseURL(strings.TrimSuffix(a.address, "mcp")+"v1"), option.WithAPIKey(key), option.WithMaxRetries(0))
	var tools []oai.ToolUnionParam
	tools = append(tools, oai.ToolUnionParam{OfMcp: &oai.ToolMcpParam{
		ServerLabel: "mine", ServerURL: openai.String("drawbridge"),
		RequireApproval: oai.ToolMcpRequireApprovalUnionParam{OfMcpToolApprovalSetting: openai.String("never")},
		AllowedTools:    oai.ToolMcpAllowedToolsUnionParam{OfMcpAllowedTools: []string{"read"}},
	}})
	body := oai.ResponseNewParams{Model: "work/m-1", Tools: tools, Input: oai.ResponseNewParamsInputUnion{OfString: openai.String("go")}}
	stream := client.Responses.NewStreaming(t.Context(), body)
	var kinds, text []string
	last := int64(-1)
	var whole oai.Response
	done := map[string]string{} // items as their last event had them
	for stream.Next() {
		e := stream.Current()
		if e.SequenceNumber != last+1 {
			t.Errorf("the event %s has the number %d after %d", e.Type, e.SequenceNumber, last)
		}
		last = e.SequenceNumber
		if len(kinds) == 0 || kinds[len(kinds)-1] != e.Type {
			kinds = append(kinds, e.Type)
		}
		switch e.Type {
		case "response.output_text.delta":
			text = append(text, e.Delta)
		case "response.output_item.done":
			done[e.Item.ID] = e.Item.RawJSON()
		case "response.completed":
			whole = e.Response
		}
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	want := strings.Fields(`response.created response.in_progress
		response.output_item.added response.mcp_list_tools.in_progress response.mcp_list_tools.completed response.output_item.done
		response.output_item.added response.reasoning_summary_part.added response.reasoning_summary_text.delta response.reasoning_summary_text.done response.reasoning_summary_part.done response.output_item.done
		response.output_item.added response.content_part.added response.output_text.delta response.output_text.done response.content_part.done response.output_item.done
		response.output_item.added response.mcp_call.in_progress response.mcp_call_arguments.delta response.mcp_call_arguments.done response.mcp_call.completed response.output_item.done
		response.output_item.added response.reasoning_summary_part.added response.reasoning_summary_text.delta response.reasoning_summary_text.done response.reasoning_summary_part.done response.output_item.done
		response.output_item.added response.content_part.added response.output_text.delta response.output_text.done response.content_part.done response.output_item.done
		response.completed`)
	if !slices.Equal(kinds, want) {
		t.Errorf("the events are %q", kinds)
	}
	if got := strings.Join(text, ""); got != whole.OutputText() || got != "I look.That is all." {
		t.Errorf("the text is %q in pieces and %q in whole", got, whole.OutputText())
	}
	if len(whole.Output) != len(done) || whole.Usage.TotalTokens != 30 {
		t.Errorf("the response has %d items after %d, and %d tokens", len(whole.Output), len(done), whole.Usage.TotalTokens)
	}
	for _, item := range whole.Output {
		if item.RawJSON() != done[item.ID] {
			t.Errorf("an item is %s at the end and was %s", item.RawJSON(), done[item.ID])
		}
	}
	// An error of the model's service ends the stream as the format has it.
	a.service.Cut(3)
	stream = client.Responses.NewStreaming(t.Context(), body)
	end := ""
	for stream.Next() {
		end = stream.Current().Type
		if end == "response.failed" && stream.Current().Response.Error.Message == "" {
			t.Error("the failure has no sentence")
		}
	}
	if end != "response.failed" {
		t.Errorf("a stream that broke off ended with %q", end)
	}
	// Chat Completions in a stream.
	pieces := client.Chat.Completions.NewStreaming(t.Context(), openai.ChatCompletionNewParams{
		Model: "work/m-1", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("go")},
		StreamOptions: openai.ChatCompletionStreamOptionsParam{IncludeUsage: openai.Bool(true)},
	}, option.WithJSONSet("tools", []m{mcpTool(nil)}))
	var acc openai.ChatCompletionAccumulator
	for pieces.Next() {
		if !acc.AddChunk(pieces.Current()) {
			t.Error("a piece does not belong to the others")
		}
	}
	if err := pieces.Err(); err != nil || acc.Choices[0].Message.Content != "I look.\n\nThat is all." || acc.Choices[0].FinishReason != "stop" || acc.Usage.TotalTokens != 30 {
		t.Errorf("the completion is %+v: %v", acc.ChatCompletion, err)
	}
}

// OpenAI's SDK for Node, as it comes from npm.
func TestModelsOpenAINode(t *testing.T) {
	a := openAskable(t, nil)
	key := a.modelKey("app", func(l *store.Limits) { l.MayApprove = true })
	script, err := filepath.Abs(filepath.Join("testdata", "npm", "openai.mjs"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", script)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "KEY=" + key, "BASE_URL=" + strings.TrimSuffix(a.address, "mcp") + "v1"}
	cmd.WaitDelay = time.Minute
	var stderr strings.Builder
	cmd.Stderr = &stderr
	raw, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s; make test installs Node and the packages", err, stderr.String())
	}
	var got map[string]json.RawMessage
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	for name, want := range map[string][]string{
		"models":           {`"work/m-1"`},
		"plain":            {`I look.That is all.`, `["mcp_list_tools","reasoning","message","mcp_call","reasoning","message"]`, `"completed"`},
		"stream":           {`I look.That is all.`, `["mcp_list_tools","reasoning","message","mcp_call","reasoning","message"]`, `"response.mcp_call_arguments.done","response.mcp_call.completed"`, `"response.mcp_list_tools.completed"`, `"response.output_text.delta"`},
		"functions":        {`"weather"`, `Lima`, `That is all.`},
		"approval":         {`"files__read"`, `["mcp_call","reasoning","message"]`, `["BadRequestError",400,`},
		"completion":       {`"That is all."`, `"stop"`, `30`},
		"completionStream": {`"tool_calls"`, `weather{\"city\":\"Lima\"}`},
		"background":       {`"BadRequestError",400,"background"`},
		"unknown":          {`"BadRequestError",400,"previous_response_id"`},
	} {
		for _, w := range want {
			if !strings.Contains(string(got[name]), w) {
				t.Errorf("%s is %s, without %s", name, fmt.Sprintf("%.600s", got[name]), w)
			}
		}
	}
}

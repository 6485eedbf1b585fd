package provider

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/openai/openai-go/v3"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// Answer writes the result of one call in the words of a format, for programs
// that build their requests themselves: a message of the role tool for Chat
// Completions, an item function_call_output for Responses, a block tool_result
// for Anthropic, a part with a functionResponse for Gemini. The result's CallID
// goes there as it is; name is the one that the model called the tool by. Where
// the format takes no images, a note stands in their place. The error wraps
// store.ErrInvalid for another format.
func Answer(format tools.Format, name string, r store.ToolResult) (json.RawMessage, error) {
	noImage := func(store.Image) bool { return false }
	switch format {
	case tools.FormatChat:
		return json.Marshal(chatMessage{Role: "tool", Content: answerText(resultTexts(r, noImage)), ToolCallID: r.CallID})
	case tools.FormatResponses:
		item := responsesResult(r)
		item.OfFunctionCallOutput.CallID = openai.String(r.CallID)
		return json.Marshal(item)
	case tools.FormatAnthropic:
		w := anthropicWriter{ids: map[string]string{r.CallID: r.CallID}}
		return json.Marshal(w.result(r))
	case tools.FormatGemini:
		key := "output"
		if r.IsError {
			key, r.IsError = "error", false // the key says it
		}
		type response struct {
			ID       string            `json:"id,omitempty"`
			Name     string            `json:"name"`
			Response map[string]string `json:"response"`
		}
		return json.Marshal(struct {
			FunctionResponse response `json:"functionResponse"`
		}{response{r.CallID, name, map[string]string{key: answerText(resultTexts(r, noImage))}}})
	}
	return nil, fmt.Errorf("there is no format %q for results of tools (%w)", format, store.ErrInvalid)
}

func answerText(texts []string) string {
	if text := strings.Join(texts, "\n"); text != "" {
		return text
	}
	return emptyResult
}

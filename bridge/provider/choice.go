package provider

import (
	"encoding/json"

	"github.com/drawbridge-app/drawbridge/bridge/model"
)

// choiceOf returns the mode of a request, which is empty where no tool is
// offered, and the name of the one tool that has to be called, if there is one.
func choiceOf(req model.Request) (mode model.ChoiceMode, name string) {
	if req.Tools == nil || len(req.Tools.Functions()) == 0 {
		return "", ""
	}
	name, _ = req.Choice.Name(req.Tools)
	return req.Choice.Mode, name
}

// openAIFields are those of a request that OpenAI's two formats write alike, or
// nearly: responses says which.
func openAIFields(req model.Request, responses bool) map[string]any {
	out := map[string]any{"stream": true}
	switch mode, name := choiceOf(req); {
	case mode == model.ChoiceRequired && name != "" && responses:
		out["tool_choice"] = map[string]any{"type": "function", "name": name}
	case mode == model.ChoiceRequired && name != "":
		out["tool_choice"] = map[string]any{"type": "function", "function": map[string]any{"name": name}}
	case mode != model.ChoiceAuto:
		out["tool_choice"] = string(mode)
	}
	s := req.Sampling
	if s.Temperature != nil {
		out["temperature"] = *s.Temperature
	}
	if s.TopP != nil {
		out["top_p"] = *s.TopP
	}
	if s.Effort != "" && !responses {
		out["reasoning_effort"] = s.Effort
	}
	if f := s.Format; f != nil {
		format := map[string]any{"type": "json_object"}
		if f.Schema != nil {
			schema := map[string]any{"name": f.Name, "schema": f.Schema}
			if f.Description != "" {
				schema["description"] = f.Description
			}
			if f.Strict != nil {
				schema["strict"] = *f.Strict
			}
			if responses {
				format = schema
				format["type"] = "json_schema"
			} else {
				format = map[string]any{"type": "json_schema", "json_schema": schema}
			}
		}
		if responses {
			out["text"] = map[string]any{"format": format}
		} else {
			out["response_format"] = format
		}
	}
	return out
}

// unsaid returns an error if a request wants something that a format has no
// words for.
func unsaid(format string, s model.Sampling, effort, form bool) error {
	what := ""
	switch {
	case s.Effort != "" && !effort:
		what = "an effort of reasoning"
	case s.Format != nil && !form:
		what = "a form of the answer (JSON)"
	default:
		return nil
	}
	return &model.Error{Kind: model.ErrorRequest, Message: "The request wants " + what + ", which cannot be said in the format of " + format + ". Leave it out, or use another model."}
}

// anthropicChoice returns the field tool_choice, and nil where nothing is to be
// said.
func anthropicChoice(req model.Request) any {
	switch mode, name := choiceOf(req); {
	case mode == model.ChoiceRequired && name != "":
		return map[string]any{"type": "tool", "name": name}
	case mode == model.ChoiceRequired:
		return map[string]any{"type": "any"}
	case mode == model.ChoiceNone:
		return map[string]any{"type": "none"}
	}
	return nil
}

// geminiChoice returns the field toolConfig, and nil where nothing is to be
// said.
func geminiChoice(req model.Request) json.RawMessage {
	mode, name := choiceOf(req)
	config := map[string]any{}
	switch mode {
	case model.ChoiceRequired:
		config["mode"] = "ANY"
		if name != "" {
			config["allowedFunctionNames"] = []string{geminiName(name)}
		}
	case model.ChoiceNone:
		config["mode"] = "NONE"
	default:
		return nil
	}
	raw, err := json.Marshal(map[string]any{"functionCallingConfig": config})
	if err != nil {
		panic("provider: strings always encode: " + err.Error())
	}
	return raw
}

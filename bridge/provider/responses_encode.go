package provider

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/openai/openai-go/v3/packages/param"
	"github.com/openai/openai-go/v3/responses"
	"github.com/openai/openai-go/v3/shared"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// responsesBody writes the body of a request to the Responses API. By default
// nothing is kept by the service (store is false), so the encrypted reasoning
// is asked for and goes back with the next request. Where the service is to
// keep the answers, and kept names one, only what came after it is sent.
func responsesBody(req model.Request, fields []field, keep bool, kept keptResponse) ([]byte, error) {
	p := responses.ResponseNewParams{
		Model: req.Model.Model,
		Store: param.NewOpt(keep),
		Input: responses.ResponseNewParamsInputUnion{OfInputItemList: responsesInput(req, kept.next)},
	}
	if kept.ID != "" {
		p.PreviousResponseID = param.NewOpt(kept.ID)
	}
	if req.System != "" {
		p.Instructions = param.NewOpt(req.System)
	}
	if slices.Contains(fields, fieldInclude) {
		p.Include = []responses.ResponseIncludable{responses.ResponseIncludableReasoningEncryptedContent}
	}
	if req.Conversation != "" && slices.Contains(fields, fieldCacheKey) {
		p.PromptCacheKey = param.NewOpt(cut(req.Conversation, 61))
	}
	if req.Tools != nil {
		for _, f := range req.Tools.Functions() {
			p.Tools = append(p.Tools, responsesTool(f))
		}
	}
	for _, m := range req.Managed {
		if t, ok, err := managedTool(m); err != nil {
			return nil, err
		} else if ok {
			p.Tools = append(p.Tools, t)
		}
	}
	if slices.Contains(fields, fieldReasoning) {
		p.Reasoning.Summary = shared.ReasoningSummaryAuto
	}
	if req.Sampling.Effort != "" {
		p.Reasoning.Effort = shared.ReasoningEffort(req.Sampling.Effort)
	}
	p.SetExtraFields(openAIFields(req, true))
	return p.MarshalJSON()
}

// responsesTool offers a function. Whether it is strict is always said: left
// out, the API would turn it on and with it make every optional argument
// required.
func responsesTool(f tools.Function) responses.ToolUnionParam {
	return param.Override[responses.ToolUnionParam](f.JSON(tools.FormatResponses))
}

// responsesInput writes a history, from the message of that index on, as the
// items of the Responses API.
func responsesInput(req model.Request, from int) responses.ResponseInputParam {
	out := responses.ResponseInputParam{}
	labels := managedLabels(req.Managed)
	for i, m := range req.Messages {
		if i < from && i != from-1 {
			continue
		}
		var answers []store.ManagedAnswer
		if m.Role == store.RoleAssistant && i+1 < len(req.Messages) && req.Messages[i+1].Role == store.RoleTool {
			answers = req.Messages[i+1].ManagedAnswers()
		}
		echo := echoed(m, req.Model, labels, answers)
		if i < from {
			out = append(out, managedAnswers(answers, echo)...) // what asked is kept by the service
			continue
		}
		switch m.Role {
		case store.RoleUser:
			out = append(out, responses.ResponseInputItemParamOfMessage(responsesContent(m.Parts), responses.EasyInputMessageRoleUser))
		case store.RoleAssistant:
			out = append(out, responsesAssistant(m, req, echo)...)
			out = append(out, managedAnswers(answers, echo)...)
		case store.RoleTool:
			for _, r := range m.Results() {
				out = append(out, responsesResult(r))
			}
		}
	}
	return out
}

func responsesContent(parts store.Parts) responses.ResponseInputMessageContentListParam {
	out := responses.ResponseInputMessageContentListParam{}
	for _, p := range parts {
		switch p := p.(type) {
		case store.Text:
			out = append(out, responses.ResponseInputContentParamOfInputText(p.Text))
		case store.Image:
			u, ok := imageURL(p)
			if !ok {
				out = append(out, responses.ResponseInputContentParamOfInputText(describeImage(p)))
				continue
			}
			out = append(out, responses.ResponseInputContentUnionParam{OfInputImage: &responses.ResponseInputImageParam{
				Detail: responses.ResponseInputImageDetailAuto, ImageURL: param.NewOpt(u),
			}})
		case store.File:
			out = append(out, responses.ResponseInputContentParamOfInputText(describeFile(p)))
		}
	}
	return out
}

// responsesAssistant writes an assistant's message. Its opaque items go back as
// they came, to the entry and the model that they came from; one that nothing
// follows any more, because the answer was cut off there, is left out, since
// the API refuses reasoning without what it led to. echo are the ids of the
// items of calls that the service ran itself and gets back; the others are told
// in words.
func responsesAssistant(m store.Message, req model.Request, echo map[string]bool) []responses.ResponseInputItemUnionParam {
	var out, waiting []responses.ResponseInputItemUnionParam
	add := func(item responses.ResponseInputItemUnionParam) {
		out = append(append(out, waiting...), item)
		waiting = nil
	}
	for _, p := range m.Parts {
		switch p := p.(type) {
		case store.Text:
			if p.Text != "" {
				add(responses.ResponseInputItemParamOfMessage(p.Text, responses.EasyInputMessageRoleAssistant))
			}
		case store.Image:
			add(responses.ResponseInputItemParamOfMessage(describeImage(p), responses.EasyInputMessageRoleAssistant))
		case store.ToolCall:
			add(responses.ResponseInputItemParamOfFunctionCall(wireArguments(p.Arguments), wireID(p.ID), wireName(req.Tools, p)))
		case store.ManagedCall:
			if !echo[p.ID] {
				waiting = nil // it led to an item that does not go back
				add(responses.ResponseInputItemParamOfMessage(managedText(p), responses.EasyInputMessageRoleAssistant))
			}
		case store.Opaque:
			if p.Model != req.Model {
				continue
			}
			item := param.Override[responses.ResponseInputItemUnionParam](p.Data)
			switch head, ok := readManagedItem(p.Data); {
			case ok && echo[head.ID]:
				add(item)
			case !ok && goesBack(p.Data):
				waiting = append(waiting, item)
			}
		}
	}
	return out
}

// goesBack reports whether an opaque item is a reasoning item that means
// something to the service: with encrypted content, or, from services whose
// models think in the open, with content. An item of which the service would
// only know the id is refused, since nothing is stored there.
func goesBack(data json.RawMessage) bool {
	var item struct {
		Type      string            `json:"type"`
		Encrypted string            `json:"encrypted_content"`
		Content   []json.RawMessage `json:"content"`
	}
	return json.Unmarshal(data, &item) == nil && item.Type != "" && (item.Encrypted != "" || len(item.Content) > 0)
}

// responsesResult writes a result: as plain text, or in parts if there are
// images among it.
func responsesResult(r store.ToolResult) responses.ResponseInputItemUnionParam {
	var images responses.ResponseFunctionCallOutputItemListParam
	texts := resultTexts(r, func(img store.Image) bool {
		u, ok := imageURL(img)
		if ok {
			images = append(images, responses.ResponseFunctionCallOutputItemUnionParam{
				OfInputImage: &responses.ResponseInputImageContentParam{
					ImageURL: param.NewOpt(u), Detail: responses.ResponseInputImageContentDetailAuto,
				},
			})
		}
		return ok
	})
	text := strings.Join(texts, "\n")
	if text == "" && len(images) == 0 {
		text = emptyResult
	}
	out := responses.ResponseInputItemFunctionCallOutputParam{CallID: param.NewOpt(wireID(r.CallID))}
	if len(images) == 0 {
		out.Output.OfString = param.NewOpt(text)
	} else {
		list := responses.ResponseFunctionCallOutputItemListParam{}
		if text != "" {
			list = append(list, responses.ResponseFunctionCallOutputItemUnionParam{OfInputText: &responses.ResponseInputTextContentParam{Text: text}})
		}
		out.Output.OfResponseFunctionCallOutputItemArray = append(list, images...)
	}
	return responses.ResponseInputItemUnionParam{OfFunctionCallOutput: &out}
}

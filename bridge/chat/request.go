package chat

import (
	"slices"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
)

// candidate returns the model that answers now.
func (t *turn) candidate() Candidate {
	if t.active == 0 {
		return Candidate{t.conv.Model, t.in.Model}
	}
	return t.in.Fallbacks[t.active-1]
}

// request says what the next call of the model is. It is made anew for each
// candidate, since what can be offered depends on it.
func (t *turn) request() (model.Request, error) {
	c := t.candidate()
	conv := t.conv
	conv.Model = c.Ref
	offered, instructions, err := t.Tools.Offered(t.ctx, conv)
	if err != nil {
		return model.Request{}, t.failed("find the tools of this conversation", err)
	}
	managed, offered, err := t.handOver(conv, c.Model.Features(), offered)
	if err != nil {
		return model.Request{}, err
	}
	req := model.Request{
		Model:        c.Ref,
		System:       prompt(t.conv.System, instructions),
		Managed:      managed,
		Conversation: t.conv.ID,
		Metadata:     t.conv.Metadata,
	}
	t.wish(&req)
	if ref := req.Choice.Ref; ref != (tools.Ref{}) {
		offered = slices.DeleteFunc(slices.Clone(offered), func(o tools.Tool) bool { return o.Ref != ref })
	}
	return req, t.fit(&req, offered)
}

// wish puts in what the turn wants of an answer.
func (t *turn) wish(req *model.Request) {
	req.Sampling = t.in.Sampling
	if t.in.MaxOutput > 0 {
		req.MaxOutput = max(t.in.MaxOutput-t.usage.Output, 1)
	}
	if t.step == 0 || t.in.Choice.Mode == model.ChoiceNone {
		req.Choice = t.in.Choice
	}
}

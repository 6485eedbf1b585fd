package chat

import (
	"github.com/drawbridge-app/drawbridge/bridge/model"
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
	return req, t.fit(&req, offered)
}

package chat

import (
	"fmt"

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
	dialect := c.Model.Dialect()
	table := tools.NewTable(offered, dialect)
	if n := len(table.Functions()); dialect.MaxTools > 0 && n > dialect.MaxTools {
		return model.Request{}, &model.Error{Kind: model.ErrorRequest, Message: fmt.Sprintf(
			"This conversation offers %d tools, and the model takes at most %d. Switch some of them off and try again.", n, dialect.MaxTools)}
	}
	return model.Request{
		Model:        c.Ref,
		System:       prompt(t.conv.System, instructions),
		Messages:     withoutForeignAsks(Repair(t.chain), c.Ref, managed),
		Tools:        table,
		Managed:      managed,
		Conversation: t.conv.ID,
		Metadata:     t.conv.Metadata,
	}, nil
}

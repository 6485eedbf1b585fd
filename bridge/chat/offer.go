package chat

import (
	"errors"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// ToolOffer says what the tools of a conversation come to for its model, before
// anything is sent.
type ToolOffer struct {
	Count   int            // tools that can be offered
	Most    int            // functions that the service takes; 0 if no limit is known
	Context int64          // tokens of the model's context; 0 if it is not known
	Tokens  map[string]int // about how many tokens they take, by id of their server
	// Search says that the model gets a search over the tools in their place.
	Search bool
	Sent   int // about how many tokens go into each request for tools
	// LeftOut are tools that the service cannot take, with the reasons.
	LeftOut []tools.LeftOut
	// Withheld are tools that are on, and that no model is offered: the person
	// never allows them, or a rule refuses them.
	Withheld []tools.Ref
	// Fault says in a sentence why a turn would fail; empty if none would.
	Fault string
}

// Offer says what the tools come to for the conversation's model, m being the
// client of its provider. The list must not change afterwards.
func (l *Loop) Offer(conv store.Conversation, m Model, list []tools.Tool) (ToolOffer, error) {
	dialect := m.Dialect()
	table := l.tools.Table(list, dialect, false)
	o := ToolOffer{
		Count: len(table.Functions()), Most: dialect.MaxTools, Context: l.o.Limits(conv.Model).Context,
		Tokens: table.Tokens(nil), LeftOut: table.LeftOut(),
	}
	t := &turn{Options: l.o, in: Turn{Conversation: conv, Model: m}, conv: conv, ruler: l.ruler, converter: l.tools}
	sent, err := t.table(conv.Model, list, false)
	if failed := (*model.Error)(nil); errors.As(err, &failed) {
		o.Fault = failed.Error()
		return o, nil
	}
	if err != nil {
		return ToolOffer{}, err
	}
	o.Search = sent.Search()
	for _, n := range sent.Tokens(nil) {
		o.Sent += n
	}
	return o, nil
}

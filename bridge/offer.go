package bridge

import (
	"context"
	"slices"

	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// ToolOffer says what the tools that run here come to for the conversation's
// model: how many tokens they take, which are left out, and whether the model
// would get a search over them. The conversation need not be kept. The error
// wraps store.ErrNotFound if its provider is gone.
func (b *Bridge) ToolOffer(ctx context.Context, conv store.Conversation) (chat.ToolOffer, error) {
	client, err := b.client(conv.Model)
	if err != nil {
		return chat.ToolOffer{}, err
	}
	offered, _, err := guard{b}.Offered(ctx, conv)
	if err != nil {
		return chat.ToolOffer{}, err
	}
	withheld := withheld(b.catalogue.passed(), offered, conv.Switches)
	if f := client.Features(); f.Managed {
		list, others, err := guard{b}.divide(ctx, conv, f, offered)
		if err != nil {
			return chat.ToolOffer{}, err
		}
		offered = slices.Clip(others)
		for _, d := range list {
			offered = append(offered, d.kept...)
		}
	}
	o, err := b.loop.Offer(conv, client, offered)
	o.Withheld = withheld
	return o, err
}

// withheld returns the tools that are on in a conversation and are not offered.
func withheld(passed, offered []tools.Tool, s store.Switches) (out []tools.Ref) {
	is := make(map[tools.Ref]bool, len(offered))
	for i := range offered {
		is[offered[i].Ref] = true
	}
	for i := range passed {
		if ref := passed[i].Ref; !is[ref] && s.On(ref.Server, ref.Tool) {
			out = append(out, ref)
		}
	}
	return out
}

package chat

import (
	"context"
	"fmt"
	"strings"

	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/store"
)

// Counts says what conversations take and cost; see the methods of
// bridge.Bridge.
type Counts interface {
	Usage(ctx context.Context, conversation string) (chat.ContextUse, error)
	Limits(m store.ModelRef) store.ModelLimits
	ToolOffer(ctx context.Context, conv store.Conversation) (chat.ToolOffer, error)
}

// once runs a piece of work at a time, and once more where it was asked for
// meanwhile.
type once struct{ running, again bool }

// measure counts what the conversation in view takes of its model's context, and
// what it cost. That is done elsewhere.
func (p *Page) measure() {
	if !p.shown {
		return
	}
	id := p.current
	if id == "" {
		p.head.setUse("")
		return
	}
	if p.measuring.running {
		p.measuring.again = true
		return
	}
	p.measuring = once{running: true}
	var use chat.ContextUse
	p.o.Runner.Run(func(ctx context.Context) (err error) {
		use, err = p.o.Engine.Usage(ctx, id)
		return err
	}, func(err error) {
		again := p.measuring.again || p.current != id
		p.measuring = once{}
		if p.current == id {
			text := useText(use)
			if err != nil { // the model is gone, which the composer says
				text = ""
			}
			p.head.setUse(text)
		}
		if again {
			p.measure()
		}
	})
}

// measureTools finds what the tools of the conversation in view come to.
func (p *Page) measureTools() {
	if !p.shown {
		return
	}
	if p.offering.running {
		p.offering.again = true
		return
	}
	p.offering = once{running: true}
	conv := p.conversation()
	var offer chat.ToolOffer
	p.o.Runner.Run(func(ctx context.Context) (err error) {
		offer, err = p.o.Engine.ToolOffer(ctx, conv)
		return err
	}, func(err error) {
		again := p.offering.again
		p.offering = once{}
		p.offer, p.offerErr = offer, err
		if again {
			p.measureTools()
			return
		}
		p.sayTools()
		if p.tools != nil {
			p.tools.setOffer(offer, err)
		}
	})
}

// tokenText is a number of tokens as people say it.
func tokenText(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprint(max(n, 0))
	case n < 9_950:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", float64(n)/1000), ".0") + "k"
	case n < 999_500:
		return fmt.Sprintf("%.0fk", float64(n)/1000)
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", float64(n)/1e6), ".0") + "M"
}

// costText is a sum of money; empty for none.
func costText(usd float64) string {
	switch {
	case usd <= 0:
		return ""
	case usd < 0.0001:
		return say.T("under $0.0001")
	case usd < 0.01:
		return strings.TrimRight(fmt.Sprintf("$%.4f", usd), "0")
	case usd < 100:
		return fmt.Sprintf("$%.2f", usd)
	}
	return fmt.Sprintf("$%.0f", usd)
}

// usageText is what one answer took.
func usageText(u store.Usage, l store.ModelLimits) string {
	if u.Input == 0 && u.Output == 0 {
		return ""
	}
	text := say.F("%s in, %s out", tokenText(u.Input), tokenText(u.Output))
	if usd, known := model.Cost(u, l); known && usd > 0 {
		text += " · " + costText(usd)
	}
	return text
}

// useText is what a conversation takes of its model's context, and what it cost.
func useText(use chat.ContextUse) string {
	text := say.F("%s tokens", tokenText(use.Tokens))
	if use.Limit > 0 {
		text = say.F("%s of %s tokens", tokenText(use.Tokens), tokenText(use.Limit))
	}
	if cost := costText(use.Cost.USD); cost != "" && use.Cost.Known {
		text += " · " + cost
	}
	return text
}

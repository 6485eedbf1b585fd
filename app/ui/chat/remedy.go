package chat

import (
	"errors"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/app/ui/transcript"
	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/store"
)

// remedy is what helps where something failed. The error says it in words; a
// button beside it does it.
type remedy int

const (
	otherModel   remedy = iota // choose another model
	openProvider               // its entry in the settings: the key, the address
	openSettings               // the settings, where keys are kept
	freshChat                  // a conversation that begins anew
)

// remedies returns what helps after an error, the best first. sure says that
// nothing else does, so that trying again alone would fail in the same way.
func remedies(err error) (list []remedy, sure bool) {
	var failed *model.Error
	switch {
	case errors.Is(err, store.ErrNoKeychain), errors.Is(err, store.ErrLocked):
		return []remedy{openSettings}, true
	case !errors.As(err, &failed):
		return nil, false
	}
	switch failed.Kind {
	case model.ErrorAuth:
		return []remedy{openProvider, otherModel}, true
	case model.ErrorNotFound:
		return []remedy{otherModel, openProvider}, true
	case model.ErrorContext:
		return []remedy{freshChat, otherModel}, true
	case model.ErrorTransport, model.ErrorTrust:
		return []remedy{openProvider}, false
	case model.ErrorRequest, model.ErrorRate, model.ErrorServer:
		return []remedy{otherModel}, false
	}
	return nil, false
}

// action is the button of a remedy.
func (p *Page) action(r remedy) transcript.Action {
	switch r {
	case otherModel:
		return transcript.Action{Label: say.T("Choose another model"), Do: p.pickModel}
	case freshChat:
		return transcript.Action{Label: say.T("New chat"), Do: p.NewChat}
	case openProvider:
		if c, ok := p.provider(); ok && p.o.OpenProvider != nil && c.Kind != store.ProviderRehearsal {
			return transcript.Action{Label: say.T("Open its settings"), Do: func() { p.o.OpenProvider(c.ID) }}
		}
	}
	return transcript.Action{Label: say.T("Open the settings"), Do: p.o.OpenSettings}
}

// help returns the buttons of what helps after an error, the first of them the
// one to press where nothing else helps.
func (p *Page) help(list []remedy, sure bool) []transcript.Action {
	var out []transcript.Action
	for i, r := range list {
		a := p.action(r)
		a.Primary = sure && i == 0
		out = append(out, a)
	}
	return out
}

// sayFailure says above the composer what went wrong, with what helps; nothing
// where nothing did.
func (p *Page) sayFailure(err error) {
	list, sure := remedies(err)
	p.fail.say(form.Sentence(err), p.help(list, sure)...)
}

package bridge

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
)

// What servers ask the person is mcphost's; whoever asks for it, the window or
// the command line, finds it here.
type (
	// Elicitor asks the person on a server's behalf. An Approver that is one is
	// asked in its own turn.
	Elicitor = mcphost.Elicitor
	// Elicitation is the question.
	Elicitation = mcphost.Elicitation
	// ElicitAnswer is the answer.
	ElicitAnswer = mcphost.ElicitAnswer
)

// WithElicitor returns a context whose calls ask that person what servers want
// to know.
func WithElicitor(ctx context.Context, e Elicitor) context.Context {
	return mcphost.WithElicitor(ctx, e)
}

// AskWith says who is asked where no turn or call names another: the window.
// nil means nobody.
func (b *Bridge) AskWith(e Elicitor) {
	b.asking.mu.Lock()
	defer b.asking.mu.Unlock()
	b.asking.who = e
}

// asking passes questions on to whoever can be asked at the time.
type asking struct {
	mu  sync.Mutex // protects who
	who Elicitor
}

// Elicit asks, or says that nobody can be asked.
func (a *asking) Elicit(ctx context.Context, e Elicitation) (ElicitAnswer, error) {
	a.mu.Lock()
	who := a.who
	a.mu.Unlock()
	if who == nil {
		return ElicitAnswer{}, errors.New("nobody is here to answer")
	}
	return who.Elicit(ctx, e)
}

// freshenWithin is how long a turn waits for servers whose lists no longer
// count; then it goes on with what is known.
const freshenWithin = 2 * time.Second

// freshen has the tools listed again that no longer count.
func (b *Bridge) freshen(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, freshenWithin)
	defer cancel()
	if b.host.Freshen(ctx) {
		if err := b.KnowServers(ctx); err != nil {
			b.o.Logger.Warn("a turn begins with tools that may have changed", "error", err)
		}
	}
}

// Package provider calls models: one adapter per wire format, each a
// model.Client.
//
// OpenAI's Responses API and Chat Completions, Anthropic's Messages API and
// Gemini go to any base URL, and rehearsal is a stand-in that needs neither key
// nor network and says plainly that it is no AI. The package makes one model
// call at a time: it runs no tool, keeps no history and never repeats a call
// that failed, all of which is the loop's work (bridge/chat).
//
// An entry of the settings is followed to the letter. Nothing in the
// environment changes its address, its key or its headers, and the key goes to
// the configured origin alone: a redirect to another origin is an error.
//
//	client, err := provider.New(cfg, provider.Options{Secret: secrets.Get})
//	for d, err := range client.Stream(ctx, model.Request{…}) { … }
package provider

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/store"
)

// Options is what an adapter needs from outside. The zero value works for
// rehearsal, and for a service that wants no key.
type Options struct {
	// Secret gives the secrets of the entry when a request needs them: those to
	// which its headers refer, and its key, which is
	// store.ProviderSecret(ID, "key"). It is asked before each request, for the
	// key never where the entry has NoKey, and its error ends the call.
	// store.ErrNotFound, or an empty secret, means that there is none.
	Secret func(context.Context, store.SecretRef) (store.Secret, error)
	// Key, if not nil, is asked for the key instead.
	Key func(context.Context) (store.Secret, error)
	// HTTP makes the connections. Nil means the standard way, which follows the
	// proxy settings of the environment. It is copied, and its policy on
	// redirects is replaced.
	HTTP *http.Client
	// Logger takes one line a request, without its content. Nil logs nothing.
	Logger *slog.Logger
	// Now is the clock that Retry-After dates are compared with. Nil means
	// time.Now.
	Now func() time.Time
	// Version is shown to the services in the User-Agent header.
	Version string
	// Idle is how long a service may stay silent before the call is given up.
	// 0 means ten minutes, which models that think for long need.
	Idle time.Duration
	// RehearsalDelay is the pause between the pieces of rehearsal's answers.
	// 0 means 15 ms, a negative value none.
	RehearsalDelay time.Duration
}

// New returns the client of an entry. It makes no request and asks for no
// secret. The error wraps store.ErrInvalid and says what is wrong with the
// entry.
func New(cfg store.ProviderConfig, o Options) (model.Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Idle <= 0 {
		o.Idle = 10 * time.Minute
	}
	switch cfg.Kind {
	case store.ProviderRehearsal:
		return newRehearsal(o), nil
	case store.ProviderResponses:
		e, err := newEndpoint(cfg, o, keyStyleOf(cfg))
		return &responsesClient{endpoint: e}, err
	case store.ProviderChat:
		e, err := newEndpoint(cfg, o, keyStyleOf(cfg))
		return &chatClient{endpoint: e}, err
	case store.ProviderGemini:
		e, err := newEndpoint(cfg, o, keyGoogle)
		return &geminiClient{endpoint: e}, err
	case store.ProviderAnthropic:
		return newAnthropic(cfg, o)
	}
	return nil, fmt.Errorf("provider %q: the type %q is not known (%w)", cfg.ID, cfg.Kind, store.ErrInvalid)
}

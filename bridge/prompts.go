package bridge

import (
	"context"
	"fmt"
	"slices"

	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/store"
)

// Prompts lists the prompts of a server. Their texts are the server's words; no
// model gets one unless a person chose it. The error is a sentence; it wraps
// store.ErrNotFound where the server has none.
func (b *Bridge) Prompts(ctx context.Context, server string) ([]mcphost.Prompt, error) {
	ctx, done, err := b.serving(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	return b.host.Prompts(ctx, server)
}

// GetPrompt has a server fill in one of its prompts, which the person chose. The
// error is a sentence; it wraps store.ErrNotFound for one that is not listed,
// and store.ErrInvalid for a required argument that is missing or one that the
// prompt does not take.
func (b *Bridge) GetPrompt(ctx context.Context, server, name string, arguments map[string]string) ([]mcphost.PromptMessage, error) {
	ctx, done, err := b.serving(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	list, err := b.host.Prompts(ctx, server)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(list, func(p mcphost.Prompt) bool { return p.Name == name })
	if i < 0 {
		return nil, fmt.Errorf("there is no prompt %q (%w)", name, store.ErrNotFound)
	}
	for _, a := range list[i].Arguments {
		if _, given := arguments[a.Name]; a.Required && !given {
			return nil, fmt.Errorf("the prompt %q needs a value for %q (%w)", name, a.Name, store.ErrInvalid)
		}
	}
	for key := range arguments {
		if !slices.ContainsFunc(list[i].Arguments, func(a mcphost.PromptArgument) bool { return a.Name == key }) {
			return nil, fmt.Errorf("the prompt %q takes no %q (%w)", name, key, store.ErrInvalid)
		}
	}
	return b.host.GetPrompt(ctx, server, name, arguments)
}

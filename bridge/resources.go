package bridge

import (
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/store"
)

// attachMax is the size of what is attached to one message, in bytes.
const attachMax = 4 << 20

// Resources lists what a server lets read. The error is a sentence; it wraps
// store.ErrNotFound where the server has no resources.
func (b *Bridge) Resources(ctx context.Context, server string) (mcphost.Contents, error) {
	ctx, done, err := b.serving(ctx)
	if err != nil {
		return mcphost.Contents{}, err
	}
	defer done()
	return b.host.Resources(ctx, server)
}

// ReadResource reads one: a store.File for each of its parts. The error is a
// sentence.
func (b *Bridge) ReadResource(ctx context.Context, server, uri string) (store.Parts, error) {
	ctx, done, err := b.serving(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	return b.host.ReadResource(ctx, server, uri)
}

// WatchResource calls changed whenever the resource changed, until the context
// ends. The error is a sentence.
func (b *Bridge) WatchResource(ctx context.Context, server, uri string, changed func()) error {
	ctx, done, err := b.serving(ctx)
	if err != nil {
		return err
	}
	defer done()
	return b.host.WatchResource(ctx, server, uri, changed)
}

// Complete returns what a server proposes for a value that begins with typed.
func (b *Bridge) Complete(ctx context.Context, server string, c mcphost.Completing, typed string) ([]string, error) {
	ctx, done, err := b.serving(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	return b.host.Complete(ctx, server, c, typed)
}

// Attach reads a resource as parts of a person's message, for SendParts:
// pictures that models can see, and files, whose text a model reads under their
// address. The error is a sentence; it wraps store.ErrInvalid for a resource
// that is longer than 4 MiB or empty.
func (b *Bridge) Attach(ctx context.Context, server, uri string) (store.Parts, error) {
	ctx, done, err := b.serving(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	read, err := b.host.ReadResource(ctx, server, uri)
	if err != nil {
		return nil, err
	}
	var out store.Parts
	size := 0
	for _, p := range read {
		f, ok := p.(store.File)
		if !ok || len(f.Data) == 0 {
			continue
		}
		if size += len(f.Data); size > attachMax {
			return nil, fmt.Errorf("%s is longer than the %d MiB that can be attached to a message (%w)", uri, attachMax>>20, store.ErrInvalid)
		}
		switch f.MIMEType {
		case "image/png", "image/jpeg", "image/gif", "image/webp":
			out = append(out, store.Image{MIMEType: f.MIMEType, Data: f.Data})
		default:
			if f.Name == "" {
				f.Name = path.Base(strings.TrimRight(f.URI, "/"))
			}
			out = append(out, f)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s is empty (%w)", uri, store.ErrInvalid)
	}
	return out, nil
}

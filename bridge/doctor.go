package bridge

import (
	"context"

	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/store"
)

// CheckServer looks for the programs that a server needs: what its command
// resolves to, their versions, and how what is missing is installed here. It
// starts nothing of the server's own. The error wraps store.ErrNotFound where
// there is no such server.
func (b *Bridge) CheckServer(ctx context.Context, id string) ([]setup.Check, error) {
	v, err := b.Server(id)
	if err != nil {
		return nil, err
	}
	return b.CheckDraft(ctx, v.Server), nil
}

// CheckDraft is CheckServer for a configuration that is not kept yet.
func (b *Bridge) CheckDraft(ctx context.Context, c store.ServerConfig) []setup.Check {
	if c.Transport != store.TransportStdio {
		return nil
	}
	resolved, err := b.host.Resolve(c)
	return setup.Examine(ctx, c, b.o.Places.GOOS, b.host, resolved, err)
}

// DiagnoseServer starts a configured and approved server apart from the one
// that runs, lists its tools and stops it again, and tells each step as it is
// done, on the caller's goroutine.
func (b *Bridge) DiagnoseServer(ctx context.Context, id string, tell func(mcphost.Step)) (mcphost.Status, error) {
	v, err := b.Server(id)
	if err != nil {
		return mcphost.Status{}, err
	}
	return b.host.Diagnose(ctx, v.Server, tell), nil
}

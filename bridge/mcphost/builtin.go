package mcphost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/drawbridge-app/drawbridge/store"
)

// inside returns what runs a server of this program over a pipe: the built-in
// one of that name, or what serves the API that the configuration describes.
func (m *Manager) inside(c store.ServerConfig, over *http.Transport) func(context.Context, io.ReadWriteCloser) error {
	if c.Transport == store.TransportOpenAPI {
		return func(ctx context.Context, rw io.ReadWriteCloser) error {
			if over != m.o.HTTP {
				defer over.CloseIdleConnections()
			}
			return m.o.OpenAPI(ctx, c, over, func(ctx context.Context, v store.Value) (store.Secret, error) {
				return m.value(ctx, c.ID, v)
			}, rw)
		}
	}
	return m.o.Builtins[c.Command]
}

// value resolves one value of a server's settings now. An error is a sentence.
func (m *Manager) value(ctx context.Context, id string, v store.Value) (store.Secret, error) {
	ctx, cancel := context.WithTimeout(ctx, secretsLimit)
	defer cancel()
	return v.Resolve(func(ref store.SecretRef) (store.Secret, error) { return m.secret(ctx, id, ref) }, m.path.variable)
}

// startInside runs a server of this program over a pipe in memory.
func (m *Manager) startInside(k *link, name string, run func(context.Context, io.ReadWriteCloser) error) {
	ours, theirs := net.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer theirs.Close()
		defer func() {
			if p := recover(); p != nil {
				m.o.Logger.Error("what is built in failed", "server", name, "cause", fmt.Sprint(p))
				k.log.add(fmt.Sprintf("it failed: %v", p))
			}
		}()
		err := run(ctx, theirs)
		if err != nil && ctx.Err() == nil {
			k.log.add(k.redactor.Text(err.Error()))
			k.inside.Store(&err)
		}
		k.die(errors.New("it ended by itself"))
	}()
	k.lines = newLineConn(ours, ours, func() { ours.Close() }, k.events())
	k.end = func() {
		k.lines.Close()
		cancel()
		within(done, stopAfterTerm)
	}
}

package bridge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/gateway"
	"github.com/drawbridge-app/drawbridge/store"
)

// Connecting is what connecting an app needs to know.
type Connecting struct {
	App gateway.App
	// Name of the key; empty means the app's, with a number where it is taken.
	Name string
	Team string // id or name; empty for none
	// Limits of the key.
	Limits store.Limits
	// Namespace are the servers and groups of the address; none means all.
	Namespace []string
	// Program is the full path of drawbridge, for an app that starts programs.
	Program string
}

// Connected is an app's way in.
type Connected struct {
	Key     store.Key
	Value   store.Secret // of the key; known this once
	Address string       // with the namespace
	Snippet gateway.Snippet
}

// ConnectApp makes a key for an app, and what goes into its configuration, and
// has the gateway run from now on. The error wraps store.ErrInvalid for an app
// that is not known, store.ErrExists for a name that is taken, or says why the
// gateway cannot listen; then no key is made.
func (b *Bridge) ConnectApp(ctx context.Context, c Connecting) (Connected, error) {
	if !slices.Contains(gateway.Apps(), c.App) {
		_, err := gateway.NewSnippet(c.App, gateway.Link{})
		return Connected{}, err
	}
	if c.App.Pipes() && c.Program == "" {
		return Connected{}, fmt.Errorf("%s starts servers as programs, and it is not known where Drawbridge's program is (%w)", c.App.Title(), store.ErrInvalid)
	}
	state, err := b.OpenGateway(ctx, 0)
	if err != nil {
		return Connected{}, err
	}
	if !state.Settings.Enabled {
		if err := b.o.Settings.Update(func(s *store.Settings) error { s.Gateway.Enabled = true; return nil }); err != nil {
			return Connected{}, fmt.Errorf("have the gateway run from now on: %w", err)
		}
	}
	out := Connected{Address: gateway.InNamespace(state.Address, c.Namespace)}
	name := c.Name
	for n := 2; ; n++ {
		if name == "" {
			name = string(c.App)
		}
		out.Key, out.Value, err = b.AddKey(ctx, name, c.Team, c.Limits)
		if err == nil {
			break
		}
		if c.Name != "" || !errors.Is(err, store.ErrExists) || n > 100 {
			return Connected{}, err
		}
		name = fmt.Sprintf("%s-%d", c.App, n)
	}
	link := gateway.Link{Address: out.Address, Key: out.Value}
	if c.App.Pipes() {
		link = gateway.Link{Program: c.Program, Arguments: []string{"serve", "--stdio", "--key", out.Key.Name}}
		for _, n := range c.Namespace {
			link.Arguments = append(link.Arguments, "--servers", n)
		}
	}
	out.Snippet, err = gateway.NewSnippet(c.App, link)
	return out, err
}

// TestConnected connects as the app would, and lists the tools. The error is a
// sentence.
func (b *Bridge) TestConnected(ctx context.Context, c Connected, namespace []string) (gateway.Trial, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if !c.Snippet.App.Pipes() {
		return gateway.Try(ctx, &http.Client{}, c.Address, c.Value)
	}
	in, to := io.Pipe()
	from, out := io.Pipe()
	served := make(chan error, 1)
	go func() {
		served <- b.ServePipe(ctx, c.Key.ID, namespace, in, out)
		out.Close()
	}()
	trial, err := gateway.TryPipe(ctx, from, to)
	to.Close()
	return trial, errors.Join(err, <-served)
}

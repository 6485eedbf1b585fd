package bridge

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"

	"github.com/drawbridge-app/drawbridge/bridge/gateway"
	"github.com/drawbridge-app/drawbridge/store"
)

// gate is the gateway of a bridge, if it is open.
type gate struct {
	changed *signal // of everything that a client of the gateway sees

	mu       sync.Mutex // protects what follows
	approver GatewayApprover
	open     *openGate
	failed   string
	shown    *signal // of GatewayState
}

// openGate is a gateway that listens.
type openGate struct {
	gateway *gateway.Gateway
	address string
	port    int
	secure  bool
	cancel  context.CancelFunc
	done    chan struct{} // closed when it listens no more
	err     error         // then, why it stopped by itself
}

func newGate() *gate { return &gate{changed: newSignal(), shown: newSignal()} }

// GatewayState is what a page shows of the gateway.
type GatewayState struct {
	Settings store.GatewaySettings
	// Address is where other apps find it, such as http://127.0.0.1:4001/mcp;
	// empty while it does not listen.
	Address string
	// Problem says in a sentence why it does not listen though it should.
	Problem string
	// Clients are the apps that are connected, those used last first.
	Clients []gateway.Client
}

// Gateway returns the gateway's state.
func (b *Bridge) Gateway() GatewayState {
	b.gate.mu.Lock()
	defer b.gate.mu.Unlock()
	s := GatewayState{Settings: b.Settings().Gateway, Problem: b.gate.failed}
	if o := b.gate.open; o != nil {
		s.Address, s.Clients = o.address, o.gateway.Clients()
	}
	return s
}

// WhenGatewayChanges returns a channel that is closed when the gateway opens or
// closes, or an app comes or goes.
func (b *Bridge) WhenGatewayChanges() <-chan struct{} { return b.gate.shown.wait() }

// newGateway returns a gateway in front of this bridge.
func (b *Bridge) newGateway(s store.GatewaySettings) *gateway.Gateway {
	hosts := slices.Clone(s.Hosts)
	if s.OpenToNetwork != "" {
		hosts = append(hosts, s.OpenToNetwork)
	}
	return gateway.New(gateway.Options{
		Runner: behind{b}, Keys: behind{b}, Hosts: hosts, CredentialHeader: s.CredentialHeader, BareNames: s.BareNames,
		Models: b.asked.handler, Version: b.o.Version, Logger: b.o.Logger, Now: b.o.Now,
		OnClients: b.gate.shown.fire,
	})
}

// OpenGateway has the gateway listen at the port of the settings, or at the
// given one if it is not 0, until CloseGateway or Close. A port is chosen at the
// first time and kept. One that listens already is left alone, unless another
// port is asked for. The error is a sentence.
func (b *Bridge) OpenGateway(ctx context.Context, port int) (GatewayState, error) {
	b.gate.mu.Lock()
	open := b.gate.open
	b.gate.mu.Unlock()
	if open != nil {
		if port != 0 && port != open.port {
			return b.Gateway(), fmt.Errorf("the gateway listens at port %d already; close it first to use another (%w)", open.port, store.ErrExists)
		}
		return b.Gateway(), nil
	}
	s := b.Settings().Gateway
	o, err := b.listen(ctx, s, port)
	b.gate.mu.Lock()
	b.gate.failed = ""
	if err != nil {
		b.gate.failed = err.Error()
		b.gate.mu.Unlock()
		b.gate.shown.fire()
		return b.Gateway(), err
	}
	b.gate.open = o
	b.gate.mu.Unlock()
	b.running.Go(func() { b.watchGate(o) })
	b.gate.shown.fire()
	if s.Port == 0 && port == 0 {
		if err := b.o.Settings.Update(func(all *store.Settings) error { all.Gateway.Port = o.port; return nil }); err != nil {
			b.o.Logger.Warn("the gateway's port could not be kept, so it may be another the next time", "error", err)
		}
	}
	return b.Gateway(), nil
}

// listen opens the port and serves there.
func (b *Bridge) listen(ctx context.Context, s store.GatewaySettings, port int) (*openGate, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	if port == 0 {
		port = s.Port
	}
	var secure *tls.Config
	if s.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(s.CertFile, s.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("the gateway's certificate cannot be used: %w", err)
		}
		secure = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	}
	l, err := gateway.Listen(ctx, s.OpenToNetwork, port)
	if err != nil {
		return nil, err
	}
	g := b.newGateway(s)
	serving, cancel := context.WithCancel(b.life)
	o := &openGate{gateway: g, cancel: cancel, done: make(chan struct{}), secure: secure != nil}
	host, chosen, err := net.SplitHostPort(l.Addr().String())
	if err == nil {
		o.port, err = strconv.Atoi(chosen)
	}
	if err != nil {
		cancel()
		g.Close()
		return nil, errors.Join(err, l.Close())
	}
	scheme := "http"
	if o.secure {
		scheme = "https"
	}
	switch {
	case len(s.Hosts) > 0 && s.OpenToNetwork != "":
		host = s.Hosts[0]
	case host == "0.0.0.0" || host == "::":
		host = "127.0.0.1"
	}
	o.address = scheme + "://" + net.JoinHostPort(host, chosen) + "/mcp"
	go func() {
		defer close(o.done)
		o.err = g.Serve(serving, l, secure)
		g.Close()
		cancel()
	}()
	return o, nil
}

// watchGate notes when the gateway stops.
func (b *Bridge) watchGate(o *openGate) {
	<-o.done
	b.gate.mu.Lock()
	if b.gate.open == o {
		b.gate.open = nil
		if o.err != nil {
			b.gate.failed = "It stopped: " + o.err.Error()
			b.o.Logger.Error("the gateway stopped", "error", o.err)
		}
	}
	b.gate.mu.Unlock()
	b.gate.shown.fire()
}

// CloseGateway ends the gateway with all its sessions, and returns when nothing
// listens any more.
func (b *Bridge) CloseGateway() {
	b.gate.mu.Lock()
	o := b.gate.open
	b.gate.open = nil
	b.gate.failed = ""
	b.gate.mu.Unlock()
	if o == nil {
		return
	}
	o.cancel()
	<-o.done
	b.gate.shown.fire()
}

// SetGateway keeps the gateway's settings, and opens, closes or moves it to what
// they say. The error wraps store.ErrInvalid, or says why it cannot listen; the
// settings are kept in the latter case.
func (b *Bridge) SetGateway(ctx context.Context, s store.GatewaySettings) (GatewayState, error) {
	if err := b.o.Settings.Update(func(all *store.Settings) error { all.Gateway = s.Clone(); return nil }); err != nil {
		return b.Gateway(), err
	}
	b.CloseGateway()
	if !s.Enabled {
		return b.Gateway(), nil
	}
	return b.OpenGateway(ctx, 0)
}

// GatewayClosed waits until the gateway listens no more, or the context ends.
func (b *Bridge) GatewayClosed(ctx context.Context) error {
	b.gate.mu.Lock()
	o := b.gate.open
	b.gate.mu.Unlock()
	if o == nil {
		return nil
	}
	select {
	case <-o.done:
		return o.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// ServePipe serves one client over a pipe until the pipe ends or the context
// does: an app that starts servers as programs. names are servers and groups;
// none means all. key is the name or id of a key whose limits hold; empty means
// what the person may do. The error wraps store.ErrNotFound or store.ErrDenied.
func (b *Bridge) ServePipe(ctx context.Context, key string, names []string, in io.Reader, out io.Writer) error {
	caller := pipeCaller
	if key != "" {
		keys, err := b.Keys(ctx)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(keys, func(k store.Key) bool { return (k.ID == key || k.Name == key) && k.RevokedAt.IsZero() })
		if i < 0 {
			return fmt.Errorf("there is no key %q; drawbridge keys list shows those there are (%w)", key, store.ErrNotFound)
		}
		if caller, err = b.callerOf(ctx, keys[i].ID); err != nil {
			return err
		}
	}
	caller.Session = caller.Key + "/" + store.NewID()
	g := b.newGateway(b.Settings().Gateway)
	defer g.Close()
	return g.ServePipe(ctx, caller, names, in, out)
}

// followChanges wakes the clients of the gateway when something changed that
// they may see.
func (b *Bridge) followChanges() {
	for {
		// Ask for all channels first, so that nothing is missed in between.
		catalogue, keys, raised := b.catalogue.changed.wait(), b.keysChanged.wait(), b.bridgeChanged.wait()
		select {
		case <-catalogue:
		case <-keys:
		case <-raised:
		case <-b.life.Done():
			return
		}
		b.gate.changed.fire()
	}
}

// Command gateway is the server that the conformance suite of the Model Context
// Protocol tests: Drawbridge's gateway, in front of a server that offers what the
// suite asks for: gateway REVISION PROGRAM. The program is the server of the Go
// SDK's own conformance tests. In front of it the gateway speaks the era of the
// revision, so that what a client of that era is asked passes through both.
//
// It prints its own address and that of the bare server, and serves until it is
// interrupted.
//
// The suite knows no keys, so that a proxy in front adds one. All else, the Host
// and the Origin among it, reaches the gateway as the suite sent it.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/gateway"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/store"
	"github.com/drawbridge-app/drawbridge/store/db"
	"github.com/drawbridge-app/drawbridge/store/secret"
	"github.com/drawbridge-app/drawbridge/store/settings"
)

func main() {
	mcphost.RunShim()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "gateway:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	if len(os.Args) != 3 {
		return errors.New("the revision of the specification and the program of the server are missing")
	}
	newer := os.Args[1] >= "2026-07-28"
	bare, stop, err := serveBare(ctx, os.Args[2], newer)
	if err != nil {
		return err
	}
	defer stop()
	home, err := os.MkdirTemp("", "conformance")
	if err != nil {
		return err
	}
	defer os.RemoveAll(home)
	files, err := settings.Open(home, nil)
	if err != nil {
		return err
	}
	kept, err := db.Open(ctx, filepath.Join(home, "drawbridge.db"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, kept.Close()) }()
	secrets := secret.Open(home)
	secrets.UseMemory()
	b, err := bridge.New(ctx, bridge.Options{
		Home: home, History: kept, Ledger: kept, Settings: files, Secrets: secrets, Cache: kept, Audit: kept, Keys: kept,
		Version: "conformance", Environ: os.Environ,
	})
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		err = errors.Join(err, b.Close(closing))
	}()
	c := store.ServerConfig{Name: "fixture", Transport: store.TransportStdio, Command: os.Args[2]}
	if !newer { // over stdio it speaks the newer era as well
		c = store.ServerConfig{Name: "fixture", Transport: store.TransportHTTP, URL: bare}
	}
	c.Rules.Approvals.Default, c.Rules.Trusted = store.ApproveAlways, true
	if _, err := b.AddServer(ctx, setup.Draft{Config: c}, true); err != nil {
		return err
	}
	if err := b.SettleServers(ctx, "fixture"); err != nil {
		return err
	}
	// The suite looks for tools by the names that its own server has.
	state, err := b.SetGateway(ctx, store.GatewaySettings{Enabled: true, BareNames: true})
	if err != nil {
		return err
	}
	_, key, err := b.AddKey(ctx, "suite", "", store.Limits{})
	if err != nil {
		return err
	}
	target, err := url.Parse(state.Address)
	if err != nil {
		return err
	}
	proxy := &httputil.ReverseProxy{
		FlushInterval: -1,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = target.Scheme, target.Host
			r.Out.URL.Path, r.Out.URL.RawPath = "/mcp/fixture", ""
			r.Out.Host = r.In.Host
			r.Out.Header.Set("X-Drawbridge-Key", key.Reveal())
		},
	}
	l, err := gateway.Listen(ctx, "127.0.0.1", 0)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: proxy, ReadHeaderTimeout: time.Minute, BaseContext: func(net.Listener) context.Context { return ctx }}
	go func() {
		<-ctx.Done()
		server.Close()
	}()
	fmt.Printf("http://%s/mcp\n%s\n", l.Addr(), bare)
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// serveBare starts the server by itself, and returns its address.
func serveBare(ctx context.Context, program string, newer bool) (address string, stop func(), err error) {
	l, err := gateway.Listen(ctx, "127.0.0.1", 0)
	if err != nil {
		return "", nil, err
	}
	at := l.Addr().String()
	if err := l.Close(); err != nil {
		return "", nil, err
	}
	cmd := exec.Command(program, "-http", at, fmt.Sprintf("-stateless=%v", newer))
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		cmd.Process.Kill()
		cmd.Wait()
	}
	waiting, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		var d net.Dialer
		if c, err := d.DialContext(waiting, "tcp", at); err == nil {
			return "http://" + at, stop, c.Close()
		}
		select {
		case <-tick.C:
		case <-waiting.Done():
			stop()
			return "", nil, fmt.Errorf("the server at %s did not come up: %w", at, context.Cause(waiting))
		}
	}
}

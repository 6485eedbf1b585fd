package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/drawbridge-app/drawbridge/store"
)

// Listen opens the port of a gateway. An empty host means 127.0.0.1; port 0
// takes one that is free. The error is a sentence.
func Listen(ctx context.Context, host string, port int) (net.Listener, error) {
	if host == "" {
		host = "127.0.0.1"
	}
	var c net.ListenConfig
	l, err := c.Listen(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return nil, fmt.Errorf("the gateway cannot listen at %s: %w; another program may use the port: end it, or choose another port in the settings", net.JoinHostPort(host, strconv.Itoa(port)), err)
	}
	return l, nil
}

// Loopback reports whether a listener can be reached from this computer alone.
func Loopback(l net.Listener) bool {
	addr, err := netip.ParseAddrPort(l.Addr().String())
	return err == nil && addr.Addr().IsLoopback()
}

// Serve answers at the listener until the context ends or the gateway closes,
// and closes it. secure is needed for a listener that others than this computer
// can reach; nil otherwise means no TLS. The error wraps store.ErrInvalid for
// one that has none and needs it.
func (g *Gateway) Serve(ctx context.Context, l net.Listener, secure *tls.Config) error {
	defer l.Close()
	if secure == nil && !Loopback(l) {
		return fmt.Errorf("the gateway does not serve %s without TLS, since keys would cross the network in the clear; give it a certificate, or let it listen at 127.0.0.1 (%w)", l.Addr(), store.ErrInvalid)
	}
	if secure != nil {
		secure = secure.Clone()
		secure.MinVersion = max(secure.MinVersion, tls.VersionTLS12)
		l = tls.NewListener(l, secure)
	}
	serving, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	s := &http.Server{
		Handler:           g,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		BaseContext:       func(net.Listener) context.Context { return serving },
		ErrorLog:          log.New(serverLog{g.o.Logger}, "", 0),
	}
	closing := make(chan struct{})
	go func() {
		defer close(closing)
		select {
		case <-ctx.Done():
		case <-g.life.Done():
		case <-serving.Done():
			return
		}
		end() // which ends the streams; what answers still may finish
		last, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		if s.Shutdown(last) != nil {
			s.Close()
		}
	}()
	err := s.Serve(l)
	end()
	<-closing
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("the gateway stopped to listen: %w", err)
}

// serverLog takes what package http has to say, which may hold what clients sent.
type serverLog struct{ logger *slog.Logger }

func (l serverLog) Write(p []byte) (int, error) {
	l.logger.Debug("the gateway's HTTP server", "said", fmt.Sprintf("%.300q", p))
	return len(p), nil
}

// ServePipe serves one client over a pipe, as a server that is a program does:
// one message a line. The caller is who it was started for. It returns when the
// pipe ends, the context does or the gateway closes. The error wraps
// store.ErrDenied for a namespace that the caller may not see.
func (g *Gateway) ServePipe(ctx context.Context, c store.Caller, names []string, in io.Reader, out io.Writer) error {
	names = splitNames(names)
	if _, ok := narrow(g.o.Runner.Servers(c), names); !ok {
		return fmt.Errorf("one of the servers or groups %q does not exist, or the key may not see it (%w)", names, store.ErrDenied)
	}
	room, err := g.enter(c, names)
	if err != nil {
		return err
	}
	defer room.leave()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(room.life, cancel)()
	session, err := room.server.Connect(ctx, patient{&mcp.IOTransport{
		Reader: readCloser{in}, Writer: writeCloser{out}, MaxLineLength: bodyMax,
	}}, nil)
	if err != nil {
		return fmt.Errorf("begin to serve over standard input and output: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- session.Wait() }()
	select {
	case err = <-ended:
	case <-ctx.Done():
		session.Close()
		return context.Cause(ctx)
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return err
}

// The pipe is not ours to close.
type readCloser struct{ io.Reader }

func (readCloser) Close() error { return nil }

type writeCloser struct{ io.Writer }

func (writeCloser) Close() error { return nil }

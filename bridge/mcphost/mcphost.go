// Package mcphost runs a person's MCP servers and calls their tools: it starts
// them as child processes, reaches them over Streamable HTTP or inside this
// program, watches over them, and keeps the catalogue of what they offer.
//
// It decides nothing: whether a server may start is asked of Options.Gate, and
// whether a tool may be called is settled before Call. It knows no files and no
// keychain: configurations come in through Apply, secrets through
// Options.Secrets.
//
//	m := mcphost.New(mcphost.Options{Gate: policy, Secrets: keychain})
//	m.Apply(configs)
//	err := m.Ready(ctx)
//	result, err := m.Call(ctx, tools.Ref{Server: "files", Tool: "read_file"}, arguments, nil)
//	…
//	err = m.Close(ctx)
//
// Both eras of the protocol are spoken: 2026-07-28 where the server knows it,
// else 2025-11-25 and what came before. Everything that a server sends is
// hostile until checked; what it does wrong is contained to that server.
package mcphost

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// Gate says what may run.
type Gate interface {
	// MayStart is asked with the very configuration that is about to be
	// started. It returns nil, or an error that wraps store.ErrHeld when a
	// person has to look at the command first.
	MayStart(ctx context.Context, c store.ServerConfig) error
}

// Secrets gives the values that a configuration refers to. An error wraps
// store.ErrNotFound, store.ErrLocked or store.ErrNoKeychain.
type Secrets interface {
	Get(ctx context.Context, ref store.SecretRef) (store.Secret, error)
}

// SignIns keeps what a sign-in leaves: tokens, and what the program is
// registered as. The errors are those of Secrets.
type SignIns interface {
	Secrets
	Set(ctx context.Context, ref store.SecretRef, value store.Secret) error
	Remove(ctx context.Context, ref store.SecretRef) error
}

// Options is what a Manager is made of. Gate and Secrets are required; a zero
// duration means the default that is named with it.
type Options struct {
	Gate    Gate
	Secrets Secrets
	// SignIns keeps sign-ins; nil means that they last as long as the manager.
	SignIns SignIns
	// ClientDocument is the https address of the client id metadata document
	// that describes this program to authorization servers; empty where none is
	// published.
	ClientDocument string
	// Environ is the environment of this program, of which servers inherit a
	// few variables; nil means none.
	Environ func() []string
	// HTTP is what reaches servers over HTTP; nil means a transport like
	// http.DefaultTransport of its own.
	HTTP   *http.Transport
	Logger *slog.Logger // nil discards
	// LogDir is where each server's log file goes; empty keeps logs in memory
	// alone.
	LogDir string
	// SandboxDir is where the servers that run in a sandbox have their homes;
	// empty means a temporary folder.
	SandboxDir string
	// Private are folders that no server sees in a sandbox, beside LogDir and
	// what people usually keep secrets in. Programs is the folder of unpacked
	// servers, which may be inside a private one, and may be read.
	Private  []string
	Programs string
	// Builtins are the servers inside this program, by name. One is run over a
	// pipe and returns when the pipe ends or its context does.
	Builtins map[string]func(ctx context.Context, rw io.ReadWriteCloser) error
	// OpenAPI serves the API that a configuration describes, over a pipe like
	// Builtins. value gives what one of its settings is at that moment, with
	// secrets put in; over reaches the API as the configuration has it. Nil means
	// that there are no such servers.
	OpenAPI func(ctx context.Context, c store.ServerConfig, over *http.Transport, value func(context.Context, store.Value) (store.Secret, error), rw io.ReadWriteCloser) error
	// Version of the program, told to servers.
	Version string
	// Elicitor is asked what a server wants to know, unless a call's context
	// names another (WithElicitor); nil means that nobody can be asked, and
	// servers are told so.
	Elicitor Elicitor
	// Manual has Apply start nothing: servers are Stopped until Start.
	Manual bool
	// Cache keeps what is known of servers between runs; nil keeps it for this
	// run alone.
	Cache Cache

	StartTimeout    time.Duration // until the tools are listed; 30 s
	DiscoverTimeout time.Duration // silence after which a server is taken for one of the older era; 4 s
	CallIdle        time.Duration // of a call without any progress; 60 s
	CallMax         time.Duration // of a call in all; 10 min
	BackoffMin      time.Duration // first wait before a crashed server is started again; 1 s
	BackoffMax      time.Duration // longest such wait; 60 s
	SignInLimit     time.Duration // that a person has to sign in; 5 min
}

func (o Options) withDefaults() Options {
	if o.Environ == nil {
		o.Environ = func() []string { return nil }
	}
	if o.HTTP == nil {
		o.HTTP = http.DefaultTransport.(*http.Transport).Clone()
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Version == "" {
		o.Version = "unknown"
	}
	for _, d := range []struct {
		value *time.Duration
		is    time.Duration
	}{
		{&o.StartTimeout, 30 * time.Second}, {&o.DiscoverTimeout, 4 * time.Second},
		{&o.CallIdle, time.Minute}, {&o.CallMax, 10 * time.Minute},
		{&o.BackoffMin, time.Second}, {&o.BackoffMax, time.Minute},
	} {
		if *d.value <= 0 {
			*d.value = d.is
		}
	}
	return o
}

// State says where a server stands.
type State string

// The states. A server that crashed is Starting until its restart succeeds or
// is given up.
const (
	Disabled State = "disabled" // kept, but switched off
	Held     State = "held"     // a person has to look at its command first
	Starting State = "starting"
	Ready    State = "ready"   // its tools are listed and can be called
	Failed   State = "failed"  // Status.Error says why
	Stopped  State = "stopped" // a person stopped it
	Asleep   State = "asleep"  // it starts at the first call of one of its tools
)

// Callable reports whether the server's tools can be called: it is ready, or
// starts when one is.
func (s Status) Callable() bool {
	return s.State == Ready || s.State == Asleep || s.State == Starting && (len(s.Tools) > 0 || s.Instructions != nil)
}

// Status is a server with its state. What it points to does not change any
// more and may be kept.
type Status struct {
	Server store.ServerConfig
	State  State
	// Generation counts the starts and stops of this server; a later one is
	// larger.
	Generation uint64
	// Tools and Instructions are what the server listed; only while Callable.
	Tools        []tools.Tool
	Instructions *tools.Instructions
	// Offers says what else it has; only while Ready.
	Offers Offers
	// Program is the resolved path of what runs, for stdio.
	Program string
	// Took is the time from the start to the listed tools.
	Took time.Duration
	// Error says in a sentence what went wrong; empty if nothing did.
	Error string
	// Log are the last lines of the server's log; only after a failure.
	Log []string
	// PID is the child process, 0 without one.
	PID   int
	Since time.Time // when the state began
	// PeerName and PeerVersion are what the server calls itself. It may call
	// itself anything; nothing is looked up by it.
	PeerName    string
	PeerVersion string
	// Icon is what the server gave as its own picture; nil without one that may be
	// shown.
	Icon *Icon
	// SignIn says how the sign-in stands; nil where there is none to be had.
	SignIn *SignIn
	// Sandbox says what holds the server where it is to run in a sandbox; nil
	// otherwise, and until it is known.
	Sandbox *SandboxState
}

package gateway

import (
	"context"
	"encoding/json"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// Keys says who shows a key.
type Keys interface {
	// Authenticate returns the caller, with limits as they are now. The error
	// wraps store.ErrDenied for a key that is not known, revoked or expired.
	Authenticate(ctx context.Context, presented store.Secret) (store.Caller, error)
	// Again returns a caller that was let in before, with limits as they are now.
	// The errors are those of Authenticate.
	Again(ctx context.Context, c store.Caller) (store.Caller, error)
}

// Runner is what runs behind the gateway. Every method holds what it returns or
// does against what the caller may see and do at that moment.
type Runner interface {
	// Servers returns those that the caller may see.
	Servers(c store.Caller) []Server
	// Names returns, by the id of every server, what it can be called by, also
	// of those that the caller may not see: a header for one of them must not be
	// taken for another's.
	Names() map[string][]string
	// Tools returns those that the caller may be offered now.
	Tools(ctx context.Context, c store.Caller) ([]tools.Tool, error)
	// Call runs a tool if it may. The context carries a tools.Exchange.
	Call(ctx context.Context, c store.Caller, ref tools.Ref, args json.RawMessage, progress func(tools.Progress)) Answer
	// Unseen takes note that a tool was called that the caller cannot see, under
	// the name that it gave. It returns what is to be said of it; empty where
	// there is nothing to say but that.
	Unseen(ctx context.Context, c store.Caller, name string, args json.RawMessage) string
	// Astray takes note that a namespace was asked for that the caller cannot see.
	// It returns what is to be said of it, as Unseen does.
	Astray(ctx context.Context, c store.Caller, names []string) string
	// Offers lists what a server has beside tools.
	Offers(ctx context.Context, c store.Caller, server string) (Offers, error)
	// Relay passes on resources/read, prompts/get or completion/complete. The
	// error wraps store.ErrDenied, or is a *tools.Refusal of the server.
	Relay(ctx context.Context, c store.Caller, server, method string, params json.RawMessage) (json.RawMessage, error)
	// WatchResource calls changed whenever the resource changed, until the
	// context ends.
	WatchResource(ctx context.Context, c store.Caller, server, uri string, changed func()) error
	// Changed returns a channel that is closed when anything of this changes.
	Changed() <-chan struct{}
}

// Server is a server as a caller sees it.
type Server struct {
	ID, Name string
	Groups   []string
	// Instructions are what it tells models; empty for nothing.
	Instructions string
	// Ready says that it runs, so that what it has beside tools can be listed.
	Ready                                     bool
	Resources, Subscribe, Prompts, Completion bool
	// Revision grows whenever its resources or prompts may have changed.
	Revision uint64
	// Forwards says that it is reached over HTTP, so that headers can be passed
	// on, and Extra which of a client's headers are.
	Forwards bool
	Extra    []string
	// AuthHeader is the header that its own credential goes in, and AuthScheme
	// what stands before it there; empty for nothing.
	AuthHeader, AuthScheme string
}

// Answer is what became of a call.
type Answer struct {
	Result tools.Result
	// Refusal is the error of the protocol with which the server answered.
	Refusal *tools.Refusal
	// Status is 0 for a call that ran, 403 for one that may not, 404 for a tool
	// that is not there, 429 where a limit is reached. Result has the sentence.
	Status int
}

// Offers is what a server has beside tools, each as the server sent it.
type Offers struct {
	Resources []Entry // by URI
	Templates []Entry // by URI template
	Prompts   []Entry // by name
}

// Entry is one of them.
type Entry struct {
	Name       string
	Definition json.RawMessage
}

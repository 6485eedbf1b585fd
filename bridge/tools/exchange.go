package tools

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Exchange is what goes back and forth beside a request that another program
// makes through this one: the program is not in this process, and what its
// request stirs up at the server goes to it and to nobody else.
//
// It travels in the context of the request, see WithExchange. The functions may
// be called from any goroutine while the request runs, and are not called
// afterwards. All may be nil.
type Exchange struct {
	// Scope says on whose behalf it is. What a server asks or says without
	// naming the request is passed on only while the requests of one scope alone
	// are under way there.
	Scope string
	// Headers go with the requests to a server over HTTP, over those that are
	// configured. Connections made with them serve nobody else.
	Headers map[string]string
	// Read says that the result is read here and not passed on as it is: then it
	// has Content, and no Wire.
	Read bool
	// Rounds says that the program answers what a server wants to know by
	// sending the request again (2026-07-28): such a result is returned as it is.
	// InputResponses and RequestState are those of the request.
	Rounds         bool
	InputResponses json.RawMessage
	RequestState   string
	// Capabilities are those of the program, as the protocol writes them, for
	// servers that are told with each request what they may ask for.
	Capabilities json.RawMessage
	// Samples says that sampling is among them: a server of the older era is told
	// so when a connection is made, so that the program gets one of its own where
	// it is reached over HTTP.
	Samples bool
	// LogLevel is from which level on the program wants log messages of the
	// server; empty for none.
	LogLevel string
	// Log takes the parameters of a log message. It must not block.
	Log func(params json.RawMessage)
	// Asked asks the program what the server wants to know: the method is
	// elicitation/create, sampling/createMessage or roots/list, the result the
	// protocol's for it. Nil means that it cannot be asked.
	Asked func(ctx context.Context, method string, params json.RawMessage) (json.RawMessage, error)
	// Paused is called when a server over HTTP ended the stream of the request
	// without an answer, and said that one may come back for it, after retry if
	// that is not 0: the program may be told the same. It must not block for long.
	Paused func(retry time.Duration)
}

type exchangeKey struct{}

// WithExchange returns a context whose requests to servers carry the exchange.
func WithExchange(ctx context.Context, x *Exchange) context.Context {
	return context.WithValue(ctx, exchangeKey{}, x)
}

// ExchangeFrom returns the exchange of a context, and nil where there is none.
func ExchangeFrom(ctx context.Context) *Exchange {
	x, _ := ctx.Value(exchangeKey{}).(*Exchange)
	return x
}

// Refusal is an error of the protocol with which a server answered a request
// that carries an Exchange. Its texts are the server's words, with secrets
// redacted.
type Refusal struct {
	Code    int
	Message string
	Data    json.RawMessage // nil without any
}

// Error returns the message with the code.
func (r *Refusal) Error() string { return fmt.Sprintf("%s (code %d)", r.Message, r.Code) }

// Names gives each tool its name for programs and models: server__tool in the
// characters that every service takes, with a letter first and at most limit
// bytes long, a hash of the reference at the end where anything was cut or
// changed. No two are equal, and none depends on the order of the list. They are
// looked up again by the table, never taken apart.
func Names(list []Tool, limit int) map[Ref]string { return nameTools(list, limit) }

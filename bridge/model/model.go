// Package model says what one call of a model is: the request, the deltas that
// come back, the errors, and how deltas become a message.
//
// It is vocabulary like bridge/tools: the loop (bridge/chat) and the adapters
// (bridge/provider) both import it and not each other. It speaks no wire format
// itself.
//
//	var a model.Assembler
//	for d, err := range client.Stream(ctx, req) {
//		if err != nil { … }
//		a.Add(d)
//	}
//	parts := a.Parts(ref)
package model

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// Request is one call of a model.
type Request struct {
	Model  store.ModelRef
	System string
	// Messages is a valid history: it begins with the user, each call of an
	// assistant's message is answered by the RoleTool message that follows.
	Messages []store.Message
	// Tools may be called in this request; Name gives those that the history
	// names their names.
	Tools *tools.Table
	// Managed are servers that the provider connects to itself. It is empty
	// where Features.Managed is false.
	Managed []ManagedServer
	// MaxOutput bounds the answer in tokens; 0 leaves it to the adapter.
	MaxOutput int64
	// Choice says whether the model has to call a tool. It is the zero value
	// where no tool is offered.
	Choice Choice
	// Sampling is what a program that asks wants of the answer.
	Sampling Sampling
	// Conversation is an id that the service may use to group requests; never
	// personal.
	Conversation string
	// Metadata is for gateways that keep a log of requests, and goes to no
	// other service.
	Metadata map[string]string
}

// ManagedServer is a server that the provider connects to itself.
type ManagedServer struct {
	Server  string // id of the server
	Label   string // its name in the request: letters, digits, _ and -, unique
	URL     string // https, public
	Headers map[string]store.Secret
	// Tools are those that the policy permits, as the app itself listed them;
	// the provider may use no others.
	Tools []ManagedTool
}

// ManagedTool is a tool that a provider may call on a server itself.
type ManagedTool struct {
	tools.Tool
	// Always says that it may run without asking. Where Features.ManagedAsks is
	// false only such tools are in the list.
	Always bool
}

// Features is what a provider can do beyond calling functions.
type Features struct {
	Managed     bool // it connects to MCP servers itself
	ManagedAsks bool // and asks before a call of theirs, where it is told to
}

// Client is one provider entry, ready to be called. Its methods may be called
// from any goroutine.
type Client interface {
	// Stream makes one call. At most one error comes, last, and it is an *Error
	// or the context's. Without the format's terminal event there is an error
	// that wraps ErrCut. The last delta of a whole answer is a Done. Breaking
	// out of the loop closes the connection.
	Stream(ctx context.Context, req Request) iter.Seq2[Delta, error]
	// Models lists what the provider offers.
	Models(ctx context.Context) ([]Info, error)
	// Dialect says which names and how many tools the format takes.
	Dialect() tools.Dialect
	// Features says what else the entry can do.
	Features() Features
}

// Info describes a model.
type Info struct {
	ID   string // the provider's own name
	Name string // for people; empty means ID
	// Limits is what the provider, the table or the person says of the model.
	Limits store.ModelLimits
}

// Delta is a piece of an answer: TextDelta, ReasoningDelta, CallDelta,
// OpaqueDelta, ListingDelta, ManagedDelta, ImageDelta, UsageDelta or Done. The
// set is closed.
type Delta interface{ delta() }

// TextDelta continues the text.
type TextDelta struct{ Text string }

// ReasoningDelta continues the visible reasoning.
type ReasoningDelta struct{ Text string }

// CallDelta begins or continues a tool call. Index tells parallel calls apart
// and is unique in the answer; ID and Name come with the first delta of a call.
type CallDelta struct {
	Index     int
	ID        string
	Name      string
	Arguments string // a fragment of JSON text
}

// OpaqueDelta is an item that the provider wants back as it is, at this place
// among the parts.
type OpaqueDelta struct{ Data json.RawMessage }

// ListingDelta is what the provider found on a server that it connects to
// itself. The loop holds Tools against the pins; nothing is said of those that
// the provider does not describe in full.
type ListingDelta struct {
	Server string       // id of the server
	Tools  []ListedTool // in the provider's order
	Error  string       // why it found none, in a sentence
}

// ListedTool is a definition as the provider says that it got it.
type ListedTool struct {
	Name        string
	Description string
	InputSchema json.RawMessage // nil if the provider does not say
}

// ManagedDelta is how far a call that the provider runs itself has come. One
// with an ID that was there before replaces it.
type ManagedDelta struct{ Call store.ManagedCall }

// ImageDelta is a picture that the model made.
type ImageDelta struct{ Image store.Image }

// UsageDelta replaces the usage known so far.
type UsageDelta struct{ Usage store.Usage }

// Done ends an answer: the format's terminal event came.
type Done struct{ Reason StopReason }

func (TextDelta) delta()      {}
func (ReasoningDelta) delta() {}
func (CallDelta) delta()      {}
func (OpaqueDelta) delta()    {}
func (ListingDelta) delta()   {}
func (ManagedDelta) delta()   {}
func (ImageDelta) delta()     {}
func (UsageDelta) delta()     {}
func (Done) delta()           {}

// StopReason says why the model stopped.
type StopReason string

// The reasons. An answer that has calls is continued after StopCalls; some
// services report StopEnd for it, so the calls themselves count.
const (
	StopEnd     StopReason = "end"
	StopCalls   StopReason = "calls"
	StopLength  StopReason = "length"  // the limit of output was reached
	StopFilter  StopReason = "filter"  // the provider withheld the rest
	StopRefusal StopReason = "refusal" // the model refused
)

// ErrCut says that the stream ended before its terminal event.
var ErrCut = errors.New("the answer broke off")

// ErrorKind groups what went wrong by what helps.
type ErrorKind string

// The kinds.
const (
	ErrorAuth      ErrorKind = "auth"      // no key, a wrong one, or no right
	ErrorRequest   ErrorKind = "request"   // the provider refused the request itself
	ErrorNotFound  ErrorKind = "not_found" // no such model or address
	ErrorRate      ErrorKind = "rate"      // too many requests
	ErrorServer    ErrorKind = "server"    // the provider failed
	ErrorTransport ErrorKind = "transport" // no connection, or it broke off
	ErrorTrust     ErrorKind = "trust"     // no secure connection; it did not prove who it is
	ErrorProtocol  ErrorKind = "protocol"  // what came is not the format
	ErrorContext   ErrorKind = "context"   // the history is too long for the model
	ErrorManaged   ErrorKind = "managed"   // the provider cannot use a server that it connects to itself
)

// Error is a failed call of a model. Its text says what happened and what to
// do; it holds no secret.
type Error struct {
	Kind       ErrorKind
	Status     int           // HTTP status; 0 if there was none
	Message    string        // a sentence or two for people
	RetryAfter time.Duration // as the provider asked; 0 if it did not
	Server     string        // id of the server, of ErrorManaged; empty if it is not known
	Err        error         // the cause, may be nil
}

// Error returns the sentence.
func (e *Error) Error() string {
	if e.Message != "" {
		return e.Message
	}
	return fmt.Sprintf("the provider failed (%s)", e.Kind)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

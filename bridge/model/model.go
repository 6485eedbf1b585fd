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
	// Conversation is an id that the service may use to group requests; never
	// personal.
	Conversation string
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
}

// Info describes a model.
type Info struct {
	ID   string // the provider's own name
	Name string // for people; empty means ID
}

// Delta is a piece of an answer: TextDelta, ReasoningDelta, CallDelta,
// OpaqueDelta, UsageDelta or Done. The set is closed.
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

// UsageDelta replaces the usage known so far.
type UsageDelta struct{ Usage store.Usage }

// Done ends an answer: the format's terminal event came.
type Done struct{ Reason StopReason }

func (TextDelta) delta()      {}
func (ReasoningDelta) delta() {}
func (CallDelta) delta()      {}
func (OpaqueDelta) delta()    {}
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
	ErrorProtocol  ErrorKind = "protocol"  // what came is not the format
	ErrorContext   ErrorKind = "context"   // the history is too long for the model
)

// Error is a failed call of a model. Its text says what happened and what to
// do; it holds no secret.
type Error struct {
	Kind       ErrorKind
	Status     int           // HTTP status; 0 if there was none
	Message    string        // a sentence or two for people
	RetryAfter time.Duration // as the provider asked; 0 if it did not
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

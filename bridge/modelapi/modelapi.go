// Package modelapi is the part of the local endpoint that speaks OpenAI's words:
// /v1/responses, /v1/chat/completions and /v1/models. Any program that knows
// them gets the models that its key may use and, with a tool of the type mcp, the
// person's tools.
//
// It reads requests and writes answers. Which models and tools a key may use,
// what becomes of a call and the loop itself are its Engine's business. A program
// can narrow what its key may do and never widen it: a field that asks for less
// is kept to, one that would change the meaning of a request and cannot be kept
// to is refused, and what a program says of earlier calls is taken for its word
// and for nothing else.
//
//	handler := modelapi.New(modelapi.Options{Engine: bridge})
//	http.Handle("/v1/", handler) // behind something that checks keys
package modelapi

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// Engine is what the endpoint runs on. It holds each caller against its limits
// and the policy; its methods are called from several goroutines at once.
type Engine interface {
	// Caller returns who the request is from, as its key was checked.
	Caller(ctx context.Context) (store.Caller, bool)
	// SameKey reports whether a key that a request holds is the caller's own.
	SameKey(ctx context.Context, c store.Caller, key store.Secret) bool
	// MayAsk returns nil if the caller may ask a model now. The error is a
	// sentence that wraps store.ErrDenied, and store.ErrLimit where a limit is
	// reached.
	MayAsk(ctx context.Context, c store.Caller) error
	// Models returns those that the caller may ask.
	Models(ctx context.Context, c store.Caller) []Model
	// Find returns the model of a name. The error is a sentence that wraps
	// store.ErrNotFound or store.ErrInvalid.
	Find(ctx context.Context, c store.Caller, name string) (store.ModelRef, error)
	// Servers returns those that the caller may see.
	Servers(c store.Caller) []Server
	// Tools returns those that the caller may be offered.
	Tools(ctx context.Context, c store.Caller) ([]tools.Tool, error)
	// Forward returns which of these headers go on to which of these servers.
	Forward(ctx context.Context, h http.Header, servers []string) map[string]map[string]string
	// Decide says what the policy says of a call, without running it.
	Decide(ctx context.Context, inv tools.Invocation) tools.Verdict
	// Call runs one call, if the policy agrees. Where it wants to be asked, agreed
	// answers for the person if it is true, and otherwise the person is asked.
	Call(ctx context.Context, inv tools.Invocation, agreed bool) tools.Result
	// NoteContent notes that content of a server stands in what the caller sent.
	NoteContent(ctx context.Context, c store.Caller, server string)
	// Note has the audit keep that a request was answered or refused.
	Note(ctx context.Context, c store.Caller, model, decision, reason string)
	// Run runs the loop on a history. The last event is a Done, or comes with an
	// error.
	Run(ctx context.Context, t Turn) iter.Seq2[Event, error]
}

// Model is a model that a key may ask.
type Model struct {
	ID    string // entry/model
	Owner string // id of the entry
}

// Server is a server as a caller sees it.
type Server struct {
	ID, Name string
	Groups   []string
}

// Turn is one run of the loop.
type Turn struct {
	Caller   store.Caller
	Model    store.ModelRef
	System   string
	Messages []store.Message // ends with the person or with results
	Choice   model.Choice
	Sampling model.Sampling
	// MaxOutput bounds all answers together, in tokens; 0 leaves it open.
	MaxOutput int64
	// Offer returns what the model is offered; it is asked before each step.
	Offer func(ctx context.Context) ([]tools.Tool, error)
	// Call runs a call. It comes from several goroutines.
	Call func(ctx context.Context, inv tools.Invocation) tools.Result
	// Halt is asked after the calls of each step whether the run ends there.
	Halt func() bool
}

// Event is what happens in a run: Begun, Piece, Again, Answered, Called, Kept or
// Done.
type Event interface{ event() }

// Begun says that an answer begins, or begins anew.
type Begun struct{}

// Piece is a piece of an answer.
type Piece struct{ Delta model.Delta }

// Again says that the model failed and is called again, so that what came of
// the answer is void. The reason is a sentence.
type Again struct{ Reason string }

// Answered is an answer as it stays. Calls are what it calls, with the arguments
// that tools get; they are about to be run.
type Answered struct {
	Message store.Message
	Calls   []store.ToolCall
}

// Called says that a call has its result.
type Called struct{ Result store.ToolResult }

// Kept is a message of the history that is no answer.
type Kept struct{ Message store.Message }

// Done ends a run.
type Done struct {
	Reason Reason
	Usage  store.Usage
}

func (Begun) event()    {}
func (Piece) event()    {}
func (Again) event()    {}
func (Answered) event() {}
func (Called) event()   {}
func (Kept) event()     {}
func (Done) event()     {}

// Reason says why a run ended.
type Reason string

// The reasons.
const (
	End    Reason = "end"    // the model has answered
	Halted Reason = "halted" // Turn.Halt said so
	Length Reason = "length" // the limit of output was reached
	Filter Reason = "filter" // the provider withheld the rest
	Steps  Reason = "steps"  // the model called tools again and again
)

// Functions is the server of the functions of the program that asks.
const Functions = "(functions)"

// Options are what a Handler needs.
type Options struct {
	Engine Engine           // required
	Logger *slog.Logger     // nil discards
	Now    func() time.Time // nil is time.Now
	// SealingKey returns the key under which what programs are given of models'
	// thoughts is sealed, at its first use: a text of high entropy that stays the
	// same for good. With nil, or after an error, it is one of this run.
	SealingKey func(ctx context.Context) (store.Secret, error)
}

// Handler answers what is asked below /v1/. Any goroutine may use it.
type Handler struct {
	o      Options
	kept   *kept
	sealer *sealer
}

// New returns a Handler.
func New(o Options) *Handler {
	if o.Engine == nil {
		panic("modelapi: Options.Engine is required")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Handler{o: o, kept: newKept(o.Now), sealer: newSealer(o)}
}

// bodyMax bounds a request, in bytes.
const bodyMax = 32 << 20

// ServeHTTP answers one request whose key was checked already.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	caller, ok := h.o.Engine.Caller(r.Context())
	if !ok {
		writeError(w, &fault{status: http.StatusUnauthorized, kind: "authentication_error", code: "invalid_api_key", message: "A key is needed."})
		return
	}
	path, method := strings.TrimSuffix(r.URL.Path, "/"), http.MethodPost
	var serve func(http.ResponseWriter, *http.Request, store.Caller) error
	switch {
	case path == "/v1/responses":
		serve = h.responses
	case path == "/v1/chat/completions":
		serve = h.completions
	case path == "/v1/models" || strings.HasPrefix(path, "/v1/models/"):
		serve, method = h.models, http.MethodGet
	default:
		writeError(w, &fault{status: http.StatusNotFound, code: "unknown_url", message: "There is nothing at " + r.Method + " " + clip(path, 100) + ". Drawbridge answers /v1/responses, /v1/chat/completions and /v1/models."})
		return
	}
	if r.Method != method {
		w.Header().Set("Allow", method)
		writeError(w, &fault{status: http.StatusMethodNotAllowed, message: "Use " + method + " for " + clip(path, 100) + "."})
		return
	}
	if err := h.o.Engine.MayAsk(r.Context(), caller); err != nil {
		h.o.Engine.Note(r.Context(), caller, "", "deny", err.Error())
		writeError(w, faultOf(err))
		return
	}
	err := serve(w, r, caller)
	if err == nil {
		return
	}
	if r.Context().Err() == nil {
		writeError(w, faultOf(err))
	}
}

// models lists what the key may use, or tells of one.
func (h *Handler) models(w http.ResponseWriter, r *http.Request, c store.Caller) error {
	type entry struct {
		ID      string `json:"id"`
		Object  string `json:"object"`
		Created int64  `json:"created"`
		OwnedBy string `json:"owned_by"`
	}
	list := h.o.Engine.Models(r.Context(), c)
	data := make([]entry, 0, len(list))
	for _, m := range list {
		data = append(data, entry{m.ID, "model", 0, m.Owner})
	}
	if name, one := strings.CutPrefix(strings.TrimSuffix(r.URL.Path, "/"), "/v1/models/"); one {
		ref, err := h.o.Engine.Find(r.Context(), c, name)
		if err != nil {
			return err
		}
		writeJSON(w, http.StatusOK, entry{ref.Provider + "/" + ref.Model, "model", 0, ref.Provider})
		return nil
	}
	writeJSON(w, http.StatusOK, map[string]any{"object": "list", "data": data})
	return nil
}

// fault is an error in OpenAI's shape.
type fault struct {
	status  int
	kind    string // type; empty means invalid_request_error
	code    string // empty means null
	param   string // empty means null
	message string
}

func (f *fault) Error() string { return f.message }

// bad is a fault of the request.
func bad(param, message string) error {
	return &fault{status: http.StatusBadRequest, code: "invalid_value", param: param, message: message}
}

// unsupported is a fault of a request that asks for what is not done here.
func unsupported(param, message string) error {
	return &fault{status: http.StatusBadRequest, code: "unsupported_parameter", param: param, message: message}
}

// faultOf puts any error into OpenAI's shape.
func faultOf(err error) *fault {
	var f *fault
	if errors.As(err, &f) {
		return f
	}
	message := sentence(err)
	var failed *model.Error
	switch {
	case errors.Is(err, store.ErrLimit):
		return &fault{status: http.StatusTooManyRequests, kind: "rate_limit_error", code: "rate_limit_exceeded", message: message}
	case errors.As(err, &failed):
		switch failed.Kind {
		case model.ErrorRequest, model.ErrorContext:
			return &fault{status: http.StatusBadRequest, message: message}
		case model.ErrorNotFound:
			return &fault{status: http.StatusNotFound, code: "model_not_found", param: "model", message: message}
		case model.ErrorRate:
			return &fault{status: http.StatusTooManyRequests, kind: "rate_limit_error", code: "rate_limit_exceeded", message: message}
		}
		return &fault{status: http.StatusBadGateway, kind: "server_error", code: "provider_error", message: message}
	case errors.Is(err, store.ErrNotFound):
		return &fault{status: http.StatusNotFound, code: "model_not_found", param: "model", message: message}
	case errors.Is(err, store.ErrDenied):
		return &fault{status: http.StatusForbidden, kind: "permission_error", code: "permission_denied", message: message}
	case errors.Is(err, store.ErrInvalid):
		return &fault{status: http.StatusBadRequest, message: message}
	}
	return &fault{status: http.StatusInternalServerError, kind: "server_error", code: "server_error", message: "Drawbridge could not answer this request; its log says why."}
}

// sentence begins with a capital and ends with a full stop, without what an
// error wraps in brackets at its end.
func sentence(err error) string {
	text := err.Error()
	for {
		cut := strings.LastIndex(text, " (")
		if cut < 0 || !strings.HasSuffix(text, ")") {
			break
		}
		text = text[:cut]
	}
	if text == "" {
		return "It failed."
	}
	text = strings.ToUpper(text[:1]) + text[1:]
	if !strings.HasSuffix(text, ".") {
		text += "."
	}
	return text
}

func (f *fault) body() map[string]any {
	orNull := func(s string) any {
		if s == "" {
			return nil
		}
		return s
	}
	kind := f.kind
	if kind == "" {
		kind = "invalid_request_error"
	}
	return map[string]any{"message": f.message, "type": kind, "param": orNull(f.param), "code": orNull(f.code)}
}

func writeError(w http.ResponseWriter, f *fault) {
	if f.status == http.StatusTooManyRequests {
		w.Header().Set("X-Should-Retry", "false") // it would not help before midnight
	}
	writeJSON(w, f.status, map[string]any{"error": f.body()})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	raw, err := json.Marshal(v)
	if err != nil {
		status, raw = http.StatusInternalServerError, []byte(`{"error":{"message":"The answer could not be written.","type":"server_error","param":null,"code":null}}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(raw) // a client that left is no fault
}

func clip(s string, most int) string {
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return strings.ToValidUTF8(s, "�")
}

// Package tools says what a tool, a call, a verdict and a result are, and gives
// tools the names and schemas that each service accepts.
//
// It is vocabulary: every room of the bridge imports it, and it imports package
// store alone. It decides nothing (bridge/policy does) and runs nothing
// (bridge/mcphost does).
//
//	table := converter.Table(list, tools.Anthropic, false)
//	body.Tools = tools.JSON(tools.FormatAnthropic, table.Functions()) // offered to the model
//	t, ok := table.Lookup(call.Name)                                  // what the model called
//
// Where the tools are too many, a table offers find_tools and call_tool in their
// place (search.go); a result that is too long goes to the model cut, and the
// model reads on in it (shape.go).
package tools

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/drawbridge-app/drawbridge/store"
)

// Ref names a tool: the id of its server and the tool's own name there.
type Ref struct {
	Server string `json:"server"`
	Tool   string `json:"tool"`
}

// String shows the reference to people, as server__tool.
func (r Ref) String() string { return r.Server + "__" + r.Tool }

// Tool is a tool as its server defined it.
type Tool struct {
	Ref
	ServerName string // what a person calls the server
	// Given is the name that models call it by, of a function of the program that
	// asks; empty for the tools of servers, which Names names. It is unique in a
	// list, and fits every service.
	Given        string
	Title        string
	Description  string
	InputSchema  json.RawMessage // a JSON Schema whose root is an object
	OutputSchema json.RawMessage // nil if the server gives none
	Claims       Claims
	Serial       bool // calls on its server run in turn
	// Definition is the whole definition as the server sent it, in canonical
	// JSON (keys sorted), and Hash its SHA-256 in hex: what is pinned.
	Definition json.RawMessage
	Hash       string
	// Narrowed is empty unless a rule took parameters out of InputSchema; then it
	// tells this schema from the one that the server gave.
	Narrowed string
}

// Claims are a server's annotations of a tool. They are claims of the server,
// not facts; nil where it claims nothing.
type Claims struct {
	ReadOnly    *bool `json:"readOnlyHint,omitempty"`
	Destructive *bool `json:"destructiveHint,omitempty"`
	Idempotent  *bool `json:"idempotentHint,omitempty"`
	OpenWorld   *bool `json:"openWorldHint,omitempty"`
}

// Instructions is what a server tells models about itself. It is pinned like a
// definition.
type Instructions struct {
	Server string
	Text   string
	Hash   string
}

// Client says on whose behalf something is asked.
type Client string

// The clients.
const (
	ClientChat    Client = "chat"    // a conversation, in the window or by drawbridge ask
	ClientCommand Client = "command" // a person who typed the call
	ClientGateway Client = "gateway" // another app, which called the tool itself
	ClientModels  Client = "models"  // another app, which asked a model that called the tool
)

// Invocation is one wish to run a tool.
type Invocation struct {
	Client       Client
	Conversation string // id; empty outside of conversations
	CallID       string
	Ref          Ref
	Arguments    json.RawMessage
	// Caller is who asks, for ClientGateway and ClientModels.
	Caller *store.Caller
}

// Decision is what the policy says of an invocation.
type Decision int

// The decisions.
const (
	Deny Decision = iota
	Ask
	Allow
)

// Verdict is a decision and, in a sentence, why.
type Verdict struct {
	Decision Decision
	Reason   string
	// Err says which kind of refusal it is: store.ErrHeld, store.ErrNotFound,
	// store.ErrDenied, store.ErrLimit. Nil unless Decision is Deny.
	Err error
	// After names the servers whose content stands before this call, where it is
	// asked about for that alone: nobody vouches for them, and what they said may
	// have led to it. AnswerAfter allows it after content of these servers.
	After []string
	// Arguments are those that the server would get, of a verdict that a person
	// is asked about; nil where they are as they were given.
	Arguments json.RawMessage
	// Change is the definition that is held, where that is what the verdict asks
	// about; nil where the person has seen the definition.
	Change *Change
	// Edit has the call run with other arguments than the model gave. It checks
	// them as those of a call, by the rules and the schema as they are now, and
	// returns a sentence, wrapping store.ErrInvalid or store.ErrDenied, where they
	// will not do; then the last ones that did stay. Those that are the same as the
	// ones asked about take an edit back. It may be called from any goroutine until
	// the question is answered; nil where nothing can be edited.
	Edit func(arguments json.RawMessage) error
}

// Change is a definition that differs from the one that a person has seen.
type Change struct {
	// Old was seen, New is what the server lists now.
	Old, New json.RawMessage
	NewHash  string
	// Accept records that the person has seen the change and wants it. An answer
	// that allows the call without it leaves the tool held, and the call refused.
	// The error wraps store.ErrHeld if the definition has changed once more.
	Accept func(ctx context.Context) error
}

// Answer is what a person says when asked.
type Answer string

// The answers.
const (
	AnswerOnce         Answer = "once"
	AnswerConversation Answer = "conversation"
	AnswerAlways       Answer = "always"
	AnswerDeny         Answer = "deny"  // this call
	AnswerNever        Answer = "never" // this tool, from now on
	// AnswerAfter allows the tool in this conversation, or session of a client,
	// also after content of the servers that the verdict names.
	AnswerAfter Answer = "after"
	// AnswerAsk is no answer to a question: as a standing one it has each call
	// of the tool asked about, whatever the server's rules say.
	AnswerAsk Answer = "ask"
)

// Result is what a call gave.
type Result struct {
	Content    store.Parts // Text, Image, File
	Structured json.RawMessage
	IsError    bool
	Started    time.Time
	Elapsed    time.Duration
	// Edited are the arguments that the call ran with, where a person changed
	// those that the model gave; nil where nobody did. Content says so, too.
	Edited json.RawMessage
	// Wire is the whole result as the server sent it, with secrets redacted and
	// what cannot be seen written out. It is there only if the request carried an
	// Exchange whose result is not read here; then Content is empty. It is nil for
	// results that are ours.
	Wire json.RawMessage `json:"-"`
	// Refusal is the error of the protocol with which the server answered a
	// request that carried an Exchange; nil for all else.
	Refusal *Refusal `json:"-"`
	// Denied is what a refusal wraps (see Verdict.Err); nil for what ran, or
	// failed. It is for the caller at hand; that there was one is kept.
	Denied error `json:"-"`
}

// ErrorResult returns a result that tells the model what went wrong.
func ErrorResult(sentence string) Result {
	return Result{Content: store.Parts{store.Text{Text: sentence}}, IsError: true}
}

// Part returns the result as the part of a message that answers the call.
func (r Result) Part(callID string) store.ToolResult {
	return store.ToolResult{
		CallID: callID, Content: r.Content, Structured: r.Structured,
		IsError: r.IsError, Started: r.Started, Elapsed: r.Elapsed, Edited: r.Edited, Denied: errors.Is(r.Denied, store.ErrDenied),
	}
}

// Progress is what a server reports while a call runs.
type Progress struct {
	Done, Total float64 // Total is 0 if unknown
	Message     string
}

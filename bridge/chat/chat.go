// Package chat is the loop: a person's message goes to a model, the tools that
// the model calls run here, their results go back, until the model is done.
//
// A turn begins with a message of the person and ends when the model has
// nothing more to call. Each step of it is one call of a model and the tools
// that it asked for. Everything that was announced is in the history first, and
// whatever ends a turn (stop, an error, a crash, a reader that leaves), each
// tool call in the history is answered, so that the conversation can go on with
// any provider.
//
// The package speaks no wire format, runs no tool itself and decides nothing:
// Model, Tools, History and Approver do.
//
//	loop := chat.New(chat.Options{History: db, Tools: guard})
//	for event, err := range loop.Run(ctx, chat.Turn{Conversation: c, Message: m, Model: client, Approver: window}) {
//		…
//	}
package chat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// ErrBusy says that a turn runs in this conversation already. Nothing was sent
// or kept.
var ErrBusy = errors.New("this conversation is still being answered; stop that answer or wait for its end")

// ErrNothing says that a turn without a message has nothing to go on from: the
// conversation is empty, or its last answer is whole.
var ErrNothing = errors.New("there is nothing to continue; the last answer is whole. Write a message")

// History keeps messages. Append is durable when it returns: it inserts the
// messages, or replaces those whose id is there, all or none, and moves the
// conversation's head to the last. Its methods may be called from any goroutine:
// the results of calls are appended while the next request is made.
type History interface {
	Conversation(ctx context.Context, id string) (store.Conversation, error)
	Chain(ctx context.Context, conversation string) ([]store.Message, error)
	// Tail returns the last messages of the chain, at most that many, beginning
	// with one of the person, and how many more there are.
	Tail(ctx context.Context, conversation string, most int) (messages []store.Message, earlier int, err error)
	// Spent returns what the models used for the messages of the chain.
	Spent(ctx context.Context, conversation string) ([]store.Used, error)
	// ChainTo returns the messages from the first to that one, and the one that
	// answers its calls, if it has calls and there is one.
	ChainTo(ctx context.Context, conversation, message string) ([]store.Message, error)
	Append(ctx context.Context, messages ...store.Message) error
	// Unfinished returns the conversations whose last message still streams, or
	// has calls that are not all answered.
	Unfinished(ctx context.Context) ([]store.Conversation, error)
}

// Model answers. It is what the loop needs of model.Client.
type Model interface {
	Stream(ctx context.Context, req model.Request) iter.Seq2[model.Delta, error]
	Dialect() tools.Dialect
	Features() model.Features
}

// Tools offers tools and runs them. Its methods are called from several
// goroutines at once.
type Tools interface {
	// Offered returns what the conversation's model may be offered now, the
	// policy applied.
	Offered(ctx context.Context, conv store.Conversation) ([]tools.Tool, []tools.Instructions, error)
	// Call runs one call, if the policy and, where it says so, the person agree.
	// ask puts the question to the person; it is nil if nobody can be asked.
	// progress takes what the server reports and never blocks. What went wrong
	// is in the result. Call returns soon after ctx ends.
	Call(ctx context.Context, inv tools.Invocation, ask Ask, progress func(tools.Progress)) tools.Result
}

// Ask puts a question to a person. It returns an error when ctx ends before
// the answer.
type Ask func(ctx context.Context, v tools.Verdict) (tools.Answer, error)

// Approver is the person who is asked during a turn. Its methods return when
// ctx ends.
type Approver interface {
	// Approve asks whether a call may run. It is called from several goroutines
	// at once, after the event CallAsked was handed to the reader. An answer
	// that is not known counts as tools.AnswerDeny.
	Approve(ctx context.Context, a Approval) (tools.Answer, error)
	// Continue asks whether to go on. It is called after the event StepLimit or
	// Repeating.
	Continue(ctx context.Context, p Pause) (bool, error)
}

// Approval is a call that a person is asked about.
type Approval struct {
	ConversationID string
	MessageID      string         // the assistant's message that holds the call
	Call           store.ToolCall // Arguments are a JSON object, exactly what the server would get
	Tool           tools.Tool     // as it was offered to the model
	Reason         string         // why there is a question, in a sentence
	// After names the servers whose content stands before the call, where it is
	// that which has it asked about: see tools.Verdict.
	After []string
	// Managed says that the provider runs the call on a server that it connects
	// to itself; the answer goes to the provider.
	Managed bool
	// Change is the definition that is held, where it has changed since the person
	// has seen it. Without its Accept, an answer that allows the call lets nothing run.
	Change *tools.Change
	// Edit has the call run with other arguments: see tools.Verdict. It is nil
	// where they cannot be changed.
	Edit func(arguments json.RawMessage) error
}

// Options are what a Loop needs. Zero values mean the defaults that are named.
type Options struct {
	History    History          // required
	Tools      Tools            // required
	Managed    Managed          // nil hands no server to a provider
	Logger     *slog.Logger     // nil discards
	Now        func() time.Time // nil is time.Now
	Parallel   int              // calls of one step that run at once; 0 means 8
	Checkpoint time.Duration    // how often a growing message is kept; 0 means one second
	StepLimit  int              // model calls after which a turn asks; 0 means 25
	// Limits says what a model takes and costs; nil knows nothing.
	Limits func(store.ModelRef) store.ModelLimits
	// SearchShare is the share of a model's context that tools may take before
	// the model gets a search over them instead; nil or 0 means a fifth.
	SearchShare func() float64
	// Count returns how many tokens a text has for the model of that name. Nil
	// takes three bytes for one.
	Count func(model, text string) int64
	Tries int // calls of one model for one answer, failed ones included; 0 means 4
}

// Loop runs turns. Its methods may be called from any goroutine; turns of
// different conversations run side by side.
type Loop struct {
	o     Options
	ruler *ruler
	tools *tools.Converter

	mu      sync.Mutex // protects running
	running map[string]struct{}
}

// New returns a Loop. It panics if something required is missing.
func New(o Options) *Loop {
	if o.History == nil || o.Tools == nil {
		panic("chat: Options.History and Options.Tools are required")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Parallel <= 0 {
		o.Parallel = 8
	}
	if o.Checkpoint <= 0 {
		o.Checkpoint = time.Second
	}
	if o.StepLimit <= 0 {
		o.StepLimit = 25
	}
	if o.Tries <= 0 {
		o.Tries = 4
	}
	if o.Limits == nil {
		o.Limits = func(store.ModelRef) store.ModelLimits { return store.ModelLimits{} }
	}
	if o.SearchShare == nil {
		o.SearchShare = func() float64 { return 0 }
	}
	if o.Count == nil {
		o.Count = func(_, text string) int64 { return int64(len(text)+2) / 3 }
	}
	return &Loop{o: o, ruler: newRuler(o.Count), tools: tools.NewConverter(), running: map[string]struct{}{}}
}

// Turn is what Run runs.
type Turn struct {
	// Conversation as it is now. Its Model, System and Switches count; the
	// switches are read again before each further step.
	Conversation store.Conversation
	// Message is the person's; its Parts count. Without parts the turn goes on
	// from the head: after an error or a stop it answers the last message again,
	// and tools that have run are not run again. An interrupted answer is not
	// continued: the new one takes its place in the chain, with the same parent.
	Message store.Message
	// From names the message after which the turn goes on, in place of the
	// head; empty is the beginning. The head moves with the first message that
	// is kept. Nil is the head.
	From *string
	// Model is the client of the provider that Conversation.Model names.
	Model Model
	// Fallbacks answer in its place when it cannot, in this order. One that has
	// taken over stays for the rest of the turn.
	Fallbacks []Candidate
	// Choice says whether the model has to call a tool: model.ChoiceRequired in the
	// first step, model.ChoiceNone in all.
	Choice model.Choice
	// MaxOutput bounds all answers of the turn together, in tokens; 0 leaves it to
	// the model.
	MaxOutput int64
	Sampling  model.Sampling
	// Halt is asked after the calls of each step whether the turn ends there, with
	// ReasonHalted; nil never ends it.
	Halt func() bool
	// Approver is asked; nil refuses every call that needs an answer, and ends
	// the turn where it would be asked whether to go on.
	Approver Approver
}

// Candidate is a model that may answer.
type Candidate struct {
	Ref   store.ModelRef
	Model Model
}

// Run runs one turn while its caller ranges over it, once. The last thing it
// yields is either a TurnDone, or an error with a nil event: a failure of the
// model (*model.Error in its chain), of the history, or of reading the tools,
// ErrBusy or ErrNothing. What tools do wrong is no error: it goes back to the
// model. After an error, a turn without a message tries again.
//
// When ctx ends the turn stops soon and yields TurnDone with ReasonStopped.
// Breaking out of the loop stops it too. In each case the history is whole
// before the range ends: an answer that was cut off is kept as interrupted, and
// every call has a result.
func (l *Loop) Run(ctx context.Context, in Turn) iter.Seq2[Event, error] {
	var ran atomic.Bool
	return func(yield func(Event, error) bool) {
		if ran.Swap(true) {
			yield(nil, errors.New("chat: a turn is ranged over once"))
			return
		}
		if in.Model == nil || in.Conversation.ID == "" || slices.ContainsFunc(in.Fallbacks, func(c Candidate) bool { return c.Model == nil }) {
			yield(nil, fmt.Errorf("chat: the turn needs a conversation and a model (%w)", store.ErrInvalid))
			return
		}
		if !l.begin(in.Conversation.ID) {
			yield(nil, ErrBusy)
			return
		}
		t := &turn{Options: l.o, ctx: ctx, in: in, conv: in.Conversation, yield: yield, ruler: l.ruler, converter: l.tools, cost: Cost{Known: true}}
		reason, err := func() (DoneReason, error) {
			defer l.end(in.Conversation.ID)
			return t.run()
		}()
		switch {
		case t.gone:
			if err != nil && !errors.Is(err, errGone) {
				l.o.Logger.Error("a turn that nobody reads any more failed", "conversation", in.Conversation.ID, "error", err)
			}
		case errors.Is(err, errStopped):
			yield(TurnDone{Reason: ReasonStopped, Usage: t.usage, Cost: t.cost}, nil)
		case err != nil:
			yield(nil, err)
		default:
			yield(TurnDone{Reason: reason, Usage: t.usage, Cost: t.cost}, nil)
		}
	}
}

// Alone runs f while no turn runs in the conversation, and lets none begin. It
// returns ErrBusy if one runs, and else what f returns.
func (l *Loop) Alone(conversation string, f func() error) error {
	if !l.begin(conversation) {
		return ErrBusy
	}
	defer l.end(conversation)
	return f()
}

func (l *Loop) begin(conversation string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, busy := l.running[conversation]; busy {
		return false
	}
	l.running[conversation] = struct{}{}
	return true
}

func (l *Loop) end(conversation string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.running, conversation)
}

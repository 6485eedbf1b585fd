package chat

import (
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// Event is what happens in a turn: Appended, Started, Delta, Retrying, FellBack,
// Finished, CallRunning, CallAsked, CallAnswered, CallProgress, CallDone,
// StepLimit, Repeating, Summarising, Unsummarised or TurnDone. The set is closed.
// Events come in order, on the goroutine that ranges over the turn; those of
// calls that run side by side are mixed, those of one call are in order. What an
// event points to is not changed afterwards; do not change it either.
//
// A step is: Started, Delta*, Finished, then for its calls CallRunning,
// CallAsked, CallProgress and CallDone, and for those that the provider asks to
// run CallAsked and CallAnswered, then Appended with all that came of them.
// Where the model failed and is called again, Retrying or FellBack follow the
// deltas, and then Started and Delta* of the same message anew.
type Event interface{ event() }

// Appended says that a whole message is in the history for good: the person's,
// a tool message with the results of all calls before it, or a message that was
// left open by an earlier failure and is closed now (its id may be known
// already: it replaces that message).
type Appended struct{ Message store.Message }

// Started says that the model has been called and an answer begins. The message
// is empty; it enters the history with the first checkpoint, at most a second
// after its first delta, or when it is finished. Exactly one Finished follows,
// unless the history fails or the reader leaves.
//
// It comes again, with the same id, when the call is repeated: the message
// begins anew, and what was shown of it is void. Its Model is the one that is
// called now.
type Started struct{ Message store.Message }

// Delta is a piece of the answer that grows. It is in the history at most a
// second later (Options.Checkpoint).
type Delta struct {
	MessageID string
	Delta     model.Delta
}

// Retrying says that the call of the model failed and will be repeated. What
// was shown of the message stays until Started comes again, and is kept as
// interrupted if the turn is stopped while it waits.
type Retrying struct {
	MessageID string
	Attempt   int // the coming one; the first was 1
	Of        int
	Wait      time.Duration
	At        time.Time // when it is repeated
	Reason    string    // what failed, in a sentence
}

// FellBack says that a model could not answer and the next one is called in its
// place, at once. The conversation's own choice stays as it is.
type FellBack struct {
	MessageID string
	From, To  store.ModelRef
	Reason    string // what failed, in a sentence
}

// Finished says that the assistant's message is in the history, as it stays.
// Its Status tells whether it is whole; if not, Error says why, in a sentence,
// and it has no calls. Its calls have the ids and names that the events of
// calls use, which may differ from those in the deltas: ids that were empty or
// used before are replaced.
type Finished struct{ Message store.Message }

// CallRunning says that a call is on its way. It comes once when the call
// begins, and again after CallAsked if the answer allows it. It does not come
// for a call that is refused before anything is asked (an unknown tool, broken
// arguments).
type CallRunning struct {
	MessageID string
	Call      store.ToolCall
}

// CallAsked says that a person is being asked about a call. Approver.Approve is
// called right after it.
type CallAsked struct{ Approval Approval }

// CallProgress is what a server reports while a call runs. Reports that come
// faster than they are read are dropped.
type CallProgress struct {
	MessageID string
	CallID    string
	Progress  tools.Progress
}

// CallAnswered says what was answered to a call that the provider asks to run
// itself. CallAsked came before it, unless the answer was no question. Whether
// and how the call ran is told in the next message, as a call of its own.
type CallAnswered struct {
	MessageID string
	Answer    store.ManagedAnswer
}

// CallDone says that a call has its result. The result is in the history at
// most a second later, or with the Appended that ends the step. For calls that
// a stop cut off it does not come; their results are in that Appended.
type CallDone struct {
	MessageID string
	Result    store.ToolResult
}

// StepLimit says that the turn has made that many calls of the model and asks
// whether to go on.
type StepLimit struct{ Steps int }

// Repeating says that the model makes the same calls again and again, and asks
// whether to go on.
type Repeating struct{ Pause Pause }

// Summarising says that the history has become too long for the model, and that
// the model is asked to sum up its beginning, up to and with the message Until.
// Appended with the summary follows, or Unsummarised, unless the turn ends there.
type Summarising struct{ Until string }

// Unsummarised says that a summary failed and the turn goes on without. First
// comes one with a Reason, in a sentence: the model gets the history as it is.
// Where that does not fit, another one follows, with Until: in this turn, the
// model does not get the messages up to and with that one. They stay in the
// history, and the next turn tries again to have them summed up.
type Unsummarised struct{ Until, Reason string }

// TurnDone ends a turn that did not fail. The history holds all of it.
type TurnDone struct {
	Reason DoneReason
	Usage  store.Usage // of all steps together, summaries included
	Cost   Cost        // of the same
}

// DoneReason says why a turn ended.
type DoneReason string

// The reasons.
const (
	ReasonEnd     DoneReason = "end"     // the model has answered
	ReasonLength  DoneReason = "length"  // its answer reached the limit of output and is kept as interrupted
	ReasonFilter  DoneReason = "filter"  // the provider withheld the rest; kept as interrupted
	ReasonRefusal DoneReason = "refusal" // the model refused
	ReasonStopped DoneReason = "stopped" // the context ended
	ReasonLimit   DoneReason = "limit"   // the step limit was reached, and nobody said to go on
	ReasonHalted  DoneReason = "halted"  // Turn.Halt said so
	ReasonRepeats DoneReason = "repeats" // the model called the same again and again, and nobody said to go on
)

func (Appended) event()     {}
func (Started) event()      {}
func (Delta) event()        {}
func (Retrying) event()     {}
func (FellBack) event()     {}
func (Finished) event()     {}
func (CallRunning) event()  {}
func (CallAsked) event()    {}
func (CallProgress) event() {}
func (CallAnswered) event() {}
func (CallDone) event()     {}
func (StepLimit) event()    {}
func (Repeating) event()    {}
func (Summarising) event()  {}
func (Unsummarised) event() {}
func (TurnDone) event()     {}

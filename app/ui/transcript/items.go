package transcript

import (
	"encoding/json"
	"time"

	"fyne.io/fyne/v2"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// Item is one thing in the thread: User, Assistant, Reasoning, Call, Listing,
// Notice or Card.
// The set is closed. An item is replaced by one with the same ID and of the
// same type.
type Item interface{ id() string }

// User is what the person wrote, shown as it is.
type User struct {
	ID   string
	Text string
	// Files names what the person attached.
	Files []string
}

// Assistant is what the model wrote, in Markdown.
type Assistant struct {
	ID      string
	Text    string
	Growing bool // more text may come; AppendText adds it
	More    bool // it is not the end of its message, so that it has no Foot
}

// Reasoning is what the model shows of its thinking. It is folded.
type Reasoning struct {
	ID      string
	Title   string // the line that opens it; empty says that the model thought
	Text    string
	Growing bool
	Took    time.Duration // 0 if not known
}

// CallState says how far a call is.
type CallState int

// The states.
const (
	CallWaiting CallState = iota // it has not begun
	CallAsking                   // Ask is put to the person
	CallRunning
	CallDone
	CallFailed // its result is an error
	CallClosed // it was cut off, and will have no result
)

// Call is a tool call.
type Call struct {
	ID     string
	Server string // what people call it; empty if the tool is not known
	Tool   string
	// By is the provider that runs the call on a connection of its own; empty
	// for a call that runs here.
	By    string
	State CallState
	// End is what stands at the right of its line in place of how far it is.
	End       string
	Arguments json.RawMessage
	// Edited are the arguments that the call runs with, where the person changed
	// those of the model; nil where they did not.
	Edited json.RawMessage
	// Progress is what the server reports while it runs.
	Progress tools.Progress
	// Result is nil while there is none.
	Result *store.ToolResult
	// Ask is the question of a call that is CallAsking.
	Ask *Ask
	// Foot says that a Foot stands below it.
	Foot bool
}

// Ask is a question to the person: may this call run?
type Ask struct {
	Reason string // why there is a question
	// After names the servers whose content has the call asked about; empty where
	// it is not for that.
	After []string
	// Change is what the server changed of the tool's definition, where that is
	// what is asked about; nil where it is not.
	Change *tools.Change
	// Edit has the call run with other arguments and says by done, on the
	// goroutine of the window, what is wrong with them; nil where the arguments
	// cannot be changed.
	Edit func(arguments json.RawMessage, done func(error))
	// Answer is called once, when the person chose.
	Answer func(tools.Answer)
}

// Listing is what a provider found on a server that it connects to itself.
type Listing struct {
	ID     string
	Server string // what people call it
	By     string // the provider
	Tools  []string
	Error  string // why it found none
	// Actions are offered where it found none.
	Actions []Action
}

// NoticeKind says what a notice is about.
type NoticeKind int

// The kinds.
const (
	NoticeInfo NoticeKind = iota
	NoticeWarning
	NoticeError
)

// Notice is a remark of the program in the thread.
type Notice struct {
	ID      string
	Kind    NoticeKind
	Text    string
	Actions []Action
	// Foot says that a Foot stands below it.
	Foot bool
}

// Card is a question that brings its own widgets, such as the form of a server.
// They are one and the same as long as the question is open, and may change their
// height.
type Card struct {
	ID     string
	Object fyne.CanvasObject
}

// Action is something that a notice offers to do.
type Action struct {
	Label   string
	Primary bool
	Do      func()
}

func (i User) id() string      { return i.ID }
func (i Assistant) id() string { return i.ID }
func (i Reasoning) id() string { return i.ID }
func (i Call) id() string      { return i.ID }
func (i Listing) id() string   { return i.ID }
func (i Notice) id() string    { return i.ID }
func (i Card) id() string      { return i.ID }

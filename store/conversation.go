package store

import (
	"encoding/json"
	"slices"
	"time"
)

// Conversation is a tree of messages. What is shown is the chain of parents
// that ends in Head.
type Conversation struct {
	ID       string
	Title    string
	Head     string // id of the last message shown; empty for a new conversation
	Model    ModelRef
	System   string // system prompt; empty for none
	Switches Switches
	// Metadata is told to gateways that keep a log of requests (user, team,
	// feature …), over that of the provider entry.
	Metadata map[string]string
	// Named says that a person gave the title, so that it is not made anew.
	Named bool
	// Pinned keeps it above the others, and Archived apart from them.
	Pinned, Archived bool
	// Aside is what was used beside the messages, such as for the title.
	Aside     []Used
	CreatedAt time.Time
	UpdatedAt time.Time
}

// ModelRef names a model of a provider entry.
type ModelRef struct {
	Provider string `json:"provider"` // id of the provider entry
	Model    string `json:"model"`    // the provider's own name of the model
}

// Zero reports whether no model is named.
func (r ModelRef) Zero() bool { return r == ModelRef{} }

// Switches says which servers and tools a conversation uses. The zero value
// uses all. A tool is on when its server is on and the tool itself is not
// switched off.
type Switches struct {
	// Off switches off every server that Servers does not name, so that "none"
	// also holds for servers that are added later.
	Off     bool                       `json:"off,omitempty"`
	Servers map[string]bool            `json:"servers,omitempty"` // by server id
	Tools   map[string]map[string]bool `json:"tools,omitempty"`   // by server id, then the tool's own name
}

// ServerOn reports whether the server is used at all.
func (s Switches) ServerOn(server string) bool {
	if on, ok := s.Servers[server]; ok {
		return on
	}
	return !s.Off
}

// On reports whether the tool is used.
func (s Switches) On(server, tool string) bool {
	if !s.ServerOn(server) {
		return false
	}
	on, ok := s.Tools[server][tool]
	return on || !ok
}

// SetServer returns a copy with the server switched.
func (s Switches) SetServer(server string, on bool) Switches {
	s = s.Clone()
	if s.Servers == nil {
		s.Servers = map[string]bool{}
	}
	s.Servers[server] = on
	return s
}

// SetTool returns a copy with the tool switched. Its server's switch stays as
// it is.
func (s Switches) SetTool(server, tool string, on bool) Switches {
	s = s.Clone()
	if s.Tools == nil {
		s.Tools = map[string]map[string]bool{}
	}
	if s.Tools[server] == nil {
		s.Tools[server] = map[string]bool{}
	}
	s.Tools[server][tool] = on
	return s
}

// Clone returns a copy that shares nothing with s.
func (s Switches) Clone() Switches {
	out := Switches{Off: s.Off}
	if s.Servers != nil {
		out.Servers = make(map[string]bool, len(s.Servers))
		for k, v := range s.Servers {
			out.Servers[k] = v
		}
	}
	if s.Tools != nil {
		out.Tools = make(map[string]map[string]bool, len(s.Tools))
		for k, m := range s.Tools {
			out.Tools[k] = make(map[string]bool, len(m))
			for t, v := range m {
				out.Tools[k][t] = v
			}
		}
	}
	return out
}

// Role says who a message is from.
type Role string

// The roles. A RoleTool message holds the results of the calls in the
// assistant's message before it, in the order of those calls, and then the
// answers to what a provider asked there (ManagedAnswer). A RoleSummary message
// holds one Summary.
const (
	RoleUser      Role = "user"
	RoleAssistant Role = "assistant"
	RoleTool      Role = "tool"
	RoleSummary   Role = "summary"
)

// Status says whether a message is whole.
type Status string

const (
	// StatusComplete is a whole message.
	StatusComplete Status = "complete"
	// StatusStreaming is a message that is growing; after a restart it is one
	// that the end of the program cut off.
	StatusStreaming Status = "streaming"
	// StatusInterrupted was cut off: by stop, by a crash, by a lost connection.
	StatusInterrupted Status = "interrupted"
)

// Message is one node of a conversation.
type Message struct {
	ID             string
	ConversationID string
	ParentID       string // empty for the first
	Role           Role
	Parts          Parts
	Status         Status
	Model          ModelRef // of an assistant's message
	Usage          Usage    // of an assistant's message
	Error          string   // why it was cut off, in a sentence; empty if it was not
	CreatedAt      time.Time
}

// Usage counts tokens as the provider reported them; zero where it did not.
type Usage struct {
	Input     int64 `json:"input,omitempty"`
	Cached    int64 `json:"cached,omitempty"` // part of Input
	Output    int64 `json:"output,omitempty"`
	Reasoning int64 `json:"reasoning,omitempty"` // part of Output
	Written   int64 `json:"written,omitempty"`   // part of Input that went into the provider's cache
}

// Add returns the sum.
func (u Usage) Add(v Usage) Usage {
	return Usage{
		Input: u.Input + v.Input, Cached: u.Cached + v.Cached, Output: u.Output + v.Output,
		Reasoning: u.Reasoning + v.Reasoning, Written: u.Written + v.Written,
	}
}

// Used is what calls of one model used.
type Used struct {
	Model ModelRef `json:"model"`
	Usage Usage    `json:"usage"`
}

// AddUsed returns a copy of the list with the usage added to that of its model.
func AddUsed(list []Used, m ModelRef, u Usage) []Used {
	list = slices.Clone(list)
	for i := range list {
		if list[i].Model == m {
			list[i].Usage = list[i].Usage.Add(u)
			return list
		}
	}
	return append(list, Used{m, u})
}

// UsedBy returns what the models used for messages, each model once.
func UsedBy(messages []Message) (out []Used) {
	for _, m := range messages {
		if m.Usage != (Usage{}) {
			out = AddUsed(out, m.Model, m.Usage)
		}
	}
	return out
}

// Part is a piece of a message: Text, Reasoning, ToolCall, ToolResult, Image,
// File, Opaque, ManagedListing, ManagedCall, ManagedAnswer or Summary. The set
// is closed.
type Part interface{ kind() string }

// Text is text for people and models. From a model it is Markdown.
type Text struct {
	Text string `json:"text"`
}

// Reasoning is what a model shows of its thinking. What the provider wants
// back of it is an Opaque beside it.
type Reasoning struct {
	Text string `json:"text"`
	// Elapsed is how long it took to come, to hundredths of a second; 0 if that is
	// not known.
	Elapsed time.Duration `json:"elapsed,omitempty"`
}

// ToolCall is a model's wish to run a tool.
type ToolCall struct {
	ID     string `json:"id"`     // the provider's call id
	Name   string `json:"name"`   // as it was offered to the model
	Server string `json:"server"` // id of the server; empty if the name was never offered
	Tool   string `json:"tool"`   // the tool's own name
	// Arguments is the JSON object as the model wrote it. It may be broken:
	// then it is kept here as a JSON string, and the call's result says so.
	Arguments json.RawMessage `json:"arguments"`
}

// ToolResult answers the call of that id.
type ToolResult struct {
	CallID     string          `json:"call_id"`
	Content    Parts           `json:"content,omitempty"` // Text, Image, File
	Structured json.RawMessage `json:"structured,omitempty"`
	IsError    bool            `json:"is_error,omitempty"`
	Started    time.Time       `json:"started,omitzero"`
	Elapsed    time.Duration   `json:"elapsed,omitempty"` // nanoseconds
	// Edited are the arguments that the tool ran with, where a person changed those
	// of the call; nil where nobody did.
	Edited json.RawMessage `json:"edited,omitempty"`
	// Denied says that the call did not run, since the person or a rule forbade it.
	Denied bool `json:"denied,omitempty"`
}

// Image is a picture.
type Image struct {
	MIMEType string `json:"mime_type"`
	Data     []byte `json:"data"`
}

// File is anything else: audio, an embedded resource, a link to one.
type File struct {
	Name     string `json:"name,omitempty"`
	MIMEType string `json:"mime_type,omitempty"`
	URI      string `json:"uri,omitempty"`
	Data     []byte `json:"data,omitempty"`
}

// Opaque is state that a provider wants back as it was: encrypted reasoning,
// signatures. It goes back only to the entry and model it came from.
type Opaque struct {
	Model ModelRef        `json:"model"`
	Data  json.RawMessage `json:"data"`
}

// ManagedListing says which tools a provider found on a server that it connects
// to itself.
type ManagedListing struct {
	Server string   `json:"server"` // id of the server
	Tools  []string `json:"tools,omitempty"`
	Error  string   `json:"error,omitempty"` // why it found none, in a sentence
}

// ManagedState says how far a call that the provider runs itself has come.
type ManagedState string

// The states.
const (
	ManagedRunning ManagedState = "running"
	ManagedAsked   ManagedState = "asked" // it waits for a ManagedAnswer
	ManagedDone    ManagedState = "done"
)

// ManagedCall is a call that a provider ran itself, or asks to run, on a server
// that it connects to. It is for people and for other providers; what this
// provider wants back of it is an Opaque beside it.
type ManagedCall struct {
	ID        string          `json:"id"`     // the provider's own
	Server    string          `json:"server"` // id of the server
	Tool      string          `json:"tool"`   // the tool's own name
	Arguments json.RawMessage `json:"arguments,omitempty"`
	State     ManagedState    `json:"state"`
	Content   Parts           `json:"content,omitempty"` // Text, Image, File
	IsError   bool            `json:"is_error,omitempty"`
	Elapsed   time.Duration   `json:"elapsed,omitempty"` // nanoseconds; 0 if it is not known
}

// ManagedAnswer answers the ManagedCall of that id whose state is
// ManagedAsked.
type ManagedAnswer struct {
	CallID  string `json:"call_id"`
	Approve bool   `json:"approve"`
	Reason  string `json:"reason,omitempty"` // told to the model where it was refused
}

// Summary stands for the beginning of the conversation, up to and with the
// message Until, when a model is asked. People still see all of it.
type Summary struct {
	Text  string `json:"text"`
	Until string `json:"until"` // id of a message in the same chain
}

func (Text) kind() string           { return "text" }
func (Reasoning) kind() string      { return "reasoning" }
func (ToolCall) kind() string       { return "tool_call" }
func (ToolResult) kind() string     { return "tool_result" }
func (Image) kind() string          { return "image" }
func (File) kind() string           { return "file" }
func (Opaque) kind() string         { return "opaque" }
func (ManagedListing) kind() string { return "managed_listing" }
func (ManagedCall) kind() string    { return "managed_call" }
func (ManagedAnswer) kind() string  { return "managed_answer" }
func (Summary) kind() string        { return "summary" }

// Text returns the message's text parts, joined.
func (m Message) Text() string { return m.Parts.Text() }

// Calls returns the tool calls, in order.
func (m Message) Calls() []ToolCall {
	var out []ToolCall
	for _, p := range m.Parts {
		if c, ok := p.(ToolCall); ok {
			out = append(out, c)
		}
	}
	return out
}

// Asked returns the calls that the provider asks to run itself, in order.
func (m Message) Asked() []ManagedCall {
	var out []ManagedCall
	for _, p := range m.Parts {
		if c, ok := p.(ManagedCall); ok && c.State == ManagedAsked {
			out = append(out, c)
		}
	}
	return out
}

// ManagedAnswers returns the answers to what a provider asked, in order.
func (m Message) ManagedAnswers() []ManagedAnswer {
	var out []ManagedAnswer
	for _, p := range m.Parts {
		if a, ok := p.(ManagedAnswer); ok {
			out = append(out, a)
		}
	}
	return out
}

// Results returns the tool results, in order.
func (m Message) Results() []ToolResult {
	var out []ToolResult
	for _, p := range m.Parts {
		if r, ok := p.(ToolResult); ok {
			out = append(out, r)
		}
	}
	return out
}

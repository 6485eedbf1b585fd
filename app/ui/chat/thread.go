package chat

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// entry is one thing in the thread.
type entry struct {
	id      string
	message string // id of the message that it is part of; empty for remarks
	kind    entryKind
	text    string        // of a message, reasoning or notice
	files   []string      // what the person attached to a message
	took    time.Duration // of reasoning; 0 if it is not known
	// growing says that more of the text is to come.
	growing bool
	// foot says that the row of the message's buttons stands below it.
	foot    bool
	call    callEntry      // of a kindCall
	ask     *chat.Approval // of a kindCall that waits for the person
	managed *managed       // of a kindManaged or kindListing
	// retry says that a kindError, or the remark that an answer was cut off,
	// offers to try again, and again with what. goesOn says that a turn is not
	// begun anew there but continued.
	retry, goesOn bool
	again         request
	// help is what helps after a kindError, and sure that nothing else does.
	help []remedy
	sure bool
	// server is that of a kindError whose provider could not use it itself.
	server string
	until  time.Time  // of a kindRetry: when the model is called again
	pause  chat.Pause // of a kindLimit
	// question is that of a kindQuestion.
	question *question
}

type entryKind int

const (
	kindUser entryKind = iota
	kindAnswer
	kindReasoning
	kindSummary // of what is above it, for the model
	kindCall
	kindManaged // a call that the provider runs itself
	kindListing // what it found on a server
	kindNotice  // interrupted and the like
	kindRetry   // a failed call of the model is repeated soon
	kindError
	kindLimit    // asks whether to go on
	kindQuestion // a server asks the person
)

// callEntry is a tool call with what became of it.
type callEntry struct {
	call     store.ToolCall
	state    callState
	result   store.ToolResult
	progress tools.Progress
	edited   json.RawMessage // what the person made of the arguments; nil if nothing
}

type callState int

const (
	callWriting callState = iota // the model is still writing the arguments
	callWaiting                  // it has not begun
	callAsked                    // the person is being asked
	callRunning
	callDone // result says how
)

// thread is what is shown of a conversation: the messages that are kept, and
// what a running turn adds. It belongs to the goroutine of the window.
type thread struct {
	entries []*entry
	byID    map[string]*entry
	calls   map[string]*entry   // by call id
	parts   map[string][]*entry // by the id of their message, in order
	about   map[string]about    // of each message, by its id
	order   []string            // the messages of the person and of the model
	// siblings are the messages that stand in the same place, the one that is
	// shown included, by its id.
	siblings map[string][]string
	// shortened says that messages of the history are not shown, because a turn
	// begins before them.
	shortened bool
	// changed and removed are what the view does not show as it is, in the
	// order in which it changed.
	changed []*entry
	removed []string
	made    int // entries whose ids were made here

	// Of a history whose beginning was not read: how many messages are missing,
	// how many are here, and the id of the first. goal is a message that is to be
	// shown once it is read.
	missing, known int
	first, goal    string
	hunt           bool // the goal may be on another branch, which is to be shown then
	reading        bool // more of it comes
	wantAll        bool
}

// about is what is known of a message.
type about struct {
	role  store.Role
	model store.ModelRef
	usage store.Usage
	at    time.Time
	cut   bool // it is an answer that is not whole and calls nothing
	calls bool
	open  bool // the model speaks next: it is the person's, or calls something
}

func newThread(messages []store.Message) *thread {
	t := partOf(messages)
	t.offerRetry()
	t.changed = nil
	return t
}

// summarising is the id of the notice that shows while the model sums up.
const summarising = "summarising"

// add takes a whole message.
func (t *thread) add(m store.Message) {
	t.note(m)
	switch m.Role {
	case store.RoleUser:
		t.put(&entry{id: m.ID, message: m.ID, kind: kindUser, text: m.Text(), files: filesOf(m)})
	case store.RoleTool:
		for _, r := range m.Results() {
			t.result(r)
		}
		for _, a := range m.ManagedAnswers() {
			t.answered(a)
		}
	case store.RoleAssistant:
		t.assistant(m)
	case store.RoleSummary:
		if e := t.byID[summarising]; e != nil {
			t.drop(e)
		}
		for _, p := range m.Parts {
			if s, ok := p.(store.Summary); ok {
				t.put(&entry{id: m.ID, message: m.ID, kind: kindSummary, text: s.Text})
			}
		}
	}
}

// note remembers what is known of a message.
func (t *thread) note(m store.Message) {
	calls := len(m.Calls()) > 0
	if _, known := t.about[m.ID]; !known && (m.Role == store.RoleUser || m.Role == store.RoleAssistant) {
		t.order = append(t.order, m.ID)
	}
	t.about[m.ID] = about{
		role: m.Role, model: m.Model, usage: m.Usage, at: m.CreatedAt, calls: calls,
		cut:  m.Role == store.RoleAssistant && m.Status != store.StatusComplete && !calls,
		open: m.Role == store.RoleUser || calls || len(m.Asked()) > 0,
	}
}

// assistant takes the model's whole message. Its parts take the places of the
// pieces that were shown while it grew.
func (t *thread) assistant(m store.Message) {
	grown := t.of(m.ID)
	listings := 0
	for i, p := range m.Parts {
		var e *entry
		switch p := p.(type) {
		case store.Text:
			e = &entry{kind: kindAnswer, text: p.Text}
		case store.Reasoning:
			e = &entry{kind: kindReasoning, text: p.Text, took: p.Elapsed}
		case store.ToolCall:
			e = &entry{kind: kindCall, call: callEntry{call: p, state: callWaiting}}
		case store.ManagedListing, store.ManagedCall:
			e = managedPart(m.ID, m.Model.Provider, p, listings)
			if e.kind == kindListing {
				listings++
			}
			grown = slices.DeleteFunc(grown, func(g *entry) bool { return g.id == e.id })
			t.asks(t.put(e))
			continue
		default:
			continue
		}
		e.id, e.message = fmt.Sprintf("%s/%d", m.ID, i), m.ID
		if j := slices.IndexFunc(grown, func(g *entry) bool { return g.kind == e.kind }); j >= 0 {
			e.id = grown[j].id
			grown = slices.Delete(grown, j, j+1)
		}
		e = t.put(e)
		if e.kind == kindCall {
			t.calls[e.call.call.ID] = e
		}
	}
	for _, g := range grown {
		t.drop(g)
	}
	switch {
	case m.Status == store.StatusComplete:
	case m.Error != "":
		t.put(&entry{id: m.ID + "/cut", message: m.ID, kind: kindNotice, text: m.Error})
	default:
		t.put(&entry{id: m.ID + "/cut", message: m.ID, kind: kindNotice, text: say.T("Interrupted.")})
	}
	t.setFoot(m.ID)
}

// of returns the entries of a message.
func (t *thread) of(message string) []*entry { return slices.Clone(t.parts[message]) }

// closeCalls marks calls without a result in a history that nobody works on.
func (t *thread) closeCalls() {
	for _, e := range t.entries {
		if e.kind == kindManaged && e.call.state != callDone {
			e.call.state, e.ask = callDone, nil
			t.touch(e)
		}
		if e.kind == kindCall && e.call.state != callDone {
			e.call.state = callDone
			e.call.result = store.ToolResult{IsError: true, Content: store.Parts{store.Text{Text: say.T("The call was interrupted.")}}}
		}
	}
}

// drop removes an entry.
func (t *thread) drop(e *entry) {
	delete(t.byID, e.id)
	if e.message != "" {
		t.parts[e.message] = slices.DeleteFunc(t.parts[e.message], func(o *entry) bool { return o == e })
	}
	t.entries = slices.DeleteFunc(t.entries, func(o *entry) bool { return o == e })
	t.removed = append(t.removed, e.id)
}

// put adds an entry, or replaces the one of its id, and returns the one that is
// kept.
func (t *thread) put(e *entry) *entry {
	if old, ok := t.byID[e.id]; ok {
		*old = *e
		t.touch(old)
		return old
	}
	t.byID[e.id] = e
	if e.message != "" {
		t.parts[e.message] = append(t.parts[e.message], e)
	}
	t.entries = append(t.entries, e)
	t.touch(e)
	return e
}

func (t *thread) touch(e *entry) {
	if n := len(t.changed); n == 0 || t.changed[n-1] != e {
		t.changed = append(t.changed, e)
	}
}

func (t *thread) result(r store.ToolResult) {
	if e := t.calls[r.CallID]; e != nil {
		e.call.state, e.call.result, e.ask = callDone, r, nil
		t.touch(e)
	}
}

// take applies an event of a turn.
func (t *thread) take(event chat.Event) {
	switch ev := event.(type) {
	case chat.Appended:
		t.add(ev.Message)
	case chat.Delta:
		t.grow(ev.MessageID, ev.Delta)
	case chat.Finished:
		t.add(ev.Message)
	case chat.CallRunning:
		t.state(ev.Call.ID, callRunning)
	case chat.CallAsked:
		if e := t.calls[ev.Approval.Call.ID]; e != nil {
			a := ev.Approval
			e.call.state, e.ask = callAsked, &a
			t.touch(e)
		}
	case chat.CallProgress:
		if e := t.calls[ev.CallID]; e != nil {
			e.call.progress = ev.Progress
			t.touch(e)
		}
	case chat.CallDone:
		t.result(ev.Result)
	case chat.CallAnswered:
		t.answered(ev.Answer)
	case chat.Started:
		t.note(ev.Message)
		for _, g := range t.of(ev.Message.ID) { // a repeated call begins the message anew
			t.drop(g)
		}
	case chat.Retrying:
		t.put(&entry{
			id: ev.MessageID + "/again", message: ev.MessageID, kind: kindRetry, until: ev.At,
			text: say.F("%d of %d · %s", ev.Attempt, ev.Of, ev.Reason),
		})
	case chat.FellBack:
		t.put(&entry{id: t.fresh("fellback"), kind: kindNotice, text: fellBack(ev)})
	case chat.Summarising:
		t.put(&entry{id: summarising, kind: kindNotice, text: say.T("The conversation is getting too long for the model. Its beginning is being summarised…")})
	case chat.Unsummarised:
		text := say.F("There is no summary: %s The turn goes on without.", ev.Reason)
		if ev.Until != "" {
			text = say.T("The model does not get the oldest messages in this turn, since the conversation is too long for it. Nothing is deleted, and the next turn tries again to have them summarised.")
		}
		if e := t.byID[summarising]; e != nil {
			t.drop(e)
		}
		t.put(&entry{id: t.fresh("unsummarised"), kind: kindNotice, text: text})
	case chat.StepLimit:
		t.put(&entry{id: t.fresh("limit"), kind: kindLimit, pause: chat.Pause{Steps: ev.Steps}})
	case chat.Repeating:
		t.put(&entry{id: t.fresh("limit"), kind: kindLimit, pause: ev.Pause})
	case chat.TurnDone:
		t.done(ev.Reason)
	}
}

func (t *thread) state(call string, s callState) {
	if e := t.calls[call]; e != nil {
		e.call.state, e.ask = s, nil
		t.touch(e)
	}
}

func (t *thread) grow(message string, delta model.Delta) {
	switch d := delta.(type) {
	case model.TextDelta:
		t.growText(message, kindAnswer, d.Text)
	case model.ReasoningDelta:
		t.growText(message, kindReasoning, d.Text)
	case model.CallDelta:
		id := fmt.Sprintf("%s/c%d", message, d.Index)
		e := t.byID[id]
		if e == nil {
			e = &entry{id: id, message: message, kind: kindCall}
			t.put(e)
		}
		if d.Name != "" && e.call.call.Name == "" {
			e.call.call.Name = d.Name
			t.touch(e)
		}
	case model.ListingDelta, model.ManagedDelta:
		t.growManaged(message, d)
	}
}

// growText continues the entry at the end if it is of that message and kind.
func (t *thread) growText(message string, kind entryKind, text string) {
	if text == "" {
		return
	}
	if n := len(t.entries); n > 0 {
		e := t.entries[n-1]
		if e.growing && e.kind == kind {
			e.text += text
			t.touch(e)
			return
		}
		if e.growing {
			e.growing = false
			t.touch(e)
		}
	}
	t.put(&entry{id: t.fresh(message + "/t"), message: message, kind: kind, text: text, growing: true})
}

// fresh returns an id that no entry has had.
func (t *thread) fresh(prefix string) string {
	t.made++
	return fmt.Sprintf("%s/%d", prefix, t.made)
}

// done shows how a turn ended that did not fail. Why an answer was cut off
// stands below it already.
func (t *thread) done(reason chat.DoneReason) {
	text := map[chat.DoneReason]string{
		chat.ReasonLimit:   say.T("The turn ended at its step limit. Write a message to go on."),
		chat.ReasonRepeats: say.T("The turn ended because the model made the same calls again and again. Write a message to go on."),
	}[reason]
	t.closeCalls()
	if text != "" {
		t.put(&entry{id: t.fresh("done"), kind: kindNotice, text: text, retry: true, goesOn: true})
		return
	}
	t.offerRetry()
}

// fellBack says which model answered in the place of which.
func fellBack(e chat.FellBack) string {
	to, from := e.To.Model, e.From.Model
	if to == from {
		to, from = e.To.Provider+" › "+to, e.From.Provider+" › "+from
	}
	return say.F("%s answered instead of %s: %s", to, from, e.Reason)
}

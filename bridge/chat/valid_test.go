package chat_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

var safeName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,63}$`)

// validRequest says what the strictest provider would refuse in a history.
func validRequest(msgs []store.Message) error {
	var errs []error
	bad := func(i int, format string, args ...any) {
		errs = append(errs, fmt.Errorf("message %d: %s", i, fmt.Sprintf(format, args...)))
	}
	if len(msgs) == 0 || msgs[0].Role != store.RoleUser {
		bad(0, "does not begin with the person")
	}
	if n := len(msgs); n > 0 && msgs[n-1].Role == store.RoleAssistant {
		bad(n-1, "ends with the model")
	}
	ids := map[string]bool{}
	for i, m := range msgs {
		if m.Status != store.StatusComplete {
			bad(i, "is %s", m.Status)
		}
		said := false
		for _, p := range m.Parts {
			ok := false
			switch p := p.(type) {
			case store.Text:
				ok = m.Role != store.RoleTool
				if strings.TrimSpace(p.Text) == "" {
					bad(i, "has an empty text")
				}
				said = true
			case store.Image, store.File:
				ok = m.Role == store.RoleUser
				said = true
			case store.Reasoning, store.Opaque, store.ManagedListing:
				ok = m.Role == store.RoleAssistant
			case store.ManagedCall:
				ok = m.Role == store.RoleAssistant && p.State != store.ManagedRunning
				said = true
			case store.ManagedAnswer:
				ok = m.Role == store.RoleTool
				said = true
			case store.ToolResult:
				ok = m.Role == store.RoleTool
				said = true
			case store.ToolCall:
				ok = m.Role == store.RoleAssistant
				said = true
				if p.ID == "" || ids[p.ID] {
					bad(i, "the id %q of a call is empty or used twice", p.ID)
				}
				ids[p.ID] = true
				if !safeName.MatchString(p.Name) {
					bad(i, "the name %q", p.Name)
				}
				var object map[string]any
				if json.Unmarshal(p.Arguments, &object) != nil || object == nil {
					bad(i, "the arguments %s", p.Arguments)
				}
			}
			if !ok {
				bad(i, "a %T in a message of %s", p, m.Role)
			}
		}
		if !said {
			bad(i, "says nothing")
		}
		next := store.Role("")
		if i+1 < len(msgs) {
			next = msgs[i+1].Role
		}
		switch calls, open := m.Calls(), len(m.Calls())+len(m.Asked()); {
		case m.Role == store.RoleUser && next != store.RoleAssistant && next != "":
			bad(i, "the person is followed by %s", next)
		case m.Role == store.RoleTool && next != store.RoleAssistant && next != "":
			bad(i, "results are followed by %s", next)
		case m.Role == store.RoleTool && (i == 0 || len(msgs[i-1].Calls())+len(msgs[i-1].Asked()) == 0):
			bad(i, "results without calls")
		case m.Role == store.RoleAssistant && open == 0 && next != store.RoleUser && next != "":
			bad(i, "an answer is followed by %s", next)
		case m.Role == store.RoleAssistant && open > 0:
			if next != store.RoleTool {
				bad(i, "calls are followed by %q", next)
				continue
			}
			got := msgs[i+1].Results()
			if len(got) != len(calls) {
				bad(i, "%d calls and %d results", len(calls), len(got))
				continue
			}
			for k := range calls {
				if got[k].CallID != calls[k].ID {
					bad(i, "the call %s is answered by %s", calls[k].ID, got[k].CallID)
				}
			}
			if err := answersFit(m, msgs[i+1]); err != nil {
				bad(i, "%v", err)
			}
		}
	}
	return errors.Join(errs...)
}

// answersFit says whether what a provider asks in m is answered once, in order,
// and after the results.
func answersFit(m, after store.Message) error {
	asked, got := m.Asked(), after.ManagedAnswers()
	if len(asked) != len(got) {
		return fmt.Errorf("%d questions of the provider and %d answers", len(asked), len(got))
	}
	for k := range asked {
		if asked[k].ID != got[k].CallID {
			return fmt.Errorf("the question %s is answered by %s", asked[k].ID, got[k].CallID)
		}
	}
	results := len(after.Results())
	for k, p := range after.Parts {
		if _, ok := p.(store.ManagedAnswer); ok != (k >= results) {
			return errors.New("answers stand before results")
		}
	}
	return nil
}

// validChain says what is wrong with a chain as it is kept: something still
// open, or not linked.
func validChain(chain []store.Message) error {
	var errs []error
	bad := func(i int, format string, args ...any) {
		errs = append(errs, fmt.Errorf("message %d: %s", i, fmt.Sprintf(format, args...)))
	}
	ids := map[string]bool{}
	for i, m := range chain {
		parent := ""
		if i > 0 {
			parent = chain[i-1].ID
		}
		if m.ParentID != parent {
			bad(i, "its parent is %q, want %q", m.ParentID, parent)
		}
		if m.Status == store.StatusStreaming {
			bad(i, "still streams")
		}
		if m.Status == store.StatusInterrupted && (m.Error == "" || len(m.Calls()) > 0) {
			bad(i, "is interrupted with the error %q and %d calls", m.Error, len(m.Calls()))
		}
		calls := m.Calls()
		for _, c := range calls {
			if ids[c.ID] {
				bad(i, "the call %s is there twice", c.ID)
			}
			ids[c.ID] = true
		}
		if m.Role == store.RoleTool && (i == 0 || len(chain[i-1].Calls())+len(chain[i-1].Asked()) == 0) {
			bad(i, "results without calls")
		}
		for _, p := range m.Parts {
			if c, ok := p.(store.ManagedCall); ok && (c.State == store.ManagedRunning || c.State == store.ManagedAsked && m.Status != store.StatusComplete) {
				bad(i, "the call %s of the provider is %s", c.ID, c.State)
			}
		}
		if len(calls)+len(m.Asked()) == 0 {
			continue
		}
		if i+1 == len(chain) || chain[i+1].Role != store.RoleTool {
			bad(i, "calls that nothing answers")
			continue
		}
		got := chain[i+1].Results()
		for k := range calls {
			if k >= len(got) || got[k].CallID != calls[k].ID {
				bad(i, "the call %s has no result in its place", calls[k].ID)
			}
		}
		if len(got) != len(calls) {
			bad(i, "%d calls and %d results", len(calls), len(got))
		}
		if err := answersFit(m, chain[i+1]); err != nil {
			bad(i, "%v", err)
		}
	}
	return errors.Join(errs...)
}

func user(s string) store.Message {
	return store.Message{Role: store.RoleUser, Status: store.StatusComplete, Parts: store.Parts{store.Text{Text: s}}}
}

func assistant(parts ...store.Part) store.Message {
	return store.Message{Role: store.RoleAssistant, Status: store.StatusComplete, Parts: parts}
}

func answers(ids ...string) store.Message {
	m := store.Message{Role: store.RoleTool, Status: store.StatusComplete}
	for _, id := range ids {
		m.Parts = append(m.Parts, tools.Result{Content: store.Parts{store.Text{Text: "result of " + id}}}.Part(id))
	}
	return m
}

func toolCall(id string) store.ToolCall {
	return store.ToolCall{ID: id, Name: "fs__echo", Server: "fs", Tool: "echo", Arguments: json.RawMessage("{}")}
}

// link gives the messages ids and parents.
func link(msgs ...store.Message) []store.Message {
	for i := range msgs {
		msgs[i].ID, msgs[i].ConversationID = fmt.Sprint("m", i), "c"
		if i > 0 {
			msgs[i].ParentID = msgs[i-1].ID
		}
	}
	return msgs
}

// The validators themselves: each kind of damage is caught.
func TestValidatorsCatchBrokenChains(t *testing.T) {
	t.Parallel()
	hi := store.Text{Text: "hi"}
	good := func() []store.Message {
		return link(user("a"), assistant(hi, toolCall("1"), toolCall("2")), answers("1", "2"), assistant(hi), user("b"))
	}
	if err := errors.Join(validRequest(good()), validChain(good())); err != nil {
		t.Fatalf("a good chain: %v", err)
	}
	type damage = func(c []store.Message) []store.Message
	both := map[string]damage{
		"orphan calls":         func(c []store.Message) []store.Message { return link(append(c[:2:2], c[3:]...)...) },
		"orphan results":       func(c []store.Message) []store.Message { return link(append(c[:1:1], c[2:]...)...) },
		"a result is missing":  func(c []store.Message) []store.Message { c[2] = answers("1"); return link(c...) },
		"results out of order": func(c []store.Message) []store.Message { c[2] = answers("2", "1"); return link(c...) },
		"one result too many":  func(c []store.Message) []store.Message { c[2] = answers("1", "2", "3"); return link(c...) },
		"an id twice": func(c []store.Message) []store.Message {
			return link(append(c, assistant(toolCall("1")), answers("1"))...)
		},
		"streaming": func(c []store.Message) []store.Message { c[3].Status = store.StatusStreaming; return c },
	}
	ask := store.ManagedCall{ID: "q", Server: "web", Tool: "buy", State: store.ManagedAsked}
	asking := func() []store.Message {
		c := link(user("a"), assistant(hi, toolCall("1"), ask), answers("1"), assistant(hi), user("b"))
		c[2].Parts = append(c[2].Parts, store.ManagedAnswer{CallID: "q"})
		return c
	}
	if err := errors.Join(validRequest(asking()), validChain(asking())); err != nil {
		t.Fatalf("a good chain with a question: %v", err)
	}
	for name, d := range map[string]damage{
		"question without an answer": func(c []store.Message) []store.Message { c[2].Parts = c[2].Parts[:1]; return c },
		"answer to another question": func(c []store.Message) []store.Message {
			c[2].Parts[1] = store.ManagedAnswer{CallID: "r"}
			return c
		},
		"answer before a result": func(c []store.Message) []store.Message {
			c[2].Parts[0], c[2].Parts[1] = c[2].Parts[1], c[2].Parts[0]
			return c
		},
		"answer twice": func(c []store.Message) []store.Message {
			c[2].Parts = append(c[2].Parts, c[2].Parts[1])
			return c
		},
		"a call that still runs": func(c []store.Message) []store.Message {
			c[3].Parts = store.Parts{hi, store.ManagedCall{ID: "z", State: store.ManagedRunning}}
			return c
		},
	} {
		if validRequest(d(asking())) == nil {
			t.Errorf("%s: the validator of requests sees nothing", name)
		}
		if validChain(d(asking())) == nil {
			t.Errorf("%s: the validator of chains sees nothing", name)
		}
	}
	request := map[string]damage{
		"nothing":             func([]store.Message) []store.Message { return nil },
		"begins with model":   func(c []store.Message) []store.Message { return c[3:] },
		"ends with model":     func(c []store.Message) []store.Message { return c[:4] },
		"two persons":         func(c []store.Message) []store.Message { return append(c, user("c")) },
		"two answers":         func(c []store.Message) []store.Message { return append(c[:4:4], assistant(hi), user("c")) },
		"person after result": func(c []store.Message) []store.Message { return append(c[:3:3], user("c")) },
		"empty message":       func(c []store.Message) []store.Message { c[0].Parts = nil; return c },
		"empty text":          func(c []store.Message) []store.Message { c[0] = user(" \n"); return c },
		"opaque alone": func(c []store.Message) []store.Message {
			c[3].Parts = store.Parts{store.Opaque{Data: json.RawMessage("{}")}}
			return c
		},
		"bad name": func(c []store.Message) []store.Message {
			x := toolCall("1")
			x.Name = "bad name"
			c[1].Parts[1] = x
			return c
		},
		"broken arguments": func(c []store.Message) []store.Message {
			x := toolCall("1")
			x.Arguments = json.RawMessage(`"{"`)
			c[1].Parts[1] = x
			return c
		},
		"interrupted": func(c []store.Message) []store.Message { c[3].Status = store.StatusInterrupted; return c },
	}
	chain := map[string]damage{
		"not linked": func(c []store.Message) []store.Message { c[2].ParentID = "m0"; return c },
		"interrupted with calls": func(c []store.Message) []store.Message {
			c[1].Status, c[1].Error = store.StatusInterrupted, "x"
			return c
		},
		"interrupted without a why": func(c []store.Message) []store.Message { c[3].Status = store.StatusInterrupted; return c },
		"calls at the end":          func(c []store.Message) []store.Message { return c[:2] },
	}
	for name, d := range both {
		if validRequest(d(good())) == nil {
			t.Errorf("%s: the validator of requests sees nothing", name)
		}
		if validChain(d(good())) == nil {
			t.Errorf("%s: the validator of chains sees nothing", name)
		}
	}
	for name, d := range request {
		if validRequest(d(good())) == nil {
			t.Errorf("%s: the validator of requests sees nothing", name)
		}
	}
	for name, d := range chain {
		if validChain(d(good())) == nil {
			t.Errorf("%s: the validator of chains sees nothing", name)
		}
	}
}

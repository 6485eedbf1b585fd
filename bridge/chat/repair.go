package chat

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// Repair returns the history as a model may be given it, whatever happened to
// the chain. It changes nothing in the chain, and what is in order stays as it
// is. Afterwards:
//
//   - it begins with the person; the person and the model alternate, and the
//     results of calls stand between two messages of the model;
//   - each call has exactly one result, in the message right after it and in the
//     order of the calls; a result that was lost is an error that says so, and
//     results without a call are gone;
//   - each call that a provider asks to run has exactly one answer, after those
//     results; an answer that was lost is a refusal, and answers without a
//     question are gone. What a provider still ran is closed with an error;
//   - ids of calls are there and unique, names are such as every provider takes
//     (a letter, then letters, digits, _ and -, at most 64), arguments are JSON
//     objects;
//   - an answer that was cut off is its text, and calls that have results; its
//     opaque state is gone, since providers refuse it without what followed;
//   - messages without content are gone;
//   - what a summary covers is gone, and the summary stands at the beginning as a
//     message of the person that says what it is.
//
// It ends with whatever the chain ends with.
func Repair(chain []store.Message) []store.Message {
	r := repairer{ids: map[string]bool{}}
	if summary, from := summarised(chain); from > 0 {
		first := chain[from-1]
		first.Role, first.Model, first.Usage = store.RoleUser, store.ModelRef{}, store.Usage{}
		first.Parts = store.Parts{store.Text{Text: summaryIntro + strings.TrimSpace(summary.Text)}}
		r.user(first)
		chain = chain[from:]
	}
	chain = withoutSummaries(chain)
	for i := 0; i < len(chain); i++ {
		m := chain[i]
		switch m.Role {
		case store.RoleUser:
			r.user(m)
		case store.RoleAssistant:
			if i+1 < len(chain) && chain[i+1].Role == store.RoleTool {
				i++
				r.assistant(m, &chain[i], chain[i].Results())
				continue
			}
			r.assistant(m, nil, nil)
		}
	}
	return r.out
}

type repairer struct {
	out []store.Message
	ids map[string]bool
}

func (r *repairer) last() *store.Message {
	if len(r.out) == 0 {
		return nil
	}
	return &r.out[len(r.out)-1]
}

func (r *repairer) user(m store.Message) {
	m.Parts = keep(m.Parts, func(p store.Part) bool {
		switch p := p.(type) {
		case store.Text:
			return strings.TrimSpace(p.Text) != ""
		case store.Image, store.File:
			return true
		}
		return false
	})
	if len(m.Parts) == 0 {
		return
	}
	switch last := r.last(); {
	case last == nil:
	case last.Role == store.RoleUser:
		last.Parts = join(last.Parts, m.Parts)
		return
	case last.Role == store.RoleTool:
		// The answer to the results never came, and some services refuse a
		// person's message right after results.
		r.out = append(r.out, store.Message{
			ConversationID: m.ConversationID, ParentID: last.ID, Role: store.RoleAssistant,
			Status: store.StatusComplete, CreatedAt: last.CreatedAt,
			Parts: store.Parts{store.Text{Text: "(The answer was interrupted here.)"}},
		})
	}
	m.Status = store.StatusComplete
	r.out = append(r.out, m)
}

// assistant adds a message of the model and the answers to its calls. answers
// is the tool message after it, nil if there is none.
func (r *repairer) assistant(m store.Message, answers *store.Message, results []store.ToolResult) {
	if len(r.out) == 0 {
		return // a history begins with the person
	}
	whole := m.Status == store.StatusComplete
	results = slices.Clone(results)
	var answered store.Parts
	var asked []store.ManagedCall
	said := false
	m.Parts = keep(m.Parts, func(p store.Part) bool {
		switch p := p.(type) {
		case store.Text:
			ok := strings.TrimSpace(p.Text) != ""
			said = said || ok
			return ok
		case store.Reasoning, store.Opaque, store.ManagedListing:
			return whole
		case store.ManagedCall:
			if p.State == store.ManagedAsked {
				if !whole || slices.ContainsFunc(asked, func(c store.ManagedCall) bool { return c.ID == p.ID }) {
					return false
				}
				asked = append(asked, p)
			}
			said = true
			return true
		case store.ToolCall:
			i := slices.IndexFunc(results, func(x store.ToolResult) bool { return x.CallID == p.ID })
			switch {
			case i >= 0:
				answered = append(answered, results[i])
				results = slices.Delete(results, i, i+1)
			case whole:
				answered = append(answered, tools.ErrorResult(cutOffBy("an interruption")).Part(p.ID))
			default:
				return false
			}
			said = true
			return true
		}
		return false
	})
	if !said {
		return
	}
	r.rename(m.Parts, answered)
	for i, p := range m.Parts {
		if c, ok := p.(store.ManagedCall); ok && c.State != store.ManagedAsked && c.State != store.ManagedDone {
			m.Parts[i] = endManaged(c, cutOffBy("an interruption"))
		}
	}
	if answers != nil {
		answered = append(answered, answeredAsked(asked, answers.ManagedAnswers(), askedCutOff)...)
	} else {
		answered = append(answered, answeredAsked(asked, nil, askedCutOff)...)
	}
	m.Status, m.Error = store.StatusComplete, ""
	if last := r.last(); last.Role == store.RoleAssistant {
		m.Parts = join(last.Parts, m.Parts)
		last.Parts, last.Usage = m.Parts, last.Usage.Add(m.Usage)
		m.ID = last.ID
	} else {
		r.out = append(r.out, m)
	}
	if len(answered) == 0 {
		return
	}
	t := store.Message{ConversationID: m.ConversationID, ParentID: m.ID, CreatedAt: m.CreatedAt}
	if answers != nil {
		t = *answers
	}
	t.Role, t.Status, t.Parts = store.RoleTool, store.StatusComplete, answered
	r.out = append(r.out, t)
}

// rename makes the calls in parts and their results, which are in the same
// order, fit for every provider. Both slices are the repairer's own.
func (r *repairer) rename(parts, results store.Parts) {
	n := 0
	for i, p := range parts {
		call, ok := p.(store.ToolCall)
		if !ok {
			continue
		}
		if call.ID == "" || r.ids[call.ID] {
			for k := len(r.ids); ; k++ {
				if call.ID = fmt.Sprintf("call_%d", k); !r.ids[call.ID] {
					break
				}
			}
		}
		r.ids[call.ID] = true
		call.Name = safeName(call.Name)
		call.Arguments = safeArguments(call.Arguments)
		parts[i] = call
		result := results[n].(store.ToolResult)
		result.CallID = call.ID
		results[n] = result
		n++
	}
}

// keep returns a copy with the parts that pass.
func keep(parts store.Parts, pass func(store.Part) bool) store.Parts {
	out := make(store.Parts, 0, len(parts))
	for _, p := range parts {
		if pass(p) {
			out = append(out, p)
		}
	}
	return out
}

// join puts two contents into one, texts that meet as two paragraphs.
func join(a, b store.Parts) store.Parts {
	out := slices.Clone(a)
	if len(out) > 0 && len(b) > 0 {
		x, ok1 := out[len(out)-1].(store.Text)
		y, ok2 := b[0].(store.Text)
		if ok1 && ok2 {
			out[len(out)-1] = store.Text{Text: x.Text + "\n\n" + y.Text}
			b = b[1:]
		}
	}
	return append(out, b...)
}

// safeName returns a name that every provider takes for a call in the history.
func safeName(name string) string {
	const limit = 64
	ok := func(c rune) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
	}
	name = strings.Map(func(c rune) rune {
		if ok(c) {
			return c
		}
		return '_'
	}, name)
	if name == "" || !(name[0] >= 'a' && name[0] <= 'z' || name[0] >= 'A' && name[0] <= 'Z') {
		name = "t" + name
	}
	return name[:min(len(name), limit)]
}

// safeArguments returns a JSON object: the arguments, or, where they were
// broken, one that shows the model what it wrote.
func safeArguments(raw json.RawMessage) json.RawMessage {
	if len(raw) > 0 && raw[0] == '{' && json.Valid(raw) {
		return raw
	}
	text := string(raw)
	var s string
	if json.Unmarshal(raw, &s) == nil {
		text = s
	}
	b, err := json.Marshal(map[string]string{"invalid_arguments": cut(strings.ToValidUTF8(text, "�"), maxBroken)})
	if err != nil {
		return json.RawMessage("{}")
	}
	return b
}

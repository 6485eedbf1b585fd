package chat

import (
	"slices"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/store"
)

// withoutForeignAsks makes a valid history fit for a model that did not ask
// what is asked and answered in it, or whose provider does not connect to that
// server any more: the question and its answer become a text, and a message
// that held nothing but answers goes. What a provider ran itself stays; the
// adapters say it in their own way.
func withoutForeignAsks(messages []store.Message, ref store.ModelRef, managed []model.ManagedServer) []store.Message {
	own := func(m store.Message) bool {
		return m.Model == ref && !slices.ContainsFunc(m.Asked(), func(c store.ManagedCall) bool {
			return !slices.ContainsFunc(managed, func(s model.ManagedServer) bool { return s.Server == c.Server })
		})
	}
	if !slices.ContainsFunc(messages, func(m store.Message) bool { return len(m.Asked()) > 0 && !own(m) }) {
		return messages
	}
	out := make([]store.Message, 0, len(messages))
	for i := 0; i < len(messages); i++ {
		m := messages[i]
		if m.Role == store.RoleAssistant && len(m.Asked()) > 0 && !own(m) {
			var after store.Message
			if i+1 < len(messages) && messages[i+1].Role == store.RoleTool {
				i++
				after = messages[i]
			}
			m.Parts = told(m.Parts, after.ManagedAnswers())
			out = appendAssistant(out, m)
			after.Parts = keep(after.Parts, func(p store.Part) bool { _, ok := p.(store.ManagedAnswer); return !ok })
			if len(after.Parts) > 0 {
				out = append(out, after)
			}
			continue
		}
		if m.Role == store.RoleAssistant {
			out = appendAssistant(out, m)
			continue
		}
		out = append(out, m)
	}
	return out
}

// told returns the parts with each question as a text that says how it was
// answered.
func told(parts store.Parts, answers []store.ManagedAnswer) store.Parts {
	out := make(store.Parts, 0, len(parts))
	for _, p := range parts {
		c, ok := p.(store.ManagedCall)
		if !ok || c.State != store.ManagedAsked {
			out = append(out, p)
			continue
		}
		text := "[The tool " + safeName(c.Tool) + " of the server " + safeName(c.Server) + " was asked for"
		i := slices.IndexFunc(answers, func(a store.ManagedAnswer) bool { return a.CallID == c.ID })
		switch {
		case i >= 0 && answers[i].Approve:
			text += "; the person allowed it. What came of it, if anything, follows.]"
		default:
			text += "; it was not allowed and did not run.]"
		}
		out = join(out, store.Parts{store.Text{Text: text}})
	}
	return out
}

// appendAssistant adds a message of the model, to the one before it if that is
// the model's too.
func appendAssistant(out []store.Message, m store.Message) []store.Message {
	if n := len(out); n > 0 && out[n-1].Role == store.RoleAssistant {
		last := out[n-1]
		last.Parts, last.Usage = join(last.Parts, m.Parts), last.Usage.Add(m.Usage)
		out[n-1] = last
		return out
	}
	return append(out, m)
}

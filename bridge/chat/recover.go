package chat

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// Recover closes what the end of the program left open: an answer that was
// still growing becomes interrupted, with the text that was kept, and each call
// without a result gets one that says so. Call it once at the start, before the
// first turn. It returns how many conversations it mended; the error joins
// those of the conversations that it could not.
func Recover(ctx context.Context, h History) (int, error) {
	open, err := h.Unfinished(ctx)
	if err != nil {
		return 0, fmt.Errorf("find the conversations that were cut off: %w", err)
	}
	n := 0
	var errs []error
	for _, conv := range open {
		chain, err := h.Chain(ctx, conv.ID)
		if err == nil {
			err = h.Append(ctx, mend(chain, "the end of the program")...)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("mend the conversation %s: %w", conv.ID, err))
			continue
		}
		n++
	}
	return n, errors.Join(errs...)
}

// mend returns what has to be appended so that the chain is closed: nothing, or
// one message that is new or replaces the last. cause completes "was cut off by
// …".
func mend(chain []store.Message, cause string) []store.Message {
	if len(chain) == 0 {
		return nil
	}
	last := chain[len(chain)-1]
	switch last.Role {
	case store.RoleAssistant:
		if last.Status == store.StatusStreaming {
			last.Status = store.StatusInterrupted
			last.Error = "The answer was cut off by " + cause + "."
			last.Parts = cutParts(last.Parts)
			return []store.Message{last}
		}
		if calls, asked := last.Calls(), last.Asked(); len(calls)+len(asked) > 0 {
			return []store.Message{{
				ID: store.NewID(), ConversationID: last.ConversationID, ParentID: last.ID,
				Role: store.RoleTool, Status: store.StatusComplete, CreatedAt: last.CreatedAt,
				Parts: append(answered(calls, nil, cutOffBy(cause)), answeredAsked(asked, nil, askedCutOff)...),
			}}
		}
	case store.RoleTool:
		var calls []store.ToolCall
		var asked []store.ManagedCall
		if len(chain) > 1 && chain[len(chain)-2].ID == last.ParentID {
			calls, asked = chain[len(chain)-2].Calls(), chain[len(chain)-2].Asked()
		}
		results, answers := last.Results(), last.ManagedAnswers()
		if last.Status == store.StatusStreaming || len(results) < len(calls) || len(answers) < len(asked) {
			last.Status = store.StatusComplete
			last.Parts = append(answered(calls, results, cutOffBy(cause)), answeredAsked(asked, answers, askedCutOff)...)
			return []store.Message{last}
		}
	default:
		if last.Status == store.StatusStreaming {
			last.Status = store.StatusComplete
			return []store.Message{last}
		}
	}
	return nil
}

// cutOffBy is the result of a call of which nobody knows how far it came.
func cutOffBy(cause string) string {
	return "The call was cut off by " + cause + " before its result was kept. It may or may not have had its effect."
}

// answered returns a result for each call, in the order of the calls: the one
// that is there, or an error with that sentence.
func answered(calls []store.ToolCall, results []store.ToolResult, sentence string) store.Parts {
	results = slices.Clone(results)
	parts := make(store.Parts, 0, len(calls))
	for _, c := range calls {
		i := slices.IndexFunc(results, func(r store.ToolResult) bool { return r.CallID == c.ID })
		if i < 0 {
			parts = append(parts, tools.ErrorResult(sentence).Part(c.ID))
			continue
		}
		parts = append(parts, results[i])
		results = slices.Delete(results, i, i+1)
	}
	return parts
}

// cutParts returns what is kept of an answer that was cut off. Its calls may be
// cut in the middle, so they go.
func cutParts(parts store.Parts) store.Parts { return cutManaged(withoutCalls(parts)) }

// withoutCalls returns the parts other than calls.
func withoutCalls(parts store.Parts) store.Parts {
	out := make(store.Parts, 0, len(parts))
	for _, p := range parts {
		if _, ok := p.(store.ToolCall); !ok {
			out = append(out, p)
		}
	}
	return out
}

// merge applies appended messages to the chain: each replaces the last, if it
// is the same message, or follows it.
func merge(chain, appended []store.Message) []store.Message {
	for _, m := range appended {
		if n := len(chain); n > 0 && chain[n-1].ID == m.ID {
			chain[n-1] = m
			continue
		}
		chain = append(chain, m)
	}
	return chain
}

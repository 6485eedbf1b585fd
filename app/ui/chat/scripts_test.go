package chat

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// answer is a turn that streams a text.
func answer(text string) turn {
	return func(_ context.Context, say func(chat.Event) bool, _ chat.Approver) error {
		m := store.Message{ID: store.NewID(), Role: store.RoleAssistant, Status: store.StatusStreaming}
		say(chat.Started{Message: m})
		for _, word := range strings.SplitAfter(text, " ") {
			say(chat.Delta{MessageID: m.ID, Delta: model.TextDelta{Text: word}})
		}
		m.Status, m.Parts = store.StatusComplete, store.Parts{store.Text{Text: text}}
		say(chat.Finished{Message: m})
		say(chat.TurnDone{Reason: chat.ReasonEnd})
		return nil
	}
}

// hold is a turn that writes a text and goes on when told, or when it is
// stopped.
func hold(text string, begun chan<- struct{}, release <-chan struct{}) turn {
	return func(ctx context.Context, say func(chat.Event) bool, _ chat.Approver) error {
		m := store.Message{ID: store.NewID(), Role: store.RoleAssistant, Status: store.StatusStreaming}
		say(chat.Started{Message: m})
		say(chat.Delta{MessageID: m.ID, Delta: model.TextDelta{Text: text}})
		close(begun)
		reason := chat.ReasonEnd
		m.Status = store.StatusComplete
		select {
		case <-release:
			text += " and the rest"
		case <-ctx.Done():
			m.Status, m.Error, reason = store.StatusInterrupted, "You stopped this answer.", chat.ReasonStopped
		}
		m.Parts = store.Parts{store.Text{Text: text}}
		say(chat.Finished{Message: m})
		say(chat.TurnDone{Reason: reason})
		return nil
	}
}

// call is a turn that calls a tool, asks the person, and reports the answer to
// given.
func call(given chan<- tools.Answer) turn {
	return func(ctx context.Context, say func(chat.Event) bool, by chat.Approver) error {
		c := store.ToolCall{ID: "call-1", Name: "workbench__time", Server: "workbench", Tool: "time", Arguments: []byte(`{"zone":"Europe/Berlin"}`)}
		m := store.Message{ID: store.NewID(), Role: store.RoleAssistant, Status: store.StatusStreaming}
		say(chat.Started{Message: m})
		say(chat.Delta{MessageID: m.ID, Delta: model.ReasoningDelta{Text: "The clock will tell."}})
		say(chat.Delta{MessageID: m.ID, Delta: model.TextDelta{Text: "I look at the clock."}})
		say(chat.Delta{MessageID: m.ID, Delta: model.CallDelta{Index: 0, ID: c.ID, Name: c.Name}})
		say(chat.Delta{MessageID: m.ID, Delta: model.CallDelta{Index: 0, Arguments: string(c.Arguments)}})
		m.Status, m.Parts = store.StatusComplete, store.Parts{store.Reasoning{Text: "The clock will tell."}, store.Text{Text: "I look at the clock."}, c}
		say(chat.Finished{Message: m})
		say(chat.CallRunning{MessageID: m.ID, Call: c})
		a := chat.Approval{MessageID: m.ID, Call: c, Reason: "This tool has not been used in Drawbridge yet."}
		say(chat.CallAsked{Approval: a})
		got, err := by.Approve(ctx, a)
		if given != nil {
			given <- got
		}
		r := store.ToolResult{CallID: c.ID, Elapsed: 3 * time.Millisecond, Content: store.Parts{store.Text{Text: `{"time":"13:00"}`}}}
		if err != nil || got == tools.AnswerDeny {
			r = store.ToolResult{CallID: c.ID, IsError: true, Content: store.Parts{store.Text{Text: "The person did not allow the call."}}}
		} else {
			say(chat.CallRunning{MessageID: m.ID, Call: c})
		}
		if ctx.Err() == nil {
			say(chat.CallDone{MessageID: m.ID, Result: r})
		}
		say(chat.Appended{Message: store.Message{ID: store.NewID(), Role: store.RoleTool, Status: store.StatusComplete, Parts: store.Parts{r}}})
		if ctx.Err() != nil {
			say(chat.TurnDone{Reason: chat.ReasonStopped})
			return nil
		}
		return answer("It is one o'clock.")(ctx, say, by)
	}
}

// broken is a turn that fails.
func broken(sentence string) turn {
	return func(context.Context, func(chat.Event) bool, chat.Approver) error { return errors.New(sentence) }
}

// waiting is a turn whose model is called again after that time.
func waiting(wait time.Duration) turn {
	return func(ctx context.Context, say func(chat.Event) bool, _ chat.Approver) error {
		m := store.Message{ID: "retried", Role: store.RoleAssistant, Status: store.StatusStreaming}
		say(chat.Started{Message: m})
		say(chat.Retrying{MessageID: m.ID, Attempt: 2, Of: 4, Wait: wait, At: noon.Add(wait), Reason: "OpenAI wants fewer requests (429): the limit of the organisation is reached."})
		<-ctx.Done()
		m.Status, m.Error = store.StatusInterrupted, "You stopped this answer."
		say(chat.Finished{Message: m})
		say(chat.TurnDone{Reason: chat.ReasonStopped})
		return nil
	}
}

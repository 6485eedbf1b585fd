package chat_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/store"
)

// What the loop itself costs: a turn of 20 steps with one call each, with a
// model, a tool and a history that cost next to nothing.
func BenchmarkTurnOf20Calls(b *testing.B) {
	var steps []answerFunc
	for i := range 20 {
		steps = append(steps, say(call(0, fmt.Sprint("id", i), "fs__echo", fmt.Sprintf(`{"n":%d}`, i)), doneCalls))
	}
	steps = append(steps, say("done", doneEnd))
	w := shop()
	b.ReportAllocs()
	for b.Loop() {
		h := newHistory()
		h.plain = map[string]store.Message{}
		if _, err := play(b.Context(), chat.New(chat.Options{History: h, Tools: w, StepLimit: 30}), userTurn(script(steps...), "go")); err != nil {
			b.Fatal(err)
		}
		if len(h.plain) != 42 {
			b.Fatalf("%d messages", len(h.plain))
		}
	}
}

// What it costs to find that a history and its tools fit in the model's context,
// where they surely do, and to count them where they might not. A message is
// counted once.
func BenchmarkContext(b *testing.B) {
	for name, limit := range map[string]int64{"known to fit": 1 << 20, "counted": 30_000} {
		b.Run(name, func(b *testing.B) {
			h := newHistory()
			h.plain = map[string]store.Message{}
			var msgs []store.Message
			for i := range 50 {
				id := fmt.Sprint("call", i)
				msgs = append(msgs, user(strings.Repeat("question ", 20)), assistant(toolCall(id)), answers(id), assistant(store.Text{Text: strings.Repeat("answer ", 20)}))
			}
			if err := h.Append(b.Context(), link(msgs...)...); err != nil {
				b.Fatal(err)
			}
			turn := userTurn(script(say("x", doneEnd)), "")
			loop := chat.New(chat.Options{
				History: h, Tools: crowd(20), Limits: func(store.ModelRef) store.ModelLimits { return store.ModelLimits{Context: limit} },
			})
			b.ReportAllocs()
			for b.Loop() {
				if _, err := loop.Use(b.Context(), turn.Conversation, turn.Model); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

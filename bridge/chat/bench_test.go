package chat_test

import (
	"fmt"
	"testing"

	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/store"
)

// What the loop itself costs: a turn of 20 steps with one call each, with a
// model, a tool and a history that cost next to nothing.
func BenchmarkTurnOf20Calls(b *testing.B) {
	var steps []answerFunc
	for i := range 20 {
		steps = append(steps, say(call(0, fmt.Sprint("id", i), "fs__echo", `{"n":1}`), doneCalls))
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

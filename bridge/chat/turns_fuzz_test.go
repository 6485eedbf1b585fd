package chat_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// FuzzTurns plays conversations in which models of all kinds of contexts, with
// few tools and with so many that they are searched, do what the bytes say.
// Whatever they do, each request is valid and nothing is left open.
func FuzzTurns(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13})
	f.Add([]byte{16, 5, 32, 9, 48, 13, 14, 64, 1, 2, 3, 0, 200, 7, 255})
	f.Add([]byte{130, 6, 6, 6, 0, 97, 13, 8, 0, 35, 12, 5, 0, 131, 9, 9})
	f.Fuzz(playProgram)
}

// A few of them, the same each time, without the fuzzer.
func TestTurnsAtRandom(t *testing.T) {
	t.Parallel()
	for i := range 12 {
		random := rand.New(rand.NewPCG(uint64(i), 1))
		program := make([]byte, 5+random.IntN(50))
		for k := range program {
			program[k] = byte(random.IntN(256))
		}
		playProgram(t, program)
	}
}

func playProgram(t *testing.T, program []byte) {
	if len(program) > 60 {
		return
	}
	h := newHistory()
	shops := []*workshop{crowd(3), crowd(150)}
	for _, w := range shops {
		w.run["big"] = func(context.Context, json.RawMessage, func(tools.Progress)) tools.Result { return long(400) }
	}
	contexts := []int64{0, 1500, 4000, 12_000}
	turns := 0
	for len(program) > 0 && turns < 12 {
		kind := program[0]
		program = program[1:]
		turns++
		m := script(func(ctx context.Context, req model.Request, yield func(model.Delta, error) bool) {
			if err := validRequest(req.Messages); err != nil {
				t.Errorf("%v\n%s", err, brief(req.Messages))
			}
			if sumsUp(req) {
				say("A summary.", doneEnd)(ctx, req, yield)
				return
			}
			if len(program) == 0 {
				say("End.", doneEnd)(ctx, req, yield)
				return
			}
			b := program[0]
			program = program[1:]
			id := fmt.Sprint("id", b>>4)
			big := fmt.Sprintf(`{"name":"fs__big","arguments":{"n":%d}}`, len(program))
			var pieces []any
			switch b % 16 {
			case 0, 1:
				pieces = []any{"Said " + strings.Repeat("much ", int(b)), doneEnd}
			case 2:
				pieces = []any{call(0, id, "call_tool", big), call(1, id, "fs__echo", `{}`), doneCalls}
			case 3:
				pieces = []any{call(0, id, "find_tools", `{"query":"tool"}`), doneCalls}
			case 4:
				pieces = []any{call(0, id, "read_result", fmt.Sprintf(`{"handle":%q,"offset":%d}`, fmt.Sprint("id", b>>5), len(program)*50)), doneCalls}
			case 5, 6:
				pieces = []any{"Big.", call(0, id, "fs__big", fmt.Sprintf(`{"n":%d}`, len(program))), doneCalls}
			case 7:
				pieces = []any{call(0, id, "call_tool", `{"name":"call_tool"}`), call(1, "", "nothing", `{"`), doneCalls}
			case 8:
				pieces = []any{call(0, id, "call_tool", `{"name":"fs__echo","arguments":"{\"a\":1}"}`), doneCalls}
			case 9:
				pieces = []any{errTooLong}
			case 10:
				pieces = []any{"half", call(0, id, "fs__echo", `{"a`), model.ErrCut}
			case 11:
				pieces = []any{"half", model.Done{Reason: model.StopLength}}
			case 12:
				pieces = []any{model.UsageDelta{Usage: store.Usage{Input: int64(b) * 50, Output: 10}}, "Counted.", doneEnd}
			case 13:
				pieces = []any{model.UsageDelta{Usage: store.Usage{Input: int64(b) * 50, Output: 10}}, call(0, id, "fs__big", `{}`), doneCalls}
			case 14:
				pieces = []any{model.ReasoningDelta{Text: "r"}, model.OpaqueDelta{Data: []byte("{}")}, call(0, id, "fs__big", `{"x":2}`), call(1, id+"b", "fs__big", `{}`), doneCalls}
			case 15:
				pieces = []any{doneEnd}
			}
			say(pieces...)(ctx, req, yield)
		})
		loop := chat.New(chat.Options{
			History: h, Tools: shops[kind%2], Limits: small(contexts[kind>>1%4]), Tries: 1, StepLimit: 12,
		})
		said := strings.Repeat("question ", 1+int(kind>>4)*8)
		if kind%7 == 3 && turns > 1 {
			said = ""
		}
		if _, err := play(t.Context(), loop, userTurn(m, said)); err != nil && t.Context().Err() != nil {
			return
		}
		if err := validChain(h.chain(t)); err != nil {
			t.Errorf("%v\n%s", err, shape(h.chain(t)))
		}
	}
}

package chat_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// circles calls echo with these arguments, one call a step, over and over; a
// "+" joins calls of one step.
func circles(args ...string) *scripted {
	n := 0
	return script(func(ctx context.Context, req model.Request, yield func(model.Delta, error) bool) {
		var pieces []any
		for i, a := range strings.Split(args[n%len(args)], "+") {
			if a == "#" { // something else each time
				a = fmt.Sprintf(`{"n":%d}`, n)
			}
			pieces = append(pieces, call(i, fmt.Sprintf("id%d", i), "fs__echo", a))
		}
		n++
		say(append(pieces, doneCalls)...)(ctx, req, yield)
	})
}

func TestRepeats(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		args   []string
		steps  int // after which it is noticed; 0 is never
		calls  int // named in the question
		twice  int // noticed again after a yes
		reason chat.DoneReason
	}{
		"the same":              {[]string{`{"a":1}`}, 3, 1, 6, chat.ReasonRepeats},
		"written otherwise":     {[]string{`{"a":1,"b":[2.50]}`, ` {"b":[2.50],  "a":1}`, `{"\u0061":1,"b":[2.50]}`}, 3, 1, 6, chat.ReasonRepeats},
		"in turn":               {[]string{`{"a":1}`, `{"a":2}`}, 6, 2, 12, chat.ReasonRepeats},
		"beside others":         {[]string{`{"a":1}+#`}, 3, 1, 6, chat.ReasonRepeats},
		"broken":                {[]string{`{"a":`}, 3, 1, 6, chat.ReasonRepeats},
		"large numbers differ":  {[]string{`{"a":9007199254740993}`, `{"a":9007199254740992}`}, 6, 2, 12, chat.ReasonRepeats},
		"three in turn":         {[]string{`{"a":1}`, `{"a":2}`, `{"a":3}`}, 0, 0, 0, chat.ReasonLimit},
		"always something else": {[]string{"#"}, 0, 0, 0, chat.ReasonLimit},
		"again after a change":  {[]string{`{"read":1}`, "#"}, 0, 0, 0, chat.ReasonLimit},
		"twice":                 {[]string{`{"a":1}`, `{"a":1}`, "#"}, 0, 0, 0, chat.ReasonLimit},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run := func(approver chat.Approver) (int, []chat.Event) {
				h, m := newHistory(), circles(test.args...)
				turn := userTurn(m, "go")
				turn.Approver = approver
				events := must(t, chat.New(chat.Options{History: h, Tools: shop(), StepLimit: 20}), turn)
				if err := validChain(h.chain(t)); err != nil {
					t.Error(err)
				}
				return len(m.seen()), events
			}
			want, again := test.steps, test.twice
			if want == 0 {
				want, again = 20, 20
			}
			n, events := run(nil)
			if n != want || reason(t, events) != test.reason {
				t.Errorf("without anybody it ended after %d steps by %s, want %d by %s", n, reason(t, events), want, test.reason)
			}
			if got := len(only[chat.Repeating](events)); (got == 1) != (test.steps > 0) {
				t.Errorf("%d times Repeating", got)
			}
			answers := 0
			p := &person{answer: tools.AnswerOnce, more: func(p chat.Pause) (bool, error) {
				answers++
				return answers == 1 && len(p.Repeated) > 0, nil
			}}
			if n, _ := run(p); n != again {
				t.Errorf("after a yes it ended after %d steps, want %d", n, again)
			}
			if q := p.pauses[0]; len(q.Repeated) != test.calls || test.calls > 0 && (q.Times != 3 || q.Steps != test.steps || !strings.Contains(q.String(), "fs__echo")) {
				t.Errorf("asked %+v: %s", q, q)
			}
		})
	}
}

// A person who wants to go on is asked one question at the step limit, not two.
func TestOneQuestionAtATime(t *testing.T) {
	t.Parallel()
	p := &person{answer: tools.AnswerOnce, more: func(p chat.Pause) (bool, error) { return p.Steps < 6, nil }}
	turn := userTurn(circles(`{}`), "go")
	turn.Approver = p
	events := must(t, chat.New(chat.Options{History: newHistory(), Tools: shop(), StepLimit: 3}), turn)
	if len(p.pauses) != 2 || len(only[chat.Repeating](events)) != 0 || reason(t, events) != chat.ReasonLimit {
		t.Errorf("asked %+v, ended by %s", p.pauses, reason(t, events))
	}
}

// serialShop has the tools one and two on a server that wants its calls in
// turn, and notes what runs beside what.
type serialShop struct {
	*workshop
	mu      sync.Mutex
	running map[string]int
	most    map[string]int
	order   []string
}

func (s *serialShop) Offered(ctx context.Context, conv store.Conversation) ([]tools.Tool, []tools.Instructions, error) {
	list, in, err := s.workshop.Offered(ctx, conv)
	for _, name := range []string{"one", "two"} {
		list = append(list, tools.Tool{Ref: tools.Ref{Server: "db", Tool: name}, Serial: true, InputSchema: json.RawMessage(`{"type":"object"}`)})
	}
	return list, in, err
}

func (s *serialShop) Call(ctx context.Context, inv tools.Invocation, _ chat.Ask, _ func(tools.Progress)) tools.Result {
	s.mu.Lock()
	s.running[inv.Ref.Server]++
	s.most[inv.Ref.Server] = max(s.most[inv.Ref.Server], s.running[inv.Ref.Server])
	if inv.Ref.Server == "db" {
		s.order = append(s.order, inv.CallID)
	}
	s.mu.Unlock()
	time.Sleep(time.Second)
	s.mu.Lock()
	s.running[inv.Ref.Server]--
	s.mu.Unlock()
	return text(inv.CallID)
}

func TestSerialServers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &serialShop{workshop: shop(), running: map[string]int{}, most: map[string]int{}}
		h := newHistory()
		m := script(say(
			call(0, "a", "db__one", `{"n":1}`), call(1, "b", "fs__echo", "{}"), call(2, "c", "db__two", "{}"), call(3, "d", "fs__echo", `{"n":2}`),
			call(4, "e", "db__one", `{"n":2}`), call(5, "f", "db__nothing", "{}"), doneCalls), say("done", doneEnd))
		began := time.Now()
		must(t, chat.New(chat.Options{History: h, Tools: s}), userTurn(m, "go"))
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("it took %v, want 3s", took)
		}
		if s.most["db"] != 1 || s.most["fs"] != 2 || !slices.Equal(s.order, []string{"a", "c", "e"}) {
			t.Errorf("at once %v, in the order %v", s.most, s.order)
		}
		var got []string
		for _, r := range h.chain(t)[2].Results() {
			got = append(got, r.CallID)
		}
		if !slices.Equal(got, []string{"a", "b", "c", "d", "e", "f"}) {
			t.Errorf("results %v", got)
		}
	})
}

package chat_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// longTurn is a turn with everything in it: two failed calls of the model, one
// after text, text over several checkpoints, parallel calls of which one is
// asked about, one is unknown and one is slow and reports progress, a second
// step with a call, a model that gives up and another that takes over, and a
// final answer.
func longTurn() (*scripted, *workshop) {
	w := shop()
	w.run["slow"] = func(ctx context.Context, _ json.RawMessage, progress func(tools.Progress)) tools.Result {
		for i := range 3 {
			select {
			case <-time.After(700 * time.Millisecond):
				progress(tools.Progress{Done: float64(i + 1), Total: 3})
			case <-ctx.Done():
				return tools.ErrorResult("It was stopped.")
			}
		}
		return text("at last")
	}
	opaque := model.OpaqueDelta{Data: json.RawMessage(`{"sealed":1}`)}
	return script(
		say("Lost ", 1100*time.Millisecond, "for ever", &model.Error{Kind: model.ErrorServer, Status: 503, Message: "It failed."}),
		say(&model.Error{Kind: model.ErrorRate, Status: 429, Message: "Slow down.", RetryAfter: 2 * time.Second}),
		say(model.ReasoningDelta{Text: "Hm."}, opaque, "One ", 800*time.Millisecond, "two ", 800*time.Millisecond, "three.",
			call(0, "a", "fs__slow", `{"n":1}`), call(1, "b", "fs__ask", "{}"), call(2, "a", "fs__echo", `{"n":2}`), call(3, "c", "nonsense", "{}"),
			model.UsageDelta{Usage: store.Usage{Output: 1}}, doneCalls),
		say(opaque, call(0, "a", "fs__echo", `{"n":3}`), doneCalls),
		say("Gone ", 1100*time.Millisecond, "too", &model.Error{Kind: model.ErrorAuth, Status: 401, Message: "No more credit."}),
		say("Four ", 1100*time.Millisecond, "five.", doneEnd),
	), w
}

// goLong begins the long turn.
func goLong(m chat.Model) chat.Turn {
	turn := userTurn(m, "go")
	turn.Fallbacks = []chat.Candidate{{Ref: other, Model: m}}
	return turn
}

// other is the model that takes over.
var other = store.ModelRef{Provider: "q", Model: "n"}

// notDoubled checks that no place of the tree holds two messages, and no text
// of a call that was repeated stays in a whole answer.
func notDoubled(t *testing.T, name string, h *history) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	places := map[string]string{}
	for id := range h.messages {
		m := h.get(id)
		if there, ok := places[m.ParentID]; ok {
			t.Errorf("%s: %s and %s stand in the same place", name, there, id)
		}
		places[m.ParentID] = id
		if text := m.Text(); m.Status == store.StatusComplete && (strings.Contains(text, "Lost") || strings.Contains(text, "Gone")) {
			t.Errorf("%s: a whole answer is %q", name, text)
		}
	}
}

// observed is what a reader of a turn saw acknowledged.
type observed struct{ ids []string }

func (o *observed) see(e chat.Event) {
	switch e := e.(type) {
	case chat.Appended:
		o.ids = append(o.ids, e.Message.ID)
	case chat.Finished:
		o.ids = append(o.ids, e.Message.ID)
	}
}

// goesOn checks that the conversation is whole and can be continued in both
// ways, and that nothing that was acknowledged is lost.
func goesOn(t *testing.T, name string, h *history, o observed) {
	t.Helper()
	for _, id := range o.ids {
		if !h.has(id) {
			t.Errorf("%s: the message %s was acknowledged and is lost", name, id)
		}
	}
	for _, said := range []string{"", "And now?"} {
		h := h.snapshot()
		before := h.chain(t)
		m := script(say("Well.", doneEnd))
		_, err := play(context.Background(), chat.New(chat.Options{History: h, Tools: shop()}), userTurn(m, said))
		if said == "" && (len(before) == 0 || whole(before)) {
			if !errors.Is(err, chat.ErrNothing) {
				t.Errorf("%s: continuing a whole answer: %v", name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: the conversation cannot be continued: %v\n%s", name, err, shape(before))
			continue
		}
		for _, req := range m.seen() {
			if err := validRequest(req.Messages); err != nil {
				t.Errorf("%s: the request is not valid: %v\n%s", name, err, shape(req.Messages))
			}
		}
		if err := validChain(h.chain(t)); err != nil {
			t.Errorf("%s: the chain is not valid afterwards: %v\n%s", name, err, shape(h.chain(t)))
		}
	}
}

// whole reports whether the chain ends with a whole answer.
func whole(chain []store.Message) bool {
	last := chain[len(chain)-1]
	return last.Role == store.RoleAssistant && last.Status == store.StatusComplete && len(last.Calls()) == 0
}

// count runs the turn undisturbed and returns how many events and writes it
// has.
func count(t *testing.T) (events, writes int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		m, w := longTurn()
		h := newHistory()
		all := must(t, chat.New(chat.Options{History: h, Tools: w}), goLong(m))
		notDoubled(t, "undisturbed", h)
		if n, k := len(only[chat.Retrying](all)), len(only[chat.FellBack](all)); n != 2 || k != 1 {
			t.Fatalf("%d times Retrying and %d times FellBack", n, k)
		}
		if r := reason(t, all); r != chat.ReasonEnd {
			t.Fatalf("the undisturbed turn ended by %s", r)
		}
		if err := validChain(h.chain(t)); err != nil {
			t.Fatal(err)
		}
		for _, req := range m.seen() {
			if err := validRequest(req.Messages); err != nil {
				t.Fatal(err)
			}
		}
		events, writes = len(all), h.writes
	})
	if events < 35 || writes < 10 {
		t.Fatalf("the turn has %d events and %d writes; it is not what it should be", events, writes)
	}
	return events, writes
}

func TestInterruptedAtEveryEvent(t *testing.T) {
	t.Parallel()
	total, _ := count(t)
	for name, stop := range map[string]func(cancel func()) (leave bool){
		"stop":  func(cancel func()) bool { cancel(); return false },
		"leave": func(func()) bool { return true },
		"panic": func(func()) bool { panic("reader") },
	} {
		for k := range total + 1 {
			synctest.Test(t, func(t *testing.T) {
				name := fmt.Sprintf("%s at event %d", name, k)
				m, w := longTurn()
				h := newHistory()
				var o observed
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				var last chat.Event
				func() {
					defer func() {
						if p := recover(); p != nil && p != "reader" {
							t.Errorf("%s: the panic became %v", name, p)
						}
					}()
					n := 0
					for e, err := range chat.New(chat.Options{History: h, Tools: w}).Run(ctx, goLong(m)) {
						if err != nil {
							t.Errorf("%s: the turn failed: %v", name, err)
							return
						}
						o.see(e)
						last = e
						if n == k && stop(cancel) {
							return
						}
						n++
					}
					if done, ok := last.(chat.TurnDone); !ok || done.Reason != chat.ReasonStopped && !whole(h.chain(t)) {
						t.Errorf("%s: ended by %#v", name, last)
					}
				}()
				if err := validChain(h.chain(t)); err != nil {
					t.Errorf("%s: the chain is not valid: %v\n%s", name, err, shape(h.chain(t)))
				}
				notDoubled(t, name, h)
				goesOn(t, name, h, o)
				// Nothing of the turn goes on: the bubble would not end.
			})
		}
	}
}

// The program is killed at each event, and at each write just before and after
// it takes effect.
func TestKilledAtEveryMoment(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		type moment struct {
			h *history
			o observed
		}
		var moments []moment
		m, w := longTurn()
		h := newHistory()
		var o observed
		for e, err := range chat.New(chat.Options{History: h, Tools: w}).Run(t.Context(), goLong(m)) {
			if err != nil {
				t.Fatal(err)
			}
			o.see(e)
			moments = append(moments, moment{h.snapshot(), observed{append([]string(nil), o.ids...)}})
		}
		open := 0
		for k, at := range moments {
			name := fmt.Sprintf("killed at event %d", k)
			notDoubled(t, name, at.h)
			goesOn(t, name+", without Recover", at.h, at.o)
			n, err := chat.Recover(t.Context(), at.h)
			if err != nil {
				t.Fatal(err)
			}
			open += n
			if err := validChain(at.h.chain(t)); err != nil {
				t.Errorf("%s: the chain is not valid: %v\n%s", name, err, shape(at.h.chain(t)))
			}
			goesOn(t, name, at.h, at.o)
			if n, err := chat.Recover(t.Context(), at.h); n != 0 || err != nil {
				t.Errorf("%s: a second Recover mended %d, %v", name, n, err)
			}
		}
		if open < 5 {
			t.Errorf("only %d of %d moments left something open: the test sees too little", open, len(moments))
		}
	})
}

func TestHistoryFailsAtEveryWrite(t *testing.T) {
	t.Parallel()
	_, writes := count(t)
	for _, forGood := range []bool{false, true} {
		for k := 1; k <= writes; k++ {
			synctest.Test(t, func(t *testing.T) {
				name := fmt.Sprintf("write %d fails, for good: %v", k, forGood)
				m, w := longTurn()
				h := newHistory()
				h.fail = func(n int) bool { return n == k || forGood && n > k }
				var o observed
				var failed error
				for e, err := range chat.New(chat.Options{History: h, Tools: w}).Run(t.Context(), goLong(m)) {
					if failed = err; err == nil {
						o.see(e)
					}
				}
				if !errors.Is(failed, errDisk) {
					t.Errorf("%s: the turn ended with %v", name, failed)
				}
				h.setFail(nil)
				goesOn(t, name, h, o)
			})
		}
	}
}

func TestCheckpoints(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHistory()
		type write struct {
			at     time.Duration
			text   string
			status store.Status
		}
		start := time.Now()
		var writes []write
		h.kept = func(msgs []store.Message) {
			m := msgs[len(msgs)-1]
			if m.Role == store.RoleAssistant {
				writes = append(writes, write{time.Since(start), m.Text(), m.Status})
			}
		}
		pieces := []any{3 * time.Second}
		for range 25 { // 2.5 s of text, then silence, then the end
			pieces = append(pieces, "x", 100*time.Millisecond)
		}
		pieces = append(pieces, 10*time.Second, doneEnd)
		must(t, chat.New(chat.Options{History: h, Tools: shop()}), userTurn(script(say(pieces...)), "go"))
		if len(writes) != 4 {
			t.Fatalf("%d writes, want 3 checkpoints and the end: %v", len(writes), writes)
		}
		for i, w := range writes[:3] {
			if w.status != store.StatusStreaming || i > 0 && w.at-writes[i-1].at < time.Second {
				t.Errorf("checkpoint %d: %v", i, w)
			}
			shown := min(25, int((w.at-3*time.Second)/(100*time.Millisecond))+1)
			if missing := shown - len(w.text); missing < 0 || missing > 1 {
				t.Errorf("checkpoint %d at %v has %d of %d letters", i, w.at, len(w.text), shown)
			}
		}
		if w := writes[2]; len(w.text) != 25 || w.at > 6600*time.Millisecond {
			t.Errorf("the text before the silence was kept at %v: %q", w.at, w.text)
		}
		if w := writes[3]; w.status != store.StatusComplete {
			t.Errorf("the end is %v", w)
		}
	})
}

// A result that came while another call runs on is kept within the second.
func TestResultsAreCheckpointed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, w := newHistory(), shop()
		release := make(chan struct{})
		w.run["slow"] = func(context.Context, json.RawMessage, func(tools.Progress)) tools.Result {
			<-release
			return text("late")
		}
		m := script(say(call(0, "a", "fs__slow", "{}"), call(1, "b", "fs__echo", `{"n":1}`), doneCalls), say("ok", doneEnd))
		done := make(chan error, 1)
		go func() {
			_, err := play(t.Context(), chat.New(chat.Options{History: h, Tools: w}), userTurn(m, "go"))
			done <- err
		}()
		time.Sleep(1500 * time.Millisecond)
		synctest.Wait()
		killed := h.snapshot()
		if _, err := chat.Recover(t.Context(), killed); err != nil {
			t.Fatal(err)
		}
		chain := killed.chain(t)
		if err := validChain(chain); err != nil {
			t.Error(err)
		}
		got := results(chain)
		if got["b"].Content.Text() != `{"n":1}` || got["b"].IsError || !got["a"].IsError {
			t.Errorf("after a kill the results are %+v", got)
		}
		close(release)
		if err := <-done; err != nil {
			t.Error(err)
		}
		if got := results(h.chain(t)); got["a"].Content.Text() != "late" || len(got) != 2 {
			t.Errorf("results %+v", got)
		}
	})
}

// A tool, an approver and a provider that do not listen do not hold a stop up
// for long.
func TestStopDoesNotWaitForEver(t *testing.T) {
	t.Parallel()
	for name, build := range map[string]func(release chan struct{}) chat.Turn{
		"tool": func(release chan struct{}) chat.Turn {
			return userTurn(script(say(call(0, "a", "fs__deaf", "{}"), call(1, "b", "fs__echo", "{}"), doneCalls)), "go")
		},
		"approver": func(release chan struct{}) chat.Turn {
			turn := userTurn(script(say(call(0, "a", "fs__ask", "{}"), call(1, "b", "fs__echo", "{}"), doneCalls)), "go")
			turn.Approver = deaf{release}
			return turn
		},
		"model": func(release chan struct{}) chat.Turn {
			return userTurn(script(func(_ context.Context, _ model.Request, yield func(model.Delta, error) bool) {
				yield(model.TextDelta{Text: "Hm"}, nil)
				<-release
			}), "go")
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			h, w := newHistory(), shop()
			release := make(chan struct{})
			w.run["deaf"] = func(context.Context, json.RawMessage, func(tools.Progress)) tools.Result {
				<-release
				return text("too late")
			}
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			start := time.Now()
			events, err := play(ctx, chat.New(chat.Options{History: h, Tools: w}), build(release))
			if err != nil || reason(t, events) != chat.ReasonStopped {
				t.Errorf("%s: ended by %v", name, err)
			}
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("%s: the stop took %v", name, took-5*time.Second)
			}
			chain := h.chain(t)
			if err := validChain(chain); err != nil {
				t.Errorf("%s: %v\n%s", name, err, shape(chain))
			}
			if r, ok := results(chain)["b"]; ok && r.IsError {
				t.Errorf("%s: the result that came is lost: %+v", name, r)
			}
			close(release)
			synctest.Wait()
			if got := shape(h.chain(t)); got != shape(chain) {
				t.Errorf("%s: what came too late changed the history: %s", name, got)
			}
		})
	}
}

// deaf is an approver that does not listen to its context.
type deaf struct{ release chan struct{} }

func (d deaf) Approve(context.Context, chat.Approval) (tools.Answer, error) {
	<-d.release
	return tools.AnswerOnce, nil
}

func (d deaf) Continue(context.Context, chat.Pause) (bool, error) { return false, nil }

// A call that ends with a real result when it is stopped keeps it, and what was
// not begun says so.
func TestResultsThatComeWithTheStop(t *testing.T) {
	t.Parallel()
	for _, leave := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			h, w := newHistory(), shop()
			w.run["finish"] = func(ctx context.Context, _ json.RawMessage, _ func(tools.Progress)) tools.Result {
				<-ctx.Done()
				return text("finished all the same")
			}
			w.run["deaf"] = func(context.Context, json.RawMessage, func(tools.Progress)) tools.Result {
				time.Sleep(time.Minute)
				return text("too late")
			}
			m := script(say(call(0, "a", "fs__finish", "{}"), call(1, "b", "fs__deaf", "{}"), call(2, "c", "fs__echo", "{}"), doneCalls))
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			running := 0
			for e, err := range chat.New(chat.Options{History: h, Tools: w, Parallel: 2}).Run(ctx, goLong(m)) {
				if err != nil {
					t.Fatal(err)
				}
				if _, ok := e.(chat.CallRunning); ok {
					running++
				}
				if running == 2 {
					if leave {
						break
					}
					cancel()
				}
			}
			got := results(h.chain(t))
			if r := got["a"]; r.IsError || r.Content.Text() != "finished all the same" {
				t.Errorf("a (left: %v): %+v", leave, r)
			}
			if r := got["b"]; !r.IsError || r.Content.Text() != "The call was stopped while it ran. It may or may not have had its effect." {
				t.Errorf("b (left: %v): %+v", leave, r)
			}
			if r := got["c"]; !r.IsError || r.Content.Text() != "The person stopped the answer before this call was run." {
				t.Errorf("c (left: %v): %+v", leave, r)
			}
			time.Sleep(2 * time.Minute) // the deaf one ends
		})
	}
}

func TestRecoverClosesWhatIsOpen(t *testing.T) {
	t.Parallel()
	streaming := func(m store.Message) store.Message {
		m.Status = store.StatusStreaming
		return m
	}
	for name, test := range map[string]struct {
		chain []store.Message
		n     int
		want  string
	}{
		"nothing":           {nil, 0, ""},
		"whole":             {link(user("a"), assistant(store.Text{Text: "b"})), 0, "user/complete \"a\" \nassistant/complete \"b\" \n"},
		"no answer yet":     {link(user("a")), 0, "user/complete \"a\" \n"},
		"a growing answer":  {link(user("a"), streaming(assistant(store.Text{Text: "b"}, toolCall("1")))), 1, "user/complete \"a\" \nassistant/interrupted \"b\" \n"},
		"a growing message": {link(streaming(user("a"))), 1, "user/complete \"a\" \n"},
		"calls": {
			link(user("a"), assistant(toolCall("1"))), 1,
			"user/complete \"a\" \nassistant/complete call 1 fs__echo \ntool/complete result 1 \"The call was cut off by the end of the program before its result was kept. It may or may not have had its effect.\" \n",
		},
		"some results": {
			link(user("a"), assistant(toolCall("1"), toolCall("2")), streaming(answers("2"))), 1,
			"user/complete \"a\" \nassistant/complete call 1 fs__echo call 2 fs__echo \ntool/complete result 1 \"The call was cut off by the end of the program before its result was kept. It may or may not have had its effect.\" result 2 \"result of 2\" \n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHistory()
			if err := h.Append(t.Context(), test.chain...); err != nil {
				t.Fatal(err)
			}
			n, err := chat.Recover(t.Context(), h)
			if n != test.n || err != nil {
				t.Errorf("mended %d, %v", n, err)
			}
			if got := shape(h.chain(t)); got != test.want {
				t.Errorf("got\n%swant\n%s", got, test.want)
			}
			if err := validChain(h.chain(t)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestRecoverSaysWhatItCouldNotMend(t *testing.T) {
	t.Parallel()
	h := newHistory()
	if err := h.Append(t.Context(), link(user("a"), assistant(toolCall("1")))...); err != nil {
		t.Fatal(err)
	}
	h.fail = func(int) bool { return true }
	if n, err := chat.Recover(t.Context(), h); n != 0 || !errors.Is(err, errDisk) {
		t.Errorf("mended %d, %v", n, err)
	}
}

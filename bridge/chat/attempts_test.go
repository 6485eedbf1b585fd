package chat_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/store"
)

func failure(kind model.ErrorKind, after time.Duration) *model.Error {
	return &model.Error{Kind: kind, Message: fmt.Sprintf("It failed (%s).", kind), RetryAfter: after}
}

// attempted runs a turn with a fallback, whose script is the second one, if it
// has answers.
func attempted(t *testing.T, h *history, first, second []answerFunc) (events []chat.Event, models [2]*scripted, err error) {
	t.Helper()
	models = [2]*scripted{diplomatic(first...), diplomatic(second...)}
	turn := userTurn(models[0], "go")
	if len(second) > 0 {
		turn.Fallbacks = []chat.Candidate{{Ref: other, Model: models[1]}}
	}
	events, err = play(t.Context(), chat.New(chat.Options{History: h, Tools: shop(), Managed: &embassy{}}), turn)
	for _, m := range models {
		for _, req := range m.seen() {
			if err := validRequest(req.Messages); err != nil {
				t.Error(err)
			}
		}
	}
	if err := validChain(h.chain(t)); err != nil {
		t.Error(err)
	}
	return events, models, err
}

func TestWhatIsRepeated(t *testing.T) {
	t.Parallel()
	ok := say("Well.", doneEnd)
	for name, test := range map[string]struct {
		first, second []answerFunc
		calls         [2]int
		waits         int
		least, most   time.Duration // of all waits together
		err           string
	}{
		"nothing fails": {[]answerFunc{ok}, nil, [2]int{1, 0}, 0, 0, 0, ""},
		"429 with Retry-After": {
			[]answerFunc{say(failure(model.ErrorRate, 7*time.Second)), ok}, nil, [2]int{2, 0}, 1, 7 * time.Second, 7 * time.Second, "",
		},
		"Retry-After is capped": {
			[]answerFunc{say(failure(model.ErrorRate, time.Hour)), ok}, nil, [2]int{2, 0}, 1, time.Minute, time.Minute, "",
		},
		"5xx": {[]answerFunc{say(failure(model.ErrorServer, 0)), ok}, nil, [2]int{2, 0}, 1, 250 * time.Millisecond, 750 * time.Millisecond, ""},
		"cut": {
			[]answerFunc{say("Hal", failure(model.ErrorTransport, 0)), say("Half", call(0, "a", "fs__echo", `{"x`)), ok},
			nil, [2]int{3, 0}, 2, 750 * time.Millisecond, 2250 * time.Millisecond, "",
		},
		"for good": {
			[]answerFunc{say("Hal", failure(model.ErrorServer, 0))}, nil, [2]int{4, 0}, 3, 1750 * time.Millisecond, 5250 * time.Millisecond, "It failed (server).",
		},
		"auth":      {[]answerFunc{say(failure(model.ErrorAuth, 0)), ok}, nil, [2]int{1, 0}, 0, 0, 0, "It failed (auth)."},
		"request":   {[]answerFunc{say(failure(model.ErrorRequest, 0)), ok}, []answerFunc{ok}, [2]int{1, 0}, 0, 0, 0, "It failed (request)."},
		"not found": {[]answerFunc{say(failure(model.ErrorNotFound, 0)), ok}, nil, [2]int{1, 0}, 0, 0, 0, "It failed (not_found)."},
		"managed":   {[]answerFunc{say(failure(model.ErrorManaged, 0)), ok}, []answerFunc{ok}, [2]int{1, 0}, 0, 0, 0, "It failed (managed)."},
		"no error of a model": {
			[]answerFunc{say(errDisk), ok}, []answerFunc{ok}, [2]int{1, 0}, 0, 0, 0, "disk full",
		},
		"a tool that the provider ran": {
			[]answerFunc{say(managed(running, "r", "search", "{}"), failure(model.ErrorTransport, 0)), ok}, []answerFunc{ok}, [2]int{1, 0}, 0, 0, 0, "begun to use tools itself",
		},
		"tools that the provider looked for": {
			[]answerFunc{say(listing("search"), failure(model.ErrorServer, 0)), ok}, []answerFunc{ok}, [2]int{1, 0}, 0, 0, 0, "begun to use tools itself",
		},
		"an answer that is refused": {
			[]answerFunc{say("x", model.OpaqueDelta{Data: []byte("{")}), ok}, []answerFunc{ok}, [2]int{1, 0}, 0, 0, 0, "not JSON",
		},
		"fallback when tries are used up": {
			[]answerFunc{say(failure(model.ErrorServer, 0))}, []answerFunc{ok}, [2]int{4, 1}, 3, 1750 * time.Millisecond, 5250 * time.Millisecond, "",
		},
		"fallback at once": {[]answerFunc{say(failure(model.ErrorAuth, 0))}, []answerFunc{ok}, [2]int{1, 1}, 0, 0, 0, ""},
		"fallback without patience": {
			[]answerFunc{say(failure(model.ErrorRate, time.Minute))}, []answerFunc{ok}, [2]int{1, 1}, 0, 0, 0, "",
		},
		"fallback with patience": {
			[]answerFunc{say(failure(model.ErrorRate, 5*time.Second)), ok}, []answerFunc{ok}, [2]int{2, 0}, 1, 5 * time.Second, 5 * time.Second, "",
		},
		"both fail": {
			[]answerFunc{say(failure(model.ErrorProtocol, 0))}, []answerFunc{say(failure(model.ErrorServer, time.Second))}, [2]int{1, 4}, 3, 3 * time.Second, 3 * time.Second, "It failed (server).",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := newHistory()
				began := time.Now()
				events, models, err := attempted(t, h, test.first, test.second)
				took := time.Since(began)
				switch {
				case test.err == "" && (err != nil || reason(t, events) != chat.ReasonEnd):
					t.Errorf("ended by %v", err)
				case test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)):
					t.Errorf("the error is %v, want %q", err, test.err)
				}
				if got := [2]int{len(models[0].seen()), len(models[1].seen())}; got != test.calls {
					t.Errorf("the models were called %v times, want %v", got, test.calls)
				}
				if took < test.least || took > test.most {
					t.Errorf("it waited %v, want %v to %v", took, test.least, test.most)
				}
				waits := only[chat.Retrying](events)
				if len(waits) != test.waits {
					t.Errorf("%d waits were told, want %d", len(waits), test.waits)
				}
				for i, w := range waits {
					if w.Attempt != i+2 || w.Of != 4 || w.Wait <= 0 || w.At.After(time.Now()) || !strings.HasPrefix(w.Reason, "It failed") && !strings.Contains(w.Reason, "broke off") {
						t.Errorf("wait %d: %+v", i, w)
					}
				}
				chain := h.chain(t)
				if len(chain) != 2 || h.count() != 2 {
					t.Fatalf("%d messages are kept:\n%s", h.count(), shape(chain))
				}
				last := chain[1]
				if (test.err == "") != (last.Status == store.StatusComplete && last.Text() == "Well.") {
					t.Errorf("kept is %s", shape(chain))
				}
				ref := store.ModelRef{Provider: "p", Model: "m"}
				if test.calls[1] > 0 {
					ref = other
				}
				if last.Model != ref || h.conv["c"].Model.Provider != "p" {
					t.Errorf("answered by %v", last.Model)
				}
			})
		})
	}
}

// The reader is told when a message begins anew: what it shows then is what is
// kept.
func TestTheReaderFollowsRepeats(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHistory()
		events, _, err := attempted(t, h,
			[]answerFunc{say("One ", 1500*time.Millisecond, "two", failure(model.ErrorServer, 0)), say("Thr", failure(model.ErrorAuth, 0))},
			[]answerFunc{say("Four ", 1500*time.Millisecond, "five.", doneEnd)})
		if err != nil {
			t.Fatal(err)
		}
		shown := map[string]string{}
		finished := map[string]int{}
		var order []string
		for _, e := range events {
			switch e := e.(type) {
			case chat.Started:
				shown[e.Message.ID] = ""
				order = append(order, "started "+e.Message.Model.Provider)
			case chat.Delta:
				if d, ok := e.Delta.(model.TextDelta); ok {
					shown[e.MessageID] += d.Text
				}
			case chat.Retrying:
				order = append(order, "retrying")
			case chat.FellBack:
				order = append(order, fmt.Sprintf("fell back from %s to %s: %s", e.From.Provider, e.To.Provider, e.Reason))
			case chat.Finished:
				finished[e.Message.ID]++
				if shown[e.Message.ID] != e.Message.Text() {
					t.Errorf("shown is %q, kept is %q", shown[e.Message.ID], e.Message.Text())
				}
			}
		}
		want := []string{"started p", "retrying", "started p", "fell back from p to q: It failed (auth).", "started q"}
		if !slices.Equal(order, want) {
			t.Errorf("%q, want %q", order, want)
		}
		if len(shown) != 1 || len(finished) != 1 {
			t.Errorf("%d messages began, %d finished", len(shown), len(finished))
		}
	})
}

// What has taken over stays for the turn; the next turn begins with the choice.
// Tools that ran do not run again.
func TestAFallbackStaysForTheTurn(t *testing.T) {
	t.Parallel()
	h, w := newHistory(), shop()
	first := script(say(call(0, "a", "fs__echo", `{"n":1}`), doneCalls), say(failure(model.ErrorAuth, 0)), say("I am back.", doneEnd))
	second := script(say(call(0, "b", "fs__echo", `{"n":2}`), doneCalls), say("Done.", doneEnd))
	turn := userTurn(first, "go")
	turn.Fallbacks = []chat.Candidate{{Ref: other, Model: second}}
	loop := chat.New(chat.Options{History: h, Tools: w})
	must(t, loop, turn)
	if a, b := len(first.seen()), len(second.seen()); a != 2 || b != 2 {
		t.Errorf("called %d and %d times", a, b)
	}
	turn.Message.Parts = store.Parts{store.Text{Text: "again"}}
	must(t, loop, turn)
	if n := len(first.seen()); n != 3 {
		t.Errorf("the chosen model was called %d times, want 3", n)
	}
	if got := w.log(); len(got) != 2 {
		t.Errorf("ran %v", got)
	}
	var answered []string
	for _, m := range h.chain(t) {
		if m.Role == store.RoleAssistant {
			answered = append(answered, m.Model.Provider)
		}
	}
	if !slices.Equal(answered, []string{"p", "q", "q", "p"}) {
		t.Errorf("answered by %v", answered)
	}
}

// A stop is heard while the turn waits, and what had come is kept.
func TestStopWhileItWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHistory()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		m := script(say("Half", failure(model.ErrorRate, 50*time.Second)))
		began := time.Now()
		var events []chat.Event
		for e, err := range chat.New(chat.Options{History: h, Tools: shop()}).Run(ctx, userTurn(m, "go")) {
			if err != nil {
				t.Fatal(err)
			}
			events = append(events, e)
			if _, ok := e.(chat.Retrying); ok {
				time.AfterFunc(time.Second, cancel)
			}
		}
		if took := time.Since(began); took != time.Second || reason(t, events) != chat.ReasonStopped {
			t.Errorf("ended after %v by %s", took, reason(t, events))
		}
		if last := h.chain(t)[1]; last.Status != store.StatusInterrupted || last.Text() != "Half" || last.Error != "You stopped this answer." {
			t.Errorf("kept %+v", last)
		}
	})
}

// What failed calls used is counted, too, but not as the message's own.
func TestFailedCallsAreCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHistory()
		used := func(n int64) model.Delta { return model.UsageDelta{Usage: store.Usage{Input: n}} }
		events, _, err := attempted(t, h, []answerFunc{say("x", used(1), failure(model.ErrorServer, 0)), say("y", used(2), doneEnd)}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if u := only[chat.TurnDone](events)[0].Usage; u.Input != 3 {
			t.Errorf("the turn used %+v", u)
		}
		if u := h.chain(t)[1].Usage; u.Input != 2 {
			t.Errorf("the message used %+v", u)
		}
	})
}

func TestRepeatedErrorsStayKnown(t *testing.T) {
	t.Parallel()
	h := newHistory()
	cut := &model.Error{Kind: model.ErrorTransport, Message: "It broke off.", Err: model.ErrCut}
	_, _, err := attempted(t, h, []answerFunc{say(managed(running, "r", "search", "{}"), cut)}, nil)
	var e *model.Error
	if !errors.As(err, &e) || e.Kind != model.ErrorTransport || !errors.Is(err, model.ErrCut) {
		t.Errorf("%#v", err)
	}
}

package chat_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/store"
)

var summariesThatFail = map[string]answerFunc{
	"nothing":    say(doneEnd),
	"blank":      say(" \n", doneEnd),
	"a refusal":  say("No.", model.Done{Reason: model.StopRefusal}),
	"calls only": say(call(0, "1", "fs__echo", `{}`), doneCalls),
	"an error":   say(&model.Error{Kind: model.ErrorAuth, Message: "No key."}),
	"too long":   say(errTooLong),
	"a cut":      say("half", model.ErrCut),
	"no end":     say("half"),
	"a panic":    func(context.Context, model.Request, func(model.Delta, error) bool) { panic("x") },
	"too much":   func(_ context.Context, _ model.Request, yield func(model.Delta, error) bool) { flood(yield) },
}

func flood(yield func(model.Delta, error) bool) {
	for yield(model.TextDelta{Text: strings.Repeat("x", 1<<20)}, nil) {
	}
}

// summing is a model whose summaries fail while broken is set; it answers what
// fits.
func summing(limit int, summary answerFunc, broken *bool) *scripted {
	working := within(limit, "Ten.", say("Fine.", doneEnd)).answers[0]
	return script(func(ctx context.Context, req model.Request, yield func(model.Delta, error) bool) {
		if sumsUp(req) && *broken {
			summary(ctx, req, yield)
			return
		}
		working(ctx, req, yield)
	})
}

// A turn goes on when a summary fails: with the whole history where that still
// fits, else without its oldest turns. Nothing of that is kept, and the next turn
// makes the summary.
func TestSummariesThatFail(t *testing.T) {
	t.Parallel()
	for name, summary := range summariesThatFail {
		for _, how := range []struct {
			name           string
			context, limit int
			whole          bool
		}{
			{"whole", 9000, 1 << 20, true},
			{"left out", 3000, 1 << 20, false},
			{"refused", 0, 12_000, false},
		} {
			t.Run(name+", "+how.name, func(t *testing.T) {
				t.Parallel()
				h := past(t, 10, 1000)
				broken := true
				m := summing(how.limit, summary, &broken)
				o := chat.Options{History: h, Tools: shop(), Tries: 1}
				if how.context > 0 {
					o.Limits = small(int64(how.context))
				}
				loop := chat.New(o)
				events := must(t, loop, userTurn(m, "and now?"))
				told := only[chat.Unsummarised](events)
				if len(told) == 0 || told[0].Reason == "" || told[0].Until != "" {
					t.Fatalf("the failure is told as %+v", told)
				}
				last := m.seen()[len(m.seen())-1]
				text := requestText(last)
				if whole := strings.Contains(text, "question 0 "+strings.Repeat("q ", 500)); whole != how.whole {
					t.Errorf("the model gets all: %v", whole)
				}
				if !strings.Contains(text, "question 9 "+strings.Repeat("q ", 500)) || !strings.Contains(text, "and now?") {
					t.Error("the model does not get what is new")
				}
				if how.whole != (len(told) == 1) {
					t.Errorf("told %+v", told)
				}
				chain := h.chain(t)
				if !how.whole {
					until := slices.IndexFunc(chain, func(m store.Message) bool { return m.ID == told[len(told)-1].Until })
					if until < 0 || until >= 39 || !strings.Contains(text, "no summary of it could be made") || !strings.Contains(text, `{"from":"person","text":"question 0 q`) {
						t.Errorf("left out up to message %d, and told %.400q", until, text)
					}
				}
				if err := validChain(chain); err != nil || len(chain) != 42 || chain[41].Text() != "Fine." {
					t.Errorf("%v\n%s", err, shape(chain))
				}
				broken = false
				events = must(t, loop, userTurn(m, "and then?"))
				if n := len(only[chat.Unsummarised](events)); n > 0 {
					t.Error("the summary fails again")
				}
				chain = h.chain(t)
				if err := validChain(chain); err != nil || len(chain) != 45 || chain[43].Role != store.RoleSummary || chain[44].Text() != "Fine." {
					t.Errorf("%v\n%s", err, shape(chain))
				}
				checkRequests(t, m)
			})
		}
	}
}

// What an earlier summary says is not lost where the next one fails.
func TestSummaryAfterSummaryFails(t *testing.T) {
	t.Parallel()
	h := past(t, 10, 1000)
	broken := false
	m := summing(1<<20, say(doneEnd), &broken)
	loop := chat.New(chat.Options{History: h, Tools: shop(), Limits: small(4500), Tries: 1})
	must(t, loop, userTurn(m, "one"))
	broken = true
	for _, text := range []string{"two", "three", "four"} {
		must(t, loop, userTurn(m, text+strings.Repeat(" x", 2000)))
		last := requestText(m.seen()[len(m.seen())-1])
		if !strings.Contains(last, "Ten.") || !strings.Contains(last, text) {
			t.Errorf("%s: the model gets %.300q", text, last)
		}
	}
	if !strings.Contains(requestText(m.seen()[len(m.seen())-1]), "no summary of it could be made") {
		t.Error("nothing had to be left out")
	}
	checkRequests(t, m)
	if err := validChain(h.chain(t)); err != nil {
		t.Error(err)
	}
}

// A model that could not sum up in a turn is not asked again in each of its
// steps, and what grows meanwhile is left out as well.
func TestLongTurnWithoutSummary(t *testing.T) {
	t.Parallel()
	h := past(t, 10, 1000)
	broken, steps := true, 0
	failing := summing(1<<20, say(doneEnd), &broken).answers[0]
	m := script(func(ctx context.Context, req model.Request, yield func(model.Delta, error) bool) {
		if steps++; sumsUp(req) || steps > 9 {
			failing(ctx, req, yield)
			return
		}
		say(call(0, string(rune('a'+steps)), "fs__echo", `{"n":`+string(rune('0'+steps))+`}`), doneCalls)(ctx, req, yield)
	})
	must(t, chat.New(chat.Options{History: h, Tools: shop(), Limits: small(3000), Tries: 1}), userTurn(m, "go"))
	asked := 0
	for _, req := range m.seen() {
		if sumsUp(req) {
			asked++
		}
	}
	if asked != 1 {
		t.Errorf("the model was asked for a summary %d times", asked)
	}
	checkRequests(t, m)
}

// A summary is tried again where that helps, and by the model that takes over.
func TestSummaryIsRepeated(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := past(t, 10, 1000)
		failures := 2
		working := within(1<<20, "Ten.", say("Fine.", doneEnd)).answers[0]
		m := script(func(ctx context.Context, req model.Request, yield func(model.Delta, error) bool) {
			if failures--; failures >= 0 {
				say("half", &model.Error{Kind: model.ErrorServer, Message: "Down."})(ctx, req, yield)
				return
			}
			working(ctx, req, yield)
		})
		events := must(t, chat.New(chat.Options{History: h, Tools: shop(), Limits: small(6000)}), userTurn(m, "go"))
		chain := h.chain(t)
		if len(only[chat.Unsummarised](events)) > 0 || len(chain) != 43 || chain[41].Role != store.RoleSummary || chain[41].Parts[0].(store.Summary).Text != "Ten." {
			t.Errorf("the history is\n%s", shape(chain))
		}
	})
	denied := &model.Error{Kind: model.ErrorAuth, Message: "No key."}
	h := past(t, 10, 1000)
	turn := userTurn(script(say(denied)), "go")
	turn.Fallbacks = []chat.Candidate{{Ref: store.ModelRef{Provider: "q", Model: "other"}, Model: within(1<<20, "Ten.", say("Fine.", doneEnd))}}
	events := must(t, chat.New(chat.Options{History: h, Tools: shop(), Limits: small(6000)}), turn)
	chain := h.chain(t)
	if len(only[chat.FellBack](events)) != 1 || len(chain) != 43 || chain[41].Role != store.RoleSummary || chain[42].Text() != "Fine." {
		t.Errorf("the history is\n%s", shape(chain))
	}
	// Without another model, the turn fails with what the model says, and can be
	// tried again.
	h = past(t, 10, 1000)
	if _, err := play(t.Context(), chat.New(chat.Options{History: h, Tools: shop(), Limits: small(6000)}), userTurn(script(say(denied)), "go")); !errors.Is(err, denied) {
		t.Error(err)
	}
	if err := validChain(h.chain(t)); err != nil {
		t.Error(err)
	}
}

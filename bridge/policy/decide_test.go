package policy_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/drawbridge-app/drawbridge/bridge/policy"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

func chat(conv string, t tools.Tool) tools.Invocation {
	return tools.Invocation{Client: tools.ClientChat, Conversation: conv, CallID: "1", Ref: t.Ref}
}

func command(t tools.Tool) tools.Invocation {
	return tools.Invocation{Client: tools.ClientCommand, CallID: "1", Ref: t.Ref}
}

func TestDecide(t *testing.T) {
	t.Parallel()
	seen, changed, fresh := tool("fs", "read", "1"), tool("fs", "read", "2"), tool("fs", "new", "1")
	conv := func(change func(store.Switches) store.Switches) *store.Conversation {
		c := &store.Conversation{ID: "c"}
		if change != nil {
			c.Switches = change(c.Switches)
		}
		return c
	}
	tests := []struct {
		name     string
		answers  map[string]tools.Answer // by conversation
		inv      tools.Invocation
		conv     *store.Conversation
		tool     *tools.Tool
		want     tools.Decision
		err      error
		sentence string
	}{
		{name: "asks at first", inv: chat("c", seen), conv: conv(nil), tool: &seen, want: tools.Ask},
		{name: "typed is approved", inv: command(seen), tool: &seen, want: tools.Allow},
		{name: "always", answers: map[string]tools.Answer{"": tools.AnswerAlways}, inv: chat("c", seen), conv: conv(nil), tool: &seen, want: tools.Allow},
		{name: "here", answers: map[string]tools.Answer{"c": tools.AnswerConversation}, inv: chat("c", seen), conv: conv(nil), tool: &seen, want: tools.Allow},
		{name: "elsewhere", answers: map[string]tools.Answer{"d": tools.AnswerConversation}, inv: chat("c", seen), conv: conv(nil), tool: &seen, want: tools.Ask},
		{name: "never", answers: map[string]tools.Answer{"": tools.AnswerNever}, inv: chat("c", seen), conv: conv(nil), tool: &seen, want: tools.Deny, err: store.ErrDenied},
		{name: "never, typed", answers: map[string]tools.Answer{"": tools.AnswerNever}, inv: command(seen), tool: &seen, want: tools.Deny, err: store.ErrDenied},
		{name: "never over here", answers: map[string]tools.Answer{"": tools.AnswerNever, "c": tools.AnswerConversation}, inv: chat("c", seen), conv: conv(nil), tool: &seen, want: tools.Deny, err: store.ErrDenied},
		{name: "unknown tool", inv: chat("c", fresh), conv: conv(nil), want: tools.Deny, err: store.ErrNotFound},
		{name: "changed", inv: chat("c", seen), conv: conv(nil), tool: &changed, want: tools.Deny, err: store.ErrHeld, sentence: "changed"},
		{name: "changed over always", answers: map[string]tools.Answer{"": tools.AnswerAlways}, inv: chat("c", seen), conv: conv(nil), tool: &changed, want: tools.Deny, err: store.ErrHeld},
		{name: "changed, typed", inv: command(seen), tool: &changed, want: tools.Deny, err: store.ErrHeld},
		{name: "new", inv: chat("c", fresh), conv: conv(nil), tool: &fresh, want: tools.Deny, err: store.ErrHeld, sentence: "new"},
		{name: "tool off", inv: chat("c", seen), conv: conv(func(s store.Switches) store.Switches { return s.SetTool("fs", "read", false) }), tool: &seen, want: tools.Deny, err: store.ErrDenied, sentence: "switched off"},
		{name: "server off", inv: chat("c", seen), conv: conv(func(s store.Switches) store.Switches { return s.SetServer("fs", false) }), tool: &seen, want: tools.Deny, err: store.ErrDenied},
		{name: "all off over always", answers: map[string]tools.Answer{"": tools.AnswerAlways}, inv: chat("c", seen), conv: &store.Conversation{ID: "c", Switches: store.Switches{Off: true}}, tool: &seen, want: tools.Deny, err: store.ErrDenied},
		{name: "chat without a conversation", inv: chat("", seen), tool: &seen, want: tools.Deny, err: store.ErrInvalid},
		{name: "another conversation", inv: chat("c", seen), conv: &store.Conversation{ID: "d"}, tool: &seen, want: tools.Deny, err: store.ErrInvalid},
		{name: "another tool", inv: chat("c", seen), conv: conv(nil), tool: &fresh, want: tools.Deny, err: store.ErrInvalid},
		{name: "unknown client", inv: tools.Invocation{Client: "x", Conversation: "c", Ref: seen.Ref}, conv: conv(nil), tool: &seen, want: tools.Deny, err: store.ErrDenied},
		{name: "no client", inv: tools.Invocation{Ref: seen.Ref}, tool: &seen, want: tools.Deny, err: store.ErrDenied},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l := newLedger()
			e := policy.New(policy.Options{Ledger: l})
			review(t, e, "fs", nil, seen)
			for c, a := range test.answers {
				if err := e.Record(t.Context(), tools.Invocation{Conversation: c, Ref: seen.Ref}, a); err != nil {
					t.Fatal(err)
				}
			}
			for _, engine := range []*policy.Engine{e, policy.New(policy.Options{Ledger: l})} { // the second after a restart
				v := engine.Decide(t.Context(), test.inv, test.conv, test.tool)
				if v.Decision != test.want || !errors.Is(v.Err, test.err) {
					t.Errorf("decided %v (%v): %s", v.Decision, v.Err, v.Reason)
				}
				if !strings.HasSuffix(v.Reason, ".") || !strings.Contains(v.Reason, test.sentence) {
					t.Errorf("the reason is %q", v.Reason)
				}
			}
		})
	}
}

func TestOffer(t *testing.T) {
	t.Parallel()
	l := newLedger()
	e := policy.New(policy.Options{Ledger: l})
	a, b, c := tool("one", "a", "1"), tool("one", "b", "1"), tool("two", "c", "1")
	review(t, e, "one", instructions("one", "One."), a, b)
	review(t, e, "two", instructions("two", "Two."), c)
	if err := e.SetStanding(t.Context(), b.Ref, tools.AnswerNever); err != nil {
		t.Fatal(err)
	}
	all := []tools.Tool{c, a, tool("one", "b", "1"), tool("one", "new", "1"), tool("one", "a", "2"), tool("never-reviewed", "x", "")}
	listed := []tools.Instructions{*instructions("one", "One."), *instructions("two", "Two. Obey me."), *instructions("two", "Two.")}
	for _, test := range []struct {
		switches    store.Switches
		offered, in string
	}{
		{store.Switches{}, "c:1 a:1 ", "One. Two. "},
		{store.Switches{}.SetServer("one", false), "c:1 ", "Two. "},
		{store.Switches{}.SetTool("two", "c", false), "a:1 ", "One. "},
		{store.Switches{Off: true}, "", ""},
		{store.Switches{Off: true}.SetServer("two", true), "c:1 ", "Two. "},
	} {
		conv := store.Conversation{ID: "c", Switches: test.switches}
		offered, err := e.Offer(t.Context(), conv, all)
		if err != nil {
			t.Fatal(err)
		}
		if got := names(offered); got != test.offered {
			t.Errorf("%+v: offered %q, want %q", test.switches, got, test.offered)
		}
		instr, err := e.OfferInstructions(t.Context(), conv, offered, listed)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, i := range instr {
			got += i.Text + " "
		}
		if got != test.in {
			t.Errorf("%+v: instructions %q, want %q", test.switches, got, test.in)
		}
	}
	if err := e.SetStanding(t.Context(), b.Ref, ""); err != nil {
		t.Fatal(err)
	}
	if offered, _ := e.Offer(t.Context(), store.Conversation{ID: "c"}, all); names(offered) != "c:1 a:1 b:1 " {
		t.Errorf("after never was taken back: %q", names(offered))
	}
}

func TestDecideAsksTheLedgerOnce(t *testing.T) {
	t.Parallel()
	l := newLedger()
	e := policy.New(policy.Options{Ledger: l})
	read := tool("fs", "read", "1")
	review(t, e, "fs", nil, read)
	conv := store.Conversation{ID: "c"}
	e.Decide(t.Context(), chat("c", read), &conv, &read)
	before := l.reads
	for range 100 {
		e.Decide(t.Context(), chat("c", read), &conv, &read)
	}
	if l.reads != before {
		t.Errorf("the ledger was read %d times more", l.reads-before)
	}
}

// world is what a Look looks at; a test changes it.
type world struct {
	mu   sync.Mutex
	conv store.Conversation
	tool tools.Tool
}

func (w *world) look(context.Context) (*store.Conversation, *tools.Tool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	conv, tool := w.conv, w.tool
	return &conv, &tool, nil
}

func TestPermitRecordsTheAnswer(t *testing.T) {
	t.Parallel()
	for answer, want := range map[tools.Answer]struct {
		first  tools.Decision
		asked  int // of three calls
		stored string
	}{
		tools.AnswerOnce:         {tools.Allow, 3, ""},
		tools.AnswerConversation: {tools.Allow, 1, "conversation"},
		tools.AnswerAlways:       {tools.Allow, 1, "always"},
		tools.AnswerDeny:         {tools.Deny, 3, ""},
		tools.AnswerNever:        {tools.Deny, 1, "never"},
		"yes please":             {tools.Deny, 3, ""},
		"":                       {tools.Deny, 3, ""},
	} {
		t.Run(string(answer), func(t *testing.T) {
			t.Parallel()
			l := newLedger()
			e := policy.New(policy.Options{Ledger: l})
			read := tool("fs", "read", "1")
			review(t, e, "fs", nil, read)
			w := &world{conv: store.Conversation{ID: "c"}, tool: read}
			asked := 0
			for range 3 {
				v := e.Permit(t.Context(), chat("c", read), w.look, func(context.Context, tools.Verdict) (tools.Answer, error) {
					asked++
					return answer, nil
				})
				if v.Decision != want.first {
					t.Errorf("decided %v: %s", v.Decision, v.Reason)
				}
			}
			if asked != want.asked {
				t.Errorf("asked %d times, want %d", asked, want.asked)
			}
			stored := ""
			for _, a := range l.answers {
				stored += a
			}
			if stored != want.stored {
				t.Errorf("stored %q, want %q", stored, want.stored)
			}
		})
	}
}

func TestPermitLooksAgainAfterTheAnswer(t *testing.T) {
	t.Parallel()
	read := tool("fs", "read", "1")
	for name, change := range map[string]func(*world, *policy.Engine){
		"changed":      func(w *world, _ *policy.Engine) { w.tool = tool("fs", "read", "2") },
		"switched off": func(w *world, _ *policy.Engine) { w.conv.Switches = store.Switches{Off: true} },
		"never": func(_ *world, e *policy.Engine) {
			if err := e.SetStanding(context.Background(), read.Ref, tools.AnswerNever); err != nil {
				panic(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := policy.New(policy.Options{Ledger: newLedger()})
			review(t, e, "fs", nil, read)
			w := &world{conv: store.Conversation{ID: "c"}, tool: read}
			v := e.Permit(t.Context(), chat("c", read), w.look, func(context.Context, tools.Verdict) (tools.Answer, error) {
				w.mu.Lock()
				defer w.mu.Unlock()
				change(w, e)
				return tools.AnswerOnce, nil
			})
			if v.Decision != tools.Deny {
				t.Errorf("decided %v: %s", v.Decision, v.Reason)
			}
		})
	}
}

func TestPermitFails(t *testing.T) {
	t.Parallel()
	l := newLedger()
	e := policy.New(policy.Options{Ledger: l})
	read := tool("fs", "read", "1")
	review(t, e, "fs", nil, read)
	w := &world{conv: store.Conversation{ID: "c"}, tool: read}
	say := func(a tools.Answer, err error) policy.Ask {
		return func(context.Context, tools.Verdict) (tools.Answer, error) { return a, err }
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	broken := errors.New("no display")
	for name, v := range map[string]tools.Verdict{
		"nobody to ask":  e.Permit(t.Context(), chat("c", read), w.look, nil),
		"asking failed":  e.Permit(t.Context(), chat("c", read), w.look, say(tools.AnswerAlways, broken)),
		"stopped":        e.Permit(cancelled, chat("c", read), w.look, say(tools.AnswerAlways, nil)),
		"looking failed": e.Permit(t.Context(), chat("c", read), func(context.Context) (*store.Conversation, *tools.Tool, error) { return nil, nil, broken }, say(tools.AnswerAlways, nil)),
	} {
		if v.Decision != tools.Deny || !errors.Is(v.Err, store.ErrDenied) {
			t.Errorf("%s: %v (%v) %s", name, v.Decision, v.Err, v.Reason)
		}
	}
	l.set(func() { l.failWrite = true })
	if v := e.Permit(t.Context(), chat("c", read), w.look, say(tools.AnswerAlways, nil)); v.Decision != tools.Deny {
		t.Errorf("an answer that could not be kept counted: %s", v.Reason)
	}
	l.set(func() { l.failWrite = false })
	conv := w.conv
	if v := e.Decide(t.Context(), chat("c", read), &conv, &read); v.Decision != tools.Ask {
		t.Errorf("an answer that could not be kept is remembered: %s", v.Reason)
	}
}

// Eight calls of one tool at once: one question, if the answer holds for all.
func TestPermitAsksOneAtATime(t *testing.T) {
	t.Parallel()
	for answer, want := range map[tools.Answer]int{tools.AnswerConversation: 1, tools.AnswerOnce: 8} {
		synctest.Test(t, func(t *testing.T) {
			e := policy.New(policy.Options{Ledger: newLedger()})
			read := tool("fs", "read", "1")
			review(t, e, "fs", nil, read)
			w := &world{conv: store.Conversation{ID: "c"}, tool: read}
			answers := make(chan tools.Answer)
			var open, most, asked atomic.Int32
			var wg sync.WaitGroup
			for i := range 8 {
				wg.Go(func() {
					inv := chat("c", read)
					inv.CallID = fmt.Sprint(i)
					v := e.Permit(t.Context(), inv, w.look, func(context.Context, tools.Verdict) (tools.Answer, error) {
						most.Store(max(most.Load(), open.Add(1)))
						asked.Add(1)
						defer open.Add(-1)
						return <-answers, nil
					})
					if v.Decision != tools.Allow {
						t.Errorf("decided %v: %s", v.Decision, v.Reason)
					}
				})
			}
			for range want {
				synctest.Wait()
				answers <- answer
			}
			wg.Wait()
			if most.Load() != 1 || int(asked.Load()) != want {
				t.Errorf("%s: asked %d times, %d at once; want %d, one at a time", answer, asked.Load(), most.Load(), want)
			}
		})
	}
}

// Calls of other apps are all asked about at once, since each waits for a limited
// time. An answer that holds for more than its own call settles the others, also
// those of another key; one that does not leaves them asking.
func TestPermitAsksForEachCaller(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		answer tools.Answer
		want   tools.Decision // of the others of the same session; Ask: they still ask
		others tools.Decision // of the other key
	}{
		{tools.AnswerOnce, tools.Ask, tools.Ask},
		{tools.AnswerDeny, tools.Ask, tools.Ask},
		{tools.AnswerConversation, tools.Allow, tools.Ask},
		{tools.AnswerAlways, tools.Allow, tools.Allow},
		{tools.AnswerNever, tools.Deny, tools.Deny},
	} {
		t.Run(string(c.answer), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				e := policy.New(policy.Options{Ledger: newLedger()})
				cfg := server("fs", store.Rules{})
				if err := e.ApproveServer(t.Context(), cfg); err != nil {
					t.Fatal(err)
				}
				e.Configure([]store.ServerConfig{cfg})
				read := tool("fs", "read", "1")
				review(t, e, "fs", nil, read)
				look := func(context.Context) (*store.Conversation, *tools.Tool, error) { return nil, &read, nil }
				answers := make([]chan tools.Answer, 4)
				verdicts := make([]tools.Verdict, 4)
				over := make([]bool, 4)
				var asked, open atomic.Int32
				for i := range answers {
					answers[i] = make(chan tools.Answer, 1)
					key := map[bool]string{true: "other", false: "one"}[i == 3]
					caller := store.Caller{Key: key, Session: key, Bounds: []store.Bound{{Kind: "key", ID: key}}}
					inv := tools.Invocation{Client: tools.ClientGateway, Ref: read.Ref, Caller: &caller}
					go func() {
						verdicts[i] = e.Permit(t.Context(), inv, look, func(ctx context.Context, _ tools.Verdict) (tools.Answer, error) {
							asked.Add(1)
							open.Add(1)
							defer open.Add(-1)
							select {
							case a := <-answers[i]:
								return a, nil
							case <-ctx.Done():
								return "", context.Cause(ctx)
							}
						})
						over[i] = true
					}()
				}
				synctest.Wait()
				if asked.Load() != 4 || open.Load() != 4 {
					t.Fatalf("%d were asked about, %d still are", asked.Load(), open.Load())
				}
				answers[0] <- c.answer
				synctest.Wait()
				for i, want := range []tools.Decision{1: c.want, 2: c.want, 3: c.others} {
					if i == 0 {
						want = tools.Allow
						if c.answer == tools.AnswerDeny || c.answer == tools.AnswerNever {
							want = tools.Deny
						}
					}
					if over[i] != (want != tools.Ask) || over[i] && verdicts[i].Decision != want {
						t.Errorf("call %d: over %t, %+v; want %v", i, over[i], verdicts[i], want)
					}
				}
				for i := range answers {
					if !over[i] {
						answers[i] <- tools.AnswerDeny
					}
				}
				synctest.Wait()
				if open.Load() != 0 || asked.Load() != 4 {
					t.Errorf("%d questions stay open, %d were asked", open.Load(), asked.Load())
				}
			})
		})
	}
}

func TestRecordRefusesWhatIsNoAnswer(t *testing.T) {
	t.Parallel()
	e := policy.New(policy.Options{Ledger: newLedger()})
	read := tool("fs", "read", "1")
	for _, err := range []error{
		e.Record(t.Context(), command(read), tools.AnswerConversation),
		e.Record(t.Context(), chat("c", read), "sure"),
		e.SetStanding(t.Context(), read.Ref, tools.AnswerOnce),
	} {
		if !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%v, want ErrInvalid", err)
		}
	}
}

func BenchmarkDecide(b *testing.B) {
	e := policy.New(policy.Options{Ledger: newLedger()})
	read := tool("fs", "read", "1")
	if _, err := e.Review(b.Context(), "fs", []tools.Tool{read}, nil); err != nil {
		b.Fatal(err)
	}
	conv := store.Conversation{ID: "c"}
	inv := chat("c", read)
	if err := e.Record(b.Context(), inv, tools.AnswerConversation); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if v := e.Decide(b.Context(), inv, &conv, &read); v.Decision != tools.Allow {
			b.Fatal(v.Reason)
		}
	}
}

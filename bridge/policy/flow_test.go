package policy_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/policy"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

func (y *yard) permit(inv tools.Invocation, listed tools.Tool, answer tools.Answer) (v tools.Verdict, asked []tools.Verdict) {
	look := func(context.Context) (*store.Conversation, *tools.Tool, error) {
		if inv.Conversation == "" {
			return nil, &listed, nil
		}
		return &store.Conversation{ID: inv.Conversation}, &listed, nil
	}
	v = y.Permit(y.t.Context(), inv, look, func(_ context.Context, v tools.Verdict) (tools.Answer, error) {
		asked = append(asked, v)
		return answer, nil
	})
	return v, asked
}

// TestContentOfOneServerDoesNotCallAnother is how a poisoned issue would send
// files by a messenger that the person always allows.
func TestContentOfOneServerDoesNotCallAnother(t *testing.T) {
	t.Parallel()
	read, send := tool("github", "read", "1"), tool("whatsapp", "send", "1")
	look := claiming(tool("whatsapp", "look", "1"), true, false, false)
	session := func(key, session string) store.Caller {
		c := store.NewCaller(store.Key{ID: key}, nil, nil)
		c.Session = session
		return c
	}
	for name, at := range map[string]func(tools.Tool) tools.Invocation{
		"chat":    func(l tools.Tool) tools.Invocation { return chat("c", l) },
		"gateway": func(l tools.Tool) tools.Invocation { return gateway(session("k", "s"), l) },
	} {
		y := newYard(t, server("github", store.Rules{}), server("whatsapp", store.Rules{}))
		y.see(read, send, look)
		for _, l := range []tools.Tool{read, send, look} {
			if err := y.SetStanding(t.Context(), l.Ref, tools.AnswerAlways); err != nil {
				t.Fatal(err)
			}
		}
		y.want(at(send), send, tools.Allow, "")
		y.NoteContent(t.Context(), at(read), "github")
		v := y.decide(at(send), send)
		if v.Decision != tools.Ask || !slices.Equal(v.After, []string{"github"}) || !strings.Contains(v.Reason, "after content from github") {
			t.Errorf("%s: decided %+v", name, v)
		}
		y.want(at(read), read, tools.Allow, "")      // the same server
		y.want(at(look), look, tools.Allow, "")      // read-only and closed-world
		y.want(command(send), send, tools.Allow, "") // what a person typed
		// Elsewhere nothing was read.
		y.want(chat("other", send), send, tools.Allow, "")
		y.want(gateway(session("k", "other"), send), send, tools.Allow, "")
		y.want(gateway(session("other", "s"), send), send, tools.Allow, "")
		// Once is once.
		if v, asked := y.permit(at(send), send, tools.AnswerOnce); v.Decision != tools.Allow || len(asked) != 1 || len(asked[0].After) != 1 {
			t.Errorf("%s: %+v, asked %+v", name, v, asked)
		}
		if v, asked := y.permit(at(send), send, tools.AnswerDeny); v.Decision != tools.Deny || len(asked) != 1 {
			t.Errorf("%s: %+v, asked %+v", name, v, asked)
		}
		// After content from github: not after content of a third.
		if v, _ := y.permit(at(send), send, tools.AnswerAfter); v.Decision != tools.Allow {
			t.Errorf("%s: %+v", name, v)
		}
		if v, asked := y.permit(at(send), send, tools.AnswerDeny); v.Decision != tools.Allow || len(asked) != 0 {
			t.Errorf("%s: asked again: %+v", name, v)
		}
		y.NoteContent(t.Context(), at(read), "news")
		y.want(at(send), send, tools.Ask, "after content from news")
		// A server that the person trusts is no reason to ask.
		y.config = append(y.config, server("news", store.Rules{}))
		y.rules("news", store.Rules{Trusted: true})
		y.want(at(send), send, tools.Allow, "")
		// One that a file calls trusted is.
		y.config[len(y.config)-1].Command = "another"
		y.Configure(y.config)
		y.want(at(send), send, tools.Ask, "after content from news")
	}
}

// TestContentIsReadAgain starts the program anew: what stands in a conversation
// still counts, and so does what the person allowed there.
func TestContentIsReadAgain(t *testing.T) {
	t.Parallel()
	send := tool("whatsapp", "send", "1")
	y := newYard(t, server("github", store.Rules{}), server("whatsapp", store.Rules{}))
	y.see(send)
	if err := y.SetStanding(t.Context(), send.Ref, tools.AnswerAlways); err != nil {
		t.Fatal(err)
	}
	fail := false
	again := func() *policy.Engine {
		e := policy.New(policy.Options{Ledger: y.ledger, Content: func(_ context.Context, conversation string) ([]string, error) {
			if fail {
				return nil, errLedger
			}
			return []string{"github"}, nil
		}})
		e.Configure(y.config)
		return e
	}
	y.Engine = again()
	if v, asked := y.permit(chat("c", send), send, tools.AnswerAfter); v.Decision != tools.Allow || len(asked) != 1 {
		t.Fatalf("%+v, asked %+v", v, asked)
	}
	y.Engine = again()
	y.want(chat("c", send), send, tools.Allow, "")
	y.want(chat("d", send), send, tools.Ask, "github")
	fail = true
	y.LookAgain("c")
	y.want(chat("c", send), send, tools.Deny, "could not be read")
}

func TestChangedDefinitionVoidsWhatWasAllowed(t *testing.T) {
	t.Parallel()
	old, changed, other := tool("fs", "read", "1"), tool("fs", "read", "2"), tool("fs", "other", "1")
	y := newYard(t, server("fs", store.Rules{}))
	y.see(old, other)
	ctx := t.Context()
	set := func(inv tools.Invocation, a tools.Answer) {
		t.Helper()
		if err := y.Record(ctx, inv, a); err != nil {
			t.Fatal(err)
		}
	}
	set(chat("c", old), tools.AnswerAlways)
	set(chat("d", old), tools.AnswerConversation)
	set(chat("c", other), tools.AnswerAlways)
	y.want(chat("c", old), old, tools.Allow, "")
	review(t, y.Engine, "fs", nil, changed, other)
	// In a conversation the person is asked, with the change; nobody else is.
	y.want(chat("c", old), changed, tools.Ask, "changed the definition")
	y.want(command(old), changed, tools.Deny, "changed")
	v := y.Decide(ctx, chat("c", old), &store.Conversation{ID: "c"}, &changed)
	if v.Change == nil || v.Change.NewHash != changed.Hash || string(v.Change.Old) != string(old.Definition) || string(v.Change.New) != string(changed.Definition) {
		t.Errorf("asked about %+v", v.Change)
	}
	// An answer that does not accept the change lets nothing run, nor is it asked for again.
	w, asked := &world{conv: store.Conversation{ID: "c"}, tool: changed}, 0
	v = y.Permit(ctx, chat("c", old), w.look, func(context.Context, tools.Verdict) (tools.Answer, error) { asked++; return tools.AnswerAlways, nil })
	if v.Decision != tools.Deny || !errors.Is(v.Err, store.ErrHeld) || asked != 1 {
		t.Errorf("asked %d times: %+v", asked, v)
	}
	// The answers cannot be removed: then the definition stays held.
	y.ledger.set(func() { y.ledger.failWrite = true })
	if err := y.ApproveDefinitions(ctx, "fs", map[string]string{"read": changed.Hash}); err == nil {
		t.Error("accepted without the answers being removed")
	}
	y.ledger.set(func() { y.ledger.failWrite = false })
	y.want(chat("c", old), changed, tools.Ask, "changed the definition")
	if err := y.ApproveDefinitions(ctx, "fs", map[string]string{"read": changed.Hash}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		y.want(chat("c", old), changed, tools.Ask, "")
		y.want(chat("d", old), changed, tools.Ask, "")
		y.want(chat("c", other), other, tools.Allow, "")
		y.restart()
	}
	// A never stays.
	set(chat("c", old), tools.AnswerNever)
	third := tool("fs", "read", "3")
	review(t, y.Engine, "fs", nil, third, other)
	if err := y.ApproveDefinitions(ctx, "fs", map[string]string{"read": third.Hash}); err != nil {
		t.Fatal(err)
	}
	y.want(chat("c", old), third, tools.Deny, "at all")
}

func TestLimitsOfCalls(t *testing.T) {
	t.Parallel()
	read := tool("fs", "read", "1")
	y := newYard(t, server("fs", store.Rules{CallsPerMinute: 3}))
	y.see(read)
	call := func(inv tools.Invocation, want tools.Decision, say string) {
		t.Helper()
		v, _ := y.permit(inv, read, tools.AnswerOnce)
		if v.Decision != want || !strings.Contains(v.Reason, say) {
			t.Errorf("decided %d, %q; want %d and %q", v.Decision, v.Reason, want, say)
		}
		if v.Decision == tools.Deny && !errors.Is(v.Err, store.ErrLimit) {
			t.Errorf("%v is no ErrLimit", v.Err)
		}
	}
	// All paths count on the server's limit.
	for i, inv := range []tools.Invocation{command(read), chat("c", read), gateway(key(store.Limits{}), read)} {
		y.now = y.now.Add(time.Duration(i) * time.Second)
		call(inv, tools.Allow, "")
	}
	call(command(read), tools.Deny, `the 3 calls a minute of the server "fs" are used up. Try again in 57 seconds`)
	y.now = y.now.Add(56 * time.Second)
	call(command(read), tools.Deny, "a minute")
	y.now = y.now.Add(time.Second) // the first is a minute old
	call(command(read), tools.Allow, "")
	call(command(read), tools.Deny, "")

	// A key, its team and its organisation: each counts by itself.
	y.rules("fs", store.Rules{})
	team := &store.Team{ID: "t", Limits: store.Limits{CallsPerDay: 5}}
	one := store.NewCaller(store.Key{ID: "1", Limits: store.Limits{CallsPerDay: 3}}, team, nil)
	two := store.NewCaller(store.Key{ID: "2"}, team, nil)
	for range 3 {
		call(gateway(one, read), tools.Allow, "")
	}
	call(gateway(one, read), tools.Deny, "the 3 calls a day of its key")
	call(gateway(two, read), tools.Allow, "")
	// A restart does not begin the day anew.
	if err := y.KeepCounts(t.Context()); err != nil {
		t.Fatal(err)
	}
	y.restart()
	call(gateway(one, read), tools.Deny, "its key")
	call(gateway(two, read), tools.Allow, "")
	call(gateway(two, read), tools.Deny, "the 5 calls a day of its team")
	call(command(read), tools.Allow, "")
	y.now = y.now.Add(24 * time.Hour)
	call(gateway(one, read), tools.Allow, "")
	// Where the counts cannot be read, nothing that is counted runs.
	y.now = y.now.Add(24 * time.Hour)
	y.ledger.set(func() { y.ledger.failRead = true })
	if v, _ := y.permit(gateway(one, read), read, tools.AnswerOnce); v.Decision != tools.Deny {
		t.Error("ran uncounted")
	}
}

func TestRefusedCallsDoNotCount(t *testing.T) {
	t.Parallel()
	read := tool("fs", "read", "1")
	y := newYard(t, server("fs", store.Rules{CallsPerDay: 1}))
	y.see(read)
	for range 5 {
		if v, asked := y.permit(chat("c", read), read, tools.AnswerDeny); v.Decision != tools.Deny || len(asked) != 1 {
			t.Fatalf("%+v", v)
		}
	}
	if v, _ := y.permit(chat("c", read), read, tools.AnswerOnce); v.Decision != tools.Allow {
		t.Errorf("%+v", v)
	}
	if v, asked := y.permit(chat("c", read), read, tools.AnswerOnce); v.Decision != tools.Deny || len(asked) != 0 {
		t.Errorf("the person is asked about what cannot run: %+v", v)
	}
}

func TestRaisedBridge(t *testing.T) {
	t.Parallel()
	read := tool("fs", "read", "1")
	y := newYard(t, server("fs", store.Rules{Approvals: store.Approvals{Default: store.ApproveAlways}}))
	y.see(read)
	ctx := t.Context()
	closed := func(ch <-chan struct{}) bool {
		select {
		case <-ch:
			return true
		default:
			return false
		}
	}
	raised := y.WhenRaised()
	if closed(raised) {
		t.Fatal("raised at first")
	}
	if err := y.Raise(ctx, "test"); err != nil {
		t.Fatal(err)
	}
	if !closed(raised) {
		t.Error("nobody is told")
	}
	for range 2 { // the second after a restart
		if !y.Raised(ctx) || !closed(y.WhenRaised()) {
			t.Error("not raised")
		}
		for _, inv := range everyone(read) {
			y.want(inv, read, tools.Deny, policy.RaisedReason)
		}
		if got := y.offered(read); got != "" {
			t.Errorf("offered %q", got)
		}
		if y.MaySee(ctx, key(store.Limits{}), "fs") {
			t.Error("a client sees the server")
		}
		if handed, kept := y.HandOver(ctx, store.Conversation{ID: "c"}, []tools.Tool{read}, true); len(handed)+len(kept) > 0 {
			t.Error("handed over")
		}
		y.restart()
	}
	y.ledger.set(func() { y.ledger.failWrite = true })
	if err := y.Lower(ctx, "test"); err == nil || !y.Raised(ctx) {
		t.Errorf("lowered though it cannot be kept: %v", err)
	}
	y.ledger.set(func() { y.ledger.failWrite = false })
	if err := y.Lower(ctx, "test"); err != nil {
		t.Fatal(err)
	}
	y.want(command(read), read, tools.Allow, "")
	y.ledger.set(func() { y.ledger.failWrite = true })
	if err := y.Raise(ctx, "test"); err == nil || !y.Raised(ctx) {
		t.Errorf("not raised though the disk is full: %v", err)
	}
	y.ledger.set(func() { y.ledger.failWrite, y.ledger.failRead = false, true })
	y.restart()
	y.want(command(read), read, tools.Deny, "could not be read")
}

func TestHandOverNarrowsByRules(t *testing.T) {
	t.Parallel()
	a, b, c := tool("docs", "a", "1"), tool("docs", "b", "1"), tool("docs", "c", "1")
	quiet := claiming(tool("docs", "quiet", "1"), true, false, false)
	y := newYard(t, server("docs", store.Rules{}), server("news", store.Rules{}))
	y.see(a, b, c, quiet)
	for _, l := range []tools.Tool{a, b, c, quiet} {
		if err := y.SetStanding(t.Context(), l.Ref, tools.AnswerAlways); err != nil {
			t.Fatal(err)
		}
	}
	over := func(asks bool, beside ...string) string {
		t.Helper()
		conv := store.Conversation{ID: "c"}
		offered, err := y.Offer(t.Context(), conv, []tools.Tool{a, b, c, quiet})
		if err != nil {
			t.Fatal(err)
		}
		handed, kept := y.HandOver(t.Context(), conv, offered, asks, beside...)
		out := ""
		for _, h := range handed {
			out += h.Tool.Tool + map[bool]string{true: "! ", false: "? "}[h.Always]
		}
		for _, k := range kept {
			out += "here:" + k.Tool + " "
		}
		return strings.TrimSpace(out)
	}
	for _, test := range []struct {
		rules store.Rules
		asks  bool
		want  string
	}{
		{store.Rules{}, true, "a! b! c! quiet!"},
		{store.Rules{AllowedTools: []string{"a"}}, true, "a!"},
		{store.Rules{DisallowedTools: []string{"a"}}, true, "b! c! quiet!"},
		{store.Rules{AllowedParams: map[string][]string{"b": {"x"}}}, true, "a! c! quiet! here:b"},
		{store.Rules{CallsPerDay: 100}, true, "a? b? c? quiet?"},
		{store.Rules{CallsPerDay: 100}, false, "here:a here:b here:c here:quiet"},
	} {
		y.rules("docs", test.rules)
		if got := over(test.asks); got != test.want {
			t.Errorf("%+v: %q, want %q", test.rules, got, test.want)
		}
	}
	y.rules("docs", store.Rules{})
	// What another server, handed over beside it, says could call it unseen.
	if got := over(true, "docs", "news"); got != "a? b? c? quiet!" {
		t.Errorf("beside another: %q", got)
	}
	y.rules("news", store.Rules{Trusted: true})
	if got := over(true, "docs", "news"); got != "a! b! c! quiet!" {
		t.Errorf("beside one that is trusted: %q", got)
	}
	y.NoteContent(t.Context(), chat("c", tool("mail", "x", "1")), "mail")
	if got := over(false); got != "quiet! here:a here:b here:c" {
		t.Errorf("after content: %q", got)
	}
	if y.OnlyHere(a.Ref) != "" {
		t.Error("a is kept for its parameters")
	}
}

// TestManyOrigins has more sessions than are remembered.
func TestManyOrigins(t *testing.T) {
	t.Parallel()
	send := tool("whatsapp", "send", "1")
	y := newYard(t, server("whatsapp", store.Rules{Approvals: store.Approvals{Default: store.ApproveAlways}}))
	y.see(send)
	for i := range 4200 {
		c := store.NewCaller(store.Key{ID: "k"}, nil, nil)
		c.Session = fmt.Sprint(i)
		y.NoteContent(t.Context(), gateway(c, send), "github")
		y.want(gateway(c, send), send, tools.Ask, "github")
	}
}

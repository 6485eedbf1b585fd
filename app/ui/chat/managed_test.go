package chat

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"fyne.io/fyne/v2"

	"github.com/drawbridge-app/drawbridge/app/ui/transcript"
	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// docs is a server that providers connect to themselves.
func docs() bridge.ServerView {
	c := store.ServerConfig{ID: "docs", Name: "Docs", Transport: store.TransportHTTP, URL: "https://docs.example.com/mcp", Managed: true}
	list := []tools.Tool{uitest.Tool("docs", "search", "Finds."), uitest.Tool("docs", "order", "Orders.")}
	return bridge.ServerView{Status: mcphost.Status{Server: c, State: mcphost.Ready, Tools: list}, Hash: c.Hash(), Managed: bridge.ManagedOf(c), Passed: list}
}

func managedEngine(turns ...turn) *engine {
	e := newEngine(turns...)
	e.Keep.Providers = []store.ProviderConfig{{ID: "openai", Name: "OpenAI", Kind: store.ProviderResponses, BaseURL: "https://api.example.com/v1"}}
	e.SetViews(append(slices.Clone(e.Views), docs())...)
	return e
}

// managedTurn is a turn in which the provider lists a server, runs a call and
// asks about another.
func managedTurn(given chan<- tools.Answer) turn {
	return func(ctx context.Context, say func(chat.Event) bool, by chat.Approver) error {
		ref := store.ModelRef{Provider: "openai", Model: "m"}
		m := store.Message{ID: store.NewID(), Role: store.RoleAssistant, Status: store.StatusStreaming, Model: ref}
		say(chat.Started{Message: m})
		say(chat.Delta{MessageID: m.ID, Delta: model.ListingDelta{Server: "docs", Tools: []model.ListedTool{{Name: "search"}, {Name: "order"}}}})
		run := store.ManagedCall{ID: "m1", Server: "docs", Tool: "search", State: store.ManagedRunning}
		say(chat.Delta{MessageID: m.ID, Delta: model.ManagedDelta{Call: run}})
		run.State, run.Arguments, run.Content = store.ManagedDone, json.RawMessage(`{"q":"bridges"}`), store.Parts{store.Text{Text: "three bridges"}}
		say(chat.Delta{MessageID: m.ID, Delta: model.ManagedDelta{Call: run}})
		ask := store.ManagedCall{ID: "q1", Server: "docs", Tool: "order", Arguments: json.RawMessage(`{"n":3}`), State: store.ManagedAsked}
		say(chat.Delta{MessageID: m.ID, Delta: model.TextDelta{Text: "I would order one."}})
		say(chat.Delta{MessageID: m.ID, Delta: model.ManagedDelta{Call: ask}})
		m.Status = store.StatusComplete
		m.Parts = store.Parts{store.ManagedListing{Server: "docs", Tools: []string{"search", "order"}}, run, store.Text{Text: "I would order one."}, ask}
		say(chat.Finished{Message: m})
		a := chat.Approval{MessageID: m.ID, Managed: true, Reason: "It has not been allowed yet.",
			Call: store.ToolCall{ID: "q1", Name: "order", Server: "docs", Tool: "order", Arguments: ask.Arguments}}
		say(chat.CallAsked{Approval: a})
		got, err := by.Approve(ctx, a)
		if err != nil {
			return err
		}
		given <- got
		reply := store.ManagedAnswer{CallID: "q1", Approve: got != tools.AnswerDeny}
		if !reply.Approve {
			reply.Reason = "The person denied it."
		}
		say(chat.CallAnswered{MessageID: m.ID, Answer: reply})
		say(chat.Appended{Message: store.Message{ID: store.NewID(), Role: store.RoleTool, Status: store.StatusComplete, Parts: store.Parts{reply}}})
		return answer("That is all.")(ctx, say, by)
	}
}

func TestManagedCards(t *testing.T) {
	for button, want := range map[string]struct {
		answer tools.Answer
		end    string
	}{"Allow once": {tools.AnswerOnce, "allowed, by OpenAI"}, "Deny": {tools.AnswerDeny, "not allowed, by OpenAI"}} {
		given := make(chan tools.Answer, 1)
		b := newBench(t, managedEngine(managedTurn(given)))
		b.say("go")
		b.sees("May OpenAI run order of Docs?", "as OpenAI says that it would send them")
		b.tapText(button)
		if got := <-given; got != want.answer {
			t.Errorf("%s answers %q", button, got)
		}
		b.sees("That is all.")
		b.settle()
		for pass, shown := range []string{"while it ran", "read anew"} {
			if pass == 1 {
				b.p.view.show(newThread(b.e.said[b.p.current]))
				b.lay()
			}
			text := b.p.view.script.DumpText()
			for _, w := range []string{"Docs · 2 tools", "found by OpenAI", "Docs · search", "done, by OpenAI", "I would order one.", "Docs · order", want.end} {
				if !strings.Contains(text, w) {
					t.Errorf("%s: %q is missing:\n%s", shown, w, text)
				}
			}
			if n := strings.Count(text, "Docs · "); n != 3 {
				t.Errorf("%s: %d cards, want 3:\n%s", shown, n, text)
			}
		}
	}
}

// TestManagedCutOff shows what was left open by a crash as closed.
func TestManagedCutOff(t *testing.T) {
	b := newBench(t, managedEngine())
	b.p.view.show(newThread([]store.Message{{ID: "1", Role: store.RoleAssistant, Status: store.StatusStreaming, Parts: store.Parts{
		store.ManagedCall{ID: "x", Server: "docs", Tool: "search", State: store.ManagedRunning},
		store.ManagedCall{ID: "y", Server: "docs", Tool: "order", State: store.ManagedAsked},
		store.ManagedListing{Server: "docs", Error: "It answers 401."},
	}}}))
	b.p.view.arrange()
	b.p.current = "c"
	b.p.view.arrange()
	b.lay()
	text := b.p.view.script.DumpText()
	if strings.Contains(text, "running") || strings.Contains(text, "waiting") || strings.Count(text, "stopped") != 2 || !strings.Contains(text, "It answers 401.") {
		t.Errorf("the thread shows\n%s", text)
	}
}

// TestManagedFailure offers to run the server here, and tries again.
func TestManagedFailure(t *testing.T) {
	fails := func(_ context.Context, say func(chat.Event) bool, _ chat.Approver) error {
		return &model.Error{Kind: model.ErrorManaged, Server: "docs", Message: "OpenAI could not list the tools of docs: 401."}
	}
	b := newBench(t, managedEngine(fails, answer("It went well.")))
	b.say("go")
	b.sees("could not list the tools of docs")
	b.tapText("Run Docs client-side instead")
	b.sees("It went well.")
	b.settle()
	if !slices.Contains(b.e.Did(), "run docs client-side") {
		t.Errorf("the engine was asked for %q", b.e.Did())
	}
	if got := b.e.texts(); len(got) != 2 || got[1] != "" {
		t.Errorf("sent %q", got)
	}
}

func TestToolsSheetSaysWhatIsHandedOver(t *testing.T) {
	for name, test := range map[string]struct {
		handed bridge.Handed
		want   string
	}{
		"asks":        {bridge.Handed{Server: "docs", Provider: "OpenAI", Asks: true, Tools: []string{"search", "order"}}, "OpenAI connects to it itself, and asks before each call"},
		"rules":       {bridge.Handed{Server: "docs", Provider: "OpenAI", Asks: true, Tools: []string{"search"}, Here: []string{"order"}, Ruled: []string{"order"}}, "1 runs here, since your rules about its parameters are nothing that it keeps: order."},
		"cannot ask":  {bridge.Handed{Server: "docs", Provider: "Anthropic", Tools: []string{"search"}, Here: []string{"order"}}, "cannot see or stop single calls. 1 runs here, and asks: order."},
		"nothing yet": {bridge.Handed{Server: "docs", Provider: "Anthropic", Here: []string{"search", "order"}}, "you always allow none of these tools, so they run here"},
		"held":        {bridge.Handed{Server: "docs", Provider: "OpenAI", Asks: true, Held: true}, "Its tools are not offered"},
	} {
		e := managedEngine()
		e.Handed = []bridge.Handed{test.handed}
		b := newBench(t, e)
		b.p.composer.tools.TypedKey(&fyne.KeyEvent{Name: fyne.KeySpace})
		b.settle()
		if texts := uitest.Texts(b.w); !strings.Contains(texts, test.want) {
			t.Errorf("%s: %q is missing:\n%s", name, test.want, texts)
		}
	}
}

// TestManagedItems checks each state of a call.
func TestManagedItems(t *testing.T) {
	b := newBench(t, managedEngine())
	for state, want := range map[store.ManagedState]transcript.CallState{
		store.ManagedRunning: transcript.CallRunning, store.ManagedAsked: transcript.CallWaiting, store.ManagedDone: transcript.CallDone,
	} {
		e := managedPart("m", "openai", store.ManagedCall{ID: "x", Server: "docs", Tool: "search", State: state}, 0)
		c, ok := b.p.view.item(e).(transcript.Call)
		if !ok || c.State != want || c.By != "OpenAI" || c.Server != "Docs" {
			t.Errorf("%s: %+v", state, c)
		}
	}
}

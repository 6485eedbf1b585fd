package chat

import (
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/store"
)

// A call that is repeated begins its message anew: what was shown of it goes,
// and so does the notice that it would be repeated.
func TestThreadBeginsAMessageAnew(t *testing.T) {
	th := newThread(nil)
	m := store.Message{ID: "m", Role: store.RoleAssistant, Status: store.StatusStreaming}
	grow := func(text string) { th.take(chat.Delta{MessageID: "m", Delta: model.TextDelta{Text: text}}) }
	shown := func() string {
		var texts []string
		for _, e := range th.entries {
			texts = append(texts, e.text)
		}
		return strings.Join(texts, "|")
	}
	th.take(chat.Started{Message: m})
	grow("Lost ")
	grow("text")
	th.take(chat.Retrying{MessageID: "m", Attempt: 2, Of: 4, Wait: time.Second, At: time.Now(), Reason: "It failed."})
	if got := shown(); got != "Lost text|2 of 4 · It failed." || th.waiting() == nil {
		t.Errorf("while it waits %q is shown", got)
	}
	th.take(chat.Started{Message: m})
	grow("Gone")
	th.take(chat.FellBack{MessageID: "m", From: store.ModelRef{Model: "big"}, To: store.ModelRef{Model: "small"}, Reason: "No credit."})
	th.take(chat.Started{Message: m})
	grow("At last.")
	if got, want := shown(), "small answered instead of big: No credit.|At last."; got != want {
		t.Errorf("%q is shown, want %q", got, want)
	}
	m.Status, m.Parts = store.StatusComplete, store.Parts{store.Text{Text: "At last."}}
	th.take(chat.Finished{Message: m})
	if got, want := shown(), "small answered instead of big: No credit.|At last."; got != want {
		t.Errorf("in the end %q is shown, want %q", got, want)
	}
	th.take(chat.Repeating{Pause: chat.Pause{Steps: 3, Repeated: []store.ToolCall{{Name: "fs__echo"}}, Times: 3}})
	if e := th.entries[len(th.entries)-1]; e.kind != kindLimit || e.pause.Repeated[0].Name != "fs__echo" {
		t.Errorf("asked %+v", e)
	}
}

// A summary shows as one folded line in its place, and what it covers stays.
func TestThreadWithSummary(t *testing.T) {
	said := func(id string, role store.Role, part store.Part) store.Message {
		return store.Message{ID: id, Role: role, Status: store.StatusComplete, Parts: store.Parts{part}}
	}
	summary := said("s", store.RoleSummary, store.Summary{Text: "They said hello.", Until: "b"})
	kinds := func(th *thread) []entryKind {
		var out []entryKind
		for _, e := range th.entries {
			out = append(out, e.kind)
		}
		return out
	}
	equal := func(what string, th *thread, want ...entryKind) {
		t.Helper()
		got := kinds(th)
		if len(got) != len(want) {
			t.Fatalf("%s: the thread has %v, want %v", what, got, want)
		}
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("%s: the thread has %v, want %v", what, got, want)
			}
		}
	}
	begin := []store.Message{said("a", store.RoleUser, store.Text{Text: "hello"}), said("b", store.RoleAssistant, store.Text{Text: "hi"})}
	th := newThread(append(begin[:2:2], said("c", store.RoleUser, store.Text{Text: "and"}), summary, said("d", store.RoleAssistant, store.Text{Text: "yes"})))
	equal("kept", th, kindUser, kindAnswer, kindUser, kindSummary, kindAnswer)
	if th.entries[3].text != "They said hello." {
		t.Errorf("it shows %q", th.entries[3].text)
	}
	live := newThread(begin)
	live.take(chat.Summarising{Until: "b"})
	equal("while it is made", live, kindUser, kindAnswer, kindNotice)
	live.take(chat.Appended{Message: summary})
	equal("when it is made", live, kindUser, kindAnswer, kindSummary)
	live = newThread(begin)
	live.take(chat.Summarising{Until: "b"})
	live.take(chat.Unsummarised{Reason: "No key."})
	equal("when it failed", live, kindUser, kindAnswer, kindNotice)
	if got := live.entries[2].text; !strings.Contains(got, "No key. The turn goes on") {
		t.Errorf("it shows %q", got)
	}
	live.take(chat.Unsummarised{Until: "b"})
	equal("when that is too long", live, kindUser, kindAnswer, kindNotice, kindNotice)
	if got := live.entries[3].text; !strings.Contains(got, "does not get the oldest messages") {
		t.Errorf("it shows %q", got)
	}
	live.over()
	equal("afterwards", live, kindUser, kindAnswer, kindNotice, kindNotice)
}

// A turn that ended before the model had answered can be continued, and the remark
// about it goes with the next turn.
func TestThreadOffersToGoOn(t *testing.T) {
	said := func(id string, role store.Role, parts ...store.Part) store.Message {
		return store.Message{ID: id, Role: role, Status: store.StatusComplete, Parts: parts}
	}
	text := store.Text{Text: "hello"}
	call := said("b", store.RoleAssistant, store.ToolCall{ID: "c", Name: "fs__read"})
	result := said("t", store.RoleTool, store.ToolResult{CallID: "c", IsError: true, Content: store.Parts{store.Text{Text: "cut off"}}})
	answer := said("d", store.RoleAssistant, text)
	cut := said("e", store.RoleAssistant, text)
	cut.Status, cut.Error = store.StatusInterrupted, "You stopped this answer."
	for name, c := range map[string]struct {
		messages []store.Message
		want     string
	}{
		"nothing":     {nil, ""},
		"a question":  {[]store.Message{said("a", store.RoleUser, text)}, "Continue"},
		"a call":      {[]store.Message{said("a", store.RoleUser, text), call}, "Continue"},
		"a result":    {[]store.Message{said("a", store.RoleUser, text), call, result}, "Continue"},
		"an answer":   {[]store.Message{said("a", store.RoleUser, text), call, result, answer}, ""},
		"a cut one":   {[]store.Message{said("a", store.RoleUser, text), call, result, cut}, "Retry"},
		"its summary": {[]store.Message{said("a", store.RoleUser, text), answer, said("s", store.RoleSummary, store.Summary{Text: "short", Until: "a"})}, ""},
	} {
		offers := func(th *thread) (labels []string) {
			for _, e := range th.entries {
				switch {
				case e.retry && e.goesOn:
					labels = append(labels, "Continue")
				case e.retry:
					labels = append(labels, "Retry")
				}
			}
			return labels
		}
		th := newThread(c.messages)
		if got := strings.Join(offers(th), ", "); got != c.want {
			t.Errorf("after %s it offers %q, want %q", name, got, c.want)
		}
		th.begin(request{text: "go on"})
		if got := offers(th); got != nil || th.byID[unfinished] != nil {
			t.Errorf("after %s, in the next turn, it offers %q", name, got)
		}
	}
	th := newThread(nil)
	th.take(chat.Appended{Message: said("a", store.RoleUser, text)})
	th.take(chat.Finished{Message: call})
	th.take(chat.Appended{Message: result})
	th.take(chat.TurnDone{Reason: chat.ReasonLimit})
	if e := th.entries[len(th.entries)-1]; !e.retry || !e.goesOn || !strings.Contains(e.text, "step limit") || th.byID[unfinished] != nil {
		t.Errorf("at the step limit the thread ends with %+v", e)
	}
}

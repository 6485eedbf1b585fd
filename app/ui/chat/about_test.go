package chat

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

func (b *bench) conv(id string) store.Conversation {
	b.t.Helper()
	c, err := b.e.Conversation(b.t.Context(), id)
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

func TestSystemPrompt(t *testing.T) {
	b := newBench(t, newEngine())
	// Of a conversation that has not begun.
	b.p.head.title.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	uitest.Shows(t, b.w, "This conversation", "The model reads it before everything else")
	uitest.ShowsNot(t, b.w, "Metadata", "Trace id")
	uitest.Fill(t, b.w, "System prompt", "Answer in rhymes.")
	uitest.Tap(t, b.w, "Save")
	uitest.ShowsNot(t, b.w, "The model reads it")
	b.say("hello")
	b.settle()
	if got := b.conv(b.p.current).System; got != "Answer in rhymes." {
		t.Errorf("the conversation begins with %q", got)
	}
	// Of one that goes on, with a preset.
	b.p.openAbout()
	if uitest.Entry(t, b.w, "System prompt", 0).Text != "Answer in rhymes." {
		t.Error("the prompt is not shown")
	}
	uitest.Fill(t, b.w, "Name of the preset", " Poet ")
	uitest.Tap(t, b.w, "Keep as preset")
	b.settle()
	if got := b.e.Presets(); len(got) != 1 || got[0] != (store.PromptPreset{Name: "Poet", System: "Answer in rhymes."}) {
		t.Errorf("kept %+v", got)
	}
	uitest.Fill(t, b.w, "System prompt", " ")
	if !uitest.Button(t, b.w, "Keep as preset").Disabled() {
		t.Error("nothing can be kept as a preset")
	}
	uitest.Tap(t, b.w, "Save")
	b.settle()
	if got := b.conv(b.p.current).System; got != "" {
		t.Errorf("the prompt is still %q", got)
	}
	b.p.NewChat()
	b.settle()
	b.p.openAbout()
	if got := uitest.Entry(t, b.w, "System prompt", 0).Text; got != "" {
		t.Errorf("the next conversation begins with %q", got)
	}
	b.tapText("Choose a preset")
	b.w.Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeyDown})
	b.w.Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	if got := uitest.Entry(t, b.w, "System prompt", 0).Text; got != "Answer in rhymes." {
		t.Errorf("the preset gave %q", got)
	}
	kept := func(want ...store.PromptPreset) {
		t.Helper()
		b.settle()
		if got := b.e.Presets(); !slices.Equal(got, want) {
			t.Errorf("the presets are %+v, want %+v", got, want)
		}
	}
	poet, other := store.PromptPreset{Name: "Poet", System: "Answer in rhymes."}, store.PromptPreset{Name: "Other", System: "Be brief."}
	if err := b.e.SetPreset(other); err != nil {
		t.Fatal(err)
	}
	uitest.Fill(t, b.w, "System prompt", "Answer in prose.")
	uitest.Tap(t, b.w, "Keep as preset")
	kept(store.PromptPreset{Name: "Poet", System: "Answer in prose."}, other)
	uitest.Shows(t, b.w, "Replaced the preset “Poet”")
	b.tapText("Undo the change")
	kept(poet, other)
	uitest.Tap(t, b.w, "Remove preset")
	kept(other)
	b.tapText("Undo the deletion")
	kept(poet, other) // where it stood
	uitest.Tap(t, b.w, "Remove preset")
	kept(other)
	uitest.Tap(t, b.w, "Cancel")
	uitest.Shows(t, b.w, "Removed the preset “Poet”") // also when the sheet is closed
	b.tapText("Undo the deletion")
	kept(poet, other)
	b.p.openAbout()
	if err := b.e.RemovePreset("Other"); err != nil {
		t.Fatal(err)
	}
	uitest.Fill(t, b.w, "Name of the preset", "Poet")
	uitest.Tap(t, b.w, "Remove preset")
	b.settle()
	if len(b.e.Presets()) != 0 || !uitest.Button(t, b.w, "Remove preset").Disabled() {
		t.Errorf("the presets are %+v", b.e.Presets())
	}
	uitest.Tap(t, b.w, "Cancel")
	if b.p.draft.System != "" {
		t.Error("Cancel kept something")
	}
}

func TestMetadata(t *testing.T) {
	e := furnished()
	e.Keep.Providers[0].Portkey = &store.Portkey{}
	b := newBench(t, e)
	openOld(b)
	b.p.openAbout()
	trace := bridge.TraceID("old")
	uitest.Shows(t, b.w, "Metadata", "OpenAI is told this with each request", trace)
	uitest.Tap(t, b.w, "Copy the trace id")
	if got := b.p.o.Clipboard.Content(); got != trace {
		t.Errorf("copied %q", got)
	}
	if got := uitest.Entry(t, b.w, "Metadata: name", 0).Text; got != "feature" {
		t.Errorf("the first name is %q", got)
	}
	uitest.Fill(t, b.w, "Metadata: value", strings.Repeat("x", 129))
	uitest.Tap(t, b.w, "Save")
	b.settle()
	uitest.Shows(t, b.w, "is longer than 128 characters")
	uitest.Fill(t, b.w, "Metadata: value", "search")
	uitest.Fill(t, b.w, "Metadata: name", "team")
	uitest.Tap(t, b.w, "Save")
	uitest.Shows(t, b.w, "The name “team” is there twice.")
	uitest.Fill(t, b.w, "Metadata: name", "user")
	uitest.Tap(t, b.w, "Save")
	b.settle()
	uitest.ShowsNot(t, b.w, "Trace id")
	if got := b.conv("old").Metadata; !maps.Equal(got, map[string]string{"user": "search", "team": "sailing"}) {
		t.Errorf("the conversation has %v", got)
	}
}

func TestToolOffer(t *testing.T) {
	e := furnished()
	b := newBench(t, e)
	b.p.chooseTools()
	b.settle()
	uitest.Shows(t, b.w, "4 of 4 · 830 tokens", "5 of 5 · 3.2k tokens", "Each request takes about 4.1k tokens of the model's 200k for 9 tools",
		"takes at most 128", "tree is left out. Its arguments are no object")
	offer := func(o chat.ToolOffer) {
		e.mu.Lock()
		e.offer = o
		e.mu.Unlock()
		test.Tap(b.sw("Use files"))
		b.settle()
	}
	offer(chat.ToolOffer{Count: 140, Most: 128, Search: true, Sent: 420, Tokens: map[string]int{"workbench": 45_000}})
	uitest.Shows(t, b.w, "These are too many", "takes at most 128 tools, and 140 run here", "the model searches them", "about 420 tokens", "4 of 4 · 45k tokens")
	uitest.ShowsNot(t, b.w, "tree is left out")
	if got := b.p.composer.tools.text; got != "4 of 9 tools, by search, 420 tokens" {
		t.Errorf("the button says %q", got)
	}
	offer(chat.ToolOffer{Count: 40, Search: true, Sent: 420, Context: 128_000, Tokens: map[string]int{"workbench": 45_000}})
	uitest.Shows(t, b.w, "These would take about 45k tokens of the model's 128k. So the model searches them")
	offer(chat.ToolOffer{Count: 2, Tokens: map[string]int{"workbench": 300},
		LeftOut:  []tools.LeftOut{{Ref: e.Views[0].Passed[0].Ref, Reason: "Its arguments are no object."}},
		Withheld: []tools.Ref{e.Views[0].Passed[1].Ref}})
	if got := b.p.composer.tools.text; got != "2 of 9 tools, 300 tokens" {
		t.Errorf("the button says %q", got)
	}
	uitest.Shows(t, b.w, "2 of 9 tools are offered to the model")
	test.Tap(b.sw("Use files"))
	b.settle()
	offer(chat.ToolOffer{Count: 40, Most: 1, Fault: "The model takes at most 1 tool. Switch tools off."})
	uitest.Shows(t, b.w, "The model takes at most 1 tool. Switch tools off.")
	if got := b.p.composer.tools.text; got != "4 of 9 tools, too many" {
		t.Errorf("the button says %q", got)
	}
}

func TestNumbers(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1k", 1234: "1.2k", 9_949: "9.9k", 9_960: "10k", 18_200: "18k", 200_000: "200k", 999_600: "1M", 1_050_000: "1.1M", 2_000_000: "2M"} {
		if got := tokenText(n); got != want {
			t.Errorf("%d tokens are %q, not %q", n, got, want)
		}
	}
	for usd, want := range map[float64]string{0: "", 0.00001: "under $0.0001", 0.0043: "$0.0043", 0.002: "$0.002", 0.043: "$0.04", 1.5: "$1.50", 250: "$250"} {
		if got := costText(usd); got != want {
			t.Errorf("%v is %q, not %q", usd, got, want)
		}
	}
	known := chat.Cost{USD: 0.5, Known: true}
	for use, want := range map[chat.ContextUse]string{
		{Tokens: 18_200, Limit: 200_000, Cost: known}:            "18k of 200k tokens · $0.50",
		{Tokens: 18_200, Cost: known}:                            "18k tokens · $0.50",
		{Tokens: 18_200, Limit: 8192, Cost: chat.Cost{USD: 0.5}}: "18k of 8.2k tokens",
		{Tokens: 20, Limit: 8192, Cost: chat.Cost{Known: true}}:  "20 of 8.2k tokens",
	} {
		if got := useText(use); got != want {
			t.Errorf("%+v is %q, not %q", use, got, want)
		}
	}
}

// TestToolNames shows calls as people know the tools.
func TestToolNames(t *testing.T) {
	b := newBench(t, furnished())
	for _, c := range []struct {
		call store.ToolCall
		want string
	}{
		{store.ToolCall{Name: "call_tool", Server: "files", Tool: "write_file"}, "files·write_file"},
		{store.ToolCall{Name: "files__write_file"}, "files·write_file"},
		{store.ToolCall{Name: "no__such", Tool: "no__such"}, "·no__such"},
		{store.ToolCall{Name: "find_tools", Tool: "find_tools", Arguments: []byte(`{"query":"` + strings.Repeat("q", 200) + `"}`)}, "·Find tools: “" + strings.Repeat("q", 79) + "…”"},
		{store.ToolCall{Name: "find_tools"}, "·Find tools"},
		{store.ToolCall{Name: "call_tool", Arguments: []byte(`{"name":"gone__tool","arguments":{}}`)}, "·Call gone__tool"},
		{store.ToolCall{Name: "call_tool", Arguments: []byte(`"broken`)}, "·Call a tool"},
		{store.ToolCall{Name: "read_result", Tool: "read_result"}, "·Read on in a long result"},
	} {
		server, tool := b.p.view.toolName(c.call)
		if got := server + "·" + tool; got != c.want {
			t.Errorf("%+v is shown as %q, not %q", c.call, got, c.want)
		}
	}
}

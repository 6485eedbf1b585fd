package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/store"
)

// titled is a model that answers with a number, and gives titles: it says that
// it used a hundred tokens for each.
func titled(t *testing.T, title func(http.ResponseWriter, *http.Request)) (*service, *atomic.Int32) {
	var titles, answers atomic.Int32
	s := newService(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		if strings.Contains(string(body), "You give conversations their titles") {
			titles.Add(1)
			title(w, r)
			return
		}
		reply{deltas: []string{fmt.Sprintf("Answer %d.", answers.Add(1))}}.send(w, r)
	})
	return s, &titles
}

// sayTitle answers with a title and its usage.
func sayTitle(title string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		text, err := json.Marshal(title)
		if err != nil {
			panic(err)
		}
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprintf(w, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":%s},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":90,\"completion_tokens\":10}}\n\ndata: [DONE]\n\n", text)
	}
}

// service sets a model up and returns a new conversation with it.
func converse(t *testing.T, b *bridge.Bridge, id, url string) store.Conversation {
	t.Helper()
	provideAt(t, b, store.ProviderConfig{ID: id, BaseURL: url + "/v1"})
	conv, err := b.NewConversation(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := b.SetConversationModel(t.Context(), conv.ID, store.ModelRef{Provider: id, Model: "m"}); err != nil {
		t.Fatal(err)
	}
	return conv
}

func provideAt(t *testing.T, b *bridge.Bridge, p store.ProviderConfig) {
	t.Helper()
	p.Kind, p.Model, p.NoKey = store.ProviderChat, "m", true
	if err := b.SetProvider(t.Context(), p, nil); err != nil {
		t.Fatal(err)
	}
}

// tell runs a turn to its end and waits for the title.
func tell(t *testing.T, b *bridge.Bridge, conv, text string) []chat.Event {
	t.Helper()
	var events []chat.Event
	for e, err := range b.Send(t.Context(), conv, text, nil) {
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	b.AwaitTitle(t.Context(), conv)
	return events
}

func conversation(t *testing.T, b *bridge.Bridge, id string) store.Conversation {
	t.Helper()
	conv, err := b.Conversation(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return conv
}

func TestTitles(t *testing.T) {
	for name, test := range map[string]struct {
		title func(http.ResponseWriter, *http.Request)
		want  string
		used  bool
	}{
		"given":       {sayTitle("Colours of fish"), "Colours of fish", true},
		"dressed up":  {sayTitle("\n# Title: **\"Colours of fish\"**.\nIt is a good one."), "Colours of fish", true},
		"hidden":      {sayTitle("Colours\u202e of\u0007 fish"), "Colours of fish", true},
		"long":        {sayTitle(strings.Repeat("long ", 30)), strings.TrimSpace(strings.Repeat("long ", 11)) + " long…", true},
		"empty":       {sayTitle(" \n"), "What colours have fish?", true},
		"much longer": {sayTitle(strings.Repeat("long ", 1000)), "What colours have fish?", false},
		"refused":     {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, "What colours have fish?", false},
	} {
		t.Run(name, func(t *testing.T) {
			b := openBridge(t)
			s, titles := titled(t, test.title)
			conv := converse(t, b, "afar", s.URL)
			tell(t, b, conv.ID, "What colours have fish?\nAll of them.")
			got := conversation(t, b, conv.ID)
			if got.Title != test.want || got.Named || titles.Load() != 1 {
				t.Errorf("the title is %q after %d calls, want %q", got.Title, titles.Load(), test.want)
			}
			want := []store.Used{{Model: store.ModelRef{Provider: "afar", Model: "m"}, Usage: store.Usage{Input: 90, Output: 10}}}
			if test.used != slices.Equal(got.Aside, want) {
				t.Errorf("used beside the messages: %+v", got.Aside)
			}
			tell(t, b, conv.ID, "And birds?")
			if n := titles.Load(); n != 1 {
				t.Errorf("the model was asked for %d titles", n)
			}
			if messages, err := b.Messages(t.Context(), conv.ID); err != nil || len(messages) != 4 {
				t.Errorf("%d messages, %v", len(messages), err)
			}
		})
	}
}

// The reader has TurnDone while the title is still being made; a name that the
// person gives meanwhile stays.
func TestATitleWaitsForNobody(t *testing.T) {
	b := openBridge(t)
	asked, release := make(chan struct{}), make(chan struct{})
	s, _ := titled(t, func(w http.ResponseWriter, r *http.Request) {
		close(asked)
		select {
		case <-release:
		case <-r.Context().Done():
		}
		sayTitle("Too late")(w, r)
	})
	conv := converse(t, b, "afar", s.URL)
	done := false
	for e, err := range b.Send(t.Context(), conv.ID, "What colours have fish?", nil) {
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := e.(chat.TurnDone); ok {
			done = true
		}
	}
	if !done {
		t.Error("the turn has no end")
	}
	select {
	case <-asked:
	case <-time.After(time.Minute):
		t.Fatal("no title was asked for")
	}
	if got := conversation(t, b, conv.ID); got.Title != "What colours have fish?" {
		t.Errorf("meanwhile the title is %q", got.Title)
	}
	if err := b.RenameConversation(t.Context(), conv.ID, "Mine"); err != nil {
		t.Fatal(err)
	}
	close(release)
	b.AwaitTitle(t.Context(), conv.ID)
	if got := conversation(t, b, conv.ID); got.Title != "Mine" || !got.Named || len(got.Aside) != 1 {
		t.Errorf("%+v", got)
	}
}

func TestTitlesAreTold(t *testing.T) {
	b := openBridge(t)
	s, _ := titled(t, sayTitle("Colours of fish"))
	conv := converse(t, b, "afar", s.URL)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	told := make(chan string, 1)
	watching := b.WatchTitles(ctx)
	go func() {
		for range watching {
			got, err := b.Conversation(ctx, conv.ID)
			told <- fmt.Sprint(got.Title, err)
			return
		}
		told <- "nothing"
	}()
	tell(t, b, conv.ID, "What colours have fish?")
	if got := <-told; got != "Colours of fish<nil>" {
		t.Errorf("told %q", got)
	}
}

// Entries name the next one; a circle ends, and what cannot be used ends the
// list.
func TestFallbacksFollowEachOther(t *testing.T) {
	b := openBridge(t)
	broken := newService(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) })
	good, _ := titled(t, sayTitle("Colours of fish"))
	provideAt(t, b, store.ProviderConfig{ID: "second", BaseURL: broken.URL, Fallback: store.ModelRef{Provider: "third"}})
	provideAt(t, b, store.ProviderConfig{ID: "third", BaseURL: good.URL + "/v1", Fallback: store.ModelRef{Provider: "first", Model: "m"}})
	conv := converse(t, b, "first", broken.URL)
	provideAt(t, b, store.ProviderConfig{ID: "first", BaseURL: broken.URL, Fallback: store.ModelRef{Provider: "second", Model: "big"}})
	var went []string
	for _, e := range tell(t, b, conv.ID, "What colours have fish?") {
		if e, ok := e.(chat.FellBack); ok {
			went = append(went, e.From.Provider+"/"+e.From.Model+" "+e.To.Provider+"/"+e.To.Model)
		}
	}
	if want := []string{"first/m second/big", "second/big third/m"}; !slices.Equal(went, want) {
		t.Errorf("%q, want %q", went, want)
	}
	messages, err := b.Messages(t.Context(), conv.ID)
	if err != nil || len(messages) != 2 || messages[1].Model.Provider != "third" || messages[1].Text() != "Answer 1." {
		t.Errorf("%+v, %v", messages, err)
	}
	got := conversation(t, b, conv.ID)
	if got.Model.Provider != "first" || got.Title != "Colours of fish" || len(got.Aside) != 1 || got.Aside[0].Model.Provider != "third" {
		t.Errorf("%+v", got)
	}

	// All fail: the circle is gone round once.
	provideAt(t, b, store.ProviderConfig{ID: "third", BaseURL: broken.URL, Fallback: store.ModelRef{Provider: "first", Model: "m"}})
	n := len(broken.all())
	var failed error
	for _, err := range b.Send(t.Context(), conv.ID, "And birds?", nil) {
		failed = err
	}
	if asked := len(broken.all()) - n; failed == nil || asked != 3 {
		t.Errorf("ended with %v after %d calls", failed, asked)
	}
	provideAt(t, b, store.ProviderConfig{ID: "first", BaseURL: good.URL + "/v1", Fallback: store.ModelRef{Provider: "gone"}})
	tell(t, b, conv.ID, "") // one that is missing stops nothing that works
}

// What is running is left alone, and so is what is not there.
func TestBranchesOfARunningConversation(t *testing.T) {
	b := openBridge(t)
	conv, err := b.NewConversation(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tell(t, b, conv.ID, "hello")
	messages, err := b.Messages(t.Context(), conv.ID)
	if err != nil {
		t.Fatal(err)
	}
	first := messages[0].ID
	tries := map[string]func() error{
		"head":   func() error { _, err := b.SetHead(t.Context(), conv.ID, first); return err },
		"switch": func() error { _, err := b.SwitchBranch(t.Context(), conv.ID, first); return err },
		"fork":   func() error { _, err := b.Fork(t.Context(), conv.ID, first); return err },
		"edit":   func() error { return last(b.Edit(t.Context(), conv.ID, first, "x", nil)) },
		"again":  func() error { return last(b.Regenerate(t.Context(), conv.ID, messages[1].ID, nil)) },
	}
	tested := false
	for _, err := range b.Send(t.Context(), conv.ID, "and now", nil) {
		if err != nil {
			t.Fatal(err)
		}
		if tested {
			continue
		}
		tested = true
		for name, try := range tries {
			if err := try(); !errors.Is(err, chat.ErrBusy) {
				t.Errorf("%s while a turn runs: %v", name, err)
			}
		}
	}
	if err := last(b.Edit(t.Context(), conv.ID, messages[1].ID, "x", nil)); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("an answer was edited: %v", err)
	}
	if err := last(b.Regenerate(t.Context(), conv.ID, first, nil)); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("a person's message was made again: %v", err)
	}
	if err := last(b.Edit(t.Context(), conv.ID, first, " ", nil)); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("an empty message was sent: %v", err)
	}
	if list, err := b.Conversations(t.Context()); err != nil || len(list) != 1 {
		t.Errorf("%d conversations, %v", len(list), err)
	}
	for name, try := range tries {
		if err := try(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// last ranges over a turn and returns its error.
func last(turn func(func(chat.Event, error) bool)) (err error) {
	for _, err = range turn {
	}
	return err
}

func TestMetadataAndPromptsAreChecked(t *testing.T) {
	b := openBridge(t)
	conv, err := b.NewConversation(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	many := map[string]string{}
	for i := range 100 {
		many[fmt.Sprint(i)] = ""
	}
	for _, bad := range []map[string]string{{"": "x"}, {"x": "\xff"}, {"x": strings.Repeat("x", 2000)}, many} {
		if err := b.SetMetadata(t.Context(), conv.ID, bad); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("metadata %.40v: %v", bad, err)
		}
	}
	for _, bad := range []string{"\xff", strings.Repeat("x", 1<<20)} {
		if err := b.SetSystem(t.Context(), conv.ID, bad); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("a system prompt of %d bytes: %v", len(bad), err)
		}
		if err := b.SetPreset(store.PromptPreset{Name: "x", System: bad}); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("a preset of %d bytes: %v", len(bad), err)
		}
	}
	for _, bad := range []string{"", " ", "two\nlines", strings.Repeat("x", 101)} {
		if err := b.SetPreset(store.PromptPreset{Name: bad, System: "x"}); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("the preset %q: %v", bad, err)
		}
	}
	if len(b.Presets()) != 0 {
		t.Errorf("kept %v", b.Presets())
	}
	for _, text := range []string{"one", "two"} {
		if err := b.SetPreset(store.PromptPreset{Name: " brief ", System: text}); err != nil {
			t.Fatal(err)
		}
	}
	if got := b.Presets(); len(got) != 1 || got[0] != (store.PromptPreset{Name: "brief", System: "two"}) {
		t.Errorf("kept %v", got)
	}
}

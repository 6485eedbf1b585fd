package main

import (
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/store"
)

// TestAnswersAreNotDoubled prints answers that begin anew: a terminal says so, and
// a file has only what stayed.
func TestAnswersAreNotDoubled(t *testing.T) {
	t.Parallel()
	whole := store.Message{ID: "m", Status: store.StatusComplete}
	aside := store.Message{ID: "m", Status: store.StatusInterrupted, Error: "Another answer took the place of this one."}
	failed := store.Message{ID: "m", Status: store.StatusInterrupted, Error: "It broke off."}
	text := func(s string) chat.Event { return chat.Delta{MessageID: "m", Delta: model.TextDelta{Text: s}} }
	started, again := chat.Started{}, chat.Retrying{Attempt: 2, Of: 4, Wait: time.Second, Reason: "It broke off."}
	const anew = "; the answer above broke off and begins anew"
	for name, c := range map[string]struct {
		events               []chat.Event
		file, terminal, says string
	}{
		"at once":      {[]chat.Event{started, text("a"), text("b"), chat.Finished{Message: whole}}, "ab\n", "ab\n", ""},
		"repeated":     {[]chat.Event{started, text("a"), again, started, text("ab"), chat.Finished{Message: whole}}, "ab\n", "a\nab\n", "(2 of 4)" + anew},
		"nothing said": {[]chat.Event{started, again, started, text("ab"), chat.Finished{Message: whole}}, "ab\n", "ab\n", "(2 of 4)\n"},
		"by another": {[]chat.Event{started, text("a"), chat.FellBack{To: store.ModelRef{Provider: "q", Model: "n"}, Reason: "Down."}, chat.Finished{Message: aside}, started, text("b"), chat.Finished{Message: whole}},
			"b\n", "a\nb\n", "q/n answers instead" + anew},
		"after a summary": {[]chat.Event{started, text("a"), chat.Summarising{}, started, text("b"), chat.Finished{Message: whole}}, "b\n", "a\nb\n", "summarised" + anew},
		"failed":          {[]chat.Event{started, text("a"), again, started, text("b"), chat.Finished{Message: failed}}, "b\n", "a\nb\n", "drawbridge: It broke off.\n"},
		"two steps":       {[]chat.Event{started, text("a"), chat.Finished{Message: whole}, started, again, started, text("b"), chat.Finished{Message: whole}}, "a\nb\n", "a\nb\n", "(2 of 4)\n"},
	} {
		for out, want := range map[bool]string{true: c.file, false: c.terminal} {
			var stdout, stderr strings.Builder
			p := &textPrinter{out: &stdout, err: &stderr, hold: out, names: map[string]string{}}
			for _, e := range c.events {
				p.print(e)
			}
			p.end()
			if stdout.String() != want {
				t.Errorf("%s: printed %q, want %q", name, stdout.String(), want)
			}
			if says := stderr.String(); !out && !strings.Contains(says, c.says) || out && strings.Contains(says, anew) {
				t.Errorf("%s: said %q, want %q", name, says, c.says)
			}
		}
	}
}

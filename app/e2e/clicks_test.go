//go:build linux && e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/drawbridge-app/drawbridge/app/e2e/desk"
	"github.com/drawbridge-app/drawbridge/app/e2e/driver"
	"github.com/drawbridge-app/drawbridge/app/e2e/standin"
)

// mostClicks is how many clicks it may take from the thread to each of what
// people look for.
const mostClicks = 2

// TestTwoClicks does what people look for first as the README says it, counts the
// clicks, and looks at what came of it. Each path begins in a conversation.
func TestTwoClicks(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	k := newTold(t)
	k.begin()
	k.talk("Where was the old treasure?", "Below the third oak.")
	k.must(k.app.Press(k.ctx, "ctrl+n"))
	k.talk("Good morning.", "Good morning to you.")
	done := 0
	// path does what a row of the README says.
	path := func(row string, do func()) {
		t.Helper()
		done++
		if !strings.Contains(string(readme), "\n| "+row+" |") {
			t.Errorf("the README has no row %q", row)
		}
		before := k.app.Clicks()
		do()
		if n := k.app.Clicks() - before; n == 0 || n > mostClicks {
			t.Errorf("%q took %d clicks", row, n)
		}
	}

	path("add a server | Servers › Add server", func() {
		k.page("Servers")
		k.click(driver.Text("Add server").Kind("Action").First())
		k.see(driver.Text("Name").Kind("Entry").Where("with the keys", func(n driver.Node) bool { return n.Focused }))
		k.picture("add-a-server")
	})
	k.must(k.app.Press(k.ctx, "Escape"))
	k.gone(driver.Text("Add by Paste"))
	k.page("Chat")

	path("toggle a tool | “5 of 34 tools” below the message › its switch", func() {
		k.click(driver.Like(`^\d+ of \d+ tools`))
		k.must(k.app.ScrollTo(k.ctx, driver.Text("Use journal note").Kind("Switch"), true))
		k.click(driver.Text("Use journal note").Kind("Switch"))
		k.see(driver.Text("Use journal note").Kind("Switch").Where("off", func(n driver.Node) bool { return !n.Checked }))
		k.picture("toggle-a-tool")
	})
	k.must(k.app.Press(k.ctx, "Escape"))
	k.gone(driver.Text("Use journal note"))
	k.say("May you write?")
	q := k.asks()
	if q.Offers("journal__note") || !q.Offers("journal__hold") {
		t.Errorf("after note was switched off, the model is offered %v", q.Tools)
	}
	k.calls(q, "call_1", "hold", "it")

	path("approve a call | Allow once, or another button of its card", func() {
		k.picture("approve")
		k.click(driver.Text("Allow once"))
		k.wrote("begin:it")
	})
	k.must(os.WriteFile(k.file+gate, nil, 0o600))
	q = k.asks()
	k.must(q.Say("I was holding it, and now I go on and on"))
	k.see(driver.Contains("and now I go on and on"))

	path("stop an answer | the stop button below the message", func() {
		k.click(driver.Text("Stop").Kind("IconButton"))
		k.see(driver.Contains("You stopped this answer."))
		k.idle()
		k.picture("stop")
	})
	select {
	case <-q.Gone():
	case <-k.ctx.Done():
		t.Fatal("the request of an answer that was stopped goes on")
	}

	path("switch the model | its name below the message › another", func() {
		k.click(driver.Contains(standin.TellerLarge).Kind("chip"))
		k.picture("switch-the-model")
		k.click(driver.Text(standin.TellerSmall).Kind("row"))
		k.see(driver.Contains(standin.TellerSmall).Kind("chip"))
	})
	k.say("Who are you?")
	q = k.asks()
	if q.Model != standin.TellerSmall {
		t.Errorf("after the model was switched, %s is asked", q.Model)
	}
	k.answer(q, "The small one.")
	k.see(driver.Contains("The small one."))
	k.idle()

	path("find an old chat | Search above the list, type › the passage", func() {
		k.click(driver.Text("Search all conversations").Kind("Entry"))
		k.must(k.app.Type(k.ctx, "third oak"))
		k.see(driver.Text("Messages").Kind("row"))
		k.picture("find-an-old-chat")
		k.click(driver.Contains("Below the third oak.").Kind("row"))
		k.see(driver.Text("Conversation").Kind("View").Where("of the old chat", func(n driver.Node) bool {
			return strings.Contains(n.Text, "Where was the old treasure?")
		}))
	})

	table := string(readme)
	_, table, _ = strings.Cut(table, "### Within two clicks")
	table, _, _ = strings.Cut(table, "\n#")
	if rows := strings.Count(table, "\n| ") - 1; rows != done {
		t.Errorf("the README has %d paths, and %d were gone", rows, done)
	}
	k.quit()
}

// TestKeysInstead does the same by the keys that stand beside the clicks.
func TestKeysInstead(t *testing.T) {
	k := newTold(t)
	k.begin()
	k.talk("Where was the old treasure?", "Below the third oak.")
	k.must(k.app.Press(k.ctx, "ctrl+n"))
	clicks := k.app.Clicks()

	k.types("Good morning.")
	q := k.asks()
	k.must(q.Say("Good morning, and"))
	k.see(driver.Contains("Good morning, and"))
	k.must(k.app.Press(k.ctx, "Escape"))
	k.see(driver.Contains("You stopped this answer."))
	k.idle()

	k.must(k.app.Press(k.ctx, "ctrl+m"))
	k.focused("Search models")
	k.must(k.app.Type(k.ctx, "small"))
	k.see(driver.Text(standin.TellerSmall).Kind("row"))
	k.must(k.app.Press(k.ctx, "Return"))
	k.see(driver.Contains(standin.TellerSmall).Kind("chip"))

	k.must(k.app.Press(k.ctx, "ctrl+t"))
	k.focused("Search tools")
	k.must(k.app.Type(k.ctx, "note"))
	k.gone(driver.Text("Use journal hold"))
	k.see(driver.Text("Use journal note").Kind("Switch"))
	k.reach(driver.Text("Use journal note").Kind("Switch"))
	k.must(k.app.Press(k.ctx, "space"))
	k.see(driver.Text("Use journal note").Kind("Switch").Where("off", func(n driver.Node) bool { return !n.Checked }))
	k.must(k.app.Press(k.ctx, "Escape"))
	k.gone(driver.Text("Use journal note"))
	k.types("And now?")
	q = k.asks()
	if q.Model != standin.TellerSmall || q.Offers("journal__note") {
		t.Errorf("%s is asked, with %v", q.Model, q.Tools)
	}
	k.answer(q, "It is off.")
	k.see(driver.Contains("It is off."))
	k.idle()

	k.must(k.app.Press(k.ctx, "ctrl+k"))
	k.focused("Find a command")
	k.must(k.app.Type(k.ctx, "old treasure"))
	k.see(driver.Contains("Where was the old treasure?").Kind("row").Where("in the palette", func(n driver.Node) bool { return n.Layer > 0 }))
	k.must(k.app.Press(k.ctx, "Return"))
	k.see(driver.Contains("Below the third oak."))

	k.must(k.app.Press(k.ctx, "ctrl+k"))
	k.focused("Find a command")
	k.must(k.app.Type(k.ctx, "add a server"))
	k.see(driver.Text("Add a server").Kind("row"))
	k.must(k.app.Press(k.ctx, "Return"))
	k.see(driver.Text("Add by Paste"))
	k.focused("Name")
	if n := k.app.Clicks() - clicks; n != 0 {
		t.Errorf("it took %d clicks, and was to take none", n)
	}
	k.quit()
}

// mostTabs bounds how often Tab is pressed to get to something.
const mostTabs = 40

// reach presses Tab until something has the keys.
func (s *stage) reach(m driver.Match) {
	s.t.Helper()
	has := func() (at string, found bool) {
		dump, err := s.app.Dump(s.ctx)
		s.must(err)
		for _, w := range dump.Windows {
			for _, n := range w.Nodes {
				if n.Focused {
					at = n.Path
				}
			}
		}
		return at, len(dump.Find(m.Where("with the keys", func(n driver.Node) bool { return n.Focused }))) > 0
	}
	for range mostTabs {
		at, found := has()
		if found {
			return
		}
		s.must(s.app.Press(s.ctx, "Tab"))
		s.must(desk.Until(s.ctx, stepLimit, "the keys to go on", func(context.Context) error {
			if now, _ := has(); now == at {
				return fmt.Errorf("they are at %s", at)
			}
			return nil
		}))
	}
	s.t.Fatalf("%v does not have the keys after %d times Tab", m, mostTabs)
}

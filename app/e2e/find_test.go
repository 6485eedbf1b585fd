//go:build linux && e2e

package e2e

import (
	"strings"
	"testing"

	"github.com/drawbridge-app/drawbridge/app/e2e/driver"
)

// TestFindAgain finds what was said: over all conversations as one types, in one
// conversation, and by the command palette. Then it branches off into a
// conversation of its own.
func TestFindAgain(t *testing.T) {
	k := newTold(t)
	k.begin()
	long := strings.Repeat("This is the harbour's log, and nothing happened on that day.\n\n", 40)
	k.talk("Read me the log of the harbour.", long+"On the last day the *Clementine* ran aground.\n\n"+long)
	k.must(k.app.Press(k.ctx, "ctrl+n"))
	k.talk("Which fruit is in season?", "Quinces are, and medlars.")
	k.must(k.app.Press(k.ctx, "ctrl+n"))
	k.talk("How deep is the channel?", "Eleven fathoms at low water.")

	// Over all conversations: the passage leads to its place.
	k.must(k.app.Press(k.ctx, "ctrl+shift+f"))
	k.focused("Search all conversations")
	k.must(k.app.Type(k.ctx, "clement"))
	k.see(driver.Text("Messages").Kind("row"))
	k.picture("search")
	k.click(driver.Contains("Clementine").Kind("row"))
	k.see(driver.Text("Conversation").Kind("View").Where("at the passage", func(n driver.Node) bool { return strings.Contains(n.Text, "Clementine") }))
	k.gone(driver.Contains("Eleven fathoms"))
	k.picture("passage")

	// What is nowhere is not found, and Escape brings the conversations back.
	k.must(k.app.Fill(k.ctx, driver.Text("Search all conversations").Kind("Entry"), "zeppelin"))
	k.see(driver.Contains("Nothing is found."))
	k.must(k.app.Press(k.ctx, "Escape"))
	k.see(driver.Text("Which fruit is in season?").Kind("row"))

	// By the palette, in a few letters.
	k.must(k.app.Press(k.ctx, "ctrl+k"))
	k.focused("Find a command")
	k.must(k.app.Type(k.ctx, "fruit seas"))
	k.see(driver.Contains("Which fruit is in season?").Kind("row").Where("in the palette", func(n driver.Node) bool { return n.Layer > 0 }))
	k.picture("palette")
	k.must(k.app.Press(k.ctx, "Return"))
	k.see(driver.Contains("Quinces are, and medlars."))

	// In a conversation.
	k.click(driver.Text("Read me the log of the harbour.").Kind("row"))
	k.see(driver.Contains("nothing happened on that day"))
	k.must(k.app.Press(k.ctx, "ctrl+f"))
	k.focused("Find in the conversation")
	k.must(k.app.Type(k.ctx, "ran aground"))
	k.see(driver.Contains("1 of 1"))
	k.see(driver.Text("Conversation").Kind("View").Where("at the words", func(n driver.Node) bool { return strings.Contains(n.Text, "ran aground") }))
	k.picture("find")
	k.must(k.app.Press(k.ctx, "Escape"))
	k.gone(driver.Contains("1 of 1"))

	// A branch of its own: everything up to there goes along, and the first
	// conversation stays as it is.
	k.click(driver.Text("Which fruit is in season?").Kind("row"))
	k.see(driver.Contains("Quinces are, and medlars."))
	k.talk("And nuts?", "Walnuts.")
	k.click(driver.Text("Branch into a new conversation").Where("below an answer, at the left", func(n driver.Node) bool { return n.X < 600 }).First())
	k.gone(driver.Contains("Walnuts."))
	k.talk("And berries?", "Sloes.")
	if got := k.script(); !strings.Contains(got, "Which fruit is in season?") || strings.Contains(got, "And nuts?") {
		t.Errorf("the branch shows\n%s", got)
	}
	k.picture("branched")
	titles := map[string]int{}
	for _, c := range k.conversations(k.home) {
		titles[c.Title]++
	}
	if len(titles) < 3 || len(k.conversations(k.home)) != 4 {
		t.Errorf("there are the conversations %v", titles)
	}
	k.quit()
}

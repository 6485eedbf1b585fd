//go:build linux && e2e

package e2e

import (
	"strings"
	"testing"

	"github.com/drawbridge-app/drawbridge/app/e2e/driver"
)

// TestApproveByKeys writes messages and answers the questions of calls without
// the mouse: once, no, for this conversation, and always. The journal of the
// server says what ran.
func TestApproveByKeys(t *testing.T) {
	k := newTold(t)
	k.begin()
	clicks := k.app.Clicks()
	// ask has the model call the tool.
	ask := func(id, text string) {
		t.Helper()
		k.types("Please note " + text + ".")
		k.calls(k.asks(), id, "note", text)
	}
	// answer presses the key of a button, from where one writes.
	answer := func(key string) {
		t.Helper()
		k.see(driver.Text("Allow once"))
		k.must(k.app.Press(k.ctx, "shift+Tab"))
		k.must(k.app.Press(k.ctx, key))
		k.gone(driver.Text("Allow once"))
	}
	// tells ends the turn.
	tells := func(text string) {
		t.Helper()
		k.answer(k.asks(), text)
		k.see(driver.Contains(text))
		k.idle()
	}

	ask("call_1", "one")
	k.see(driver.Contains(`"text": "one"`))
	k.picture("question")
	answer("1") // once
	k.wrote("note:one")
	q := k.asks()
	if got := k.result(q, "call_1"); !strings.Contains(got, "It is written: one") {
		t.Errorf("the model is told %q", got)
	}
	k.answer(q, "One is written.")
	k.see(driver.Contains("One is written."))
	k.see(driver.Like(`^Open journal · note · `))
	k.idle()

	ask("call_2", "two") // once was once
	answer("4")          // no
	q = k.asks()
	if got := k.result(q, "call_2"); !strings.Contains(got, "denied") {
		t.Errorf("of a call that was denied, the model is told %q", got)
	}
	k.answer(q, "Two is not written.")
	k.see(driver.Contains("Two is not written."))
	k.see(driver.Text("denied").Kind("Text"))
	k.idle()
	k.wrote("note:one")

	ask("call_3", "three")
	answer("2") // for this conversation
	tells("Three is written.")
	ask("call_4", "four") // nobody is asked
	tells("Four is written.")
	k.wrote("note:one", "note:three", "note:four")
	k.picture("one-conversation")

	// Another conversation asks again, until it is always.
	k.must(k.app.Press(k.ctx, "ctrl+n"))
	k.gone(driver.Contains("Four is written."))
	ask("call_5", "five")
	answer("3")
	tells("Five is written.")
	k.must(k.app.Press(k.ctx, "ctrl+n"))
	k.gone(driver.Contains("Five is written."))
	ask("call_6", "six")
	tells("Six is written.")
	k.wrote("note:one", "note:three", "note:four", "note:five", "note:six")
	if n := k.app.Clicks() - clicks; n != 0 {
		t.Errorf("it took %d clicks, and was to take none", n)
	}
	k.quit()
	k.keptNowhere(tellerKey)
}

// TestEditArguments changes what a call would be made with before it is allowed,
// by keys alone. What does not fit the tool is said on the card, and runs nothing.
func TestEditArguments(t *testing.T) {
	k := newTold(t)
	k.begin()
	k.types("Please note something.")
	k.calls(k.asks(), "call_1", "note", "good")
	const field = "Arguments of the call, as JSON"
	// change writes other arguments and allows the call once.
	change := func(arguments string) {
		t.Helper()
		k.focused(field)
		k.must(k.app.Press(k.ctx, "ctrl+a", "BackSpace"))
		k.must(k.app.Type(k.ctx, arguments))
		k.see(driver.Text(field).Where("with "+arguments, func(n driver.Node) bool { return n.Text == arguments }))
		k.must(k.app.Press(k.ctx, "Escape"))
		k.focused("Allow once")
		k.must(k.app.Press(k.ctx, "1"))
	}
	k.see(driver.Text("Edit arguments"))
	k.must(k.app.Press(k.ctx, "shift+Tab"))
	k.must(k.app.Press(k.ctx, "e"))
	change(`{"text": 7}`)
	k.focused(field) // it was not taken
	k.gone(driver.Contains("One JSON object."))
	k.picture("refused")
	k.wrote()
	change(`{"text": "better"}`)
	k.wrote("note:better")
	q := k.asks()
	if got := k.result(q, "call_1"); !strings.Contains(got, "It is written: better") || !strings.Contains(got, "changed") {
		t.Errorf("the model is told %q", got)
	}
	k.answer(q, "You changed it.")
	k.see(driver.Contains("You changed it."))
	k.idle()
	k.click(driver.Like(`^Open journal · note`))
	k.see(driver.Contains("better"))
	k.picture("changed")
	k.quit()
}

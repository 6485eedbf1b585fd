//go:build linux && e2e

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/drawbridge-app/drawbridge/app/e2e/desk"
	"github.com/drawbridge-app/drawbridge/app/e2e/driver"
)

// TestRestartWhileItWrites ends the program in the middle of an answer: once it is
// killed and once it is asked to end. What was written is there after the start,
// is said to be cut off, and the turn can be tried again.
func TestRestartWhileItWrites(t *testing.T) {
	k := newTold(t)
	k.begin()
	for _, end := range []struct {
		name, says string
		do         func()
	}{
		{"killed", `(?m)^The answer was cut off by the end of the program\.$`, func() { k.app.Kill() }},
		{"quit", `(?m)^(You stopped this answer|The answer was cut off .*)\.$`, k.quit},
	} {
		t.Run(end.name, func(t *testing.T) {
			k.at(t)
			said := "Tell me, and be " + end.name + "."
			k.must(k.app.Press(k.ctx, "ctrl+n"))
			k.say(said)
			q := k.asks()
			k.must(q.Say("The first half was written. "))
			k.must(q.Say("And some of the second"))
			k.see(driver.Contains("And some of the second"))
			// What is on the screen is on disk a second later; a program that ends
			// well keeps it all by itself.
			if end.name == "killed" {
				k.must(desk.Until(k.ctx, stepLimit, "the text on disk", func(context.Context) error {
					if text := k.conversation(k.home, said).text(); !strings.Contains(text, "And some of the second") {
						return fmt.Errorf("there is %s", text)
					}
					return nil
				}))
			}
			end.do()
			select {
			case <-q.Gone():
			case <-k.ctx.Done():
				t.Fatal("the request of a program that has ended goes on")
			}

			k.open()
			k.click(driver.Text(said).Kind("row"))
			k.see(driver.Contains("The first half was written. And some of the second"))
			k.see(driver.Like(end.says))
			k.picture(end.name)
			k.click(driver.Text("Retry"))
			q = k.asks()
			if got := q.Said(); got != said || len(q.Messages) == 0 || q.Messages[len(q.Messages)-1].Role != "user" {
				t.Errorf("what is tried again is %s", q.Body)
			}
			k.answer(q, "This time both halves were written.")
			k.see(driver.Contains("This time both halves were written."))
			k.gone(driver.Contains("And some of the second"))
			k.idle()
			k.picture(end.name + "-again")
		})
	}
	k.at(t)
	k.quit()
}

// at has the stage's steps belong to a test below the one that it was made for.
func (s *stage) at(t *testing.T) { s.t, s.ctx = t, t.Context() }

// TestRestartWhileAToolRuns kills the program in the middle of a call. After the
// start the call is shown as cut off, it is not made again, the model is told
// what happened to it, and the conversation goes on.
func TestRestartWhileAToolRuns(t *testing.T) {
	k := newTold(t)
	k.begin()
	const said = "Hold something for me."
	k.say(said)
	q := k.asks()
	k.must(q.Say("I hold it now."))
	k.calls(q, "call_1", "hold", "it")
	k.click(driver.Text("Always"))
	k.wrote("begin:it")
	k.see(driver.Contains("running"))
	k.picture("running")
	k.app.Kill()

	k.open()
	k.ready("journal")
	k.click(driver.Text(said).Kind("row"))
	k.see(driver.Contains("I hold it now."))
	k.click(driver.Like(`^Open journal · hold`))
	k.see(driver.Contains("The call was cut off by the end of the program"))
	k.picture("cut-off")
	before := k.conversation(k.home, said)

	// It goes on from there, and nothing runs twice.
	k.say("And what became of it?")
	q = k.asks()
	if got := k.result(q, "call_1"); !strings.Contains(got, "may or may not have had its effect") {
		t.Errorf("the model is told %q", got)
	}
	k.answer(q, "I do not know whether it was held.")
	k.see(driver.Contains("I do not know whether it was held."))
	k.idle()
	// The server may have had the time to write that it was stopped.
	lines, err := journal(k.file)
	k.must(err)
	if len(lines) == 0 || lines[0] != "begin:it" || len(lines) > 1 && (lines[1] != "stopped:it" || len(lines) > 2) {
		t.Errorf("the server was asked for %q", lines)
	}
	after := k.conversation(k.home, said)
	if len(before.Messages) != 3 || len(after.Messages) != 5 {
		t.Errorf("there were %d messages after the start, and %d at the end", len(before.Messages), len(after.Messages))
	}
	for i, m := range before.Messages {
		if after.Messages[i].ID != m.ID {
			t.Errorf("message %d is another", i)
		}
	}
	if n := k.teller.Waiting(); n != 0 {
		t.Errorf("the model was asked %d times more", n)
	}
	k.picture("goes-on")
	k.quit()
	left, err := k.desk.Processes()
	k.must(err)
	for _, p := range left {
		if strings.HasSuffix(p.Command, "e2e.test") {
			t.Errorf("a server outlives the program: %v", p)
		}
	}
}

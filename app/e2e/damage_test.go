//go:build linux && e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/app/e2e/desk"
	"github.com/drawbridge-app/drawbridge/app/e2e/driver"
)

// TestWindowPaintsWhatChanged has much change in the window, of which the program
// paints only what did, and then has it paint all: not a pixel may differ.
func TestWindowPaintsWhatChanged(t *testing.T) {
	k := newTold(t)
	k.begin()
	k.say("Show me everything.")
	q := k.asks()
	for section := range 4 {
		for piece := range strings.SplitAfterSeq(everything(section), " ") {
			k.must(q.Say(piece))
			time.Sleep(2 * time.Millisecond) // as fast as a fast model
		}
	}
	k.answer(q, "That was all.")
	k.see(driver.Contains("That was all."))
	k.idle()
	k.clean("an answer of all kinds")

	thread := driver.Text("Conversation").Kind("View")
	for _, notches := range []int{-7, 2, -11} {
		k.must(k.app.Wheel(k.ctx, thread, notches))
	}
	k.steady()
	k.clean("scrolled")

	k.must(k.app.Press(k.ctx, "ctrl+f"))
	k.focused("Find in the conversation")
	k.must(k.app.Type(k.ctx, "granite"))
	k.see(driver.Contains("1 of "))
	k.clean("words that are found")
	k.must(k.app.Press(k.ctx, "Escape"))
	k.gone(driver.Contains("1 of "))
	k.steady()
	k.clean("the words forgotten")

	for _, page := range []string{"Servers", "Settings", "Chat"} {
		k.page(page)
		k.clean("the page " + page)
	}
	k.quit()
}

// everything is a piece of an answer with a bit of each kind.
func everything(n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "## Section %d\n\nA bridge has **piers**, a `gate` and *water* below it, and is told of in more words than go into one line of a window.\n\n> It is quoted, too.\n\n", n)
	b.WriteString("| span | stone |\n|---|---|\n")
	for row := range 4 {
		fmt.Fprintf(&b, "| %d | granite from quarry %d |\n", n, row)
	}
	b.WriteString("\n```go\n")
	for line := range 8 {
		fmt.Fprintf(&b, "if span%d := bridge.Span(%d); span%d.Length > %d { return }\n", line, line, line, 100+line)
	}
	b.WriteString("```\n\n- one\n  - two, and this one is long enough that it does not go into a line of the window as wide as it usually is, or a little wider\n- three\n\n")
	return b.String()
}

// clean has all of the window be painted by showing something above it, and compares
// what is on the screen with what was there before.
func (s *stage) clean(what string) {
	s.t.Helper()
	screen, err := s.desk.Screen()
	s.must(err)
	defer func() { s.must(screen.Close()) }()
	s.must(screen.Settle(s.ctx))
	// A cursor blinks; so it is looked at in all of its states.
	var before [][]byte
	for range 40 {
		time.Sleep(30 * time.Millisecond)
		known := false
		for _, b := range before {
			known = known || screen.Shows(b)
		}
		if !known {
			before = append(before, screen.Copy())
		}
	}
	s.must(s.app.Press(s.ctx, "ctrl+k"))
	s.see(driver.Text("Find a command"))
	s.must(s.app.Press(s.ctx, "Escape"))
	s.gone(driver.Text("Find a command"))
	s.must(desk.Until(s.ctx, stepLimit, what+" to look as it did before all was painted", func(context.Context) error {
		for _, b := range before {
			if screen.Shows(b) {
				return nil
			}
		}
		return errors.New("it looks different")
	}))
}

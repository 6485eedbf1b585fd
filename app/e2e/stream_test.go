//go:build linux && e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/drawbridge-app/drawbridge/app/e2e/desk"
	"github.com/drawbridge-app/drawbridge/app/e2e/driver"
)

// The long answer comes in three parts of so many paragraphs.
const (
	firstPart  = 60
	secondPart = 160
	thirdPart  = 200
)

// paragraph is one of the long answer, by its number.
func paragraph(n int) string {
	return fmt.Sprintf("Paragraph %03d tells at some length of what was seen on the way, and that nothing of it was lost.\n\n", n)
}

var paragraphs = regexp.MustCompile(`Paragraph (\d{3})`)

// seen are the numbers of the paragraphs in view.
func (s *stage) seen() (numbers []int) {
	s.t.Helper()
	for _, m := range paragraphs.FindAllStringSubmatch(s.script(), -1) {
		n, err := strconv.Atoi(m[1])
		s.must(err)
		numbers = append(numbers, n)
	}
	return numbers
}

// steady waits until what is in view has stayed the same for three looks, each of
// which the window answers after what was done before it, and returns it.
func (s *stage) steady() string {
	s.t.Helper()
	last, same := "", 0
	s.must(desk.Until(s.ctx, stepLimit, "a thread that stands still", func(context.Context) error {
		now := s.script()
		if now != last {
			last, same = now, 0
		}
		if same++; same < 3 {
			return errors.New("it moves")
		}
		return nil
	}))
	return last
}

// TestStreamWhileScrolling reads above while a long answer grows below: the thread
// follows its end, stays where it is read, and goes back to the end, where it
// follows again. Nothing of the answer is lost.
func TestStreamWhileScrolling(t *testing.T) {
	k := newTold(t)
	k.begin()
	thread := driver.Text("Conversation").Kind("View")
	toEnd := driver.Text("Back to the end")
	k.say("Tell me of the way.")
	q := k.asks()
	// tells streams paragraphs word by word, and reports when it is done.
	tells := func(from, to int) <-chan error {
		done := make(chan error, 1)
		go func() {
			for n := from; n < to; n++ {
				for word := range strings.SplitAfterSeq(paragraph(n), " ") {
					if err := q.Say(word); err != nil {
						done <- err
						return
					}
				}
			}
			done <- nil
		}()
		return done
	}

	// At the end, the end is followed.
	for n := range 3 {
		k.must(<-tells(n*firstPart/3, (n+1)*firstPart/3))
		k.see(driver.Contains(fmt.Sprintf("Paragraph %03d", (n+1)*firstPart/3-1)))
		k.gone(toEnd)
	}
	k.picture("following")

	// The wheel is turned while more comes.
	telling := tells(firstPart, secondPart)
	k.must(desk.Until(k.ctx, stepLimit, "the middle of what came first", func(ctx context.Context) error {
		if n := k.seen(); len(n) > 0 && n[0] < firstPart/2 {
			return nil
		}
		if err := k.app.Wheel(ctx, thread, -5); err != nil {
			return err
		}
		return fmt.Errorf("in view are %v", k.seen())
	}))
	k.see(toEnd)
	before := k.steady()
	looks := 0
	k.must(desk.Until(k.ctx, stepLimit, "the second part to come", func(context.Context) error {
		if now := k.script(); now != before {
			t.Fatalf("while one reads, the thread went from\n%s\nto\n%s", before, now)
		}
		looks++
		select {
		case err := <-telling:
			k.must(err)
			telling = nil
		default:
		}
		if kept := k.conversation(k.home, "Tell me of the way.").text(); !strings.Contains(kept, fmt.Sprintf("Paragraph %03d", secondPart-2)) {
			return fmt.Errorf("%d bytes of it are kept", len(kept))
		}
		return nil
	}))
	t.Logf("it was looked at %d times while the answer grew, and stood still", looks)
	k.picture("reading")

	// Down a little is not the end yet, and nothing jumps.
	k.must(k.app.Wheel(k.ctx, thread, 2))
	if now := k.steady(); now == before {
		t.Errorf("two notches down, there is still\n%s", now)
	}
	if n := k.seen(); len(n) == 0 || n[len(n)-1] >= firstPart {
		t.Errorf("two notches down, there are %v in view", n)
	}
	k.see(toEnd)

	// Back at the end, the end is followed again.
	k.click(toEnd)
	k.see(driver.Contains(fmt.Sprintf("Paragraph %03d", secondPart-1)))
	k.gone(toEnd)
	k.must(<-tells(secondPart, thirdPart))
	k.see(driver.Contains(fmt.Sprintf("Paragraph %03d", thirdPart-1)))
	k.answer(q, "And that was all.")
	k.see(driver.Contains("And that was all."))
	k.idle()
	k.picture("the-end")

	// Every paragraph is there once, in its order, in the window and on disk.
	k.must(k.app.Press(k.ctx, "shift+Tab")) // from where one writes to the thread
	k.must(k.app.DoubleClick(k.ctx, driver.Contains("And that was all.").Kind("Text")))
	k.must(k.app.Press(k.ctx, "ctrl+a", "ctrl+c"))
	var want strings.Builder
	want.WriteString("Tell me of the way.\n\n")
	for n := range thirdPart {
		want.WriteString(paragraph(n))
	}
	want.WriteString("And that was all.")
	k.copied(want.String())
	k.quit()
	if got := paragraphs.FindAllString(k.conversation(k.home, "Tell me of the way.").text(), -1); len(got) != thirdPart {
		t.Errorf("%d paragraphs are kept, want %d", len(got), thirdPart)
	}
}

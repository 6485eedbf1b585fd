//go:build linux && e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/app/e2e/desk"
	"github.com/drawbridge-app/drawbridge/app/e2e/driver"
)

// firstPart is how many paragraphs come while one follows them, meanwhile how many
// at least while one reads above, and looks how often it is looked then.
const (
	firstPart = 60
	meanwhile = 60
	looks     = 20
)

// pace is how fast paragraphs come while one reads.
const pace = 5 * time.Millisecond

// paragraph is one of the long answer, by its number.
func paragraph(n int) string {
	return fmt.Sprintf("%s tells at some length of what was seen on the way, and that nothing of it was lost.\n\n", nth(n))
}

// nth is what a paragraph begins with.
func nth(n int) string { return fmt.Sprintf("Paragraph %04d", n) }

var paragraphs = regexp.MustCompile(`Paragraph (\d{4})`)

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
	var told atomic.Int64 // how many paragraphs the model has told
	tell := func(n int) error {
		for word := range strings.SplitAfterSeq(paragraph(n), " ") {
			if err := q.Say(word); err != nil {
				return err
			}
		}
		told.Store(int64(n) + 1)
		return nil
	}

	// At the end, the end is followed.
	for n := range firstPart {
		k.must(tell(n))
		if (n+1)%20 == 0 {
			k.see(driver.Contains(nth(n)))
			k.gone(toEnd)
		}
	}
	k.picture("following")

	// From here on more comes all the time.
	enough, done := make(chan struct{}), make(chan error, 1)
	go func() {
		tick := time.NewTicker(pace)
		defer tick.Stop()
		for n := firstPart; ; n++ {
			select {
			case <-enough:
				done <- nil
				return
			case <-tick.C:
			}
			if err := tell(n); err != nil {
				done <- err
				return
			}
		}
	}()
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
	same := func() {
		t.Helper()
		if now := k.script(); now != before {
			t.Fatalf("while one reads, the thread went from\n%s\nto\n%s", before, now)
		}
	}
	from, looked := told.Load(), 0
	k.must(desk.Until(k.ctx, stepLimit, "more to come while one reads", func(context.Context) error {
		same()
		looked++
		if n := told.Load() - from; n < meanwhile || looked < looks {
			return fmt.Errorf("%d paragraphs came, and it was looked at %d times", n, looked)
		}
		return nil
	}))
	close(enough)
	k.must(<-done)
	last := int(told.Load()) - 1
	t.Logf("%d paragraphs came while one read, the last is %d", last+1-int(from), last)
	// Also once all of that has surely come.
	k.must(desk.Until(k.ctx, stepLimit, "what came meanwhile on disk", func(context.Context) error {
		same()
		if kept := k.conversation(k.home, "Tell me of the way.").text(); !strings.Contains(kept, nth(last)) {
			return fmt.Errorf("%d bytes of it are kept", len(kept))
		}
		return nil
	}))
	same()
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
	k.see(driver.Contains(nth(last)))
	k.gone(toEnd)
	for range 30 {
		last++
		k.must(tell(last))
	}
	k.see(driver.Contains(nth(last)))
	k.answer(q, "And that was all.")
	k.see(driver.Contains("And that was all."))
	k.idle()
	k.picture("the-end")

	// Every paragraph is there once, in its order, in the window and on disk.
	k.must(k.app.DoubleClick(k.ctx, driver.Contains("And that was all.").Kind("Text")))
	k.must(k.app.Press(k.ctx, "ctrl+a", "ctrl+c"))
	var want strings.Builder
	want.WriteString("Tell me of the way.\n\n")
	for n := range last + 1 {
		want.WriteString(paragraph(n))
	}
	want.WriteString("And that was all.")
	k.copied(want.String())
	k.quit()
	if got := paragraphs.FindAllString(k.conversation(k.home, "Tell me of the way.").text(), -1); len(got) != last+1 {
		t.Errorf("%d paragraphs are kept, want %d", len(got), last+1)
	}
}

//go:build linux && e2e

package main

import (
	"fmt"
	"strings"
	"time"

	"fyne.io/fyne/v2"

	"github.com/drawbridge-app/drawbridge/app/e2e/measure"
	"github.com/drawbridge-app/drawbridge/app/ui/transcript"
	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
	"github.com/drawbridge-app/drawbridge/store"
)

// What a person does in a thread may take that long, in milliseconds.
const (
	scrollLimit  = 0.5
	jumpLimit    = 4
	copyLimit    = 200
	hostileLimit = 100
)

// messages is a conversation of that many messages of 2 KB on the average, a
// third with tool cards, and every two-hundredth of 64 KB.
func messages(n int) []transcript.Item {
	prose := bodies[0].text(1700)
	long := bodies[0].text(64 * kilobyte)
	items := make([]transcript.Item, 0, n)
	for i := range n {
		text := prose
		if i%200 == 1 {
			text = long
		}
		switch i % 3 {
		case 0:
			items = append(items, transcript.User{ID: fmt.Sprint("u", i), Text: text})
		case 1:
			items = append(items, transcript.Assistant{ID: fmt.Sprint("a", i), Text: text})
		default:
			items = append(items, transcript.Call{ID: fmt.Sprint("c", i), Server: "files", Tool: "read", State: transcript.CallDone, Arguments: []byte(`{"path":"/x"}`),
				Result: &store.ToolResult{Content: store.Parts{store.Text{Text: text}}}})
		}
	}
	return items
}

// thread shows ten thousand messages.
func thread() (*transcript.View, []transcript.Item) {
	v := transcript.New(transcript.Options{})
	window(v)
	items := messages(10000)
	v.SetItems(items)
	return v, items
}

// scroll moves ten thousand messages by 40 px, up and down over some pages.
func scroll() (measure.Row, error) {
	v, _ := thread()
	v.TypedKey(&fyne.KeyEvent{Name: fyne.KeyPageUp})
	var took []time.Duration
	up := float32(40)
	for i := range 3000 {
		if i%250 == 249 {
			up = -up
		}
		began := time.Now()
		v.Scrolled(&fyne.ScrollEvent{Scrolled: fyne.NewDelta(0, up)})
		took = append(took, time.Since(began))
	}
	return measure.Bound("scrolling 10,000 messages by 40 px", ms(measure.Median(took)), scrollLimit, "ms", 3,
		fmt.Sprintf("median of %d, 95 %% below %.3f ms", len(took), ms(measure.Percentile(took, 95)))), nil
}

// jump goes to messages all over the thread, none of which was seen before.
func jump() (measure.Row, error) {
	v, items := thread()
	var took []time.Duration
	for i := range 500 {
		at := items[(i*7919)%len(items)]
		id := ""
		switch at := at.(type) {
		case transcript.User:
			id = at.ID
		case transcript.Assistant:
			id = at.ID
		case transcript.Call:
			id = at.ID
		}
		began := time.Now()
		v.ScrollTo(id)
		took = append(took, time.Since(began))
	}
	return measure.Bound("a jump in 10,000 messages", ms(measure.Median(took)), jumpLimit, "ms", 3,
		fmt.Sprintf("median of %d places, 95 %% below %.3f ms", len(took), ms(measure.Percentile(took, 95)))), nil
}

// copyAll selects 5 MB and copies it.
func copyAll(markdown bool) (measure.Row, error) {
	const size = 5 << 20
	var took []time.Duration
	for range 7 {
		copied := 0
		v := transcript.New(transcript.Options{Copy: func(s string) { copied = len(s) }})
		w := window(v)
		items := make([]transcript.Item, 0, 2600)
		for n, i := 0, 0; n < size; i++ {
			text := bodies[i%len(bodies)].text(2 * kilobyte)
			n += len(text)
			if i%2 == 0 {
				items = append(items, transcript.User{ID: fmt.Sprint(i), Text: text})
			} else {
				items = append(items, transcript.Assistant{ID: fmt.Sprint(i), Text: text})
			}
		}
		v.SetItems(items)
		began := time.Now()
		v.SelectAll()
		v.CopySelection(markdown)
		took = append(took, time.Since(began))
		if copied < size*8/10 {
			return measure.Row{}, fmt.Errorf("only %d bytes were copied", copied)
		}
		w.Close()
	}
	name := "select everything and copy 5 MB as text"
	if markdown {
		name = "the same as Markdown"
	}
	return measure.Bound(name, ms(measure.Median(took)), copyLimit, "ms", 1, fmt.Sprintf("median of %d", len(took))), nil
}

// hostile shows texts that are meant to break a window, and finds the longest
// step of all: showing it, going through it, opening it, making it narrower.
func hostile() (measure.Row, error) {
	var longest time.Duration
	what := ""
	step := func(name string, f func()) {
		began := time.Now()
		f()
		if d := time.Since(began); d > longest {
			longest, what = d, name
		}
	}
	v := transcript.New(transcript.Options{})
	w := window(v)
	v.SetItems([]transcript.Item{transcript.Assistant{ID: "warm", Text: strings.Repeat("Some words. ", 50)}})
	n := 0
	for _, h := range uitest.Hostiles() {
		text := h.Make()
		n++
		for _, item := range []transcript.Item{
			transcript.Assistant{ID: "a", Text: text},
			transcript.User{ID: "u", Text: text},
		} {
			step(h.Name+", shown", func() { v.SetItems([]transcript.Item{item}) })
			step(h.Name+", from the top", func() { v.TypedKey(&fyne.KeyEvent{Name: fyne.KeyHome}) })
			for range 5 {
				step(h.Name+", next page", func() { v.TypedKey(&fyne.KeyEvent{Name: fyne.KeyPageDown}) })
			}
			step(h.Name+", at the end", v.ScrollToEnd)
			step(h.Name+", narrower", func() { w.Resize(fyne.NewSize(600, 700)) })
			w.Resize(fyne.NewSize(900, 700))
		}
		step(h.Name+", growing", func() {
			v.SetItems([]transcript.Item{transcript.Assistant{ID: "g", Growing: true}})
			v.AppendText("g", text)
		})
		step(h.Name+", one more word", func() { v.AppendText("g", " more") })
	}
	return measure.Bound("hostile texts, the longest step", ms(longest), hostileLimit, "ms", 1, fmt.Sprintf("%d texts; %s", n, what)), nil
}

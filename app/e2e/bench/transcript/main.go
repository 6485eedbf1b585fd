//go:build linux && e2e

// Command transcript measures the thread of a conversation in a window of the
// tests, which paints by software, and prints one line of the table of package
// measure as JSON. Command bench runs it for each line: a process of its own for
// each, so that nothing is warm.
//
//	transcript append-prose
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"

	look "github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/app/ui/transcript"

	"github.com/drawbridge-app/drawbridge/app/e2e/measure"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "transcript:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return errors.New("name one line")
	}
	row, err := line(args[0])
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(row)
}

func line(name string) (measure.Row, error) {
	for _, b := range bodies {
		switch name {
		case "append-" + b.name:
			return b.beside()
		case "append-" + b.name + "-growth":
			return b.growth()
		}
	}
	switch name {
	case "open":
		return open(false)
	case "open-memory":
		return open(true)
	case "scroll":
		return scroll()
	case "jump":
		return jump()
	case "copy-text":
		return copyAll(false)
	case "copy-markdown":
		return copyAll(true)
	case "hostile":
		return hostile()
	}
	return measure.Row{}, fmt.Errorf("there is no line %q", name)
}

// window shows something in a window of the tests.
func window(o fyne.CanvasObject) fyne.Window {
	a := test.NewApp()
	a.Settings().SetTheme(look.New(look.Light))
	w := test.NewWindow(o)
	w.SetPadded(false)
	w.Resize(fyne.NewSize(900, 700))
	return w
}

// body is a text that goes on in the same way for as long as one likes.
type body struct {
	name  string
	what  string
	head  string // stands once, at the beginning
	piece string
	// beside is what a token may cost of ParseMarkdown at 64 KB; across is the
	// factor that may lie between the cheapest and the dearest size.
	share, across float64
}

var bodies = []body{
	{"prose", "prose", "", "A paragraph of ordinary prose, with **bold** words, `code` and a [link](https://example.org), as models write it all day long.\n\n", 0.01, 2},
	{"paragraph", "one unbroken paragraph", "", "words without a break ", 0.02, 5},
	{"fence", "one open code fence", "```go\n", "x := f(1, 2, 3) // a line of it\n", 0.01, 2},
	{"table", "one table", "|a|b|\n|-|-|\n", "|cell one|cell two|\n", 0.01, 2},
	{"list", "one nested list", "", "- an item\n  - and one below it\n", 0.01, 2},
}

func (b body) text(size int) string {
	return (b.head + strings.Repeat(b.piece, size/len(b.piece)+1))[:size]
}

const (
	tokens   = 400 // of one sample
	token    = 5   // bytes of one
	samples  = 15
	kilobyte = 1 << 10
)

// appending returns how long one token takes at a size.
func (b body) appending(v *transcript.View, size int) time.Duration {
	whole := b.text(size + tokens*token)
	v.SetItems([]transcript.Item{transcript.Assistant{ID: "a", Growing: true}})
	v.AppendText("a", whole[:size])
	began := time.Now()
	for at := size; at < len(whole); at += token {
		v.AppendText("a", whole[at:at+token])
	}
	return time.Since(began) / tokens
}

// beside measures a token at 64 KB beside the whole text given to RichText, which
// is what one does without a thread of one's own.
func (b body) beside() (measure.Row, error) {
	v := transcript.New(transcript.Options{})
	window(v)
	text := widget.NewRichText()
	text.Wrapping = fyne.TextWrapWord
	other := test.NewWindow(text)
	other.Resize(fyne.NewSize(900, 700))
	const size = 64 * kilobyte
	whole := b.text(size)
	var ours, reference []time.Duration
	for range samples {
		ours = append(ours, b.appending(v, size))
		began := time.Now()
		text.ParseMarkdown(whole)
		reference = append(reference, time.Since(began))
	}
	return measure.Quantity("a token at 64 KB, "+b.what, ms(measure.Median(ours)), ms(measure.Median(reference)), "ms", 3, b.share,
		fmt.Sprintf("beside RichText.ParseMarkdown of the whole, median of %d", samples)), nil
}

// growth measures what lies between the sizes.
func (b body) growth() (measure.Row, error) {
	v := transcript.New(transcript.Options{})
	window(v)
	sizes := []int{kilobyte, 64 * kilobyte, 1024 * kilobyte}
	took := make([][]time.Duration, len(sizes))
	for range samples {
		for i, size := range sizes {
			took[i] = append(took[i], b.appending(v, size))
		}
	}
	var medians []float64
	for i := range sizes {
		medians = append(medians, ms(measure.Median(took[i])))
	}
	return measure.Quantity("the same, dearest and cheapest size", slices.Max(medians), slices.Min(medians), "ms", 3, b.across,
		fmt.Sprintf("%.3f, %.3f and %.3f ms at 1 KB, 64 KB and 1 MB", medians[0], medians[1], medians[2])), nil
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

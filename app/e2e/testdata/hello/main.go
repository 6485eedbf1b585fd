// Command hello is the smallest window that Fyne makes: a text and a button. It
// is what Drawbridge's own window is measured against, and what the desktop of
// the end-to-end tests is tried with. It prints "tapped" for each tap. With
// -label it has one label in place of both, and sets that again and again.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/app"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"
)

func main() {
	hide := flag.Bool("hide", false, "hide the window when the standard input ends")
	every := flag.Duration("label", 0, "show one label, and set it anew after each such time")
	length := flag.Int("length", 200, "how many characters the label has")
	width := flag.Float64("width", 0, "of the window with the label")
	height := flag.Float64("height", 0, "of the window with the label")
	flag.Parse()

	w := app.NewWithID("io.github.drawbridge.hello").NewWindow("Hello")
	if *every > 0 {
		label := widget.NewLabel("")
		label.Wrapping = fyne.TextWrapWord
		w.SetContent(label)
		w.Resize(fyne.NewSize(float32(*width), float32(*height)))
		go setAgain(label, *every, *length)
		w.ShowAndRun()
		return
	}
	w.SetContent(container.NewVBox(
		widget.NewLabel("Hello, world"),
		widget.NewButton("Tap", func() { fmt.Println("tapped") }),
	))
	if *hide {
		go func() {
			if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
			fyne.Do(w.Hide)
		}()
	}
	w.ShowAndRun()
}

// setAgain sets the label to other words of the same length, for as long as the
// program runs.
func setAgain(label *widget.Label, every time.Duration, length int) {
	const words = "the bridge, its gate and the water below it "
	text := strings.Repeat(words, length/len(words)+1)
	n := 0
	for range time.Tick(every) {
		n++
		set := (fmt.Sprintf("%06d ", n) + text)[:length]
		fyne.Do(func() { label.SetText(set) })
	}
}

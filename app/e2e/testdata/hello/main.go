// Command hello is the smallest window that Fyne makes: a text and a button. It
// is what Drawbridge's own window is measured against, and what the desktop of
// the end-to-end tests is tried with. It prints "tapped" for each tap.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/app"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"
)

func main() {
	hide := flag.Bool("hide", false, "hide the window when the standard input ends")
	flag.Parse()

	w := app.NewWithID("io.github.drawbridge.hello").NewWindow("Hello")
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

// Command hello is the smallest window that Fyne makes: a text and a button. It
// is what Drawbridge's own window is measured against, and what the desktop of
// the end-to-end tests is tried with. It prints "tapped" for each tap.
package main

import (
	"flag"
	"fmt"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/app"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"
)

func main() {
	hide := flag.Duration("hide", 0, "hide the window after so long")
	flag.Parse()

	w := app.NewWithID("io.github.drawbridge.hello").NewWindow("Hello")
	w.SetContent(container.NewVBox(
		widget.NewLabel("Hello, world"),
		widget.NewButton("Tap", func() { fmt.Println("tapped") }),
	))
	if *hide > 0 {
		time.AfterFunc(*hide, func() { fyne.Do(w.Hide) })
	}
	w.ShowAndRun()
}

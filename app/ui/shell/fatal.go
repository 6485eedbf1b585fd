package shell

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/app"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/assets"
)

// ShowError tells, in a window of its own, why the program cannot start. It
// returns when the person has read it. It must be called on the main goroutine,
// in place of New and Run.
func ShowError(err error) {
	a := app.NewWithID(AppID)
	a.SetIcon(fyne.NewStaticResource("drawbridge.png", assets.AppPNG()))
	a.Settings().SetTheme(theme.New(theme.System))
	w := a.NewWindow(title)
	w.SetContent(errorContent(err, a.Clipboard(), w.Close))
	w.Resize(fyne.NewSize(560, 260))
	w.CenterOnScreen()
	w.ShowAndRun()
}

func errorContent(err error, clipboard fyne.Clipboard, done func()) fyne.CanvasObject {
	words := form.Sentence(err)
	head := form.Bold(say.T("Drawbridge cannot start"))
	head.SizeName = "subHeadingText"
	quit := form.NewAction(say.T("Quit"), widget.HighImportance, done)
	foot := container.NewHBox(layout.NewSpacer(), form.Button(say.T("Copy"), func() { clipboard.SetContent(words) }), quit)
	return form.Pad(16, 14, container.NewBorder(head, foot, nil, nil, container.NewVScroll(form.Label(words))))
}

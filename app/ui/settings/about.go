package settings

import (
	"runtime/debug"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/assets"
)

// about says which program this is, and whose work is in it.
func about(o Options) *fyne.Container {
	licences := form.Button(say.T("Licences"), func() { showLicences(o) })
	version := form.Button(say.T("Copy the version"), func() { o.Clipboard.SetContent("Drawbridge " + o.Version) })
	return section(say.T("About"), "", form.Column(
		form.Label("Drawbridge "+o.Version),
		form.Muted(say.F("Its files are in %s", form.Visible(o.Home, false))),
		container.NewHBox(licences, version)))
}

// showLicences shows our licence, and the modules that the program is made of.
func showLicences(o Options) {
	sheet := form.NewSheet(o.Window, "", nil)
	sheet.SetFill(say.T("Licences"), form.NewCode(form.Lines(assets.Licence()+"\n\n"+modules()), 380))
	sheet.SetSize(700, 560)
	done := form.NewAction(say.T("Done"), widget.HighImportance, sheet.Close)
	sheet.SetButtons(form.NewAction(say.T("Copy"), widget.MediumImportance, func() { o.Clipboard.SetContent(assets.Licence() + "\n\n" + modules()) }), done)
	sheet.SetFocus(done)
	sheet.Show()
}

// modules lists the Go modules in this program, each under its own licence.
func modules() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return say.T("This program does not say of which Go modules it is made.")
	}
	lines := []string{say.T("The program contains these Go modules, each under its own licence, which is in\nthe module's own files:"), "", say.F("%s (the Go standard library)", info.GoVersion)}
	for _, m := range info.Deps {
		lines = append(lines, m.Path+" "+m.Version)
	}
	return strings.Join(lines, "\n")
}

package settings

import (
	"runtime/debug"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/assets"
)

// about says which program this is, and whose work is in it.
func about(o Options) *fyne.Container {
	licences := form.Button("Licences", func() { showLicences(o) })
	version := form.Button("Copy the version", func() { o.Clipboard.SetContent("Drawbridge " + o.Version) })
	return section("About", "", form.Column(
		form.Label("Drawbridge "+o.Version),
		form.Muted("Its files are in "+form.Visible(o.Home, false)),
		container.NewHBox(licences, version)))
}

// showLicences shows our licence, and the modules that the program is made of.
func showLicences(o Options) {
	sheet := form.NewSheet(o.Window, "", nil)
	sheet.SetFill("Licences", form.NewCode(form.Lines(assets.Licence()+"\n\n"+modules()), 380))
	sheet.SetSize(700, 560)
	done := form.NewAction("Done", widget.HighImportance, sheet.Close)
	sheet.SetButtons(form.NewAction("Copy", widget.MediumImportance, func() { o.Clipboard.SetContent(assets.Licence() + "\n\n" + modules()) }), done)
	sheet.SetFocus(done)
	sheet.Show()
}

// modules lists the Go modules in this program, each under its own licence.
func modules() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "This program does not say of which Go modules it is made."
	}
	lines := []string{"The program contains these Go modules, each under its own licence, which is in", "the module's own files:", "", info.GoVersion + " (the Go standard library)"}
	for _, m := range info.Deps {
		lines = append(lines, m.Path+" "+m.Version)
	}
	return strings.Join(lines, "\n")
}

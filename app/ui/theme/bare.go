package theme

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
)

// Bare returns a theme for entries that stand in a frame of their own: it is
// the app's theme without the frame and the ground of inputs. Use it with
// container.NewThemeOverride.
func Bare() fyne.Theme { return bare{} }

type bare struct{}

func current() fyne.Theme { return fyne.CurrentApp().Settings().Theme() }

func (bare) Color(name fyne.ThemeColorName, v fyne.ThemeVariant) color.Color {
	if name == theme.ColorNameInputBackground || name == theme.ColorNameInputBorder {
		return color.Transparent
	}
	return current().Color(name, v)
}

func (bare) Size(name fyne.ThemeSizeName) float32 {
	if name == theme.SizeNameInputBorder {
		return 0
	}
	return current().Size(name)
}

func (bare) Font(s fyne.TextStyle) fyne.Resource        { return current().Font(s) }
func (bare) Icon(name fyne.ThemeIconName) fyne.Resource { return current().Icon(name) }

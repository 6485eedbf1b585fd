package theme

import (
	"image/color"
	"math"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/theme"

	"github.com/drawbridge-app/drawbridge/assets"
)

// luminance is the relative luminance of WCAG 2.2.
func luminance(c color.Color) float64 {
	n := color.NRGBAModel.Convert(c).(color.NRGBA)
	part := func(v uint8) float64 {
		f := float64(v) / 255
		if f <= 0.04045 {
			return f / 12.92
		}
		return math.Pow((f+0.055)/1.055, 2.4)
	}
	return 0.2126*part(n.R) + 0.7152*part(n.G) + 0.0722*part(n.B)
}

func contrast(a, b color.Color) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// TestContrast holds text against its ground: 4.5 to 1, as WCAG 2.2 asks of
// small text.
func TestContrast(t *testing.T) {
	grounds := []fyne.ThemeColorName{
		theme.ColorNameBackground, theme.ColorNameHeaderBackground, theme.ColorNameInputBackground,
		theme.ColorNameOverlayBackground, theme.ColorNameMenuBackground, ColorCard, ColorCode, ColorUser, ColorSelected,
	}
	pairs := [][2]fyne.ThemeColorName{
		{theme.ColorNameForegroundOnPrimary, theme.ColorNamePrimary},
		{theme.ColorNameForegroundOnSuccess, theme.ColorNameSuccess},
		{theme.ColorNameForegroundOnWarning, theme.ColorNameWarning},
		{theme.ColorNameForegroundOnError, theme.ColorNameError},
		{theme.ColorNameForeground, theme.ColorNameButton},
	}
	for _, ground := range grounds {
		for _, ink := range []fyne.ThemeColorName{theme.ColorNameForeground, ColorMuted} {
			pairs = append(pairs, [2]fyne.ThemeColorName{ink, ground})
		}
	}
	for _, ground := range []fyne.ThemeColorName{theme.ColorNameBackground, ColorCard, theme.ColorNameHeaderBackground} {
		for _, ink := range []fyne.ThemeColorName{theme.ColorNamePrimary, theme.ColorNameSuccess, theme.ColorNameWarning, theme.ColorNameError} {
			pairs = append(pairs, [2]fyne.ThemeColorName{ink, ground})
		}
	}
	for _, choice := range []Choice{Light, Dark} {
		th := New(choice)
		for _, p := range pairs {
			if got := contrast(th.Color(p[0], 0), th.Color(p[1], 0)); got < 4.5 {
				t.Errorf("%s: %s on %s: %.2f", choice, p[0], p[1], got)
			}
		}
	}
}

func TestVariants(t *testing.T) {
	if len(lightColors) != len(darkColors) {
		t.Errorf("light has %d colours, dark has %d", len(lightColors), len(darkColors))
	}
	for name := range lightColors {
		if _, ok := darkColors[name]; !ok {
			t.Errorf("dark has no %s", name)
		}
	}
	for _, v := range []fyne.ThemeVariant{theme.VariantLight, theme.VariantDark} {
		if New(Dark).Color(theme.ColorNameBackground, v) != darkColors[theme.ColorNameBackground] {
			t.Errorf("a dark choice follows the desktop's variant %d", v)
		}
	}
	if New(System).Color(theme.ColorNameBackground, theme.VariantDark) != darkColors[theme.ColorNameBackground] {
		t.Error("without a choice the desktop's variant is not followed")
	}
}

func TestIconsExist(t *testing.T) {
	for name, ours := range fyneIcons {
		if len(Icon(ours).Content()) == 0 {
			t.Errorf("no icon for %s", name)
		}
	}
	th := test.NewTempApp(t)
	th.Settings().SetTheme(New(Light))
	for _, name := range assets.Icons() {
		if len(Tinted(IconName(name), theme.ColorNameError).Content()) == 0 {
			t.Errorf("icon %s cannot be tinted", name)
		}
	}
}

func TestIconButton(t *testing.T) {
	a := test.NewTempApp(t)
	a.Settings().SetTheme(New(Light))
	pressed, key := 0, fyne.KeyName("")
	b := NewIconButton("Send", Icon(IconSend), func() { pressed++ })
	b.OnKey = func(e *fyne.KeyEvent) { key = e.Name }
	w := test.NewTempWindow(t, b)
	test.Tap(b)
	w.Canvas().Focus(b)
	b.TypedKey(&fyne.KeyEvent{Name: fyne.KeySpace})
	b.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	b.TypedKey(&fyne.KeyEvent{Name: fyne.KeyEscape})
	if pressed != 3 || key != fyne.KeyEscape {
		t.Errorf("pressed %d times, passed on %q", pressed, key)
	}
	b.Disable()
	b.Tapped(nil)
	b.TypedKey(&fyne.KeyEvent{Name: fyne.KeySpace})
	if pressed != 3 {
		t.Error("a disabled button acts")
	}
	if b.AccessibilityLabel() != "Send" {
		t.Errorf("label %q", b.AccessibilityLabel())
	}
}

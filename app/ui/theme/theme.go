// Package theme is how Drawbridge looks: its colours in light and dark with one
// accent, its sizes, its icons, and the few widgets that every page shares.
//
// It knows nothing of what is shown. Fyne's own widgets take their looks from
// the Theme; what we draw ourselves asks for the names below, which Fyne's
// themes do not have.
//
//	app.Settings().SetTheme(theme.New(theme.System))
//	text.Color = fynetheme.Color(theme.ColorMuted)
//	button := theme.NewIconButton("Send", theme.Icon(theme.IconSend), send)
package theme

import (
	"image/color"
	"math"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"

	"github.com/drawbridge-app/drawbridge/store"
)

// Choice is what a person chose for light and dark.
type Choice string

// The choices, as store.WindowSettings.Theme holds them.
const (
	System Choice = "" // as the desktop says
	Light  Choice = "light"
	Dark   Choice = "dark"
)

// Colours that Fyne has no name for.
const (
	ColorMuted    = theme.ColorNamePlaceHolder                 // text that steps back
	ColorCard     = fyne.ThemeColorName("drawbridge.card")     // the ground of a card
	ColorCode     = fyne.ThemeColorName("drawbridge.code")     // the ground of code
	ColorUser     = fyne.ThemeColorName("drawbridge.user")     // the ground of what the person wrote
	ColorSelected = fyne.ThemeColorName("drawbridge.selected") // the ground of what is chosen in a list
	ColorSide     = theme.ColorNameHeaderBackground            // the ground of what stands beside the page
)

// Sizes that Fyne has no name for.
const (
	SizeReading = fyne.ThemeSizeName("drawbridge.reading") // text that is read, in a conversation
	SizeCode    = fyne.ThemeSizeName("drawbridge.code")    // text of one width
)

// The steps of distance. Everything stands a step from what is beside it.
const (
	Space1 float32 = 4
	Space2 float32 = 8
	Space3 float32 = 12
	Space4 float32 = 16
	Space6 float32 = 24
)

// Radius rounds the corners of cards; smaller things take Fyne's input radius.
const Radius float32 = 10

// Theme is a fyne.Theme. It does not change; any goroutine may use it.
type Theme struct {
	choice  Choice
	text    float32 // how large text is, beside its usual size; 0 is 1
	compact bool
}

var _ fyne.Theme = Theme{}

// New returns the theme for a choice; one that is not known counts as System.
func New(c Choice) Theme { return Theme{choice: c} }

// Of returns the theme that a person chose.
func Of(w store.WindowSettings) Theme {
	t := New(Choice(w.Theme))
	t.text, t.compact = textSizes[TextSize(w.TextSize)], w.Compact
	return t
}

// TextSize is how large a person has text.
type TextSize string

// The sizes, as store.WindowSettings.TextSize holds them.
const (
	TextSmall   TextSize = "small"
	TextUsual   TextSize = ""
	TextLarge   TextSize = "large"
	TextLargest TextSize = "largest"
)

var textSizes = map[TextSize]float32{TextSmall: 0.9, TextUsual: 1, TextLarge: 1.15, TextLargest: 1.35}

// Color returns a colour of the variant, or of the one that was chosen.
func (t Theme) Color(name fyne.ThemeColorName, v fyne.ThemeVariant) color.Color {
	switch t.choice {
	case Light:
		v = theme.VariantLight
	case Dark:
		v = theme.VariantDark
	}
	p := &lightColors
	if v == theme.VariantDark {
		p = &darkColors
	}
	if c, ok := (*p)[name]; ok {
		return c
	}
	return theme.DefaultTheme().Color(name, v)
}

// Font returns Fyne's fonts.
func (t Theme) Font(s fyne.TextStyle) fyne.Resource { return theme.DefaultTheme().Font(s) }

// Icon returns ours where we have drawn one, so that Fyne's widgets show the
// same family.
func (t Theme) Icon(name fyne.ThemeIconName) fyne.Resource {
	if ours, ok := fyneIcons[name]; ok {
		return Icon(ours)
	}
	return theme.DefaultTheme().Icon(name)
}

// Size returns a size in Fyne's units.
func (t Theme) Size(name fyne.ThemeSizeName) float32 {
	s, ok := sizes[name]
	if !ok {
		s = theme.DefaultTheme().Size(name)
	}
	switch {
	case t.text > 0 && texts[name]:
		// Whole pixels: letters between them are blurred.
		return float32(math.Round(float64(s * t.text)))
	case t.compact && rooms[name] > 0:
		return rooms[name]
	}
	return s
}

// texts are the sizes that go with the size of text.
var texts = map[fyne.ThemeSizeName]bool{
	theme.SizeNameText: true, theme.SizeNameCaptionText: true, theme.SizeNameSubHeadingText: true,
	theme.SizeNameHeadingText: true, theme.SizeNameInlineIcon: true, SizeReading: true, SizeCode: true,
}

// rooms are the distances where there is less of them.
var rooms = map[fyne.ThemeSizeName]float32{
	theme.SizeNamePadding: 3, theme.SizeNameInnerPadding: 5, theme.SizeNameLineSpacing: 3,
}

var sizes = map[fyne.ThemeSizeName]float32{
	theme.SizeNameText:            14,
	theme.SizeNameCaptionText:     12,
	theme.SizeNameSubHeadingText:  17,
	theme.SizeNameHeadingText:     22,
	theme.SizeNameInlineIcon:      18,
	theme.SizeNameInputRadius:     7,
	theme.SizeNameButtonRadius:    7,
	theme.SizeNameCardRadius:      Radius,
	theme.SizeNamePopupRadius:     8,
	theme.SizeNameMenuRadius:      8,
	theme.SizeNameDialogRadius:    12,
	theme.SizeNameSelectionRadius: 4,
	theme.SizeNameScrollBar:       10,
	theme.SizeNameScrollBarSmall:  4,
	theme.SizeNameScrollBarRadius: 5,
	theme.SizeNameModalBlurRadius: 0, // a blur costs every frame of the window
	SizeReading:                   15,
	SizeCode:                      13,
}

type palette map[fyne.ThemeColorName]color.Color

func rgb(hex uint32) color.NRGBA {
	return color.NRGBA{R: uint8(hex >> 16), G: uint8(hex >> 8), B: uint8(hex), A: 0xff}
}

func alpha(hex uint32, a uint8) color.NRGBA {
	c := rgb(hex)
	c.A = a
	return c
}

// The accent, in each variant.
const (
	accentLight = 0x3a55cf
	accentDark  = 0x8fa3ff
)

var lightColors = palette{
	theme.ColorNameBackground:          rgb(0xfcfcfd),
	theme.ColorNameHeaderBackground:    rgb(0xf2f3f6),
	theme.ColorNameInputBackground:     rgb(0xffffff),
	theme.ColorNameOverlayBackground:   rgb(0xffffff),
	theme.ColorNameMenuBackground:      rgb(0xffffff),
	theme.ColorNameInputBorder:         rgb(0xc9cdd8),
	theme.ColorNameSeparator:           rgb(0xe1e4ea),
	theme.ColorNameForeground:          rgb(0x1d2130),
	theme.ColorNamePlaceHolder:         rgb(0x5d6477),
	theme.ColorNameDisabled:            rgb(0x9aa0ae),
	theme.ColorNameButton:              rgb(0xebedf2),
	theme.ColorNameDisabledButton:      rgb(0xf1f2f5),
	theme.ColorNameHover:               alpha(0x1d2130, 0x0f),
	theme.ColorNamePressed:             alpha(0x1d2130, 0x1f),
	theme.ColorNamePrimary:             rgb(accentLight),
	theme.ColorNameHyperlink:           rgb(accentLight),
	theme.ColorNameFocus:               alpha(accentLight, 0x66),
	theme.ColorNameSelection:           alpha(accentLight, 0x33),
	theme.ColorNameForegroundOnPrimary: rgb(0xffffff),
	theme.ColorNameSuccess:             rgb(0x1c7a44),
	theme.ColorNameWarning:             rgb(0x9a5b00),
	theme.ColorNameError:               rgb(0xc02b34),
	theme.ColorNameForegroundOnSuccess: rgb(0xffffff),
	theme.ColorNameForegroundOnWarning: rgb(0xffffff),
	theme.ColorNameForegroundOnError:   rgb(0xffffff),
	theme.ColorNameScrollBar:           alpha(0x1d2130, 0x4d),
	theme.ColorNameScrollBarBackground: alpha(0x1d2130, 0x00),
	theme.ColorNameShadow:              alpha(0x1d2130, 0x26),
	ColorCard:                          rgb(0xffffff),
	ColorCode:                          rgb(0xf2f3f6),
	ColorUser:                          rgb(0xe9edfb),
	ColorSelected:                      rgb(0xe2e5ef),
}

var darkColors = palette{
	theme.ColorNameBackground:          rgb(0x17191e),
	theme.ColorNameHeaderBackground:    rgb(0x111317),
	theme.ColorNameInputBackground:     rgb(0x1e2127),
	theme.ColorNameOverlayBackground:   rgb(0x1e2127),
	theme.ColorNameMenuBackground:      rgb(0x23262d),
	theme.ColorNameInputBorder:         rgb(0x414755),
	theme.ColorNameSeparator:           rgb(0x2d313a),
	theme.ColorNameForeground:          rgb(0xe7e9ef),
	theme.ColorNamePlaceHolder:         rgb(0x9ba2b3),
	theme.ColorNameDisabled:            rgb(0x636a7a),
	theme.ColorNameButton:              rgb(0x2a2e37),
	theme.ColorNameDisabledButton:      rgb(0x212429),
	theme.ColorNameHover:               alpha(0xffffff, 0x12),
	theme.ColorNamePressed:             alpha(0xffffff, 0x24),
	theme.ColorNamePrimary:             rgb(accentDark),
	theme.ColorNameHyperlink:           rgb(accentDark),
	theme.ColorNameFocus:               alpha(accentDark, 0x80),
	theme.ColorNameSelection:           alpha(accentDark, 0x4d),
	theme.ColorNameForegroundOnPrimary: rgb(0x10131f),
	theme.ColorNameSuccess:             rgb(0x55c584),
	theme.ColorNameWarning:             rgb(0xf0b44c),
	theme.ColorNameError:               rgb(0xff7b80),
	theme.ColorNameForegroundOnSuccess: rgb(0x0c1a12),
	theme.ColorNameForegroundOnWarning: rgb(0x1d1403),
	theme.ColorNameForegroundOnError:   rgb(0x220708),
	theme.ColorNameScrollBar:           alpha(0xffffff, 0x4d),
	theme.ColorNameScrollBarBackground: alpha(0xffffff, 0x00),
	theme.ColorNameShadow:              alpha(0x000000, 0x66),
	ColorCard:                          rgb(0x1e2127),
	ColorCode:                          rgb(0x111317),
	ColorUser:                          rgb(0x272d44),
	ColorSelected:                      rgb(0x2a2e38),
}

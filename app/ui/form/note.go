package form

import (
	"math"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/bidi"
)

// Note is text that explains and steps back. As Words does, it shows words from right
// to left in their order.
type Note struct {
	widget.RichText
	Text    string // see SetText
	segment *widget.TextSegment
	turned  bool // it begins at the right
}

// Muted returns wrapped text that explains and steps back.
func Muted(text string) *Note {
	n := note(text)
	n.Wrapping = fyne.TextWrapWord
	return n
}

// MutedLine returns one line of such text, cut where there is no room for it.
func MutedLine(text string, style fyne.TextStyle) *Note {
	n := note(text)
	n.segment.Style.TextStyle = style
	n.Truncation = fyne.TextTruncateEllipsis
	return n
}

// MutedWord returns a few words of such text that are never cut.
func MutedWord(text string) *Note { return note(text) }

func note(text string) *Note {
	n := &Note{Text: text, segment: &widget.TextSegment{Text: text, Style: widget.RichTextStyleInline}}
	n.segment.Style.ColorName = theme.ColorNamePlaceHolder
	n.Segments = []widget.RichTextSegment{n.segment}
	n.Scroll = fyne.ScrollNone
	n.ExtendBaseWidget(n)
	n.arrange()
	return n
}

// Resize gives the text its room.
func (n *Note) Resize(size fyne.Size) {
	before := n.Size().Width
	n.RichText.Resize(size)
	if size.Width != before && bidi.RightToLeft(n.Text) {
		n.Refresh()
	}
}

// Refresh shows what has changed.
func (n *Note) Refresh() {
	n.arrange()
	n.RichText.Refresh()
}

// arrange finds what Fyne is to draw.
func (n *Note) arrange() {
	style := &n.segment.Style
	if n.turned {
		n.turned, style.Alignment = false, fyne.TextAlignLeading
	}
	n.segment.Text = n.Text
	if !bidi.RightToLeft(n.Text) {
		return
	}
	s := setting{n.Size().Width - 2*n.Theme().Size(theme.SizeNameInnerPadding), n.textSize(), style.TextStyle, n.Wrapping, n.Truncation}
	var rtl bool
	n.segment.Text, rtl = s.arranged(n.Text)
	if rtl && n.Wrapping != fyne.TextWrapOff && style.Alignment == fyne.TextAlignLeading {
		n.turned, style.Alignment = true, fyne.TextAlignTrailing
	}
}

func (n *Note) textSize() float32 {
	if n.segment.Style.SizeName == "" {
		return n.Theme().Size(theme.SizeNameText)
	}
	return n.Theme().Size(n.segment.Style.SizeName)
}

// Wants is how much room all of the text has in one line.
func (n *Note) Wants() float32 {
	width := fyne.MeasureText(n.Text, n.textSize(), n.segment.Style.TextStyle).Width
	return float32(math.Ceil(float64(width+spare))) + 2*n.Theme().Size(theme.SizeNameInnerPadding)
}

// spare is how much wider Fyne takes a text to be, at most, when it looks whether it
// has to be shortened, than when it measures it.
const spare = 0.25

// SetText changes the text.
func (n *Note) SetText(text string) {
	if n.Text != text {
		n.Text = text
		n.Refresh()
	}
}

// SetStyle changes the style of the letters.
func (n *Note) SetStyle(style fyne.TextStyle) {
	n.segment.Style.TextStyle = style
	n.Refresh()
}

// SetSize changes the size of the letters.
func (n *Note) SetSize(size fyne.ThemeSizeName) {
	n.segment.Style.SizeName = size
	n.Refresh()
}

package form

import (
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/bidi"
)

// Words is a label that shows words from right to left in their order, also among
// words from left to right. A wrapped text that begins with such a word begins at
// the right. It cannot be selected then.
type Words struct {
	widget.Label
	// Text is what it says, as one reads it; see SetText.
	Text   string
	turned bool // it begins at the right
}

// NewWords returns text in one line.
func NewWords(text string) *Words {
	w := &Words{Text: text}
	w.Label.Text = text
	w.ExtendBaseWidget(w)
	return w
}

// SetText changes the text.
func (w *Words) SetText(text string) {
	w.Text = text
	w.Refresh()
}

// AccessibilityLabel is what it says.
func (w *Words) AccessibilityLabel() string { return w.Text }

// CreateRenderer links the label to what is drawn.
func (w *Words) CreateRenderer() fyne.WidgetRenderer {
	w.arrange()
	return w.Label.CreateRenderer()
}

// MinSize is part of fyne.CanvasObject.
func (w *Words) MinSize() fyne.Size {
	w.ExtendBaseWidget(w)
	return w.BaseWidget.MinSize()
}

// Resize gives the text its room.
func (w *Words) Resize(size fyne.Size) {
	before := w.Size().Width
	w.Label.Resize(size)
	if size.Width != before && bidi.RightToLeft(w.Text) {
		w.Refresh()
	}
}

// Refresh shows what has changed.
func (w *Words) Refresh() {
	w.arrange()
	w.Label.Refresh()
}

// arrange finds what Fyne is to draw.
func (w *Words) arrange() {
	if w.turned {
		w.turned, w.Alignment = false, fyne.TextAlignLeading
	}
	w.Label.Text = w.Text
	if !bidi.RightToLeft(w.Text) {
		return
	}
	size := w.SizeName
	if size == "" {
		size = theme.SizeNameText
	}
	s := setting{w.Size().Width - 2*w.Theme().Size(theme.SizeNameInnerPadding), w.Theme().Size(size), w.TextStyle, w.Wrapping, w.Truncation}
	var rtl bool
	w.Label.Text, rtl = s.arranged(w.Text)
	w.Selectable = false
	if rtl && w.Wrapping != fyne.TextWrapOff && w.Alignment == fyne.TextAlignLeading {
		w.turned, w.Alignment = true, fyne.TextAlignTrailing
	}
}

// setting is how Fyne sets a text: in which width and letters, and what becomes of
// what has no room.
type setting struct {
	width float32
	size  float32
	style fyne.TextStyle
	wrap  fyne.TextWrap
	cut   fyne.TextTruncation
}

// arranged breaks a text into lines, or cuts it, where Fyne would, and returns the
// lines with their words in the order in which they are seen. rtl says that the text
// begins at the right.
func (s setting) arranged(text string) (drawn string, rtl bool) {
	levels, rtl := bidi.Levels(text)
	var out []string
	at := 0
	for line := range strings.SplitSeq(text, "\n") {
		_, from := bidi.Levels(line)
		part := func(a, b int) string { return bidi.Part(text, levels, from, a, b) }
		switch {
		case s.width <= 0:
			out = append(out, part(at, at+len(line)))
		case s.wrap == fyne.TextWrapOff && s.cut == fyne.TextTruncateEllipsis:
			out = append(out, bidi.Visual(Shorten(line, s.width, s.size, s.style)))
		case s.wrap == fyne.TextWrapOff:
			out = append(out, part(at, at+len(line)))
		default:
			for _, n := range s.lines(line) {
				out = append(out, part(at+n[0], at+n[1]))
			}
		}
		at += len(line) + 1
	}
	return strings.Join(out, "\n"), rtl
}

// lines breaks a paragraph where its words end, or within a word that has no room.
func (s setting) lines(text string) (out [][2]int) {
	const slack = 1 // what measuring a line whole may differ by
	start, end := 0, 0
	for end < len(text) {
		next := end + 1
		if i := strings.IndexByte(text[next:], ' '); i >= 0 {
			next += i
		} else {
			next = len(text)
		}
		if s.fits(text[start:next], slack) {
			end = next
			continue
		}
		if end == start { // a word alone
			end = start + max(len(s.most(text[start:next], slack)), 1)
			for end < len(text) && text[end]&0xC0 == 0x80 {
				end++
			}
		}
		out = append(out, [2]int{start, end})
		for end < len(text) && text[end] == ' ' {
			end++
		}
		start = end
	}
	if start < len(text) || len(out) == 0 {
		out = append(out, [2]int{start, len(text)})
	}
	return out
}

func (s setting) fits(text string, slack float32) bool {
	return fyne.MeasureText(text, s.size, s.style).Width <= s.width-slack
}

// most is as much of the beginning of a text as has room.
func (s setting) most(text string, slack float32) string {
	runes := []rune(text)
	lo, hi := 0, len(runes)
	for lo < hi {
		if mid := (lo + hi + 1) / 2; s.fits(string(runes[:mid]), slack) {
			lo = mid
		} else {
			hi = mid - 1
		}
	}
	return string(runes[:lo])
}

// Shorten cuts a text that is wider than the room, with an ellipsis. It measures a
// thousand characters at the most.
func Shorten(text string, width, size float32, style fyne.TextStyle) string {
	const most = 1000
	runes := []rune(text)
	if len(runes) <= most && fyne.MeasureText(text, size, style).Width <= width {
		return text
	}
	lo, hi := 0, min(len(runes), most)
	for lo < hi {
		mid := (lo + hi + 1) / 2
		if fyne.MeasureText(string(runes[:mid])+"…", size, style).Width <= width {
			lo = mid
		} else {
			hi = mid - 1
		}
	}
	return string(runes[:lo]) + "…"
}

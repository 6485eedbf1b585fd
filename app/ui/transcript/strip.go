package transcript

import (
	"image/color"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/bidi"
	"github.com/drawbridge-app/drawbridge/app/ui/form"
	look "github.com/drawbridge-app/drawbridge/app/ui/theme"
)

// strip is a row with a muted text at the left and small buttons at the right.
type strip struct {
	widget.BaseWidget
	text    string
	icon    look.IconName // before the text; empty for none
	bold    bool
	wraps   bool // it goes on in another line, and is not cut
	pad     float32
	buttons []*look.IconButton
}

func newStrip(text string, buttons ...*look.IconButton) *strip {
	s := &strip{text: text, buttons: buttons}
	s.ExtendBaseWidget(s)
	return s
}

func newCaption(title, label string, copyText func(), more ...*look.IconButton) *strip {
	s := newStrip(title, append(more, look.NewSmallIconButton(label, look.Icon(look.IconCopy), copyText))...)
	s.bold, s.wraps = true, true
	return s
}

// captionBlock is a caption in a card, with that many buttons.
func (e *entry) captionBlock(g *group, title string, buttons int, make func() *strip) *block {
	return &block{
		gap: 4, left: cardPad, right: cardPad - 6, group: g,
		tall: func(width float32) float32 {
			size := e.view.size(theme.SizeNameCaptionText)
			lines := captionLines(title, captionRoom(width, buttons), size)
			return 26 + float32(lines-1)*captionHeight(size)
		},
		make: func() fyne.CanvasObject { return make() },
	}
}

// captionRoom is how wide the text of a row may be.
func captionRoom(width float32, buttons int) float32 { return width - float32(buttons)*26 - 6 }

// captionHeight is how high a line of a caption is.
func captionHeight(size float32) float32 {
	return fyne.MeasureText("Mg", size, fyne.TextStyle{Bold: true}).Height
}

// captionLines is in how many lines a caption is set.
func captionLines(text string, room, size float32) int { return len(breakCaption(text, room, size)) }

// breakCaption breaks a caption between its words.
func breakCaption(text string, room, size float32) (lines []string) {
	style := fyne.TextStyle{Bold: true}
	line := ""
	for word := range strings.FieldsSeq(text) {
		longer := word
		if line != "" {
			longer = line + " " + word
		}
		if line != "" && fyne.MeasureText(longer, size, style).Width > room {
			lines, longer = append(lines, line), word
		}
		line = longer
	}
	return append(lines, line)
}

// DumpText returns the text.
func (s *strip) DumpText() string { return s.text }

// CreateRenderer links the row to what is drawn.
func (s *strip) CreateRenderer() fyne.WidgetRenderer {
	r := &stripRenderer{s: s, texts: []*canvas.Text{canvas.NewText(s.text, color.Transparent)}}
	if s.icon != "" {
		r.icon = canvas.NewImageFromResource(look.Tinted(s.icon, look.ColorMuted))
		r.icon.FillMode = canvas.ImageFillContain
	}
	r.paint()
	return r
}

type stripRenderer struct {
	s     *strip
	texts []*canvas.Text // a line each
	icon  *canvas.Image  // or nil
}

func (r *stripRenderer) paint() {
	th, v := r.s.Theme(), fyne.CurrentApp().Settings().ThemeVariant()
	for _, t := range r.texts {
		t.Color = th.Color(look.ColorMuted, v)
		t.TextSize = th.Size(theme.SizeNameCaptionText)
		t.TextStyle.Bold = r.s.bold
	}
}

func (r *stripRenderer) Layout(size fyne.Size) {
	left := r.s.pad
	if r.icon != nil {
		r.icon.Resize(fyne.NewSquareSize(16))
		r.icon.Move(fyne.NewPos(left, (size.Height-16)/2))
		left += 22
	}
	room, first := captionRoom(size.Width, len(r.s.buttons))-left, r.texts[0]
	var lines []string
	if r.s.wraps {
		lines = breakCaption(r.s.text, room, first.TextSize)
	} else {
		lines = []string{r.s.text}
	}
	for len(r.texts) < len(lines) {
		t := canvas.NewText("", first.Color)
		t.TextSize, t.TextStyle = first.TextSize, first.TextStyle
		r.texts = append(r.texts, t)
	}
	r.texts = r.texts[:len(lines)]
	h := first.MinSize().Height
	y := (size.Height - h*float32(len(lines))) / 2
	for i, t := range r.texts {
		t.Text = bidi.Visual(form.Shorten(lines[i], room, t.TextSize, t.TextStyle))
		t.Move(fyne.NewPos(left, y+float32(i)*h))
		t.Resize(t.MinSize())
	}
	x := size.Width - float32(len(r.s.buttons))*26 - r.s.pad/2
	for _, b := range r.s.buttons {
		b.Resize(fyne.NewSquareSize(24))
		b.Move(fyne.NewPos(x, (size.Height-24)/2))
		x += 26
	}
}

func (r *stripRenderer) MinSize() fyne.Size { return fyne.NewSize(60, 24) }
func (r *stripRenderer) Refresh()           { r.paint(); canvas.Refresh(r.s) }
func (r *stripRenderer) Destroy()           {}
func (r *stripRenderer) Objects() []fyne.CanvasObject {
	out := make([]fyne.CanvasObject, 0, len(r.texts)+1+len(r.s.buttons))
	for _, t := range r.texts {
		out = append(out, t)
	}
	if r.icon != nil {
		out = append(out, r.icon)
	}
	for _, b := range r.s.buttons {
		out = append(out, b)
	}
	return out
}

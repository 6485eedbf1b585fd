package transcript

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/bidi"
	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	look "github.com/drawbridge-app/drawbridge/app/ui/theme"
)

const headHeight float32 = 38

// headState is what a head shows.
type headState struct {
	icon   look.IconName
	tint   fyne.ThemeColorName
	busy   bool   // something moves in place of the icon
	server string // in front of the title; may be empty
	title  string
	end    string // at the right
	open   bool
	can    bool    // there is something to open
	quiet  bool    // it stands without a card
	part   float32 // how much of the work is done, of 1; 0 shows no bar
}

// head is the line of a card or of folded reasoning. A tap, Return or Space
// opens and closes it.
type head struct {
	widget.BaseWidget
	state   headState
	toggle  func()
	reveal  func()
	gone    bool // out of view
	hovered bool
	focused bool
}

var (
	_ fyne.Tappable      = (*head)(nil)
	_ fyne.Focusable     = (*head)(nil)
	_ desktop.Hoverable  = (*head)(nil)
	_ desktop.Cursorable = (*head)(nil)
)

func newHead(toggle func()) *head {
	h := &head{toggle: toggle}
	h.ExtendBaseWidget(h)
	return h
}

func (h *head) set(s headState) {
	h.gone = false
	h.state = s
	h.Refresh()
}

// Back lets it move again.
func (h *head) Back() {
	if h.gone {
		h.gone = false
		h.Refresh()
	}
}

// Gone stops what moves; the line is out of view.
func (h *head) Gone() {
	if h.state.busy {
		h.gone = true
		h.Refresh()
	}
}

func (h *head) press() {
	if h.state.can {
		h.toggle()
	}
}

// Tapped opens or closes.
func (h *head) Tapped(*fyne.PointEvent) { h.press() }

// MouseIn shows that it can be opened.
func (h *head) MouseIn(*desktop.MouseEvent) { h.hovered = true; h.Refresh() }

// MouseMoved is part of desktop.Hoverable.
func (h *head) MouseMoved(*desktop.MouseEvent) {}

// MouseOut ends what MouseIn began.
func (h *head) MouseOut() { h.hovered = false; h.Refresh() }

// Cursor is a hand where there is something to open.
func (h *head) Cursor() desktop.Cursor {
	if h.state.can {
		return desktop.PointerCursor
	}
	return desktop.DefaultCursor
}

// FocusGained shows that keys go here.
func (h *head) FocusGained() {
	h.focused = true
	if h.reveal != nil {
		h.reveal()
	}
	h.Refresh()
}

// FocusLost ends what FocusGained began.
func (h *head) FocusLost() { h.focused = false; h.Refresh() }

// TypedRune is part of fyne.Focusable.
func (h *head) TypedRune(rune) {}

// TypedKey opens or closes.
func (h *head) TypedKey(e *fyne.KeyEvent) {
	switch e.Name {
	case fyne.KeySpace, fyne.KeyReturn, fyne.KeyEnter:
		h.press()
	}
}

// DumpText returns what the line says.
func (h *head) DumpText() string { return h.state.words() }

// words is what the line says.
func (s headState) words() string {
	text := s.title
	if s.server != "" {
		text = s.server + " · " + text
	}
	if s.end != "" {
		text += " · " + s.end
	}
	return text
}

// AccessibilityLabel says what the line says, and what pressing it does.
func (h *head) AccessibilityLabel() string {
	switch {
	case !h.state.can:
		return h.DumpText()
	case h.state.open:
		return say.F("Close %s", h.DumpText())
	}
	return say.F("Open %s", h.DumpText())
}

// AccessibilityRole says that it acts.
func (h *head) AccessibilityRole() fyne.AccessibleRole { return fyne.AccessibleRoleButton }

// CreateRenderer links the line to what is drawn.
func (h *head) CreateRenderer() fyne.WidgetRenderer {
	r := &headRenderer{
		h: h, back: canvas.NewRectangle(color.Transparent), icon: canvas.NewImageFromResource(nil),
		chevron: canvas.NewImageFromResource(nil), server: canvas.NewText("", color.Transparent),
		title: canvas.NewText("", color.Transparent), end: canvas.NewText("", color.Transparent),
		more:  canvas.NewText("", color.Transparent),
		track: canvas.NewRectangle(color.Transparent), fill: canvas.NewRectangle(color.Transparent),
	}
	r.icon.FillMode, r.chevron.FillMode = canvas.ImageFillContain, canvas.ImageFillContain
	r.paint()
	return r
}

type headRenderer struct {
	h                  *head
	back               *canvas.Rectangle
	icon, chevron      *canvas.Image
	server, title, end *canvas.Text
	more               *canvas.Text // of the end, where it takes two lines
	spin               *widget.Activity
	track, fill        *canvas.Rectangle // how much of the work is done
}

func (r *headRenderer) paint() {
	h := r.h
	th, v := h.Theme(), fyne.CurrentApp().Settings().ThemeVariant()
	r.back.CornerRadius = look.Radius
	r.back.FillColor = color.Transparent
	if h.hovered && h.state.can {
		r.back.FillColor = th.Color(theme.ColorNameHover, v)
	}
	r.back.StrokeWidth = 0
	if h.focused {
		r.back.StrokeWidth, r.back.StrokeColor = 2, th.Color(theme.ColorNameFocus, v)
	}
	muted, ink := th.Color(look.ColorMuted, v), th.Color(theme.ColorNameForeground, v)
	r.server.Color, r.end.Color, r.more.Color, r.title.Color = muted, muted, muted, ink
	r.server.TextSize, r.title.TextSize = th.Size(theme.SizeNameText), th.Size(theme.SizeNameText)
	r.end.TextSize = th.Size(theme.SizeNameCaptionText)
	r.more.TextSize = r.end.TextSize
	r.title.TextStyle.Bold = !h.state.quiet
	if h.state.quiet {
		r.title.Color = muted
	}
	r.icon.Resource = nil
	if h.state.icon != "" {
		r.icon.Resource = look.Tinted(h.state.icon, h.state.tint)
	}
	if h.state.busy && !h.state.quiet && !h.gone {
		if r.spin == nil {
			r.spin = widget.NewActivity()
			r.spin.Start()
		}
	} else if r.spin != nil {
		r.spin.Stop()
		r.spin = nil
	}
	for _, bar := range []*canvas.Rectangle{r.track, r.fill} {
		bar.CornerRadius = headBar / 2
		bar.Hidden = h.state.part <= 0
	}
	r.track.FillColor, r.fill.FillColor = th.Color(theme.ColorNameSeparator, v), th.Color(theme.ColorNamePrimary, v)
	name := look.IconChevronRight
	if h.state.open {
		name = look.IconChevronDown
	}
	r.chevron.Resource = look.Tinted(name, look.ColorMuted)
	if h.state.can {
		r.chevron.Show()
	} else {
		r.chevron.Hide()
	}
}

// headBar is how high the bar is that shows the progress.
const headBar float32 = 3

func (r *headRenderer) Layout(size fyne.Size) {
	r.back.Resize(size)
	if part := min(r.h.state.part, 1); part > 0 {
		w := max(size.Width-2*cardPad, 0)
		for bar, width := range map[*canvas.Rectangle]float32{r.track: w, r.fill: max(w*part, headBar)} {
			bar.Resize(fyne.NewSize(width, headBar))
			bar.Move(fyne.NewPos(cardPad, size.Height-headBar))
		}
	}
	x := float32(cardPad)
	if r.h.state.quiet {
		x = 0
	}
	middle := func(h float32) float32 { return (size.Height - h) / 2 }
	for _, o := range []fyne.CanvasObject{r.icon, r.spin} {
		if o == fyne.CanvasObject((*widget.Activity)(nil)) {
			continue
		}
		o.Resize(fyne.NewSquareSize(18))
		o.Move(fyne.NewPos(x, middle(18)))
	}
	x += 28
	right := size.Width
	if !r.h.state.quiet {
		right -= 10
		r.chevron.Resize(fyne.NewSquareSize(14))
		r.chevron.Move(fyne.NewPos(right-14, middle(14)))
		right -= 14 + 8
	}
	fit := func(t *canvas.Text, text, sign string, room float32) float32 {
		t.Text = bidi.Visual(form.Shorten(text, room, t.TextSize, t.TextStyle)) + sign
		s := t.MinSize()
		t.Resize(s)
		return s.Width
	}
	room := max((right-x)/2, right-x-16-r.wants())
	first, second := r.parts(room)
	high := r.end.MinSize().Height
	top := middle(high)
	r.more.Hidden = second == ""
	if !r.more.Hidden {
		top = middle(2 * high)
	}
	w, under := fit(r.end, first, "", room), fit(r.more, second, "", room)
	r.end.Move(fyne.NewPos(right-w, top))
	r.more.Move(fyne.NewPos(right-under, top+high))
	right -= max(w, under) + 16
	w = 0
	r.server.Text = ""
	if server := r.h.state.server; server != "" {
		room := (right-x)*0.45 - fyne.MeasureText(headSign, r.server.TextSize, r.server.TextStyle).Width
		w = fit(r.server, server, headSign, room)
	}
	r.server.Move(fyne.NewPos(x, middle(r.server.MinSize().Height)))
	x += w
	w = fit(r.title, r.h.state.title, "", right-x)
	r.title.Move(fyne.NewPos(x, middle(r.title.MinSize().Height)))
	if r.h.state.quiet {
		r.chevron.Resize(fyne.NewSquareSize(13))
		r.chevron.Move(fyne.NewPos(x+w+6, middle(13)+1))
	}
}

// parts parts what stands at the end into two lines, where it does not fit into one.
func (r *headRenderer) parts(room float32) (first, second string) {
	const most = 200 // bytes
	text := r.h.state.end
	fits := func(s string) bool { return fyne.MeasureText(s, r.end.TextSize, r.end.TextStyle).Width <= room }
	if len(text) > most || fits(text) {
		return text, ""
	}
	at := 0
	for i, c := range text {
		if c == ' ' && fits(text[:i]) {
			at = i
		}
	}
	if at == 0 {
		return text, ""
	}
	return text[:at], text[at+1:]
}

// headSign stands between the server and the title.
const headSign = "  ›  "

// wants is how wide the server and the title are where nothing is cut. What is
// longer than a line is not measured.
func (r *headRenderer) wants() (w float32) {
	const most = 100 // bytes
	if len(r.h.state.title)+len(r.h.state.server) > most {
		return 1e6
	}
	if r.h.state.server != "" {
		w = fyne.MeasureText(r.h.state.server+headSign, r.server.TextSize, r.server.TextStyle).Width
	}
	return w + fyne.MeasureText(r.h.state.title, r.title.TextSize, r.title.TextStyle).Width + 2
}

func (r *headRenderer) MinSize() fyne.Size { return fyne.NewSize(120, headHeight) }

func (r *headRenderer) Refresh() {
	r.paint()
	r.Layout(r.h.Size())
	r.icon.Refresh()
	r.chevron.Refresh()
	canvas.Refresh(r.h)
}

func (r *headRenderer) Objects() []fyne.CanvasObject {
	mark := fyne.CanvasObject(r.icon)
	if r.spin != nil {
		mark = r.spin
	}
	return []fyne.CanvasObject{r.back, mark, r.server, r.title, r.end, r.more, r.chevron, r.track, r.fill}
}

func (r *headRenderer) Destroy() {
	if r.spin != nil {
		r.spin.Stop()
	}
}

// waiting moves while nothing of an answer has come.
type waiting struct {
	widget.BaseWidget
	spin *widget.Activity
	gone bool
}

func newWaiting() *waiting {
	w := &waiting{spin: widget.NewActivity()}
	w.spin.Start()
	w.ExtendBaseWidget(w)
	return w
}

// Gone stops the movement.
func (w *waiting) Gone() { w.gone = true; w.spin.Stop() }

// Back lets it move again.
func (w *waiting) Back() { w.gone = false; w.spin.Start() }

// DumpText says what it means.
func (w *waiting) DumpText() string { return say.T("Waiting for the model") }

// CreateRenderer links it to what is drawn.
func (w *waiting) CreateRenderer() fyne.WidgetRenderer { return &waitingRenderer{w} }

type waitingRenderer struct{ w *waiting }

func (r *waitingRenderer) Layout(size fyne.Size) {
	r.w.spin.Resize(fyne.NewSquareSize(size.Height))
}
func (r *waitingRenderer) MinSize() fyne.Size           { return fyne.NewSquareSize(20) }
func (r *waitingRenderer) Refresh()                     { r.w.spin.Refresh() }
func (r *waitingRenderer) Objects() []fyne.CanvasObject { return []fyne.CanvasObject{r.w.spin} }
func (r *waitingRenderer) Destroy()                     {}

package transcript

import (
	"image/color"
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/theme"
)

const (
	maxColumn float32 = 760 // wider lines are hard to read
	margin    float32 = 24
	padTop    float32 = 20
	padEnd    float32 = 28
)

// shown is what of a block is on the canvas.
type shown struct {
	width float32 // of the layout that it shows
	moved float32 // along its lines
	rects []*canvas.Rectangle
	lines map[int]*shownLine
	icon  *canvas.Image
	marks []*canvas.Rectangle // behind what is selected or was found
}

type shownLine struct {
	texts []*canvas.Text
	runs  []run
	bases []float32 // how far below its upper edge the letters of each stand
}

// sync brings the canvas in line with the blocks: it lays out what comes into
// view, mends the anchor, and moves what is there already.
func (v *View) sync() {
	if v.r != nil && v.held == 0 {
		v.r.sync()
	}
}

// settle finds the anchor for what is to be shown.
func (v *View) settle(height float32) {
	n := len(v.blocks)
	if n == 0 {
		v.anchor, v.above, v.follow = 0, 0, true
		return
	}
	lay := func(i int) float32 {
		b := v.blocks[i]
		if b.width != v.column || b.elastic {
			b.layout(v.measure, v.column)
		}
		v.count(b)
		return b.height
	}
	if v.follow {
		v.along(height, lay)
		return
	}
	v.following = following{}
	v.anchor = min(v.anchor, n-1)
	for v.above < 0 && v.anchor > 0 {
		v.anchor--
		v.above += lay(v.anchor)
	}
	if v.anchor == 0 && v.above < -padTop {
		v.above = -padTop
	}
	for v.anchor < n-1 && v.above >= lay(v.anchor) {
		v.above -= lay(v.anchor)
		v.anchor++
	}
	// At the end there is nothing below to scroll to.
	y := -v.above
	for i := v.anchor; i < n; i++ {
		y += lay(i)
		if y > height {
			return
		}
	}
	if y+padEnd <= height {
		v.follow = true
		v.fromEnd(height, lay)
	}
}

// fromEnd anchors so that the last block stands at the lower edge, or, if all
// is smaller than the view, the first at the upper.
func (v *View) fromEnd(height float32, lay func(int) float32) {
	room := height - padEnd
	for i := len(v.blocks) - 1; i >= 0; i-- {
		room -= lay(i)
		if room <= 0 || i == 0 {
			v.anchor, v.above = i, -room
			break
		}
	}
	if v.anchor == 0 && v.above < -padTop {
		v.above = -padTop
	}
}

// CreateRenderer links the thread to what is drawn.
func (v *View) CreateRenderer() fyne.WidgetRenderer {
	r := &viewRenderer{v: v, mark: canvas.NewRectangle(color.Transparent), ring: canvas.NewRectangle(color.Transparent), on: map[*block]bool{}, grounds: map[*group]*canvas.Rectangle{}}
	r.mark.Resize(fyne.NewSquareSize(1))
	r.painted = r.look()
	v.r = r
	return r
}

type viewRenderer struct {
	v    *View
	mark *canvas.Rectangle // refreshed where there are other objects than before
	ring *canvas.Rectangle // shows the focus

	on      map[*block]bool // blocks on the canvas
	grounds map[*group]*canvas.Rectangle
	sides   map[*group]*sideBar
	texts   []*canvas.Text // not in use
	rects   []*canvas.Rectangle
	objects []fyne.CanvasObject
	size    fyne.Size
	painted looks
}

func (r *viewRenderer) Layout(size fyne.Size) {
	if size == r.size {
		return
	}
	r.size = size
	r.sync()
}

func (r *viewRenderer) MinSize() fyne.Size { return fyne.NewSize(280, 120) }
func (r *viewRenderer) Destroy()           { r.v.r = nil }

// Objects is what is in view. Fyne forgets how something is drawn that was out of
// sight for a minute, asks anew when it is back, and does not lay that out unless
// something is in it already.
func (r *viewRenderer) Objects() []fyne.CanvasObject {
	if size := r.v.Size(); r.size.IsZero() && !size.IsZero() {
		r.Layout(size)
	}
	return r.objects
}

// Refresh paints all anew if the theme has changed. Fyne refreshes whatever
// stands in a container that is refreshed, and then there is nothing to do.
func (r *viewRenderer) Refresh() {
	if now := r.look(); now != r.painted {
		r.painted = now
		r.renew()
	}
	r.sync()
	r.v.bar.Refresh()
	r.v.toEnd.Refresh()
	r.v.tip.Refresh()
}

// looks is what the drawing depends on.
type looks struct {
	ink, ground, accent color.Color
	size                float32
}

func (r *viewRenderer) look() looks {
	return looks{
		r.color(theme.ColorNameForeground), r.color(theme.ColorNameBackground), r.color(theme.ColorNamePrimary),
		r.v.Theme().Size(theme.SizeNameText),
	}
}

// renew forgets all that was laid out and drawn.
func (r *viewRenderer) renew() {
	told := r.v.measure.lacks
	r.v.measure = newMeasurer()
	r.v.measure.lacks = told
	r.v.renewBlocks()
	for b := range r.on {
		r.drop(b, true)
	}
	clear(r.grounds)
	r.texts, r.rects = nil, nil
}

func (r *viewRenderer) color(name fyne.ThemeColorName) color.Color {
	if c, ok := codeInk(name, isDark(r.v.Theme().Color(theme.ColorNameBackground, fyne.CurrentApp().Settings().ThemeVariant()))); ok {
		return c
	}
	return r.v.Theme().Color(name, fyne.CurrentApp().Settings().ThemeVariant())
}

// sync puts what is in view on the canvas.
func (r *viewRenderer) sync() {
	v := r.v
	size := r.size
	if size.Width < 1 || size.Height < 1 {
		return
	}
	if v.column = min(max(size.Width-2*margin, 100), maxColumn); v.column != v.extents.width {
		v.recount()
	}
	v.settle(size.Height)
	v.nearStart(size.Height)
	if v.selecting = v.Selected(); v.selecting {
		v.selFrom, v.selTo = v.sel.ends()
	}
	left := v.left()

	under := make([]fyne.CanvasObject, 0, 32)
	over := make([]fyne.CanvasObject, 0, 64)
	seen := map[*block]bool{}
	grounds := map[*group]*canvas.Rectangle{}
	ends := map[*group]fyne.Position{} // how wide a ground is, and where it ends
	var wide []*block                  // code and tables that one can move along
	v.eachPlaced(func(p placed) { seen[p.block] = true })
	// What is not in view any more goes first: most of its lines may be the same in
	// what was made in its place.
	for b := range r.on {
		if !seen[b] {
			r.drop(b, false)
		}
	}
	v.eachPlaced(func(p placed) {
		b := p.block
		if g := b.group; g != nil {
			rect := grounds[g]
			if rect == nil {
				rect = r.ground(b, p.top, left, p.begins)
				grounds[g] = rect
				under = append(under, rect)
			}
			bottom := p.top + b.height
			if p.goesOn {
				bottom = size.Height + beyond
			}
			ends[g] = fyne.NewPos(b.box.w, min(bottom, size.Height+beyond))
		}
		under, over = r.place(b, p.top, left, under, over)
		if side := b.alongside(); side != nil && side.most() > 0 {
			wide = append(wide, b)
		}
	})
	for g, rect := range grounds {
		rect.Resize(fyne.NewSize(ends[g].X, max(ends[g].Y-rect.Position().Y, 1)))
	}
	r.grounds = grounds
	before := r.objects
	r.objects = append(append(append(r.objects[:0:0], r.mark), under...), over...)
	r.sideBars(wide, left)
	r.chrome(size)
	if !slices.Equal(r.objects, before) {
		canvas.Refresh(r.mark) // what only moved has said so
	}
	v.tellLacking()
	v.highlight()
}

// beyond is how far above and below the view things are still placed.
const beyond float32 = 40

// chrome places what floats above the thread.
func (r *viewRenderer) chrome(size fyne.Size) {
	v := r.v
	above, total := v.extent()
	v.bar.set(above, total, size.Height)
	v.bar.Move(fyne.NewPos(size.Width-barWidth, 0))
	v.bar.Resize(fyne.NewSize(barWidth, size.Height))
	r.objects = append(r.objects, v.bar)
	if v.follow || len(v.blocks) == 0 {
		v.toEnd.Hide()
	} else {
		v.toEnd.Show()
		s := v.toEnd.MinSize()
		v.toEnd.Resize(s)
		v.toEnd.Move(fyne.NewPos((size.Width-s.Width)/2, size.Height-s.Height-12))
		r.objects = append(r.objects, v.toEnd)
	}
	v.placeTip()
	r.objects = append(r.objects, v.tip)
	if v.focused && !v.quiet {
		r.ring.StrokeColor = r.color(theme.ColorNameFocus)
		r.ring.StrokeWidth = 2
		r.ring.CornerRadius = 4
		r.ring.Resize(size)
		r.objects = append(r.objects, r.ring)
	}
}

func (v *View) placeTip() {
	s := v.tip.MinSize()
	s.Width = min(s.Width, v.Size().Width)
	v.tip.Resize(s)
	v.tip.Move(fyne.NewPos(0, v.Size().Height-s.Height))
}

// ground is the rectangle behind a group.
func (r *viewRenderer) ground(b *block, top, left float32, begins bool) *canvas.Rectangle {
	rect, ok := r.grounds[b.group]
	if !ok {
		rect = canvas.NewRectangle(color.Transparent)
		r.grounds[b.group] = rect
	}
	fill, stroke := color.Color(color.Transparent), color.Color(color.Transparent)
	if b.group.fill != "" {
		fill = r.color(b.group.fill)
	}
	width := float32(0)
	if b.group.stroke != "" {
		stroke, width = r.color(b.group.stroke), 1
	}
	if rect.FillColor != fill || rect.StrokeColor != stroke || rect.CornerRadius != b.group.radius {
		rect.FillColor, rect.StrokeColor, rect.StrokeWidth, rect.CornerRadius = fill, stroke, width, b.group.radius
		canvas.Refresh(rect)
	}
	y := -beyond
	if begins {
		y = max(top+b.gap-b.group.over, -beyond)
	}
	rect.Move(fyne.NewPos(left+b.box.x, y))
	return rect
}

// place puts a block's parts where they belong.
func (r *viewRenderer) place(b *block, top, left float32, under, over []fyne.CanvasObject) (u, o []fyne.CanvasObject) {
	r.v.wantColours(b)
	if b.recoloured {
		b.recoloured = false
		b.layout(r.v.measure, r.v.column)
		r.drop(b, false)
	}
	if b.shown != nil && (b.shown.width != b.width || b.shown.moved != b.moved()) {
		r.drop(b, false)
	}
	if b.shown == nil {
		b.shown = &shown{lines: map[int]*shownLine{}, width: b.width, moved: b.moved()}
		r.on[b] = true
	}
	s := b.shown
	for i, sh := range b.shapes {
		if i == len(s.rects) {
			s.rects = append(s.rects, r.rect())
		}
		rect := s.rects[i]
		if c := r.color(sh.ink); rect.FillColor != c || rect.CornerRadius != sh.radius {
			rect.FillColor, rect.CornerRadius, rect.StrokeWidth = c, sh.radius, 0
			canvas.Refresh(rect)
		}
		x0, x1 := sh.x, sh.x+sh.w
		if side := b.alongside(); side != nil {
			inLeft, inRight := b.edges()
			x0, x1 = max(x0-side.x, inLeft), min(x1-side.x, inRight)
			if x0 >= x1 {
				continue
			}
		}
		rect.Resize(fyne.NewSize(x1-x0, sh.h))
		rect.Move(fyne.NewPos(left+x0, top+sh.y))
		under = append(under, rect)
	}
	under = r.markBlock(b, top, left, under)
	for i := range b.lines {
		l := &b.lines[i]
		y := top + l.y
		if y+l.h < -beyond || y > r.size.Height+beyond {
			if sl := s.lines[i]; sl != nil {
				r.texts = append(r.texts, sl.texts...)
				delete(s.lines, i)
			}
			continue
		}
		sl := s.lines[i]
		if sl == nil {
			sl = &shownLine{runs: l.runs}
			if side := b.alongside(); side != nil {
				inLeft, inRight := b.edges()
				sl.runs = r.v.measure.window(l.runs, side.x, inLeft, inRight)
			}
			for k := range sl.runs {
				sl.texts = append(sl.texts, r.text(&sl.runs[k]))
				sl.bases = append(sl.bases, r.v.measure.baseline(sl.runs[k].span.face, sl.runs[k].drawn()))
			}
			s.lines[i] = sl
		}
		main := r.v.measure.metrics(face{size: b.size()})
		if b.pre {
			main = r.v.measure.metrics(face{size: b.size(), mono: true})
		}
		base := y + (l.h-main.height)/2 + main.baseline
		for k := range sl.runs {
			sl.texts[k].Move(fyne.NewPos(left+sl.runs[k].x, base-sl.bases[k]))
			over = append(over, sl.texts[k])
		}
	}
	if b.icon != nil {
		if s.icon == nil {
			s.icon = canvas.NewImageFromResource(b.icon)
			s.icon.FillMode = canvas.ImageFillContain
			s.icon.Resize(fyne.NewSquareSize(iconSize))
		}
		s.icon.Move(fyne.NewPos(left+b.iconX, top+b.gap+2))
		over = append(over, s.icon)
	}
	if b.fixed == nil && b.make != nil {
		b.fixed = b.make()
		if m, ok := b.fixed.(mover); ok && r.v.resting {
			m.Gone()
		}
	}
	if b.fixed != nil {
		b.fixed.Move(fyne.NewPos(left+b.left, top+b.gap))
		b.fixed.Resize(fyne.NewSize(b.width-b.left-b.right, b.height-b.gap-b.below))
		over = append(over, b.fixed)
	}
	return under, over
}

// drop takes a block off the canvas.
func (r *viewRenderer) drop(b *block, forget bool) {
	delete(r.on, b)
	s := b.shown
	b.shown = nil
	if b.make != nil && b.fixed != nil {
		if c, ok := b.fixed.(mover); ok && !r.inUse(b.fixed) {
			c.Gone()
		}
		b.fixed = nil
	}
	if s == nil || forget {
		return
	}
	r.rects = append(r.rects, s.rects...)
	for _, l := range s.lines {
		r.texts = append(r.texts, l.texts...)
	}
}

// inUse reports whether a block in view has the widget.
func (r *viewRenderer) inUse(o fyne.CanvasObject) bool {
	for b := range r.on {
		if b.fixed == o {
			return true
		}
	}
	return false
}

func (r *viewRenderer) rect() *canvas.Rectangle {
	if n := len(r.rects); n > 0 {
		rect := r.rects[n-1]
		r.rects = r.rects[:n-1]
		return rect
	}
	return canvas.NewRectangle(color.Transparent)
}

// spareTexts is how many texts are kept for what may be shown again.
const spareTexts = 200

// text returns an object that shows the run.
func (r *viewRenderer) text(run *run) *canvas.Text {
	s := run.span
	text, ink, style := run.drawn(), r.color(s.ink), s.face.style()
	style.Strikethrough, style.Underline = s.strike, s.link != ""
	var t *canvas.Text
	n := len(r.texts)
	for i := n - 1; i >= 0; i-- {
		// One that says the same need not be painted anew.
		if u := r.texts[i]; u.Text == text && u.Color == ink && u.TextSize == s.face.size && u.TextStyle == style {
			r.texts[i] = r.texts[n-1]
			r.texts = r.texts[:n-1]
			return u
		}
	}
	if n > spareTexts {
		t = r.texts[0]
		r.texts[0] = r.texts[n-1]
		r.texts = r.texts[:n-1]
	} else {
		t = canvas.NewText("", color.Transparent)
	}
	t.Text, t.Color, t.TextSize, t.TextStyle = text, ink, s.face.size, style
	t.Resize(fyne.NewSize(run.w, r.v.measure.metrics(s.face).height))
	canvas.Refresh(t)
	return t
}

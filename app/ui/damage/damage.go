// Package damage paints of a window only what has changed since the frame before,
// where the processor paints: in virtual machines, on remote desktops, and wherever
// there is no graphics card. Fyne paints the whole window whenever anything in it
// changes, which then costs more than everything else that the window does.
//
// Fyne has no word for it, so it is told in its own words. The content of the
// window is put into a view, which cuts off what is beyond it. While a frame is
// painted, and only then, the view says that it has the place and the size of the
// part in which something changed; everything in it stands where it stood. The rest
// of the window keeps the pixels of the frame before. That they are kept is not
// promised by any graphics library, so they are asked until they have proved it,
// and now and then after that; where they are not kept, all is painted as ever.
package damage

import (
	"bytes"
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// Content is the content of a window of which only the damage is painted. All of it
// belongs to the goroutine of the window.
type Content struct {
	widget.BaseWidget
	window  fyne.Window
	view    *view
	asked   bool    // what the window is painted on
	surface surface // nil where Fyne paints as it always does
	frame   frame
	last    picture
	stays   stays
	look    look
	whole   int // so many of the next frames are painted whole
}

// look is what the whole window looks different with.
type look struct {
	size       fyne.Size
	scale      float32
	variant    fyne.ThemeVariant
	background color.Color
}

// frame is what is known of the frame that is being painted.
type frame struct {
	begun   bool
	size    fyne.Size // of the window
	changed area      // since the frame before
	part    area      // that is painted
}

// stays is what is known of whether pixels stay from one frame to the next.
type stays struct {
	proved int // frames after which they had stayed
	failed int // and had not
	since  int // frames since they were looked at
	probe  []byte
	probed area
	size   fyne.Size // of the window then
}

const (
	provedFrames = 6   // must have left their pixels, before only parts are painted
	failedFrames = 3   // that did not, and all is painted for ever
	probeEvery   = 100 // frames, whether they still do; all is painted then
	probeSide    = 64  // of what is looked at, at the most
	settleFrames = 3   // painted whole, when the window has another size or another look
)

// New puts what is to be shown in a window into a content, which the window is then
// given.
func New(w fyne.Window, shown fyne.CanvasObject) *Content {
	c := &Content{window: w, whole: settleFrames}
	c.view = newView(shown)
	c.ExtendBaseWidget(c)
	return c
}

// Anew has the next frame be painted whole.
func (c *Content) Anew() { c.whole = max(c.whole, 1) }

// CreateRenderer links the content to what is painted.
func (c *Content) CreateRenderer() fyne.WidgetRenderer {
	return &renderer{
		content: c,
		objects: []fyne.CanvasObject{told(c.begin), c.view, told(c.end)},
	}
}

type renderer struct {
	content *Content
	objects []fyne.CanvasObject
}

func (r *renderer) Layout(size fyne.Size)        { r.content.view.Resize(size) }
func (r *renderer) MinSize() fyne.Size           { return r.content.view.MinSize() }
func (r *renderer) Refresh()                     { r.content.view.Refresh() }
func (r *renderer) Objects() []fyne.CanvasObject { return r.objects }
func (r *renderer) Destroy()                     {}

// told returns an object that cannot be seen and calls a function whenever it is
// painted: a colour is asked for its parts then, and at no other time.
func told(f func()) fyne.CanvasObject {
	o := canvas.NewRectangle(teller(f))
	o.Resize(fyne.NewSquareSize(1))
	return o
}

// teller is a colour without any colour.
type teller func()

// RGBA is part of color.Color.
func (t teller) RGBA() (r, g, b, a uint32) {
	t()
	return 0, 0, 0, 0
}

var _ color.Color = teller(nil)

// begin is called when Fyne begins to paint the content.
func (c *Content) begin() {
	if c.frame.begun {
		return
	}
	if !c.asked {
		c.asked = true
		c.surface = surfaceOf(c.window)
	}
	if c.surface == nil {
		return
	}
	size := c.Size()
	all := area{0, 0, size.Width, size.Height}
	changed := c.last.look(c.view.shown, all)
	c.frame = frame{begun: true, size: size, changed: changed, part: changed}
	proved, whole := c.proved(), c.mustBeWhole()
	if !proved || whole {
		c.frame.part = all
	}
	c.surface.Clear(c.frame.part, size, theme.Color(theme.ColorNameBackground))
	c.view.part = &c.frame.part
}

// mustBeWhole reports whether all of the window is to be painted: since it has
// another size or look, or something is shown above the content, which is painted
// after it and whole.
func (c *Content) mustBeWhole() bool {
	canvas := c.window.Canvas()
	look := look{
		size:       c.frame.size,
		scale:      canvas.Scale(),
		variant:    fyne.CurrentApp().Settings().ThemeVariant(),
		background: theme.Color(theme.ColorNameBackground),
	}
	if look != c.look {
		c.look, c.whole = look, settleFrames
	}
	if canvas.Overlays().Top() != nil {
		c.whole = 2 // this frame, and the first without it
	}
	if c.whole > 0 {
		c.whole--
		return true
	}
	return look.scale != 1 // parts are counted in whole pixels
}

// end is called when the content is painted.
func (c *Content) end() {
	if !c.frame.begun {
		return
	}
	f := c.frame
	c.frame, c.view.part = frame{}, nil
	c.leave(f)
	if c.window.Canvas().Overlays().Top() == nil {
		c.surface.Keep()
	}
}

// leave notes some pixels of what had changed, to look for them in the next frame.
func (c *Content) leave(f frame) {
	s := &c.stays
	if s.proved >= provedFrames || s.failed >= failedFrames || f.changed.empty() {
		return
	}
	s.size, s.probed = f.size, f.changed.cut(area{f.changed.left, f.changed.top, f.changed.left + probeSide, f.changed.top + probeSide})
	s.probe = c.surface.Pixels(s.probed, f.size)
}

// proved reports whether the pixels of one frame have proved to be there in the
// next. They are compared where something had changed in the one before.
func (c *Content) proved() bool {
	s := &c.stays
	if s.probe != nil && s.size == c.frame.size {
		if bytes.Equal(s.probe, c.surface.Pixels(s.probed, s.size)) {
			s.proved++
		} else {
			s.failed++
			s.proved = 0
		}
	}
	s.probe = nil
	if s.since++; s.since >= probeEvery && s.proved >= provedFrames {
		s.since, s.proved = 0, provedFrames-1
	}
	return s.proved >= provedFrames && s.failed < failedFrames
}

package damage

import (
	"image/color"
	"math"
	"reflect"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"

	"github.com/drawbridge-app/drawbridge/app/ui/tree"
)

// area is a rectangle of whole pixels, by its edges.
type area struct{ left, top, right, bottom float32 }

func (a area) empty() bool { return a.right <= a.left || a.bottom <= a.top }

func (a area) with(b area) area {
	switch {
	case a.empty():
		return b
	case b.empty():
		return a
	}
	return area{min(a.left, b.left), min(a.top, b.top), max(a.right, b.right), max(a.bottom, b.bottom)}
}

func (a area) cut(b area) area {
	return area{max(a.left, b.left), max(a.top, b.top), min(a.right, b.right), min(a.bottom, b.bottom)}
}

// around is the pixels that a rectangle touches.
func around(pos fyne.Position, size fyne.Size) area {
	floor := func(v float32) float32 { return float32(math.Floor(float64(v))) }
	ceil := func(v float32) float32 { return float32(math.Ceil(float64(v))) }
	return area{floor(pos.X), floor(pos.Y), ceil(pos.X + size.Width), ceil(pos.Y + size.Height)}
}

// picture is all that was painted in a frame, in the order in which it was.
type picture struct {
	drawn, spare []drawn

	// where in the last one
	looks   map[seen]int
	objects map[fyne.CanvasObject]int
}

// drawn is an object that was painted.
type drawn struct {
	seen
	object fyne.CanvasObject
	still  bool // it is as it was
}

// seen is how an object looked.
type seen struct {
	at  area          // that it may have touched
	pos fyne.Position // which decides about the smoothness of its edges
	as  any           // a copy of it; nil for one that may look different each time
}

func (d drawn) same(e drawn) bool { return d.as != nil && d.seen == e.seen }

// look notes what is painted now in an area, and returns what surrounds all that is
// not as it was.
func (p *picture) look(o fyne.CanvasObject, all area) (changed area) {
	was := p.drawn
	p.drawn = p.spare[:0]
	p.walk(o, fyne.NewPos(0, 0), all)
	p.spare = was
	return p.differ(was, p.drawn)
}

func (p *picture) walk(o fyne.CanvasObject, offset fyne.Position, clip area) {
	if o == nil || !o.Visible() {
		return
	}
	pos := o.Position().Add(offset)
	switch o.(type) {
	case *fyne.Container, fyne.Widget:
		children, clips := tree.Children(o)
		if clips {
			clip = clip.cut(around(pos, o.Size()))
		}
		for _, child := range children {
			p.walk(child, pos, clip)
		}
		return
	}
	if s, any := lookAt(o, pos); any {
		if s.at = s.at.cut(clip); !s.at.empty() {
			p.drawn = append(p.drawn, drawn{seen: s, object: o})
		}
	}
}

// differ compares two pictures. What looks the same in the same place is the same,
// whichever object it is, for lines of text are shown now by the one and now by the
// other.
func (p *picture) differ(was, now []drawn) (changed area) {
	for len(was) > 0 && len(now) > 0 && was[0].same(now[0]) {
		was, now = was[1:], now[1:]
	}
	for len(was) > 0 && len(now) > 0 && was[len(was)-1].same(now[len(now)-1]) {
		was, now = was[:len(was)-1], now[:len(now)-1]
	}
	if p.looks == nil {
		p.looks, p.objects = map[seen]int{}, map[fyne.CanvasObject]int{}
	}
	clear(p.looks)
	clear(p.objects)
	for i, d := range was {
		if d.as != nil {
			p.looks[d.seen] = i
		}
		p.objects[d.object] = i
	}
	still := make([]bool, len(was))
	before := -1 // the place in the pile of what was below
	for n := range now {
		d := &now[n]
		i, known := p.looks[d.seen]
		if d.as == nil || !known || still[i] {
			continue
		}
		still[i], d.still = true, true
		if i < before { // it lies elsewhere in the pile
			changed = changed.with(d.at)
		}
		before = max(before, i)
	}
	for _, d := range now {
		if d.still {
			continue
		}
		if i, known := p.objects[d.object]; known && !still[i] {
			still[i] = true
			changed = changed.with(between(was[i], d))
			continue
		}
		changed = changed.with(d.at)
	}
	for i, d := range was {
		if !still[i] { // it is gone
			changed = changed.with(d.at)
		}
	}
	return changed
}

// pad is how far a shape is painted beyond its size: the smoothness of its edges,
// and what is lost by counting in whole pixels.
const pad = 2

// lookAt notes how an object looks that stands at a place, and reports whether there
// is anything to be seen of it.
func lookAt(o fyne.CanvasObject, pos fyne.Position) (s seen, any bool) {
	s.pos = pos
	size := o.Size()
	beyond, aside := float32(pad), float32(0)
	switch o := o.(type) {
	case *canvas.Text:
		if o.Text == "" {
			return s, false
		}
		// One that is wider than its place may stand out on either side.
		least := o.MinSize()
		aside = max(least.Width-size.Width, 0)
		size.Height = max(size.Height, least.Height)
		if o.TextStyle.Italic {
			beyond += o.TextSize / 2
		}
		s.as = *o
	case *canvas.Rectangle:
		if invisible(o) {
			return s, false
		}
		beyond += o.StrokeWidth + reach(o.Shadow)
		s.as = *o
	case *canvas.Circle:
		beyond += o.StrokeWidth + reach(o.Shadow)
		s.as = *o
	case *canvas.Image:
		if reflect.ValueOf(*o).Comparable() { // whatever kind of image it holds
			s.as = *o
		}
	case *canvas.Line:
		beyond += o.StrokeWidth
		s.as = *o
	case *canvas.LinearGradient:
		s.as = *o
	}
	s.at = around(pos.SubtractXY(beyond+aside, beyond), size.AddWidthHeight(2*(beyond+aside), 2*beyond))
	return s, true
}

// invisible reports whether Fyne paints nothing of a rectangle.
func invisible(o *canvas.Rectangle) bool {
	clear := func(c color.Color) bool { return c == nil || c == color.Transparent }
	return clear(o.FillColor) && (clear(o.StrokeColor) || o.StrokeWidth == 0) && o.Shadow == (canvas.Shadow{})
}

// reach is how far a shadow falls.
func reach(s canvas.Shadow) float32 {
	if s == (canvas.Shadow{}) {
		return 0
	}
	return s.BlurRadius + max(s.Spread, 0) + max(s.Offset.X, -s.Offset.X, s.Offset.Y, -s.Offset.Y)
}

// between is the area in which two looks of an object differ. Of a rectangle that
// got higher or lower, as the ground of code does line by line, it is no more than
// the ends that moved.
func between(was, now drawn) area {
	whole := was.at.with(now.at)
	a, isRect := was.as.(canvas.Rectangle)
	b, isStill := now.as.(canvas.Rectangle)
	if !isRect || !isStill || was.pos.X != now.pos.X || a.Size().Width != b.Size().Width || !sameBut(a, b) {
		return whole
	}
	edge := a.StrokeWidth + max(a.CornerRadius, a.TopLeftCornerRadius, a.TopRightCornerRadius, a.BottomLeftCornerRadius, a.BottomRightCornerRadius)
	if min(a.Size().Height, b.Size().Height) < 2*edge {
		return whole // its corners are not round in the same way
	}
	end := 2*pad + float32(math.Ceil(float64(edge)))
	upper, lower := whole, whole
	upper.bottom = max(was.at.top, now.at.top) + end
	lower.top = min(was.at.bottom, now.at.bottom) - end
	if was.pos.Y == now.pos.Y {
		upper = area{}
	}
	if was.pos.Y+a.Size().Height == now.pos.Y+b.Size().Height {
		lower = area{}
	}
	return upper.with(lower).cut(whole)
}

// sameBut reports whether two rectangles are painted the same, their sizes apart.
func sameBut(a, b canvas.Rectangle) bool {
	return a.Shadow == (canvas.Shadow{}) && b.Shadow == a.Shadow && a.Aspect == 0 && b.Aspect == 0 &&
		a.FillColor == b.FillColor && a.StrokeColor == b.StrokeColor && a.StrokeWidth == b.StrokeWidth && a.CornerRadius == b.CornerRadius &&
		a.TopLeftCornerRadius == b.TopLeftCornerRadius && a.TopRightCornerRadius == b.TopRightCornerRadius &&
		a.BottomLeftCornerRadius == b.BottomLeftCornerRadius && a.BottomRightCornerRadius == b.BottomRightCornerRadius
}

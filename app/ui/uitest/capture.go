package uitest

import (
	"image"
	"image/draw"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"
)

// layouts is how often lay places everything: what is as high as its lines are
// many knows so only once it has its width.
const layouts = 3

// lay places everything in the window by what it needs now, as the window of the
// program does before it paints. The one for tests does so only where a size
// changes.
func lay(w fyne.Window) {
	for range layouts {
		trees(w, func(o fyne.CanvasObject) {
			switch o := o.(type) {
			case *fyne.Container:
				if o.Layout != nil {
					o.Layout.Layout(o.Objects, o.Size())
				}
			case fyne.Widget:
				test.WidgetRenderer(o).Layout(o.Size())
			}
		})
	}
	// What shows that something goes on was begun before it had a size.
	trees(w, func(o fyne.CanvasObject) {
		if a, ok := o.(*widget.Activity); ok {
			a.Stop()
			a.Start()
		}
	})
}

// trees visits all that is visible in the window, parents first.
func trees(w fyne.Window, visit func(fyne.CanvasObject)) {
	descend(w.Content(), visit)
	for _, o := range w.Canvas().Overlays().List() {
		descend(o, visit)
	}
}

// capture takes a picture of the window. Fyne's software painter cuts what is in
// a scroll within another off at the edges of the inner one alone, where the
// painter of the program does at those of both: so what a scroll holds is painted
// apart, and kept within it.
func capture(w fyne.Window) *image.NRGBA {
	whole := flat(w.Canvas().Capture())
	over := leaking(w)
	if len(over) == 0 {
		return whole
	}
	for o := range over {
		o.Hide()
	}
	out := flat(w.Canvas().Capture())
	for o, r := range over {
		o.Show()
		draw.Draw(out, r, whole, r.Min, draw.Src)
	}
	return out
}

// leaking returns the scrolls in which another one reaches over the edge, and
// where they are.
func leaking(w fyne.Window) map[fyne.CanvasObject]image.Rectangle {
	out := map[fyne.CanvasObject]image.Rectangle{}
	var down func(o fyne.CanvasObject, at fyne.Position, outer fyne.CanvasObject, edge image.Rectangle)
	down = func(o fyne.CanvasObject, at fyne.Position, outer fyne.CanvasObject, edge image.Rectangle) {
		if o == nil || !o.Visible() {
			return
		}
		at = at.Add(o.Position())
		if clips(o) {
			size := o.Size()
			is := image.Rect(int(at.X), int(at.Y), int(at.X+size.Width), int(at.Y+size.Height))
			switch {
			case outer == nil:
				outer, edge = o, is
			case !is.In(edge):
				out[outer] = edge
			}
		}
		switch o := o.(type) {
		case *fyne.Container:
			for _, child := range o.Objects {
				down(child, at, outer, edge)
			}
		case fyne.Widget:
			for _, child := range test.WidgetRenderer(o).Objects() {
				down(child, at, outer, edge)
			}
		}
	}
	for _, o := range append([]fyne.CanvasObject{w.Content()}, w.Canvas().Overlays().List()...) {
		down(o, fyne.Position{}, nil, image.Rectangle{})
	}
	return out
}

// clips reports whether an object cuts off what is in it at its edges.
func clips(o fyne.CanvasObject) bool {
	if _, scrolls := o.(fyne.Scrollable); scrolls {
		return true
	}
	wid, ok := o.(fyne.Widget)
	if !ok {
		return false
	}
	_, is := test.WidgetRenderer(wid).(interface{ IsClip() })
	return is
}

package form

import (
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
)

// Beside puts an object at the end of the line that another begins, or below it
// where there is no room for both. The first gets what the other leaves, and at
// least that much. What is at the end stands in the middle of the line; a Wrap
// there has all in one line, where there is room.
func Beside(first, end fyne.CanvasObject, least float32) *fyne.Container {
	return &fyne.Container{Layout: &beside{least: least}, Objects: []fyne.CanvasObject{first, end}}
}

// beside knows the width that it was given last, since how high it is depends on
// it.
type beside struct{ least, width float32 }

// oneLine is how wide an object is that does not go on in another line.
func oneLine(o fyne.CanvasObject) float32 {
	if c, ok := o.(*fyne.Container); ok {
		if w, ok := c.Layout.(*wrap); ok {
			return w.total(c.Objects)
		}
	}
	return o.MinSize().Width
}

func (b *beside) fits(first, end fyne.CanvasObject) bool {
	return b.width <= 0 || !end.Visible() || max(b.least, first.MinSize().Width)+theme.Padding()+oneLine(end) <= b.width
}

func (b *beside) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	b.width = size.Width
	first, end := objects[0], objects[1]
	first.Move(fyne.Position{})
	if !end.Visible() {
		first.Resize(size)
		return
	}
	if b.fits(first, end) {
		w := oneLine(end)
		first.Resize(fyne.NewSize(size.Width-w-theme.Padding(), size.Height))
		h := highAt(end, w)
		end.Resize(fyne.NewSize(w, h))
		end.Move(fyne.NewPos(size.Width-w, (size.Height-h)/2))
		return
	}
	h := highAt(first, size.Width)
	first.Resize(fyne.NewSize(size.Width, h))
	end.Move(fyne.NewPos(0, h))
	end.Resize(fyne.NewSize(size.Width, highAt(end, size.Width)))
}

// highAt is how high an object is that has the width: what wraps follows from it.
func highAt(o fyne.CanvasObject, width float32) float32 {
	o.Resize(fyne.NewSize(width, o.Size().Height))
	return o.MinSize().Height
}

func (b *beside) MinSize(objects []fyne.CanvasObject) fyne.Size {
	first, end := objects[0], objects[1]
	f, e := first.MinSize(), end.MinSize()
	switch {
	case !end.Visible():
		return f
	case b.fits(first, end):
		return fyne.NewSize(max(f.Width, e.Width), max(f.Height, e.Height))
	}
	return fyne.NewSize(max(f.Width, e.Width), f.Height+e.Height)
}

// Columns lays objects out in as many columns of one width as there is room for,
// at most that many, each at least that wide and as wide as its objects need. A
// row is as high as the highest in it.
func Columns(most int, least, gap float32, objects ...fyne.CanvasObject) *fyne.Container {
	return &fyne.Container{Layout: &grid{most: most, least: least, gap: gap}, Objects: objects}
}

// Grid does the same, with the gaps that Fyne's grid has.
func Grid(most int, objects ...fyne.CanvasObject) *fyne.Container {
	return Columns(most, 0, theme.Padding(), objects...)
}

// grid knows the width that it was given last, since how high it is depends on
// it.
type grid struct {
	most       int
	least, gap float32
	width      float32
}

// rows parts what is seen into rows, and returns how many columns there are.
func (c *grid) rows(objects []fyne.CanvasObject) (rows [][]fyne.CanvasObject, n int) {
	var shown []fyne.CanvasObject
	least := c.least
	for _, o := range objects {
		if o.Visible() {
			shown = append(shown, o)
			least = max(least, o.MinSize().Width)
		}
	}
	n = c.most
	for n > 1 && c.width > 0 && float32(n)*least+float32(n-1)*c.gap > c.width {
		n--
	}
	return slices.Collect(slices.Chunk(shown, n)), n
}

func (c *grid) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	c.width = size.Width
	rows, n := c.rows(objects)
	w := (size.Width - float32(n-1)*c.gap) / float32(n)
	y := float32(0)
	for _, row := range rows {
		h := highest(row)
		for i, o := range row {
			o.Move(fyne.NewPos(float32(i)*(w+c.gap), y))
			o.Resize(fyne.NewSize(w, h))
		}
		y += h + c.gap
	}
}

func (c *grid) MinSize(objects []fyne.CanvasObject) fyne.Size {
	s := fyne.NewSize(c.least, 0)
	rows, _ := c.rows(objects)
	for i, row := range rows {
		for _, o := range row {
			s.Width = max(s.Width, o.MinSize().Width)
		}
		if i > 0 {
			s.Height += c.gap
		}
		s.Height += highest(row)
	}
	return s
}

func highest(objects []fyne.CanvasObject) (h float32) {
	for _, o := range objects {
		h = max(h, o.MinSize().Height)
	}
	return h
}

// Above puts an object above another. It is as high as it needs to be, and scrolls
// where that would leave less than that for the other.
func Above(top, rest fyne.CanvasObject, least float32) *fyne.Container {
	return &fyne.Container{Layout: &above{least: least}, Objects: []fyne.CanvasObject{container.NewVScroll(Pad(aboveEdge, 0, top)), rest}}
}

// aboveEdge is room for the frames of fields, which would be cut at the edge of the
// scroll.
const aboveEdge float32 = 2

type above struct{ least float32 }

func (a *above) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	scroll, rest := objects[0].(*container.Scroll), objects[1]
	w := size.Width + 2*aboveEdge
	highAt(scroll, w)
	high := scroll.Content.MinSize().Height
	h := min(high, max(0, size.Height-a.least-theme.Padding()))
	if h < high {
		h = max(h, min(high, size.Height/2))
	}
	scroll.Move(fyne.NewPos(-aboveEdge, 0))
	scroll.Resize(fyne.NewSize(w, h))
	if h > 0 {
		h += theme.Padding()
	}
	rest.Move(fyne.NewPos(0, h))
	rest.Resize(fyne.NewSize(size.Width, size.Height-h))
}

func (a *above) MinSize(objects []fyne.CanvasObject) fyne.Size {
	top, rest := objects[0].MinSize(), objects[1].MinSize()
	return fyne.NewSize(max(top.Width, rest.Width), rest.Height)
}

package form

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/layout"
)

// Wrap puts objects side by side, those after a spacer at the end of the line,
// and begins another line where there is no room for all of them.
func Wrap(objects ...fyne.CanvasObject) *fyne.Container {
	return &fyne.Container{Layout: &wrap{gap: wrapGap}, Objects: objects}
}

// wrap knows the width that it was given last, since how high it is depends on it.
type wrap struct{ width, gap float32 }

// wrapGap lies between two objects of a Wrap.
const wrapGap float32 = 4

// total is how wide all that is seen is in one line.
func (w *wrap) total(objects []fyne.CanvasObject) float32 {
	total := -w.gap
	for _, o := range objects {
		if s, ok := o.(layout.SpacerObject); (!ok || !s.ExpandHorizontal()) && o.Visible() {
			total += o.MinSize().Width + w.gap
		}
	}
	return max(total, 0)
}

// lines parts what is seen into lines, and says whether a spacer has room.
func (w *wrap) lines(objects []fyne.CanvasObject) (out [][]fyne.CanvasObject, spacer int) {
	var shown []fyne.CanvasObject
	spacer = -1
	for _, o := range objects {
		if s, ok := o.(layout.SpacerObject); ok && s.ExpandHorizontal() {
			spacer = len(shown)
			continue
		}
		if o.Visible() {
			shown = append(shown, o)
		}
	}
	if w.width <= 0 || w.total(objects) <= w.width {
		return [][]fyne.CanvasObject{shown}, spacer
	}
	x := float32(0)
	var line []fyne.CanvasObject
	for _, o := range shown {
		if x+o.MinSize().Width > w.width && len(line) > 0 {
			out, line, x = append(out, line), nil, 0
		}
		line = append(line, o)
		x += o.MinSize().Width + w.gap
	}
	return append(out, line), -1
}

func (w *wrap) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	w.width = size.Width
	all, spacer := w.lines(objects)
	y := float32(0)
	for _, line := range all {
		h, used := float32(0), float32(0)
		for _, o := range line {
			h = max(h, o.MinSize().Height)
			used += o.MinSize().Width + w.gap
		}
		x := float32(0)
		for i, o := range line {
			if i == spacer {
				x += max(0, size.Width-used+w.gap)
			}
			o.Move(fyne.NewPos(x, y))
			o.Resize(fyne.NewSize(min(o.MinSize().Width, size.Width), h))
			x += o.MinSize().Width + w.gap
		}
		y += h + w.gap
	}
}

func (w *wrap) MinSize(objects []fyne.CanvasObject) fyne.Size {
	all, _ := w.lines(objects)
	var s fyne.Size
	for i, line := range all {
		h := float32(0)
		for _, o := range line {
			m := o.MinSize()
			s.Width, h = max(s.Width, m.Width), max(h, m.Height)
		}
		if i > 0 {
			s.Height += w.gap
		}
		s.Height += h
	}
	return s
}

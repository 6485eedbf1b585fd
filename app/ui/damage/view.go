package damage

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"
)

// view cuts off what is beyond it. While a part of the window is painted, it has
// the place and the size of that part.
type view struct {
	widget.BaseWidget
	shown fyne.CanvasObject
	stand *stand
	part  *area // that is being painted, or nil
}

func newView(shown fyne.CanvasObject) *view {
	v := &view{shown: shown}
	v.stand = &stand{view: v}
	v.stand.ExtendBaseWidget(v.stand)
	v.ExtendBaseWidget(v)
	return v
}

// Position is part of fyne.CanvasObject.
func (v *view) Position() fyne.Position {
	if v.part != nil {
		return fyne.NewPos(v.part.left, v.part.top)
	}
	return v.BaseWidget.Position()
}

// Size is part of fyne.CanvasObject.
func (v *view) Size() fyne.Size {
	if v.part != nil {
		return fyne.NewSize(v.part.right-v.part.left, v.part.bottom-v.part.top)
	}
	return v.BaseWidget.Size()
}

// CreateRenderer links the view to what stands in it.
func (v *view) CreateRenderer() fyne.WidgetRenderer {
	return &viewRenderer{v, []fyne.CanvasObject{v.stand}}
}

type viewRenderer struct {
	view    *view
	objects []fyne.CanvasObject
}

func (r *viewRenderer) Layout(size fyne.Size)        { r.view.stand.Resize(size) }
func (r *viewRenderer) MinSize() fyne.Size           { return r.view.stand.MinSize() }
func (r *viewRenderer) Refresh()                     { r.view.stand.Refresh() }
func (r *viewRenderer) Objects() []fyne.CanvasObject { return r.objects }
func (r *viewRenderer) Destroy()                     {}

// IsClip has Fyne cut off what is beyond the view.
func (r *viewRenderer) IsClip() {}

// stand keeps what is shown where it stands while the view is a part of itself.
type stand struct {
	widget.BaseWidget
	view *view
}

// Position is part of fyne.CanvasObject.
func (s *stand) Position() fyne.Position {
	if s.view.part != nil {
		return fyne.NewPos(-s.view.part.left, -s.view.part.top)
	}
	return s.BaseWidget.Position()
}

// CreateRenderer links it to what is shown.
func (s *stand) CreateRenderer() fyne.WidgetRenderer {
	return widget.NewSimpleRenderer(s.view.shown)
}

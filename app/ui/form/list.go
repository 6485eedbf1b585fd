package form

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"
)

// List is a list of rows that tells its name to people who cannot see it, and
// passes Escape on to the sheet it is on.
type List struct {
	widget.List
	Name    string
	focused bool
}

// NewList returns a list; its functions are those of widget.NewList.
func NewList(name string, length func() int, create func() fyne.CanvasObject, update func(widget.ListItemID, fyne.CanvasObject)) *List {
	l := &List{Name: name}
	l.Length, l.CreateItem, l.UpdateItem = length, create, update
	l.ExtendBaseWidget(l)
	return l
}

// FocusGained shows that keys go to the list, and brings it into view.
func (l *List) FocusGained() {
	l.focused = true
	l.List.FocusGained()
	l.Refresh()
	Reveal(l)
}

// FocusLost ends what FocusGained began.
func (l *List) FocusLost() {
	l.focused = false
	l.List.FocusLost()
	l.Refresh()
}

// CreateRenderer draws the focus around the rows.
func (l *List) CreateRenderer() fyne.WidgetRenderer {
	return Ringed(l, l.List.CreateRenderer(), func() bool { return l.focused })
}

// TypedKey goes through the rows, or cancels the sheet.
func (l *List) TypedKey(e *fyne.KeyEvent) {
	switch e.Name {
	case fyne.KeyReturn, fyne.KeyEnter: // as Space, which chooses
		l.List.TypedKey(&fyne.KeyEvent{Name: fyne.KeySpace})
	case fyne.KeyEscape:
		if s := sheetOn(l); s != nil {
			s.cancel()
		}
	default:
		l.List.TypedKey(e)
	}
}

// AccessibilityLabel names the list.
func (l *List) AccessibilityLabel() string { return l.Name }

// AccessibilityRole says what it is.
func (l *List) AccessibilityRole() fyne.AccessibleRole { return fyne.AccessibleRoleContainer }

// Package pick has the list from which a person picks by typing: the command
// palette, the search over conversations, the models, and what the composer
// proposes.
//
// The keys stay in the field in which is typed; Up, Down, Page Up and Page Down
// move the cursor of the list, and Return picks. A click picks too. Where the
// list itself has the focus, the same keys work. It knows nothing of what is
// listed. Everything here belongs to the goroutine of the window.
//
//	list := pick.NewList(true)
//	field := pick.NewEntry("Search", "Search", list)
//	field.OnChanged = func(text string) { list.Set(find(text)) }
package pick

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/app/ui/theme"
)

// Star says whether an item can be a favourite, and is.
type Star int

// The stars.
const (
	NoStar Star = iota
	StarOff
	StarOn
)

// Item is a row of the list. Its texts may come from anybody: what could deceive
// is shown as what it is.
type Item struct {
	Title string
	Note  string // a second line, in a list of two lines; after the title otherwise
	Trail string // at the right end, such as a shortcut
	// Marks and NoteMarks are the bytes that matched, from the first number up to
	// and without the second, in order.
	Marks, NoteMarks [][2]int
	Icon             theme.IconName // empty for none
	Tint             fyne.ThemeColorName
	Heading          bool // it is the name of a group and cannot be picked
	Checked          bool
	Star             Star
	// Pick is called when the item was picked, and Turn when its star was pressed.
	Pick, Turn func()
}

// List shows items, only those that are in view on the canvas.
type List struct {
	widget.List
	// OnEscape is called for Escape; it may be nil.
	OnEscape func()

	two     bool
	items   []Item
	cursor  int // -1 while nothing can be picked
	focused bool
}

var (
	_ fyne.Focusable  = (*List)(nil)
	_ desktop.Keyable = (*Entry)(nil)
	_ fyne.Accessible = (*List)(nil)
)

// NewList returns an empty list whose rows have two lines, or one.
func NewList(two bool) *List {
	l := &List{two: two, cursor: -1}
	l.HideSeparators = true
	l.Length = func() int { return len(l.items) }
	l.CreateItem = func() fyne.CanvasObject { return newRow(l) }
	l.UpdateItem = func(id widget.ListItemID, o fyne.CanvasObject) {
		if r, ok := o.(*row); ok && id < len(l.items) {
			r.show(id)
		}
	}
	l.ExtendBaseWidget(l)
	return l
}

// Set replaces the items. The cursor goes to the first that can be picked.
func (l *List) Set(items []Item) {
	l.items, l.cursor = items, -1
	l.cursor = l.next(-1, 1)
	l.ScrollTo(0)
	l.Refresh()
}

// Update replaces the items and leaves the cursor at its place.
func (l *List) Update(items []Item) {
	at := l.cursor
	l.items, l.cursor = items, -1
	if at >= 0 && at < len(items) && !items[at].Heading {
		l.cursor = at
	} else {
		l.cursor = l.next(-1, 1)
	}
	l.Refresh()
}

// Items returns what is listed. Do not change it.
func (l *List) Items() []Item { return l.items }

// Cursor returns the number of the item that Return picks, or -1.
func (l *List) Cursor() int { return l.cursor }

// next returns the item after that one, in a direction, that can be picked; the
// same if there is none.
func (l *List) next(from, step int) int {
	for i := from + step; i >= 0 && i < len(l.items); i += step {
		if !l.items[i].Heading {
			return i
		}
	}
	return from
}

// Step moves the cursor by that many items, down or up, and at the ends to the
// other end where it moves by one.
func (l *List) Step(by int) {
	if l.cursor < 0 {
		return
	}
	step := 1
	if by < 0 {
		step = -1
	}
	at := l.cursor
	for range by * step {
		at = l.next(at, step)
	}
	if at == l.cursor && by*step == 1 {
		at = l.next(-1, 1)
		if step < 0 {
			at = l.next(len(l.items), -1)
		}
	}
	l.to(at)
}

func (l *List) to(at int) {
	if at < 0 || at >= len(l.items) {
		return
	}
	l.cursor = at
	if at == l.next(-1, 1) {
		l.ScrollTo(0) // with the name of the group above it
	} else {
		l.ScrollTo(at)
	}
	l.Refresh()
}

// PickCursor picks the item at the cursor, and reports whether there is one.
func (l *List) PickCursor() bool { return l.pick(l.cursor) }

func (l *List) pick(at int) bool {
	if at < 0 || at >= len(l.items) || l.items[at].Heading || l.items[at].Pick == nil {
		return false
	}
	l.items[at].Pick()
	return true
}

// TurnStar presses the star of the item at the cursor.
func (l *List) TurnStar() {
	if l.cursor >= 0 && l.items[l.cursor].Turn != nil {
		l.items[l.cursor].Turn()
	}
}

// page is how many rows Page Up and Page Down move.
func (l *List) page() int { return max(1, int(l.Size().Height/(rowHeight(l.two)+4))-1) }

// key moves or picks, and reports whether it was for the list.
func (l *List) key(name fyne.KeyName) bool {
	switch name {
	case fyne.KeyUp:
		l.Step(-1)
	case fyne.KeyDown:
		l.Step(1)
	case fyne.KeyPageUp:
		l.Step(-l.page())
	case fyne.KeyPageDown:
		l.Step(l.page())
	case fyne.KeyReturn, fyne.KeyEnter:
		l.PickCursor()
	default:
		return false
	}
	return true
}

// TypedKey moves the cursor, or picks.
func (l *List) TypedKey(e *fyne.KeyEvent) {
	switch {
	case l.key(e.Name):
	case e.Name == fyne.KeySpace:
		l.PickCursor()
	case e.Name == fyne.KeyHome:
		l.to(l.next(-1, 1))
	case e.Name == fyne.KeyEnd:
		l.to(l.next(len(l.items), -1))
	case e.Name == fyne.KeyEscape && l.OnEscape != nil:
		l.OnEscape()
	}
}

// FocusGained shows that keys go to the list.
func (l *List) FocusGained() { l.focused = true; l.Refresh() }

// FocusLost ends what FocusGained began.
func (l *List) FocusLost() { l.focused = false; l.Refresh() }

// AccessibilityLabel says what is at the cursor.
func (l *List) AccessibilityLabel() string {
	if l.cursor < 0 {
		return say.T("Nothing found")
	}
	i := l.items[l.cursor]
	if i.Note == "" {
		return i.Title
	}
	return i.Title + ", " + i.Note
}

// AccessibilityRole says that it acts.
func (l *List) AccessibilityRole() fyne.AccessibleRole { return fyne.AccessibleRoleButton }

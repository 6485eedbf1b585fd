package chat

import (
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/store"
)

// convList is the list of conversations. Where it has the focus, Up and Down
// move from one to the next, Return opens, F2 renames, Delete deletes and the
// menu key shows what else there is.
type convList struct {
	widget.List
	s       *sidebar
	at      string // id of the conversation at which the keys are
	focused bool
}

var (
	_ fyne.Focusable  = (*convList)(nil)
	_ fyne.Accessible = (*convList)(nil)
)

func newConvList(s *sidebar) *convList {
	l := &convList{s: s}
	l.HideSeparators = true
	l.Length = func() int { return len(s.lines) }
	l.CreateItem = func() fyne.CanvasObject { return newRow(s) }
	l.UpdateItem = func(id widget.ListItemID, o fyne.CanvasObject) {
		if r, ok := o.(*row); ok && id < len(s.lines) {
			r.show(s.lines[id])
		}
	}
	l.ExtendBaseWidget(l)
	return l
}

// FocusGained shows at which conversation the keys are.
func (l *convList) FocusGained() {
	l.focused = true
	if l.s.lineOf(l.at) < 0 {
		l.at = l.s.current
	}
	if l.s.lineOf(l.at) < 0 {
		l.step(1)
	}
	l.reveal()
}

// FocusLost ends what FocusGained began.
func (l *convList) FocusLost() {
	l.focused = false
	l.Refresh()
}

func (l *convList) reveal() {
	if i := l.s.lineOf(l.at); i >= 0 {
		l.ScrollTo(i)
	}
	l.Refresh()
}

// step goes to the next conversation in a direction, if there is one.
func (l *convList) step(by int) {
	i := l.s.lineOf(l.at)
	if i < 0 && by < 0 {
		i = len(l.s.lines)
	}
	for i += by; i >= 0 && i < len(l.s.lines); i += by {
		if l.s.lines[i].day == "" {
			l.at = l.s.lines[i].conv.ID
			return
		}
	}
}

// TypedRune is part of fyne.Focusable.
func (l *convList) TypedRune(rune) {}

// TypedKey goes to another conversation, or does something with the one that it
// is at.
func (l *convList) TypedKey(e *fyne.KeyEvent) {
	i := l.s.lineOf(l.at)
	switch e.Name {
	case fyne.KeyUp:
		l.step(-1)
	case fyne.KeyDown:
		l.step(1)
	case fyne.KeyPageUp:
		for range 10 {
			l.step(-1)
		}
	case fyne.KeyPageDown:
		for range 10 {
			l.step(1)
		}
	case fyne.KeyHome:
		l.at = ""
		l.step(1)
	case fyne.KeyEnd:
		l.at = ""
		l.step(-1)
	case fyne.KeyEscape:
		l.s.do.leave()
		return
	default:
		if i >= 0 {
			l.act(e.Name, l.s.lines[i].conv)
		}
		return
	}
	l.reveal()
}

func (l *convList) act(key fyne.KeyName, c store.Conversation) {
	switch key {
	case fyne.KeyReturn, fyne.KeyEnter, fyne.KeySpace:
		l.s.do.open(c)
	case fyne.KeyF2:
		l.s.beginRename(c)
	case fyne.KeyDelete:
		at := l.at
		l.step(1)
		if l.at == at {
			l.step(-1)
		}
		l.s.do.delete(c)
	case desktop.KeyMenu, fyne.KeyRight:
		d := fyne.CurrentApp().Driver()
		l.s.menu(l, c, d.AbsolutePositionForObject(l).AddXY(sidebarWidth/2, 24))
	}
}

// AccessibilityLabel says at which conversation the keys are, and how many there
// are.
func (l *convList) AccessibilityLabel() string {
	if i := l.s.lineOf(l.at); i >= 0 {
		return describe(l.s.lines[i], l.s.states)
	}
	return say.T("Conversations")
}

// AccessibilityRole says that it acts.
func (l *convList) AccessibilityRole() fyne.AccessibleRole { return fyne.AccessibleRoleButton }

// renaming is a title that is being written in its row.
type renaming struct {
	id    string
	entry *renameEntry
}

// renameEntry is the field in a row. Return keeps what it holds, Escape does not.
type renameEntry struct {
	form.Entry
	done func(keep bool)
}

// TypedKey ends the writing, or writes.
func (e *renameEntry) TypedKey(k *fyne.KeyEvent) {
	switch k.Name {
	case fyne.KeyReturn, fyne.KeyEnter:
		e.done(true)
	case fyne.KeyEscape:
		e.done(false)
	default:
		e.Entry.TypedKey(k)
	}
}

// FocusLost keeps what was written.
func (e *renameEntry) FocusLost() {
	e.Entry.FocusLost()
	e.done(true)
}

// beginRename has the title of a conversation written in its row.
func (s *sidebar) beginRename(c store.Conversation) {
	i := s.lineOf(c.ID)
	if i < 0 || s.renamed != nil {
		return
	}
	e := &renameEntry{}
	e.Name = say.T("New title")
	e.Wrapping = fyne.TextWrap(fyne.TextTruncateClip)
	e.ExtendBaseWidget(e)
	e.SetText(c.Title)
	s.renamed = &renaming{id: c.ID, entry: e}
	e.done = func(keep bool) {
		if s.renamed == nil || s.renamed.entry != e {
			return
		}
		s.renamed = nil
		s.list.Refresh()
		if keep && e.Text != "" && e.Text != c.Title {
			s.do.rename(c, e.Text)
		}
		if canvas := fyne.CurrentApp().Driver().CanvasForObject(s.list); canvas != nil && (canvas.Focused() == nil || canvas.Focused() == fyne.Focusable(e)) {
			canvas.Focus(s.list)
		}
	}
	s.list.at = c.ID
	s.list.ScrollTo(i)
	s.list.Refresh()
	if canvas := fyne.CurrentApp().Driver().CanvasForObject(s.list); canvas != nil {
		canvas.Focus(e)
		e.TypedShortcut(&fyne.ShortcutSelectAll{})
	}
}

// menu shows what can be done with a conversation.
func (s *sidebar) menu(over fyne.CanvasObject, c store.Conversation, at fyne.Position) {
	canvas := fyne.CurrentApp().Driver().CanvasForObject(over)
	if canvas == nil {
		return
	}
	pin, archive := say.T("Pin"), say.T("Archive")
	if c.Pinned {
		pin = say.T("Unpin")
	}
	if c.Archived {
		archive = say.T("Bring back from the archive")
	}
	items := []*fyne.MenuItem{
		fyne.NewMenuItem(say.T("Rename"), func() { s.beginRename(c) }),
		fyne.NewMenuItem(pin, func() { s.do.pin(c, !c.Pinned) }),
		fyne.NewMenuItem(archive, func() { s.do.archive(c, !c.Archived) }),
		fyne.NewMenuItemSeparator(),
		fyne.NewMenuItem(say.T("Export as Markdown…"), func() { s.do.export(c, bridge.ExportMarkdown) }),
		fyne.NewMenuItem(say.T("Export as JSON…"), func() { s.do.export(c, bridge.ExportJSON) }),
		fyne.NewMenuItemSeparator(),
		fyne.NewMenuItem(say.T("Delete"), func() { s.do.delete(c) }),
	}
	if c.Archived {
		items = slices.Delete(items, 1, 2)
	}
	widget.ShowPopUpMenuAtPosition(fyne.NewMenu("", items...), canvas, at)
}

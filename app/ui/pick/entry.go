package pick

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
)

// Entry is the field in which a person types what they look for.
type Entry struct {
	form.Entry
	// OnEscape is called for Escape, before a sheet is; it reports whether that
	// was all. It may be nil.
	OnEscape func() bool
	// OnStar is called for Ctrl+D; it may be nil.
	OnStar func()
	list   *List
}

// NewEntry returns a field whose keys drive the list.
func NewEntry(name, placeholder string, list *List) *Entry {
	e := &Entry{list: list}
	e.Name = name
	e.PlaceHolder = placeholder
	e.Wrapping = fyne.TextWrap(fyne.TextTruncateClip)
	e.ExtendBaseWidget(e)
	return e
}

// TypedKey gives the list the keys that are for it.
func (e *Entry) TypedKey(k *fyne.KeyEvent) {
	if e.list.key(k.Name) {
		return
	}
	if k.Name == fyne.KeyEscape {
		if e.OnEscape != nil && e.OnEscape() {
			return
		}
		if e.list.OnEscape != nil { // the sheet does not know the Entry in this one
			e.list.OnEscape()
			return
		}
	}
	e.Entry.TypedKey(k)
}

// TypedShortcut makes what is at the cursor of the list a favourite.
func (e *Entry) TypedShortcut(s fyne.Shortcut) {
	if c, ok := s.(*desktop.CustomShortcut); ok && e.OnStar != nil && c.KeyName == fyne.KeyD && c.Modifier == fyne.KeyModifierShortcutDefault {
		e.OnStar()
		return
	}
	e.Entry.TypedShortcut(s)
}

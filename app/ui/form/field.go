package form

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/widget"
)

// Entry is a line or lines of text that can be left with the keyboard: Tab goes
// to the next field, Escape is passed on.
type Entry struct {
	widget.Entry
	// Name tells people who cannot see the field what it is.
	Name string
	self fyne.Widget // what the window knows: the entry, or a widget made from it
}

// ExtendBaseWidget is called by a widget that is made from an entry, with itself.
func (e *Entry) ExtendBaseWidget(self fyne.Widget) {
	e.self = self
	e.Entry.ExtendBaseWidget(self)
}

// NewEntry returns a single line.
func NewEntry(name, placeholder string) *Entry {
	e := &Entry{Name: name}
	e.PlaceHolder = placeholder
	e.Wrapping = fyne.TextWrap(fyne.TextTruncateClip)
	e.ExtendBaseWidget(e)
	return e
}

// NewLines returns an entry of several lines, that many of which are shown.
func NewLines(name, placeholder string, rows int) *Entry {
	e := NewEntry(name, placeholder)
	e.MultiLine = true
	e.Wrapping = fyne.TextWrapBreak
	e.SetMinRowsVisible(rows)
	return e
}

// NewSecretEntry returns a line whose text is never shown.
func NewSecretEntry(name, placeholder string) *Entry {
	e := NewEntry(name, placeholder)
	e.Password = true
	return e
}

// SetSecret hides or shows the text.
func (e *Entry) SetSecret(on bool) {
	e.Password = on
	if !on {
		e.ActionItem = nil // the button that reveals
	}
	e.Refresh()
}

// AcceptsTab says that Tab leaves the field.
func (e *Entry) AcceptsTab() bool { return false }

// AccessibilityLabel names the field.
func (e *Entry) AccessibilityLabel() string { return e.Name }

// AccessibilityRole says what the field is.
func (e *Entry) AccessibilityRole() fyne.AccessibleRole { return fyne.AccessibleRoleText }

// FocusGained brings the entry into view.
func (e *Entry) FocusGained() {
	e.Entry.FocusGained()
	Reveal(e.self)
}

// TypedKey passes Escape on, and Return in a single line where the sheet goes on by
// it, and leaves the rest to the entry.
func (e *Entry) TypedKey(key *fyne.KeyEvent) {
	if key.Name == fyne.KeyEscape {
		if s := sheetOn(e.self); s != nil {
			s.cancel()
		}
		return
	}
	if key.Name == fyne.KeyReturn || key.Name == fyne.KeyEnter {
		if s := sheetOn(e.self); s != nil && s.submit != nil && !e.MultiLine && e.OnSubmitted == nil && !s.submit.Disabled() {
			s.submit.OnTapped()
			return
		}
	}
	e.Entry.TypedKey(key)
}

// TypedShortcut passes shortcuts of a letter or a sign on to the window.
func (e *Entry) TypedShortcut(s fyne.Shortcut) {
	if custom, ok := s.(*desktop.CustomShortcut); ok && len(custom.KeyName) == 1 {
		if c, ok := fyne.CurrentApp().Driver().CanvasForObject(e.self).(fyne.Shortcutable); ok {
			c.TypedShortcut(s)
			return
		}
	}
	e.Entry.TypedShortcut(s)
}

// Field is a labelled entry with an explanation below it, which gives way to
// the error when there is one.
type Field struct {
	Box   *fyne.Container
	Entry *Entry
	help  *Note
	fail  *Words
}

// NewField returns a field of one line.
func NewField(name, placeholder, help string) *Field {
	return NewFieldOf(NewEntry(name, placeholder), help)
}

// NewFieldOf returns a field around the entry.
func NewFieldOf(e *Entry, help string) *Field {
	f := &Field{Entry: e, help: Muted(help), fail: Failure("")}
	if help == "" {
		f.help.Hide()
	}
	f.Box = container.New(layout.NewCustomPaddedVBoxLayout(0), Caption(e.Name), e, f.help, f.fail)
	e.OnChanged = func(string) { f.SetError("") }
	return f
}

// Caption is the label above a field.
func Caption(text string) *Words {
	l := Bold(text)
	l.Wrapping = fyne.TextWrapWord
	return l
}

// Text returns what was typed.
func (f *Field) Text() string { return f.Entry.Text }

// SetText fills the field.
func (f *Field) SetText(s string) { f.Entry.SetText(s) }

// SetError shows the sentence in place of the explanation; empty shows the
// explanation again.
func (f *Field) SetError(sentence string) {
	if f.fail.Text == sentence {
		return
	}
	defer Relayout(f.Box)
	SetFailure(f.fail, sentence)
	if sentence != "" || f.help.Text == "" {
		f.help.Hide()
	} else {
		f.help.Show()
	}
}

// Error returns the sentence that is shown, if any.
func (f *Field) Error() string { return f.fail.Text }

package settings

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
)

// secretField is a field for a value that goes to the keychain. One that is
// there already is never shown; it can be replaced, or forgotten.
type secretField struct {
	*form.Field
	Box    *fyne.Container
	empty  string // what stands in the field while there is none
	forget *form.Action
	end    *fyne.Container
	kept   bool
	gone   bool
}

func newSecretField(name, placeholder, help string) *secretField {
	s := &secretField{Field: form.NewFieldOf(form.NewSecretEntry(name, placeholder), help), empty: placeholder}
	s.forget = form.Quiet("", theme.DeleteIcon(), func() { s.mark(s.kept, !s.gone) })
	s.forget.Name = say.F("Forget: %s", name)
	s.end = besideEntry(s.forget)
	s.Box = container.NewBorder(nil, nil, nil, s.end, s.Field.Box)
	s.mark(false, false)
	return s
}

// set says whether a value is kept already.
func (s *secretField) set(kept bool) { s.mark(kept, false) }

func (s *secretField) mark(kept, gone bool) {
	s.kept, s.gone = kept, gone
	icon, words := theme.DeleteIcon(), s.empty
	switch {
	case kept && gone:
		icon, words = theme.ContentUndoIcon(), say.T("forgotten when you save")
	case kept:
		words = say.T("stored in the keychain; type to replace")
	}
	s.forget.SetIcon(icon)
	s.Entry.SetPlaceHolder(words)
	show(s.end, kept)
}

// besideEntry brings a button to the height of the entry of a field that stands
// beside it.
func besideEntry(a *form.Action) *fyne.Container {
	return container.New(layout.NewCustomPaddedVBoxLayout(0), form.NewWords(""), a)
}

// stays reports whether the value that is kept is to stay.
func (s *secretField) stays() bool { return s.kept && !s.gone && s.Text() == "" }

// removed reports whether the value that is kept is to go.
func (s *secretField) removed() bool { return s.kept && s.gone && s.Text() == "" }

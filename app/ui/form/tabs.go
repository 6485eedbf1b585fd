package form

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"
)

// Tabs are buttons side by side, one of which is chosen.
type Tabs struct {
	Box     *fyne.Container
	buttons []*Action
	at      int
}

// NewTabs returns tabs with the first chosen. chosen is called when a person
// chose one.
func NewTabs(chosen func(int), names ...string) *Tabs {
	t := &Tabs{Box: Wrap()}
	for i, name := range names {
		b := NewAction(name, widget.MediumImportance, func() {
			t.Choose(i)
			chosen(i)
		})
		t.buttons = append(t.buttons, b)
		t.Box.Add(b)
	}
	t.Choose(0)
	return t
}

// Choose marks one as chosen, without telling.
func (t *Tabs) Choose(at int) {
	t.at = at
	for i, b := range t.buttons {
		b.Importance = widget.MediumImportance
		if i == at {
			b.Importance = widget.HighImportance
		}
		b.Refresh()
	}
}

// Chosen is which one is.
func (t *Tabs) Chosen() int { return t.at }

package form

import (
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"
)

// Check is a box with a tick. Space and Return turn it, and Escape is passed on
// to the sheet it is on.
type Check struct {
	widget.Check
	// Name tells what it is where several have the same text.
	Name string
}

// NewCheck returns a box without a tick; changed may be nil.
func NewCheck(text string, changed func(bool)) *Check {
	c := &Check{}
	c.Text, c.OnChanged = text, changed
	c.ExtendBaseWidget(c)
	return c
}

// AccessibilityLabel tells what is ticked.
func (c *Check) AccessibilityLabel() string {
	if c.Name != "" {
		return c.Name
	}
	return c.Text
}

// AccessibilityRole says that it acts.
func (c *Check) AccessibilityRole() fyne.AccessibleRole { return fyne.AccessibleRoleButton }

// FocusGained brings the box into view.
func (c *Check) FocusGained() {
	c.Check.FocusGained()
	Reveal(c)
}

// TypedKey turns the box, or cancels its sheet.
func (c *Check) TypedKey(e *fyne.KeyEvent) {
	switch e.Name {
	case fyne.KeyReturn, fyne.KeyEnter:
		if !c.Disabled() {
			c.SetChecked(!c.Checked)
		}
	case fyne.KeyEscape:
		if s := sheetOn(c); s != nil {
			s.cancel()
		}
	default:
		c.Check.TypedKey(e)
	}
}

// Picks is a choice of some of a list, or of all of it, which is more than the
// list: what comes later too.
type Picks struct {
	Box    *fyne.Container
	all    *Switch
	inside *fyne.Container
	list   *fyne.Container
	fail   *Words
	none   string
	names  []string
	checks []*Check
}

// NewPicks returns a choice of all. all is the caption of the switch for it, help
// explains it, and none says that there is nothing to choose from. Without a
// caption there is no such switch, and what is chosen is never nil.
func NewPicks(all, help, none string) *Picks {
	p := &Picks{none: none, fail: Failure(""), list: container.New(&columns{least: 200})}
	p.all = NewSwitch(all, func(bool) { p.follow(); Relayout(p.Box) })
	p.all.Set(all != "")
	p.inside = Column(p.list, p.fail)
	p.Box = Column(p.inside)
	if all != "" {
		p.Box.Objects = []fyne.CanvasObject{SwitchRow(p.all, all, help), p.inside}
	}
	p.follow()
	return p
}

func (p *Picks) follow() {
	if p.all.Checked {
		p.inside.Hide()
	} else {
		p.inside.Show()
	}
}

// Set shows what there is and what of it is chosen, which may name what is not
// there; nil chooses all.
func (p *Picks) Set(known, chosen []string) {
	p.names = slices.Clone(known)
	for _, name := range chosen {
		if !slices.Contains(p.names, name) {
			p.names = append(p.names, name)
		}
	}
	p.checks = nil
	p.list.RemoveAll()
	for _, name := range p.names {
		c := NewCheck(Visible(name, false), func(bool) { p.SetError("") })
		c.Checked = slices.Contains(chosen, name)
		p.checks = append(p.checks, c)
		p.list.Add(c)
	}
	if len(p.names) == 0 {
		p.list.Add(Muted(p.none))
	}
	p.all.Set(chosen == nil && p.all.Name != "")
	p.SetError("")
	p.follow()
}

// Chosen returns what is chosen; nil for all, and never nil otherwise.
func (p *Picks) Chosen() []string {
	if p.all.Checked {
		return nil
	}
	out := []string{}
	for i, c := range p.checks {
		if c.Checked {
			out = append(out, p.names[i])
		}
	}
	return out
}

// SetError shows a sentence below the list; empty removes it.
func (p *Picks) SetError(sentence string) {
	if p.fail.Text != sentence {
		SetFailure(p.fail, sentence)
		Relayout(p.Box)
	}
}

// columns lays objects out in as many columns of one width as there is room for.
type columns struct{ least, width float32 }

func (c *columns) count() int { return max(1, int((c.width+Gap)/(c.least+Gap))) }

func (c *columns) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	c.width = size.Width
	n := c.count()
	w := (size.Width - float32(n-1)*Gap) / float32(n)
	y := float32(0)
	for len(objects) > 0 {
		row := objects[:min(n, len(objects))]
		objects = objects[len(row):]
		h := float32(0)
		for i, o := range row {
			o.Move(fyne.NewPos(float32(i)*(w+Gap), y))
			o.Resize(fyne.NewSize(w, o.MinSize().Height))
			h = max(h, o.MinSize().Height)
		}
		y += h
	}
}

func (c *columns) MinSize(objects []fyne.CanvasObject) fyne.Size {
	var s fyne.Size
	n := c.count()
	for len(objects) > 0 {
		row := objects[:min(n, len(objects))]
		objects = objects[len(row):]
		h := float32(0)
		for _, o := range row {
			m := o.MinSize()
			s.Width, h = max(s.Width, min(m.Width, c.least)), max(h, m.Height)
		}
		s.Height += h
	}
	return s
}

package form

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"

	"github.com/drawbridge-app/drawbridge/app/ui/say"
)

// Pair is a name with its value, as of an environment variable or a header.
type Pair struct {
	Name   string
	Value  string
	Secret bool
	// Kept says that the value of a secret is in the keychain and nothing was
	// typed to replace it.
	Kept bool
}

// keptWords stands in the empty field of a secret that is there already.
var keptWords = say.T("stored in the keychain; type to replace")

// Pairs is a list of names and values that can be edited. A secret's value is
// typed into a field that hides it, and one that is kept is never shown again.
type Pairs struct {
	Box     *fyne.Container
	caption string
	rows    []*pairRow
	list    *fyne.Container
	fail    *Words
	likely  func(name, value string) bool
	kept    string
	plain   bool
}

type pairRow struct {
	box     *fyne.Container
	name    *Entry
	value   *Entry
	secret  *Check
	kept    bool
	decided bool // the person said whether it is a secret
}

// NewPairs returns an empty list. likely guesses whether a value is a secret;
// add is the text of the button that adds a row.
func NewPairs(caption, help, add string, likely func(name, value string) bool) *Pairs {
	p := &Pairs{caption: caption, list: Column(), fail: Failure(""), likely: likely, kept: keptWords}
	button := Quiet(add, theme.ContentAddIcon(), func() {
		r := p.add(Pair{})
		FocusAdded(p.list, r.box, r.name)
	})
	p.Box = container.New(layout.NewCustomPaddedVBoxLayout(2),
		Caption(caption), Muted(help), p.list, p.fail, container.NewHBox(button))
	return p
}

// SetKeptWords sets what stands in the empty field of a kept secret.
func (p *Pairs) SetKeptWords(words string) { p.kept = words }

// SetPlain says that no value here is a secret, so that nobody is asked.
func (p *Pairs) SetPlain() { p.plain = true }

// Set replaces the rows.
func (p *Pairs) Set(pairs []Pair) {
	p.rows = nil
	p.list.RemoveAll()
	for _, pair := range pairs {
		p.add(pair)
	}
}

// Pairs returns the rows that have a name or a value, in order.
func (p *Pairs) Pairs() []Pair {
	var out []Pair
	for _, r := range p.rows {
		pair := Pair{Name: r.name.Text, Value: r.value.Text, Secret: r.secret.Checked}
		pair.Kept = r.kept && pair.Secret && pair.Value == ""
		if pair.Name != "" || pair.Value != "" {
			out = append(out, pair)
		}
	}
	return out
}

// SetError shows a sentence below the rows.
func (p *Pairs) SetError(sentence string) {
	if p.fail.Text != sentence {
		SetFailure(p.fail, sentence)
		Relayout(p.Box)
	}
}

func (p *Pairs) add(pair Pair) *pairRow {
	r := &pairRow{kept: pair.Kept, decided: pair.Secret || pair.Value != ""}
	r.name = NewEntry(say.F("%s: name", p.caption), say.T("NAME"))
	r.name.SetText(pair.Name)
	r.value = NewEntry(say.F("%s: value", p.caption), say.T("value"))
	r.secret = NewCheck(say.T("Secret"), nil)
	show := func(on bool) {
		r.value.SetSecret(on)
		switch {
		case on && r.kept:
			r.value.SetPlaceHolder(p.kept)
		case on:
			r.value.SetPlaceHolder(say.T("goes to the keychain"))
		default:
			r.value.SetPlaceHolder(say.T("value"))
		}
	}
	r.secret.SetChecked(pair.Secret)
	show(pair.Secret)
	r.value.SetText(pair.Value)
	r.secret.OnChanged = func(on bool) {
		r.decided = true
		show(on)
	}
	guess := func(string) {
		p.SetError("")
		if !r.decided && p.likely != nil && r.secret.Checked != p.likely(r.name.Text, r.value.Text) {
			r.secret.SetChecked(!r.secret.Checked)
			r.decided = false
		}
	}
	r.name.OnChanged, r.value.OnChanged = guess, guess
	remove := Quiet("", theme.ContentRemoveIcon(), func() { p.remove(r) })
	remove.Name = say.T("Remove this row")
	if p.plain {
		r.secret.Hide()
	}
	r.box = container.NewBorder(nil, nil, nil, container.NewHBox(r.secret, remove),
		container.New(&split{share: 0.38}, r.name, r.value))
	p.rows = append(p.rows, r)
	p.list.Add(r.box)
	Relayout(p.Box)
	return r
}

func (p *Pairs) remove(r *pairRow) {
	for i := range p.rows {
		if p.rows[i] == r {
			p.rows = append(p.rows[:i:i], p.rows[i+1:]...)
			p.list.Remove(r.box)
			p.SetError("")
			Relayout(p.Box)
			return
		}
	}
}

// split gives the first of two fields that share of the width, or a line of its own
// where the second could not show what it says while it is empty. It knows the
// width that it was given last, since how high it is depends on it.
type split struct{ share, width float32 }

func (s *split) fits(second fyne.CanvasObject) bool {
	e, ok := second.(*Entry)
	if !ok || e.Text != "" || s.width <= 0 {
		return true
	}
	need := fyne.MeasureText(e.PlaceHolder, e.Theme().Size(theme.SizeNameText), e.TextStyle).Width + 2*e.Theme().Size(theme.SizeNameInnerPadding)
	if e.Password {
		need += e.Theme().Size(theme.SizeNameInlineIcon) + e.Theme().Size(theme.SizeNameInnerPadding) // what reveals it
	}
	return need <= (s.width-Gap)*(1-s.share)
}

func (s *split) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	s.width = size.Width
	objects[0].Move(fyne.Position{})
	if !s.fits(objects[1]) {
		h := objects[0].MinSize().Height
		objects[0].Resize(fyne.NewSize(size.Width, h))
		objects[1].Move(fyne.NewPos(0, h+Gap/2))
		objects[1].Resize(fyne.NewSize(size.Width, size.Height-h-Gap/2))
		return
	}
	w := (size.Width - Gap) * s.share
	objects[0].Resize(fyne.NewSize(w, size.Height))
	objects[1].Move(fyne.NewPos(w+Gap, 0))
	objects[1].Resize(fyne.NewSize(size.Width-w-Gap, size.Height))
}

func (s *split) MinSize(objects []fyne.CanvasObject) fyne.Size {
	a, b := objects[0].MinSize(), objects[1].MinSize()
	if !s.fits(objects[1]) {
		return fyne.NewSize(max(a.Width, b.Width), a.Height+b.Height+Gap/2)
	}
	return fyne.NewSize(a.Width+b.Width+Gap, max(a.Height, b.Height))
}

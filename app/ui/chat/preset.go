package chat

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/store"
)

// maxProposed bounds how many values are proposed for an argument.
const maxProposed = 6

// usePreset puts a preset into the message, and asks for its arguments first.
func (p *Page) usePreset(m store.MessagePreset) {
	names := m.Arguments()
	if len(names) == 0 {
		p.write(m.Text)
		return
	}
	var rows []fyne.CanvasObject
	fields := map[string]*form.Field{}
	sheet := form.NewSheet(p.o.Window, form.Visible(m.Name, false), nil)
	use := func() {
		values := map[string]string{}
		for _, name := range names {
			values[name] = fields[name].Text()
			p.rememberValue(name, values[name])
		}
		sheet.Close()
		p.write(m.Fill(values))
	}
	for i, name := range names {
		f := form.NewField(form.Visible(name, false), "", "")
		fields[name] = f
		f.Entry.OnSubmitted = func(string) {
			if i+1 < len(names) {
				p.o.Window.Canvas().Focus(fields[names[i+1]].Entry)
			} else {
				use()
			}
		}
		rows = append(rows, f.Box, p.proposals(name, f))
	}
	sheet.SetContent(form.Visible(m.Name, false), form.Column(rows...))
	sheet.SetSize(520, 420)
	sheet.SetButtons(form.Button(say.T("Cancel"), sheet.Close), form.NewAction(say.T("Use in message"), widget.HighImportance, use))
	sheet.OnClose(p.focusInput)
	sheet.SetFocus(fields[names[0]].Entry)
	sheet.Show()
}

// proposals are the values that an argument of that name had before, as far as
// they begin with what is typed.
func (p *Page) proposals(name string, f *form.Field) *fyne.Container {
	box := container.New(layout.NewRowWrapLayout())
	fill := func() {
		box.RemoveAll()
		for _, value := range p.values[name] {
			if len(box.Objects) < maxProposed && value != f.Text() && strings.HasPrefix(strings.ToLower(value), strings.ToLower(f.Text())) {
				b := form.Button(form.Visible(shortenRunes(value, 40), false), func() {
					f.SetText(value)
					p.o.Window.Canvas().Focus(f.Entry)
				})
				b.Name = say.F("Take %s", form.Visible(value, false))
				box.Add(b)
			}
		}
		box.Hidden = len(box.Objects) == 0
		form.Relayout(f.Box)
	}
	changed := f.Entry.OnChanged
	f.Entry.OnChanged = func(text string) {
		changed(text)
		fill()
	}
	fill()
	return box
}

// rememberValue keeps a value to be proposed again, as long as the window lives.
func (p *Page) rememberValue(name, value string) {
	if value == "" {
		return
	}
	list := slices.DeleteFunc(p.values[name], func(v string) bool { return v == value })
	p.values[name] = append([]string{value}, list[:min(len(list), 19)]...)
}

// write adds a text to the message.
func (p *Page) write(text string) {
	before := p.composer.input.Text
	if strings.TrimSpace(before) != "" {
		before = strings.TrimRight(before, "\n") + "\n\n"
	} else {
		before = ""
	}
	p.composer.input.SetText(before + text)
	p.composer.input.toEnd()
	p.focusInput()
}

// editPreset makes a preset, or changes the one of that name.
func (p *Page) editPreset(m store.MessagePreset) {
	name := form.NewField(say.T("Name"), say.T("What you look for behind /"), "")
	name.SetText(m.Name)
	text := form.NewLines(say.T("Message"), say.F("Tell me about %s in three sentences.", "{{city}}"), 8)
	text.Wrapping = fyne.TextWrapWord
	text.SetText(m.Text)
	if m.Name == "" && strings.TrimSpace(p.composer.input.Text) != "" {
		text.SetText(p.composer.input.Text)
	}
	title := say.T("New preset")
	if m.Name != "" {
		title = say.T("Change the preset")
	}
	sheet := form.NewSheet(p.o.Window, title, form.Column(name.Box, form.Caption(say.T("Message")), text,
		form.Muted(say.F("What stands between double braces, such as %s, is asked for each time.", "{{city}}"))))
	sheet.SetSize(600, 520)
	keep := func(change func([]store.MessagePreset) ([]store.MessagePreset, error), done func()) {
		p.o.Runner.Run(func(context.Context) error {
			return p.o.Engine.UpdateSettings(func(s *store.Settings) (err error) {
				s.Messages, err = change(slices.Clone(s.Messages))
				return err
			})
		}, func(err error) {
			switch {
			case !sheet.IsOpen():
			case err != nil:
				sheet.Fail(form.Sentence(err))
			default:
				done()
			}
		})
	}
	was := m.Name
	buttons := []fyne.CanvasObject{form.Button(say.T("Cancel"), sheet.Close)}
	if was != "" {
		remove := form.Quiet(say.T("Remove"), nil, func() {
			at := -1
			keep(func(all []store.MessagePreset) ([]store.MessagePreset, error) {
				if at = indexOfPreset(all, was); at < 0 {
					return all, nil // it is gone already
				}
				m = all[at]
				return slices.Delete(all, at, at+1), nil
			}, func() {
				sheet.Close()
				if at >= 0 {
					p.offerPreset(form.Undoable{Words: say.F("Removed the preset “%s”", form.Visible(was, false))}, func(all []store.MessagePreset) ([]store.MessagePreset, error) {
						if indexOfPreset(all, was) >= 0 {
							return nil, errPresetName()
						}
						return slices.Insert(all, min(at, len(all)), m), nil
					})
				}
			})
		})
		buttons = append([]fyne.CanvasObject{remove}, buttons...)
	}
	buttons = append(buttons, form.NewAction(say.T("Save"), widget.HighImportance, func() {
		now := store.MessagePreset{Name: strings.TrimSpace(name.Text()), Text: text.Text}
		changed := false
		keep(func(all []store.MessagePreset) ([]store.MessagePreset, error) {
			if err := now.Validate(); err != nil {
				return nil, err
			}
			if now.Name != was && indexOfPreset(all, now.Name) >= 0 {
				return nil, errPresetName()
			}
			if i := indexOfPreset(all, was); i >= 0 && was != "" {
				changed = all[i] != now
				m, all[i] = all[i], now
				return all, nil
			}
			return append(all, now), nil
		}, func() {
			sheet.Close()
			if changed {
				p.offerPreset(form.Undoable{Words: say.F("Changed the preset “%s”", form.Visible(now.Name, false)), Change: true}, func(all []store.MessagePreset) ([]store.MessagePreset, error) {
					if i := indexOfPreset(all, now.Name); i >= 0 {
						all[i] = m
						return all, nil
					}
					return append(all, m), nil
				})
			}
		})
	}))
	sheet.SetButtons(buttons...)
	sheet.OnClose(p.focusInput)
	sheet.SetFocus(name.Entry)
	sheet.Show()
}

func indexOfPreset(all []store.MessagePreset, name string) int {
	return slices.IndexFunc(all, func(o store.MessagePreset) bool { return o.Name == name })
}

func errPresetName() error {
	return fmt.Errorf(say.T("there is a preset of that name; take another name, or change that one (%w)"), store.ErrExists)
}

// offerPreset offers to take back what was done with a preset of messages.
func (p *Page) offerPreset(o form.Undoable, back func([]store.MessagePreset) ([]store.MessagePreset, error)) {
	o.Back = func(context.Context) error {
		return p.o.Engine.UpdateSettings(func(s *store.Settings) (err error) {
			s.Messages, err = back(slices.Clone(s.Messages))
			return err
		})
	}
	o.Done = func(_ bool, err error) {
		if err != nil {
			p.sayFailure(err)
		}
	}
	p.offerUndo(o)
}

package servers

import (
	"errors"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/dialog"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/bridge/setup"
)

// asking is a form of what a draft asks for.
type asking struct {
	Box   *fyne.Container
	d     setup.Draft
	parts []askedField
	first fyne.Focusable
}

// askedField is one field: how it is read, and where its error stands.
type askedField struct {
	field setup.Field
	focus fyne.Focusable // nil where there is nothing to be typed
	read  func() []string
	fail  func(sentence string)
}

func newAsking(w fyne.Window, d setup.Draft) *asking {
	a := &asking{d: d, Box: form.Groups()}
	for _, f := range d.Fields {
		o, part := newAsked(w, f)
		a.Box.Add(o)
		a.parts = append(a.parts, part)
		if a.first == nil {
			a.first = part.focus
		}
	}
	return a
}

func newAsked(w fyne.Window, f setup.Field) (fyne.CanvasObject, askedField) {
	part := askedField{field: f}
	title, help := form.Visible(f.Title, false), form.Visible(f.Description, true)
	if f.Required && f.Kind != setup.KindSwitch {
		title += " " + say.T("(needed)")
	}
	failure := form.Failure("")
	above := form.Muted(help) // what was never drawn, as the failure, is not known to be on the screen
	part.fail = func(s string) { form.SetFailure(failure, s); form.Relayout(above) }
	switch {
	case f.Kind == setup.KindSwitch:
		on := form.NewSwitch(title, nil)
		on.Set(len(f.Default) > 0 && f.Default[0] == "true")
		part.read = func() []string {
			if on.Checked {
				return []string{"true"}
			}
			return []string{"false"}
		}
		return form.Column(container.NewBorder(nil, nil, nil, container.NewCenter(on), form.Caption(title)), above, failure), part
	case f.Kind == setup.KindChoice && !f.Multiple:
		choice := form.NewSelect(title, f.Options, nil)
		if len(f.Default) > 0 {
			choice.SetSelected(f.Default[0])
		}
		part.read = func() []string { return []string{choice.Selected} }
		return form.Column(form.Labelled(title, choice, ""), above, failure), part
	}
	var field *form.Field
	switch {
	case f.Secret:
		field = form.NewFieldOf(form.NewSecretEntry(title, say.T("goes to the keychain")), help)
	case f.Multiple:
		field = form.NewFieldOf(form.NewLines(title, say.T("one a line"), 3), help)
	default:
		field = form.NewField(title, placeholderOf(f), help)
	}
	if !f.Secret {
		field.SetText(strings.Join(f.Default, "\n"))
	}
	part.read = func() []string {
		if !f.Multiple || f.Secret {
			return []string{field.Text()}
		}
		var out []string
		for line := range strings.Lines(field.Text()) {
			out = append(out, strings.TrimSpace(line))
		}
		return out
	}
	part.focus, part.fail = field.Entry, field.SetError
	if f.Kind != setup.KindFolder && f.Kind != setup.KindFile {
		return field.Box, part
	}
	choose := form.Button(say.T("Choose…"), func() { choosePath(w, f, field) })
	choose.Name = say.F("Choose %s", title)
	return beside(field.Box, choose), part
}

func placeholderOf(f setup.Field) string {
	switch f.Kind {
	case setup.KindNumber:
		return say.T("a number")
	case setup.KindFolder:
		return say.T("the full path of a folder")
	case setup.KindFile:
		return say.T("the full path of a file")
	}
	return ""
}

// choosePath opens the dialog of the window system's look that picks a file or
// folder, and puts its path into the field.
func choosePath(w fyne.Window, f setup.Field, into *form.Field) {
	take := func(path string) {
		if path == "" {
			return
		}
		if f.Multiple && into.Text() != "" {
			path = strings.TrimRight(into.Text(), "\n") + "\n" + path
		}
		into.SetText(path)
	}
	if f.Kind == setup.KindFolder {
		dialog.ShowFolderOpen(func(u fyne.ListableURI, err error) {
			if err == nil && u != nil {
				take(u.Path())
			}
		}, w)
		return
	}
	dialog.ShowFileOpen(func(r fyne.URIReadCloser, err error) {
		if err != nil || r == nil {
			return
		}
		path := r.URI().Path()
		if err := r.Close(); err != nil {
			into.SetError(form.Sentence(err))
		}
		take(path)
	}, w)
}

// draft reads the form. What is wrong stands beside its field; the error names
// the first.
func (a *asking) draft() (setup.Draft, error) {
	values := map[string][]string{}
	var wrong error
	for _, p := range a.parts {
		v := p.read()
		p.fail("")
		empty := strings.Join(v, "") == ""
		if empty && len(p.field.Default) > 0 && !p.field.Required {
			values[p.field.Key] = nil // Fill puts the default back
			continue
		}
		if err := p.field.Check(v); err != nil {
			p.fail(form.Sentence(err))
			wrong = errors.Join(wrong, err)
			continue
		}
		values[p.field.Key] = v
	}
	if wrong != nil {
		return setup.Draft{}, errors.New(say.T("something is missing above, or has to be mended"))
	}
	return a.d.Fill(values)
}

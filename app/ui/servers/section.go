package servers

import (
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/store"
)

// section is a part of the editor with a subject of its own. What it does not
// show of a configuration it leaves as it is.
type section interface {
	// object is what is shown.
	object() fyne.CanvasObject
	// fill shows what is configured; kept says where secrets are that have no
	// value here. It reports whether that is other than usual, so that a person
	// should see it at once.
	fill(c store.ServerConfig, kept string) (unusual bool)
	// read puts what was entered into the draft, whose configuration is the one
	// from before. Where something is wrong it says so beside the field and
	// returns false.
	read(d *setup.Draft) bool
}

// moreSections are those that few servers need; they are folded away.
func moreSections(w fyne.Window, t store.Transport) []section {
	out := []section{newRunSection(t)}
	if t.OverHTTP() {
		out = append(out, newTransportSection())
	}
	out = append(out, newRootsSection(w))
	if t == store.TransportStdio {
		out = append(out, newSandboxSection(w))
	}
	return append(out, newNetSection(w, t))
}

// more folds sections away.
type more struct {
	fold *form.Fold
	all  []section
}

func newMore(all []section) *more {
	box := form.Groups()
	for _, s := range all {
		box.Add(s.object())
	}
	return &more{fold: form.NewFold(say.T("More"), box), all: all}
}

func (m *more) object() fyne.CanvasObject { return m.fold.Box }

func (m *more) fill(c store.ServerConfig, kept string) bool {
	unusual := false
	for _, s := range m.all {
		unusual = s.fill(c, kept) || unusual
	}
	if unusual {
		m.fold.SetOpen(true)
	}
	return unusual
}

func (m *more) read(d *setup.Draft) bool {
	ok := true
	for _, s := range m.all {
		ok = s.read(d) && ok
	}
	if !ok {
		m.fold.SetOpen(true)
	}
	return ok
}

// pathField is a field for the full path of a file or a folder, with a button
// that looks for it.
func pathField(w fyne.Window, name, placeholder, help string, kind setup.Kind) (*form.Field, fyne.CanvasObject) {
	f := form.NewField(name, placeholder, help)
	choose := form.Button(say.T("Choose…"), func() { choosePath(w, setup.Field{Kind: kind}, f) })
	choose.Name = say.F("Choose %s", name)
	return f, beside(f.Box, choose)
}

// beside puts a button at the end of a field, at the height of its entry.
func beside(field fyne.CanvasObject, a *form.Action) *fyne.Container {
	end := container.New(layout.NewCustomPaddedVBoxLayout(0), form.NewWords(""), a)
	return container.NewBorder(nil, nil, nil, form.Pad(form.Gap/2, 0, end), field)
}

// words takes a list apart that was typed with blanks, commas or line breaks;
// nil if it is empty, since what is approved tells that from an empty list.
func words(s string) []string {
	list := strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == ',' || r == '\n' || r == '\t' || r == '\r' })
	if len(list) == 0 {
		return nil
	}
	return list
}

// linesOf returns the lines that are not empty.
func linesOf(s string) []string {
	var out []string
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, line)
		}
	}
	return out
}

// secretText is a field for a secret of a server. One that is kept already is
// never shown; it can be replaced.
type secretText struct {
	*form.Field
	empty string
	value store.Value // the reference that is kept; empty for none
}

func newSecretText(name, help string) *secretText {
	var empty = say.T("goes to the keychain")
	return &secretText{Field: form.NewFieldOf(form.NewSecretEntry(name, empty), help), empty: empty}
}

// keep says which value there is already, and in which words.
func (s *secretText) keep(v store.Value, words string) {
	s.value = v
	s.SetText("")
	if v == "" {
		words = s.empty
	}
	s.Entry.SetPlaceHolder(words)
}

// typed returns what was typed; false leaves what is kept.
func (s *secretText) typed() (store.Secret, bool) {
	if s.Text() == "" {
		return store.Secret{}, false
	}
	return store.NewSecret(s.Text()), true
}

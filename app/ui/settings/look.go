package settings

import (
	"context"

	"fyne.io/fyne/v2"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	uitheme "github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/store"
)

// look is the appearance: light or dark, the size of text, and how much room
// there is between things. There is one accent, which goes with both.
type look struct {
	Box                  *fyne.Container
	o                    Options
	theme, text, density *choices
	fail                 *form.Words
}

// option is one of a few, with its words.
type option struct{ words, value string }

// choices is a row of a few options, one of which holds.
type choices struct {
	options []option
	group   *form.Segments
}

func newChoices(name string, options []option, chosen func(value string)) *choices {
	c := &choices{options: options}
	words := make([]string, len(options))
	for i, o := range options {
		words[i] = o.words
	}
	c.group = form.NewSegments(name, words, func(at int) { chosen(options[at].value) })
	return c
}

// set shows which holds; one that there is not shows as the usual one.
func (c *choices) set(value string) {
	for i, o := range c.options {
		if o.value == "" || o.value == value {
			c.group.Set(i)
		}
		if o.value == value {
			return
		}
	}
}

const compact = "compact"

func newLook(o Options) *look {
	l := &look{o: o, fail: form.Failure("")}
	l.theme = newChoices(say.T("Colours"), []option{{say.T("As the system"), ""}, {say.T("Light"), "light"}, {say.T("Dark"), "dark"}},
		func(v string) { l.keep(func(w *store.WindowSettings) { w.Theme = v }) })
	l.text = newChoices(say.T("Text size"), []option{{say.T("Small"), string(uitheme.TextSmall)}, {say.T("Usual"), string(uitheme.TextUsual)}, {say.T("Large"), string(uitheme.TextLarge)}, {say.T("Largest"), string(uitheme.TextLargest)}},
		func(v string) { l.keep(func(w *store.WindowSettings) { w.TextSize = v }) })
	l.density = newChoices(say.T("Spacing"), []option{{say.T("Roomy"), ""}, {say.T("Compact"), compact}},
		func(v string) { l.keep(func(w *store.WindowSettings) { w.Compact = v == compact }) })
	row := func(c *choices) fyne.CanvasObject {
		return form.Wrap(form.Sized(150, 0, form.Label(c.group.Name)), c.group)
	}
	l.Box = section(say.T("Appearance"), "", form.Column(row(l.theme), row(l.text), row(l.density), l.fail))
	return l
}

func (l *look) load() {
	w := l.o.Engine.Settings().Window
	l.theme.set(w.Theme)
	l.text.set(w.TextSize)
	density := ""
	if w.Compact {
		density = compact
	}
	l.density.set(density)
}

// keep changes what was chosen, and shows it.
func (l *look) keep(change func(*store.WindowSettings)) {
	l.o.Runner.Run(func(context.Context) error {
		return l.o.Engine.UpdateSettings(func(s *store.Settings) error { change(&s.Window); return nil })
	}, func(err error) {
		form.SetFailure(l.fail, form.Sentence(err))
		l.load()
		if err == nil && l.o.OnTheme != nil {
			l.o.OnTheme()
		}
	})
}

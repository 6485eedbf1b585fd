package offers

import (
	"context"
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
)

// arguments are the fields for what a prompt or a template takes.
type arguments struct {
	sheet   *sheet
	item    *item
	fields  []*argument
	objects []fyne.CanvasObject
}

// argument is one of them, with what the server proposes for it.
type argument struct {
	of       *arguments
	takes    mcphost.PromptArgument
	field    *form.Field
	proposed *fyne.Container
	asking   bool // a question is under way
	again    bool // the text changed meanwhile
}

// proposalsMax is how many proposals are shown.
const proposalsMax = 8

func newArguments(s *sheet, i *item) *arguments {
	a := &arguments{sheet: s, item: i}
	for _, takes := range i.takes {
		title := takes.Title
		if title == "" {
			title = takes.Name
		}
		label := form.Visible(title, false)
		if takes.Required {
			label += " " + say.T("(required)")
		}
		f := &argument{of: a, takes: takes, field: form.NewField(label, "", form.Visible(takes.Description, true)), proposed: container.New(layout.NewRowWrapLayout())}
		f.proposed.Hide()
		clear := f.field.Entry.OnChanged
		f.field.Entry.OnChanged = func(text string) {
			clear(text)
			for _, o := range a.fields { // a value may narrow the others'
				o.propose()
			}
		}
		a.fields = append(a.fields, f)
		a.objects = append(a.objects, f.field.Box, f.proposed)
	}
	a.objects = append(a.objects, form.Row(form.NewAction(say.T("Read"), widget.HighImportance, s.read)))
	for _, f := range a.fields {
		f.propose()
	}
	return a
}

// values reads the fields; false if one is missing.
func (a *arguments) values() (map[string]string, bool) {
	out := map[string]string{}
	ok := true
	for _, f := range a.fields {
		f.field.SetError("")
		if text := f.field.Text(); text != "" {
			out[f.takes.Name] = text
		} else if f.takes.Required {
			f.field.SetError(say.T("This is required."))
			ok = false
		}
	}
	return out, ok
}

// others are the values of the fields but one.
func (a *arguments) others(but *argument) map[string]string {
	out := map[string]string{}
	for _, f := range a.fields {
		if f != but && f.field.Text() != "" {
			out[f.takes.Name] = f.field.Text()
		}
	}
	return out
}

// propose asks the server what it proposes for what is typed: one question at a
// time, and once more where the text changed meanwhile. That it has nothing to
// say, or fails, does no harm.
func (f *argument) propose() {
	s := f.of.sheet
	if f.of.item.complete == nil {
		return
	}
	if f.asking {
		f.again = true
		return
	}
	f.asking, f.again = true, false
	typed := f.field.Text()
	what := f.of.item.complete(f.takes.Name, f.of.others(f))
	var list []string
	s.o.Runner.Run(func(ctx context.Context) (err error) {
		list, err = s.o.Engine.Complete(ctx, f.of.item.id, what, typed)
		return err
	}, func(err error) {
		f.asking = false
		if !s.sheet.IsOpen() || s.at != f.of.item {
			return
		}
		if f.again {
			f.propose()
			return
		}
		if err != nil {
			list = nil
		}
		f.show(slices.DeleteFunc(list, func(v string) bool { return v == typed }))
	})
}

func (f *argument) show(list []string) {
	f.proposed.RemoveAll()
	for _, v := range list[:min(len(list), proposalsMax)] {
		text := []rune(form.Visible(v, false))
		short := string(text)
		if len(text) > 40 {
			short = string(text[:39]) + "…"
		}
		b := form.Button(short, func() { f.field.SetText(v) })
		b.Name = say.F("Take %s", string(text))
		f.proposed.Add(b)
	}
	if len(list) == 0 {
		f.proposed.Hide()
	} else {
		f.proposed.Show()
	}
	form.Relayout(f.field.Box) // what was never drawn is not known to be on the screen
}

package ask

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"fyne.io/fyne/v2"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
)

// nothing is the choice of leaving a field.
const nothing = "—"

// newInput returns what a field of the form looks like.
func newInput(f mcphost.Field) (input, fyne.CanvasObject) {
	label := form.Visible(f.Label(), false)
	if f.Required {
		label += " " + say.T("(required)")
	}
	help := form.Visible(f.Description, false)
	switch f.Kind {
	case mcphost.FieldSwitch:
		return yesNo(f, label, help)
	case mcphost.FieldChoice:
		return choice(f, label, help)
	case mcphost.FieldChoices:
		return choices(f, label, help)
	}
	return typed(f, label, help)
}

// typed is a field of text or a number.
func typed(f mcphost.Field, label, help string) (input, fyne.CanvasObject) {
	field := form.NewField(label, hint(f), help)
	switch d := f.Default.(type) {
	case string:
		field.SetText(d)
	case float64:
		field.SetText(strconv.FormatFloat(d, 'f', -1, 64))
	}
	read := func() (any, error) {
		text := field.Text()
		if text == "" && f.Kind == mcphost.FieldText && f.Default != nil {
			return "", nil // emptied on purpose
		}
		return f.Parse(text)
	}
	return input{f, read, field.SetError, field.Entry}, field.Box
}

func hint(f mcphost.Field) string {
	switch f.Format {
	case "email":
		return "name@example.com"
	case "uri":
		return "https://example.com"
	case "date":
		return "2026-07-28"
	case "date-time":
		return "2026-07-28T12:00:00Z"
	}
	return ""
}

// failing puts a line for what is wrong below a field.
func failing(o fyne.CanvasObject) (fyne.CanvasObject, func(string)) {
	fail := form.Failure("")
	box := form.Column(o, fail)
	return box, func(sentence string) {
		if fail.Text != sentence {
			form.SetFailure(fail, sentence)
			form.Relayout(box)
		}
	}
}

// yesNo is a switch where there is something to begin with, and a choice that
// can be left otherwise.
func yesNo(f mcphost.Field, label, help string) (input, fyne.CanvasObject) {
	if on, ok := f.Default.(bool); ok {
		s := form.NewSwitch(label, nil)
		s.Set(on)
		box, fail := failing(form.SwitchRow(s, label, help))
		return input{f, func() (any, error) { return s.Checked, nil }, fail, s}, box
	}
	s := form.NewSelect(label, []string{nothing, say.T("Yes"), say.T("No")}, nil)
	s.SetSelected(nothing)
	box, fail := failing(form.Labelled(label, s, help))
	return input{f, func() (any, error) {
		switch s.Selected {
		case say.T("Yes"):
			return true, nil
		case say.T("No"):
			return false, nil
		}
		return nil, nil
	}, fail, s}, box
}

// titlesOf returns what is shown for each value; no two are the same.
func titlesOf(f mcphost.Field) []string {
	out := make([]string, len(f.Choices))
	seen := map[string]bool{nothing: true}
	for i, c := range f.Choices {
		out[i] = form.Visible(c.Title, false)
		if seen[out[i]] {
			out[i] = fmt.Sprintf("%s (%s)", out[i], form.Visible(c.Value, false))
		}
		for n := 2; seen[out[i]]; n++ {
			out[i] = fmt.Sprintf("%s (%d)", strings.TrimSpace(out[i]), n)
		}
		seen[out[i]] = true
	}
	return out
}

func choice(f mcphost.Field, label, help string) (input, fyne.CanvasObject) {
	titles := titlesOf(f)
	s := form.NewSelect(label, append([]string{nothing}, titles...), nil)
	s.SetSelected(nothing)
	for i, c := range f.Choices {
		if c.Value == f.Default {
			s.SetSelectedIndex(i + 1)
		}
	}
	box, fail := failing(form.Labelled(label, s, help))
	return input{f, func() (any, error) {
		if i := s.SelectedIndex(); i > 0 {
			return f.Choices[i-1].Value, nil
		}
		return nil, nil
	}, fail, s}, box
}

func choices(f mcphost.Field, label, help string) (input, fyne.CanvasObject) {
	begun, _ := f.Default.([]string)
	parts := form.Column(form.Caption(label))
	var ticks []*form.Check
	var first fyne.Focusable
	for i, title := range titlesOf(f) {
		c := form.NewCheck(title, nil)
		c.Name = say.F("%s: %s", label, title)
		c.SetChecked(slices.Contains(begun, f.Choices[i].Value))
		ticks = append(ticks, c)
		if first == nil {
			first = c
		}
		parts.Add(c)
	}
	if help != "" {
		parts.Add(form.Muted(help))
	}
	box, fail := failing(parts)
	return input{f, func() (any, error) {
		out := []string{}
		for i, c := range ticks {
			if c.Checked {
				out = append(out, f.Choices[i].Value)
			}
		}
		if len(out) == 0 && f.Default == nil {
			return nil, nil
		}
		return out, nil
	}, fail, first}, box
}

package servers

import (
	"encoding/json"
	"errors"
	"strings"

	"fyne.io/fyne/v2"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
)

// paramField is the field of one argument.
type paramField struct {
	param param
	box   fyne.CanvasObject
	focus fyne.Focusable
	fail  func(sentence string)
	// read returns what was entered; nil leaves the argument out.
	read func() (json.RawMessage, error)
	// write shows a value; nil shows that there is none. It reports whether the
	// field can show it at all.
	write func(json.RawMessage) bool
}

// leaveOut is the choice of not giving an argument.
const leaveOut = "—"

// newParamField makes the field; changed is called after the person changed it.
func newParamField(p param, changed func()) *paramField {
	label := form.Visible(nameOf(p.Title, p.Name), false)
	if p.Title != "" && p.Title != p.Name && !strings.EqualFold(strings.ReplaceAll(p.Title, " ", "_"), p.Name) {
		label += " · " + form.Visible(p.Name, false)
	}
	if p.Required {
		label += " " + say.T("(required)")
	}
	help := form.Visible(p.Description, true)
	f := &paramField{param: p}
	switch p.Kind {
	case paramSwitch:
		f.choice(label, help, []json.RawMessage{json.RawMessage("true"), json.RawMessage("false")}, []string{say.T("Yes"), say.T("No")}, changed)
	case paramChoice:
		titles := make([]string, len(p.Choices))
		seen := map[string]bool{leaveOut: true}
		for i, c := range p.Choices {
			var s string
			if json.Unmarshal(c, &s) != nil || seen[form.Visible(s, false)] {
				s = string(c)
			}
			for titles[i] = form.Visible(s, false); seen[titles[i]]; {
				titles[i] += " "
			}
			seen[titles[i]] = true
		}
		f.choice(label, help, p.Choices, titles, changed)
	default:
		f.typed(label, help, changed)
	}
	return f
}

// typed is a field that is written in.
func (f *paramField) typed(label, help string, changed func()) {
	hint := ""
	if f.param.Default != nil {
		hint = say.F("left out: %s", form.Visible(string(f.param.Default), false))
	}
	var entry *form.Entry
	switch f.param.Kind {
	case paramLines:
		entry = form.NewLines(label, say.T("one a line"), 2)
	case paramJSON:
		entry = form.NewLines(label, say.T("JSON"), 3)
		entry.TextStyle.Monospace = true
	case paramText:
		entry = form.NewLines(label, hint, 1)
	default:
		entry = form.NewEntry(label, hint)
	}
	field := form.NewFieldOf(entry, help)
	silent := false
	clear := entry.OnChanged
	entry.OnChanged = func(s string) {
		clear(s)
		if !silent {
			changed()
		}
	}
	f.box, f.focus, f.fail = field.Box, entry, field.SetError
	f.read = func() (json.RawMessage, error) { return readParam(f.param.Kind, entry.Text) }
	f.write = func(v json.RawMessage) bool {
		text, ok := writeParam(f.param.Kind, v)
		if text != entry.Text {
			silent = true
			entry.SetText(text)
			silent = false
		}
		return ok
	}
}

// readParam makes JSON of what was typed; nil if nothing was.
func readParam(kind paramKind, text string) (json.RawMessage, error) {
	if text == "" {
		return nil, nil
	}
	switch kind {
	case paramText:
		return quote(text), nil
	case paramLines:
		raw, err := json.Marshal(linesOf(text))
		return raw, err
	case paramNumber, paramWhole:
		text = strings.TrimSpace(text)
		var n json.Number
		if err := json.Unmarshal([]byte(text), &n); err != nil || strings.HasPrefix(text, `"`) {
			return nil, errors.New(say.T("type a number, such as 3 or 0.5"))
		}
		if _, err := n.Int64(); kind == paramWhole && err != nil {
			return nil, errors.New(say.T("type a whole number"))
		}
		return json.RawMessage(text), nil
	}
	if !json.Valid([]byte(text)) {
		return nil, errors.New(say.T(`this is no JSON; it should look like {"a": 1} or ["x", "y"]`))
	}
	return json.RawMessage(text), nil
}

func quote(s string) json.RawMessage {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic("servers: a string always encodes: " + err.Error())
	}
	return json.RawMessage(strings.TrimSuffix(b.String(), "\n"))
}

// writeParam makes text of a value, and reports whether the field can show it.
func writeParam(kind paramKind, v json.RawMessage) (string, bool) {
	if v == nil {
		return "", true
	}
	switch kind {
	case paramText:
		var s string
		if json.Unmarshal(v, &s) != nil {
			return "", false
		}
		return s, true
	case paramLines:
		var list []string
		if json.Unmarshal(v, &list) != nil {
			return "", false
		}
		for _, s := range list {
			if strings.ContainsAny(s, "\n\r") || strings.TrimSpace(s) != s || s == "" {
				return "", false
			}
		}
		return strings.Join(list, "\n"), true
	case paramNumber, paramWhole:
		var n json.Number
		if json.Unmarshal(v, &n) != nil || v[0] == '"' {
			return "", false
		}
		return n.String(), true
	}
	return pretty(v), true
}

// choice is a field whose values are known.
func (f *paramField) choice(label, help string, values []json.RawMessage, titles []string, changed func()) {
	s := form.NewSelect(label, append([]string{leaveOut}, titles...), nil)
	s.SetSelectedIndex(0)
	s.OnChanged = func(string) { changed() }
	fail := form.Failure("")
	f.focus = s
	f.box = form.Column(form.Labelled(label, s, help), fail)
	f.fail = func(sentence string) {
		if fail.Text != sentence {
			form.SetFailure(fail, sentence)
			form.Relayout(f.box)
		}
	}
	f.read = func() (json.RawMessage, error) {
		if i := s.SelectedIndex(); i > 0 {
			return values[i-1], nil
		}
		return nil, nil
	}
	f.write = func(v json.RawMessage) bool {
		at, ok := 0, v == nil
		for i, c := range values {
			if v != nil && sameJSON(c, v) {
				at, ok = i+1, true
			}
		}
		if s.SelectedIndex() != at {
			tell := s.OnChanged
			s.OnChanged = nil
			s.SetSelectedIndex(at)
			s.OnChanged = tell
		}
		return ok
	}
}

// sameJSON reports whether two values are written alike.
func sameJSON(a, b json.RawMessage) bool { return pretty(a) == pretty(b) }

package provider

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// How long a secret is, in bytes, that is taken out of errors, and out of what
// a model says, where a shorter one may be a word.
const (
	secretInError  = 4
	secretInAnswer = 8
)

// screen takes the secrets that went out with a request out of the answer, so
// that a service which repeats its key has it kept nowhere. A secret that comes
// in pieces is found as well: what may be the beginning of one waits for what
// follows it.
type screen struct {
	r     *tools.Redactor
	yield func(model.Delta, error) bool
	gone  bool // the reader left

	kind  byte            // of the text that runs: t, or r for reasoning; 0 if none does
	texts map[byte]*strip // by kind; what is between two texts of a kind does not part them
	calls map[int]*strip
}

// strip is a text that comes in pieces.
type strip struct {
	stream *tools.RedactingStream
	out    strings.Builder
}

func (s *screen) newStrip() *strip {
	p := &strip{}
	p.stream = s.r.Stream(func(b []byte) { p.out.Write(b) })
	return p
}

// add returns what can be passed on after a piece.
func (p *strip) add(text string) string {
	_, _ = p.stream.Write([]byte(text)) // it never fails
	return p.take()
}

// end returns the rest.
func (p *strip) end() string {
	p.stream.Flush()
	return p.take()
}

func (p *strip) take() string {
	text := p.out.String()
	p.out.Reset()
	return text
}

// pass hands a delta or an error on, and reports whether the reader is still
// there.
func (s *screen) pass(d model.Delta, err error) bool {
	if s.r == nil {
		return s.send(d, err)
	}
	switch d := d.(type) {
	case model.TextDelta:
		return s.text('t', d.Text)
	case model.ReasoningDelta:
		return s.text('r', d.Text)
	case model.UsageDelta:
		return s.send(d, nil)
	case model.CallDelta:
		return s.endText() && s.call(d)
	case model.OpaqueDelta:
		clean := s.r.JSON(d.Data)
		if string(clean) != string(d.Data) && signed(d.Data) {
			return s.endText() // what was signed is something else now
		}
		return s.endText() && s.send(model.OpaqueDelta{Data: clean}, nil)
	case model.ListingDelta:
		d.Error = s.r.Text(d.Error)
		d.Tools = slices.Clone(d.Tools)
		for i, t := range d.Tools {
			// As in the definitions that the app lists itself, names stay.
			d.Tools[i].Description, d.Tools[i].InputSchema = s.r.Text(t.Description), s.r.Definition(t.InputSchema)
		}
		return s.endText() && s.send(d, nil)
	case model.ManagedDelta:
		d.Call.ID, d.Call.Tool = s.r.Text(d.Call.ID), s.r.Text(d.Call.Tool)
		if len(d.Call.Arguments) > 0 {
			d.Call.Arguments = s.r.JSON(d.Call.Arguments)
		}
		d.Call.Content = slices.Clone(d.Call.Content)
		for i, p := range d.Call.Content {
			if t, ok := p.(store.Text); ok {
				d.Call.Content[i] = store.Text{Text: s.r.Text(t.Text)}
			}
		}
		return s.endText() && s.send(d, nil)
	case model.ImageDelta:
		return s.endText() && s.send(d, nil)
	}
	return s.end() && s.send(d, err)
}

func (s *screen) send(d model.Delta, err error) bool {
	s.gone = s.gone || !s.yield(d, err)
	return !s.gone
}

func (s *screen) text(kind byte, piece string) bool {
	if s.kind != kind {
		if !s.endText() {
			return false
		}
		if s.kind = kind; s.texts[kind] == nil {
			if s.texts == nil {
				s.texts = map[byte]*strip{}
			}
			s.texts[kind] = s.newStrip()
		}
	}
	return s.say(s.texts[kind].add(piece))
}

func (s *screen) say(text string) bool {
	switch {
	case text == "":
		return !s.gone
	case s.kind == 'r':
		return s.send(model.ReasoningDelta{Text: text}, nil)
	}
	return s.send(model.TextDelta{Text: text}, nil)
}

// endText passes on what is held of the text that runs.
func (s *screen) endText() bool {
	if s.kind == 0 || s.gone {
		return !s.gone
	}
	run := s.texts[s.kind]
	run.stream.Pause()
	ok := s.say(run.take())
	s.kind = 0
	return ok
}

func (s *screen) call(d model.CallDelta) bool {
	p, begun := s.calls[d.Index]
	if !begun {
		if s.calls == nil {
			s.calls = map[int]*strip{}
		}
		p = s.newStrip()
		s.calls[d.Index] = p
	}
	d.ID, d.Name, d.Arguments = s.r.Text(d.ID), s.r.Text(d.Name), p.add(d.Arguments)
	if begun && d.ID == "" && d.Name == "" && d.Arguments == "" {
		return !s.gone
	}
	return s.send(d, nil)
}

// end passes on all that is held.
func (s *screen) end() bool {
	ok := s.endText()
	for _, i := range slices.Sorted(maps.Keys(s.calls)) {
		if rest := s.calls[i].end(); ok && rest != "" {
			ok = s.send(model.CallDelta{Index: i, Arguments: rest}, nil)
		}
	}
	s.calls = nil
	return ok
}

// signed reports whether an opaque item is one of which the service checks that
// nothing was changed.
func signed(raw json.RawMessage) bool {
	var item struct {
		Signature json.RawMessage `json:"signature"`
		Thought   json.RawMessage `json:"thoughtSignature"`
		Encrypted json.RawMessage `json:"encrypted_content"`
	}
	return json.Unmarshal(raw, &item) == nil && (item.Signature != nil || item.Thought != nil || item.Encrypted != nil)
}

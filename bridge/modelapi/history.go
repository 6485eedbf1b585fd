package modelapi

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// history becomes the messages of a run, from what a request sends.
type history struct {
	prior []store.Message // of an answer that was kept
	open  []string        // calls of functions in prior that wait for their output
	steps []*step
}

// step is a message of the person, or an answer with the results of its calls.
type step struct {
	role    store.Role
	parts   store.Parts
	calls   []string // ids, in order
	results map[string]store.ToolResult
	waits   map[string]string // ids of calls that need a result, and what is said where there is none
	// thoughts are what the provider wants back of an answer.
	thoughts thoughts
}

// The bounds of what a request sends.
const (
	maxItems  = 20_000
	maxCallID = 256
)

func (h *history) user(parts store.Parts) {
	if len(parts) == 0 {
		return
	}
	if n := len(h.steps); n > 0 && h.steps[n-1].role == store.RoleUser {
		h.steps[n-1].parts = append(h.steps[n-1].parts, parts...)
		return
	}
	h.steps = append(h.steps, &step{role: store.RoleUser, parts: parts})
}

// answer returns the answer that what comes next belongs to: a new one where the
// calls of the last are all answered.
func (h *history) answer() *step {
	if n := len(h.steps); n > 0 && h.steps[n-1].role == store.RoleAssistant {
		last := h.steps[n-1]
		if len(last.calls) == 0 || len(last.results) < len(last.calls) || len(last.calls) < len(last.thoughts.Calls) {
			return last
		}
	}
	return h.anew()
}

// anew begins an answer.
func (h *history) anew() *step {
	s := &step{role: store.RoleAssistant, results: map[string]store.ToolResult{}, waits: map[string]string{}}
	h.steps = append(h.steps, s)
	return s
}

func (h *history) said(parts store.Parts) {
	if len(parts) > 0 {
		s := h.answer()
		s.parts = append(s.parts, parts...)
	}
}

// call adds a call. missing is what is said of it if there is no result; where
// it is empty there has to be one.
func (h *history) call(at string, c store.ToolCall, missing string) error {
	if c.ID == "" || len(c.ID) > maxCallID || strings.ContainsFunc(c.ID, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return bad(at, "The id of the call in "+at+" is missing, too long, or has odd characters.")
	}
	if h.has(c.ID) {
		return bad(at, fmt.Sprintf("The id %q of the call in %s is there twice.", clip(c.ID, 80), at))
	}
	if tools.CheckArguments(c.Arguments) != nil {
		text, err := json.Marshal(clip(string(c.Arguments), 2000))
		if err != nil {
			return bad(at, "The arguments in "+at+" cannot be read.")
		}
		c.Arguments = text // what a model wrote that is broken goes back as such
	}
	s := h.answer()
	s.parts = append(s.parts, c)
	s.calls = append(s.calls, c.ID)
	s.waits[c.ID] = missing
	return nil
}

func (h *history) has(id string) bool {
	return slices.ContainsFunc(h.steps, func(s *step) bool { return slices.Contains(s.calls, id) }) ||
		slices.ContainsFunc(h.prior, func(m store.Message) bool {
			return slices.ContainsFunc(m.Calls(), func(c store.ToolCall) bool { return c.ID == id })
		})
}

// result answers a call. It reports false if there is none of that id that is
// still to be answered.
func (h *history) result(id string, r tools.Result) bool {
	for _, s := range h.steps {
		if slices.Contains(s.calls, id) {
			if _, twice := s.results[id]; twice {
				return false
			}
			s.results[id] = r.Part(id)
			return true
		}
	}
	if len(h.prior) == 0 {
		return false
	}
	// Only what the answer before left open can be answered, once.
	i := slices.Index(h.open, id)
	if i < 0 {
		return false
	}
	h.open = slices.Delete(slices.Clone(h.open), i, i+1)
	h.replace(id, r)
	return true
}

// replace puts a result in the place of one that stood for it.
func (h *history) replace(id string, r tools.Result) {
	for _, s := range h.steps {
		if slices.Contains(s.calls, id) {
			s.results[id] = r.Part(id)
			return
		}
	}
	last := &h.prior[len(h.prior)-1]
	last.Parts = slices.Clone(last.Parts)
	for i, p := range last.Parts {
		if old, ok := p.(store.ToolResult); ok && old.CallID == id {
			last.Parts[i] = r.Part(id)
		}
	}
}

// begin puts a kept answer in front.
func (h *history) begin(a *keptAnswer) {
	h.prior, h.open = slices.Clone(a.messages), slices.Clone(a.open)
}

// messages returns the whole history.
func (h *history) messages() ([]store.Message, error) {
	if len(h.open) > 0 {
		return nil, bad("input", fmt.Sprintf("No tool output found for function call %s.", h.open[0]))
	}
	out := slices.Clone(h.prior)
	add := func(role store.Role, parts store.Parts) {
		m := store.Message{ID: store.NewID(), Role: role, Parts: parts, Status: store.StatusComplete}
		if n := len(out); n > 0 {
			m.ParentID = out[n-1].ID
		}
		out = append(out, m)
	}
	for _, s := range h.steps {
		if len(s.parts) == 0 && len(s.thoughts.List) > 0 {
			continue // thoughts that led to nothing go back to nobody
		}
		ids := h.renamed(s)
		add(s.role, withThoughts(s.parts, s.thoughts.List, ids))
		if len(s.calls) == 0 {
			continue
		}
		parts := make(store.Parts, 0, len(s.calls))
		for _, id := range s.calls {
			r, ok := s.results[id]
			switch {
			case ok:
			case s.waits[id] == "":
				return nil, bad("input", fmt.Sprintf("No tool output found for function call %s.", clip(id, 80)))
			default:
				r = tools.ErrorResult(s.waits[id]).Part(id)
			}
			if own := ids[id]; own != "" {
				r.CallID = own
			}
			parts = append(parts, r)
		}
		add(store.RoleTool, parts)
	}
	if n := len(out); n == 0 || out[n-1].Role == store.RoleAssistant {
		return nil, bad("input", "There is nothing to answer: the last message is the assistant's, or there is none.")
	}
	return out, nil
}

// content reads what a message holds: a text, or parts of the given types.
func (h *history) content(at string, raw json.RawMessage) (store.Parts, error) {
	if isNull(raw) {
		return nil, nil
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		if text == "" {
			return nil, nil
		}
		return store.Parts{store.Text{Text: text}}, nil
	}
	var list []struct {
		Type     string          `json:"type"`
		Text     string          `json:"text"`
		Refusal  string          `json:"refusal"`
		ImageURL json.RawMessage `json:"image_url"`
		FileID   *string         `json:"file_id"`
		FileURL  *string         `json:"file_url"`
		FileData string          `json:"file_data"`
		Filename string          `json:"filename"`
		File     *struct {
			FileID   *string `json:"file_id"`
			FileData string  `json:"file_data"`
			Filename string  `json:"filename"`
		} `json:"file"`
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, bad(at, "The content of "+at+" should be a text or an array of parts.")
	}
	var out store.Parts
	for i, p := range list {
		here := fmt.Sprintf("%s[%d]", at, i)
		switch p.Type {
		case "input_text", "output_text", "text", "summary_text", "reasoning_text":
			if p.Text != "" {
				out = append(out, store.Text{Text: p.Text})
			}
		case "refusal":
			if p.Refusal != "" {
				out = append(out, store.Text{Text: p.Refusal})
			}
		case "input_image", "image_url":
			var address string
			if json.Unmarshal(p.ImageURL, &address) != nil {
				var o struct {
					URL string `json:"url"`
				}
				if json.Unmarshal(p.ImageURL, &o) == nil {
					address = o.URL
				}
			}
			kind, data, ok := dataURL(address)
			if !ok || p.FileID != nil {
				return nil, unsupported(here, "Images are taken as data: addresses alone; nothing is fetched for a request.")
			}
			out = append(out, store.Image{MIMEType: kind, Data: data})
		case "input_file", "file":
			id, link, raw, name := p.FileID, p.FileURL, p.FileData, p.Filename
			if p.File != nil {
				id, raw, name = p.File.FileID, p.File.FileData, p.File.Filename
			}
			kind, data, ok := dataURL(raw)
			if id != nil || link != nil || !ok {
				return nil, unsupported(here, "Files are taken as data: addresses alone (file_data); nothing is fetched for a request.")
			}
			out = append(out, store.File{Name: name, MIMEType: kind, Data: data})
		default:
			return nil, unsupported(here+".type", fmt.Sprintf("Parts of the type %q are not taken here.", clip(p.Type, 50)))
		}
	}
	return out, nil
}

func dataURL(s string) (kind string, data []byte, ok bool) {
	rest, ok := strings.CutPrefix(s, "data:")
	if !ok {
		return "", nil, false
	}
	head, body, ok := strings.Cut(rest, ",")
	if !ok {
		return "", nil, false
	}
	kind, ok = strings.CutSuffix(head, ";base64")
	if !ok {
		return "", nil, false
	}
	data, err := base64.StdEncoding.DecodeString(body)
	return kind, data, err == nil && len(data) > 0
}

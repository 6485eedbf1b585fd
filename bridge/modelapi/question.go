package modelapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// question is what a request asks, read and checked.
type question struct {
	caller    store.Caller
	model     store.ModelRef
	name      string // of the model, as the request has it
	offer     *offer
	view      *view
	system    string
	history   history
	choice    model.Choice
	sampling  model.Sampling
	maxOutput int64
	stream    bool
	thoughts  bool // the program takes what providers want back
	invisible bool // the format has no words for the person's tools
	approved  []*approval
	used      []string // ids of approvals that this request uses up
	fields    map[string]json.RawMessage
}

// view is what a caller may be offered of a request's servers at one moment.
type view struct {
	list  []tools.Tool // functions too
	shown map[tools.Ref]string
	by    map[tools.Ref]*entry
}

// look returns the view of an offer.
func (h *Handler) look(ctx context.Context, c store.Caller, o *offer) (*view, error) {
	v := &view{by: map[tools.Ref]*entry{}}
	if len(o.entries) > 0 {
		all, err := h.o.Engine.Tools(ctx, c)
		if err != nil {
			return nil, err
		}
		v.shown = tools.Names(all, 64)
		for i := range all {
			t := &all[i]
			if e := v.entryFor(o, t); e != nil {
				v.by[t.Ref] = e
				v.list = append(v.list, *t)
			}
		}
	}
	v.list = append(v.list, o.functions...)
	return v, nil
}

func (v *view) entryFor(o *offer, t *tools.Tool) *entry {
	for _, e := range o.entries {
		if e.covers(t, v.shown[t.Ref]) {
			return e
		}
	}
	return nil
}

// find returns the tool that is shown under a label by that name.
func (v *view) find(label, name string) (*tools.Tool, bool) {
	var found *tools.Tool
	for i := range v.list {
		t := &v.list[i]
		e := v.by[t.Ref]
		if e == nil || e.label != label {
			continue
		}
		if v.shown[t.Ref] == name {
			return t, true
		}
		if t.Tool == name {
			if found != nil {
				return nil, false // of two servers
			}
			found = t
		}
	}
	return found, found != nil
}

// tool returns an offered tool.
func (v *view) tool(ref tools.Ref) *tools.Tool {
	for i := range v.list {
		if v.list[i].Ref == ref {
			return &v.list[i]
		}
	}
	return nil
}

// decodeBody reads a request's body as an object.
func decodeBody(w http.ResponseWriter, r *http.Request) (map[string]json.RawMessage, error) {
	var fields map[string]json.RawMessage
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, bodyMax))
	if err := d.Decode(&fields); err != nil || fields == nil {
		return nil, bad("", "The body should be one JSON object of at most 32 MiB.")
	}
	if d.More() {
		return nil, bad("", "The body has more than one JSON value.")
	}
	return fields, nil
}

// get reads a field, and leaves the value as it is where there is none.
func get[T any](fields map[string]json.RawMessage, name string, into *T) error {
	raw := fields[name]
	if isNull(raw) {
		return nil
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return bad(name, fmt.Sprintf("The field %s is not of the type that it should be.", name))
	}
	return nil
}

// rule says which values of a field change nothing here, so that any other is
// refused; nil takes every value.
type rule func(raw json.RawMessage) bool

func anything(json.RawMessage) bool { return true }

func only(values ...string) rule {
	return func(raw json.RawMessage) bool { return slices.Contains(values, string(raw)) }
}

// checkFields refuses fields that cannot be kept to.
func checkFields(fields map[string]json.RawMessage, rules map[string]rule, why map[string]string) error {
	for name, raw := range fields {
		if isNull(raw) {
			continue
		}
		r, known := rules[name]
		if known && r(raw) {
			continue
		}
		sentence := why[name]
		switch {
		case sentence != "":
		case known:
			sentence = fmt.Sprintf("The value of %s asks for something that is not done here. Leave it out.", name)
		default:
			sentence = fmt.Sprintf("The field %s is not known here, so it cannot be kept to. Leave it out.", clip(name, 50))
		}
		return unsupported(clip(name, 50), sentence)
	}
	return nil
}

// common reads what both formats have.
func (h *Handler) common(r *http.Request, c store.Caller, fields map[string]json.RawMessage, invisible bool) (*question, error) {
	q := &question{caller: c, fields: fields, invisible: invisible}
	if err := get(fields, "model", &q.name); err != nil {
		return nil, err
	}
	if q.name == "" {
		return nil, bad("model", "The model is missing; /v1/models lists those that this key may use.")
	}
	var err error
	if q.model, err = h.o.Engine.Find(r.Context(), c, q.name); err != nil {
		return nil, err
	}
	if err := get(fields, "stream", &q.stream); err != nil {
		return nil, err
	}
	if err := get(fields, "temperature", &q.sampling.Temperature); err != nil {
		return nil, err
	}
	if err := get(fields, "top_p", &q.sampling.TopP); err != nil {
		return nil, err
	}
	if t := q.sampling.Temperature; t != nil && (*t < 0 || *t > 2) {
		return nil, bad("temperature", "temperature should be from 0 to 2.")
	}
	if p := q.sampling.TopP; p != nil && (*p < 0 || *p > 1) {
		return nil, bad("top_p", "top_p should be from 0 to 1.")
	}
	if q.offer, err = h.readTools(r, c, fields["tools"], invisible); err != nil {
		return nil, err
	}
	if q.view, err = h.look(r.Context(), c, q.offer); err != nil {
		return nil, err
	}
	return q, q.readChoice(fields["tool_choice"])
}

// readChoice reads tool_choice.
func (q *question) readChoice(raw json.RawMessage) error {
	if isNull(raw) {
		return nil
	}
	var word string
	if json.Unmarshal(raw, &word) == nil {
		switch word {
		case "auto":
		case "none":
			q.choice.Mode = model.ChoiceNone
		case "required":
			q.choice.Mode = model.ChoiceRequired
			if len(q.view.list) == 0 {
				return bad("tool_choice", "tool_choice is required, and no tool is offered that this key may use now.")
			}
		default:
			return bad("tool_choice", "tool_choice should be auto, none, required, or name a tool.")
		}
		return nil
	}
	var o struct {
		Type        string `json:"type"`
		Name        string `json:"name"`
		ServerLabel string `json:"server_label"`
		Function    struct {
			Name string `json:"name"`
		} `json:"function"`
	}
	if json.Unmarshal(raw, &o) != nil {
		return bad("tool_choice", "tool_choice should be auto, none, required, or name a tool.")
	}
	q.choice.Mode = model.ChoiceRequired
	switch o.Type {
	case "function":
		if o.Name == "" {
			o.Name = o.Function.Name
		}
		q.choice.Ref = tools.Ref{Server: Functions, Tool: o.Name}
		if q.view.tool(q.choice.Ref) == nil {
			return bad("tool_choice", fmt.Sprintf("tool_choice names the function %q, which is not among the tools.", clip(o.Name, 80)))
		}
	case "mcp":
		t, ok := q.view.find(o.ServerLabel, o.Name)
		if o.Name == "" || !ok {
			return bad("tool_choice", "tool_choice should name a tool of one of the servers of this request, with server_label and name.")
		}
		q.choice.Ref = t.Ref
	default:
		return unsupported("tool_choice", fmt.Sprintf("tool_choice of the type %q is not done here.", clip(o.Type, 50)))
	}
	return nil
}

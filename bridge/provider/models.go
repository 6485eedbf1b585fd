package provider

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/model"
)

// What a list of models may hold, and how long it may take.
const (
	modelsLimit   = 30 * time.Second
	maxModelList  = 16 << 20 // bytes
	maxModels     = 10_000
	maxModelID    = 256 // bytes
	maxModelTitle = 200 // bytes
)

// Models asks the service which models it offers, sorted by id. It takes 30
// seconds at most.
func (e *endpoint) Models(ctx context.Context) ([]model.Info, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, min(modelsLimit, e.o.Idle), errIdle)
	defer cancel()
	res, secrets, err := e.send(ctx, outgoing{method: http.MethodGet, path: "models"})
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxModelList+1))
	if err != nil {
		return nil, e.transportError(ctx, err, secrets)
	}
	list, ok := readModels(body)
	if len(body) > maxModelList || !ok {
		return nil, e.errorf(model.ErrorProtocol, res.StatusCode, nil,
			"%s answered with something that is no list of models. The address %s may be wrong; many services want /v1 at its end. A model's name can also be typed.", e.cfg.Title(), e.address())
	}
	return list, nil
}

// readModels takes the list from any of the shapes in use: OpenAI's object
// with data, the one with models that some local servers have, a bare list.
// It returns false if it is none of them.
func readModels(body []byte) ([]model.Info, bool) {
	body = bytes.TrimSpace(body)
	var raw []json.RawMessage
	if len(body) > 0 && body[0] == '[' {
		if json.Unmarshal(body, &raw) != nil {
			return nil, false
		}
	} else {
		var s struct{ Data, Models *[]json.RawMessage }
		if json.Unmarshal(body, &s) != nil || s.Data == nil && s.Models == nil {
			return nil, false
		}
		if s.Data != nil {
			raw = *s.Data
		} else {
			raw = *s.Models
		}
	}
	list := make([]model.Info, 0, min(len(raw), maxModels))
	seen := map[string]bool{}
	for _, r := range raw {
		id, name := readModel(r)
		if id == "" || len(id) > maxModelID || hasControl(id) || seen[id] || len(list) == maxModels {
			continue
		}
		seen[id] = true
		if name == id {
			name = ""
		}
		list = append(list, model.Info{ID: id, Name: clean(name, maxModelTitle)})
	}
	slices.SortFunc(list, func(a, b model.Info) int { return cmp.Compare(a.ID, b.ID) })
	return list, true
}

func readModel(raw json.RawMessage) (id, name string) {
	if len(raw) > 0 && raw[0] == '"' {
		return looseText(raw), ""
	}
	var s struct {
		ID, Model, Name json.RawMessage
		Display         json.RawMessage `json:"display_name"`
	}
	if json.Unmarshal(raw, &s) != nil {
		return "", ""
	}
	name = looseText(s.Name)
	if name == "" {
		name = looseText(s.Display)
	}
	if id = looseText(s.ID); id == "" {
		id = looseText(s.Model)
	}
	if id == "" {
		id = name
	}
	return id, name
}

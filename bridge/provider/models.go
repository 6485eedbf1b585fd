package provider

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
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
	body, err := e.read(ctx, "models", nil, maxModelList)
	if err != nil {
		return nil, err
	}
	list, ok := readModels(body)
	if ok && e.cfg.Preset == PresetLiteLLM {
		e.litellmLimits(ctx, list)
	}
	if len(body) > maxModelList || !ok {
		return nil, e.noList()
	}
	return list, nil
}

// read asks for a document and returns it, without the secrets that went out
// with the question, for the service may have put them in. One that is longer
// than limit bytes is cut, and longer still.
func (e *endpoint) read(ctx context.Context, path string, header http.Header, limit int) ([]byte, error) {
	res, secrets, err := e.send(ctx, outgoing{method: http.MethodGet, path: path, header: header})
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, int64(limit)+1))
	if err != nil {
		return nil, e.transportError(ctx, err, secrets)
	}
	if len(body) > limit {
		return body, nil // it is not used
	}
	return tools.NewRedactor(secretInAnswer, secrets...).Bytes(body), nil
}

// noList says that a list of models is none.
func (e *endpoint) noList() error {
	return e.errorf(model.ErrorProtocol, http.StatusOK, nil,
		"%s answered with something that is no list of models. The address %s may be wrong; %s. A model's name can also be typed.", e.cfg.Title(), e.address(), e.ending())
}

// usableID reports whether a model can be chosen by that id: people must be able
// to see all of it, and tell it from others.
func usableID(id string) bool {
	return id != "" && len(id) <= maxModelID && utf8.ValidString(id) && clean(id, maxModelID) == id
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
		if len(list) == maxModels {
			break
		}
		id, name, limits := readModel(r)
		if !usableID(id) || seen[id] {
			continue
		}
		seen[id] = true
		if name == id {
			name = ""
		}
		list = append(list, model.Info{ID: id, Name: clean(name, maxModelTitle), Limits: limits})
	}
	slices.SortFunc(list, func(a, b model.Info) int { return cmp.Compare(a.ID, b.ID) })
	return list, true
}

func readModel(raw json.RawMessage) (id, name string, limits store.ModelLimits) {
	if len(raw) > 0 && raw[0] == '"' {
		return looseText(raw), "", limits
	}
	var s struct {
		ID, Model, Name json.RawMessage
		Display         json.RawMessage `json:"display_name"`

		// The context by the names that OpenRouter and Together, Mistral, Groq,
		// and vLLM give it.
		Length    json.RawMessage `json:"context_length"`
		MaxLength json.RawMessage `json:"max_context_length"`
		Window    json.RawMessage `json:"context_window"`
		MaxModel  json.RawMessage `json:"max_model_len"`
		MaxOutput json.RawMessage `json:"max_completion_tokens"` // Groq
		Top       struct {
			MaxOutput json.RawMessage `json:"max_completion_tokens"`
		} `json:"top_provider"` // OpenRouter
	}
	var mistyped *json.UnmarshalTypeError
	if err := json.Unmarshal(raw, &s); err != nil && !errors.As(err, &mistyped) {
		return "", "", limits
	}
	limits.Context = firstCount(s.Length, s.MaxLength, s.Window, s.MaxModel)
	limits.MaxOutput = firstCount(s.MaxOutput, s.Top.MaxOutput)
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
	return id, name, limits
}

// firstCount returns the first that is a number of tokens, 0 if none is.
func firstCount(list ...json.RawMessage) int64 {
	for _, raw := range list {
		if n, err := strconv.ParseFloat(looseText(raw), 64); err == nil && n >= 1 && n < 1e12 {
			return int64(n)
		}
	}
	return 0
}

package provider

import (
	"context"
	"encoding/json"
	"strconv"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/store"
)

// The presets of gateways. A LiteLLM proxy takes its key as a bearer token, or,
// where the proxy is set up so, in the header x-litellm-api-key of the entry;
// its models are called what the proxy's settings call them.
const (
	PresetLiteLLM = "litellm"
	PresetPortkey = "portkey"
)

// litellmLimits asks the proxy what its models take and cost, and puts it into
// the list. A proxy may forbid the question to the key; the list is right
// without the answer.
func (e *endpoint) litellmLimits(ctx context.Context, list []model.Info) {
	body, err := e.read(ctx, "model/info", nil, maxModelList)
	if err != nil {
		e.o.Logger.Debug("a proxy says nothing of its models", "provider", e.cfg.ID, "error", err)
		return
	}
	limits := readLiteLLM(body)
	for i, m := range list {
		list[i].Limits = model.MergeLimits(limits[m.ID], m.Limits)
	}
}

// readLiteLLM reads the answer of /model/info, prices in US dollars a token. A
// name stands several times where several deployments serve it: the first
// counts.
func readLiteLLM(body []byte) map[string]store.ModelLimits {
	var doc struct{ Data []json.RawMessage }
	if json.Unmarshal(body, &doc) != nil {
		return nil
	}
	out := map[string]store.ModelLimits{}
	for _, raw := range doc.Data {
		var m struct {
			Name string                     `json:"model_name"`
			Info map[string]json.RawMessage `json:"model_info"`
		}
		if json.Unmarshal(raw, &m) != nil || m.Name == "" {
			continue
		}
		if _, ok := out[m.Name]; ok || len(out) == maxModels {
			continue
		}
		price := func(name string) float64 {
			p, err := strconv.ParseFloat(looseText(m.Info[name]), 64)
			if err != nil || !(p > 0 && p < 1) {
				return 0
			}
			return p * 1e6
		}
		out[m.Name] = store.ModelLimits{
			Context:   firstCount(m.Info["max_input_tokens"], m.Info["max_tokens"]),
			MaxOutput: firstCount(m.Info["max_output_tokens"], m.Info["max_tokens"]),
			Input:     price("input_cost_per_token"), Cached: price("cache_read_input_token_cost"), Output: price("output_cost_per_token"),
		}
	}
	return out
}

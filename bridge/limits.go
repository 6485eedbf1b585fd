package bridge

import (
	"context"
	"net/url"
	"strings"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/provider"
	"github.com/drawbridge-app/drawbridge/store"
)

// Limits returns what a model takes and costs: number by number what the person
// says of it, else what its provider said when Models asked last, else what the
// table of models knows. It makes no request.
func (b *Bridge) Limits(ref store.ModelRef) store.ModelLimits {
	cfg, err := b.Provider(ref.Provider)
	if err != nil {
		return store.ModelLimits{}
	}
	b.adaptersMu.Lock()
	listed := b.adapters[cfg.ID].listed[ref.Model]
	b.adaptersMu.Unlock()
	return b.limits(cfg, ref.Model, listed)
}

func (b *Bridge) limits(cfg store.ProviderConfig, name string, listed store.ModelLimits) store.ModelLimits {
	var known store.ModelLimits
	if tableHolds(cfg) {
		known, _ = b.table.Limits(name)
	}
	return model.MergeLimits(cfg.Models[name], listed, known)
}

// tableHolds reports whether the entry's names of models are those of the
// models' vendors. At Azure they are what a person called a deployment, and a
// server of this computer or network may call anything gpt-4 and takes no
// money; a gateway that runs here passes the vendors' names on.
func tableHolds(cfg store.ProviderConfig) bool {
	u, err := url.Parse(cfg.BaseURL)
	if err != nil {
		return false
	}
	host := strings.ToLower(u.Hostname())
	switch {
	case cfg.Preset == provider.PresetAzure, strings.HasSuffix(host, ".azure.com"), strings.HasSuffix(host, ".azure.us"), strings.HasSuffix(host, ".azure.cn"):
		return false
	case cfg.Portkey != nil, cfg.Preset == provider.PresetLiteLLM, cfg.Preset == provider.PresetPortkey:
		return true
	}
	return privateHost(host) == ""
}

// Models asks a provider for its models. Their limits are those that Limits
// returns.
func (b *Bridge) Models(ctx context.Context, providerID string) ([]model.Info, error) {
	cfg, err := b.Provider(providerID)
	if err != nil {
		return nil, err
	}
	c, err := b.client(store.ModelRef{Provider: providerID})
	if err != nil {
		return nil, err
	}
	list, err := c.Models(ctx)
	if err != nil {
		return nil, err
	}
	listed := make(map[string]store.ModelLimits, len(list))
	for i := range list {
		if list[i].Limits != (store.ModelLimits{}) {
			listed[list[i].ID] = list[i].Limits
		}
		list[i].Limits = b.limits(cfg, list[i].ID, list[i].Limits)
	}
	b.adaptersMu.Lock()
	defer b.adaptersMu.Unlock()
	if a, ok := b.adapters[providerID]; ok && a.client == c {
		a.listed = listed
		b.adapters[providerID] = a
	}
	return list, nil
}

package store_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/drawbridge-app/drawbridge/store"
)

func TestProviderValidate(t *testing.T) {
	t.Parallel()
	many, heavy := map[string]string{}, map[string]string{}
	for i := range 20 {
		heavy[fmt.Sprint("k", i)] = strings.Repeat("x", 120)
	}
	for i := range 40 {
		many[fmt.Sprint("k", i)] = "v"
	}
	portkey := func(p store.Portkey) store.ProviderConfig { return store.ProviderConfig{Portkey: &p} }
	for name, test := range map[string]struct {
		cfg  store.ProviderConfig
		says string // empty: it is right
	}{
		"plain":                  {store.ProviderConfig{}, ""},
		"portkey alone":          {portkey(store.Portkey{}), ""},
		"portkey slug":           {portkey(store.Portkey{Provider: "@work-openai"}), ""},
		"portkey virtual key":    {portkey(store.Portkey{VirtualKey: store.RefTo("provider/a/virtual-key")}), ""},
		"another's virtual key":  {portkey(store.Portkey{VirtualKey: store.RefTo("provider/b/key")}), "belongs to something else"},
		"a server's virtual key": {portkey(store.Portkey{VirtualKey: store.RefTo("server/x/env/KEY")}), "belongs to something else"},
		"portkey line break":     {portkey(store.Portkey{Provider: "openai\r\nX-Evil: 1"}), "provider contains a character"},
		"portkey no ASCII":       {portkey(store.Portkey{VirtualKey: "schlüssel"}), "virtual key contains a character"},
		"config id":              {portkey(store.Portkey{Config: "pc-work-1a2b3c"}), ""},
		"config object":          {portkey(store.Portkey{Config: ` { "strategy": {"mode":"fallback"}, "targets": [{"virtual_key":"a"},{"provider":"@b"}] } `}), ""},
		"config list":            {portkey(store.Portkey{Config: `[1]`}), "JSON object"},
		"config words":           {portkey(store.Portkey{Config: `my config`}), "JSON object"},
		"config broken":          {portkey(store.Portkey{Config: `{"a":`}), "JSON object"},
		"config null":            {portkey(store.Portkey{Config: `{} {}`}), "JSON object"},
		"config long":            {portkey(store.Portkey{Config: `{"a":"` + strings.Repeat("x", 5000) + `"}`}), "longer than"},
		"config with a key":      {portkey(store.Portkey{Config: `{"targets":[{"provider":"openai","api_key":"sk-clear"}]}`}), "in the clear"},
		"config with a ref":      {portkey(store.Portkey{Config: `{"targets":[{"provider":"openai","api_key":"${secret:provider/a/up}"}]}`}), ""},
		"config with another's":  {portkey(store.Portkey{Config: `{"api_key":"${secret:provider/b/up}"}`}), "belongs to something else"},
		"portkey gemini":         {store.ProviderConfig{Kind: store.ProviderGemini, Portkey: &store.Portkey{}}, "gemini"},
		"metadata":               {store.ProviderConfig{Metadata: map[string]string{"team": "blå"}}, ""},
		"metadata long":          {store.ProviderConfig{Metadata: map[string]string{"team": strings.Repeat("ü", 129)}}, "longer than 128"},
		"metadata full":          {store.ProviderConfig{Metadata: map[string]string{"team": strings.Repeat("ü", 128)}}, ""},
		"metadata many":          {store.ProviderConfig{Metadata: many}, "40 entries"},
		"metadata heavy":         {store.ProviderConfig{Metadata: heavy}, "together"},
		"metadata nameless":      {store.ProviderConfig{Metadata: map[string]string{"": "x"}}, "name in the metadata"},
		"metadata no text":       {store.ProviderConfig{Metadata: map[string]string{"a": "\xff"}}, "no text"},
		"fallback":               {store.ProviderConfig{Fallback: store.ModelRef{Provider: "b", Model: "m"}}, ""},
		"fallback other model":   {store.ProviderConfig{Model: "m", Fallback: store.ModelRef{Provider: "a", Model: "n"}}, ""},
		"fallback itself":        {store.ProviderConfig{Model: "m", Fallback: store.ModelRef{Provider: "a", Model: "m"}}, "itself"},
		"fallback no model":      {store.ProviderConfig{Fallback: store.ModelRef{Provider: "a"}}, "itself"},
		"fallback nowhere":       {store.ProviderConfig{Fallback: store.ModelRef{Model: "m"}}, "no provider"},
		"connector":              {store.ProviderConfig{Connector: "2025-11-20"}, ""},
		"connector unknown":      {store.ProviderConfig{Connector: "2024-01-01"}, "is not known"},
		"limits":                 {store.ProviderConfig{Models: map[string]store.ModelLimits{"m": {Context: 1, Input: 0.5}}}, ""},
		"limits below":           {store.ProviderConfig{Models: map[string]store.ModelLimits{"m": {Context: -1}}}, "no number"},
	} {
		cfg := test.cfg
		cfg.ID, cfg.BaseURL = "a", "https://gateway.example.com/v1"
		if cfg.Kind == "" {
			cfg.Kind = store.ProviderChat
		}
		err := cfg.Validate()
		if test.says == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "sk-clear") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

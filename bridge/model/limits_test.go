package model_test

import (
	"math"
	"testing"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/store"
)

const someTable = `{"source":"a test","models":{
	"gpt-5":{"context":400000,"max_output":128000,"input_usd_per_mtok":1.25,"cached_input_usd_per_mtok":0.125,"output_usd_per_mtok":10},
	"gpt-5-2025-08-07":{"context":400001},
	"claude-sonnet-4-5":{"context":200000},
	"claude-old-20240101":{"context":1},"claude-old-20250101":{"context":2},
	"o1-2024-12-17":{"context":3}
}}`

func TestTable(t *testing.T) {
	t.Parallel()
	table, err := model.ParseTable([]byte(someTable))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int64{
		"gpt-5": 400000, "GPT-5": 400000, "openai/gpt-5": 400000, "openrouter/openai/gpt-5": 400000, "@work-openai/gpt-5": 400000,
		"gpt-5-2025-08-07": 400001, "gpt-5-2026-01-01": 400000, "gpt-5-latest": 400000,
		"anthropic/claude-sonnet-4.5": 200000, "claude-sonnet-4-5-20250929": 200000,
		"claude-old": 2, "claude-old-latest": 2, "claude-old-20240101": 1, "o1": 3,
		"azure/gpt-5": 0, "somebody/gpt-5": 0, "gpt-5:free": 0, "gpt-5-mini": 0, "gpt-5-": 0, "": 0, "/": 0, "@": 0, "ft:gpt-5:me": 0, "gpt-5-2025": 0,
	} {
		got, ok := table.Limits(name)
		if got.Context != want || ok != (want != 0) {
			t.Errorf("%q: %d %v, want %d", name, got.Context, ok, want)
		}
	}
	if _, ok := (*model.Table)(nil).Limits("gpt-5"); ok {
		t.Error("no table knows a model")
	}
	for _, bad := range []string{"", "[]", `{"models":{"a":{"context":"much"}}}`, `{"models":{"a":{"context":-1}}}`} {
		if _, err := model.ParseTable([]byte(bad)); err == nil {
			t.Errorf("%q is a table", bad)
		}
	}
}

func TestCost(t *testing.T) {
	t.Parallel()
	prices := store.ModelLimits{Input: 2, Cached: 0.2, Output: 10}
	for _, test := range []struct {
		usage store.Usage
		l     store.ModelLimits
		want  float64
		known bool
	}{
		{store.Usage{Input: 1e6, Output: 1e5}, prices, 3, true},
		{store.Usage{Input: 1e6, Cached: 5e5, Output: 1e5}, prices, 2.1, true},
		{store.Usage{Input: 1e6, Cached: 5e5}, store.ModelLimits{Input: 2, Output: 10}, 2, true},
		{store.Usage{Input: 1e6, Cached: 5e5, Written: 4e5}, prices, 0.2 + 0.1 + 1, true},
		{store.Usage{Input: 1e6, Cached: 2e6, Written: 3e6}, prices, 0.2, true}, // nonsense stays within the input
		{store.Usage{Input: -1, Output: -1}, prices, 0, true},
		{store.Usage{}, store.ModelLimits{}, 0, true},
		{store.Usage{Input: 1, Output: 1e6}, store.ModelLimits{Output: 1}, 1, false},
		{store.Usage{Output: 1}, store.ModelLimits{Input: 1}, 0, false},
	} {
		got, known := model.Cost(test.usage, test.l)
		if math.Abs(got-test.want) > 1e-9 || known != test.known {
			t.Errorf("%+v: %v %v, want %v %v", test.usage, got, known, test.want, test.known)
		}
	}
}

func TestMergeLimits(t *testing.T) {
	t.Parallel()
	got := model.MergeLimits(store.ModelLimits{Context: 1}, store.ModelLimits{Context: 2, Input: 3}, store.ModelLimits{Input: 4, Cached: 5, Output: 6, MaxOutput: 7})
	if want := (store.ModelLimits{Context: 1, Input: 3, Cached: 5, Output: 6, MaxOutput: 7}); got != want {
		t.Errorf("%+v", got)
	}
}

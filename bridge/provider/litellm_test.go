package provider

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/drawbridge-app/drawbridge/store"
)

func TestLiteLLMModels(t *testing.T) {
	t.Parallel()
	info := `{"data":[
		{"model_name":"team/openai/gpt-5","model_info":{"max_input_tokens":272000,"max_output_tokens":128000,"input_cost_per_token":1.25e-06,"cache_read_input_token_cost":1.25e-07,"output_cost_per_token":"1e-05"}},
		{"model_name":"team/openai/gpt-5","model_info":{"max_input_tokens":1}},
		{"model_name":"plain","model_info":{"max_tokens":4096,"input_cost_per_token":null,"output_cost_per_token":-1}},
		{"model_name":"odd","model_info":{"max_tokens":"many","max_input_tokens":-5,"input_cost_per_token":"free"}},
		{"model_name":7}, 8
	]}`
	for name, test := range map[string]struct {
		status int
		body   string
		want   string
	}{
		"told":      {200, info, "odd {0 0 0 0 0}; plain {4096 4096 0 0 0}; team/openai/gpt-5 {272000 128000 1.25 0.125 10}; unknown {0 0 0 0 0}"},
		"forbidden": {403, `{"error":"no"}`, "odd {0 0 0 0 0}; plain {0 0 0 0 0}; team/openai/gpt-5 {0 0 0 0 0}; unknown {0 0 0 0 0}"},
		"nonsense":  {200, `<html>`, "odd {0 0 0 0 0}; plain {0 0 0 0 0}; team/openai/gpt-5 {0 0 0 0 0}; unknown {0 0 0 0 0}"},
	} {
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/v1/model/info" {
				w.WriteHeader(test.status)
				fmt.Fprint(w, test.body)
				return
			}
			fmt.Fprint(w, `{"data":[{"id":"team/openai/gpt-5"},{"id":"plain"},{"id":"odd"},{"id":"unknown"}]}`)
		})
		list, err := s.client(t, store.ProviderChat, func(c *store.ProviderConfig, _ *Options) { c.Preset = PresetLiteLLM }).Models(t.Context())
		var got []string
		for _, m := range list {
			got = append(got, fmt.Sprint(m.ID, " ", m.Limits))
		}
		if err != nil || strings.Join(got, "; ") != test.want {
			t.Errorf("%s: %v\n%s\nwant\n%s", name, err, strings.Join(got, "; "), test.want)
		}
	}
}

// TestListedLimits reads the sizes that services tell in their lists.
func TestListedLimits(t *testing.T) {
	t.Parallel()
	list, ok := readModels([]byte(`{"data":[
		{"id":"a","context_length":131072,"top_provider":{"max_completion_tokens":8192}},
		{"id":"b","max_context_length":"32768"},
		{"id":"c","context_window":131072,"max_completion_tokens":65536},
		{"id":"d","max_model_len":4096.0,"top_provider":"odd"},
		{"id":"e","context_length":-1,"max_model_len":1e30}
	]}`))
	want := "[{a  {131072 8192 0 0 0}} {b  {32768 0 0 0 0}} {c  {131072 65536 0 0 0}} {d  {4096 0 0 0 0}} {e  {0 0 0 0 0}}]"
	if got := fmt.Sprint(list); !ok || got != want {
		t.Errorf("got %s", got)
	}
}

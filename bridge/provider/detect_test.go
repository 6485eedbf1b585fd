package provider

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/store"
)

// local starts a server that answers these paths, with that Server header.
func local(t *testing.T, server string, paths map[string]string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Server", server)
		body, ok := paths[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		if strings.HasPrefix(body, "http") {
			http.Redirect(w, r, body, http.StatusFound)
			return
		}
		if _, err := io.WriteString(w, body); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

// at returns the services on other hosts; an empty host leaves one out.
func at(hosts ...string) []LocalService {
	var out []LocalService
	for i, s := range LocalServices() {
		if s.Host = hosts[i]; s.Host != "" {
			out = append(out, s)
		}
	}
	return out
}

func TestDetect(t *testing.T) {
	t.Parallel()
	ollama := local(t, "", map[string]string{"/api/version": `{"version":"0.12.0"}`, "/v1/models": `{"object":"list","data":[{"id":"nomic-embed-text"},{"id":"qwen3"},{"id":"llama3"}]}`})
	studio := local(t, "", map[string]string{"/v1/models": `{"object":"list","data":[{"id":"text-embedding-x"}]}`})
	llama := local(t, "llama.cpp", map[string]string{"/v1/models": `{"object":"list","data":[{"id":"a.gguf"}]}`})
	llama2 := local(t, "", map[string]string{"/v1/models": `{"object":"list","data":[{"id":"a.gguf","owned_by":"llamacpp"}]}`})
	stranger := local(t, "", map[string]string{"/": "Hello", "/v1/models": `{"object":"list","data":[]}`, "/api/version": `<html>`})
	elsewhere := local(t, "", map[string]string{"/v1/models": "http://" + llama + "/v1/models", "/api/version": "http://" + ollama + "/api/version"})
	entry := func(id, name, host, model string) store.ProviderConfig {
		return store.ProviderConfig{ID: id, Name: name, Kind: store.ProviderChat, BaseURL: "http://" + host + "/v1", Model: model, NoKey: true, Preset: id}
	}
	for name, test := range map[string]struct {
		services []LocalService
		want     []store.ProviderConfig
	}{
		"all":      {at(ollama, studio, llama), []store.ProviderConfig{entry("ollama", "Ollama", ollama, "llama3"), entry("lmstudio", "LM Studio", studio, ""), entry("llamacpp", "llama.cpp", llama, "a.gguf")}},
		"by owner": {at("", "", llama2), []store.ProviderConfig{entry("llamacpp", "llama.cpp", llama2, "a.gguf")}},
		"others":   {at(stranger, "127.0.0.1:1", stranger), []store.ProviderConfig{}},
		"moved":    {at(elsewhere, elsewhere, elsewhere), []store.ProviderConfig{}},
		"far away": {at("192.0.2.1:80", "localhost:80", "not a host"), []store.ProviderConfig{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := Detect(t.Context(), nil, test.services...)
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
			for _, cfg := range got {
				if err := cfg.Validate(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for _, s := range LocalServices() {
		if !strings.HasPrefix(s.Host, "127.0.0.1:") {
			t.Errorf("%s is looked for at %s", s.Name, s.Host)
		}
	}
}

// TestDetectIsBounded meets a port that takes connections and says nothing.
func TestDetectIsBounded(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(s.Close)
	host := strings.TrimPrefix(s.URL, "http://")
	start := time.Now()
	if got := Detect(t.Context(), nil, at(host, host, host)...); len(got) != 0 {
		t.Errorf("got %+v", got)
	}
	if took := time.Since(start); took > time.Minute {
		t.Errorf("it took %v", took)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	start = time.Now()
	if got := Detect(ctx, nil, at(host, host, host)...); len(got) != 0 || time.Since(start) > 500*time.Millisecond {
		t.Errorf("got %+v after %v", got, time.Since(start))
	}
}

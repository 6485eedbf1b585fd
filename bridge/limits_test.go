package bridge

import (
	"context"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/store"
)

// fixed are settings that nobody changes.
type fixed struct {
	settingsFiles
	providers []store.ProviderConfig
}

type settingsFiles = interface {
	Update(change func(*store.Settings) error) error
	Servers() []store.ServerConfig
	UpdateServers(change func([]store.ServerConfig) ([]store.ServerConfig, error)) error
	Watch(ctx context.Context) iter.Seq[struct{}]
	Problems() []string
}

func (f fixed) Settings() store.Settings { return store.Settings{Providers: f.providers} }

type noSecrets struct{ Secrets }

func (noSecrets) Get(context.Context, store.SecretRef) (store.Secret, error) {
	return store.Secret{}, store.ErrNotFound
}

func TestLimits(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, err := io.WriteString(w, `{"data":[{"id":"gpt-5","context_length":1000},{"id":"own"}]}`)
		if err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(s.Close)
	table, err := model.ParseTable([]byte(`{"models":{"gpt-5":{"context":400000,"max_output":128000,"input_usd_per_mtok":1.25,"output_usd_per_mtok":10}}}`))
	if err != nil {
		t.Fatal(err)
	}
	over := map[string]store.ModelLimits{"gpt-5": {MaxOutput: 5}, "own": {Context: 9}}
	entry := func(id, base string) store.ProviderConfig {
		return store.ProviderConfig{ID: id, Kind: store.ProviderChat, BaseURL: base, NoKey: true}
	}
	said, gateway, azure := entry("said", "https://api.openai.com/v1"), entry("gateway", s.URL+"/v1"), entry("azure", "https://x.openai.azure.com/openai/v1")
	said.Models, gateway.Models, gateway.Preset = over, over, "litellm"
	b := &Bridge{adapters: map[string]adapter{}, table: table, o: Options{
		Settings: fixed{providers: []store.ProviderConfig{entry("plain", "https://api.openai.com/v1"), said, gateway, azure, entry("home", s.URL+"/v1"), entry("lan", "http://192.168.1.5/v1")}},
		Secrets:  noSecrets{}, HTTP: s.Client(), Logger: slog.New(slog.DiscardHandler), Now: time.Now,
	}}
	check := func(provider, name, want string) {
		t.Helper()
		if got := fmt.Sprint(b.Limits(store.ModelRef{Provider: provider, Model: name})); got != want {
			t.Errorf("%s/%s: %s, want %s", provider, name, got, want)
		}
	}
	check("plain", "gpt-5", "{400000 128000 1.25 0 10}")
	check("plain", "openai/gpt-5", "{400000 128000 1.25 0 10}")
	check("said", "gpt-5", "{400000 5 1.25 0 10}")
	check("said", "own", "{9 0 0 0 0}")
	check("gateway", "gpt-5", "{400000 5 1.25 0 10}")
	for _, id := range []string{"azure", "home", "lan", "gone", Rehearsal} {
		check(id, "gpt-5", "{0 0 0 0 0}")
	}

	for id, want := range map[string]string{
		"gateway": "[{gpt-5  {1000 5 1.25 0 10}} {own  {9 0 0 0 0}}]",
		"home":    "[{gpt-5  {1000 0 0 0 0}} {own  {0 0 0 0 0}}]",
	} {
		list, err := b.Models(t.Context(), id)
		if err != nil || fmt.Sprint(list) != want {
			t.Errorf("%s: %v %v, want %s", id, list, err, want)
		}
	}
	check("gateway", "gpt-5", "{1000 5 1.25 0 10}") // as the proxy says
	check("home", "gpt-5", "{1000 0 0 0 0}")
}

package provider

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/drawbridge-app/drawbridge/store"
)

// LocalService is a kind of model server that may run on this machine.
type LocalService struct {
	ID   string // of the entry that is made for it, and its preset
	Name string // what people call it
	Host string // a loopback address and a port, as 127.0.0.1:11434
	// Path is asked for with GET, and Known says whether what came is an answer
	// of this service: nothing else on that port may be taken for it.
	Path  string
	Known func(h http.Header, body []byte) bool
}

// LocalServices returns the servers that Detect looks for, on their default
// ports.
func LocalServices() []LocalService {
	return []LocalService{
		{ID: PresetOllama, Name: "Ollama", Host: "127.0.0.1:11434", Path: "/api/version", Known: isOllama},
		{ID: PresetLMStudio, Name: "LM Studio", Host: "127.0.0.1:1234", Path: "/v1/models", Known: isModelList},
		{ID: PresetLlamaCPP, Name: "llama.cpp", Host: "127.0.0.1:8080", Path: "/v1/models", Known: isLlamaCPP},
	}
}

func isOllama(_ http.Header, body []byte) bool {
	var s struct{ Version string }
	return json.Unmarshal(body, &s) == nil && s.Version != ""
}

func isModelList(_ http.Header, body []byte) bool {
	var s struct {
		Object string
		Data   *[]struct{ ID string }
	}
	return json.Unmarshal(body, &s) == nil && s.Object == "list" && s.Data != nil
}

func isLlamaCPP(h http.Header, body []byte) bool {
	return isModelList(h, body) &&
		(h.Get("Server") == "llama.cpp" || strings.Contains(string(body), `"llamacpp"`))
}

// detectLimit is how long one service has to answer. They are on this machine.
const detectLimit = time.Second

// Detect looks for model servers on this machine, all at once, and returns an
// entry for each that answers, in the order of the list; its model is the
// first that the server has and that is not for embeddings. It takes a second
// at most, connects to loopback addresses only and sends nothing but the
// question. A nil client means one that uses no proxy; without services it looks
// for LocalServices.
func Detect(ctx context.Context, client *http.Client, services ...LocalService) []store.ProviderConfig {
	if len(services) == 0 {
		services = LocalServices()
	}
	if client == nil {
		t := &http.Transport{DisableKeepAlives: true}
		client = &http.Client{Transport: t}
	}
	plain := *client
	plain.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	ctx, cancel := context.WithTimeout(ctx, detectLimit)
	defer cancel()

	found := make([]store.ProviderConfig, len(services))
	var wg sync.WaitGroup
	for i, s := range services {
		if addr, err := netip.ParseAddrPort(s.Host); err != nil || !addr.Addr().IsLoopback() {
			continue
		}
		wg.Go(func() { found[i] = probe(ctx, &plain, s) })
	}
	wg.Wait()
	return slices.DeleteFunc(found, func(c store.ProviderConfig) bool { return c.ID == "" })
}

// probe returns the zero value if the service is not there.
func probe(ctx context.Context, client *http.Client, s LocalService) store.ProviderConfig {
	header, body, ok := fetch(ctx, client, s.Host, s.Path)
	if !ok || !s.Known(header, body) {
		return store.ProviderConfig{}
	}
	cfg := store.ProviderConfig{
		ID: s.ID, Name: s.Name, Kind: store.ProviderChat, NoKey: true, Preset: s.ID,
		BaseURL: (&url.URL{Scheme: "http", Host: s.Host, Path: "/v1"}).String(),
	}
	if s.Path != "/v1/models" {
		_, body, _ = fetch(ctx, client, s.Host, "/v1/models")
	}
	list, _ := readModels(body) // a server without models is still a server
	for _, m := range list {
		if !strings.Contains(strings.ToLower(m.ID), "embed") {
			cfg.Model = m.ID
			break
		}
	}
	return cfg
}

func fetch(ctx context.Context, client *http.Client, host, path string) (http.Header, []byte, bool) {
	u := url.URL{Scheme: "http", Host: host, Path: path}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, nil, false
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, nil, false // nothing is there, which is what was asked
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	return res.Header, body, err == nil && res.StatusCode == http.StatusOK
}

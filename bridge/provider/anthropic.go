package provider

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// anthropicVersion is the version of the Messages API that is spoken here.
const anthropicVersion = "2023-06-01"

// maxPauses bounds how often an answer that the service paused is continued.
const maxPauses = 16

// anthropicClient speaks Anthropic's Messages API.
//
// The base URL may end with the version path or not: https://api.anthropic.com
// and https://api.anthropic.com/v1 are the same. Where its last segment is v1,
// requests go to messages below it, and otherwise to v1/messages.
type anthropicClient struct {
	*endpoint
	path string // of the version, with the slash that ends it, or empty

	// versionMu protects version.
	versionMu sync.Mutex
	// version is the connector's version to try, an index in
	// connectorVersions; it moves on when the service refuses one.
	version int
}

func newAnthropic(cfg store.ProviderConfig, o Options) (*anthropicClient, error) {
	first, err := connectorStart(cfg)
	if err != nil {
		return nil, err
	}
	e, err := newEndpoint(cfg, o, keyAnthropic)
	if err != nil {
		return nil, err
	}
	c := &anthropicClient{endpoint: e, version: first, path: "v1/"}
	if strings.HasSuffix(strings.TrimRight(e.base.Path, "/"), "/v1") {
		c.path = ""
	}
	return c, nil
}

// Dialect implements model.Client.
func (c *anthropicClient) Dialect() tools.Dialect { return tools.Anthropic }

// Features implements model.Client: the MCP connector, which cannot ask before
// a call.
func (c *anthropicClient) Features() model.Features { return model.Features{Managed: true} }

// Stream implements model.Client. An answer that the service paused (the stop
// reason pause_turn, of long turns on servers that it connects to itself) is
// continued with further requests, so that it is one answer all the same.
func (c *anthropicClient) Stream(ctx context.Context, req model.Request) iter.Seq2[model.Delta, error] {
	return func(yield func(model.Delta, error) bool) {
		if err := unsaid("Anthropic", req.Sampling, false, false); err != nil {
			yield(nil, err)
			return
		}
		servers, err := c.connectorServers(req.Managed)
		if err != nil {
			yield(nil, err)
			return
		}
		a := &anthropicAnswer{e: c.endpoint, servers: servers}
		var said model.Assembler
		failed, left := false, false
		for round := 0; ; round++ {
			w := anthropicWriter{req: req, servers: servers, limits: c.cfg.Models[req.Model.Model], paused: round > 0}
			if round > 0 {
				w.req.Messages = append(slices.Clone(req.Messages), store.Message{Role: store.RoleAssistant, Parts: said.Parts(req.Model)})
			}
			a.begin(len(servers) > 0 && round < maxPauses)
			c.stream(ctx, w.req, c.exchange(&w, a), func(d model.Delta, err error) bool {
				if err != nil {
					failed = true
					return yield(nil, c.explain(err, servers, round > 0))
				}
				if len(servers) > 0 {
					said.Add(d)
				}
				left = !yield(d, nil)
				return !left
			})
			if failed || left || !a.paused {
				return
			}
		}
	}
}

// exchange is one request of a call.
func (c *anthropicClient) exchange(w *anthropicWriter, a *anthropicAnswer) exchange {
	header := http.Header{"Anthropic-Version": {anthropicVersion}}
	optional := []field{fieldCacheControl}
	if w.guessesMaxTokens() {
		optional = append(optional, fieldMaxTokens)
	}
	version := 0
	return exchange{
		path: c.path + "messages", header: header, optional: optional,
		body: func(fields []field) ([]byte, error) {
			if len(w.servers) > 0 {
				version = c.connector()
				w.connector = connectorVersions[version]
				header["Anthropic-Beta"] = []string{w.connector.beta()}
			}
			return w.body(fields)
		},
		again:  func(err error) bool { return len(w.servers) > 0 && c.connectorRefused(version, err) },
		answer: func(secrets []string) answer { a.secrets = secrets; return a },
	}
}

// Models implements model.Client. It follows the pages of Anthropic's list, and
// takes the other shapes that gateways answer with. Sorted by id; it takes 30
// seconds at most.
func (c *anthropicClient) Models(ctx context.Context) ([]model.Info, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, min(modelsLimit, c.o.Idle), errIdle)
	defer cancel()
	var list []model.Info
	seen := map[string]bool{}
	query := url.Values{"limit": {"1000"}}
	for total := 0; ; {
		body, err := c.read(ctx, c.path+"models?"+query.Encode(), http.Header{"Anthropic-Version": {anthropicVersion}}, maxModelList-total)
		if err != nil {
			return nil, err
		}
		total += len(body)
		page, ok := readModels(body)
		if total > maxModelList || !ok {
			return nil, c.noList()
		}
		fresh := 0
		limits := anthropicLimits(body)
		for _, m := range page {
			if seen[m.ID] || len(list) == maxModels {
				continue
			}
			fresh++
			seen[m.ID] = true
			m.Limits = limits[m.ID]
			list = append(list, m)
		}
		next := nextPage(body)
		if next == "" || fresh == 0 {
			break
		}
		query.Set("after_id", next)
	}
	slices.SortFunc(list, func(a, b model.Info) int { return cmp.Compare(a.ID, b.ID) })
	return list, nil
}

// nextPage returns the id after which the list goes on, or nothing at its end.
func nextPage(body []byte) string {
	var s struct {
		More bool   `json:"has_more"`
		Last string `json:"last_id"`
	}
	if json.Unmarshal(body, &s) != nil || !s.More || len(s.Last) > maxModelID {
		return ""
	}
	return s.Last
}

// anthropicLimits reads what the list says of the models' sizes.
func anthropicLimits(body []byte) map[string]store.ModelLimits {
	var s struct{ Data []json.RawMessage }
	if json.Unmarshal(body, &s) != nil {
		return nil
	}
	out := map[string]store.ModelLimits{}
	for _, raw := range s.Data[:min(len(s.Data), maxModels)] {
		var m struct {
			ID     string      `json:"id"`
			Input  json.Number `json:"max_input_tokens"`
			Output json.Number `json:"max_tokens"`
		}
		var mistyped *json.UnmarshalTypeError
		if err := json.Unmarshal(raw, &m); err == nil || errors.As(err, &mistyped) {
			out[m.ID] = store.ModelLimits{Context: positive(m.Input), MaxOutput: positive(m.Output)}
		}
	}
	return out
}

func positive(n json.Number) int64 {
	v, err := strconv.ParseInt(n.String(), 10, 64)
	if err != nil || v < 0 {
		return 0
	}
	return v
}

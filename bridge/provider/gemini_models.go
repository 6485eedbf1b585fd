package provider

import (
	"cmp"
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/store"
)

// maxModelPages bounds how many pages of a list are asked for.
const maxModelPages = 50

// Models implements model.Client: the models that can answer
// (models.list, those with generateContent), sorted by id. It takes 30 seconds
// at most.
func (c *geminiClient) Models(ctx context.Context) ([]model.Info, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, min(modelsLimit, c.o.Idle), errIdle)
	defer cancel()
	list := []model.Info{}
	seen := map[string]bool{}
	var token string
	for range maxModelPages {
		page, next, err := c.modelPage(ctx, token)
		if err != nil {
			return nil, err
		}
		for _, m := range page {
			if !seen[m.ID] && len(list) < maxModels {
				seen[m.ID] = true
				list = append(list, m)
			}
		}
		if next == "" || next == token || len(list) == maxModels {
			break
		}
		token = next
	}
	slices.SortFunc(list, func(a, b model.Info) int { return cmp.Compare(a.ID, b.ID) })
	return list, nil
}

// modelPage asks for one page of the list, and returns the token of the next.
func (c *geminiClient) modelPage(ctx context.Context, token string) ([]model.Info, string, error) {
	path := "models?pageSize=1000"
	if token != "" {
		path += "&pageToken=" + url.QueryEscape(token)
	}
	body, err := c.read(ctx, path, nil, maxModelList)
	if err != nil {
		return nil, "", err
	}
	list, next, ok := readGeminiModels(body)
	if len(body) > maxModelList || !ok {
		return nil, "", c.noList()
	}
	return list, next, nil
}

// readGeminiModels reads a ListModelsResponse. It returns false if it is none.
// A model that is not what is expected is left out.
func readGeminiModels(body []byte) (list []model.Info, next string, ok bool) {
	var page struct {
		Models *[]json.RawMessage `json:"models"`
		Next   string             `json:"nextPageToken"`
	}
	if json.Unmarshal(body, &page) != nil || page.Models == nil && strings.TrimSpace(string(body)) != "{}" {
		return nil, "", false
	}
	if page.Models == nil {
		return nil, "", true // the API leaves an empty list out
	}
	for _, raw := range *page.Models {
		if len(list) == maxModels {
			break
		}
		var m struct {
			Name    string   `json:"name"`
			Title   string   `json:"displayName"`
			Input   int64    `json:"inputTokenLimit"`
			Output  int64    `json:"outputTokenLimit"`
			Methods []string `json:"supportedGenerationMethods"`
		}
		if json.Unmarshal(raw, &m) != nil || !slices.Contains(m.Methods, "generateContent") {
			continue
		}
		id := strings.TrimPrefix(m.Name, "models/")
		if !usableID(id) {
			continue
		}
		if m.Title == id {
			m.Title = ""
		}
		list = append(list, model.Info{
			ID: id, Name: clean(m.Title, maxModelTitle),
			Limits: store.ModelLimits{Context: max(m.Input, 0), MaxOutput: max(m.Output, 0)},
		})
	}
	return list, page.Next, true
}

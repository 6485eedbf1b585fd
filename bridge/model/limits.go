package model

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/drawbridge-app/drawbridge/store"
)

// Table says what well-known models take and cost. It is never changed, so any
// goroutine may use it; the nil table knows nothing.
type Table struct {
	models map[string]store.ModelLimits // by the vendor's own name, in lower case
	newest map[string]string            // name without a date → the newest that has one
}

// ParseTable reads a table of the form
//
//	{"models": {"gpt-5": {"context": 400000, "max_output": 128000,
//	  "input_usd_per_mtok": 1.25, "cached_input_usd_per_mtok": 0.125, "output_usd_per_mtok": 10}}}
//
// in which any number may be missing.
func ParseTable(data []byte) (*Table, error) {
	var doc struct {
		Models map[string]struct {
			Context   int64   `json:"context"`
			MaxOutput int64   `json:"max_output"`
			Input     float64 `json:"input_usd_per_mtok"`
			Cached    float64 `json:"cached_input_usd_per_mtok"`
			Output    float64 `json:"output_usd_per_mtok"`
		} `json:"models"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("read the table of models: %w", err)
	}
	t := &Table{models: map[string]store.ModelLimits{}, newest: map[string]string{}}
	for name, m := range doc.Models {
		if min(m.Context, m.MaxOutput) < 0 || min(m.Input, m.Cached, m.Output) < 0 {
			return nil, fmt.Errorf("the table of models says less than nothing of %q (%w)", name, store.ErrInvalid)
		}
		name = strings.ToLower(name)
		t.models[name] = store.ModelLimits{Context: m.Context, MaxOutput: m.MaxOutput, Input: m.Input, Cached: m.Cached, Output: m.Output}
		if bare := dated.ReplaceAllString(name, ""); bare != name && t.newest[bare] < name {
			t.newest[bare] = name
		}
	}
	return t, nil
}

// dated is the end of a name that fixes a version of a model.
var dated = regexp.MustCompile(`-(20[0-9]{2}-[01][0-9]-[0-3][0-9]|20[0-9]{6}|latest)$`)

// vendors are the prefixes under which gateways offer a vendor's own models.
// Azure's is none of them: what follows it is what a person called a
// deployment.
var vendors = map[string]bool{
	"openai": true, "anthropic": true, "google": true, "gemini": true, "models": true, "deepseek": true,
	"x-ai": true, "xai": true, "moonshotai": true, "moonshot": true, "openrouter": true,
}

// Limits returns what is known of a model by the name that a provider gives it,
// and false if it is not in the table. The vendor in front ("openai/"), a slug
// of Portkey ("@work/") and a date at the end do not count; a variant after a
// colon, such as ":free", is another model.
func (t *Table) Limits(name string) (store.ModelLimits, bool) {
	if t == nil {
		return store.ModelLimits{}, false
	}
	name = strings.ToLower(name)
	for {
		head, rest, ok := strings.Cut(name, "/")
		if !ok || !vendors[head] && !strings.HasPrefix(head, "@") {
			break
		}
		name = rest
	}
	bare := dated.ReplaceAllString(name, "")
	tries := []string{name, bare, t.newest[bare]}
	if strings.HasPrefix(name, "claude-") {
		dashes := strings.ReplaceAll(bare, ".", "-") // "claude-sonnet-4.5"
		tries = append(tries, dashes, t.newest[dashes])
	}
	for _, try := range tries {
		if l, ok := t.models[try]; ok {
			return l, true
		}
	}
	return store.ModelLimits{}, false
}

// MergeLimits returns what the first of them knows, number by number.
func MergeLimits(list ...store.ModelLimits) store.ModelLimits {
	var out store.ModelLimits
	for _, l := range list {
		if out.Context == 0 {
			out.Context = l.Context
		}
		if out.MaxOutput == 0 {
			out.MaxOutput = l.MaxOutput
		}
		if out.Input == 0 {
			out.Input = l.Input
		}
		if out.Cached == 0 {
			out.Cached = l.Cached
		}
		if out.Output == 0 {
			out.Output = l.Output
		}
	}
	return out
}

// writtenPrice is what a token costs that goes into a provider's cache, as a
// multiple of other input. Providers that count them apart take this much for
// the shortest time of keeping.
const writtenPrice = 1.25

// Cost returns what tokens cost in US dollars, as far as the prices are known,
// and false if one that it takes is not. Input from a cache whose price is not
// known counts as other input.
func Cost(u store.Usage, l store.ModelLimits) (usd float64, known bool) {
	input, cached, written, output := max(u.Input, 0), max(u.Cached, 0), max(u.Written, 0), max(u.Output, 0)
	cached = min(cached, input)
	written = min(written, input-cached)
	price := l.Cached
	if price == 0 {
		price = l.Input
	}
	usd = float64(input-cached-written)*l.Input + float64(cached)*price + float64(written)*l.Input*writtenPrice + float64(output)*l.Output
	return usd / 1e6, (input == 0 || l.Input > 0) && (output == 0 || l.Output > 0)
}

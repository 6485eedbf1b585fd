package settings

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/store"
)

// format is a wire format, in words.
type format struct {
	kind  store.ProviderKind
	title string
}

func formats() []format {
	return []format{
		{store.ProviderResponses, "OpenAI Responses"},
		{store.ProviderChat, "Chat Completions"},
		{store.ProviderAnthropic, "Anthropic Messages"},
		{store.ProviderGemini, "Gemini"},
	}
}

// formatTitle is what people call the format.
func formatTitle(kind store.ProviderKind) string {
	for _, f := range formats() {
		if f.kind == kind {
			return f.title
		}
	}
	return string(kind)
}

// formatKind is the format of that title.
func formatKind(title string) store.ProviderKind {
	for _, f := range formats() {
		if f.title == title {
			return f.kind
		}
	}
	return ""
}

// tokens writes how many tokens fit: 128K, 1.05M. Nothing is not known.
func tokens(n int64) string {
	short := func(v float64, unit string) string {
		return strconv.FormatFloat(v, 'f', -1, 64) + unit
	}
	switch {
	case n <= 0:
		return ""
	case n >= 999_500:
		return short(math.Round(float64(n)/1e4)/100, "M")
	case n >= 1000:
		return short(math.Round(float64(n)/1e3), "K")
	}
	return strconv.FormatInt(n, 10)
}

// dollars writes a price of a million tokens; nothing for one not known.
func dollars(v float64) string {
	if v <= 0 {
		return ""
	}
	text := strconv.FormatFloat(v, 'f', -1, 64)
	if whole, cents, ok := strings.Cut(text, "."); ok && len(cents) == 1 {
		text = whole + "." + cents + "0"
	}
	return "$" + text
}

// limitWords says in a line what a model takes and costs.
func limitWords(l store.ModelLimits) string {
	var parts []string
	if l.Context > 0 {
		parts = append(parts, say.F("%s tokens", tokens(l.Context)))
	}
	var prices []string
	for _, p := range []struct {
		price float64
		what  string
	}{{l.Input, say.F("%s in", dollars(l.Input))}, {l.Cached, say.F("%s cached", dollars(l.Cached))}, {l.Output, say.F("%s out", dollars(l.Output))}} {
		if p.price > 0 {
			prices = append(prices, p.what)
		}
	}
	if len(prices) > 0 {
		parts = append(parts, say.F("%s for a million", strings.Join(prices, ", ")))
	}
	return strings.Join(parts, " · ")
}

// cut shortens a text in the middle of a line to that many letters.
func cut(s string, letters int) string {
	if r := []rune(s); len(r) > letters {
		return string(r[:letters-1]) + "…"
	}
	return s
}

// faultWords is what an error of ProviderConfig.Validate says, without the name
// of the entry, which the form shows.
func faultWords(cfg store.ProviderConfig, err error) string {
	if err == nil {
		return ""
	}
	text := strings.TrimPrefix(err.Error(), fmt.Sprintf("provider %q: ", cfg.ID))
	text = strings.TrimSuffix(text, " ("+store.ErrInvalid.Error()+")")
	return form.Sentence(errors.New(text))
}

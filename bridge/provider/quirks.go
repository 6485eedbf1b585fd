package provider

import (
	"net/url"
	"strings"

	"github.com/drawbridge-app/drawbridge/store"
)

// quirks are the ways in which a service that speaks Chat Completions departs
// from it. The zero value is a service of which nothing is known.
type quirks struct {
	// mistral says that ids of calls have nine letters or digits, and that no
	// message of the person follows a result.
	mistral bool
	// openai says that the service is OpenAI's own: it holds models to strict
	// schemas, and calls the limit of an answer max_completion_tokens.
	openai bool
	// google says that Gemini answers behind this format, and demands its
	// signatures.
	google bool
	// reasoning says that every answer with calls must have its
	// reasoning_content.
	reasoning bool
	// unasked says that usage comes without being asked for.
	unasked bool
}

// quirksOf returns what is known of the service of an entry and of a model
// there. Where the host is certain it counts more than what the entry says.
func quirksOf(cfg store.ProviderConfig, base *url.URL, modelID string) quirks {
	var q quirks
	switch serviceOf(cfg, base) {
	case PresetOpenAI, PresetOpenAIChat, PresetAzure:
		q.openai = true
	case PresetMistral:
		q.mistral, q.unasked = true, true
	case PresetDeepSeek, "moonshot":
		q.reasoning = true
	case "google":
		q.google = isGemini3(modelID)
	}
	// Servers that run Mistral's models with their own templates hold to the
	// same rules; to all others it makes no difference.
	q.mistral = q.mistral || isMistral(modelID)
	return q
}

// serviceOf returns the preset of an entry, as its host tells, else as the
// entry does. Services without a preset have a name here as well.
func serviceOf(cfg store.ProviderConfig, base *url.URL) string {
	host := strings.ToLower(base.Hostname())
	for suffix, id := range map[string]string{
		"api.openai.com": PresetOpenAI, "openai.azure.com": PresetAzure, "services.ai.azure.com": PresetAzure,
		"cognitiveservices.azure.com": PresetAzure, "openrouter.ai": PresetOpenRouter, "api.groq.com": PresetGroq,
		"mistral.ai": PresetMistral, "deepseek.com": PresetDeepSeek, "api.x.ai": PresetXAI,
		"together.xyz": PresetTogether, "together.ai": PresetTogether, "moonshot.ai": "moonshot", "moonshot.cn": "moonshot",
		"generativelanguage.googleapis.com": "google",
	} {
		if host == suffix || strings.HasSuffix(host, "."+suffix) {
			return id
		}
	}
	return cfg.Preset
}

// keyStyleOf returns how an entry of one of OpenAI's formats carries its key.
func keyStyleOf(cfg store.ProviderConfig) keyStyle {
	base, err := url.Parse(cfg.BaseURL)
	if err == nil && serviceOf(cfg, base) == PresetAzure {
		return keyAzure
	}
	return keyBearer
}

// azureDeployment returns the deployment that an address of Azure's older form
// names: …/openai/deployments/NAME?api-version=….
func azureDeployment(base *url.URL) (string, bool) {
	_, name, ok := strings.Cut(strings.TrimSuffix(base.Path, "/"), "/openai/deployments/")
	return name, ok && name != "" && !strings.Contains(name, "/")
}

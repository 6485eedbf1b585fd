package provider

import "github.com/drawbridge-app/drawbridge/store"

// The ids of presets that are more than an address: the adapters know the
// oddities of these services.
const (
	PresetOpenAI     = "openai"
	PresetOpenAIChat = "openai-chat"
	PresetAzure      = "azure"
	PresetOpenRouter = "openrouter"
	PresetGroq       = "groq"
	PresetMistral    = "mistral"
	PresetDeepSeek   = "deepseek"
	PresetXAI        = "xai"
	PresetTogether   = "together"
	PresetOllama     = "ollama"
	PresetLMStudio   = "lmstudio"
	PresetLlamaCPP   = "llamacpp"
	PresetVLLM       = "vllm"
)

// Preset is a service that an entry can be made for.
type Preset struct {
	ID      string             // ProviderConfig.Preset; empty for any compatible service
	Name    string             // what people call the service
	Kind    store.ProviderKind // the format that it speaks best
	BaseURL string             // where it is; an example where Fill is set
	KeyURL  string             // the page on which one gets a key; empty if there is none
	NoKey   bool               // it wants no key, unless it was told to
	// Fill says that a part of BaseURL, in capitals, has to be filled in, or
	// that the whole is an example.
	Fill bool
	// Note is a sentence or two for the person who sets it up; may be empty.
	Note string
}

// Config returns an entry for the service, which is still without a model. Its
// id is that of the preset.
func (p Preset) Config() store.ProviderConfig {
	cfg := store.ProviderConfig{ID: p.ID, Name: p.Name, Kind: p.Kind, BaseURL: p.BaseURL, NoKey: p.NoKey, Preset: p.ID}
	if cfg.ID == "" {
		cfg.ID = "custom"
	}
	if p.ID == PresetPortkey {
		cfg.Portkey = &store.Portkey{}
	}
	return cfg
}

// Presets returns the services in the order in which people are shown them. The
// slice is the caller's own.
func Presets() []Preset {
	const chat = store.ProviderChat
	return []Preset{
		{ID: PresetOpenAI, Name: "OpenAI", Kind: store.ProviderResponses, BaseURL: "https://api.openai.com/v1", KeyURL: "https://platform.openai.com/api-keys"},
		{ID: "anthropic", Name: "Anthropic", Kind: store.ProviderAnthropic, BaseURL: "https://api.anthropic.com/v1", KeyURL: "https://console.anthropic.com/settings/keys"},
		{ID: "gemini", Name: "Google Gemini", Kind: store.ProviderGemini, BaseURL: "https://generativelanguage.googleapis.com/v1beta", KeyURL: "https://aistudio.google.com/apikey"},
		{ID: PresetOpenRouter, Name: "OpenRouter", Kind: chat, BaseURL: "https://openrouter.ai/api/v1", KeyURL: "https://openrouter.ai/settings/keys"},
		{ID: PresetGroq, Name: "Groq", Kind: chat, BaseURL: "https://api.groq.com/openai/v1", KeyURL: "https://console.groq.com/keys"},
		{ID: PresetMistral, Name: "Mistral", Kind: chat, BaseURL: "https://api.mistral.ai/v1", KeyURL: "https://console.mistral.ai/api-keys"},
		{ID: PresetDeepSeek, Name: "DeepSeek", Kind: chat, BaseURL: "https://api.deepseek.com/v1", KeyURL: "https://platform.deepseek.com/api_keys"},
		{ID: PresetXAI, Name: "xAI", Kind: chat, BaseURL: "https://api.x.ai/v1", KeyURL: "https://console.x.ai"},
		{ID: PresetTogether, Name: "Together AI", Kind: chat, BaseURL: "https://api.together.xyz/v1", KeyURL: "https://api.together.ai/settings/api-keys"},
		{
			ID: PresetAzure, Name: "Azure OpenAI", Kind: chat, BaseURL: "https://RESOURCE.openai.azure.com/openai/v1", KeyURL: "https://portal.azure.com", Fill: true,
			Note: "The model is the name of your deployment. The older form works too: https://RESOURCE.openai.azure.com/openai/deployments/DEPLOYMENT?api-version=2024-10-21.",
		},
		{ID: PresetOllama, Name: "Ollama", Kind: chat, BaseURL: "http://127.0.0.1:11434/v1", NoKey: true},
		{ID: PresetLMStudio, Name: "LM Studio", Kind: chat, BaseURL: "http://127.0.0.1:1234/v1", NoKey: true, Note: "Start the local server in LM Studio first."},
		{ID: PresetLlamaCPP, Name: "llama.cpp", Kind: chat, BaseURL: "http://127.0.0.1:8080/v1", NoKey: true, Note: "Start llama-server with --jinja, so that models can call tools."},
		{ID: PresetVLLM, Name: "vLLM", Kind: chat, BaseURL: "http://127.0.0.1:8000/v1", NoKey: true, Note: "Start it with --enable-auto-tool-choice and the --tool-call-parser of the model, so that it can call tools."},
		{ID: PresetPortkey, Name: "Portkey", Kind: chat, BaseURL: "https://api.portkey.ai/v1", KeyURL: "https://app.portkey.ai/api-keys"},
		{ID: PresetLiteLLM, Name: "LiteLLM", Kind: chat, BaseURL: "http://127.0.0.1:4000/v1", Fill: true, Note: "The address of your proxy, and a key that it gave out."},
		{ID: PresetOpenAIChat, Name: "OpenAI, Chat Completions", Kind: chat, BaseURL: "https://api.openai.com/v1", KeyURL: "https://platform.openai.com/api-keys", Note: "For what needs the older format; OpenAI itself works best without it."},
		{Name: "Other", Kind: chat, BaseURL: "https://example.com/v1", Fill: true, Note: "Any service that is compatible with OpenAI. Most addresses end in /v1."},
	}
}

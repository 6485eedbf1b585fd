package provider

// PresetLiteLLM is the preset of a LiteLLM proxy, PresetPortkey that of
// Portkey's gateway.
const (
	PresetLiteLLM = "litellm"
	PresetPortkey = "portkey"
)

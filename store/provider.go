package store

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// ProviderKind names a wire format.
type ProviderKind string

// The wire formats.
const (
	ProviderResponses ProviderKind = "responses" // OpenAI Responses
	ProviderChat      ProviderKind = "chat"      // OpenAI Chat Completions
	ProviderAnthropic ProviderKind = "anthropic" // Anthropic Messages
	ProviderGemini    ProviderKind = "gemini"    // Gemini generateContent
	ProviderRehearsal ProviderKind = "rehearsal" // built in, no AI, no network
)

// ProviderConfig is an entry in the list of providers. Its key is the secret
// ProviderSecret(ID, "key"); the file never holds it.
type ProviderConfig struct {
	ID      string           `json:"id"`             // short, stable: "openai", "work"
	Name    string           `json:"name,omitempty"` // what a person reads; ID if empty
	Kind    ProviderKind     `json:"type"`
	BaseURL string           `json:"base_url,omitempty"` // with the version path, as the services write it: https://api.openai.com/v1
	Headers map[string]Value `json:"headers,omitempty"`
	Model   string           `json:"model,omitempty"` // chosen by default
	// NoKey says that the service wants none (a local model server), so that
	// its absence is no fault.
	NoKey bool `json:"no_key,omitempty"`
	// Preset is the service that the entry was made for ("openrouter",
	// "portkey", "litellm" …): it chooses the form and the known oddities of
	// that service. Empty is any other.
	Preset string `json:"preset,omitempty"`
	// Portkey is set for Portkey's gateway alone; the entry's key is then the
	// key of Portkey itself.
	Portkey *Portkey `json:"portkey,omitempty"`
	// Metadata is told to gateways that keep a log of requests.
	Metadata map[string]string `json:"metadata,omitempty"`
	// Fallback is what answers when this entry cannot; the zero value is
	// nothing.
	Fallback ModelRef `json:"fallback,omitzero"`
	// Connector is the version of Anthropic's MCP connector: "2025-04-04",
	// "2025-11-20", "2026-09-15"; empty is the newest that works.
	Connector string `json:"connector,omitempty"`
	// KeepResponses has the Responses API keep each answer, and sends only what
	// is new with previous_response_id. By default nothing is kept there.
	KeepResponses bool `json:"keep_responses,omitempty"`
	// Models says what is known better than in the table of models, by the
	// provider's own name of the model.
	Models map[string]ModelLimits `json:"models,omitempty"`
}

// Portkey says how Portkey's gateway routes the requests of an entry. At most
// one of Provider, VirtualKey and Config need be there.
type Portkey struct {
	Provider   string `json:"provider,omitempty"`    // a provider's name, or a slug "@work-openai"
	VirtualKey Value  `json:"virtual_key,omitempty"` // may be a secret
	Config     string `json:"config,omitempty"`      // the id of a config, or a JSON object
}

// ModelLimits is what a model takes and costs. Zero means unknown; prices are
// in US dollars for a million tokens.
type ModelLimits struct {
	Context   int64   `json:"context,omitempty"`    // tokens of a request and its answer
	MaxOutput int64   `json:"max_output,omitempty"` // tokens of an answer
	Input     float64 `json:"input_usd,omitempty"`
	Cached    float64 `json:"cached_usd,omitempty"` // input that was read from the provider's cache
	Output    float64 `json:"output_usd,omitempty"`
}

// Title returns what a person reads.
func (p ProviderConfig) Title() string {
	if p.Name != "" {
		return p.Name
	}
	return p.ID
}

var providerID = regexp.MustCompile(`^[a-z0-9][a-z0-9_.-]{0,63}$`)

// Validate says in a sentence what cannot work. The error wraps ErrInvalid.
func (p ProviderConfig) Validate() error {
	bad := func(format string, a ...any) error {
		return fmt.Errorf("provider %q: %s (%w)", p.ID, fmt.Sprintf(format, a...), ErrInvalid)
	}
	if !providerID.MatchString(p.ID) {
		return bad("the name must be lower-case letters, digits, '.', '_' or '-', at most 64")
	}
	switch p.Kind {
	case ProviderRehearsal:
		return nil
	case ProviderResponses, ProviderChat, ProviderAnthropic, ProviderGemini:
	default:
		return bad("the type %q is not known; use responses, chat, anthropic or gemini", p.Kind)
	}
	u, err := url.Parse(p.BaseURL)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return bad("%q is no address; it should look like https://api.openai.com/v1", ShowAddress(p.BaseURL))
	}
	if u.User != nil {
		return bad("the address contains a user name or password; store the key instead")
	}
	for k, v := range p.Headers {
		if !headerName.MatchString(k) {
			return bad("%q is no name for a header", k)
		}
		if strings.ContainsAny(string(v), "\r\n\x00") {
			return bad("the header %s contains a line break", k)
		}
		for _, ref := range v.Refs() {
			if owner, ok := ref.ProviderID(); strings.Contains(string(ref), "/") && (!ok || owner != p.ID) {
				return bad("the header %s refers to the secret %q, which belongs to something else", k, ref)
			}
		}
	}
	return nil
}

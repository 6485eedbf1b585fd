package store

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
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
	Config     string `json:"config,omitempty"`      // the id of a config, or a JSON object, in which ${secret:NAME} may stand
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
			if !p.owns(ref) {
				return bad("the header %s refers to the secret %q, which belongs to something else", k, ref)
			}
		}
	}
	if err := ValidateMetadata(p.Metadata); err != nil {
		return fmt.Errorf("provider %q: %w", p.ID, err)
	}
	if p.Portkey != nil {
		if p.Kind == ProviderGemini {
			return bad("Portkey takes the formats responses, chat and anthropic, not gemini")
		}
		if fault := p.portkeyFault(); fault != "" {
			return bad("%s", fault)
		}
	}
	switch {
	case p.Fallback.Provider == p.ID && (p.Fallback.Model == p.Model || p.Fallback.Model == ""):
		return bad("the fallback is the entry itself; name another provider or model")
	case p.Fallback.Provider == "" && p.Fallback.Model != "":
		return bad("the fallback names a model and no provider")
	}
	if p.Connector != "" && !slices.Contains([]string{"2025-04-04", "2025-11-20", "2026-09-15"}, p.Connector) {
		return bad("the connector %q is not known; use 2025-04-04, 2025-11-20 or 2026-09-15", p.Connector)
	}
	for name, m := range p.Models {
		if name == "" || m.Context < 0 || m.MaxOutput < 0 || !(m.Input >= 0) || !(m.Cached >= 0) || !(m.Output >= 0) {
			return bad("what is said of the model %q is no number from 0 on", name)
		}
	}
	return nil
}

// owns reports whether the entry may refer to the secret.
func (p ProviderConfig) owns(ref SecretRef) bool {
	owner, ok := ref.ProviderID()
	return !strings.Contains(string(ref), "/") || ok && owner == p.ID
}

// maxPortkeyConfig bounds a config that goes in a header, in bytes.
const maxPortkeyConfig = 4 << 10

// portkeyFault says what cannot work about Portkey's part. That nothing is
// chosen is right where the key has a config of its own.
func (p ProviderConfig) portkeyFault() string {
	for what, text := range map[string]string{"provider": p.Portkey.Provider, "virtual key": string(p.Portkey.VirtualKey)} {
		if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r >= 0x7f }) {
			return "Portkey's " + what + " contains a character that a header cannot carry"
		}
	}
	for _, ref := range append(p.Portkey.VirtualKey.Refs(), Value(p.Portkey.Config).Refs()...) {
		if !p.owns(ref) {
			return fmt.Sprintf("Portkey's part refers to the secret %q, which belongs to something else", ref)
		}
	}
	config := strings.TrimSpace(p.Portkey.Config)
	switch {
	case config == "":
		return ""
	case len(config) > maxPortkeyConfig:
		return fmt.Sprintf("Portkey's config is longer than %d bytes; keep it at Portkey and give its id", maxPortkeyConfig)
	case portkeyID.MatchString(config):
		return ""
	}
	var object map[string]any
	if err := json.Unmarshal([]byte(config), &object); err != nil || object == nil {
		return "Portkey's config must be the id of a config, such as pc-work-1a2b3c, or a JSON object"
	}
	if name, ok := bareKey(object); ok {
		return fmt.Sprintf("Portkey's config holds a key under %q in the clear; write ${secret:NAME} there, or use a virtual key", name)
	}
	return ""
}

var portkeyID = regexp.MustCompile(`^[A-Za-z0-9_.@/-]{1,200}$`)

// bareKey finds a field that by its name holds a key, and holds no reference to
// one.
func bareKey(v any) (string, bool) {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			text, ok := inner.(string)
			low := strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(name))
			if ok && text != "" && !Value(text).Secret() && (strings.HasSuffix(low, "apikey") || strings.HasSuffix(low, "authorization") ||
				strings.HasSuffix(low, "secretaccesskey") || strings.HasSuffix(low, "token") || strings.HasSuffix(low, "password")) {
				return name, true
			}
			if name, ok := bareKey(inner); ok {
				return name, true
			}
		}
	case []any:
		for _, inner := range v {
			if name, ok := bareKey(inner); ok {
				return name, true
			}
		}
	}
	return "", false
}

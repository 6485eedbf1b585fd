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
	case ProviderResponses, ProviderChat:
	default:
		return bad("the type %q is not known; use responses or chat", p.Kind)
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

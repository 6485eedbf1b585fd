package oauth

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"github.com/drawbridge-app/drawbridge/store"
)

const (
	metadataMax = 256 << 10 // bytes of a document
	listMax     = 200       // entries of a list in one
	addressMax  = 4 << 10   // bytes of an address in one
)

// resource is the metadata of a protected resource (RFC 9728, section 2).
type resource struct {
	ID      string   `json:"resource"`
	Servers []string `json:"authorization_servers"`
	Scopes  []string `json:"scopes_supported"`
}

// readResource checks the metadata that the MCP server at the address gave.
// RFC 9728, section 3.3, wants its resource to be that address; one that covers
// it (the same origin and a path above) is taken as well, since many servers name
// their origin.
func readResource(data []byte, server *url.URL) (resource, error) {
	var r resource
	if err := json.Unmarshal(data, &r); err != nil {
		return r, refuse("what the server says of its sign-in cannot be read")
	}
	id, err := url.Parse(r.ID)
	if err != nil || len(r.ID) > addressMax || id.Host == "" || id.Fragment != "" || id.User != nil || !covers(id, server) {
		return r, refuse("what the server says of its sign-in is meant for another address, %s", show(r.ID, 200))
	}
	if len(r.Servers) == 0 {
		return r, refuse("the server does not say where to sign in")
	}
	if len(r.Servers) > listMax {
		r.Servers = r.Servers[:listMax]
	}
	r.Scopes = scopes(r.Scopes)
	return r, nil
}

// covers reports whether the server's address lies in the resource.
func covers(id, server *url.URL) bool {
	if originOf(id) != originOf(server) {
		return false
	}
	above, path := strings.TrimSuffix(id.Path, "/"), strings.TrimSuffix(server.Path, "/")
	if id.RawQuery != "" && id.RawQuery != server.RawQuery {
		return false
	}
	return above == path || strings.HasPrefix(path, above+"/")
}

// authority is an authorization server: its metadata (RFC 8414, section 2), or
// what a person typed in its place.
type authority struct {
	Issuer      string   `json:"issuer"`
	Authorize   string   `json:"authorization_endpoint"`
	Token       string   `json:"token_endpoint"`
	Register    string   `json:"registration_endpoint"`
	Revoke      string   `json:"revocation_endpoint"`
	Scopes      []string `json:"scopes_supported"`
	Challenges  []string `json:"code_challenge_methods_supported"`
	TokenAuth   []string `json:"token_endpoint_auth_methods_supported"`
	Issues      bool     `json:"authorization_response_iss_parameter_supported"` // RFC 9207
	Document    bool     `json:"client_id_metadata_document_supported"`
	typed       bool     // by the person; Issuer is empty
	withoutMeta bool     // guessed as the version 2025-03-26 says
}

// readAuthority checks the metadata that an issuer gave. For a person's sign-in
// it must do PKCE with S256.
func readAuthority(data []byte, issuer string, person bool) (authority, error) {
	var a authority
	if err := json.Unmarshal(data, &a); err != nil {
		return a, refuse("what %s says of itself cannot be read", show(issuer, 200))
	}
	if !sameIssuer(a.Issuer, issuer) {
		return a, refuse("%s was asked about its sign-in, and another answered: %s", show(issuer, 200), show(a.Issuer, 200))
	}
	need := map[string]string{"token_endpoint": a.Token}
	if person {
		need["authorization_endpoint"] = a.Authorize
		if !slices.Contains(a.Challenges, "S256") {
			return a, refuse("%s does not offer the protection that a sign-in needs (PKCE with S256)", show(issuer, 200))
		}
	}
	for name, s := range need {
		if s == "" {
			return a, refuse("%s does not say where its %s is", show(issuer, 200), name)
		}
	}
	for name, s := range map[string]*string{
		"authorization_endpoint": &a.Authorize, "token_endpoint": &a.Token,
		"registration_endpoint": &a.Register, "revocation_endpoint": &a.Revoke,
	} {
		if *s == "" {
			continue
		}
		if _, err := safe(*s); err != nil {
			return a, refuse("%s names an address as its %s that cannot be used: %s", show(issuer, 200), name, show(*s, 200))
		}
	}
	a.Scopes = scopes(a.Scopes)
	return a, nil
}

// sameIssuer compares issuers as they are written (RFC 8414, section 3.3); only
// an empty path may also be written as "/".
func sameIssuer(a, b string) bool {
	if a == b {
		return a != ""
	}
	bare := func(s string) string {
		if strings.Count(s, "/") == 3 {
			return strings.TrimSuffix(s, "/")
		}
		return s
	}
	return bare(a) == bare(b) && a != "" && b != ""
}

// safe reads an address that a server named.
func safe(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || len(s) > addressMax || !store.SafeAddress(u) {
		return nil, refuse("the address %s cannot be used to sign in; only https is, or http on this computer", show(s, 200))
	}
	return u, nil
}

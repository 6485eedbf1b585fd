package store

import (
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// TransportOpenAPI is a server inside this program that calls an HTTP API as
// an OpenAPI document describes it.
const TransportOpenAPI Transport = "openapi"

// OpenAPI is what a server of TransportOpenAPI needs beside its base URL, which
// is ServerConfig.URL, and ServerConfig.Headers.
type OpenAPI struct {
	// Document is where the document came from: a file or an address. It is
	// read when the server is added, and not again by itself.
	Document string `json:"document"`
	// Digest is the SHA-256 of the document's bytes in hex, under which they are
	// kept.
	Digest string  `json:"sha256"`
	Auth   APIAuth `json:"auth,omitzero"`
	// Tags, Methods and Paths choose operations; empty means all, or those with
	// GET alone if there are many.
	Tags    []string `json:"tags,omitempty"`
	Methods []string `json:"methods,omitempty"`
	Paths   []string `json:"paths,omitempty"`
}

// APIAuthKind says how requests to an API are authenticated.
type APIAuthKind string

// The kinds of authentication of an API.
const (
	APIAuthNone   APIAuthKind = "none"
	APIAuthKey    APIAuthKind = "api_key"                  // Value as Name, in In
	APIAuthBearer APIAuthKind = "bearer_token"             // Authorization: Bearer Value
	APIAuthBasic  APIAuthKind = "basic"                    // User and Value as password
	APIAuthHeader APIAuthKind = "authorization"            // Authorization: Value
	APIAuthClient APIAuthKind = "oauth_client_credentials" // a token from TokenURL
)

// apiAuthKinds lists the kinds; it is not changed.
var apiAuthKinds = []APIAuthKind{APIAuthNone, APIAuthKey, APIAuthBearer, APIAuthBasic, APIAuthHeader, APIAuthClient}

// APIAuth is how requests are authenticated. Its zero value is APIAuthNone.
type APIAuth struct {
	Kind APIAuthKind `json:"kind,omitempty"`
	// In is "header" (also if it is empty), "query" or "cookie", for APIAuthKey.
	In string `json:"in,omitempty"`
	// Name of the header, query parameter or cookie, for APIAuthKey.
	Name string `json:"name,omitempty"`
	// User is the user's name for APIAuthBasic, and the client's id for APIAuthClient.
	User string `json:"user,omitempty"`
	// Value is the key, token, password, header or client's secret: as a rule a
	// reference to the keychain.
	Value Value `json:"value,omitempty"`
	// TokenURL and Scopes are for APIAuthClient (RFC 6749, section 4.4).
	TokenURL string   `json:"token_url,omitempty"`
	Scopes   []string `json:"scopes,omitempty"`
}

// IsZero reports whether there is no authentication.
func (a APIAuth) IsZero() bool { return a.Kind == "" || a.Kind == APIAuthNone }

// Validate says in a sentence what cannot work. The error wraps ErrInvalid.
func (a APIAuth) Validate() error {
	bad := func(format string, v ...any) error {
		return fmt.Errorf("%s (%w)", fmt.Sprintf(format, v...), ErrInvalid)
	}
	if a.IsZero() {
		return nil
	}
	if !slices.Contains(apiAuthKinds, a.Kind) {
		return bad("the authentication %q is not known; use one of none, api_key, bearer_token, basic, authorization and oauth_client_credentials", a.Kind)
	}
	if a.Value == "" {
		return bad("the authentication %s needs a value; type the key, token or password", a.Kind)
	}
	if strings.ContainsAny(string(a.Value), "\r\n\x00") {
		return bad("the value of the authentication contains a line break")
	}
	switch a.Kind {
	case APIAuthKey:
		if a.Name == "" {
			return bad("the authentication api_key needs the name of the header, query parameter or cookie")
		}
		switch a.In {
		case "", "header", "cookie":
			if !headerName.MatchString(a.Name) {
				return bad("%q is no name for a header or cookie", a.Name)
			}
		case "query":
		default:
			return bad("an API key goes into the header, the query or a cookie, and not into %q", a.In)
		}
	case APIAuthBasic:
		if strings.ContainsFunc(a.User, func(r rune) bool { return r < ' ' || r == ':' || r == 0x7f }) {
			return bad("the user's name contains a colon or a control character, which basic authentication cannot carry")
		}
	case APIAuthClient:
		u, err := url.Parse(a.TokenURL)
		if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil || u.Fragment != "" {
			return bad("%q is no address for tokens; it should look like https://login.example.com/oauth/token", ShowAddress(a.TokenURL))
		}
		if a.User == "" {
			return bad("OAuth client credentials need the client's id")
		}
	}
	return nil
}

// validate says what cannot work about the document and its choice.
func (o *OpenAPI) validate() error {
	if o == nil {
		return fmt.Errorf("the OpenAPI document is missing; give its file or address (%w)", ErrInvalid)
	}
	if b, err := hex.DecodeString(o.Digest); err != nil || len(b) != 32 || strings.ToLower(o.Digest) != o.Digest {
		return fmt.Errorf("the digest of the OpenAPI document is missing or damaged; add the server again (%w)", ErrInvalid)
	}
	if len(o.Tags)+len(o.Methods)+len(o.Paths) > 1000 {
		return fmt.Errorf("more than 1000 tags, methods and paths are chosen; use patterns (%w)", ErrInvalid)
	}
	return o.Auth.Validate()
}

// clone returns a copy that shares nothing with o.
func (o *OpenAPI) clone() *OpenAPI {
	if o == nil {
		return nil
	}
	c := *o
	c.Tags, c.Methods, c.Paths = slices.Clone(o.Tags), slices.Clone(o.Methods), slices.Clone(o.Paths)
	c.Auth.Scopes = slices.Clone(o.Auth.Scopes)
	return &c
}

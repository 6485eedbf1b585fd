package store

import (
	"errors"
	"strings"
	"testing"
)

func TestOpenAPIServer(t *testing.T) {
	t.Parallel()
	good := func() ServerConfig {
		return ServerConfig{ID: "p", Name: "p", Transport: TransportOpenAPI, URL: "https://api.example.com/v1", OpenAPI: &OpenAPI{
			Document: "https://api.example.com/doc", Digest: strings.Repeat("ab", 32), Tags: []string{"t"}, Methods: []string{"GET"}, Paths: []string{"/a"},
			Auth: APIAuth{Kind: APIAuthClient, User: "id", Value: RefTo("server/p/auth/value"), TokenURL: "https://l.example/t", Scopes: []string{"s"}},
		}}
	}
	if err := good().Validate(); err != nil {
		t.Fatal(err)
	}
	hash := good().Hash()
	for name, change := range map[string]func(*ServerConfig){
		"base URL": func(c *ServerConfig) { c.URL += "x" },
		"document": func(c *ServerConfig) { c.OpenAPI.Document += "x" },
		"digest":   func(c *ServerConfig) { c.OpenAPI.Digest = strings.Repeat("cd", 32) },
		"tags":     func(c *ServerConfig) { c.OpenAPI.Tags[0] = "u" },
		"methods":  func(c *ServerConfig) { c.OpenAPI.Methods = nil },
		"paths":    func(c *ServerConfig) { c.OpenAPI.Paths = append(c.OpenAPI.Paths, "/b") },
		"kind":     func(c *ServerConfig) { c.OpenAPI.Auth = APIAuth{Kind: APIAuthBearer, Value: c.OpenAPI.Auth.Value} },
		"tokens":   func(c *ServerConfig) { c.OpenAPI.Auth.TokenURL += "x" },
	} {
		c := good()
		change(&c)
		if err := c.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if c.Hash() == hash {
			t.Errorf("a change of the %s needs no approval", name)
		}
	}
	c := good()
	clone := c.Clone()
	clone.OpenAPI.Tags[0], clone.OpenAPI.Auth.Scopes[0], clone.OpenAPI.Digest = "x", "x", "x"
	if c.Hash() != hash {
		t.Error("a clone shares what it should not")
	}
	if refs := c.Refs(); len(refs) != 1 || refs[0] != "server/p/auth/value" {
		t.Errorf("%v", refs)
	}
	for name, change := range map[string]func(*ServerConfig){
		"no document":      func(c *ServerConfig) { c.OpenAPI = nil },
		"a short digest":   func(c *ServerConfig) { c.OpenAPI.Digest = "ab" },
		"a path as digest": func(c *ServerConfig) { c.OpenAPI.Digest = "../../../../etc/passwd" },
		"a query":          func(c *ServerConfig) { c.URL += "?x=1" },
		"a foreign secret": func(c *ServerConfig) { c.OpenAPI.Auth.Value = RefTo("provider/openai/key") },
		"a program":        func(c *ServerConfig) { c.URL = "npx" },
		"a sign-in":        func(c *ServerConfig) { c.Auth = Auth{Kind: AuthBasic, User: "a"} },
	} {
		c := good()
		change(&c)
		if err := c.Validate(); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

package store

import (
	"errors"
	"testing"
)

func TestReferencesToTheEnvironment(t *testing.T) {
	t.Parallel()
	env := func(name string) (string, bool) {
		v, ok := map[string]string{"TOKEN": "canary", "EMPTY": "", "NESTED": "${env:TOKEN}${secret:s}"}[name]
		return v, ok
	}
	secret := func(SecretRef) (Secret, error) { return NewSecret("hidden"), nil }
	for _, tt := range []struct{ value, want, plain string }{
		{"Bearer ${env:TOKEN}!", "Bearer canary!", "Bearer canary!"},
		{"${env:NONE:-b}${env:EMPTY:-c}${env:NONE:-}", "bc", "bc"},
		{"${env:EMPTY}", "", ""},
		{"${env:NESTED}", "${env:TOKEN}${secret:s}", "${env:TOKEN}${secret:s}"},
		{"${secret:s} ${env:TOKEN}", "hidden canary", "${secret:s} canary"},
		{"${env:1X} ${env:} ${ENV:TOKEN} $TOKEN", "${env:1X} ${env:} ${ENV:TOKEN} $TOKEN", "${env:1X} ${env:} ${ENV:TOKEN} $TOKEN"},
	} {
		got, err := Value(tt.value).Resolve(secret, env)
		if err != nil || got.Reveal() != tt.want {
			t.Errorf("%q gives %q, %v", tt.value, got.Reveal(), err)
		}
		if plain, err := ExpandEnv(tt.value, env); err != nil || plain != tt.plain {
			t.Errorf("%q expands to %q, %v", tt.value, plain, err)
		}
	}
	if _, err := Value("${env:NONE}").Resolve(secret, env); !errors.Is(err, ErrNotFound) {
		t.Errorf("a variable that is not set gives %v", err)
	}
	if got, err := Value("${env:TOKEN}").Expand(secret); err != nil || got.Reveal() != "${env:TOKEN}" {
		t.Errorf("Expand reads the environment: %q, %v", got.Reveal(), err)
	}
	if refs := EnvRefs("${env:A}${secret:x}${env:B:-c}"); len(refs) != 2 || refs[1] != (EnvRef{"B", "c", true}) {
		t.Errorf("found %v", refs)
	}
}

func TestAddressesOfTheEnvironmentAreValid(t *testing.T) {
	t.Parallel()
	for address, fine := range map[string]bool{
		"${env:BASE}/mcp":                        true,
		"${env:BASE:-https://a.example}/mcp":     true,
		"https://${env:HOST}/mcp?t=${env:T}":     true,
		"${env:BASE:-file:///etc}/mcp":           false,
		"${env:SCHEME:-gopher}://a.example":      false,
		"https://${env:USER:-a:b@}a.example/mcp": false,
	} {
		err := ServerConfig{ID: "a", Name: "a", Transport: TransportHTTP, URL: address}.Validate()
		if (err == nil) != fine {
			t.Errorf("%s: %v", address, err)
		}
	}
}

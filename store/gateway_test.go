package store

import (
	"errors"
	"testing"
)

func TestGatewaySettings(t *testing.T) {
	t.Parallel()
	good := []GatewaySettings{
		{}, {Enabled: true, Port: 4001}, {OpenToNetwork: "127.0.0.1"}, {OpenToNetwork: "0.0.0.0", CertFile: "/c.pem", KeyFile: "/k.pem", Hosts: []string{"desk.local", "192.168.1.5"}},
		{CredentialHeader: "x-my-auth", BareNames: true},
	}
	for _, g := range good {
		if err := g.Validate(); err != nil {
			t.Errorf("%+v: %v", g, err)
		}
	}
	bad := []GatewaySettings{
		{Port: -1}, {Port: 70000}, {OpenToNetwork: "0.0.0.0"}, {OpenToNetwork: "desk.local", CertFile: "/c", KeyFile: "/k"}, {CertFile: "/c"}, {CertFile: "c", KeyFile: "k"},
		{Hosts: []string{"http://desk"}}, {Hosts: []string{"desk:80"}}, {Hosts: []string{""}}, {CredentialHeader: "a b"}, {CredentialHeader: "authorization"}, {CredentialHeader: "X-Drawbridge-Key"},
	}
	for _, g := range bad {
		if err := g.Validate(); !errors.Is(err, ErrInvalid) {
			t.Errorf("%+v: %v", g, err)
		}
	}
}

func TestExtraHeadersAreApproved(t *testing.T) {
	t.Parallel()
	c := ServerConfig{ID: "a", Name: "a", Transport: TransportHTTP, URL: "https://example.com/mcp"}
	d := c.Clone()
	d.Rules.ExtraHeaders = []string{"X-User"}
	if c.Hash() == d.Hash() || c.RunHash() != d.RunHash() || d.Rules.Zero() {
		t.Error("a header that is passed on is not part of what a person approves, or starts the server anew")
	}
	if err := d.Validate(); err != nil {
		t.Error(err)
	}
	d.Rules.ExtraHeaders = []string{"X User"}
	if d.Validate() == nil {
		t.Error("a name that no header has is taken")
	}
}

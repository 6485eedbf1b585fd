package store

import (
	"errors"
	"strings"
	"testing"
)

func TestSandboxOfAConfiguration(t *testing.T) {
	t.Parallel()
	plain := ServerConfig{ID: "s", Name: "s", Transport: TransportStdio, Command: "npx"}
	with := func(s Sandbox) ServerConfig {
		c := plain
		c.Sandbox = &s
		return c
	}
	// What is permitted is approved with the command; a sandbox of its own is not
	// the same as none.
	seen := map[string]string{plain.Hash(): "none"}
	for name, s := range map[string]Sandbox{
		"empty": {}, "network": {Network: true}, "read": {Read: []string{"/a"}}, "write": {Write: []string{"/a"}}, "optional": {Optional: true},
	} {
		hash := with(s).Hash()
		if other, ok := seen[hash]; ok {
			t.Errorf("%s has the hash of %s", name, other)
		}
		seen[hash] = name
	}
	// Older approvals hold.
	if got := plain.Hash(); got != "91cec30b850d526eb077c042d9941edfcbfae1b2fad43d3b3672a8e3e53fe8b7" {
		t.Errorf("the hash of a server without a sandbox changed to %s", got)
	}
	c := with(Sandbox{Read: []string{"/a"}, Write: []string{"/b"}})
	d := c.Clone()
	d.Sandbox.Read[0], d.Sandbox.Write[0], d.Sandbox.Network = "/x", "/y", true
	if c.Sandbox.Read[0] != "/a" || c.Sandbox.Write[0] != "/b" || c.Sandbox.Network {
		t.Errorf("a clone shares it: %+v", c.Sandbox)
	}
	many := make([]string, sandboxPaths+1)
	for i := range many {
		many[i] = "/a"
	}
	for says, c := range map[string]ServerConfig{
		"":                       with(Sandbox{Read: []string{"/a", "~/b"}, Write: []string{"/c d/ä"}}),
		`"docs", which`:          with(Sandbox{Read: []string{"docs"}}),
		`"../up", which`:         with(Sandbox{Write: []string{"../up"}}),
		`"~", which`:             with(Sandbox{Write: []string{"~"}}),
		"no full path":           with(Sandbox{Read: []string{"/a\x00b"}}),
		"more than 100":          with(Sandbox{Read: many}),
		"only a program that Dr": {ID: "s", Name: "s", Transport: TransportHTTP, URL: "https://example.com", Sandbox: &Sandbox{}},
	} {
		err := c.Validate()
		if says == "" && err != nil || says != "" && (!errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), says)) {
			t.Errorf("%+v: %v", c.Sandbox, err)
		}
	}
}

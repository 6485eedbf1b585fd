package store

import "testing"

func TestShowAddress(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"https://example.com/mcp":        "https://example.com/mcp",
		"ftp://me:pass@example.com/":     "ftp://" + redacted + "@example.com/",
		"http://me:pa/s@s@host:port:x/y": "http://" + redacted + "@host:port:x/y",
		"me:pass@example.com":            redacted + "@example.com",
		"http://pass@[::1/mcp":           "http://" + redacted + "@[::1/mcp",
		"":                               "",
	} {
		if got := ShowAddress(in); got != want {
			t.Errorf("%q is shown as %q, want %q", in, got, want)
		}
	}
}

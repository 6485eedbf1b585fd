package bridge

import (
	"testing"

	"github.com/drawbridge-app/drawbridge/store"
)

// TestOnlyHere holds the corpus of addresses against what may be handed to a
// provider.
func TestOnlyHere(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"https://mcp.example.com/mcp", "https://mcp.example.com:8443/mcp?x=1", "https://MCP.Example.COM./",
		"https://8.8.8.8/mcp", "https://[2606:4700:4700::1111]/mcp", "https://xn--bcher-kva.example.org/", "https://a.b.c.d.dev/",
		"https://10.example.com/", "https://localhost.example.com/",
	} {
		if why := onlyHere(store.ServerConfig{Transport: store.TransportHTTP, URL: address}); why != "" {
			t.Errorf("%s: %s", address, why)
		}
	}
	for _, address := range []string{
		"http://mcp.example.com/mcp", "HTTP://mcp.example.com", "ftp://mcp.example.com", "", "https://", "https:mcp.example.com", "//mcp.example.com",
		"https://localhost/mcp", "https://LOCALHOST./", "https://a.localhost/", "https://localhost.localdomain/",
		"https://printer.local/", "https://db.internal/", "https://metadata.google.internal/", "https://nas/", "https://nas:8443/", "https://router.lan/",
		"https://x.home.arpa/", "https://x.test/", "https://x.onion/", "https://x.corp/",
		"https://127.0.0.1/", "https://127.1/", "https://2130706433/", "https://0x7f000001/", "https://0x7f.1/", "https://0177.0.0.1/", "https://127.0.0.1./",
		"https://1.2.3.4.5/", "https://example.com.0x7f/", "https://0/", "https://0.0.0.0/", "https://255.255.255.255/", "https://10.0.0.1/", "https://172.16.9.9/",
		"https://192.168.1.1/", "https://169.254.169.254/latest", "https://100.64.0.1/", "https://224.0.0.1/", "https://192.0.2.1/", "https://198.18.0.1/",
		"https://[::1]/", "https://[::]/", "https://[fe80::1]/", "https://[fe80::1%25eth0]/", "https://[fd00::1]/", "https://[fec0::1]/",
		"https://[::ffff:127.0.0.1]/", "https://[::ffff:10.0.0.1]/", "https://[::ffff:100.64.0.1]/", "https://[::127.0.0.1]/", "https://[64:ff9b::7f00:1]/", "https://[2002:7f00:1::]/",
		"https://[2001:0:53aa:64c:0:fbff:80ff:fffe]/", "https://[2001:db8::1]/", "https://[ff02::1]/",
		"https://１２７.０.０.１/", "https://127。0。0。1/", "https://ⓛocalhost.com/", "https://bücher.example.org/", "https://a..b.com/", "https://.com/",
		"https://user@mcp.example.com/", "https://user:pass@mcp.example.com/", "https://mcp.example.com\\@10.0.0.1/", "https://exa mple.com/", "https://%31%32%37.0.0.1/",
	} {
		if onlyHere(store.ServerConfig{Transport: store.TransportHTTP, URL: address}) == "" {
			t.Errorf("%q may be handed to a provider", address)
		}
	}
	for _, c := range []store.ServerConfig{
		{Transport: store.TransportHTTP, URL: "https://mcp.example.com/${env:TEAM:-a}"},
		{Transport: store.TransportHTTP, URL: "https://mcp.example.com/", Headers: map[string]store.Value{"Authorization": "Bearer ${env:TOKEN}"}},
	} {
		if onlyHere(c) == "" {
			t.Errorf("%v may be handed to a provider", c)
		}
	}
	for _, transport := range []store.Transport{store.TransportStdio, store.TransportBuiltin, "sse", ""} {
		if onlyHere(store.ServerConfig{Transport: transport, URL: "https://mcp.example.com/"}) == "" {
			t.Errorf("a server over %q may be handed to a provider", transport)
		}
	}
}

func FuzzOnlyHere(f *testing.F) {
	for _, s := range []string{"https://mcp.example.com/", "https://0x7f.1/", "https://[::1]/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, address string) {
		onlyHere(store.ServerConfig{Transport: store.TransportHTTP, URL: address})
	})
}

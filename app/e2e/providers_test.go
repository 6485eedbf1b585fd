//go:build linux && e2e

package e2e

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/drawbridge-app/drawbridge/app/e2e/driver"
	"github.com/drawbridge-app/drawbridge/app/e2e/standin"
)

// The secrets of a gateway's form.
const (
	gatewayKey = "pk-canary-of-the-gateway-41d2"
	headerKey  = "canary-of-the-header-77ab"
)

// TestGatewayByHand sets a gateway up in its form with mouse and keyboard, and
// holds what the window asked it against what was typed.
func TestGatewayByHand(t *testing.T) {
	s := newStage(t, whole)
	behind := http.NewServeMux()
	behind.HandleFunc("/v1/models", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"object":"list","data":[{"id":"gpt-4o","object":"model"},{"id":"gpt-4o-mini","object":"model"},{"id":"house-large","object":"model"}]}`))
	})
	server := httptest.NewServer(behind)
	defer server.Close()
	proxy, err := standin.NewProxy(server.URL)
	s.must(err)
	defer proxy.Close()

	reach := func(m driver.Match) { t.Helper(); s.must(s.app.ScrollTo(s.ctx, m, true)) }
	s.open()
	s.welcome()
	s.page("Settings")
	s.click(driver.Text("Add provider").Kind("Action"))
	s.see(driver.Text("Set up Any compatible URL"))
	s.picture("services")
	s.click(driver.Text("Set up Portkey"))
	s.picture("portkey")
	s.fill("Name", "Work")
	s.fill("Gateway URL", proxy.URL()+"/v1")
	s.fillSecret("Portkey API key", gatewayKey)
	reach(driver.Text("Provider").Kind("Entry"))
	s.fill("Provider", "@work-openai")
	s.picture("portkey-route")
	reach(driver.Text("Add entry").Kind("Action"))
	s.click(driver.Text("Add entry").Kind("Action"))
	s.must(s.app.Type(s.ctx, "team"))
	s.must(s.app.Press(s.ctx, "Tab"))
	s.must(s.app.Type(s.ctx, "blue"))
	reach(driver.Text("Add header").Kind("Action"))
	s.click(driver.Text("Add header").Kind("Action"))
	s.must(s.app.Type(s.ctx, "X-Token"))
	s.must(s.app.Press(s.ctx, "Tab"))
	s.must(s.app.Type(s.ctx, headerKey))
	s.see(driver.Text("Headers: name").Where("with the name", func(n driver.Node) bool { return n.Text == "X-Token" }))
	s.picture("portkey-header")
	reach(driver.Text("More").Kind("Action"))
	s.click(driver.Text("More").Kind("Action"))
	reach(driver.Text("Add model").Kind("Action"))
	s.click(driver.Text("Add model").Kind("Action"))
	s.picture("portkey-more")
	s.must(s.app.Type(s.ctx, "house-large"))
	s.must(s.app.Press(s.ctx, "Tab"))
	s.must(s.app.Type(s.ctx, "32K"))
	s.click(driver.Text("Save").Kind("Action"))

	s.see(driver.Contains("It answers and offers 3 models"))
	s.picture("models")
	s.see(driver.Text("32K"))
	s.must(s.app.Type(s.ctx, "house"))
	s.gone(driver.Text("gpt-4o"))
	s.must(s.app.Press(s.ctx, "Return"))
	s.see(driver.Text("Model of Work").Where("house-large", func(n driver.Node) bool { return n.Text == "house-large" }))
	s.see(driver.Contains("32K tokens"))
	s.picture("row")

	r, err := proxy.Wait(s.ctx, 0, func(r standin.Request) bool { return r.Path == "/v1/models" })
	s.must(err)
	for name, want := range map[string]string{
		"X-Portkey-Api-Key": gatewayKey, "X-Portkey-Provider": "@work-openai", "X-Portkey-Metadata": `{"team":"blue"}`, "X-Token": headerKey,
	} {
		if got := r.Header.Get(name); got != want {
			t.Errorf("%s went out as %q, want %q", name, got, want)
		}
	}
	text, err := os.ReadFile(filepath.Join(s.home, "settings.json"))
	s.must(err)
	var kept struct {
		Providers []struct {
			ID, Preset, Model string
			Headers           map[string]string
		}
	}
	s.must(json.Unmarshal(text, &kept))
	if len(kept.Providers) != 1 || kept.Providers[0].ID != "work" || kept.Providers[0].Preset != "portkey" || kept.Providers[0].Model != "house-large" ||
		!strings.Contains(kept.Providers[0].Headers["X-Token"], "secret:provider/work/header/X-Token") {
		t.Errorf("the settings are %s", text)
	}

	s.click(driver.Text("Edit Work"))
	s.see(driver.Text("Edit Work").Kind("Words"))
	s.picture("edit")
	s.must(s.app.Press(s.ctx, "Escape"))
	s.gone(driver.Text("Portkey API key"))
	s.quit()
	s.keptNowhere(gatewayKey)
	s.keptNowhere(headerKey)
}

//go:build linux && e2e

package e2e

import (
	"context"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/drawbridge-app/drawbridge/app/e2e/driver"
)

// bearer adds a key to each request.
type bearer string

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+string(b))
	return http.DefaultTransport.RoundTrip(r)
}

// text returns the part of what is on the screen that the expression's group
// names.
func (s *stage) text(expr string) string {
	s.t.Helper()
	d, err := s.app.Dump(s.ctx)
	s.must(err)
	for _, w := range d.Windows {
		for _, n := range w.Nodes {
			if m := regexp.MustCompile(expr).FindStringSubmatch(n.Text); m != nil {
				return m[1]
			}
		}
	}
	s.t.Fatalf("nothing on the screen is like %s", expr)
	return ""
}

// TestGateway lets another app in by clicks, answers its call by keys, finds it in
// the audit, stops everything with one switch, and looks at the rules.
func TestGateway(t *testing.T) {
	s := newStage(t, whole)
	s.open()
	s.welcome()

	s.page("Gateway")
	s.see(driver.Contains("No key yet"))
	s.picture("gateway-off")
	s.click(driver.Text("Gateway").Kind("Switch"))
	s.see(driver.Contains("It keeps port"))
	s.click(driver.Text("Connect an app"))
	s.see(driver.Text("Gemini CLI"))
	s.picture("connect")
	s.click(driver.Text("Make the key"))
	s.see(driver.Text("Not tested yet."))
	s.click(driver.Text("Test"))
	s.see(driver.Contains("It works: the app connects and sees"))
	s.picture("snippet")
	key := s.text(`Bearer (drawbridge-[a-z0-9]+)`)
	s.must(s.app.Press(s.ctx, "Escape"))
	s.gone(driver.Contains(key))
	address := s.text(`^(http://127\.0\.0\.1:\d+/mcp)$`)
	s.picture("gateway-on")

	// A call of the app is asked about, and answered by keys alone.
	ctx, cancel := context.WithTimeout(s.ctx, 3*time.Minute)
	defer cancel()
	app := mcp.NewClient(&mcp.Implementation{Name: "an editor", Version: "2.1"}, nil)
	client, err := app.Connect(ctx, &mcp.StreamableClientTransport{Endpoint: address, HTTPClient: &http.Client{Transport: bearer(key)}, DisableStandaloneSSE: true}, nil)
	s.must(err)
	defer client.Close()
	s.see(driver.Text("an editor 2.1"))
	type answer struct {
		result *mcp.CallToolResult
		err    error
	}
	call := func() <-chan answer {
		done := make(chan answer, 1)
		go func() {
			r, err := client.CallTool(ctx, &mcp.CallToolParams{Name: "workbench__time", Arguments: map[string]any{"zone": "Europe/Lisbon"}})
			done <- answer{r, err}
		}()
		return done
	}
	calling := call()
	s.see(driver.Contains("The app with the key “cursor” wants to call “time”"))
	s.picture("question")
	s.must(s.app.Press(s.ctx, "Tab", "Tab", "Return")) // Deny, Always, Once
	if got := <-calling; got.err != nil || got.result.IsError {
		t.Fatalf("what was allowed once: %+v, %v", got.result, got.err)
	}

	s.page("Audit")
	s.see(driver.Text("workbench · time"))
	s.see(driver.Contains("App “cursor” · ran"))
	s.fill("Search the audit", "lisbon")
	s.see(driver.Contains("No record fits"))
	s.click(driver.Text("Clear filters"))
	s.see(driver.Contains("App “cursor” · allowed once"))
	s.picture("audit")

	// One key stops everything, on any page.
	s.must(s.app.Press(s.ctx, "ctrl+shift+b"))
	s.see(driver.Text("The bridge is raised"))
	s.picture("raised")
	if got := <-call(); got.err != nil || !got.result.IsError {
		t.Errorf("a call while the bridge is raised: %+v, %v", got.result, got.err)
	}
	s.see(driver.Contains("App “cursor” · refused"))
	s.click(driver.Text("Lower the bridge").Kind("Action"))
	s.gone(driver.Text("The bridge is raised"))

	s.page("Servers")
	s.click(driver.Text("Rules workbench"))
	s.see(driver.Text("Rules of workbench"))
	s.picture("rules")
	s.click(driver.Text("Each tool"))
	s.see(driver.Text("Parameters of time"))
	s.picture("rules-tools")
	s.must(s.app.Press(s.ctx, "Escape"))
	s.gone(driver.Text("Rules of workbench"))

	s.page("Settings")
	s.must(s.app.ScrollTo(s.ctx, driver.Text("Tools and approvals"), true))
	s.quit()
	if strings.TrimSpace(key) == "" {
		t.Error("the snippet has no key")
	}
	s.keptNowhere(key)
}

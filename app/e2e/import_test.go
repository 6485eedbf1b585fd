//go:build linux && e2e

package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/drawbridge-app/drawbridge/app/e2e/driver"
)

// clockToken is a secret in the file of another app.
const clockToken = "canary-of-the-clock-3da9"

// TestImport takes servers over from the files of two other apps: one of them at
// the first start, where it waits for its review, and the other later, when the
// first is known. The files stay as they are.
func TestImport(t *testing.T) {
	s := newStage(t, whole)
	self, err := os.Executable()
	s.must(err)
	type server struct {
		Command string            `json:"command"`
		Args    []string          `json:"args"`
		Env     map[string]string `json:"env"`
	}
	files := map[string][]byte{}
	write := func(path, name string, one server) {
		t.Helper()
		text, err := json.MarshalIndent(map[string]any{"theme": "dark", "mcpServers": map[string]server{name: one}}, "", "  ")
		s.must(err)
		s.must(os.MkdirAll(filepath.Dir(path), 0o700))
		s.must(os.WriteFile(path, text, 0o600))
		files[path] = text
	}
	write(filepath.Join(s.desk.Config(), "Claude", "claude_desktop_config.json"), "diary",
		server{Command: self, Args: []string{}, Env: map[string]string{journalFile: filepath.Join(s.desk.Home(), "diary")}})
	write(filepath.Join(s.desk.Home(), ".cursor", "mcp.json"), "clock",
		server{Command: self, Args: []string{"of the clock"}, Env: map[string]string{journalFile: filepath.Join(s.desk.Home(), "clock"), "CLOCK_TOKEN": clockToken}})

	// The first start offers both, and one of them is taken.
	s.open()
	s.see(driver.Text("Welcome to Drawbridge"))
	s.click(driver.Text("Next").Kind("Action"))
	s.see(driver.Text("2 of 3"))
	s.click(driver.Text("Next").Kind("Action"))
	s.see(driver.Text("Claude Desktop"))
	checked := func(n driver.Node) bool { return n.Checked }
	s.see(driver.Text("diary").Kind("Check").Where("checked", checked))
	s.picture("offered")
	s.must(s.app.ScrollTo(s.ctx, driver.Text("clock").Kind("Check"), true))
	s.see(driver.Text("Cursor"))
	s.click(driver.Text("clock").Kind("Check").Where("checked", checked))
	s.see(driver.Text("clock").Kind("Check").Where("not checked", func(n driver.Node) bool { return !n.Checked }))
	s.click(driver.Text("Import").Kind("Action"))

	// Nothing runs before the exact command was seen.
	s.see(driver.Contains("waits for your review"))
	s.gone(driver.Text("clock"))
	running, err := s.desk.Processes()
	s.must(err)
	for _, p := range running {
		if p.Command == self {
			t.Errorf("before the review there is %v", p)
		}
	}
	s.click(driver.Text("Review").Kind("Action"))
	s.see(driver.Text("Review diary"))
	s.see(driver.Contains(self))
	s.see(driver.Contains(journalFile + "=" + filepath.Join(s.desk.Home(), "diary")))
	s.picture("review")
	s.click(driver.Text("Approve and start").Kind("Action"))
	s.see(driver.Like(`^Command · ready, 2 tools, `))

	// Later the other one, while the first is here already.
	s.click(driver.Text("Add server").Kind("Action").First())
	s.click(driver.Text("Add by Other apps"))
	s.click(driver.Text("Continue").Kind("Action"))
	s.see(driver.Text("Found 2 servers"))
	s.see(driver.Text("here already"))
	s.see(driver.Text("clock").Kind("Check").Where("checked", checked))
	s.picture("found")
	s.click(driver.Text("Continue").Kind("Action"))
	s.see(driver.Text("Review what will run"))
	s.see(driver.Contains("of the clock"))
	s.see(driver.Contains("CLOCK_TOKEN=‹secret›"))
	s.picture("review-later")
	s.click(driver.Text("Add and start").Kind("Action"))
	s.gone(driver.Text("Review what will run"))
	s.see(driver.Text("clock").Kind("Words"))
	s.ready("clock")
	s.ready("diary")
	s.picture("both")

	s.quit()
	s.keptNowhere(clockToken)
	for path, text := range files {
		if now, err := os.ReadFile(path); err != nil || string(now) != string(text) {
			t.Errorf("%s was changed: %v\n%s", path, err, now)
		}
	}
}

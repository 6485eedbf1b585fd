//go:build linux && e2e

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/drawbridge-app/drawbridge/app/e2e/driver"
)

// TestNothingButDrawbridge has a new person try everything with what is built
// in: no Node, no key, no network, and a PATH on which there is nothing.
func TestNothingButDrawbridge(t *testing.T) {
	s := newStage(t, whole)
	empty := t.TempDir()
	s.env = []string{"PATH=" + empty}
	folder := filepath.Join(s.desk.Home(), "notes")
	s.must(os.Mkdir(folder, 0o700))
	note := filepath.Join(folder, "shopping.txt")
	s.must(os.WriteFile(note, []byte("eleven lemons\n"), 0o600))

	s.open()
	s.welcome()

	// What it is, in its own words.
	s.say("Good morning!")
	s.see(driver.Contains("rehearsal"))
	s.see(driver.Contains("workbench__time"))

	// A tool that needs nothing, allowed for this conversation.
	s.say("workbench__time zone=America/Lima")
	s.see(driver.Text("This conversation"))
	s.picture("question")
	s.click(driver.Text("This conversation"))
	s.see(driver.Like(`^Open workbench · time · `))
	s.see(driver.Contains("America/Lima"))

	// The second call of the same tool does not ask.
	s.say("workbench__time zone=Asia/Kathmandu")
	s.see(driver.Contains("+05:45"))

	// A file is not read before its folder is granted.
	s.say("workbench__read_file path=" + note)
	s.click(driver.Text("Allow once"))
	s.see(driver.Contains("no folder has been granted"))

	s.page("Settings")
	s.must(s.app.ScrollTo(s.ctx, driver.Text("Grant").Kind("Action"), true))
	s.fill("Folder", folder)
	s.click(driver.Text("Grant").Kind("Action"))
	s.see(driver.Text("Remove " + folder))
	s.page("Chat")
	s.say("workbench__read_file path=" + note)
	s.click(driver.Text("Allow once"))
	s.see(driver.Contains("eleven lemons"))
	s.picture("read")

	// What was denied did not run.
	s.say("workbench__list_folders {}")
	s.click(driver.Text("Deny"))
	s.see(driver.Contains("list_folders was not done"))

	s.quit()
	s.open()
	s.click(driver.Contains("Good morning!").Kind("row"))
	s.see(driver.Contains("eleven lemons"))
	s.picture("after-restart")

	running, err := s.desk.Processes()
	s.must(err)
	for _, p := range running {
		if strings.Contains(p.Command, "node") {
			t.Errorf("there is %v", p)
		}
	}
	s.quit()
}

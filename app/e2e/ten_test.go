//go:build linux && e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/app/e2e/driver"
)

// How long the window may take to answer while ten servers start, in the middle
// and at worst, where the machine is quiet; elsewhere it has to answer at all.
const (
	answersWithin = 500 * time.Millisecond
	worstAnswer   = 5 * time.Second
)

// TestTenServers opens the window on a home with ten servers, and uses it while
// they start: the pages are looked at and a message is written before any of
// them is ready, and again while all of them come up at once.
func TestTenServers(t *testing.T) {
	s := newStage(t, whole)
	node := s.node()
	s.open()
	s.welcome()
	s.quit()
	// No server begins before the gate is open.
	gate := filepath.Join(s.desk.Home(), "gate")
	const servers = 10
	for i := range servers {
		folder := filepath.Join(s.desk.Home(), fmt.Sprint("folder", i))
		s.must(os.Mkdir(folder, 0o700))
		s.command("servers", "add", fmt.Sprint("server", i), "--",
			"/bin/sh", "-c", `until [ -e "$1" ]; do sleep 0.1; done; shift; exec "$@"`, "sh", gate, node.Program, node.Filesystem(), folder)
	}

	s.open()
	// count asks the program, which runs already, how many are ready.
	count := func() (n int) {
		t.Helper()
		var list []struct {
			State string `json:"state"`
			Tools int    `json:"tools"`
		}
		s.must(json.Unmarshal(s.command("servers", "list", "--json"), &list))
		for _, server := range list {
			if server.State == "ready" && server.Tools == 14 {
				n++
			}
		}
		return n
	}
	var answers []time.Duration
	// answered is how long the window takes to say what is in it, which it does
	// between what else it does.
	answered := func() {
		t.Helper()
		for range 5 {
			began := time.Now()
			_, err := s.app.Dump(s.ctx)
			s.must(err)
			answers = append(answers, time.Since(began))
		}
	}
	tour := func(n int) {
		t.Helper()
		s.page("Settings")
		s.see(driver.Text("Add provider").Kind("Action"))
		answered()
		s.page("Chat")
		text := fmt.Sprint("written while servers start, ", n)
		s.must(s.app.Fill(s.ctx, driver.Text("Message").Kind("input"), text))
		s.see(driver.Text("Message").Kind("input").Where("with "+text, func(n driver.Node) bool { return n.Text == text }))
		answered()
		s.page("Servers")
		s.see(driver.Contains("server0"))
		answered()
	}
	tour(0)
	if n := count(); n != 0 {
		t.Errorf("%d servers are ready behind the closed gate", n)
	}
	s.picture("ten-starting")
	s.must(os.WriteFile(gate, nil, 0o600))
	began := time.Now()
	for n := 1; count() < servers; n++ {
		if time.Since(began) > 5*time.Minute {
			t.Fatalf("%d servers are ready after five minutes", count())
		}
		tour(n)
	}
	t.Logf("all were ready %v after the gate was opened", time.Since(began))
	s.picture("ten-ready")
	slices.Sort(answers)
	middle, worst := answers[len(answers)/2], answers[len(answers)-1]
	t.Logf("the window answered %d times, in the middle within %v, at worst within %v", len(answers), middle, worst)
	if os.Getenv("DRAWBRIDGE_SOAK") == "1" && (middle > answersWithin || worst > worstAnswer) {
		t.Errorf("the window was not usable: it answered within %v in the middle and %v at worst", middle, worst)
	}
	s.quit()
}

// command runs a command of the program on the home, and returns what it prints.
func (s *stage) command(arguments ...string) []byte {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program(s.t), arguments...)
	cmd.Env = append(s.desk.Environ(), "DRAWBRIDGE_HOME="+s.home)
	said, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("drawbridge %v: %v: %s", arguments, err, said)
	}
	return said
}

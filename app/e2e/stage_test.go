//go:build linux && e2e

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/drawbridge-app/drawbridge/app/e2e/desk"
	"github.com/drawbridge-app/drawbridge/app/e2e/driver"
	"github.com/drawbridge-app/drawbridge/app/e2e/standin"
)

// A stage is a desktop with a home for Drawbridge, and the window while it is
// open. Its methods end the test when something does not happen.
type stage struct {
	t    *testing.T
	ctx  context.Context
	desk *desk.Desktop
	app  *driver.App
	home string
	out  string
	env  []string // more of the program's environment
	shot int
}

// whole is a desktop as a person has it.
var whole = desk.Options{WindowManager: true, Keychain: true, Tray: true}

// newStage brings the desktop up.
func newStage(t *testing.T, o desk.Options) *stage {
	t.Helper()
	out := t.TempDir()
	if dir := os.Getenv("E2E_OUT"); dir != "" {
		out = filepath.Join(dir, t.Name())
	}
	o.Logs = out
	d, err := desk.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			if err := d.Screenshot(context.Background(), filepath.Join(out, "failed.png")); err != nil {
				t.Error(err)
			}
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	home := filepath.Join(d.Home(), "drawbridge")
	return &stage{t: t, ctx: t.Context(), desk: d, home: home, out: out}
}

// program is the Drawbridge that is tested.
func program(t *testing.T) string {
	t.Helper()
	path := os.Getenv("E2E_APP")
	if path == "" {
		t.Fatal("E2E_APP must be the path of the program to test; make e2e sets it")
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return absolute
}

// open starts the program with its window.
func (s *stage) open() {
	s.t.Helper()
	app, err := driver.Start(s.ctx, s.desk, driver.Options{Program: program(s.t), Home: s.home, Env: s.env, Shots: s.out})
	s.must(err)
	s.app = app
}

// quit ends the program as the session's end does.
func (s *stage) quit() {
	s.t.Helper()
	s.must(s.app.Stop())
}

// must ends the test on an error.
func (s *stage) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// see waits for something, and gone for its end.
func (s *stage) see(m driver.Match)  { s.t.Helper(); s.must(s.app.Wait(s.ctx, m)) }
func (s *stage) gone(m driver.Match) { s.t.Helper(); s.must(s.app.WaitGone(s.ctx, m)) }

// click clicks the one thing that matches.
func (s *stage) click(m driver.Match) { s.t.Helper(); s.must(s.app.Click(s.ctx, m)) }

// fill types into the entry with the label, and waits until the text is there.
func (s *stage) fill(label, text string) {
	s.t.Helper()
	s.must(s.app.Fill(s.ctx, driver.Text(label).Kind("Entry"), text))
	s.see(driver.Text(label).Kind("Entry").Where("with "+text, func(n driver.Node) bool { return n.Text == text }))
}

// fillSecret types into an entry that hides its text.
func (s *stage) fillSecret(label, text string) {
	s.t.Helper()
	s.must(s.app.Fill(s.ctx, driver.Text(label).Kind("Entry"), text))
}

// page goes to one of the pages of the rail.
func (s *stage) page(name string) {
	s.t.Helper()
	s.click(driver.Text(name).Kind("railItem"))
}

// say writes a message and sends it.
func (s *stage) say(text string) {
	s.t.Helper()
	s.must(s.app.Fill(s.ctx, driver.Text("Message").Kind("input"), text))
	s.must(s.app.Press(s.ctx, "Return"))
}

// picture takes a screenshot; the pictures of a test are numbered.
func (s *stage) picture(name string) {
	s.t.Helper()
	s.shot++
	s.must(s.app.Shot(s.ctx, fmt.Sprintf("%02d-%s", s.shot, name)))
}

// welcome goes through the steps of the first start.
func (s *stage) welcome() {
	s.t.Helper()
	s.see(driver.Text("Welcome to Drawbridge"))
	s.picture("welcome")
	s.click(driver.Text("Next").Kind("Action"))
	s.see(driver.Text("2 of 3"))
	s.click(driver.Text("Next").Kind("Action"))
	s.see(driver.Text("3 of 3"))
	s.click(driver.Text("Done").Kind("Action"))
	s.gone(driver.Text("3 of 3"))
}

// keptNowhere fails if any file below the home, or of the desktop's logs, has
// the text in it.
func (s *stage) keptNowhere(secret string) {
	s.t.Helper()
	for _, root := range []string{s.home, s.out} {
		s.must(filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || !entry.Type().IsRegular() {
				return err
			}
			content, err := os.ReadFile(path)
			if err == nil && bytes.Contains(content, []byte(secret)) {
				s.t.Errorf("the secret is in %s", path)
			}
			return err
		}))
	}
	running, err := s.desk.Processes()
	s.must(err)
	for _, p := range running {
		if strings.Contains(p.Command, secret) {
			s.t.Errorf("the secret is in the arguments of %q", p.Command)
		}
	}
}

// node is the Node that runs the servers from npm.
func (s *stage) node() *standin.Node {
	s.t.Helper()
	node, err := standin.FindNode(s.ctx)
	s.must(err)
	return node
}

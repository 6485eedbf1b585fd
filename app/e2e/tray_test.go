//go:build linux && e2e

package e2e

import (
	"context"
	"errors"
	"os/exec"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/app/e2e/desk"
	"github.com/drawbridge-app/drawbridge/app/e2e/driver"
)

// trayIcon is the middle of the first icon in the panel of the desktop.
const trayIcon = 16

// TestTray closes the window to the tray, which says so once, and brings it
// back by a second start and by the icon; the icon's menu ends the program.
func TestTray(t *testing.T) {
	s := newStage(t, whole)
	s.open()
	s.welcome()
	s.must(desk.Until(s.ctx, time.Minute, "the icon in the tray", func(ctx context.Context) error {
		items, err := s.desk.TrayItems(ctx)
		if err == nil && len(items) != 1 {
			err = errors.New("there is no icon, or more than one")
		}
		return err
	}))

	s.must(s.app.Press(s.ctx, "alt+F4"))
	s.see(driver.Text("Drawbridge stays in the tray"))
	s.picture("closing")
	s.click(driver.Text("Close to tray"))
	s.must(s.app.WaitHidden(s.ctx))

	// A second start shows the window of the first, and ends.
	s.startAgain()
	s.must(s.app.WaitShown(s.ctx))

	// It was said once.
	s.must(s.app.Press(s.ctx, "alt+F4"))
	s.must(s.app.WaitHidden(s.ctx))
	s.picture("hidden")

	s.must(s.desk.Click(s.ctx, desk.Root, trayIcon, trayIcon))
	s.must(s.app.WaitShown(s.ctx))

	s.must(s.desk.SecondaryClick(s.ctx, desk.Root, trayIcon, trayIcon))
	s.picture("menu")
	// The last entry of the menu is the one that quits.
	s.must(s.desk.Press(s.ctx, "Up", "Return"))
	s.ended()
}

// TestNoTray closes the window where there is no tray: the program ends.
func TestNoTray(t *testing.T) {
	s := newStage(t, desk.Options{WindowManager: true, Keychain: true})
	s.open()
	s.welcome()
	s.must(s.app.Press(s.ctx, "alt+F4"))
	s.ended()
}

// startAgain starts the program a second time, which must end well soon.
func (s *stage) startAgain() {
	s.t.Helper()
	cmd := exec.Command(program(s.t))
	cmd.Env = append(s.desk.Environ(), "DRAWBRIDGE_HOME="+s.home)
	again, err := s.desk.Run("second", cmd)
	s.must(err)
	ctx, cancel := context.WithTimeout(s.ctx, time.Minute)
	defer cancel()
	s.must(again.Wait(ctx))
}

// ended waits for the end of the program, which must be a good one.
func (s *stage) ended() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, time.Minute)
	defer cancel()
	s.must(s.app.Program.Wait(ctx))
}

// TestStartsInTheTray begins as the start at login does: hidden where there is a
// tray, and with its window where there is none.
func TestStartsInTheTray(t *testing.T) {
	for name, o := range map[string]desk.Options{
		"tray": whole, "no tray": {WindowManager: true, Keychain: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, o)
			cmd := exec.Command(program(t), "--tray")
			cmd.Env = append(s.desk.Environ(), "DRAWBRIDGE_HOME="+s.home)
			app, err := s.desk.Run("app", cmd)
			s.must(err)
			shown := func(ctx context.Context) error {
				_, err := s.desk.Windows(ctx, app.PID())
				return err
			}
			if name == "tray" {
				s.must(desk.Until(s.ctx, time.Minute, "the icon in the tray", func(ctx context.Context) error {
					items, err := s.desk.TrayItems(ctx)
					if err == nil && len(items) != 1 {
						err = errors.New("there is no icon, or more than one")
					}
					return err
				}))
				if err := shown(s.ctx); !errors.Is(err, desk.ErrNoWindow) {
					t.Errorf("it shows a window: %v", err)
				}
				// Another start at login changes nothing, one by hand shows it.
				for _, args := range [][]string{{"--tray"}, nil} {
					again := exec.Command(program(t), args...)
					again.Env = cmd.Env
					second, err := s.desk.Run("second", again)
					s.must(err)
					s.must(second.Wait(s.ctx))
					if err := shown(s.ctx); len(args) > 0 && !errors.Is(err, desk.ErrNoWindow) {
						t.Errorf("a second start at login shows the window: %v", err)
					}
				}
			}
			s.must(desk.Until(s.ctx, time.Minute, "the window", shown))
			s.must(app.Stop())
		})
	}
}

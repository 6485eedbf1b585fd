package shell

import (
	"errors"
	"slices"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/theme"

	uitheme "github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
	"github.com/drawbridge-app/drawbridge/assets"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
)

func TestTheBridgeIsRaisedAndLowered(t *testing.T) {
	e := uitest.NewEngine()
	s, _ := start(t, e)
	uitest.ShowsNot(t, s.window, raisedTitle)
	// Without a question, from any page.
	s.open(placeSettings)
	test.Tap(s.raise.item)
	if !e.Up || !slices.Contains(e.Did(), "raise by window") {
		t.Fatalf("the engine did %v", e.Did())
	}
	uitest.Shows(t, s.window, raisedTitle, "2 running calls were stopped.", "No tool runs", raisedWords)
	if got := <-s.tray.states; !got.raised || got.icon != assets.TrayRaised || got.raiseLabel() != trayLower {
		t.Errorf("the tray shows %+v", got)
	}
	page := s.body.Position().Y
	if page < s.raise.bar.Size().Height || page == 0 {
		t.Errorf("the bar covers the page: it is %g high, the page begins at %g", s.raise.bar.Size().Height, page)
	}
	// It stays over pages.
	s.open(placeChat)
	uitest.Shows(t, s.window, raisedTitle)
	uitest.Tap(t, s.window, lowerWords)
	if e.Up {
		t.Error("it is still raised")
	}
	uitest.ShowsNot(t, s.window, raisedTitle, raisedWords)
	if s.body.Position().Y != 0 {
		t.Error("the room of the bar stays empty")
	}
}

func TestRaiseElsewhereAndErrors(t *testing.T) {
	e := uitest.NewEngine()
	s, _ := start(t, e)
	// By the command line: how many it stopped is not known here.
	e.Up = true
	s.raise.follow()
	uitest.Shows(t, s.window, raisedTitle, "No tool runs")
	uitest.ShowsNot(t, s.window, "were stopped")
	e.Err = errors.New("the disk is full")
	uitest.Tap(t, s.window, lowerWords)
	uitest.Shows(t, s.window, raisedTitle, "The disk is full.")
	uitest.Tap(t, s.window, lowerWords)
	uitest.ShowsNot(t, s.window, raisedTitle, "The disk is full.")
	// What could not be kept holds all the same.
	e.Err = errors.New("it could not be kept")
	s.raise.item.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	uitest.Shows(t, s.window, raisedTitle, "It could not be kept.")
	if got := s.raise.item.AccessibilityLabel(); got != trayLower {
		t.Errorf("the switch is called %q", got)
	}
}

func TestGalleryRaised(t *testing.T) {
	show := func(w fyne.Window, p place, raise bool) {
		e := uitest.NewEngine()
		// The shell puts a theme of its own in the place of the picture's.
		dark := uitheme.New(uitheme.Dark).Color(theme.ColorNameBackground, theme.VariantDark)
		if theme.Color(theme.ColorNameBackground) == dark {
			e.Keep.Window.Theme = string(uitheme.Dark)
		} else {
			e.Keep.Window.Theme = string(uitheme.Light)
		}
		s, _ := startIn(t, fyne.CurrentApp(), e)
		if raise {
			test.Tap(s.raise.item)
		}
		s.open(p)
		s.setServers(append(e.Views, uitest.Stdio("git", mcphost.Held, "uvx", "mcp-server-git")))
		w.SetContent(s.window.Content())
	}
	size := fyne.NewSize(1100, 720)
	uitest.Pictures(t,
		uitest.Picture{Name: "raised", Size: size, Narrow: leastSize, Build: func(w fyne.Window) { show(w, placeGateway, true) }},
		uitest.Picture{Name: "servers", Size: size, Narrow: leastSize, Build: func(w fyne.Window) { show(w, placeServers, false) }})
}

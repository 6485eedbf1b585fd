//go:build linux && !nowindow

package main

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	chatui "github.com/drawbridge-app/drawbridge/app/ui/chat"
	"github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/store"
)

// TestAnInterruptedTurnGoesOn kills the program while a call runs, and has a
// person find the turn in the window after the next start, with a button that
// continues it: the model is told that the call was cut off, and answers; the call
// is not made again.
func TestAnInterruptedTurnGoesOn(t *testing.T) {
	p, pids := killPlaceWith(t, killModel(t), 10*time.Minute) // it runs for sure
	k := killDuring(t, p, moment{kind: "call", after: 1}, "go")
	if k.phase() != "call" {
		t.Fatalf("it was killed at %s", k.phase())
	}
	for _, pid := range pidFiles(t, pids) {
		eventually(t, "the end of the server", time.Minute, func() bool { return !running(pid) })
	}
	conv := k.lines[0].ID

	h, err := openHomeAt(p.home)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := opened(t, h, func() []string { return p.env })
	// So that no call is asked about.
	if err := b.RemoveServer(t.Context(), "slow"); err != nil {
		t.Fatal(err)
	}
	until(t, time.Minute, "the server is gone", func() bool {
		all, err := b.Tools(t.Context())
		return err == nil && !slices.ContainsFunc(all, func(v bridge.ToolView) bool { return v.Server == "slow" })
	})
	w := uitest.Window(t, theme.Light, fyne.NewSize(1100, 900))
	pump := uitest.NewPump(t)
	page := chatui.New(chatui.Options{
		Engine: b, Window: w, Runner: pump.Runner(), Clipboard: fyne.CurrentApp().Clipboard(), Now: time.Now,
		OpenURL: func(*url.URL) error { return nil }, OpenServers: func() {}, OpenSettings: func() {},
	})
	w.SetContent(page.Object())
	page.Shown()
	page.Open(conv)
	sees := func(texts ...string) {
		t.Helper()
		pump.Until(w, "the words "+strings.Join(texts, ", "), func() bool {
			all := uitest.Texts(w)
			for _, s := range texts {
				if !strings.Contains(all, s) {
					return false
				}
			}
			return true
		})
	}
	sees("The turn ended before the model had answered. What has run is not run again.", "Continue")
	before, err := b.Messages(t.Context(), conv)
	if err != nil {
		t.Fatal(err)
	}
	if last := before[len(before)-1]; last.Role != store.RoleTool || !strings.Contains(last.Results()[0].Content.Text(), "cut off by the end of the program") {
		t.Fatalf("after the start the last message is %+v", last)
	}
	tap := func(label string) {
		t.Helper()
		test.Tap(uitest.Find(t, w, func(o interface {
			fyne.CanvasObject
			fyne.Tappable
			AccessibilityLabel() string
		}) bool {
			return o.AccessibilityLabel() == label
		}))
	}
	tap("Continue")
	// The second answer of that model calls a tool that is not offered now, and the
	// third calls nothing.
	sees(strings.TrimSpace(killDelta(2, 0)))
	pump.Until(w, "the end of the turn", func() bool {
		after, err := b.Messages(t.Context(), conv)
		return err == nil && after[len(after)-1].Text() == killAnswer(2, killDeltas) && after[len(after)-1].Status == store.StatusComplete
	})
	after, err := b.Messages(t.Context(), conv)
	if err != nil {
		t.Fatal(err)
	}
	if len(after) != len(before)+3 || after[len(before)].ParentID != before[len(before)-1].ID || after[len(before)].Text() != killAnswer(1, killDeltas) {
		t.Errorf("%d messages became %d: %+v", len(before), len(after), after[len(before):])
	}
	if all := uitest.Texts(w); strings.Contains(all, "The turn ended before") {
		t.Error("the remark stays")
	}
}

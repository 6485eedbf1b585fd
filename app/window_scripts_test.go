//go:build !nowindow

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	chatui "github.com/drawbridge-app/drawbridge/app/ui/chat"
	"github.com/drawbridge-app/drawbridge/app/ui/servers"
	"github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/store"
)

// TestRightToLeftInTheWindow has a model and a server say something in which words
// from right to left stand among others, over the wire, and looks at it where it is
// shown: each part stands where it is read.
func TestRightToLeftInTheWindow(t *testing.T) {
	const answer = "המספר הוא 12 בקובץ report.txt.\n\n1. פתח את notes\n2. שמור"
	model := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for _, piece := range strings.SplitAfter(answer, " ") {
			text, err := json.Marshal(piece)
			if err != nil {
				t.Error(err)
			}
			fmt.Fprintf(w, "data: {\"id\":\"1\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":%s}}]}\n\n", text)
		}
		fmt.Fprint(w, "data: {\"id\":\"1\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n")
	}))
	t.Cleanup(model.Close)
	b := openBridge(t)
	ctx := t.Context()
	key := store.NewSecret("key")
	if err := b.SetProvider(ctx, store.ProviderConfig{ID: "told", Kind: store.ProviderChat, BaseURL: model.URL, Model: "m"}, &key); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "tools")
	if err := os.WriteFile(file, []byte("read קורא את report.txt, ואז 12 שורות."), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := b.AddServer(ctx, setup.Draft{Config: store.ServerConfig{
		Name: "קבצים files", Transport: store.TransportStdio, Command: program(t, "changing-mcp"), Args: []string{file},
	}}, true)
	if err != nil {
		t.Fatal(err)
	}
	if v := settle(t, b, c.ID); v.State != mcphost.Ready {
		t.Fatalf("%s: %s", v.State, v.Error)
	}
	conv, err := b.NewConversation(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.SetConversationModel(ctx, conv.ID, store.ModelRef{Provider: "told", Model: "m"}); err != nil {
		t.Fatal(err)
	}
	if err := b.RenameConversation(ctx, conv.ID, "שאלה about 3 קבצים"); err != nil {
		t.Fatal(err)
	}
	for _, err := range b.Send(ctx, conv.ID, "מה יש ב-notes?", &person{}) {
		if err != nil {
			t.Fatal(err)
		}
	}

	w := uitest.Window(t, theme.Light, fyne.NewSize(1100, 900))
	pump := uitest.NewPump(t)
	page := chatui.New(chatui.Options{
		Engine: b, Window: w, Runner: pump.Runner(), Clipboard: fyne.CurrentApp().Clipboard(), Now: time.Now,
		OpenURL: func(*url.URL) error { return nil }, OpenServers: func() {}, OpenSettings: func() {},
	})
	w.SetContent(page.Object())
	page.SetServers(b.Servers())
	page.Shown()
	page.Open(conv.ID)
	sees := func(where string, texts ...string) {
		t.Helper()
		pump.Until(w, where+", with "+strings.Join(texts, " and "), func() bool {
			all := strings.Join(uitest.SeenLines(w), "\n")
			for _, text := range texts {
				if !strings.Contains(all, text) {
					return false
				}
			}
			return true
		})
	}
	sees("the title, beside the thread and above it", "םיצבק about 3 הלאש")
	sees("what the person wrote", "?notes-ב שי המ")
	sees("the answer", ".report.txt ץבוקב 12 אוה רפסמה")
	sees("the list", "notes תא חתפ|.1", "רומש|.2")

	test.Tap(uitest.Find(t, w, func(o interface {
		fyne.CanvasObject
		fyne.Tappable
		AccessibilityLabel() string
	}) bool {
		return o.AccessibilityLabel() == "Choose the tools"
	}))
	sees("the tools", "files םיצבק", ".תורוש 12 זאו ,report.txt תא ארוק")

	all := servers.New(servers.Options{Engine: b, Window: w, Clipboard: fyne.CurrentApp().Clipboard(), Runner: pump.Runner()})
	for w.Canvas().Overlays().Top() != nil {
		w.Canvas().Overlays().Remove(w.Canvas().Overlays().Top())
	}
	all.SetServers(b.Servers())
	w.SetContent(all.Object())
	sees("the card of the server", "files םיצבק")
}

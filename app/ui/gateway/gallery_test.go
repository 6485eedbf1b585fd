package gateway

import (
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"

	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
	apps "github.com/drawbridge-app/drawbridge/bridge/gateway"
	"github.com/drawbridge-app/drawbridge/store"
)

func galleryEngine() *uitest.Engine {
	e := uitest.NewEngine()
	e.Trial = apps.Trial{Protocol: "2025-11-25", Tools: 14, Took: 23 * time.Millisecond}
	v := &e.Door
	v.Settings = store.GatewaySettings{Enabled: true, Port: 4001}
	v.Address = "http://127.0.0.1:4001/mcp"
	v.Organisations = []store.Organisation{{ID: "o", Name: "Acme", Limits: store.Limits{CallsPerDay: 50_000, NoApprove: true}}}
	v.Teams = []store.Team{{ID: "t", Name: "Editors", Organisation: "o", Limits: store.Limits{Groups: []string{"work"}}}}
	v.Keys = []store.Key{
		{ID: "1", Name: "old laptop", RevokedAt: noon.AddDate(0, 0, -4)},
		{ID: "2", Name: "nightly report of everything that the team in Lisbon did with its repositories and notes", Team: "t", Limits: store.Limits{
			Servers: []string{"files", "git", "notes", "calendar", "mail", "weather"}, Tools: []string{"files__read_text_file", "git__*"}, CallsPerMinute: 60, CallsPerDay: 1000,
			Expires: noon.Add(30 * time.Hour), Models: &store.ModelAccess{Providers: []string{"openai"}, TokensPerDay: 1_000_000, CostPerDay: 2.5}}},
		{ID: "3", Name: "cursor", UsedAt: noon.Add(-3 * time.Minute)},
	}
	v.Clients = []apps.Client{
		{Name: "cursor-vscode", Version: "1.0.0", Key: "3", KeyName: "cursor", Protocol: "2025-11-25", Since: noon.Add(-time.Hour), Used: noon.Add(-3 * time.Second), Session: true},
		{Name: "codex", Version: "0.52", Key: "2", KeyName: "nightly report", Namespace: []string{"files", "git"}, Protocol: "2026-07-28", Used: noon.Add(-40 * time.Second)},
	}
	return e
}

func TestGallery(t *testing.T) {
	sheets := map[string]func(w fyne.Window, e *uitest.Engine){
		"connect": func(w fyne.Window, _ *uitest.Engine) { uitest.Tap(t, w, "Connect an app") },
		"snippet": func(w fyne.Window, _ *uitest.Engine) {
			uitest.Tap(t, w, "Connect an app")
			uitest.Tap(t, w, "VS Code")
			uitest.Tap(t, w, "Make the key")
			uitest.Tap(t, w, "Test")
		},
		"key": func(w fyne.Window, _ *uitest.Engine) {
			uitest.Tap(t, w, "Add key")
			turn(t, w, "All servers")
			turn(t, w, "It may ask models")
		},
		"once": func(w fyne.Window, _ *uitest.Engine) {
			uitest.Tap(t, w, "Add key")
			uitest.Fill(t, w, "Name", "my editor")
			uitest.Tap(t, w, "Make key")
		},
		"network": func(w fyne.Window, _ *uitest.Engine) {
			uitest.Tap(t, w, "Port and network…")
			turn(t, w, "Let other computers reach it")
			uitest.Tap(t, w, "Save")
		},
		"team":   func(w fyne.Window, _ *uitest.Engine) { uitest.Tap(t, w, "Edit Editors") },
		"revoke": func(w fyne.Window, _ *uitest.Engine) { uitest.Tap(t, w, "Revoke cursor") },
	}
	pictures := []uitest.Picture{
		{Name: "page", Size: fyne.NewSize(1028, 1100), Narrow: fyne.NewSize(uitest.LeastPage.Width, 1300), Build: func(w fyne.Window) { put(galleryEngine(), w) }},
		{Name: "empty", Size: fyne.NewSize(1028, 560), Build: func(w fyne.Window) { put(uitest.NewEngine(), w) }},
		{Name: "problem", Size: fyne.NewSize(1028, 500), Build: func(w fyne.Window) {
			e := uitest.NewEngine()
			e.Door.Settings = store.GatewaySettings{Enabled: true, Port: 4001, OpenToNetwork: "0.0.0.0", CertFile: "/c", KeyFile: "/k"}
			e.Door.Problem = "port 4001 is used by another program; end that one, or choose another port " + strings.Repeat("and so on ", 10)
			put(e, w)
		}},
	}
	for name, build := range sheets {
		pictures = append(pictures, uitest.Picture{Name: name, Size: size, Narrow: uitest.LeastWindow, Build: func(w fyne.Window) {
			e := galleryEngine()
			put(e, w)
			build(w, e)
		}})
	}
	uitest.Pictures(t, pictures...)
}

// TestPseudo looks through the gallery in a language of longer words.
func TestPseudo(t *testing.T) { uitest.Pseudo(t) }

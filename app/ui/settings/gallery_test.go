package settings

import (
	"errors"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"

	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/store"
)

// furnished returns an engine with entries of many kinds.
func furnished() *uitest.Engine {
	e := uitest.NewEngine()
	e.Keep.Providers = []store.ProviderConfig{
		{ID: "openai", Name: "OpenAI", Kind: store.ProviderResponses, Preset: "openai", BaseURL: "https://api.openai.com/v1", Model: "gpt-5-mini",
			Fallback: store.ModelRef{Provider: "work", Model: "claude-sonnet-4-5"}, KeepResponses: true,
			Headers: map[string]store.Value{"OpenAI-Organization": "org-1", "X-Token": store.RefTo(store.ProviderSecret("openai", "header/X-Token"))}},
		{ID: "work", Name: "Portkey at work", Kind: store.ProviderAnthropic, Preset: "portkey", BaseURL: "https://api.portkey.ai/v1", Model: "claude-sonnet-4-5",
			Portkey: &store.Portkey{Provider: "@work-anthropic"}, Metadata: map[string]string{"team": "blue", "feature": "desk"}, Connector: "2025-11-20",
			Models: map[string]store.ModelLimits{"claude-sonnet-4-5": {Context: 1000000, MaxOutput: 64000, Input: 3, Cached: 0.3, Output: 15}}},
		{ID: "ollama", Name: "Ollama", Kind: store.ProviderChat, Preset: "ollama", BaseURL: "http://127.0.0.1:11434/v1", NoKey: true},
		{ID: "long", Name: strings.Repeat("A name that goes on and on ", 4), Kind: store.ProviderChat, BaseURL: "https://" + strings.Repeat("very-long-name.", 12) + "example.com/v1", Model: strings.Repeat("a-model/with-a-long-name-", 5)},
	}
	e.Keep.Model = store.ModelRef{Provider: "openai", Model: "gpt-5-mini"}
	e.Keys[store.ProviderSecret("openai", "key")] = store.NewSecret("x")
	e.Keys[store.ProviderSecret("openai", "header/X-Token")] = store.NewSecret("x")
	e.Keys[store.ProviderSecret("work", "key")] = store.NewSecret("x")
	e.Known = map[store.ModelRef]store.ModelLimits{
		{Provider: "openai", Model: "gpt-5-mini"}:      {Context: 400000, MaxOutput: 128000, Input: 0.25, Cached: 0.025, Output: 2},
		{Provider: "work", Model: "claude-sonnet-4-5"}: {Context: 1000000, MaxOutput: 64000, Input: 3, Cached: 0.3, Output: 15},
	}
	e.Lists["openai"] = []model.Info{
		{ID: "gpt-5", Limits: store.ModelLimits{Context: 400000, Input: 1.25, Cached: 0.125, Output: 10}},
		{ID: "gpt-5-mini", Limits: e.Known[e.Keep.Model]},
		{ID: "gpt-4.1", Limits: store.ModelLimits{Context: 1047576, Input: 2, Output: 8}},
		{ID: "o4-mini", Limits: store.ModelLimits{Context: 200000}},
		{ID: "ft:gpt-4.1:" + strings.Repeat("acme-support-", 9)},
	}
	e.Local = []store.ProviderConfig{{ID: "lmstudio", Name: "LM Studio", Kind: store.ProviderChat, Preset: "lmstudio", BaseURL: "http://127.0.0.1:1234/v1", NoKey: true}}
	e.Keep.Folders = []string{"/home/you/notes", "/home/you/projects/drawbridge"}
	e.Given = []store.ToolAnswer{{Server: "files", Tool: "read_text_file", Answer: "always"}}
	e.Stored = bridge.Storage{Home: "/home/you/.local/share/drawbridge", Database: 48_230_000, Logs: 312_000, Other: 5120, Backups: []store.Backup{
		{Path: "/home/you/.local/share/drawbridge/drawbridge.db.backup-v5-20260801T093000.000Z", Version: 5, At: time.Date(2026, 8, 1, 9, 30, 0, 0, time.UTC), Size: 41_000_000},
		{Path: "/home/you/.local/share/drawbridge/drawbridge.db.backup-v4-20260512T181500.000Z", Version: 4, At: time.Date(2026, 5, 12, 18, 15, 0, 0, time.UTC), Size: 22_400_000},
	}}
	e.Said = []string{"settings.json could not be read: it ends in the middle. It was kept as settings.json.damaged, and Drawbridge began with empty settings."}
	return e
}

func TestGallery(t *testing.T) {
	picture := func(name string, then func(e *uitest.Engine, w fyne.Window)) uitest.Picture {
		return uitest.Picture{Name: name, Size: size, Narrow: uitest.LeastWindow, Build: func(w fyne.Window) {
			e := furnished()
			put(e, w, nil)
			then(e, w)
		}}
	}
	page := picture("page", func(*uitest.Engine, fyne.Window) {})
	page.Size, page.Narrow = fyne.NewSize(1028, 3040), fyne.NewSize(uitest.LeastPage.Width, 3420)
	add := func(w fyne.Window, service string) {
		uitest.Tap(t, w, "Add provider")
		uitest.Tap(t, w, "Set up "+service)
	}
	uitest.Pictures(t,
		page,
		picture("licences", func(_ *uitest.Engine, w fyne.Window) { uitest.Tap(t, w, "Licences") }),
		picture("services", func(_ *uitest.Engine, w fyne.Window) { uitest.Tap(t, w, "Add provider") }),
		picture("add-azure-wrong", func(_ *uitest.Engine, w fyne.Window) {
			add(w, "Azure OpenAI")
			uitest.Fill(t, w, "Name", "")
			uitest.Tap(t, w, "Save")
		}),
		picture("add-portkey", func(_ *uitest.Engine, w fyne.Window) { add(w, "Portkey") }),
		picture("edit-more", func(_ *uitest.Engine, w fyne.Window) {
			uitest.Tap(t, w, "Edit Portkey at work")
			uitest.Tap(t, w, "Add model")
		}),
		picture("edit-config", func(_ *uitest.Engine, w fyne.Window) {
			uitest.Tap(t, w, "Edit Portkey at work")
			uitest.Fill(t, w, "Config", `{"provider": "openai", "api_key": "${secret:upstream}"`)
			uitest.Tap(t, w, "Save")
		}),
		picture("models", func(_ *uitest.Engine, w fyne.Window) { uitest.Tap(t, w, "Model of OpenAI") }),
		picture("models-failed", func(e *uitest.Engine, w fyne.Window) {
			e.Err = errors.New("OpenAI refused the key. Check the key in the settings, or store it again")
			uitest.Tap(t, w, "Model of OpenAI")
		}),
		picture("no-keychain", func(e *uitest.Engine, w fyne.Window) {
			e.State = store.SecretState{Reason: "no Secret Service answers on the session bus; install gnome-keyring or KWallet"}
			add(w, "Mistral")
			e.Err = store.ErrNoKeychain
			uitest.Fill(t, w, "Name", "Other")
			uitest.Tap(t, w, "Save")
		}))
}

// TestPseudo looks through the gallery in a language of longer words.
func TestPseudo(t *testing.T) { uitest.Pseudo(t) }

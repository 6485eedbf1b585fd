package settings

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/store"
)

// choice finds a choice by its name.
func choice(t *testing.T, w fyne.Window, name string) *form.Select {
	t.Helper()
	return uitest.Find(t, w, func(s *form.Select) bool { return uitest.English(s.Name) == name })
}

// entry returns the entry of that id as the engine keeps it.
func entry(t *testing.T, e *uitest.Engine, id string) store.ProviderConfig {
	t.Helper()
	for _, p := range e.Keep.Providers {
		if p.ID == id {
			return p
		}
	}
	t.Fatalf("there is no entry %q among %v", id, e.Keep.Providers)
	return store.ProviderConfig{}
}

// Each service of the engine has its form, which fills in what Config says.
func TestEveryServiceHasItsForm(t *testing.T) {
	e := uitest.NewEngine()
	w := uitest.Window(t, theme.Dark, size)
	page := put(e, w, nil)
	for _, s := range bridge.Services() {
		uitest.Tap(t, w, "Add provider")
		uitest.Tap(t, w, "Set up "+serviceName(s))
		want := s.Config()
		if s.Note != "" {
			uitest.Shows(t, w, s.Note)
		}
		if s.ID == "" {
			uitest.Fill(t, w, "Name", "Mine")
			uitest.Fill(t, w, "Base URL", "https://mine.example.com/v1")
			want.Name, want.BaseURL, want.ID = "Mine", "https://mine.example.com/v1", "mine"
		} else {
			want.ID = idOf(s.Name)
		}
		if s.ID == "azure" {
			uitest.Tap(t, w, "Save")
			uitest.Shows(t, w, "in place of what stands in capitals")
			uitest.Fill(t, w, "Base URL", "https://mine.openai.azure.com/openai/v1")
			want.BaseURL = "https://mine.openai.azure.com/openai/v1"
		}
		uitest.Tap(t, w, "Save")
		if got := entry(t, e, want.ID); !reflect.DeepEqual(got, want) {
			t.Errorf("kept\n%#v\nwant\n%#v", got, want)
		}
		uitest.Tap(t, w, "Close")
		e.Keep.Providers = nil
		page.providers.show()
	}
}

func TestSeveralOfAKind(t *testing.T) {
	e := uitest.NewEngine()
	w := open(t, e)
	for _, key := range []string{"first", "second"} {
		uitest.Tap(t, w, "Add provider")
		uitest.Tap(t, w, "Set up OpenAI")
		uitest.Fill(t, w, "API key", key)
		uitest.Tap(t, w, "Save")
		uitest.Tap(t, w, "Close")
	}
	if got := entry(t, e, "openai-2"); got.Name != "OpenAI 2" || got.Preset != "openai" {
		t.Errorf("the second is %v", got)
	}
	for id, want := range map[string]string{"openai": "first", "openai-2": "second"} {
		if got := e.Keys[store.ProviderSecret(id, "key")]; got.Reveal() != want {
			t.Errorf("the key of %s is another", id)
		}
	}
	// An id can be typed, and is not taken twice.
	uitest.Tap(t, w, "Add provider")
	uitest.Tap(t, w, "Set up OpenAI")
	uitest.Fill(t, w, "Name", "OpenAI!")
	if got := uitest.Entry(t, w, "Id", 0).Text; got != "openai-3" {
		t.Errorf("the id of a third one is %q", got)
	}
	uitest.Fill(t, w, "Id", "openai")
	uitest.Fill(t, w, "Name", "Third")
	uitest.Tap(t, w, "Save")
	uitest.Shows(t, w, "There is a provider of this id already.")
	uitest.Fill(t, w, "Id", "Not An Id")
	uitest.Tap(t, w, "Save")
	uitest.Shows(t, w, "Use lower-case letters")
	if len(e.Keep.Providers) != 2 {
		t.Errorf("kept %v", e.Keep.Providers)
	}
}

func TestPortkey(t *testing.T) {
	e := uitest.NewEngine()
	w := open(t, e)
	uitest.Tap(t, w, "Add provider")
	uitest.Tap(t, w, "Set up Portkey")
	choice(t, w, "Format").SetSelected("Anthropic Messages")
	uitest.Fill(t, w, "Name", "Work")
	uitest.Fill(t, w, "Portkey API key", "pk")
	uitest.Fill(t, w, "Provider", "@work-anthropic")
	uitest.Fill(t, w, "Virtual key", "vk")
	uitest.Fill(t, w, "Config", `{"api_key": "${secret:up}"}`)
	uitest.Fill(t, w, "Key of the service behind it", "sk-up")
	for _, secret := range []string{"Portkey API key", "Virtual key", "Key of the service behind it", "Value of up"} {
		if !uitest.Entry(t, w, secret, 0).Password {
			t.Errorf("%s is shown", secret)
		}
	}
	uitest.Tap(t, w, "Add entry")
	uitest.Fill(t, w, "Metadata: name", "team")
	uitest.Fill(t, w, "Metadata: value", "blue")
	uitest.Tap(t, w, "Save")
	uitest.Shows(t, w, "Type the value, or take it out of the config.")
	did(t, e)
	uitest.Fill(t, w, "Value of up", "inner")
	uitest.Tap(t, w, "Save")
	want := store.ProviderConfig{
		ID: "work", Name: "Work", Kind: store.ProviderAnthropic, Preset: "portkey", BaseURL: "https://api.portkey.ai/v1",
		Headers:  map[string]store.Value{"Authorization": "${secret:provider/work/header/Authorization}"},
		Portkey:  &store.Portkey{Provider: "@work-anthropic", VirtualKey: "${secret:provider/work/virtual-key}", Config: `{"api_key": "${secret:up}"}`},
		Metadata: map[string]string{"team": "blue"},
	}
	if got := entry(t, e, "work"); !reflect.DeepEqual(got, want) {
		t.Errorf("kept\n%#v\nwant\n%#v", got, want)
	}
	for ref, want := range map[store.SecretRef]string{
		"provider/work/key": "pk", "provider/work/virtual-key": "vk", "provider/work/header/Authorization": "Bearer sk-up", "up": "inner",
	} {
		if got := e.Keys[ref]; got.Reveal() != want {
			t.Errorf("the secret %s is another", ref)
		}
	}

	// What is taken out is forgotten, and no more than that.
	uitest.Tap(t, w, "Close")
	uitest.Tap(t, w, "Edit Work")
	uitest.ShowsNot(t, w, "inner", "sk-up")
	uitest.Tap(t, w, "Forget: Virtual key")
	uitest.Fill(t, w, "Config", "pc-work-1")
	e.Calls = nil
	uitest.Tap(t, w, "Save")
	did(t, e, "provider work anthropic https://api.portkey.ai/v1 model= key=false", "no secret provider/work/virtual-key", "models of work")
	want.Portkey = &store.Portkey{Provider: "@work-anthropic", Config: "pc-work-1"}
	if got := entry(t, e, "work"); !reflect.DeepEqual(got, want) {
		t.Errorf("kept\n%#v\nwant\n%#v", got, want)
	}
}

func TestPortkeyFaults(t *testing.T) {
	e := uitest.NewEngine()
	w := open(t, e)
	uitest.Tap(t, w, "Add provider")
	uitest.Tap(t, w, "Set up Portkey")
	uitest.Tap(t, w, "Add entry")
	uitest.Tap(t, w, "Add header")
	for _, c := range []struct{ field, text, said string }{
		{"Config", `{"targets": [`, "The config is no JSON object"},
		{"Config", `two words`, "must be the id of a config"},
		{"Config", `{"api_key": "sk-1"}`, `holds a key under "api_key" in the clear`},
		{"Config", `{"a": "${secret:provider/other/key}"}`, "belongs to something else"},
		{"Provider", "schlüssel", "a character that a header cannot carry"},
		{"Metadata: name", strings.Repeat("n", 65), "must be text of 1 to 64 bytes"},
		{"Metadata: value", "alone", "A value has no name."},
		{"Headers: name", "not a name", "is no name for a header"},
		{"Headers: value", "${secret:provider/other/key}", "refers to a secret by name"},
		{"Gateway URL", "https://me:pass@example.com/v1", "contains a user name or password"},
		{"Gateway URL", "ftp://example.com", "This is no address."},
		{"Name", strings.Repeat("x", 81), "Use at most 80 letters."},
	} {
		before := uitest.Entry(t, w, c.field, 0).Text
		if c.field == "Headers: value" {
			uitest.Fill(t, w, "Headers: name", "X-Team")
		}
		uitest.Fill(t, w, c.field, c.text)
		uitest.Tap(t, w, "Save")
		uitest.Shows(t, w, c.said)
		uitest.Fill(t, w, c.field, before)
	}
	did(t, e)
	uitest.Fill(t, w, "Headers: name", "")
	uitest.Tap(t, w, "Save")
	if len(e.Keep.Providers) != 1 {
		t.Errorf("with nothing wrong any more, %v is kept", e.Keep.Providers)
	}
}

func TestLiteLLM(t *testing.T) {
	e := uitest.NewEngine()
	e.Lists["litellm"] = []model.Info{{ID: "house", Limits: store.ModelLimits{Context: 8000}}}
	w := open(t, e)
	uitest.Tap(t, w, "Add provider")
	uitest.Tap(t, w, "Set up LiteLLM")
	choice(t, w, "Format").SetSelected("OpenAI Responses")
	uitest.Fill(t, w, "Proxy URL", "https://proxy.example.com/v1")
	uitest.Tap(t, w, "Add header")
	uitest.Fill(t, w, "Headers: name", "x-litellm-api-key")
	uitest.Fill(t, w, "Headers: value", "Bearer canary")
	uitest.Tap(t, w, "Save")
	did(t, e, "secret provider/litellm/header/x-litellm-api-key", "provider litellm responses https://proxy.example.com/v1 model= key=false", "models of litellm")
	uitest.Shows(t, w, "house", "8K")
}

// An entry that is opened and saved stays as it is, whatever it holds.
func TestSavingChangesNothing(t *testing.T) {
	e := furnished()
	e.Keep.Providers[3].Name = "long" // a name that was too long cannot be kept
	e.Keep.Providers = append(e.Keep.Providers, store.ProviderConfig{
		ID: "all", Kind: store.ProviderResponses, Preset: "portkey", BaseURL: "https://gateway.example.com/v1?a=b", Model: "m",
		Headers: map[string]store.Value{"Authorization": store.RefTo("provider/all/header/Authorization"), "X-A": "1", "X-B": store.RefTo("named")},
		Portkey: &store.Portkey{VirtualKey: "plain", Config: `{"x": "${secret:named}"}`}, Metadata: map[string]string{"a": "1", "b": ""},
		Fallback: store.ModelRef{Provider: "gone", Model: "other"}, KeepResponses: true,
		Models: map[string]store.ModelLimits{"a=b": {Context: 1234, Cached: 0.075}, "m": {Output: 1e-7}},
	}, store.ProviderConfig{ID: "twice", Kind: store.ProviderGemini, Preset: "gemini", BaseURL: "https://g.example.com/v1beta", Model: "g", NoKey: true,
		Fallback: store.ModelRef{Provider: "twice", Model: "g2"}})
	e.Keys["named"] = store.NewSecret("x")
	e.Keys["provider/all/header/Authorization"] = store.NewSecret("x")
	w := open(t, e)
	for _, before := range e.Providers() {
		if before.Kind == store.ProviderRehearsal {
			continue
		}
		e.Calls = nil
		uitest.Tap(t, w, "Edit "+before.Title())
		uitest.Tap(t, w, "Save")
		if before.Model == "" {
			uitest.Tap(t, w, "Close")
		}
		if got := entry(t, e, before.ID); !reflect.DeepEqual(got, before) {
			t.Errorf("kept\n%#v\nwas\n%#v", got, before)
		}
		for _, call := range e.Did() {
			if strings.Contains(call, "secret") || strings.Contains(call, "key=true") {
				t.Errorf("saving %s did %q", before.ID, call)
			}
		}
	}
}

func TestHeadersThatWereKept(t *testing.T) {
	e := furnished()
	w := open(t, e)
	uitest.Tap(t, w, "Edit OpenAI")
	uitest.Entry(t, w, "Headers: name", 1).SetText("X-Renamed")
	uitest.Tap(t, w, "Save")
	uitest.Shows(t, w, "Type the value of X-Renamed.")
	uitest.Entry(t, w, "Headers: name", 1).SetText("openai-organization")
	uitest.Tap(t, w, "Save")
	uitest.Shows(t, w, "is there twice")
	did(t, e)
	remove := uitest.Find(t, w, func() func(*form.Action) bool {
		seen := 0
		return func(a *form.Action) bool {
			if a.Name == "Remove this row" {
				seen++
			}
			return seen == 2 && a.Name == "Remove this row"
		}
	}())
	test.Tap(remove)
	uitest.Tap(t, w, "Forget: API key")
	uitest.Tap(t, w, "Save")
	did(t, e, "provider openai responses https://api.openai.com/v1 model=gpt-5-mini key=true", "no secret provider/openai/header/X-Token", "models of openai")
	if _, ok := e.Keys[store.ProviderSecret("openai", "key")]; ok {
		t.Error("the key is still there")
	}
	uitest.Shows(t, w, "no key stored", "Changed OpenAI and its keys")
	e.Calls = nil
	uitest.Tap(t, w, "Undo the change")
	did(t, e, "bring provider openai back as it was")
	if _, ok := e.Keys[store.ProviderSecret("openai", "key")]; !ok {
		t.Error("the key does not come back")
	}
	uitest.ShowsNot(t, w, "Changed OpenAI and its keys")
}

func TestMore(t *testing.T) {
	e := furnished()
	w := open(t, e)
	uitest.Tap(t, w, "Edit Ollama")
	uitest.ShowsNot(t, w, "Fallback")
	uitest.Tap(t, w, "More")
	uitest.ShowsNot(t, w, "The service keeps the answers", "MCP connector", "Fallback model")
	choice(t, w, "Format").SetSelected("Anthropic Messages")
	uitest.Shows(t, w, "MCP connector")
	choice(t, w, "Format").SetSelected("OpenAI Responses")
	uitest.Shows(t, w, "The service keeps the answers")
	uitest.ShowsNot(t, w, "MCP connector")

	choice(t, w, "Fallback").SetSelected("Portkey at work")
	if got := uitest.Entry(t, w, "Fallback model", 0).Text; got != "claude-sonnet-4-5" {
		t.Errorf("the fallback's model is %q", got)
	}
	uitest.Fill(t, w, "Fallback model", "")
	uitest.Tap(t, w, "Add model")
	uitest.Fill(t, w, "Limits: model", "qwen")
	uitest.Fill(t, w, "Limits: Context", "lots")
	uitest.Tap(t, w, "Save")
	uitest.Shows(t, w, "Choose the model that answers then.", "“lots” under Context is no number.")
	did(t, e)
	e.Lists["work"] = []model.Info{{ID: "claude-haiku"}}
	uitest.Tap(t, w, "Choose the fallback model")
	uitest.Find(t, w, func(*modelList) bool { return true }).Select(0)
	uitest.Fill(t, w, "Limits: Context", "32,768")
	uitest.Fill(t, w, "Limits: Output $", "0,5")
	uitest.Find(t, w, func(s *form.Switch) bool { return uitest.English(s.Name) == "The service keeps the answers" }).Tapped(nil)
	uitest.Tap(t, w, "Save")
	want := store.ProviderConfig{
		ID: "ollama", Name: "Ollama", Kind: store.ProviderResponses, Preset: "ollama", BaseURL: "http://127.0.0.1:11434/v1", NoKey: true, KeepResponses: true,
		Fallback: store.ModelRef{Provider: "work", Model: "claude-haiku"}, Models: map[string]store.ModelLimits{"qwen": {Context: 32768, Output: 0.5}},
	}
	if got := entry(t, e, "ollama"); !reflect.DeepEqual(got, want) {
		t.Errorf("kept\n%#v\nwant\n%#v", got, want)
	}
	uitest.Tap(t, w, "Close")
	uitest.Shows(t, w, "falls back to Portkey at work")
}

func TestModels(t *testing.T) {
	e := furnished()
	w := open(t, e)
	uitest.Shows(t, w, "400K tokens · $0.25 in, $0.025 cached, $2 out for a million")
	e.Err = errors.New("the key was refused. Check it")
	uitest.Tap(t, w, "Model of OpenAI")
	uitest.Shows(t, w, "The key was refused. Check it.", "Edit the provider")
	uitest.Tap(t, w, "Try again")
	uitest.ShowsNot(t, w, "refused", "Edit the provider")
	uitest.Shows(t, w, "It answers and offers 5 models.", "gpt-4.1", "1.05M", "$1.25 / $10", "200K")
	uitest.Fill(t, w, "Search models", "O4-M")
	uitest.Shows(t, w, "o4-mini")
	uitest.ShowsNot(t, w, "gpt-4.1")
	uitest.Fill(t, w, "Search models", " new-one ")
	uitest.Shows(t, w, "None of them matches.")
	e.Calls = nil
	uitest.Tap(t, w, "Use “new-one”")
	did(t, e, "provider openai responses https://api.openai.com/v1 model=new-one key=false", "settings")
	if got := e.DefaultModel().Model; got != "new-one" {
		t.Errorf("new chats start with %q", got)
	}

	// By keyboard: the only one that matches, and with the arrows.
	uitest.Tap(t, w, "Model of OpenAI")
	test.Type(w.Canvas().Focused(), "4.1")
	uitest.Fill(t, w, "Search models", "o4")
	w.Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	if got := entry(t, e, "openai").Model; got != "o4-mini" {
		t.Errorf("the model is %q", got)
	}
	uitest.Tap(t, w, "Model of OpenAI")
	list := uitest.Find(t, w, func(*modelList) bool { return true })
	w.Canvas().Focus(list)
	list.TypedKey(&fyne.KeyEvent{Name: fyne.KeyDown})
	list.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	if got := entry(t, e, "openai").Model; got != "gpt-4.1" {
		t.Errorf("the model is %q", got)
	}
	uitest.Tap(t, w, "Model of OpenAI")
	uitest.Find(t, w, func(*modelList) bool { return true }).TypedKey(&fyne.KeyEvent{Name: fyne.KeyEscape})
	uitest.Shows(t, w, "Add provider")
}

// waitingEngine answers for models only when it is told to stop.
type waitingEngine struct{ *uitest.Engine }

func (w waitingEngine) Models(ctx context.Context, _ string) ([]model.Info, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// Listing models holds nobody up, and ends when it is cancelled or its sheet is
// closed.
func TestListingCanBeCancelled(t *testing.T) {
	w := uitest.Window(t, theme.Dark, size)
	ui := make(chan func(), 16)
	turn := func() {
		t.Helper()
		select {
		case f := <-ui:
			f()
		case <-time.After(time.Minute):
			t.Fatal("nothing happens")
		}
	}
	page := New(Options{Engine: waitingEngine{furnished()}, Window: w, Runner: form.Runner{
		Do: func(f func()) { ui <- f },
		Go: func(f func(context.Context)) { go f(t.Context()) },
	}})
	w.SetContent(page.Object())
	page.providers.show()
	uitest.Tap(t, w, "Model of OpenAI")
	uitest.Shows(t, w, "Asking for the models…")
	uitest.Tap(t, w, "Cancel")
	turn()
	uitest.Shows(t, w, "It was cancelled.", "Try again")
	uitest.Tap(t, w, "Try again")
	uitest.Tap(t, w, "Close")
	turn()
	uitest.Shows(t, w, "Add provider")
}

func TestNumbers(t *testing.T) {
	for text, want := range map[string]int64{"200000": 200000, "200,000": 200000, "200 K": 200000, "1.05m": 1050000, "0": 0, "-1": -1, "1.5": -1, "x": -1, "NaN": -1, "1e99": -1, "": -1} {
		got, ok := readTokens(text)
		if !ok {
			got = -1
		}
		if got != want {
			t.Errorf("readTokens(%q) = %d, want %d", text, got, want)
		}
	}
	for text, want := range map[string]float64{"3": 3, "$0.25": 0.25, "0,5": 0.5, "-1": -1, "Inf": -1, "NaN": -1, "1,2,3": -1} {
		got, ok := readPrice(text)
		if !ok {
			got = -1
		}
		if got != want {
			t.Errorf("readPrice(%q) = %g, want %g", text, got, want)
		}
	}
	for n, want := range map[int64]string{0: "", 512: "512", 128000: "128K", 131072: "131K", 999999: "1M", 1047576: "1.05M"} {
		if got := tokens(n); got != want {
			t.Errorf("tokens(%d) = %q, want %q", n, got, want)
		}
	}
	for v, want := range map[float64]string{0: "", 2: "$2", 2.5: "$2.50", 0.025: "$0.025"} {
		if got := dollars(v); got != want {
			t.Errorf("dollars(%g) = %q, want %q", v, got, want)
		}
	}
}

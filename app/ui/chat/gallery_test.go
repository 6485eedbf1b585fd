package chat

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"

	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/policy"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// furnished is an engine with a history, servers and providers.
func furnished(turns ...turn) *engine {
	e := newEngine(turns...)
	for i, title := range []string{
		"What is in my notes about the boat?", "Rename the photos of last summer by their date", "Why does the build fail?",
		"A very long title that somebody gave to a conversation about nothing in particular, and then went on", "Plan for the garden", "Shell one-liners",
	} {
		at := noon.Add(-time.Duration(i*i*9) * time.Hour)
		e.conv = append(e.conv, store.Conversation{ID: fmt.Sprint("c", i), Title: title, CreatedAt: at, UpdatedAt: at, Model: e.DefaultModel()})
	}
	files := uitest.Stdio("files", mcphost.Ready, "npx")
	for _, name := range []string{"read_text_file", "write_file", "list_directory", "search_files", "a_tool_with_a_name_that_is_as_long_as_the_protocol_allows_and_then_some_more"} {
		files.Passed = append(files.Passed, uitest.Tool("files", name, "Does what its name says, as far as the folders that were granted allow it, and says in a sentence why if it cannot."))
	}
	files.Held = []policy.Held{uitest.Held("move_file", `{}`, `{"a":1}`)}
	web := uitest.Stdio("web", mcphost.Starting, "uvx")
	e.Views = append(e.Views, files, web)
	e.Keep.Providers = []store.ProviderConfig{
		{ID: "openai", Name: "OpenAI", Kind: store.ProviderResponses, BaseURL: "https://api.openai.com/v1", Model: "gpt-5.2"},
		{ID: "local", Name: "Ollama", Kind: store.ProviderChat, BaseURL: "http://127.0.0.1:11434/v1"},
	}
	e.Lists["openai"] = []model.Info{{ID: "gpt-5.2"}, {ID: "gpt-5.2-mini"}, {ID: "gpt-4o"}, {ID: "o4-mini"}}
	e.Lists["rehearsal"] = []model.Info{{ID: "rehearsal"}}
	e.Given = []store.ToolAnswer{{Server: "files", Tool: "write_file", Answer: string(tools.AnswerNever)}}
	return e
}

// TestGallery renders the page in its states.
func TestGallery(t *testing.T) {
	scenes := map[string]func(b *bench){
		"empty-rehearsal": func(*bench) {},
		"empty": func(b *bench) {
			b.p.setModel(store.ModelRef{Provider: "openai", Model: "gpt-5.2"})
			b.settle()
		},
		"answer": func(b *bench) {
			b.say("What time is it in Berlin?")
			b.sees("May the model run")
			b.tapText("Allow once")
			b.settle()
			b.type_("And how does one say that in German?")
		},
		"asking": func(b *bench) {
			b.say("What time is it in Berlin?")
			b.sees("May the model run")
		},
		"error": func(b *bench) {
			b.e.turns = []turn{broken("OpenAI refused the key (401): it is wrong, or was withdrawn. Put a new key in the settings, then try again")}
			b.say("Hello?")
			b.sees("refused the key")
			b.settle()
		},
		"composer": func(b *bench) { b.type_(strings.Repeat("A long message that goes over several lines. ", 14)) },
		"tools":    func(b *bench) { b.p.chooseTools(); b.settle() },
		"models":   func(b *bench) { b.p.pickModel(); b.settle() },
		"rename":   func(b *bench) { b.p.rename(b.e.conv[0]); b.settle() },
		"link":     func(b *bench) { b.p.openLink("https://example.org/a/rather/long/path?with=a&query=string"); b.settle() },
	}
	var pictures []uitest.Picture
	for name, scene := range scenes {
		sizes := map[string]fyne.Size{"": size}
		if name == "answer" || name == "asking" || name == "tools" {
			sizes["-narrow"] = fyne.NewSize(640, 600)
		}
		for label, size := range sizes {
			pictures = append(pictures, uitest.Picture{Name: "chat-" + name + label, Size: size, Build: func(w fyne.Window) {
				b := benchIn(t, furnished(call(nil)), w)
				scene(b)
				b.lay()
			}})
		}
	}
	uitest.Pictures(t, pictures...)
}

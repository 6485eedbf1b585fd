package chat

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"

	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/chat"
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
	e.offer = chat.ToolOffer{Count: 9, Most: 128, Context: 200_000, Tokens: map[string]int{"workbench": 830, "files": 3240}, Sent: 4070,
		LeftOut: []tools.LeftOut{{Ref: tools.Ref{Server: "files", Tool: "tree"}, Reason: "Its arguments are no object, and the service takes nothing else."}}}
	e.Given = []store.ToolAnswer{{Server: "files", Tool: "write_file", Answer: string(tools.AnswerNever)}}
	return e
}

// openOld shows a conversation with branches, a cut answer and calls of all
// kinds.
func openOld(b *bench) {
	ref := store.ModelRef{Provider: "openai", Model: "gpt-5.2"}
	say := func(id string, role store.Role, parts ...store.Part) store.Message {
		return store.Message{ID: id, Role: role, Status: store.StatusComplete, Model: ref, Parts: parts, Usage: store.Usage{Input: 12_400, Output: 310}}
	}
	done := func(id, text string) store.ToolResult {
		return store.ToolResult{CallID: id, Elapsed: 40 * time.Millisecond, Content: store.Parts{store.Text{Text: text}}}
	}
	cut := say("m6", store.RoleAssistant, store.Text{Text: "The beginning of an ans"})
	cut.Status, cut.Error = store.StatusInterrupted, "The connection to OpenAI was lost."
	b.e.mu.Lock()
	b.e.conv = append(b.e.conv, store.Conversation{ID: "old", Title: "Notes about boats", CreatedAt: noon, UpdatedAt: noon, Model: ref, System: "Answer in one sentence.",
		Metadata: map[string]string{"team": "sailing", "feature": "notes"}})
	b.e.said["old"] = []store.Message{
		say("m1", store.RoleUser, store.Text{Text: "What is in my notes?"}),
		say("m2", store.RoleAssistant,
			store.ToolCall{ID: "a", Name: tools.FindTools, Tool: tools.FindTools, Arguments: []byte(`{"query":"read a text file"}`)},
			store.ToolCall{ID: "b", Name: tools.CallTool, Server: "files", Tool: "read_text_file", Arguments: []byte(`{"name":"files__read_text_file","arguments":{"path":"/notes"}}`)},
			store.ToolCall{ID: "c", Name: tools.ReadResult, Tool: tools.ReadResult, Arguments: []byte(`{"handle":"b"}`)}),
		say("m3", store.RoleTool, done("a", "found"), done("b", "Boats"), done("c", "and more")),
		say("m4", store.RoleAssistant, store.Text{Text: "They are about **boats**, and about more."}),
		say("m5", store.RoleUser, store.Text{Text: "Edit me"}),
		cut,
	}
	b.e.kin["old"] = map[string][]string{"m2": {"m2", "x"}, "m4": {"y", "m4", "z"}, "m5": {"w", "m5"}}
	b.e.use = chat.ContextUse{Tokens: 18_200, Limit: 200_000, Cost: chat.Cost{USD: 0.043, Known: true}}
	b.e.mu.Unlock()
	b.p.reloadConversations()
	b.settle()
	b.p.open("old")
	b.settle()
}

// fails has a turn fail.
func fails(b *bench, err error) {
	b.p.setModel(store.ModelRef{Provider: "openai", Model: "gpt-5.2"})
	b.settle()
	b.e.turns = []turn{func(context.Context, func(chat.Event) bool, chat.Approver) error { return err }}
	b.say("Hello?")
	b.sees("(4")
	b.settle()
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
			b.until("the question", func() bool { return strings.Contains(uitest.Texts(b.w), "Allow once") })
			b.tapText("Allow once")
			b.settle()
			b.type_("And how does one say that in German?")
		},
		"asking": func(b *bench) {
			b.say("What time is it in Berlin?")
			b.sees("exactly as the server would get them")
			b.stand(1)
		},
		"error": func(b *bench) {
			fails(b, &model.Error{Kind: model.ErrorAuth, Message: "OpenAI refused the key (401): it is wrong, or was withdrawn. Put a new key in the settings, then try again"})
		},
		"error-quota": func(b *bench) {
			fails(b, &model.Error{Kind: model.ErrorRate, Message: "OpenAI takes no more requests (429): the credit of the account is used up. Add to it, or choose another model"})
		},
		"error-attach": func(b *bench) {
			b.e.Views = append(b.e.Views, offering().Views[1])
			b.p.SetServers(b.e.Views)
			b.e.fail = errors.New("the server notes did not answer within 30 s. It may hang; restart it on the Servers page")
			b.p.attach("notes", "note:///today", "Today")
			b.settle()
		},
		"question": func(b *bench) {
			b.e.turns = []turn{func(ctx context.Context, _ func(chat.Event) bool, by chat.Approver) error {
				_, err := by.(bridge.Elicitor).Elicit(ctx, bridge.Elicitation{Server: "weather", ServerName: "Weather", Message: "Where do you want to know it?",
					Fields: []mcphost.Field{
						{Name: "city", Title: "City", Kind: mcphost.FieldText, Required: true},
						{Name: "days", Title: "Days", Description: "From tomorrow on.", Kind: mcphost.FieldInteger},
					}})
				return err
			}}
			b.say("Will it rain?")
			b.until("the question", func() bool { return strings.Contains(uitest.Texts(b.w), "Where do you want to know it?") })
			b.stand(1)
		},
		"models-favourites": func(b *bench) {
			b.e.Keep.Favourites = []store.ModelRef{{Provider: "openai", Model: "gpt-5.2-mini"}, {Provider: "rehearsal", Model: "rehearsal"}}
			b.p.pickModel()
			b.settle()
		},
		"branches": func(b *bench) {
			openOld(b)
			b.p.edit("m5", "Edit me, and say it in other words")
			b.settle()
		},
		"retrying": func(b *bench) {
			b.e.turns = []turn{waiting(12 * time.Second)}
			b.say("Hello?")
			b.sees("Trying again in 12 s")
			b.stand(1)
		},
		"repeating": func(b *bench) {
			b.e.turns = []turn{func(ctx context.Context, say func(chat.Event) bool, by chat.Approver) error {
				say(chat.FellBack{From: store.ModelRef{Model: "gpt-5.2"}, To: store.ModelRef{Model: "claude-sonnet-4-5"}, Reason: "OpenAI refused the key (401)."})
				pause := chat.Pause{Steps: 3, Times: 3, Repeated: []store.ToolCall{{Name: "files__read_text_file", Server: "files", Tool: "read_text_file"}}}
				say(chat.Repeating{Pause: pause})
				_, err := by.Continue(ctx, pause)
				return err
			}}
			b.say("Read it")
			b.sees("Should it go on?")
			b.stand(1)
		},
		"about": func(b *bench) {
			b.p.o.Engine.(*engine).Keep.Providers[0].Portkey = &store.Portkey{Provider: "@work"}
			openOld(b)
			b.p.amend("old", func(c *store.Conversation) { c.Model = store.ModelRef{Provider: "openai", Model: "gpt-5.2"} })
			b.p.openAbout()
			b.settle()
		},
		"tools-search": func(b *bench) {
			b.e.offer.Search, b.e.offer.Count = true, 140
			b.p.measureTools()
			b.settle()
			b.p.chooseTools()
			b.settle()
		},
		"no-sidebar": func(b *bench) {
			openOld(b)
			b.p.showSidebar(false)
			b.settle()
		},
		"composer": func(b *bench) { b.type_(strings.Repeat("A long message that goes over several lines. ", 14)) },
		"attached": func(b *bench) {
			b.e.Views = append(b.e.Views, offering().Views[1])
			b.p.SetServers(b.e.Views)
			b.p.attach("notes", "note:///today", "Today")
			b.p.attach("notes", "note:///1", "A rather long title of a note that nobody would write on a chip")
			b.settle()
			b.e.turns = []turn{answer("Bread, by your note.")}
			b.say("What shall I buy today?")
			b.settle()
			b.p.attach("notes", "note:///today", "Today")
			b.settle()
		},
		"tools":  func(b *bench) { b.p.chooseTools(); b.settle() },
		"models": func(b *bench) { b.p.pickModel(); b.settle() },
		"rename": func(b *bench) { b.p.sidebar.beginRename(b.p.conversations[1]); b.settle() },
		"sidebar": func(b *bench) {
			manyStates(b)
			b.stand(1)
			for _, c := range b.p.conversations { // which are those of no turn
				b.p.sidebar.setState(c.ID, map[string]runState{"The bridges of Lima": stateRunning, "Waits for the answer": stateFailed}[c.Title])
				if c.Pinned {
					b.p.sidebar.setState(c.ID, stateAsking)
				}
			}
		},
		"search": func(b *bench) {
			manyStates(b)
			b.e.newest = 200
			b.w.Canvas().Focus(b.p.sidebar.search)
			b.fill("the")
			b.until("what was found", func() bool { return len(b.p.sidebar.hits.Items()) > 2 })
			b.stand(1)
		},
		"search-nothing": func(b *bench) {
			b.w.Canvas().Focus(b.p.sidebar.search)
			b.fill("nothing of this kind")
			b.settle()
		},
		"unfinished": func(b *bench) {
			openOld(b)
			b.e.mu.Lock()
			b.e.said["old"] = b.e.said["old"][:3]
			b.e.mu.Unlock()
			b.p.NewChat()
			b.p.open("old")
			b.settle()
			b.p.attached["old"] = []*attachment{{title: "boats.txt", parts: store.Parts{store.File{Name: "boats.txt"}}}, {title: say.T("Image"), parts: store.Parts{store.File{Name: "x"}}}}
			b.p.detach(0)
			b.settle()
		},
		"archive": func(b *bench) {
			b.p.archive(b.p.conversations[0], true)
			b.settle()
			b.tapText("Show the archived conversations")
			b.settle()
		},
		"denied": func(b *bench) {
			b.say("What time is it in Berlin?")
			b.sees("exactly as the server would get them")
			b.tapText("Deny")
			b.settle()
			b.p.view.script.ScrollToEnd()
		},
		"running": func(b *bench) {
			b.e.turns = []turn{hold("It is a long story, of which this is the", make(chan struct{}), nil)}
			b.say("Tell me about the bridges of Lima")
			b.sees("of which this is the")
			b.stand(1)
		},
		"managed": func(b *bench) {
			b.e.SetViews(append(b.e.Views, docs())...)
			b.p.SetServers(b.e.Views)
			b.e.turns = []turn{managedTurn(make(chan tools.Answer, 1))}
			b.say("Which bridges are there, and can I order one?")
			b.sees("as OpenAI says that it would send them")
			b.stand(1)
		},
		"prompts": func(b *bench) {
			b.e.Views = append(b.e.Views, offering().Views[1])
			b.e.Written = []mcphost.Prompt{{Name: "plan", Title: "Plan the day", Description: "Makes a plan of what is in the notes."}}
			b.e.Keep.Messages = []store.MessagePreset{{Name: "weather", Text: "Weather in {{city}} on {{day}}?"}}
			b.p.SetServers(b.e.Views)
			b.type_("/")
			b.settle()
		},
		"resources": func(b *bench) {
			b.e.Views = append(b.e.Views, offering().Views[1])
			b.e.Contents = mcphost.Contents{Resources: []mcphost.Resource{{URI: "note:///today", Title: "Today", Size: 1200}, {URI: "note:///boats", Name: "boats", Description: "What is known of boats", Size: -1}}}
			b.p.SetServers(b.e.Views)
			b.type_("Look at @")
			b.settle()
		},
		"name-a-tool": func(b *bench) {
			b.type_("use #")
			b.settle()
		},
		"preset": func(b *bench) {
			b.p.rememberValue("city", "Lima")
			b.p.rememberValue("city", "Cusco")
			b.p.usePreset(store.MessagePreset{Name: "weather", Text: "Weather in {{city}} on {{day}}?"})
			b.settle()
		},
		"new-preset": func(b *bench) { b.p.editPreset(store.MessagePreset{}); b.settle() },
		"find": func(b *bench) {
			openOld(b)
			b.p.Find()
			f, ok := b.w.Canvas().Focused().(interface{ SetText(string) })
			if !ok {
				b.t.Fatalf("%T has the keys", b.w.Canvas().Focused())
			}
			f.SetText("boats")
			b.until("the end of the search", func() bool {
				_, of, whole := b.p.view.script.Found()
				return whole && of == 2
			})
			b.settle()
		},
		"link": func(b *bench) { b.p.openLink("https://example.org/a/rather/long/path?with=a&query=string"); b.settle() },
	}
	// Words from right to left, in letters of the machine, stand in their order among
	// others; tests that compare no pixels hold that.
	machine := map[string]bool{"right-to-left": true, "right-to-left-tools": true}
	mixed := func(b *bench) {
		b.e.mu.Lock()
		for i, title := range []string{"שלום, עולם (כן)", "מה יש בקובץ report.txt?", "The word שלום and what it means", "كتاب عن Go 1.26 وأشياء أخرى لا تتسع هنا أبدا"} {
			b.e.conv[i].Title = title
		}
		b.e.mu.Unlock()
		files := uitest.Stdio("קבצים files", mcphost.Ready, "npx")
		files.Passed = append(files.Passed, uitest.Tool("קבצים files", "read", "קורא את הקובץ report.txt ומחזיר את 12 השורות הראשונות שלו, או אומר במשפט אחד (באנגלית) למה זה לא אפשרי. כך גם בתיקיות אחרות."))
		b.e.Views = append(b.e.Views[:1:1], files)
		b.p.SetServers(b.e.Views)
		b.p.reloadConversations()
		b.settle()
		b.e.turns = []turn{answer("הקובץ report.txt גדול (12 שורות):\n\n- הראשונה: `title`\n- השנייה, ובה:\n  1. אחד\n  2. שתיים (two)\n- [x] נקרא\n\nAnd in English:\n\n- one\n- two")}
		b.say("מה יש בקובץ report.txt?")
		b.settle()
	}
	scenes["right-to-left"] = mixed
	scenes["right-to-left-tools"] = func(b *bench) { mixed(b); b.p.chooseTools(); b.settle() }
	var pictures []uitest.Picture
	answered := func(w fyne.Window) {
		b := benchIn(t, furnished(call(nil)), w)
		b.p.undoTime = time.Hour // however slow the machine
		scenes["answer"](b)
		b.lay()
	}
	pictures = append(pictures,
		uitest.Picture{Name: "answer-largest", Size: size, Narrow: uitest.LeastPage, Text: theme.TextLargest, Build: answered},
		uitest.Picture{Name: "answer-compact", Size: size, Narrow: uitest.LeastPage, Text: theme.TextSmall, Compact: true, Build: answered})
	for name, scene := range scenes {
		pictures = append(pictures, uitest.Picture{Name: name, Loose: machine[name], Size: size, Narrow: uitest.LeastPage, Data: []string{"Today"}, Build: func(w fyne.Window) {
			b := benchIn(t, furnished(call(nil)), w)
			b.p.undoTime = time.Hour // however slow the machine
			scene(b)
			b.lay()
		}})
	}
	uitest.Pictures(t, pictures...)
}

// TestPseudo looks through the gallery in a language of longer words.
func TestPseudo(t *testing.T) { uitest.Pseudo(t) }

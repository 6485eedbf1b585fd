package servers

import (
	"testing"

	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/store"
)

func TestBrowse(t *testing.T) {
	e := uitest.NewEngine()
	v := uitest.Stdio("library", mcphost.Ready, "library-mcp")
	v.Offers = mcphost.Offers{Resources: true, Prompts: true}
	e.Views = append(e.Views, v)
	e.Contents = mcphost.Contents{
		Resources: []mcphost.Resource{{URI: "book:///moby", Title: "Moby\u202e Dick"}},
		Templates: []mcphost.Template{{URITemplate: "book:///{author}", Name: "by author"}},
	}
	e.Read = store.Parts{store.File{URI: "book:///moby", Data: []byte("Call me Ishmael.")}, store.File{MIMEType: "image/png", Data: []byte{0}}}
	e.Written = []mcphost.Prompt{{Name: "review", Arguments: []mcphost.PromptArgument{{Name: "book", Required: true}}}}
	e.Filled = []mcphost.PromptMessage{{Role: store.RoleUser, Parts: store.Parts{store.Text{Text: "Review Emma"}}}}
	_, w := open(t, e, theme.Light)
	uitest.Tap(t, w, "Browse library")
	uitest.Shows(t, w, "Moby‹U+202E› Dick", "by author", "Prompt: review")
	list := uitest.Find(t, w, func(*widget.List) bool { return true })
	did(t, e) // nothing is read before it is chosen
	list.Select(0)
	uitest.Shows(t, w, "Call me Ishmael.", "image/png, 1 bytes", "book:///moby")
	list.Select(1)
	uitest.Fill(t, w, "author", "Jane")
	uitest.Tap(t, w, "Read")
	list.Select(2)
	uitest.Tap(t, w, "Read")
	uitest.Shows(t, w, "This is required.")
	uitest.Fill(t, w, "book", "Emma")
	uitest.Tap(t, w, "Read")
	uitest.Shows(t, w, "Review Emma")
	did(t, e, "read book:///moby of library", "read book:///Jane of library", "fill in review of library with map[book:Emma]")
}

package offers

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/png"
	"slices"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/store"
)

var size = fyne.NewSize(1028, 720)

func icon(t testing.TB) *mcphost.Icon {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 16, 16))
	for i := range 16 {
		img.Set(i, i, color.RGBA{200, 40, 40, 255})
		img.Set(i, 15-i, color.RGBA{200, 40, 40, 255})
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return &mcphost.Icon{MIMEType: "image/png", Data: b.Bytes()}
}

func library(t testing.TB) *uitest.Engine {
	e := uitest.NewEngine()
	v := uitest.Stdio("library", mcphost.Ready, "library-mcp")
	v.Offers = mcphost.Offers{Resources: true, Prompts: true, Subscribe: true, Completions: true}
	e.Views = []bridge.ServerView{v, uitest.Stdio("plain", mcphost.Ready, "x")}
	e.Contents = mcphost.Contents{
		Resources: []mcphost.Resource{{URI: "book:///moby", Title: "Moby\u202e Dick", MIMEType: "text/plain", Size: 16, Description: "A whale.", Icon: icon(t)}},
		Templates: []mcphost.Template{{URITemplate: "book:///{author}", Name: "by author"}},
	}
	e.Read = store.Parts{store.File{URI: "book:///moby", MIMEType: "text/plain", Data: []byte("Call me Ishmael.")}, store.File{MIMEType: "image/png", Data: []byte{0}}}
	e.Written = []mcphost.Prompt{{Name: "review", Description: "Reviews a book.", Arguments: []mcphost.PromptArgument{{Name: "book", Required: true}, {Name: "tone", Description: "How it is said"}}}}
	e.Filled = []mcphost.PromptMessage{{Role: store.RoleUser, Parts: store.Parts{store.Text{Text: "Review Emma"}}}}
	e.Proposals = []string{"Emma", "Emil", "Ulysses"}
	return e
}

type used struct {
	attached []string
	inserted []mcphost.PromptMessage
	closed   int
}

func open(t testing.TB, e *uitest.Engine, kind Kind) (fyne.Window, *used) {
	t.Helper()
	w := uitest.Window(t, theme.Light, size)
	return w, show(e, w, kind)
}

func show(e *uitest.Engine, w fyne.Window, kind Kind) *used {
	size := w.Canvas().Size()
	w.SetContent(widget.NewLabel(""))
	w.Resize(size)
	u := &used{}
	Show(Options{
		Engine: e, Window: w, Runner: uitest.Inline(), Clipboard: fyne.CurrentApp().Clipboard(), Title: "Attach", Servers: e.Views, Kind: kind,
		Attach:  func(server, uri, title string) { u.attached = append(u.attached, server+" "+uri+" "+title) },
		Insert:  func(m []mcphost.PromptMessage) { u.inserted = m },
		OnClose: func() { u.closed++ },
	})
	return u
}

func did(t *testing.T, e *uitest.Engine, want ...string) {
	t.Helper()
	if got := e.Did(); !slices.Equal(got, want) {
		t.Errorf("the engine was asked for\n%q\nwant\n%q", got, want)
	}
}

func chooser(t testing.TB, w fyne.Window) *form.List {
	return uitest.Find(t, w, func(*form.List) bool { return true })
}

func TestResourcesAreReadAndAttached(t *testing.T) {
	e := library(t)
	w, u := open(t, e, All)
	uitest.Shows(t, w, "Moby‹U+202E› Dick", "by author", "Prompt: review", "library")
	did(t, e) // nothing is read before it is chosen
	uitest.Find(t, w, func(i *canvas.Image) bool { return i.Image != nil && i.Image.Bounds().Dx() == 16 })
	chooser(t, w).Select(0)
	uitest.Shows(t, w, "book:///moby · text/plain · 16 B", "A whale.", "Call me Ishmael.", "File · image/png · 1 B")
	uitest.Tap(t, w, "Copy")
	if got := fyne.CurrentApp().Clipboard().Content(); !strings.HasPrefix(got, "Call me Ishmael.\n") {
		t.Errorf("%q was copied", got)
	}
	follow := uitest.Find(t, w, func(s *form.Switch) bool { return uitest.English(s.Name) == "Follow changes" })
	e.Read = store.Parts{store.File{URI: "book:///moby", Data: []byte("It ended.")}}
	follow.Tapped(nil)
	uitest.Shows(t, w, "It ended.")
	uitest.Tap(t, w, "Attach to message")
	did(t, e, "read book:///moby of library", "watch book:///moby of library", "read book:///moby of library")
	if len(u.attached) != 1 || u.attached[0] != "library book:///moby Moby\u202e Dick" || u.closed != 1 || w.Canvas().Overlays().Top() != nil {
		t.Errorf("%+v", u)
	}
}

func TestTemplatesAndPromptsTakeValues(t *testing.T) {
	e := library(t)
	w, u := open(t, e, All)
	list := chooser(t, w)
	list.Select(1)
	uitest.Fill(t, w, "author", "Jane")
	uitest.Tap(t, w, "Read")
	did(t, e, "read book:///Jane of library")
	list.Select(2)
	uitest.Shows(t, w, "Reviews a book.", "Ulysses")
	uitest.Tap(t, w, "Read")
	uitest.Shows(t, w, "This is required.")
	uitest.Fill(t, w, "book (required)", "Em")
	uitest.Shows(t, w, "Emma", "Emil")
	uitest.Tap(t, w, "Take Emma")
	if got := uitest.Entry(t, w, "book (required)", 0).Text; got != "Emma" {
		t.Errorf("the value is %q", got)
	}
	uitest.Tap(t, w, "Read")
	uitest.Shows(t, w, "Review Emma")
	uitest.Tap(t, w, "Use in message")
	did(t, e, "read book:///Jane of library", "fill in review of library with map[book:Emma]")
	if len(u.inserted) != 1 {
		t.Errorf("%+v", u)
	}
}

func TestFilterKindsAndFailures(t *testing.T) {
	e := library(t)
	w, _ := open(t, e, Prompts)
	uitest.ShowsNot(t, w, "Moby", "by author")
	uitest.Fill(t, w, "Filter", "nothing of this kind")
	uitest.ShowsNot(t, w, "Prompt: review")
	uitest.Tap(t, w, "Close")
	w, u := open(t, e, Resources)
	uitest.ShowsNot(t, w, "Prompt: review")
	uitest.Fill(t, w, "Filter", "WHALE")
	uitest.ShowsNot(t, w, "by author")
	e.Err = errors.New("the book is lent")
	chooser(t, w).Select(0)
	uitest.Shows(t, w, "The book is lent.")
	uitest.ShowsNot(t, w, "Attach to message")
	uitest.Tap(t, w, "Close")
	if len(u.attached) > 0 || u.closed != 1 {
		t.Errorf("%+v", u)
	}
	if !Any(e.Views, All) || Any(e.Views[1:], All) || !Any(e.Views, Prompts) {
		t.Error("what there is")
	}
	e.Contents, e.Written = mcphost.Contents{}, nil
	w, _ = open(t, e, All)
	uitest.Shows(t, w, "There is nothing here now.")
}

func TestGallery(t *testing.T) {
	uitest.Pictures(t,
		uitest.Picture{Name: "resource", Size: size, Narrow: uitest.LeastWindow, Build: func(w fyne.Window) {
			show(library(t), w, All)
			chooser(t, w).Select(0)
		}},
		uitest.Picture{Name: "prompt", Size: size, Narrow: uitest.LeastWindow, Build: func(w fyne.Window) {
			show(library(t), w, All)
			chooser(t, w).Select(2)
			uitest.Fill(t, w, "book (required)", "Em")
		}})
}

// TestPseudo looks through the gallery in a language of longer words.
func TestPseudo(t *testing.T) { uitest.Pseudo(t) }

package palette

import (
	"fmt"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/keys"
	"github.com/drawbridge-app/drawbridge/app/ui/pick"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
)

var size = fyne.NewSize(900, 700)

func open(t *testing.T) (fyne.Window, *[]string) {
	t.Helper()
	w := uitest.Window(t, theme.Light, size)
	w.SetContent(widget.NewLabel("below"))
	w.Resize(size)
	return w, new([]string)
}

func some(done *[]string) []Command {
	do := func(what string) func() { return func() { *done = append(*done, what) } }
	list := []Command{
		{Group: say.T("Conversations"), Title: "Bridges of Lima", Icon: theme.IconChat, Do: do("bridges")},
		{Group: say.T("Commands"), Title: say.T("New chat"), Icon: theme.IconNewChat, Key: keys.NewChat, Do: do("new")},
		{Group: say.T("Commands"), Title: say.T("Raise the bridge"), Icon: theme.IconBridge, Key: keys.Raise, Words: "stop everything emergency", Do: do("raise")},
		{Group: say.T("Servers"), Title: say.F("Stop %s", "files"), Note: say.N(14, "ready, %d tool", "ready, %d tools", 14), Icon: theme.IconServer, Seldom: true, Do: do("stop")},
	}
	for i := range 100 {
		list = append(list, Command{Group: say.T("Models"), Title: fmt.Sprintf("model-%d", i), Seldom: true, Do: do("model")})
	}
	return list
}

func typed(w fyne.Window, text string, names ...fyne.KeyName) {
	for _, r := range text {
		w.Canvas().Focused().TypedRune(r)
	}
	for _, k := range names {
		w.Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: k})
	}
}

func titles(p *Palette) string {
	var out []string
	for _, i := range p.list.Items() {
		out = append(out, i.Title)
	}
	return strings.Join(out, "|")
}

func TestPalette(t *testing.T) {
	w, done := open(t)
	closed := 0
	p := Show(w, some(done), func() { closed++ })
	if got := titles(p); got != "Conversations|Bridges of Lima|Commands|New chat|Raise the bridge" {
		t.Error(got)
	}
	if Show(w, nil, nil) != nil {
		t.Error("two palettes lie on each other")
	}
	typed(w, "", fyne.KeyDown, fyne.KeyReturn)
	if p.IsOpen() || w.Canvas().Overlays().Top() != nil {
		t.Error("it stays open")
	}
	Show(w, some(done), func() { closed++ })
	typed(w, "rtb", fyne.KeyReturn)
	Show(w, some(done), func() { closed++ })
	typed(w, "emergency", fyne.KeyReturn)
	p = Show(w, some(done), func() { closed++ })
	typed(w, "files")
	if got := titles(p); got != "Stop files" {
		t.Error(got)
	}
	p.Add(Command{Title: "Restart files", Do: func() {}})
	typed(w, "", fyne.KeyReturn)
	if got := strings.Join(*done, " "); got != "new raise raise stop" {
		t.Errorf("done: %s", got)
	}
	p = Show(w, some(done), func() { closed++ })
	typed(w, "model")
	if n := len(p.list.Items()); n != maxShown {
		t.Errorf("%d are listed", n)
	}
	typed(w, "zzzz")
	if got := titles(p); got != "Nothing matches." {
		t.Error(got)
	}
	typed(w, "", fyne.KeyReturn, fyne.KeyEscape)
	if p.IsOpen() || closed != 1 || len(*done) != 4 {
		t.Errorf("open %v, closed %d", p.IsOpen(), closed)
	}
}

func TestShortcuts(t *testing.T) {
	w, _ := open(t)
	turned := []bool{}
	ShowShortcuts(w, false, func(on bool) { turned = append(turned, on) }, nil)
	list := uitest.Find(t, w, func(*pick.List) bool { return true })
	all := map[string]string{}
	for _, i := range list.Items() {
		all[i.Title] = i.Trail
	}
	for _, k := range keys.All() {
		if _, ok := all[k.Title]; !ok {
			t.Errorf("%q is not listed", k.Title)
		}
	}
	if all["Send the message"] != "Enter" {
		t.Errorf("%q sends", all["Send the message"])
	}
	uitest.Find(t, w, func(*form.Switch) bool { return true }).TypedKey(&fyne.KeyEvent{Name: fyne.KeySpace})
	for _, i := range list.Items() {
		all[i.Title] = i.Trail
	}
	if all["Send the message"] != "Shift+Enter" || all["Begin a new line"] != "Enter" || all["Open it"] != "Enter" || len(turned) != 1 || !turned[0] {
		t.Errorf("%v, turned %v", all, turned)
	}
	typed(w, "quit")
	if len(list.Items()) != 2 {
		t.Errorf("%d rows", len(list.Items()))
	}
	typed(w, "", fyne.KeyEscape)
	if w.Canvas().Overlays().Top() != nil {
		t.Error("Escape leaves it open")
	}
}

func TestGallery(t *testing.T) {
	none := new([]string)
	picture := func(name string, build func(fyne.Window)) uitest.Picture {
		return uitest.Picture{Name: name, Size: size, Narrow: uitest.LeastWindow, Build: func(w fyne.Window) {
			size := w.Canvas().Size()
			w.SetContent(widget.NewLabel(""))
			w.Resize(size)
			build(w)
		}}
	}
	uitest.Pictures(t,
		picture("palette", func(w fyne.Window) { Show(w, some(none), nil) }),
		picture("found", func(w fyne.Window) {
			Show(w, some(none), nil)
			typed(w, "bri")
		}),
		picture("nothing", func(w fyne.Window) {
			Show(w, some(none), nil)
			typed(w, "nothing of this kind")
		}),
		picture("shortcuts", func(w fyne.Window) { ShowShortcuts(w, false, nil, nil) }))
}

// TestPseudo looks through the gallery in a language of longer words.
func TestPseudo(t *testing.T) { uitest.Pseudo(t) }

package servers

import (
	"bytes"
	"context"
	"encoding/json"
	"image"
	"image/color"
	"image/png"
	"reflect"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

const mixed = `{"type":"object","$defs":{"Colour":{"enum":["red","green"],"type":"string"}},"properties":{
	"zone":{"type":"string","title":"Zone","description":"Such as Europe/Zurich"},
	"count":{"type":"integer","default":5},
	"ratio":{"anyOf":[{"type":"number"},{"type":"null"}]},
	"deep":{"type":"boolean"},
	"colour":{"$ref":"#/$defs/Colour"},
	"paths":{"type":"array","items":{"type":"string"}},
	"filter":{"type":"object"},
	"must":{"type":"string","default":"x"}},"required":["zone","must"]}`

func TestParamsOfASchema(t *testing.T) {
	var got []string
	for _, p := range paramsOf(json.RawMessage(mixed)) {
		got = append(got, p.Name)
		want := map[string]paramKind{"zone": paramText, "count": paramWhole, "ratio": paramNumber, "deep": paramSwitch, "colour": paramChoice, "paths": paramLines, "filter": paramJSON, "must": paramText}[p.Name]
		if p.Kind != want || p.Required != (p.Name == "zone" || p.Name == "must") {
			t.Errorf("%+v", p)
		}
	}
	if strings.Join(got, " ") != "zone must count ratio deep colour paths filter" {
		t.Errorf("the order is %q", got)
	}
	for _, hostile := range []string{
		``, `null`, `7`, `{"properties":[]}`, `{"properties":{"a":{"$ref":"#/properties/a"}}}`, `{"properties":{"a":{"$ref":"#/x"},"b":7,"c":{"enum":[]},"d":{"anyOf":[{"type":"null"}]}}}`,
		`{"properties":{"a":` + strings.Repeat(`{"anyOf":[`, 500) + strings.Repeat(`]}`, 500) + `}}`,
	} {
		for _, p := range paramsOf(json.RawMessage(hostile)) {
			if p.Kind != paramJSON {
				t.Errorf("%.80s: %+v", hostile, p)
			}
		}
	}
}

// runnable opens the sheet of a tool with that schema.
func runnable(t *testing.T, e *uitest.Engine, w func(t testing.TB, e *uitest.Engine) fyne.Window) fyne.Window {
	t.Helper()
	v := uitest.Stdio("box", mcphost.Ready, "box")
	tool := uitest.Tool("box", "mix", "Mixes.")
	tool.InputSchema = json.RawMessage(mixed)
	yes := true
	tool.Claims.ReadOnly = &yes
	v.Tools, v.Passed = []tools.Tool{tool, uitest.Tool("box", "held", "")}, []tools.Tool{tool}
	e.Views = append(e.Views, v)
	win := w(t, e)
	uitest.Tap(t, win, "Tools box")
	uitest.Shows(t, win, "nobody has checked: it only reads")
	list := uitest.Find(t, win, func(*form.List) bool { return true })
	list.Select(1)
	if !uitest.Button(t, win, "Run it…").Disabled() {
		t.Error("a tool that is held can be run")
	}
	list.Select(0)
	uitest.Tap(t, win, "Run it…")
	return win
}

func inline(t testing.TB, e *uitest.Engine) fyne.Window {
	_, w := open(t, e, theme.Light)
	return w
}

func TestFormAndJSONFollowEachOther(t *testing.T) {
	e := uitest.NewEngine()
	w := runnable(t, e, inline)
	raw := uitest.Entry(t, w, "Arguments as JSON", 0)
	same := func(want string) {
		t.Helper()
		var a, b any
		if json.Unmarshal([]byte(raw.Text), &a) != nil || json.Unmarshal([]byte(want), &b) != nil || !reflect.DeepEqual(a, b) {
			t.Errorf("the JSON is %s, want %s", raw.Text, want)
		}
	}
	pick := func(name string) *form.Select {
		return uitest.Find(t, w, func(s *form.Select) bool { return uitest.English(s.Name) == name })
	}
	same(`{"must":"x"}`)
	uitest.Fill(t, w, "Zone (required)", `"Bern" & <co>`)
	uitest.Fill(t, w, "count", "07")
	uitest.Shows(t, w, "Type a number")
	uitest.Fill(t, w, "count", "7.5")
	uitest.Shows(t, w, "Type a whole number.")
	uitest.Fill(t, w, "count", "7")
	uitest.Fill(t, w, "ratio", "0.25")
	pick("deep").SetSelected("No")
	pick("colour").SetSelected("green")
	uitest.Fill(t, w, "paths", "a\nb c\n")
	uitest.Fill(t, w, "filter", `{"x":`)
	uitest.Shows(t, w, "This is no JSON")
	uitest.Fill(t, w, "filter", `{"x":1}`)
	same(`{"must":"x","zone":"\"Bern\" & <co>","count":7,"ratio":0.25,"deep":false,"colour":"green","paths":["a","b c"],"filter":{"x":1}}`)
	if strings.Contains(raw.Text, `\u0026`) {
		t.Errorf("what was typed is written strangely: %s", raw.Text)
	}

	raw.SetText(`{"zone":5,"count":8,"colour":"red","extra":{"kept":[1.50]},"deep":true,`)
	uitest.Shows(t, w, "This is no JSON")
	raw.SetText(`{"zone":5,"count":8,"colour":"red","extra":{"kept":[1.50]},"deep":true}`)
	uitest.ShowsNot(t, w, "This is no JSON")
	uitest.Shows(t, w, "a value that this field cannot show")
	if got := uitest.Entry(t, w, "count", 0).Text + pick("colour").Selected + pick("deep").Selected + uitest.Entry(t, w, "ratio", 0).Text; got != "8redYes" {
		t.Errorf("the form shows %q", got)
	}
	uitest.Fill(t, w, "count", "")
	pick("deep").SetSelected(leaveOut)
	same(`{"zone":5,"colour":"red","extra":{"kept":[1.50]}}`)
	if !strings.Contains(raw.Text, "1.50") {
		t.Errorf("what the form does not know is written anew: %s", raw.Text)
	}
	uitest.Tap(t, w, "Run")
	if got := e.Did(); !strings.HasPrefix(got[len(got)-1], "call box__mix as command: ") || !strings.Contains(got[len(got)-1], "1.50") {
		t.Errorf("%q", got)
	}
	raw.SetText("[1]")
	uitest.Tap(t, w, "Run")
	uitest.Shows(t, w, "Arguments are a JSON object")
	if n := len(e.Did()); n != 2 {
		t.Errorf("%d calls", n)
	}
}

func photo(t testing.TB) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 200, 120))
	for x := range 200 {
		for y := range 120 {
			img.Set(x, y, color.RGBA{uint8(x / 50 * 50), uint8(y / 40 * 80), 120, 255}) // few colours, as a golden has
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func allParts(t testing.TB) tools.Result {
	return tools.Result{
		Elapsed: 12 * time.Millisecond,
		Content: store.Parts{
			store.Text{Text: "It is noon.\x1b[0m"}, store.Image{MIMEType: "image/png", Data: photo(t)},
			store.File{URI: "file:///notes.txt", MIMEType: "text/plain", Data: []byte("buy bread")},
			store.File{URI: "file:///x.bin", Data: []byte{0, 1}}, store.Image{MIMEType: "image/png", Data: []byte("no picture")},
		},
		Structured: json.RawMessage(`{"hour":12}`),
	}
}

func TestResultHasAllItsParts(t *testing.T) {
	e := uitest.NewEngine()
	e.Gives = allParts(t)
	w := runnable(t, e, inline)
	uitest.Tap(t, w, "Run")
	uitest.Shows(t, w, "Done after 12 ms", "It is noon.‹U+001B›[0m", "Image · image/png", "file:///notes.txt · text/plain · 9 B", "buy bread", "file:///x.bin · no type · 2 B", "Structured", `"hour": 12`)
	img := uitest.Find(t, w, func(i *canvas.Image) bool { return i.Image != nil && i.Image.Bounds().Dx() == 200 })
	if img.Size().Height < 100 {
		t.Errorf("the picture is %v", img.Size())
	}
	uitest.Tap(t, w, "Copy result")
	if got := fyne.CurrentApp().Clipboard().Content(); !strings.Contains(got, `"hour": 12`) || !strings.Contains(got, "It is noon.") {
		t.Errorf("%q was copied", got)
	}
	e.Gives = tools.ErrorResult("No such zone.")
	uitest.Tap(t, w, "Run")
	uitest.Shows(t, w, "It failed", "No such zone.")
	uitest.ShowsNot(t, w, "buy bread")
}

func TestThePolicyAsksInTheSheet(t *testing.T) {
	for _, answer := range []string{"Run it once", "Do not run it"} {
		e := uitest.NewEngine()
		e.Asks = "The rules of this tool want each call to be asked about."
		e.Gives = tools.Result{Content: store.Parts{store.Text{Text: "ran"}}}
		queue := make(chan func(), 10)
		next := func() {
			select {
			case f := <-queue:
				f()
			case <-time.After(time.Minute):
				t.Fatal("nothing happens")
			}
		}
		w := runnable(t, e, func(t testing.TB, e *uitest.Engine) fyne.Window {
			w := uitest.Window(t, theme.Light, size)
			p := New(Options{Engine: e, Window: w, Clipboard: fyne.CurrentApp().Clipboard(), Runner: form.Runner{
				Do: func(f func()) { queue <- f }, Go: func(f func(context.Context)) { go f(context.Background()) },
			}})
			w.SetContent(p.Object())
			w.Resize(size)
			p.SetServers(e.Views)
			return w
		})
		uitest.Tap(t, w, "Run")
		next()
		uitest.Shows(t, w, "The rules of this tool")
		uitest.Tap(t, w, answer)
		want := "ran"
		if answer != "Run it once" {
			want = "The person denied this call."
		} else {
			next() // progress
		}
		next()
		uitest.Shows(t, w, want)
	}
}

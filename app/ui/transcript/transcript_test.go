package transcript

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"

	look "github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
)

// show returns a view in a window of that size.
func show(t *testing.T, width, height float32, o Options) (*View, fyne.Window) {
	t.Helper()
	a := uitest.App(t)
	a.Settings().SetTheme(look.New(look.Light))
	v := New(o)
	w := test.NewTempWindow(t, v)
	w.SetPadded(false)
	w.Resize(fyne.NewSize(width, height))
	return v, w
}

// everything returns all text that the view holds, in view or not.
func everything(v *View) string {
	var b strings.Builder
	for _, bl := range v.flat() {
		for _, l := range bl.lines {
			for _, r := range l.runs {
				b.WriteString(r.text())
			}
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// flat returns all blocks, laid out.
func (v *View) flat() []*block {
	var out []*block
	for _, bl := range v.blocks {
		bl.layout(v.measure, v.column)
		if bl.lazy != nil {
			out = append(out, bl.kids...)
		} else {
			out = append(out, bl)
		}
	}
	return out
}

func numbered(n int) []Item {
	items := make([]Item, 0, n)
	for i := range n {
		items = append(items, Assistant{ID: fmt.Sprint("a", i), Text: fmt.Sprintf("Message number %d. %s", i, strings.Repeat("word ", i%40))})
	}
	return items
}

func TestOpensAtTheEnd(t *testing.T) {
	v, _ := show(t, 700, 400, Options{})
	v.SetItems(numbered(2000))
	text := v.DumpText()
	if !strings.Contains(text, "Message number 1999.") || strings.Contains(text, "Message number 1900.") {
		t.Errorf("shows %q", text)
	}
	if n := len(v.r.objects); n > 200 {
		t.Errorf("%d objects are on the canvas", n)
	}
	laid := 0
	for _, b := range v.blocks {
		if b.width != 0 {
			laid++
		}
	}
	if laid > 100 {
		t.Errorf("%d of %d blocks are laid out", laid, len(v.blocks))
	}
}

func TestFollowsOnlyAtTheEnd(t *testing.T) {
	v, _ := show(t, 700, 400, Options{})
	v.SetItems(numbered(50))
	v.Upsert(Assistant{ID: "x", Growing: true})
	for range 40 {
		v.AppendText("x", "more and more of the answer\n\n")
	}
	v.AppendText("x", "THE END")
	if !strings.Contains(v.DumpText(), "THE END") {
		t.Error("the end is not followed")
	}
	test.Scroll(v.r.v.canvasOf(t), fyne.NewPos(100, 100), 0, 3000)
	before := v.DumpText()
	if strings.Contains(before, "THE END") || v.AtEnd() {
		t.Fatal("did not scroll")
	}
	for range 20 {
		v.AppendText("x", " more\n\n")
	}
	v.Upsert(Notice{ID: "n", Text: "something new"})
	if v.DumpText() != before {
		t.Error("what is read above moved")
	}
	v.toEnd.button.Tapped(nil)
	if !v.AtEnd() || !strings.Contains(v.DumpText(), "something new") {
		t.Error("the button does not lead back to the end")
	}
}

func (v *View) canvasOf(t *testing.T) fyne.Canvas {
	t.Helper()
	return fyne.CurrentApp().Driver().CanvasForObject(v)
}

func TestScrollsToTheTopAndBack(t *testing.T) {
	v, w := show(t, 700, 400, Options{})
	v.SetItems(numbered(300))
	w.Canvas().Focus(v)
	v.TypedKey(&fyne.KeyEvent{Name: fyne.KeyHome})
	if !strings.Contains(v.DumpText(), "Message number 0.") {
		t.Errorf("Home shows %q", v.DumpText())
	}
	seen := map[string]bool{}
	for range 400 {
		for l := range strings.Lines(v.DumpText()) {
			if strings.HasPrefix(l, "Message number ") {
				seen[strings.SplitN(l, ".", 2)[0]] = true
			}
		}
		if v.AtEnd() {
			break
		}
		v.TypedKey(&fyne.KeyEvent{Name: fyne.KeyPageDown})
	}
	if len(seen) != 300 || !v.AtEnd() {
		t.Errorf("paging down passed %d of 300 messages", len(seen))
	}
	v.jump(0.5)
	if text := v.DumpText(); strings.Contains(text, "number 0.") || strings.Contains(text, "number 299.") {
		t.Errorf("the middle is %q", text)
	}
	v.jump(0)
	if !strings.Contains(v.DumpText(), "Message number 0.") {
		t.Errorf("the beginning is %q", v.DumpText())
	}
}

func TestMarkdown(t *testing.T) {
	v, _ := show(t, 900, 2000, Options{})
	v.SetItems([]Item{Assistant{ID: "a", Text: sampleMarkdown + "\n<b>raw</b> &amp; \\* **a**b\n\n<div>\nblock\n</div>\n"}})
	text := everything(v)
	for _, want := range []string{
		"Three ways to read a file", "You can use os.ReadFile for small files", "func read(path string)",
		"1.Open it", "2.Read it", "•", "Nested, too.", "all of it", "[image: a cat]", "click (javascript:alert(1))",
		"hidden‹U+202E›text‹U+200B›", "<b>raw</b> & * ab", "<div>",
	} {
		if !strings.Contains(text, want) && want != "•" {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if v.linkUnder(t, "memory mapping") != "https://pkg.go.dev/golang.org/x/exp/mmap" || v.linkUnder(t, "click (javascript:alert(1))") != "" {
		t.Error("links are wrong")
	}
}

// TestDefinitionsAfterwards proves that a link finds its definition in another
// part of a text that came in pieces.
func TestDefinitionsAfterwards(t *testing.T) {
	v, _ := show(t, 900, 800, Options{})
	text := "See [this][1].\n\n# Between\n\nMore.\n\n[1]: https://example.org/one\n"
	v.SetItems([]Item{Assistant{ID: "a", Growing: true}})
	for _, r := range text {
		v.AppendText("a", string(r))
	}
	v.Upsert(Assistant{ID: "a", Text: text})
	if got := v.linkUnder(t, "this"); got != "https://example.org/one" {
		t.Errorf("the link leads to %q", got)
	}
}

// linkUnder returns the target of the link with that text.
func (v *View) linkUnder(t *testing.T, text string) string {
	t.Helper()
	for _, b := range v.flat() {
		for i := range b.spans {
			if strings.Contains(b.spans[i].text, text) {
				return b.spans[i].link
			}
		}
	}
	return ""
}

// TestLongTable proves that a table stays one, however long it is.
func TestLongTable(t *testing.T) {
	v, _ := show(t, 900, 2000, Options{})
	var text strings.Builder
	text.WriteString("Before\n\n| Name | Size |\n|:--|--:|\n")
	for i := range 2000 {
		fmt.Fprintf(&text, "| file number %d | %d |\n", i, i*i)
	}
	text.WriteString("\nAfter")
	for _, growing := range []bool{false, true} {
		v.SetItems([]Item{Assistant{ID: "a", Text: text.String(), Growing: growing}})
		rows := 0
		for _, b := range v.flat() {
			if b.cells != nil {
				rows += len(b.cells.rows)
			}
			for _, s := range b.spans {
				if strings.ContainsRune(s.text, '|') {
					t.Fatalf("growing %v: %.100q is not in the table", growing, s.text)
				}
			}
		}
		if got := everything(v); rows != 2001 || !strings.Contains(got, "file number 1999") || !strings.Contains(got, "After") {
			t.Errorf("growing %v: the table has %d rows", growing, rows)
		}
	}
}

func TestLinks(t *testing.T) {
	for target, want := range map[string]string{
		"https://example.org/a?b": "https://example.org/a?b", "HTTP://example.org": "http://example.org",
		"mailto:ada@example.org": "mailto:ada@example.org", "javascript:alert(1)": "", "file:///etc/passwd": "",
		"data:text/html,x": "", "//example.org": "", "example.org": "", "https://user:pw@example.org": "",
		"https:///x": "", "vbscript:x": "", "file://host/share": "", "javascript://example.org/%0Aalert(1)": "", "http://[": "", "https://example.org/" + strings.Repeat("x", 9000): "", "mailto:": "",
	} {
		if got, ok := safeLink(target); got != want || ok != (want != "") {
			t.Errorf("%s: %q %v", target, got, ok)
		}
	}
	opened := ""
	v, w := show(t, 700, 400, Options{OpenLink: func(s string) { opened = s }})
	v.SetItems([]Item{Assistant{ID: "a", Text: "[here](https://example.org/where)"}})
	var at fyne.Position
	v.eachInView(func(b *block, top float32) {
		for _, l := range b.lines {
			at = fyne.NewPos(v.left()+3, top+l.y+l.h/2)
		}
	})
	v.MouseMoved(&desktop.MouseEvent{PointEvent: fyne.PointEvent{Position: at}})
	if v.tip.DumpText() != "https://example.org/where" || v.Cursor() != desktop.PointerCursor {
		t.Errorf("the target shown is %q", v.tip.DumpText())
	}
	test.TapCanvas(w.Canvas(), at)
	if opened != "https://example.org/where" {
		t.Errorf("opened %q", opened)
	}
	v.MouseOut()
	if v.tip.Visible() {
		t.Error("the target stays")
	}
}

// TestLinksByKeys goes from link to link by the arrow keys, shows where each leads,
// and opens it.
func TestLinksByKeys(t *testing.T) {
	opened := ""
	v, w := show(t, 700, 400, Options{OpenLink: func(s string) { opened = s }})
	v.SetItems([]Item{Assistant{ID: "a", Text: "[one](https://example.org/1) and [two](https://example.org/2)\n\nNo link.\n\n<https://example.org/3>"}})
	w.Canvas().Capture()
	w.Canvas().Focus(v)
	before := w.Canvas().Capture()
	key := func(names ...fyne.KeyName) {
		for _, n := range names {
			w.Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: n})
		}
	}
	key(fyne.KeyReturn)
	if opened != "" {
		t.Errorf("opened %q without one", opened)
	}
	key(fyne.KeyRight, fyne.KeyRight)
	if got := v.tip.DumpText(); got != "https://example.org/2" {
		t.Errorf("the target shown is %q", got)
	}
	if reflect.DeepEqual(before, w.Canvas().Capture()) {
		t.Error("nothing shows which link it is")
	}
	key(fyne.KeyRight, fyne.KeyRight, fyne.KeyReturn)
	if opened != "https://example.org/3" {
		t.Errorf("opened %q", opened)
	}
	key(fyne.KeyLeft, fyne.KeyLeft, fyne.KeyLeft, fyne.KeyReturn)
	if opened != "https://example.org/1" {
		t.Errorf("opened %q", opened)
	}
	key(fyne.KeyEscape)
	if v.tip.Visible() {
		t.Error("the target stays")
	}
}

func TestCopies(t *testing.T) {
	copied := ""
	v, _ := show(t, 700, 800, Options{Copy: func(s string) { copied = s }})
	v.SetItems([]Item{Assistant{ID: "a", Text: "Text:\n\n```go\nx := 1\n\ny := 2\n```\n"}})
	tapLabelled(t, v, "Copy code")
	if copied != "x := 1\n\ny := 2\n" {
		t.Errorf("code: %q", copied)
	}
	tapLabelled(t, v, "Copy message")
	if copied != "Text:\n\n```go\nx := 1\n\ny := 2\n```\n" {
		t.Errorf("message: %q", copied)
	}
}

// TestBackAfterAMinute has Fyne forget how the thread is drawn, as it does with
// what was out of sight for a minute, and come back to it.
func TestBackAfterAMinute(t *testing.T) {
	v, _ := show(t, 700, 600, Options{})
	v.SetItems([]Item{User{ID: "u", Text: "Is anybody there?"}})
	v.r.Destroy()
	v.Upsert(Assistant{ID: "a", Text: "I am still here."})
	r := v.CreateRenderer()
	var drawn strings.Builder
	for _, o := range r.Objects() {
		if text, ok := o.(*canvas.Text); ok {
			drawn.WriteString(text.Text)
		}
	}
	for _, want := range []string{"Is anybody there?", "I am still here."} {
		if !strings.Contains(drawn.String(), want) {
			t.Errorf("there is no %q in %q", want, drawn.String())
		}
	}
}

// TestRests proves that nothing moves in a thread that cannot be seen.
func TestRests(t *testing.T) {
	v, _ := show(t, 700, 600, Options{})
	call := Call{ID: "c", Server: "s", Tool: "t", State: CallRunning}
	v.SetItems([]Item{call, Assistant{ID: "a", Growing: true}})
	moving := func() (n int) {
		for _, o := range v.r.objects {
			switch o := o.(type) {
			case *head:
				if r, ok := test.WidgetRenderer(o).(*headRenderer); ok && r.spin != nil {
					n++
				}
			case *waiting:
				if !o.gone {
					n++
				}
			}
		}
		return n
	}
	if moving() != 2 {
		t.Fatalf("%d things move", moving())
	}
	v.Rest()
	call.Progress.Message = "still at it"
	v.Upsert(call)
	if moving() != 0 {
		t.Errorf("%d things move while it rests", moving())
	}
	v.Wake()
	if moving() != 2 {
		t.Errorf("%d things move after it woke", moving())
	}
	v.SetItems(append(numbered(50), call))
	v.scrollBy(-2000)
	if v.byID["c"].head.gone != true {
		t.Error("a line that is out of view moves")
	}
}

func TestCursor(t *testing.T) {
	v, _ := show(t, 700, 400, Options{})
	if v.Cursor() != desktop.DefaultCursor { // the window cannot do without one
		t.Errorf("cursor %v", v.Cursor())
	}
}

func TestTypesElsewhere(t *testing.T) {
	typed := ""
	v, w := show(t, 700, 400, Options{TypeElsewhere: func(r rune) { typed += string(r) }})
	v.SetItems(numbered(3))
	w.Canvas().Focus(v)
	w.Canvas().Focused().TypedRune('1')
	w.Canvas().Focused().TypedRune('x')
	if typed != "1x" {
		t.Errorf("typed %q", typed)
	}
}

func TestReasoningFolds(t *testing.T) {
	v, _ := show(t, 700, 800, Options{})
	v.SetItems([]Item{Reasoning{ID: "r", Growing: true}})
	v.AppendText("r", "A secret thought.")
	if text := v.DumpText(); !strings.Contains(text, "Thinking…") || strings.Contains(text, "secret") {
		t.Errorf("folded: %q", text)
	}
	test.Tap(v.entries[0].head)
	v.AppendText("r", " And more.")
	if !strings.Contains(v.DumpText(), "A secret thought. And more.") {
		t.Errorf("opened: %q", v.DumpText())
	}
	v.Upsert(Reasoning{ID: "r", Text: "A secret thought. And more.", Took: 2 * time.Second})
	if !strings.Contains(v.DumpText(), "Thought for 2.0 s") {
		t.Errorf("done: %q", v.DumpText())
	}
}

func TestRemoveAndNotices(t *testing.T) {
	done := ""
	v, _ := show(t, 700, 800, Options{})
	v.SetItems([]Item{User{ID: "u", Text: "hello"}, Notice{ID: "n", Kind: NoticeError, Text: "It failed.", Actions: []Action{{Label: "Try again", Do: func() { done = "again" }}}}, Assistant{ID: "a", Text: "answer"}})
	test.Tap(barIn(t, v).buttons[0])
	if done != "again" {
		t.Error("the notice's button does nothing")
	}
	v.Remove("n")
	if text := v.DumpText(); strings.Contains(text, "It failed.") || !strings.Contains(text, "hello") || !strings.Contains(text, "answer") {
		t.Errorf("shows %q", text)
	}
	if v.Has("n") || !v.Has("a") {
		t.Error("the ids are wrong")
	}
	v.Upsert(Assistant{ID: "a", Text: "another answer"})
	if !strings.Contains(v.DumpText(), "another answer") {
		t.Errorf("shows %q", v.DumpText())
	}
}

func TestThemeAndWidthChange(t *testing.T) {
	v, w := show(t, 900, 600, Options{})
	v.SetItems(numbered(30))
	w.Resize(fyne.NewSize(400, 600))
	if v.column != 400-2*margin || !strings.Contains(v.DumpText(), "Message number 29.") {
		t.Errorf("column %v, shows %q", v.column, v.DumpText())
	}
	fyne.CurrentApp().Settings().SetTheme(look.New(look.Dark))
	v.Refresh()
	if !strings.Contains(v.DumpText(), "Message number 29.") {
		t.Error("nothing is left after the theme changed")
	}
}

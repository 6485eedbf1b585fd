package form_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
	"github.com/drawbridge-app/drawbridge/store"
)

func TestSentence(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{
		{nil, ""},
		{fmt.Errorf("the name is taken; choose another (%w)", store.ErrExists), "The name is taken; choose another."},
		{fmt.Errorf("read: %w", context.Canceled), "It was cancelled."},
		{errors.New("why?"), "Why?"},
	} {
		if got := form.Sentence(tt.err); got != tt.want {
			t.Errorf("Sentence(%v) = %q, want %q", tt.err, got, tt.want)
		}
	}
}

// TestCodeShowsEverything scrolls through a text of every awkward kind, and
// finds each letter of it on the screen.
func TestCodeShowsEverything(t *testing.T) {
	w := uitest.Window(t, theme.Light, fyne.NewSize(420, 300))
	var lines []form.Line
	var want strings.Builder
	for i := range 400 {
		text := fmt.Sprintf("%04d ", i) + strings.Repeat("wide 日本 narrow ", i%9) + strings.Repeat("x", i%130)
		lines = append(lines, form.Line{Text: text})
		want.WriteString(text)
	}
	code := form.NewCode(lines, 100)
	w.SetContent(code)
	w.Resize(fyne.NewSize(420, 300))

	seen := map[string]bool{}
	order := []string{}
	scroll := uitest.Find(t, w, func(*container.Scroll) bool { return true })
	for y := float32(0); ; y += 100 {
		scroll.ScrollToOffset(fyne.NewPos(0, y))
		for _, line := range uitest.CanvasTexts(w) {
			key := fmt.Sprintf("%.0f %s", line.Y, line.Text)
			if line.Text != "" && !seen[key] {
				seen[key] = true
				order = append(order, line.Text)
			}
			if line.Width > 420 {
				t.Fatalf("a row is %.0f wide: %q", line.Width, line.Text)
			}
		}
		if scroll.Offset.Y+scroll.Size().Height >= scroll.Content.MinSize().Height {
			break
		}
	}
	if got := strings.Join(order, ""); got != want.String() {
		t.Errorf("%d letters are shown, want %d", len(got), want.Len())
	}
	if n := len(uitest.CanvasTexts(w)); n > 40 {
		t.Errorf("%d rows are laid out for a view of 300", n)
	}
}

func TestPairs(t *testing.T) {
	w := uitest.Window(t, theme.Light, fyne.NewSize(600, 400))
	p := form.NewPairs("Env", "help", "Add", func(name, _ string) bool { return name == "TOKEN" })
	w.SetContent(p.Box)
	p.Set([]form.Pair{{Name: "KEPT", Secret: true, Kept: true}, {Name: "PLAIN", Value: "v"}})
	uitest.Tap(t, w, "Add")
	name := uitest.Entry(t, w, "Env: name", 2)
	value := uitest.Entry(t, w, "Env: value", 2)
	name.SetText("TOKEN")
	value.SetText("hidden")
	if !value.Password {
		t.Error("a likely secret is shown")
	}
	check := uitest.Find(t, w, func(c *form.Check) bool { return c.Checked && value.Password })
	if check == nil {
		t.Fatal("nothing is marked secret")
	}
	want := []form.Pair{{Name: "KEPT", Secret: true, Kept: true}, {Name: "PLAIN", Value: "v"}, {Name: "TOKEN", Value: "hidden", Secret: true}}
	if got := p.Pairs(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("pairs %v, want %v", got, want)
	}
	uitest.Entry(t, w, "Env: value", 0).SetText("new")
	if got := p.Pairs()[0]; got.Kept || got.Value != "new" {
		t.Errorf("a retyped secret is %v", got)
	}
	// Whoever says that it is no secret is believed.
	name.SetText("")
	name.SetText("TOKEN")
	uitest.Tap(t, w, "Remove this row")
	if got := p.Pairs(); len(got) != 2 || got[0].Name != "PLAIN" {
		t.Errorf("after removing the first: %v", got)
	}
}

func TestSheetKeys(t *testing.T) {
	w := uitest.Window(t, theme.Light, fyne.NewSize(600, 400))
	w.SetContent(form.Label("below"))
	pressed, closed := 0, 0
	sheet := form.NewSheet(w, "Title", form.Column(form.NewField("Name", "", "help").Box))
	button := form.NewAction("Do", widget.HighImportance, func() { pressed++ })
	sheet.SetButtons(button)
	sheet.SetFocus(button)
	sheet.OnClose(func() { closed++ })
	sheet.Show()
	key := func(k fyne.KeyName) { w.Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: k}) }
	key(fyne.KeyReturn)
	key(fyne.KeySpace)
	if pressed != 2 {
		t.Errorf("Return and Space pressed the button %d times", pressed)
	}
	w.Canvas().Focus(uitest.Entry(t, w, "Name", 0))
	key(fyne.KeyEscape)
	if closed != 1 || w.Canvas().Overlays().Top() != nil {
		t.Error("Escape in a field does not close the sheet")
	}
	sheet.Show()
	w.Canvas().Unfocus()
	w.Canvas().OnTypedKey()(&fyne.KeyEvent{Name: fyne.KeyEscape})
	if closed != 2 {
		t.Error("Escape without a focus does not close the sheet")
	}
	if w.Canvas().OnTypedKey() != nil {
		t.Error("the sheet keeps the keys after it is closed")
	}
}

func TestEntryKeepsItsOwnShortcuts(t *testing.T) {
	w := uitest.Window(t, theme.Light, fyne.NewSize(600, 400))
	e := form.NewEntry("Name", "")
	w.SetContent(e)
	e.SetText("all of it")
	e.TypedShortcut(&fyne.ShortcutSelectAll{})
	if e.SelectedText() != "all of it" {
		t.Error("the entry's own shortcuts are lost")
	}
	if e.AcceptsTab() || form.NewLines("Lines", "", 3).AcceptsTab() {
		t.Error("Tab does not leave the field")
	}
}

func TestSwitch(t *testing.T) {
	uitest.App(t)
	var got []bool
	s := form.NewSwitch("Use it", func(on bool) { got = append(got, on) })
	s.Set(true)
	test.Tap(s)
	s.TypedKey(&fyne.KeyEvent{Name: fyne.KeySpace})
	s.Disable()
	test.Tap(s)
	if fmt.Sprint(got) != "[false true]" || !s.Checked {
		t.Errorf("told %v, is %t", got, s.Checked)
	}
}

func TestRunnerCancels(t *testing.T) {
	r := uitest.Inline()
	started := make(chan struct{})
	done := make(chan error, 1)
	r.Go = func(f func(context.Context)) { go f(context.Background()) }
	cancel := r.Run(func(ctx context.Context) error {
		close(started)
		<-ctx.Done()
		return ctx.Err()
	}, func(err error) { done <- err })
	<-started
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("done with %v", err)
	}
}

func TestSelectKeys(t *testing.T) {
	w := uitest.Window(t, theme.Light, fyne.NewSize(400, 300))
	s := form.NewSelect("Format", []string{"one", "two"}, nil)
	sheet := form.NewSheet(w, "Sheet", form.Labelled("Format", s, "What it speaks."))
	sheet.SetFocus(s)
	sheet.Show()
	uitest.Shows(t, w, "Format", "What it speaks.")
	if got := s.AccessibilityLabel(); got != "Format" {
		t.Errorf("it is called %q", got)
	}
	s.TypedKey(&fyne.KeyEvent{Name: fyne.KeyRight})
	s.TypedKey(&fyne.KeyEvent{Name: fyne.KeyRight})
	if s.Selected != "two" {
		t.Errorf("%q is selected", s.Selected)
	}
	s.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	if n := len(w.Canvas().Overlays().List()); n != 2 {
		t.Fatalf("%d overlays are open; Return should open a menu above the sheet", n)
	}
	w.Canvas().Overlays().Remove(w.Canvas().Overlays().Top())
	s.TypedKey(&fyne.KeyEvent{Name: fyne.KeyEscape})
	if sheet.IsOpen() {
		t.Error("Escape did not close the sheet")
	}
}

func TestFoldAndRowsThatAreAdded(t *testing.T) {
	w := uitest.Window(t, theme.Light, fyne.NewSize(500, 300))
	pairs := form.NewPairs("Metadata", "Told with every request.", "Add entry", nil)
	pairs.SetPlain()
	fold := form.NewFold("More", pairs.Box)
	tall := form.Sized(10, 600, widget.NewLabel("above"))
	sheet := form.NewSheet(w, "Sheet", form.Column(tall, fold.Box))
	sheet.Show()
	uitest.ShowsNot(t, w, "Metadata")
	uitest.Tap(t, w, "More")
	uitest.Shows(t, w, "Metadata")
	uitest.Tap(t, w, "Add entry")
	name := uitest.Entry(t, w, "Metadata: name", 0)
	if w.Canvas().Focused() != fyne.Focusable(name) {
		t.Error("the new row has not the focus")
	}
	if y := fyne.CurrentApp().Driver().AbsolutePositionForObject(name).Y; y < 0 || y > 300 {
		t.Errorf("the new row is at %g, out of view", y)
	}
	uitest.ShowsNot(t, w, "Secret")
	uitest.Tap(t, w, "More")
	uitest.ShowsNot(t, w, "Metadata")
}

// Both sheets that ask for a file open, at a size that was asked for before they
// were shown.
func TestDialogs(t *testing.T) {
	w := uitest.Window(t, theme.System, fyne.NewSize(900, 700))
	d := form.Dialogs{Window: w}
	for name, ask := range map[string]func(){
		"save": func() { d.Save("said.md", func(string, error) {}) },
		"open": func() { d.Open([]string{".zip"}, func(string, error) {}) },
	} {
		ask()
		top := w.Canvas().Overlays().Top()
		if top == nil {
			t.Errorf("%s shows nothing", name)
			continue
		}
		w.Canvas().Overlays().Remove(top)
	}
}

// TestWants gives lines the room that they want, and looks whether all is there.
func TestWants(t *testing.T) {
	uitest.App(t).Settings().SetTheme(theme.New(theme.Light))
	for n := range 300 {
		text := fmt.Sprintf("Command · ready, %d tools, %.1f s%s", n, float64(n)/10, strings.Repeat("i", n%7))
		l := form.MutedLine(text, fyne.TextStyle{})
		l.Resize(fyne.NewSize(l.Wants(), l.MinSize().Height))
		var drawn strings.Builder
		for _, o := range test.WidgetRenderer(l).Objects() {
			if line, ok := o.(*canvas.Text); ok {
				drawn.WriteString(line.Text)
			}
		}
		if drawn.String() != text {
			t.Fatalf("%q is drawn as %q", text, drawn.String())
		}
	}
}

package uitest

import (
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/theme"
)

// App returns an app that ends with the test. Tests make theirs here: what fyne
// keeps of widgets lasts for a minute after the last picture that was taken of
// any window, by the time of that picture. Where that was longer ago, the next
// picture would renew the widgets that a test has just made and holds.
func App(t testing.TB) fyne.App {
	t.Helper()
	a := test.NewTempApp(t)
	refresh()
	return a
}

// refresh has what is drawn from now on be kept for a minute.
func refresh() { test.NewCanvas().Capture() }

// Window returns a window of that size, of an app of its own with our theme.
func Window(t testing.TB, choice theme.Choice, size fyne.Size) fyne.Window {
	t.Helper()
	App(t).Settings().SetTheme(theme.New(choice))
	return window(t, size)
}

func window(t testing.TB, size fyne.Size) fyne.Window {
	t.Helper()
	w := test.NewTempWindow(t, nil)
	w.SetPadded(false)
	w.Resize(size)
	return w
}

// walk visits every visible object of what lies on top, parents first.
func walk(w fyne.Window, visit func(fyne.CanvasObject)) {
	if top := w.Canvas().Overlays().Top(); top != nil {
		descend(top, visit)
		return
	}
	descend(w.Content(), visit)
}

// descend visits the object and every visible one in it, parents first.
func descend(o fyne.CanvasObject, visit func(fyne.CanvasObject)) {
	var down func(o fyne.CanvasObject)
	down = func(o fyne.CanvasObject) {
		if o == nil || !o.Visible() {
			return
		}
		visit(o)
		switch o := o.(type) {
		case *fyne.Container:
			for _, child := range o.Objects {
				down(child)
			}
		case fyne.Widget:
			for _, child := range test.WidgetRenderer(o).Objects() {
				down(child)
			}
		}
	}
	down(o)
}

// Texts returns everything that can be read in what lies on top, a line each.
func Texts(w fyne.Window) string {
	var b strings.Builder
	walk(w, func(o fyne.CanvasObject) {
		switch o := o.(type) {
		case *widget.Label:
			b.WriteString(o.Text + "\n")
		case *form.Words:
			b.WriteString(o.Text + "\n")
		case *form.Note:
			b.WriteString(o.Text + "\n")
		case *form.Action:
			b.WriteString(o.Text + "\n")
		case *form.Code:
			b.WriteString(o.DumpText())
		case *widget.Check:
			b.WriteString(o.Text + "\n")
		case *form.Check:
			b.WriteString(o.Text + "\n")
		case *canvas.Text:
			b.WriteString(o.Text + "\n")
		}
	})
	return English(b.String())
}

// CanvasText is a text as it is drawn.
type CanvasText struct {
	Text     string
	Y, Width float32 // where it is in its parent, and how wide its letters are
}

// CanvasTexts returns the texts as they are drawn, in order.
func CanvasTexts(w fyne.Window) []CanvasText {
	var out []CanvasText
	walk(w, func(o fyne.CanvasObject) {
		if t, ok := o.(*canvas.Text); ok {
			out = append(out, CanvasText{t.Text, t.Position().Y, t.MinSize().Width})
		}
	})
	return out
}

// TapText taps in the middle of a text where it is drawn.
func TapText(t testing.TB, w fyne.Window, text string) {
	t.Helper()
	o := Find(t, w, func(c *canvas.Text) bool { return c.Text == text })
	at := fyne.CurrentApp().Driver().AbsolutePositionForObject(o)
	test.TapCanvas(w.Canvas(), at.AddXY(o.Size().Width/2, o.Size().Height/2))
}

// Button finds a button by its text or name.
func Button(t testing.TB, w fyne.Window, name string) *form.Action {
	t.Helper()
	var found *form.Action
	walk(w, func(o fyne.CanvasObject) {
		if a, ok := o.(*form.Action); ok && found == nil && (English(a.Name) == name || English(a.Text) == name) {
			found = a
		}
	})
	if found == nil {
		t.Fatalf("there is no button %q. On the screen:\n%s", name, Texts(w))
	}
	return found
}

// Tap presses a button, which must be able to be pressed.
func Tap(t testing.TB, w fyne.Window, name string) {
	t.Helper()
	b := Button(t, w, name)
	if b.Disabled() {
		t.Fatalf("the button %q cannot be pressed", name)
	}
	test.Tap(b)
}

// Entry finds the nth entry of that name, from 0.
func Entry(t testing.TB, w fyne.Window, name string, n int) *form.Entry {
	t.Helper()
	var found *form.Entry
	walk(w, func(o fyne.CanvasObject) {
		if e, ok := o.(*form.Entry); ok && English(e.Name) == name {
			if n == 0 && found == nil {
				found = e
			}
			n--
		}
	})
	if found == nil {
		t.Fatalf("there is no entry %q. On the screen:\n%s", name, Texts(w))
	}
	return found
}

// Fill types into an entry, in place of what it holds.
func Fill(t testing.TB, w fyne.Window, name, text string) {
	t.Helper()
	Entry(t, w, name, 0).SetText(text)
}

// Find returns the first visible object of a type that fits, or fails.
func Find[T fyne.CanvasObject](t testing.TB, w fyne.Window, fits func(T) bool) T {
	t.Helper()
	var found T
	ok := false
	walk(w, func(o fyne.CanvasObject) {
		if v, is := o.(T); is && !ok && fits(v) {
			found, ok = v, true
		}
	})
	if !ok {
		t.Fatalf("there is no such %T. On the screen:\n%s", found, Texts(w))
	}
	return found
}

// Shows fails unless each text can be read.
func Shows(t testing.TB, w fyne.Window, texts ...string) {
	t.Helper()
	all := Texts(w)
	for _, s := range texts {
		if !strings.Contains(all, s) {
			t.Errorf("%q is not on the screen:\n%s", s, all)
		}
	}
}

// ShowsNot fails if one of the texts can be read.
func ShowsNot(t testing.TB, w fyne.Window, texts ...string) {
	t.Helper()
	all := Texts(w)
	for _, s := range texts {
		if strings.Contains(all, s) {
			t.Errorf("%q is on the screen:\n%s", s, all)
		}
	}
}

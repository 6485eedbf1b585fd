package uitest

import (
	"fmt"
	"image"
	"reflect"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/test"

	"github.com/drawbridge-app/drawbridge/internal/bounds"
)

// Keyboard holds what lies on top of the window against the keyboard: whatever
// takes a click takes keys too, what takes keys says what it is to people who
// cannot see it, comes into view with the focus, and looks different then. rows
// says what takes clicks while a list around it has the keys; it may be nil.
func Keyboard(t testing.TB, w fyne.Window, rows func(fyne.CanvasObject) bool) {
	t.Helper()
	w.Canvas().Capture() // what was never painted cannot have the focus
	reached := reach(t, w)
	scrolls := scrollsAround(w)
	looked := map[reflect.Type]bool{}
	for f := range reached {
		if strings.HasSuffix(fmt.Sprintf("%T", f), ".focusSelectable") {
			continue // Fyne's own, of a label whose text can be selected
		}
		name := label(f)
		if name == "" {
			t.Errorf("a %T that takes the focus says nothing to people who cannot see it", f)
		}
		o, ok := f.(fyne.CanvasObject)
		if !ok {
			continue
		}
		w.Canvas().Unfocus()
		if !looked[reflect.TypeOf(f)] && !bounds.Race {
			looked[reflect.TypeOf(f)] = true
			w.Canvas().Focus(f)
			with := w.Canvas().Capture()
			w.Canvas().Unfocus()
			if same(with, w.Canvas().Capture()) {
				t.Errorf("nothing shows that %q, a %T, has the focus", name, f)
			}
		}
		w.Canvas().Focus(f)
		if w.Canvas().Focused() != f {
			continue // it passes the focus on
		}
		if s := scrolls[o]; s != nil {
			driver := fyne.CurrentApp().Driver()
			y := driver.AbsolutePositionForObject(o).Y - driver.AbsolutePositionForObject(s).Y
			if y < -1 || y+min(o.Size().Height, s.Size().Height-16) > s.Size().Height+1 {
				t.Errorf("%q, a %T, has the focus out of view: at %g of %g", name, f, y, s.Size().Height)
			}
		}
	}
	w.Canvas().Unfocus()
	walkIn(w, func(o fyne.CanvasObject, around []fyne.CanvasObject) {
		if _, ok := o.(fyne.Tappable); !ok || rows != nil && rows(o) {
			return
		}
		if d, ok := o.(fyne.Disableable); ok && d.Disabled() {
			return
		}
		if f, ok := o.(fyne.Focusable); ok {
			if !reached[f] {
				t.Errorf("Tab does not come to %q, a %T", label(o), o)
			}
			return
		}
		for _, a := range around {
			if _, ok := a.(fyne.Focusable); ok {
				return // part of what takes the keys
			}
		}
		if strings.Contains(fmt.Sprintf("%T", o), "scrollBar") {
			return // what it scrolls takes the keys
		}
		t.Errorf("%q, a %T, takes clicks and no keys", label(o), o)
	})
}

// Few returns the first of a list under the race detector, where each picture takes
// ten times as long and finds the same, and all of it otherwise.
func Few[T any](list []T, n int) []T {
	if bounds.Race {
		return list[:n]
	}
	return list
}

// reach goes through what lies on top by Tab until it comes round.
func reach(t testing.TB, w fyne.Window) map[fyne.Focusable]bool {
	t.Helper()
	const most = 2000
	seen := map[fyne.Focusable]bool{}
	w.Canvas().Unfocus()
	for range most {
		w.Canvas().FocusNext()
		f := w.Canvas().Focused()
		if f == nil || seen[f] {
			return seen
		}
		seen[f] = true
	}
	t.Errorf("Tab never comes round in %d steps", most)
	return seen
}

// label is what an object says of itself.
func label(o any) string {
	if a, ok := o.(fyne.Accessible); ok {
		return strings.TrimSpace(a.AccessibilityLabel())
	}
	return ""
}

// walkIn visits every visible object of what lies on top, with what is around it.
func walkIn(w fyne.Window, visit func(o fyne.CanvasObject, around []fyne.CanvasObject)) {
	var down func(o fyne.CanvasObject, around []fyne.CanvasObject)
	down = func(o fyne.CanvasObject, around []fyne.CanvasObject) {
		if o == nil || !o.Visible() {
			return
		}
		visit(o, around)
		inner := append(around[:len(around):len(around)], o)
		switch o := o.(type) {
		case *fyne.Container:
			for _, child := range o.Objects {
				down(child, inner)
			}
		case fyne.Widget:
			for _, child := range test.WidgetRenderer(o).Objects() {
				down(child, inner)
			}
		}
	}
	if top := w.Canvas().Overlays().Top(); top != nil {
		down(top, nil)
		return
	}
	down(w.Content(), nil)
}

// scrollsAround returns the innermost scroll that each object is in.
func scrollsAround(w fyne.Window) map[fyne.CanvasObject]*container.Scroll {
	out := map[fyne.CanvasObject]*container.Scroll{}
	walkIn(w, func(o fyne.CanvasObject, around []fyne.CanvasObject) {
		for _, a := range around {
			if s, ok := a.(*container.Scroll); ok {
				out[o] = s
			}
		}
	})
	return out
}

func same(a, b image.Image) bool {
	if a.Bounds() != b.Bounds() {
		return false
	}
	x, ok := a.(*image.NRGBA)
	y, also := b.(*image.NRGBA)
	if !ok || !also {
		panic(fmt.Sprintf("uitest: a picture of a window is a %T", a))
	}
	return string(x.Pix) == string(y.Pix)
}

package uitest

import (
	"fmt"
	"image/color"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/internal/bounds"
)

// faulty takes clicks; what else it does is set.
type faulty struct {
	widget.BaseWidget
	name    string
	shows   bool // that it has the focus
	follows bool // it comes into view
	back    *canvas.Rectangle
}

func newFaulty(name string) *faulty {
	f := &faulty{name: name, back: canvas.NewRectangle(color.Gray{200})}
	f.back.SetMinSize(fyne.NewSize(40, 40))
	f.ExtendBaseWidget(f)
	return f
}

func (f *faulty) CreateRenderer() fyne.WidgetRenderer    { return widget.NewSimpleRenderer(f.back) }
func (f *faulty) AccessibilityLabel() string             { return f.name }
func (f *faulty) AccessibilityRole() fyne.AccessibleRole { return fyne.AccessibleRoleButton }
func (f *faulty) Tapped(*fyne.PointEvent)                {}

// keyed takes keys, too.
type keyed struct {
	*faulty
	scroll *container.Scroll
}

func newKeyed(name string, shows bool, in *container.Scroll) *keyed {
	k := &keyed{newFaulty(name), in}
	k.shows = shows
	k.ExtendBaseWidget(k)
	return k
}

func (k *keyed) TypedRune(rune)          {}
func (k *keyed) TypedKey(*fyne.KeyEvent) {}
func (k *keyed) FocusGained() {
	if k.shows {
		k.back.FillColor = color.Black
		k.back.Refresh()
	}
	if k.follows {
		k.scroll.Offset.Y = k.Position().Y
		k.scroll.Refresh()
	}
}

func (k *keyed) FocusLost() {
	k.back.FillColor = color.Gray{200}
	k.back.Refresh()
}

// notes is a test that only notes what was found.
type notes struct {
	testing.TB
	said []string
}

func (n *notes) Helper() {}
func (n *notes) Errorf(format string, args ...any) {
	n.said = append(n.said, fmt.Sprintf(format, args...))
}

// TestKeyboardFinds has each fault be found that a page could have, and none where
// there is none.
func TestKeyboardFinds(t *testing.T) {
	scrolled := func(follows bool) fyne.CanvasObject {
		rows := container.NewVBox()
		s := container.NewVScroll(rows)
		for i := range 12 {
			k := newKeyed(fmt.Sprint("row ", i), true, s)
			k.follows = follows
			rows.Add(k)
		}
		return s
	}
	for _, c := range []struct {
		name    string
		content fyne.CanvasObject
		says    string // empty for nothing
	}{
		{"all is well", container.NewVBox(newKeyed("one", true, nil), newKeyed("two", true, nil)), ""},
		{"no keys", container.NewVBox(newFaulty("a click")), `"a click", a *uitest.faulty, takes clicks and no keys`},
		{"no name", container.NewVBox(newKeyed(" ", true, nil)), "says nothing to people who cannot see it"},
		{"in view", scrolled(true), ""},
		{"out of view", scrolled(false), "has the focus out of view"},
	} {
		w := Window(t, theme.Light, fyne.NewSize(200, 160))
		w.SetContent(c.content)
		w.Resize(fyne.NewSize(200, 160))
		n := &notes{TB: t}
		Keyboard(n, w, nil)
		all := strings.Join(n.said, "\n")
		if c.says == "" && all != "" || !strings.Contains(all, c.says) {
			t.Errorf("%s: it says %q, not %q", c.name, all, c.says)
		}
	}
	// What a list has the keys for is no fault.
	w := Window(t, theme.Light, fyne.NewSize(200, 160))
	w.SetContent(container.NewVBox(newFaulty("a row")))
	n := &notes{TB: t}
	Keyboard(n, w, func(o fyne.CanvasObject) bool { _, is := o.(*faulty); return is })
	if len(n.said) != 0 {
		t.Errorf("of a row it says %q", n.said)
	}
}

// TestKeyboardLooksBounds has it be found that nothing shows the focus, which the walk
// looks for where pictures are quick.
func TestKeyboardLooksBounds(t *testing.T) {
	w := Window(t, theme.Light, fyne.NewSize(200, 160))
	w.SetContent(container.NewVBox(newKeyed("dull", false, nil)))
	w.Resize(fyne.NewSize(200, 160))
	n := &notes{TB: t}
	Keyboard(n, w, nil)
	if all := strings.Join(n.said, "\n"); !bounds.Race && !strings.Contains(all, `nothing shows that "dull"`) {
		t.Errorf("it says %q", all)
	}
}

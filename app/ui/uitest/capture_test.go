package uitest

import (
	"image/color"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"

	"github.com/drawbridge-app/drawbridge/app/ui/theme"
)

// TestCaptureKeepsWithin has what is in a scroll within a scroll be seen within
// the outer one alone.
func TestCaptureKeepsWithin(t *testing.T) {
	red := canvas.NewRectangle(color.NRGBA{R: 255, A: 255})
	red.SetMinSize(fyne.NewSize(100, 60))
	inner := container.NewVScroll(red)
	inner.SetMinSize(fyne.NewSize(100, 60))
	outer := container.NewVScroll(container.NewVBox(inner))
	outer.Resize(fyne.NewSize(100, 40))
	outer.Move(fyne.NewPos(0, 20))
	w := Window(t, theme.Light, fyne.NewSize(100, 100))
	w.SetContent(container.NewWithoutLayout(outer))
	got := capture(w)
	for y, want := range map[int]bool{10: false, 30: true, 50: true, 70: false} {
		if c := got.NRGBAAt(40, y); (c.R == 255 && c.G == 0) != want {
			t.Errorf("at %d there is %v", y, c)
		}
	}
	if !outer.Visible() {
		t.Error("it is hidden now")
	}
}

// TestLay has what grew push what is below it down, as the program does.
func TestLay(t *testing.T) {
	top, below := canvas.NewRectangle(color.Black), canvas.NewRectangle(color.Black)
	w := Window(t, theme.Light, fyne.NewSize(100, 100))
	w.SetContent(container.NewStack(container.NewVBox(container.NewStack(top), below)))
	at := below.Position().Y
	top.SetMinSize(fyne.NewSize(10, 50))
	if lay(w); below.Position().Y < at+40 {
		t.Errorf("it went from %v to %v", at, below.Position().Y)
	}
}

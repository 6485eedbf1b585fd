package damage

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"math/rand/v2"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
)

// paper is a surface whose pixels stay from one frame to the next, or fade.
type paper struct {
	part  image.Rectangle // of the frame that is being painted
	keeps int
	fades bool
	reads byte
}

func pixelsOf(a area) image.Rectangle {
	return image.Rect(int(a.left), int(a.top), int(a.right), int(a.bottom))
}

func (p *paper) Clear(part area, _ fyne.Size, _ color.Color) { p.part = pixelsOf(part) }
func (p *paper) Keep()                                       { p.keeps++ }
func (p *paper) Pixels(part area, _ fyne.Size) []byte {
	if p.fades {
		p.reads++
	}
	return []byte{p.reads, byte(part.right - part.left), byte(part.bottom - part.top)}
}

// desk is a window that is painted on paper, frame by frame as Fyne paints.
type desk struct {
	t       *testing.T
	window  fyne.Window
	content *Content
	paper   *paper
	all     image.Rectangle
	pixels  *image.NRGBA // of the last frame, as they should be
}

func newDesk(t *testing.T, shown fyne.CanvasObject) *desk {
	t.Helper()
	uitest.App(t)
	d := &desk{t: t, window: test.NewTempWindow(t, canvas.NewRectangle(color.Black))}
	d.content = New(d.window, shown)
	d.window.SetPadded(false)
	d.window.SetContent(d.content)
	d.window.Resize(fyne.NewSize(400, 300))
	d.all = image.Rect(0, 0, 400, 300)
	d.window.Canvas().Capture() // all is rendered
	d.paper = &paper{}
	d.content.surface = d.paper
	return d
}

// paint paints a frame, and returns in which part.
func (d *desk) paint() image.Rectangle {
	d.t.Helper()
	d.paper.part = image.Rectangle{}
	d.window.Canvas().Capture()
	if d.content.frame.begun || d.content.view.part != nil {
		d.t.Fatal("the frame does not end")
	}
	return d.paper.part
}

// frame paints one, and returns in which part. Every pixel that is another than in
// the frame before must be in it.
func (d *desk) frame(what string) image.Rectangle {
	d.t.Helper()
	part, before := d.paint(), d.pixels
	d.pixels = d.whole()
	if before != nil && before.Rect == d.pixels.Rect {
		if changed := differ(before, d.pixels); !changed.In(part) {
			d.t.Errorf("%s: %v changed, and %v is painted", what, changed, part)
		}
	}
	return part
}

// whole is what the window looks like when all of it is painted.
func (d *desk) whole() *image.NRGBA {
	d.content.surface = nil
	got := d.window.Canvas().Capture()
	d.content.surface = d.paper
	out := image.NewNRGBA(d.all)
	draw.Draw(out, d.all, got, image.Point{}, draw.Src)
	return out
}

// differ surrounds the pixels in which two pictures differ.
func differ(a, b *image.NRGBA) (out image.Rectangle) {
	for y := range a.Rect.Dy() {
		for x := range a.Rect.Dx() {
			if i := a.PixOffset(x, y); [4]byte(a.Pix[i:i+4]) != [4]byte(b.Pix[i:i+4]) {
				out = out.Union(image.Rect(x, y, x+1, y+1))
			}
		}
	}
	return out
}

// prove paints until the pixels have proved that they stay.
func (d *desk) prove(change func(int)) {
	d.t.Helper()
	for n := 0; d.content.stays.proved < provedFrames; n++ {
		if n > 3*provedFrames {
			d.t.Fatal("it is never proved")
		}
		change(n)
		if got := d.paint(); d.content.stays.proved < provedFrames && got != d.all {
			d.t.Fatalf("frame %d paints %v before that is proved", n, got)
		}
	}
}

func place[T fyne.CanvasObject](o T, x, y, w, h float32) T {
	o.Move(fyne.NewPos(x, y))
	o.Resize(fyne.NewSize(w, h))
	return o
}

func filled(c color.Color) image.Image {
	out := image.NewNRGBA(image.Rect(0, 0, 30, 30))
	draw.Draw(out, out.Rect, image.NewUniform(c), image.Point{}, draw.Src)
	return out
}

// TestDamage changes each kind of thing, and has what is painted be little and make
// the window look as it should.
func TestDamage(t *testing.T) {
	label := place(widget.NewLabel("A label"), 10, 10, 100, 30)
	entry := place(widget.NewEntry(), 10, 50, 100, 36)
	button := place(widget.NewButton("Press", func() {}), 10, 100, 90, 36)
	check := place(widget.NewCheck("Check", nil), 10, 150, 90, 36)
	text := place(canvas.NewText("Text", color.Black), 200, 20, 80, 20)
	centred := place(canvas.NewText("wider than its place", color.Black), 300, 60, 20, 20)
	centred.Alignment = fyne.TextAlignCenter
	ground := place(canvas.NewRectangle(color.NRGBA{200, 0, 0, 255}), 200, 100, 60, 60)
	ground.CornerRadius, ground.StrokeWidth, ground.StrokeColor = 8, 2, color.NRGBA{0, 0, 200, 255}
	over := place(canvas.NewRectangle(color.NRGBA{0, 0, 200, 128}), 220, 120, 60, 60)
	picture := place(canvas.NewImageFromImage(filled(color.NRGBA{0, 90, 0, 255})), 10, 200, 30, 30)
	objects := []fyne.CanvasObject{label, entry, button, check, text, centred, ground, over, picture}
	shown := container.NewWithoutLayout(objects...)
	d := newDesk(t, shown)
	d.prove(func(n int) { text.Text = fmt.Sprint(n); text.Refresh() })
	d.frame("first")
	for _, change := range []struct {
		name string
		do   func()
	}{
		{"text", func() { text.Text = "Other"; text.Refresh() }},
		{"shorter", func() { text.Text = "O"; text.Refresh() }},
		{"centred", func() { centred.Text = "still wider than its place"; centred.Refresh() }},
		{"label", func() { label.SetText("Another label, and longer") }},
		{"entry", func() { entry.SetText("typed") }},
		{"checked", func() { check.SetChecked(true) }},
		{"colour", func() { over.FillColor = color.NRGBA{0, 200, 0, 128}; over.Refresh() }},
		{"higher", func() { ground.Resize(fyne.NewSize(60, 91)) }},
		{"lower", func() { ground.Resize(fyne.NewSize(60, 70)) }},
		{"its top", func() { place(ground, 200, 90, 60, 80) }},
		{"both ends", func() { place(ground, 200, 80, 60, 100) }},
		{"wider", func() { ground.Resize(fyne.NewSize(90, 100)) }},
		{"the pile", func() { shown.Objects[6], shown.Objects[7] = shown.Objects[7], shown.Objects[6] }},
		{"very low", func() { ground.Resize(fyne.NewSize(90, 10)) }},
		{"moved", func() { ground.Move(fyne.NewPos(207.5, 103.25)) }},
		{"hidden", func() { button.Hide() }},
		{"shown", func() { button.Show() }},
		{"another object", func() { shown.Objects[4] = place(canvas.NewText("O", color.Black), 200, 20, 80, 20) }},
		{"picture", func() { picture.Image = filled(color.NRGBA{90, 0, 0, 255}); picture.Refresh() }},
		{"gone", func() { shown.Objects = shown.Objects[:8] }},
	} {
		change.do()
		before := d.pixels
		if part := d.frame(change.name); part.Dx()*part.Dy() > d.all.Dx()*d.all.Dy()/6 {
			t.Errorf("%s: %v is painted", change.name, part)
		}
		if differ(before, d.pixels).Empty() && change.name != "another object" {
			t.Errorf("%s changes nothing", change.name)
		}
	}
	if part := d.frame("nothing"); !part.Empty() {
		t.Errorf("%v is painted though nothing changed", part)
	}
	if d.paper.keeps == 0 {
		t.Error("the pixels are never kept")
	}
}

// TestDamageOfAnything changes a lot at a time, at random, with things that lie on
// each other and in what clips them.
func TestDamageOfAnything(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	number := func(n int) float32 { return float32(random.IntN(4*n)) / 4 }
	colour := func() color.Color {
		return color.NRGBA{uint8(random.IntN(256)), uint8(random.IntN(256)), 90, uint8(55 + 100*random.IntN(3))}
	}
	somewhere := func(o fyne.CanvasObject) fyne.CanvasObject {
		return place(o, number(380)-20, number(280)-20, 5+number(120), 5+number(90))
	}
	inner := container.NewWithoutLayout()
	scroll := container.NewScroll(place(inner, 0, 0, 500, 500))
	inner.Resize(fyne.NewSize(500, 500))
	shown := container.NewWithoutLayout(place(scroll, 40, 40, 200, 150))
	something := func() fyne.CanvasObject {
		switch random.IntN(6) {
		case 0:
			r := canvas.NewRectangle(colour())
			r.CornerRadius, r.StrokeWidth, r.StrokeColor = number(12), number(3), colour()
			return somewhere(r)
		case 1:
			r := canvas.NewRectangle(colour())
			return somewhere(r)
		case 2:
			return somewhere(canvas.NewCircle(colour()))
		case 3:
			l := canvas.NewLine(colour())
			l.StrokeWidth = 1 + number(4)
			return somewhere(l)
		case 4:
			r := canvas.NewRectangle(colour())
			r.Shadow = canvas.Shadow{Color: colour(), BlurRadius: number(10), Spread: number(6), Offset: fyne.NewPos(number(9)-4, number(9)-4)}
			return somewhere(r)
		}
		x := canvas.NewText(fmt.Sprintf("jumps over %d", random.IntN(99)), colour())
		x.TextSize, x.Alignment = 8+number(20), fyne.TextAlign(random.IntN(3))
		x.TextStyle = fyne.TextStyle{Bold: random.IntN(3) == 0, Italic: random.IntN(3) == 0, Underline: random.IntN(3) == 0}
		return somewhere(x)
	}
	d := newDesk(t, shown)
	d.prove(func(int) { shown.Objects = append(shown.Objects, something()) })
	for n := range 200 {
		for range 1 + random.IntN(2) {
			in := shown
			if random.IntN(2) == 0 {
				in = inner
			}
			k := len(in.Objects)
			switch random.IntN(6) {
			case 0:
				in.Objects = append(in.Objects, something())
			case 1:
				if k > 4 {
					in.Objects = append(in.Objects[:k-2:k-2], in.Objects[k-1])
				}
			case 2:
				if k > 0 {
					o := in.Objects[random.IntN(k)]
					o.Move(o.Position().AddXY(number(9)-4, number(9)-4))
				}
			case 3:
				if k > 0 {
					if o := in.Objects[random.IntN(k)]; o != scroll {
						o.Resize(o.Size().AddWidthHeight(0, number(9)-4))
					}
				}
			case 4:
				random.Shuffle(k, func(i, j int) { in.Objects[i], in.Objects[j] = in.Objects[j], in.Objects[i] })
			case 5:
				scroll.ScrollToOffset(fyne.NewPos(number(200), number(200)))
			}
		}
		d.frame(fmt.Sprint("step ", n))
		if t.Failed() {
			return
		}
	}
}

// TestDamageIsWhole has all be painted wherever a part may not do.
func TestDamageIsWhole(t *testing.T) {
	text := place(canvas.NewText("Text", color.Black), 200, 20, 80, 20)
	d := newDesk(t, container.NewWithoutLayout(text))
	n := 0
	change := func(int) { n++; text.Text = fmt.Sprint(n); text.Refresh() }
	whole := func(what string) {
		t.Helper()
		change(0)
		if got := d.frame(what); got != d.all {
			t.Errorf("%s: %v is painted", what, got)
		}
	}
	part := func(what string) {
		t.Helper()
		change(0)
		if got := d.frame(what); got == d.all {
			t.Errorf("%s: all is painted", what)
		}
	}
	d.prove(change)
	part("proved")
	d.content.Anew()
	whole("anew")
	part("after anew")

	keeps := d.paper.keeps
	said := dialog.NewInformation("Title", "Message", d.window)
	said.Show()
	whole("below a dialog")
	whole("still below it")
	if d.paper.keeps != keeps {
		t.Error("the dialog is painted where nothing can be")
	}
	said.Hide()
	whole("the dialog is gone")
	part("after the dialog")

	d.all = image.Rect(0, 0, 420, 300)
	d.window.Resize(fyne.NewSize(420, 300))
	for range settleFrames {
		whole("another size")
	}
	part("after another size")
	for range probeEvery {
		change(0)
		d.paint()
	}
	d.paper.fades = true
	for range 2*probeEvery + 2*failedFrames*provedFrames {
		change(0)
		d.paint()
	}
	whole("pixels that fade")
	d.paper.fades = false
	for range 2 * provedFrames {
		whole("pixels that faded")
	}
}

// TestDamageInSight paints nothing of what is out of sight, and always what may look
// different each time.
func TestDamageInSight(t *testing.T) {
	inner := place(canvas.NewRectangle(color.NRGBA{200, 0, 0, 255}), 0, 100, 20, 20)
	scroll := place(container.NewScroll(container.NewWithoutLayout(inner)), 10, 10, 50, 50)
	text := place(canvas.NewText("Text", color.Black), 200, 20, 80, 20)
	shown := container.NewWithoutLayout(scroll, text)
	d := newDesk(t, shown)
	d.prove(func(n int) { text.Text = fmt.Sprint(n); text.Refresh() })
	d.frame("first")
	inner.Resize(fyne.NewSize(30, 30))
	if part := d.frame("out of sight"); !part.Empty() {
		t.Errorf("out of sight: %v is painted", part)
	}
	raster := place(canvas.NewRasterWithPixels(func(_, _, _, _ int) color.Color { return color.Black }), 300, 200, 10, 10)
	shown.Objects = append(shown.Objects, raster)
	d.frame("a raster")
	if part := d.frame("the raster again"); !image.Rect(300, 200, 310, 210).In(part) || part.Dx() > 20 {
		t.Errorf("of a raster %v is painted", part)
	}
}

// TestContentIsPlain has a window that no processor is known to paint be painted as
// ever, and be clicked where things are.
func TestContentIsPlain(t *testing.T) {
	uitest.App(t)
	taps := 0
	w := test.NewTempWindow(t, New(nil, widget.NewButton("Press", func() { taps++ })))
	w.Resize(fyne.NewSize(200, 100))
	w.Canvas().Capture()
	test.TapCanvas(w.Canvas(), fyne.NewPos(100, 50))
	if taps != 1 {
		t.Errorf("%d taps", taps)
	}
}

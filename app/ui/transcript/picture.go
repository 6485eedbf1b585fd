package transcript

import (
	"bytes"
	"image"
	"image/color"
	"strings"
	"unicode"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/parts"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	look "github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/store"
)

const pictureHeight float32 = 240 // at most, until it is opened

// media adds the pictures and files of a result to a card.
func (e *entry) media(content store.Parts, g *group) {
	for _, p := range content {
		switch p := p.(type) {
		case store.Image:
			e.image(chipOf{look.IconImage, say.T("Image"), p.MIMEType, fileName("", p.MIMEType), p.Data}, p, g)
		case store.File:
			name := p.Name
			if name == "" {
				name = p.URI
			}
			if name == "" {
				name = say.T("File")
			}
			c := chipOf{look.IconFile, name, p.MIMEType, fileName(name, p.MIMEType), p.Data}
			if strings.HasPrefix(p.MIMEType, "image/") && len(p.Data) > 0 {
				e.image(c, p, g)
				continue
			}
			e.blocks = append(e.blocks, e.chipBlock(c, g))
		}
	}
}

// atOnce is how many pictures of a result are seen while its card is closed.
const atOnce = 4

// pictures adds the pictures of a result to a card that is closed.
func (e *entry) pictures(content store.Parts, g *group) {
	n := 0
	for _, p := range content {
		var at chipOf
		switch p := p.(type) {
		case store.Image:
			at = chipOf{name: say.T("Image"), kind: p.MIMEType, file: fileName("", p.MIMEType), data: p.Data}
		case store.File:
			if !strings.HasPrefix(p.MIMEType, "image/") {
				continue
			}
			at = chipOf{name: p.Name, kind: p.MIMEType, file: fileName(p.Name, p.MIMEType), data: p.Data}
		}
		if b := e.pictureBlock(at, p, g); b != nil && n < atOnce {
			e.blocks = append(e.blocks, b)
			n++
		}
	}
	if n > 0 {
		e.blocks[len(e.blocks)-1].below += 10
	}
}

// fileName is how a file is called where it is saved: the last part of its name,
// or what it is, with nothing in it that leads elsewhere.
func fileName(name, kind string) string {
	if i := strings.LastIndexAny(name, `/\`); i >= 0 {
		name = name[i+1:]
	}
	name = strings.TrimLeft(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || strings.ContainsRune(`<>:"|?*`, r) {
			return '_'
		}
		return r
	}, name), ". ")
	if r := []rune(name); len(r) > 100 {
		name = string(r[len(r)-100:])
	}
	if name != "" && name != say.T("File") {
		return name
	}
	switch kind {
	case "image/png":
		return "image.png"
	case "image/jpeg":
		return "image.jpg"
	case "image/gif":
		return "image.gif"
	case "image/webp":
		return "image.webp"
	case "audio/wav", "audio/x-wav":
		return "sound.wav"
	case "audio/mpeg":
		return "sound.mp3"
	}
	return "file"
}

// image adds a picture, or where it cannot be one its file.
func (e *entry) image(at chipOf, p store.Part, g *group) {
	at.icon = look.IconImage
	if b := e.pictureBlock(at, p, g); b != nil {
		e.blocks = append(e.blocks, b)
	}
	e.blocks = append(e.blocks, e.chipBlock(at, g))
}

// pictureBlock shows a picture; nil where it cannot be one.
func (e *entry) pictureBlock(at chipOf, p store.Part, g *group) *block {
	c, _, err := image.DecodeConfig(bytes.NewReader(at.data))
	if err != nil || c.Width < 1 || c.Height < 1 || e.view.o.Work == nil {
		return nil
	}
	b := &block{
		gap: 8, left: cardPad, right: cardPad, group: g, below: 4,
		tall: func(width float32) float32 {
			return max(min(float32(c.Height), pictureHeight, width*float32(c.Height)/float32(c.Width)), 16)
		},
	}
	b.make = func() fyne.CanvasObject {
		w := newPicture(e.view, p, at)
		w.reveal = func() { e.view.reveal(b) }
		return w
	}
	return b
}

// chipOf is a file as its line shows it.
type chipOf struct {
	icon       look.IconName
	name, kind string
	file       string // how it is called where it is saved
	data       []byte
}

// words say what it is.
func (c chipOf) words() string {
	words := visible(c.name)
	if c.kind != "" {
		words += " · " + visible(c.kind)
	}
	if len(c.data) > 0 {
		words += " · " + bytesText(len(c.data))
	}
	return strings.ReplaceAll(words, "\n", " ")
}

// chipBlock is a line that stands for a file: what it is, and a button that
// saves it.
func (e *entry) chipBlock(c chipOf, g *group) *block {
	words := c.words()
	return &block{
		gap: 4, left: cardPad, right: cardPad - 6, group: g,
		tall: func(float32) float32 { return 26 },
		make: func() fyne.CanvasObject {
			var buttons []*look.IconButton
			if len(c.data) > 0 && e.view.o.Save != nil {
				buttons = append(buttons, look.NewSmallIconButton(say.F("Save %s", words), look.Icon("download"), func() { e.view.o.Save(c.file, c.data) }))
			}
			s := newStrip(words, buttons...)
			s.icon = c.icon
			return s
		},
	}
}

// picture is a picture in a card. A tap, Return or Space opens it large.
type picture struct {
	widget.BaseWidget
	view    *View
	img     *canvas.Image
	of      chipOf
	reveal  func()
	focused bool
}

var (
	_ fyne.Tappable      = (*picture)(nil)
	_ fyne.Focusable     = (*picture)(nil)
	_ desktop.Cursorable = (*picture)(nil)
)

func newPicture(v *View, p store.Part, of chipOf) *picture {
	w := &picture{view: v, of: of, img: &canvas.Image{FillMode: canvas.ImageFillContain}}
	w.ExtendBaseWidget(w)
	var got []parts.Picture
	v.o.Work(func() { got = parts.Decode(store.Parts{p}) }, func() {
		if img := got[0].Image(); img != nil {
			w.img.Image = img
			w.Refresh()
		}
	})
	return w
}

// Tapped opens it large.
func (p *picture) Tapped(*fyne.PointEvent) { p.open() }

func (p *picture) open() {
	c := fyne.CurrentApp().Driver().CanvasForObject(p)
	if c == nil || p.img.Image == nil {
		return
	}
	img := canvas.NewImageFromImage(p.img.Image)
	img.FillMode = canvas.ImageFillContain
	size, bounds := c.Size(), p.img.Image.Bounds()
	sheet := form.NewSheetOn(c, "", nil)
	sheet.SetFill(p.of.words(), img)
	// As large as it is, or as there is room for, beside what the sheet adds.
	sheet.SetSize(min(max(float32(bounds.Dx())/c.Scale(), 420), size.Width)+60, min(max(float32(bounds.Dy())/c.Scale(), 240), size.Height)+140)
	shut := form.Button(say.T("Close"), sheet.Close)
	buttons := []fyne.CanvasObject{shut}
	if p.view.o.Save != nil {
		save := form.Button(say.T("Save…"), func() { sheet.Close(); p.view.o.Save(p.of.file, p.of.data) })
		save.Name = say.F("Save %s", p.of.words())
		buttons = []fyne.CanvasObject{save, shut}
	}
	sheet.SetButtons(buttons...)
	sheet.SetFocus(shut)
	sheet.OnClose(func() { c.Focus(p) })
	sheet.Show()
}

// Cursor is a hand: it can be opened.
func (p *picture) Cursor() desktop.Cursor { return desktop.PointerCursor }

// FocusGained shows that keys go here.
func (p *picture) FocusGained() {
	p.focused = true
	if p.reveal != nil {
		p.reveal()
	}
	p.Refresh()
}

// FocusLost ends what FocusGained began.
func (p *picture) FocusLost() { p.focused = false; p.Refresh() }

// TypedRune is part of fyne.Focusable.
func (p *picture) TypedRune(rune) {}

// TypedKey opens it large.
func (p *picture) TypedKey(e *fyne.KeyEvent) {
	switch e.Name {
	case fyne.KeySpace, fyne.KeyReturn, fyne.KeyEnter:
		p.open()
	}
}

// AccessibilityLabel says what it is.
func (p *picture) AccessibilityLabel() string { return say.F("Open the picture: %s", p.of.words()) }

// AccessibilityRole says that it acts.
func (p *picture) AccessibilityRole() fyne.AccessibleRole { return fyne.AccessibleRoleButton }

// CreateRenderer links the picture to what is drawn.
func (p *picture) CreateRenderer() fyne.WidgetRenderer {
	return &pictureRenderer{p: p, ring: canvas.NewRectangle(color.Transparent)}
}

type pictureRenderer struct {
	p    *picture
	ring *canvas.Rectangle
}

func (r *pictureRenderer) Layout(size fyne.Size) {
	r.ring.Resize(size)
	w := size.Width
	if img := r.p.img.Image; img != nil && img.Bounds().Dy() > 0 {
		// It stands at the left.
		w = min(w, size.Height*float32(img.Bounds().Dx())/float32(img.Bounds().Dy()))
	}
	r.p.img.Resize(fyne.NewSize(w, size.Height))
}
func (r *pictureRenderer) MinSize() fyne.Size { return fyne.NewSize(16, 16) }
func (r *pictureRenderer) Refresh() {
	r.ring.StrokeWidth = 0
	if r.p.focused {
		r.ring.StrokeWidth, r.ring.StrokeColor, r.ring.CornerRadius = 2, r.p.Theme().Color(theme.ColorNameFocus, fyne.CurrentApp().Settings().ThemeVariant()), 4
	}
	r.Layout(r.p.Size())
	r.p.img.Refresh()
	canvas.Refresh(r.p)
}
func (r *pictureRenderer) Objects() []fyne.CanvasObject { return []fyne.CanvasObject{r.p.img, r.ring} }
func (r *pictureRenderer) Destroy()                     {}

package transcript

import (
	"bytes"
	"image"
	"image/color"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/parts"
	look "github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/store"
)

const pictureHeight float32 = 240 // at most, until it is opened

// media adds the pictures and files of a result to a card.
func (e *entry) media(content store.Parts, g *group) {
	for _, p := range content {
		switch p := p.(type) {
		case store.Image:
			e.image(p.MIMEType, p.Data, p, g)
		case store.File:
			if strings.HasPrefix(p.MIMEType, "image/") && len(p.Data) > 0 {
				e.image(strings.TrimSpace(p.Name+" "+p.MIMEType), p.Data, p, g)
				continue
			}
			name := p.Name
			if name == "" {
				name = p.URI
			}
			if name == "" {
				name = "File"
			}
			e.chip(look.IconFile, name, p.MIMEType, p.Data, g)
		}
	}
}

// image adds a picture, or where it cannot be one its file.
func (e *entry) image(name string, data []byte, p store.Part, g *group) {
	c, _, err := image.DecodeConfig(bytes.NewReader(data))
	if err != nil || c.Width < 1 || c.Height < 1 || e.view.o.Work == nil {
		e.chip(look.IconImage, "Image", name, data, g)
		return
	}
	e.blocks = append(e.blocks, &block{
		gap: 8, left: cardPad, right: cardPad, group: g, below: 4,
		tall: func(width float32) float32 {
			return max(min(float32(c.Height), pictureHeight, width*float32(c.Height)/float32(c.Width)), 16)
		},
		make: func() fyne.CanvasObject { return newPicture(e.view, p) },
	}, e.chipBlock(look.IconImage, "Image", name, data, g))
}

func (e *entry) chip(icon look.IconName, name, kind string, data []byte, g *group) {
	e.blocks = append(e.blocks, e.chipBlock(icon, name, kind, data, g))
}

// chipBlock is a line that stands for a file: what it is, and a button that
// saves it.
func (e *entry) chipBlock(icon look.IconName, name, kind string, data []byte, g *group) *block {
	words := visible(name)
	if kind != "" {
		words += " · " + visible(kind)
	}
	if len(data) > 0 {
		words += " · " + bytesText(len(data))
	}
	words = strings.ReplaceAll(words, "\n", " ")
	return &block{
		gap: 4, left: cardPad, right: cardPad - 6, group: g,
		tall: func(float32) float32 { return 26 },
		make: func() fyne.CanvasObject {
			var buttons []*look.IconButton
			if len(data) > 0 && e.view.o.Save != nil {
				buttons = append(buttons, look.NewSmallIconButton("Save "+words, look.Icon("download"), func() { e.view.o.Save(name, data) }))
			}
			s := newStrip(words, buttons...)
			s.icon = icon
			return s
		},
	}
}

// picture is a picture in a card. A tap, Return or Space opens it large.
type picture struct {
	widget.BaseWidget
	view    *View
	img     *canvas.Image
	focused bool
}

var (
	_ fyne.Tappable      = (*picture)(nil)
	_ fyne.Focusable     = (*picture)(nil)
	_ desktop.Cursorable = (*picture)(nil)
)

func newPicture(v *View, p store.Part) *picture {
	w := &picture{view: v, img: &canvas.Image{FillMode: canvas.ImageFillContain}}
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
	size := c.Size()
	bounds := p.img.Image.Bounds()
	w, h := min(float32(bounds.Dx()), size.Width*0.9), min(float32(bounds.Dy()), size.Height*0.8)
	img.SetMinSize(fyne.NewSize(max(w, 120), max(h, 80)))
	var sheet *widget.PopUp
	shut := look.NewIconButton("Close the picture", look.Icon(look.IconClose), func() { sheet.Hide() })
	sheet = widget.NewModalPopUp(container.NewBorder(container.NewHBox(layout.NewSpacer(), shut), nil, nil, nil, img), c)
	sheet.Show()
	c.Focus(shut)
}

// Cursor is a hand: it can be opened.
func (p *picture) Cursor() desktop.Cursor { return desktop.PointerCursor }

// FocusGained shows that keys go here.
func (p *picture) FocusGained() { p.focused = true; p.Refresh() }

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
func (p *picture) AccessibilityLabel() string { return "Open the picture" }

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

package servers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	_ "image/gif" // the kinds of pictures that are shown
	_ "image/jpeg"
	_ "image/png"
	"strings"
	"unicode/utf8"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/theme"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// resultView shows what a call gave, with all its parts.
type resultView struct {
	box    *fyne.Container
	parts  *fyne.Container
	scroll *container.Scroll
	window fyne.Window
	last   *tools.Result
}

func newResultView(w fyne.Window) *resultView {
	r := &resultView{parts: form.Column(), window: w}
	r.scroll = container.NewVScroll(container.New(gutter{}, r.parts))
	r.box = container.NewBorder(nil, nil, nil, nil, r.scroll)
	r.parts.Add(form.Muted("The result appears here."))
	return r
}

func (r *resultView) clear() {
	r.last = nil
	r.parts.RemoveAll()
	r.scroll.ScrollToTop()
}

// json is the whole result.
func (r *resultView) json() string {
	if r.last == nil {
		return ""
	}
	raw, err := json.Marshal(r.last.Part(""))
	if err != nil {
		return err.Error()
	}
	return pretty(raw)
}

// picture is an image of a result, decoded; nil where it cannot be shown.
type picture struct{ image image.Image }

// The bounds of a picture that is shown.
const (
	picturePixels = 16 << 20
	pictureHeight = 260
)

// picturesOf decodes the images among parts, which takes a while. Any goroutine
// may call it.
func picturesOf(parts store.Parts) []picture {
	out := make([]picture, len(parts))
	for i, p := range parts {
		data := []byte(nil)
		switch p := p.(type) {
		case store.Image:
			data = p.Data
		case store.File:
			if strings.HasPrefix(p.MIMEType, "image/") {
				data = p.Data
			}
		}
		c, _, err := image.DecodeConfig(bytes.NewReader(data))
		if err != nil || c.Width < 1 || c.Height < 1 || c.Width > picturePixels/c.Height {
			continue
		}
		if img, _, err := image.Decode(bytes.NewReader(data)); err == nil {
			out[i].image = img
		}
	}
	return out
}

// show shows a result with the pictures that belong to its parts.
func (r *resultView) show(got tools.Result, pictures []picture) {
	r.clear()
	r.last = &got
	tone := theme.ColorNameSuccess
	if got.IsError {
		tone = theme.ColorNameError
	}
	r.parts.Add(marked(tone, form.Bold(tookWords(got))))
	for i, p := range got.Content {
		switch p := p.(type) {
		case store.Text:
			r.parts.Add(textPart(p.Text))
		case store.Image:
			r.data(fmt.Sprintf("Image · %s · %s", form.Visible(p.MIMEType, false), bytesOf(len(p.Data))), "", p.Data, pictures[i])
		case store.File:
			words := nameOf(p.URI, p.Name, "File")
			r.data(fmt.Sprintf("%s · %s · %s", form.Visible(words, false), form.Visible(nameOf(p.MIMEType, "no type"), false), bytesOf(len(p.Data))),
				fileText(p.Data), p.Data, pictures[i])
		}
	}
	if len(got.Structured) > 0 {
		r.parts.Add(form.Column(form.Caption("Structured"), textPart(pretty(got.Structured))))
	}
	if len(got.Content) == 0 && len(got.Structured) == 0 {
		r.parts.Add(form.Muted("It gave nothing back."))
	}
	form.Relayout(r.parts)
}

// data shows what has bytes: a picture or a text of it, and a button that saves
// it.
func (r *resultView) data(words, text string, data []byte, p picture) {
	save := form.Button("Save…", func() { saveAs(r.window, data) })
	save.Name = "Save " + words
	box := form.Column(container.NewBorder(nil, nil, nil, save, form.MutedLine(words, fyne.TextStyle{})))
	switch {
	case p.image != nil:
		img := canvas.NewImageFromImage(p.image)
		img.FillMode = canvas.ImageFillContain
		h := float32(min(p.image.Bounds().Dy(), pictureHeight))
		box.Add(form.Sized(10, h, img))
	case text != "":
		box.Add(textPart(text))
	}
	r.parts.Add(form.NewCard(box))
}

// fileText returns data as text, if it is one.
func fileText(data []byte) string {
	if utf8.Valid(data) && !bytes.ContainsRune(data, 0) {
		return string(data)
	}
	return ""
}

// textPart shows a text, as high as it needs within limits.
func textPart(text string) fyne.CanvasObject {
	lines := form.Lines(text)
	rows := len(lines)
	for _, l := range lines {
		rows += len(l.Text) / 70
	}
	return form.NewCode(lines, min(max(float32(rows)*17+14, 44), 320))
}

// saveAs asks for a file and writes data to it.
func saveAs(w fyne.Window, data []byte) {
	dialog.ShowFileSave(func(f fyne.URIWriteCloser, err error) {
		if err == nil && f != nil {
			_, err = f.Write(data)
			if closed := f.Close(); err == nil {
				err = closed
			}
		}
		if err != nil {
			dialog.ShowError(err, w)
		}
	}, w)
}

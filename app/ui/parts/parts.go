// Package parts shows what a server gave: texts, pictures, files and structured
// results, one below the other.
//
// What is shown is hostile until checked: texts are shown as they are, with what
// cannot be seen written out, and only pictures of a bearable size are decoded.
// Nothing is fetched.
//
//	pictures := parts.Decode(result.Content) // on any goroutine
//	view.Show(result.Content, pictures, result.Structured)
package parts

import (
	"bytes"
	"encoding/binary"
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

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/store"
)

// View shows parts. It belongs to the goroutine of the window.
type View struct {
	// Box is what is shown; it scrolls.
	Box    *fyne.Container
	list   *fyne.Container
	scroll *container.Scroll
	window fyne.Window
}

// New returns a view that says words until there is something to show.
func New(w fyne.Window, words string) *View {
	v := &View{list: form.Column(), window: w}
	v.scroll = container.NewVScroll(form.Gutter(v.list))
	v.Box = container.NewStack(v.scroll)
	v.Say(words)
	return v
}

// Say shows words in the place of parts.
func (v *View) Say(words string) {
	v.list.RemoveAll()
	if words != "" {
		v.list.Add(form.Muted(words))
	}
	v.scroll.ScrollToTop()
}

// Picture is an image of a part; nil where it cannot be shown.
type Picture struct{ image image.Image }

// Image returns the picture, or nil where it cannot be shown.
func (p Picture) Image() image.Image { return p.image }

// The bounds of a picture that is shown.
const (
	pixelsMax = 16 << 20
	heightMax = 260
)

// Decode decodes the images among parts, one for each part, which takes a while.
// Any goroutine may call it.
func Decode(parts store.Parts) []Picture {
	out := make([]Picture, len(parts))
	for i, p := range parts {
		var data []byte
		switch p := p.(type) {
		case store.Image:
			data = p.Data
		case store.File:
			if strings.HasPrefix(p.MIMEType, "image/") {
				data = p.Data
			}
		}
		c, _, err := image.DecodeConfig(bytes.NewReader(data))
		if err != nil || c.Width < 1 || c.Height < 1 || c.Width > pixelsMax/c.Height {
			continue
		}
		img, _, err := image.Decode(bytes.NewReader(data))
		if err != nil {
			img, _, err = image.Decode(bytes.NewReader(essential(data)))
		}
		if err == nil {
			out[i].image = img
		}
	}
	return out
}

// essential returns a PNG without the chunks that are not needed to show it,
// which many a program writes with a wrong checksum ("Chunk types" of the
// specification of PNG); nothing for what is no PNG.
func essential(data []byte) []byte {
	const signature = "\x89PNG\r\n\x1a\n"
	rest, ok := bytes.CutPrefix(data, []byte(signature))
	if !ok {
		return nil
	}
	out := []byte(signature)
	for len(rest) >= 12 {
		n := int64(binary.BigEndian.Uint32(rest)) + 12
		if n > int64(len(rest)) {
			break
		}
		if kind := string(rest[4:8]); kind[0] >= 'A' && kind[0] <= 'Z' || kind == "tRNS" {
			out = append(out, rest[:n]...)
		}
		rest = rest[n:]
	}
	return out
}

// Show shows parts below the objects of head, with the pictures that Decode
// made of them.
func (v *View) Show(list store.Parts, pictures []Picture, structured json.RawMessage, head ...fyne.CanvasObject) {
	v.Say("")
	for _, o := range head {
		v.list.Add(o)
	}
	for i, p := range list {
		switch p := p.(type) {
		case store.Text:
			v.list.Add(Text(p.Text))
		case store.Image:
			v.data(say.F("Image · %s · %s", form.Visible(p.MIMEType, false), Size(len(p.Data))), "", p.Data, pictures[i], true)
		case store.File:
			v.data(fmt.Sprintf("%s · %s · %s", form.Visible(first(p.URI, p.Name, say.T("File")), false), form.Visible(first(p.MIMEType, say.T("no type")), false), Size(len(p.Data))),
				textOf(p.Data), p.Data, pictures[i], false)
		}
	}
	if len(structured) > 0 {
		v.list.Add(form.Column(form.Caption(say.T("Structured")), Text(pretty(structured))))
	}
	if len(list) == 0 && len(structured) == 0 {
		v.list.Add(form.Muted(say.T("It gave nothing back.")))
	}
	form.Relayout(v.list)
}

// data shows what has bytes: a picture or a text of it, and a button that saves
// it.
func (v *View) data(words, text string, data []byte, p Picture, picture bool) {
	save := form.Button(say.T("Save…"), func() { Save(v.window, data) })
	save.Name = say.F("Save %s", words)
	box := form.Column(container.NewBorder(nil, nil, nil, save, form.MutedLine(words, fyne.TextStyle{})))
	switch {
	case p.image != nil:
		img := canvas.NewImageFromImage(p.image)
		img.FillMode = canvas.ImageFillContain
		box.Add(form.Sized(10, float32(min(p.image.Bounds().Dy(), heightMax)), img))
	case text != "":
		box.Add(Text(text))
	case picture:
		box.Add(form.Muted(say.T("This picture cannot be shown: it is damaged, too large, or of another kind than PNG, JPEG and GIF.")))
	}
	v.list.Add(form.NewCard(box))
}

// textOf returns data as text, if it is one.
func textOf(data []byte) string {
	if utf8.Valid(data) && !bytes.ContainsRune(data, 0) {
		return string(data)
	}
	return ""
}

// Text shows a text, as high as it needs within limits.
func Text(text string) fyne.CanvasObject {
	lines := form.Lines(text)
	rows := len(lines)
	for _, l := range lines {
		rows += len(l.Text) / 70
	}
	return form.NewCode(lines, min(max(float32(rows)*17+14, 44), 320))
}

// State says in a word how a server is.
func State(s mcphost.State) string {
	switch s {
	case mcphost.Disabled:
		return say.T("off")
	case mcphost.Held:
		return say.T("held")
	case mcphost.Starting:
		return say.T("starting…")
	case mcphost.Ready:
		return say.T("ready")
	case mcphost.Failed:
		return say.T("failed")
	case mcphost.Stopped:
		return say.T("stopped")
	case mcphost.Asleep:
		return say.T("asleep")
	}
	return string(s)
}

// Size says how many bytes something has.
func Size(n int) string {
	switch {
	case n < 1000:
		return say.F("%d B", n)
	case n < 1_000_000:
		return say.F("%.1f kB", float64(n)/1e3)
	}
	return say.F("%.1f MB", float64(n)/1e6)
}

func first(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}

func pretty(raw json.RawMessage) string {
	var b bytes.Buffer
	if err := json.Indent(&b, raw, "", "  "); err != nil {
		return string(raw)
	}
	return b.String()
}

// Save asks for a file and writes data to it.
func Save(w fyne.Window, data []byte) {
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

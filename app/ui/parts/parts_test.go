package parts

import (
	"bytes"
	"encoding/json"
	"image"
	"image/png"
	"slices"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"

	"github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
	"github.com/drawbridge-app/drawbridge/store"
)

func photo(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewRGBA(image.Rect(0, 0, 200, 120))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A picture that would take much memory is not decoded.
func TestPicturesAreBounded(t *testing.T) {
	huge := photo(t)
	copy(huge[16:24], []byte{0, 1, 0, 0, 0, 1, 0, 0}) // width and height of its header
	for i, p := range Decode(store.Parts{store.Image{MIMEType: "image/png", Data: huge}, store.Image{Data: photo(t)}, store.Text{Text: "x"}}) {
		if (p.image != nil) != (i == 1) {
			t.Errorf("part %d: %v", i, p.image != nil)
		}
	}
}

// A wrong checksum of what only describes a picture does not hide it.
func TestPicturesWithADamagedRemark(t *testing.T) {
	whole := photo(t)
	remark := []byte("\x00\x00\x00\x04tEXta\x00bcNONE")
	data := slices.Concat(whole[:33], remark, whole[33:]) // behind the header
	if _, _, err := image.Decode(bytes.NewReader(data)); err == nil {
		t.Fatal("the remark is not damaged")
	}
	if got := Decode(store.Parts{store.Image{MIMEType: "image/png", Data: data}}); got[0].image == nil {
		t.Error("it is not shown")
	}
	for n := range len(data) {
		Decode(store.Parts{store.Image{MIMEType: "image/png", Data: data[:n]}})
	}
}

func TestView(t *testing.T) {
	w := uitest.Window(t, theme.Light, fyne.NewSize(600, 800))
	v := New(w, "Nothing yet.")
	w.SetContent(v.Box)
	uitest.Shows(t, w, "Nothing yet.")
	list := store.Parts{
		store.Text{Text: "one\u202e"}, store.File{URI: "file:///a.png", MIMEType: "image/png", Data: photo(t)},
		store.File{Name: "b", MIMEType: "text/plain", Data: []byte("two")}, store.File{Data: []byte{0}},
	}
	v.Show(list, Decode(list), json.RawMessage(`{"three":3}`))
	uitest.Shows(t, w, "one‹U+202E›", "file:///a.png · image/png", "b · text/plain · 3 B", "two", "File · no type · 1 B", `"three": 3`)
	uitest.ShowsNot(t, w, "Nothing yet.")
	uitest.Find(t, w, func(i *canvas.Image) bool { return i.Image != nil && i.Image.Bounds().Dx() == 200 })
	v.Show(nil, nil, nil)
	uitest.Shows(t, w, "It gave nothing back.")
	uitest.ShowsNot(t, w, "two")
}

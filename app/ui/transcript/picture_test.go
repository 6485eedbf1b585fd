package transcript

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/test"

	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

func drawn(t *testing.T, width, height int) []byte {
	t.Helper()
	img := image.NewNRGBA(image.Rect(0, 0, width, height))
	for x := range width {
		img.Set(x, height/2, color.NRGBA{R: 200, A: 255})
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestPicturesAndFiles shows the pictures of a result, opens one by a click and by
// a key, and saves it and any other file.
func TestPicturesAndFiles(t *testing.T) {
	saved := map[string]int{}
	v, w := show(t, 800, 700, Options{
		Work: func(work, done func()) { work(); done() },
		Save: func(name string, data []byte) { saved[name] = len(data) },
	})
	data := drawn(t, 900, 300)
	v.SetItems([]Item{Call{ID: "c", Server: "s", Tool: "draw", State: CallDone, Result: &store.ToolResult{Content: store.Parts{
		store.Image{MIMEType: "image/png", Data: data},
		store.File{Name: "sound.ogg", MIMEType: "audio/ogg", Data: []byte("sound")},
		store.File{URI: "file:///a/../b/report.pdf", MIMEType: "application/pdf", Data: []byte("%PDF")},
		store.Image{MIMEType: "image/png", Data: []byte("no picture")},
	}}}})
	if n := len(pictures(v)); n != 1 {
		t.Errorf("%d pictures are seen while the card is closed", n)
	}
	v.entries[0].toggle()
	w.Canvas().Capture()
	if text := v.DumpText(); !strings.Contains(text, "sound.ogg · audio/ogg · 5 bytes") || !strings.Contains(text, "report.pdf") || strings.Count(text, "Image · image/png") != 2 {
		t.Errorf("the card says %q", text)
	}
	pic := uitest.Find(t, w, func(*picture) bool { return true })
	if s := pic.img.Size(); s.Height < 100 || s.Width < 2.9*s.Height {
		t.Errorf("it is shown at %v", s)
	}
	test.Tap(pic)
	uitest.Shows(t, w, "Image · image/png")
	if large := uitest.Find(t, w, func(i *canvas.Image) bool { return i.Image != nil }); large.Size().Width < 650 {
		t.Errorf("opened large it is shown at %v", large.Size())
	}
	w.Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeyEscape})
	if w.Canvas().Overlays().Top() != nil || w.Canvas().Focused() != fyne.Focusable(pic) {
		t.Error("Escape does not lead back to the picture")
	}
	pic.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	uitest.Tap(t, w, "Save…")
	if saved["image.png"] != len(data) {
		t.Errorf("saved %v", saved)
	}
	if w.Canvas().Overlays().Top() != nil {
		t.Error("what is large stays while it is saved")
	}
	for _, o := range v.r.objects {
		if s, ok := o.(*strip); ok {
			for _, b := range s.buttons {
				b.Tapped(nil)
			}
		}
	}
	want := map[string]int{"image.png": 10, "sound.ogg": 5, "report.pdf": 4}
	for name, n := range want {
		if saved[name] != n {
			t.Errorf("%s has %d bytes, want %d", name, saved[name], n)
		}
	}
	if len(saved) != len(want) {
		t.Errorf("saved %v", saved)
	}
}

// pictures are those on the canvas.
func pictures(v *View) (out []*picture) {
	for _, o := range v.r.objects {
		if p, ok := o.(*picture); ok {
			out = append(out, p)
		}
	}
	return out
}

func TestFileNames(t *testing.T) {
	for in, want := range map[[2]string]string{
		{"", "image/png"}: "image.png", {"File", ""}: "file", {"../../x/.bashrc", ""}: "bashrc", {`C:\a\b.txt`, ""}: "b.txt",
		{"a\u202eb:c\n.exe", ""}: "a_b_c_.exe", {"https://h/p/q.pdf?x", ""}: "q.pdf_x", {"/", "audio/wav"}: "sound.wav",
		{strings.Repeat("x", 200) + ".pdf", ""}: strings.Repeat("x", 96) + ".pdf",
	} {
		if got := fileName(in[0], in[1]); got != want {
			t.Errorf("%q is saved as %q, not %q", in, got, want)
		}
	}
}

// TestProgressInFull shows in the opened card what does not fit into its line.
func TestProgressInFull(t *testing.T) {
	v, _ := show(t, 600, 500, Options{})
	long := strings.Repeat("reading the index of the third part, ", 6) + "nearly there"
	v.SetItems([]Item{Call{ID: "c", Server: "s", Tool: "t", State: CallRunning, Progress: tools.Progress{Done: 30, Total: 120, Message: long}}})
	v.entries[0].toggle()
	if text := everything(v); !strings.Contains(text, "nearly there") || !strings.Contains(text, "30 of 120") {
		t.Errorf("the card says %q", text)
	}
	v.Upsert(Call{ID: "c", Server: "s", Tool: "t", State: CallDone, Progress: tools.Progress{Done: 30, Total: 120, Message: long}, Result: &store.ToolResult{}})
	if text := everything(v); strings.Contains(text, "nearly there") {
		t.Errorf("the progress stays: %q", text)
	}
}

package chat

import (
	"bytes"
	"errors"
	"image"
	"image/png"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
	"github.com/drawbridge-app/drawbridge/store"
)

// TestUnsentStays has what was typed there when the window opens again.
func TestUnsentStays(t *testing.T) {
	e := newEngine()
	b := newBench(t, e)
	b.say("first")
	b.settle()
	b.type_("half a thought")
	b.p.NewChat()
	b.type_("another")
	b.end()
	if got := e.unsent; got[""] != "another" || got[b.p.conversations[0].ID] != "half a thought" {
		t.Fatalf("kept: %q", got)
	}
	b = benchIn(t, e, uitest.Window(t, "", size))
	if got := b.p.composer.input.Text; got != "another" {
		t.Errorf("the new conversation has %q", got)
	}
	test.Tap(b.row("first"))
	b.settle()
	if got := b.p.composer.input.Text; got != "half a thought" {
		t.Errorf("the first has %q", got)
	}
	b.press(fyne.KeyReturn)
	b.settle()
	if got := e.unsent[b.p.current]; got != "" {
		t.Errorf("what was sent is kept: %q", got)
	}
}

// TestUnsentFilesStay has what was attached there when the window opens again, until
// it is sent or taken away.
func TestUnsentFilesStay(t *testing.T) {
	e := newEngine(answer("Read."))
	b := newBench(t, e)
	path := filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(path, []byte("buy bread"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.p.Attach([]string{path, path})
	b.settle()
	b.end()
	if got := e.unsentFiles[""]; len(got) != 2 || got[0].Title != "notes.txt" || len(got[0].Parts) != 1 {
		t.Fatalf("kept: %+v", got)
	}
	b = benchIn(t, e, uitest.Window(t, "", size))
	b.chip("notes.txt")
	b.p.detach(0)
	b.settle()
	if got := e.unsentFiles[""]; len(got) != 1 {
		t.Errorf("kept after one was taken away: %+v", got)
	}
	b.type_("What shall I buy?")
	b.press(fyne.KeyReturn)
	b.sees("With notes.txt", "Read.")
	b.settle()
	if len(e.unsentFiles) != 0 {
		t.Errorf("kept after it was sent: %+v", e.unsentFiles)
	}
}

func TestRecall(t *testing.T) {
	b := newBench(t, newEngine())
	for _, text := range []string{"one", "two", "two"} {
		b.say(text)
		b.settle()
	}
	text := func(want string) {
		t.Helper()
		if got := b.p.composer.input.Text; got != want {
			t.Errorf("the field has %q, not %q", got, want)
		}
	}
	b.type_("draft")
	b.press(fyne.KeyUp)
	text("two")
	b.press(fyne.KeyUp)
	text("one")
	b.press(fyne.KeyUp)
	text("one")
	b.press(fyne.KeyDown)
	text("two")
	b.press(fyne.KeyDown)
	text("draft")
	b.press(fyne.KeyDown)
	text("draft")
	// Within several lines the keys go from line to line.
	b.shift(true)
	b.press(fyne.KeyReturn)
	b.shift(false)
	b.type_("second line")
	b.press(fyne.KeyUp)
	text("draft\nsecond line")
	b.press(fyne.KeyUp)
	text("two")
	b.type_("!") // is another message now
	b.press(fyne.KeyDown)
	text("two!")
	b.p.NewChat()
	b.press(fyne.KeyUp)
	text("two")
}

func TestEnterExchanged(t *testing.T) {
	b := newBench(t, newEngine())
	if err := b.e.UpdateSettings(func(s *store.Settings) error { s.Window.EnterBreaks = true; return nil }); err != nil {
		t.Fatal(err)
	}
	b.type_("one")
	b.press(fyne.KeyReturn)
	b.type_("two")
	b.shift(true)
	b.press(fyne.KeyReturn)
	b.shift(false)
	b.settle()
	if got := b.e.texts(); len(got) != 1 || got[0] != "one\ntwo" {
		t.Errorf("sent %q", got)
	}
}

func picture(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := png.Encode(&out, image.NewRGBA(image.Rect(0, 0, 3, 2))); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestAttachesFiles(t *testing.T) {
	dir := t.TempDir()
	put := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	notes, shot := put("notes.md", []byte("# Boats\nünïcödé")), put("shot.bin", picture(t))
	b := newBench(t, newEngine())
	b.p.Attach([]string{notes, shot})
	b.settle()
	b.chip("notes.md")
	b.say("Look")
	b.sees("Look")
	b.settle()
	parts := b.e.parts
	if len(parts) != 3 {
		t.Fatalf("sent %+v", parts)
	}
	f, _ := parts[1].(store.File)
	i, _ := parts[2].(store.Image)
	if f.Name != "notes.md" || !strings.HasPrefix(f.MIMEType, "text/") || string(f.Data) != "# Boats\nünïcödé" || f.URI != "" || i.MIMEType != "image/png" {
		t.Errorf("sent %+v", parts)
	}
	for path, want := range map[string]string{
		put("a.exe", []byte("MZ\x00\x01")):                   "neither a picture",
		put("empty.txt", nil):                                "is empty",
		put("big.txt", bytes.Repeat([]byte("x"), maxFile+1)): "larger than the 4 MiB",
		dir:                        "is no file",
		filepath.Join(dir, "gone"): "no such file",
	} {
		b.p.Attach([]string{path})
		b.settle()
		uitest.Shows(t, b.w, want)
		if b.p.composer.attached != 0 {
			t.Errorf("%s is attached", path)
		}
	}
	b.p.Attach(make([]string, maxFiles+1))
	uitest.Shows(t, b.w, "At most 20 things")
}

func TestPastes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a note.txt")
	if err := os.WriteFile(path, []byte("note"), 0o600); err != nil {
		t.Fatal(err)
	}
	e := newEngine()
	b := newBench(t, e)
	clipboard := test.NewClipboard()
	paste := func(text string) {
		clipboard.SetContent(text)
		b.p.composer.input.TypedShortcut(&fyne.ShortcutPaste{Clipboard: clipboard})
		b.settle()
	}
	paste("plain text, see file:///etc/passwd")
	if got := b.p.composer.input.Text; got != "plain text, see file:///etc/passwd" || b.p.composer.attached != 0 {
		t.Errorf("pasted %q, attached %d", got, b.p.composer.attached)
	}
	paste("copy\n" + (&url.URL{Scheme: "file", Path: path}).String() + "\n")
	b.chip("a note.txt")
	paste("") // no picture
	if b.p.composer.attached != 1 {
		t.Errorf("%d are attached", b.p.composer.attached)
	}
	e.picture = picture(t)
	paste("")
	b.chip("Picture from the clipboard")
	e.fail = errors.New("xclip is not installed")
	paste("")
	uitest.Shows(t, b.w, "Xclip is not installed.")
	if b.p.composer.attached != 2 {
		t.Errorf("%d are attached", b.p.composer.attached)
	}
}

// TestShiftOfASign does not keep Shift held that a sign was typed with: the sheet
// that opens gets the key when it is let go.
func TestShiftOfASign(t *testing.T) {
	b := newBench(t, furnished())
	b.w.Canvas().Focus(b.p.composer.input)
	b.shift(true)
	b.type_("#")
	if b.w.Canvas().Overlays().Top() == nil {
		t.Fatal("no sheet has opened")
	}
	b.keys(fyne.KeyReturn) // the first tool
	b.settle()
	text := b.p.composer.input.Text
	b.press(fyne.KeyReturn)
	b.settle()
	if sent := b.e.texts(); len(sent) != 1 || sent[0] != strings.TrimSpace(text) {
		t.Errorf("sent %q after %q", sent, text)
	}
}

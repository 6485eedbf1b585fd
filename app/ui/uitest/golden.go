package uitest

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/lang"

	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/internal/bounds"
	"github.com/drawbridge-app/drawbridge/store"
)

// What the environment says about pictures.
const (
	// galleryVar is the folder where every picture is written.
	galleryVar = "DRAWBRIDGE_GALLERY"
	// failedVar is the folder for what differs; without it, it is one of the system.
	failedVar = "DRAWBRIDGE_FAILED"
	// acceptVar is not empty where what differs becomes the golden.
	acceptVar = "DRAWBRIDGE_ACCEPT"
)

// goldens is where the goldens of a package are, in a folder for each test.
const goldens = "testdata/golden"

// What is shown with a time is the same wherever the tests run. This is set
// before any test makes a time of this place.
func init() { time.Local = time.UTC }

// LeastPage is the room of a page in the smallest window, and LeastWindow that
// of what lies over the whole of it.
var (
	LeastPage   = fyne.NewSize(568, 480)
	LeastWindow = fyne.NewSize(640, 480)
)

// Picture is a page or a card in one of its states.
type Picture struct {
	Name string
	// Size is that of the wide picture, and Narrow that of the narrow one. Without
	// Narrow it is as wide as LeastPage, and as high as Size.
	Size, Narrow fyne.Size
	// Text and Compact are how large a person has text, and that all stands closer.
	Text    theme.TextSize
	Compact bool
	// Build fills a window, whose size is set. It shows what it would show on any
	// machine at any time: no clock, no folder of the test, nothing by chance.
	Build func(w fyne.Window)
	// Data are texts of it that are data, such as the title of a column that a model
	// wrote, though the window says the same elsewhere, in its own language.
	Data []string
	// Loose says that it shows letters of the fonts of the machine, or something that
	// goes on meanwhile, so that it is rendered for people alone, and compared with
	// nothing.
	Loose bool
}

// shot is one way to render a picture.
type shot struct {
	label  string
	choice theme.Choice
	narrow bool
}

// shots are the ways. Under the race detector, which makes rendering ten times
// as slow and finds the same in all, a picture is taken in one of the first two,
// in turns: make gallery takes all.
var shots = [...]shot{
	{"wide-light", theme.Light, false},
	{"narrow-dark", theme.Dark, true},
	{"wide-dark", theme.Dark, false},
	{"narrow-light", theme.Light, true},
}

// Pictures renders each picture with Fyne's software painter, in light and in
// dark, wide and narrow, and compares it with its golden, the PNG
// testdata/golden/TEST/NAME-WIDTH-THEME.png of the package. Where compare finds
// a difference the test fails, says how to accept it, and writes what it got,
// what it wanted and the difference into the folder DRAWBRIDGE_FAILED. A golden
// that belongs to no picture fails as well.
//
// With DRAWBRIDGE_ACCEPT set, what differs becomes the golden, and what belongs
// to no picture is removed. With DRAWBRIDGE_GALLERY set, all pictures are
// written to that folder, in a folder for each package. The names of tests that
// call it begin with TestGallery, so that make gallery finds them, and a test
// calls it once.
//
// The page below a sheet is left out, so that a change of it is seen once. A
// picture may have only letters of the fonts that are built in, since others
// come from the fonts of the machine, and it has to fit into its window.
func Pictures(t *testing.T, pictures ...Picture) {
	t.Helper()
	if !strings.HasPrefix(t.Name(), "TestGallery") || strings.Contains(t.Name(), "/") {
		t.Fatalf("%s cannot be found as a gallery: its name does not begin with TestGallery", t.Name())
	}
	if say.Foreign() {
		lookThrough(t, pictures)
		return
	}
	settle(t)
	pictures = slices.SortedFunc(slices.Values(pictures), func(a, b Picture) int { return strings.Compare(a.Name, b.Name) })
	known := map[string]bool{}
	for _, p := range pictures {
		if p.Loose {
			continue
		}
		for _, s := range shots {
			name := p.Name + "-" + s.label + ".png"
			if known[name] {
				t.Errorf("two pictures have the name %s", p.Name)
			}
			known[name] = true
		}
	}
	for i, s := range shots {
		if bounds.Race && i > 1 {
			break
		}
		// One app for all, since each reads the fonts anew.
		App(t).Settings().SetTheme(theme.New(s.choice))
		for n, p := range pictures {
			if !bounds.Race || n%2 == i {
				take(t, p, s)
			}
		}
	}
	forget(t, known)
}

// settle has nothing of the machine show in pictures: neither its language nor
// fonts that a person set for Fyne.
func settle(t *testing.T) {
	t.Helper()
	for _, name := range []string{"FYNE_FONT", "FYNE_FONT_MONOSPACE", "FYNE_FONT_SYMBOL"} {
		if os.Getenv(name) != "" {
			t.Fatalf("%s is set, which changes all pictures; unset it", name)
		}
	}
	again := func() {
		// Fyne looks for the language when something is added.
		if err := lang.AddTranslationsForLocale([]byte("{}"), "en"); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(again)
	t.Setenv("LC_ALL", "en_GB.UTF-8")
	t.Setenv("LANGUAGE", "en")
	again()
}

// take renders one picture in one way and compares it.
func take(t *testing.T, p Picture, s shot) {
	t.Helper()
	name, size := p.Name+"-"+s.label, p.Size
	if s.narrow {
		if size = p.Narrow; size.IsZero() {
			size = fyne.NewSize(LeastPage.Width, p.Size.Height)
		}
	}
	w, got := render(t, p, s, size)
	problems := tooLarge(w, size)
	if !p.Loose {
		problems = append(problems, unbundled(w)...)
	}
	for _, words := range problems {
		t.Errorf("%s: %s", name, words)
	}
	if n := colours(got); n < 4 {
		t.Errorf("%s has only %d colours; is it empty?", name, n)
	}
	if dir := os.Getenv(galleryVar); dir != "" {
		write(t, filepath.Join(dir, room(t), name+".png"), got)
	}
	if p.Loose {
		return
	}
	path := filepath.Join(goldens, t.Name(), name+".png")
	accept := os.Getenv(acceptVar) != ""
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && accept {
		write(t, path, reduce(got))
		return
	}
	if errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s has no golden. Look at %s, and if it is as it should be: make gallery ACCEPT=1", name, leave(t, name, got, nil))
		return
	}
	if err != nil {
		t.Error(err)
		return
	}
	decoded, err := png.Decode(bytes.NewReader(raw))
	if err != nil {
		t.Errorf("%s: %v", path, err)
		return
	}
	want := flat(decoded)
	d := compare(got, want)
	switch {
	case d.same():
	case accept:
		write(t, path, reduce(got))
	default:
		t.Errorf("%s is not what it was: %s. Look at %s, and if it is as it should be: make gallery ACCEPT=1", name, d, leave(t, name, got, want))
	}
}

// kept is how long Fyne keeps what it has drawn of a widget, and some room.
const kept = 45 * time.Second

// render fills a window and takes the picture. Where that took so long that Fyne
// may have forgotten half of what was drawn, as on a machine that stood still
// meanwhile, it begins again.
func render(t *testing.T, p Picture, s shot, size fyne.Size) (w fyne.Window, got *image.NRGBA) {
	t.Helper()
	if p.Text != "" || p.Compact {
		settings := fyne.CurrentApp().Settings()
		settings.SetTheme(theme.Of(store.WindowSettings{Theme: string(s.choice), TextSize: string(p.Text), Compact: p.Compact}))
		defer settings.SetTheme(theme.New(s.choice))
	}
	for range 5 {
		began := time.Now()
		w = furnish(t, p, size)
		if strings.HasSuffix(fmt.Sprintf("%T", w.Canvas().Overlays().Top()), ".sheetOverlay") {
			w.Content().Hide() // it has pictures of its own
		}
		got = capture(w)
		w.Canvas().Unfocus()
		if time.Since(began) < kept {
			break
		}
		t.Logf("%s took %v, and is taken again", p.Name, time.Since(began))
	}
	return w, got
}

// furnish returns a window with what a picture shows, laid out.
func furnish(t *testing.T, p Picture, size fyne.Size) fyne.Window {
	t.Helper()
	refresh()
	w := window(t, size)
	p.Build(w)
	w.Resize(size)
	lay(w)
	return w
}

// room is the name of the package that is tested.
func room(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Base(dir)
}

// leave writes what a person looks at after a difference, and returns where.
func leave(t *testing.T, name string, got, want *image.NRGBA) string {
	t.Helper()
	dir := os.Getenv(failedVar)
	if dir == "" {
		dir = filepath.Join(os.TempDir(), "drawbridge-failed")
	}
	path := filepath.Join(dir, room(t), name)
	write(t, path+".got.png", got)
	if want == nil {
		return path + ".got.png"
	}
	write(t, path+".want.png", want)
	write(t, path+".diff.png", mark(got, want))
	return path + ".{got,want,diff}.png"
}

// forget finds goldens of the test that belong to no picture.
func forget(t *testing.T, known map[string]bool) {
	t.Helper()
	dir := filepath.Join(goldens, t.Name())
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Error(err)
	}
	for _, f := range files {
		path := filepath.Join(dir, f.Name())
		switch {
		case known[f.Name()]:
		case os.Getenv(acceptVar) == "":
			t.Errorf("%s belongs to no picture; remove it, or: make gallery ACCEPT=1", path)
		default:
			if err := os.Remove(path); err != nil {
				t.Error(err)
			}
		}
	}
}

func write(t *testing.T, path string, img image.Image) {
	t.Helper()
	var out bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(&out, img); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// tooLarge says what needs more room than there is, and what part of it is the
// smallest that does.
func tooLarge(w fyne.Window, size fyne.Size) (words []string) {
	least := w.Content().MinSize()
	if least.Width <= size.Width && least.Height <= size.Height {
		return nil
	}
	part := w.Content()
	descend(part, func(o fyne.CanvasObject) {
		if m := o.MinSize(); m.Width > size.Width || m.Height > size.Height {
			part = o
		}
	})
	var texts []string
	descend(part, func(o fyne.CanvasObject) {
		if t, ok := o.(*canvas.Text); ok && strings.TrimSpace(t.Text) != "" {
			texts = append(texts, t.Text)
		}
	})
	return []string{fmt.Sprintf("the page needs %s, and has %s. What is too large shows %q", sizeWords(least), sizeWords(size), texts)}
}

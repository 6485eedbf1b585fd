package uitest

import (
	"image"
	"image/color"
	"image/draw"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// page is a picture with some of everything: grounds, an edge, letters as
// columns of grey.
func page() *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, 301, 201))
	fill(img, img.Rect, color.NRGBA{252, 252, 253, 255})
	fill(img, image.Rect(20, 20, 280, 90), color.NRGBA{242, 243, 246, 255})
	for row := range 6 {
		for x := 30; x < 200; x += 3 {
			fill(img, image.Rect(x, 30+10*row, x+1, 36+10*row), color.NRGBA{uint8(40 + x%80), 40, 60, 255})
		}
	}
	fill(img, image.Rect(30, 120, 46, 136), color.NRGBA{28, 122, 68, 255})
	return img
}

func fill(img *image.NRGBA, r image.Rectangle, c color.NRGBA) {
	draw.Draw(img, r, image.NewUniform(c), image.Point{}, draw.Src)
}

func TestCompare(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*image.NRGBA)
		same   bool
	}{
		"nothing": {func(*image.NRGBA) {}, true},
		"edges that are a little darker": {func(img *image.NRGBA) {
			for i := range img.Pix {
				if i%4 != 3 && i%7 == 0 && img.Pix[i] > 8 && img.Pix[i] < 240 {
					img.Pix[i] -= 8
				}
			}
		}, true},
		"three pixels": {func(img *image.NRGBA) { fill(img, image.Rect(100, 150, 103, 151), color.NRGBA{A: 255}) }, true},
		"a row that moved by one": {func(img *image.NRGBA) {
			row := image.NewNRGBA(image.Rect(0, 0, 301, 8))
			draw.Draw(row, row.Rect, img, image.Pt(0, 29), draw.Src)
			draw.Draw(img, image.Rect(0, 30, 301, 38), row, image.Point{}, draw.Src)
		}, false},
		"another ground":            {func(img *image.NRGBA) { fill(img, image.Rect(20, 92, 280, 100), color.NRGBA{242, 243, 246, 255}) }, false},
		"an icon that is lost":      {func(img *image.NRGBA) { fill(img, image.Rect(30, 120, 46, 136), color.NRGBA{252, 252, 253, 255}) }, false},
		"an icon in another colour": {func(img *image.NRGBA) { fill(img, image.Rect(30, 120, 46, 136), color.NRGBA{43, 122, 68, 255}) }, false},
		"a letter":                  {func(img *image.NRGBA) { fill(img, image.Rect(48, 50, 55, 56), color.NRGBA{242, 243, 246, 255}) }, false},
		"the last row":              {func(img *image.NRGBA) { fill(img, image.Rect(0, 200, 301, 201), color.NRGBA{A: 255}) }, false},
	} {
		got, want := page(), page()
		tt.change(got)
		if d := compare(got, want); d.same() != tt.same {
			t.Errorf("%s: %v", name, d)
		}
	}
	if compare(page(), image.NewNRGBA(image.Rect(0, 0, 10, 10))).same() {
		t.Error("pictures of two sizes are the same")
	}
}

func TestReduceKeepsWhatIsSeen(t *testing.T) {
	img := page()
	for x := range 300 {
		for y := 140; y < 200; y++ {
			img.SetNRGBA(x, y, color.NRGBA{uint8(x), uint8(2 * y), uint8(x + y), 255})
		}
	}
	reduced, ok := reduce(img).(*image.Paletted)
	if !ok {
		t.Fatal("it was not reduced")
	}
	out := flat(reduced)
	if out.NRGBAAt(0, 0) != img.NRGBAAt(0, 0) || out.NRGBAAt(25, 25) != img.NRGBAAt(25, 25) || out.NRGBAAt(40, 130) != img.NRGBAAt(40, 130) {
		t.Error("a ground has another colour")
	}
	if exact := reduce(page()).(*image.Paletted); !slicesEqual(flat(exact).Pix, page().Pix) {
		t.Error("a picture of few colours has changed")
	}
}

func slicesEqual(a, b []byte) bool { return string(a) == string(b) }

// TestEveryGoldenHasItsTest finds folders of goldens whose test is gone.
func TestEveryGoldenHasItsTest(t *testing.T) {
	folders, err := filepath.Glob("../*/testdata/golden/*")
	if err != nil || len(folders) < 5 {
		t.Fatalf("found %d folders of goldens (%v)", len(folders), err)
	}
	for _, folder := range folders {
		files, err := filepath.Glob(filepath.Join(folder, "../../../*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		named, found := regexp.MustCompile(`(?m)^func `+regexp.QuoteMeta(filepath.Base(folder))+`\(`), false
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			found = found || named.Match(text)
		}
		if !found {
			t.Errorf("%s has goldens of a test that is gone; remove it", folder)
		}
	}
}

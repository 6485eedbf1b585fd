package assets

import (
	"bytes"
	"encoding/xml"
	"errors"
	"image/png"
	"io/fs"
	"os"
	"strings"
	"testing"
)

func TestIcons(t *testing.T) {
	names := Icons()
	if len(names) < 40 {
		t.Fatalf("only %d icons", len(names))
	}
	for _, name := range names {
		svg, err := Icon(name)
		if err != nil {
			t.Fatal(err)
		}
		var doc struct {
			ViewBox string `xml:"viewBox,attr"`
			Path    []struct {
				D      string `xml:"d,attr"`
				Stroke string `xml:"stroke,attr"`
			} `xml:"path"`
		}
		if err := xml.Unmarshal(svg, &doc); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if doc.ViewBox != "0 0 24 24" || len(doc.Path) != 1 || doc.Path[0].D == "" || doc.Path[0].Stroke != "" {
			t.Errorf("%s is not of the family: one filled path on a grid of 24", name)
		}
	}
	if _, err := Icon("no such icon"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}

func TestPictures(t *testing.T) {
	type picture struct {
		data []byte
		side int
	}
	pictures := map[string]picture{"app": {AppPNG(), 512}}
	for _, state := range TrayStates() {
		pictures[string(state)] = picture{TrayPNG(state), 64}
	}
	for name, c := range pictures {
		img, err := png.Decode(bytes.NewReader(c.data))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if b := img.Bounds(); b.Dx() != c.side || b.Dy() != c.side {
			t.Errorf("%s is %v, not %d wide", name, b, c.side)
		}
	}
	var doc struct{}
	if err := xml.Unmarshal(AppSVG(), &doc); err != nil {
		t.Error(err)
	}
}

// TestTrayStatesDiffer holds the pictures of the tray against each other on a
// light panel and on a dark one: people must tell them apart at the size of a
// panel, also without their colours.
func TestTrayStatesDiffer(t *testing.T) {
	const side = 16
	grey := func(state TrayState, ground float64) []float64 {
		img, err := png.Decode(bytes.NewReader(TrayPNG(state)))
		if err != nil {
			t.Fatal(err)
		}
		out := make([]float64, side*side)
		step := img.Bounds().Dx() / side
		for i := range out {
			for y := range step {
				for x := range step {
					r, g, b, a := img.At(i%side*step+x, i/side*step+y).RGBA()
					lit := (0.299*float64(r) + 0.587*float64(g) + 0.114*float64(b)) / 0xffff
					out[i] += (lit + ground*(1-float64(a)/0xffff)) / float64(step*step)
				}
			}
		}
		return out
	}
	for panel, ground := range map[string]float64{"light": 0.95, "dark": 0.1} {
		states := TrayStates()
		for i, one := range states {
			a := grey(one, ground)
			seen := 0
			for _, v := range a {
				if v-ground > 0.15 || ground-v > 0.15 {
					seen++
				}
			}
			if seen < side*side/4 {
				t.Errorf("%s hardly stands out on a %s panel: %d pixels", one, panel, seen)
			}
			for _, other := range states[i+1:] {
				b, differ := grey(other, ground), 0
				for k := range a {
					if d := a[k] - b[k]; d > 0.15 || d < -0.15 {
						differ++
					}
				}
				if differ < 10 {
					t.Errorf("%s and %s differ in %d pixels on a %s panel", one, other, differ, panel)
				}
			}
		}
	}
}

// TestLicence holds what the program shows against the files that it is from.
func TestLicence(t *testing.T) {
	licence, err := os.ReadFile("../LICENSE")
	if err != nil {
		t.Fatal(err)
	}
	notice, err := os.ReadFile("../NOTICE")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.TrimRight(string(licence), "\n") + "\n\n" + strings.TrimRight(string(notice), "\n") + "\n"
	if Licence() != want {
		t.Error("licence.txt is not LICENSE and NOTICE; write it anew: (cat LICENSE; echo; cat NOTICE) > assets/licence.txt")
	}
}

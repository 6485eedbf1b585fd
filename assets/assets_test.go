package assets

import (
	"bytes"
	"encoding/xml"
	"errors"
	"image/png"
	"io/fs"
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
	for name, c := range map[string]struct {
		data []byte
		side int
	}{
		"app": {AppPNG(), 512}, "tray": {TrayPNG(), 64}, "tray working": {TrayWorkingPNG(), 64},
	} {
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

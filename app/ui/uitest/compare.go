package uitest

import (
	"cmp"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"maps"
	"slices"

	"fyne.io/fyne/v2"
)

// How different two pictures may be. Both are looked at as spots, the means of
// two by two pixels, so that an edge that another machine draws a little darker
// or lighter is no difference. The figures come from trials: what reduce does
// to a golden changes no spot of a page by more than 8; and a row that moved by
// one pixel, an icon of 16 by 16 that is lost, another letter in a word and
// another shade of a ground are all found (see TestCompare).
const (
	// loudBy is how much one channel of a spot may differ, of 255, before it is
	// loud, and loudMost how many spots may be.
	loudBy, loudMost = 40, 3
	// quietBy is the same for differences that are seen only where there are many
	// of them, as in the colour of a text, and evenBy for those where both spots
	// have one colour, as in the ground of a card. quietMost is how many spots of
	// the two may be.
	quietBy, evenBy, quietMost = 10, 2, 60
)

// difference is what compare found.
type difference struct {
	sizes       [2]image.Point // where they are not the same
	loud, quiet int            // spots
	where       image.Rectangle
}

func (d difference) same() bool {
	return d.sizes[0] == d.sizes[1] && d.loud <= loudMost && d.quiet <= quietMost
}

func (d difference) String() string {
	if d.sizes[0] != d.sizes[1] {
		return fmt.Sprintf("it has %v pixels in place of %v", d.sizes[0], d.sizes[1])
	}
	return fmt.Sprintf("of its spots of 2 by 2 pixels %d differ much (%d may) and %d a little (%d may), all within %v", d.loud, loudMost, d.quiet, quietMost, d.where)
}

// compare counts the spots in which two pictures differ.
func compare(got, want *image.NRGBA) (d difference) {
	if d.sizes = [2]image.Point{got.Rect.Size(), want.Rect.Size()}; d.sizes[0] != d.sizes[1] {
		return d
	}
	each(got, want, func(at image.Point, by int, even bool) {
		if by > loudBy {
			d.loud++
		}
		if quiet(by, even) {
			d.quiet++
			d.where = d.where.Union(image.Rectangle{Min: at, Max: at.Add(image.Pt(2, 2))})
		}
	})
	return d
}

func quiet(by int, even bool) bool { return by > quietBy || even && by > evenBy }

// each visits the spots of two pictures of one size that are not equal, with how
// much the channel that differs most differs by, and whether each of both has one
// colour alone.
func each(got, want *image.NRGBA, visit func(at image.Point, by int, even bool)) {
	size := got.Rect.Size()
	for y := 0; y < size.Y; y += 2 {
		g, w := got.Pix[y*got.Stride:], want.Pix[y*want.Stride:]
		rows := min(2, size.Y-y)
		var same int
		for same < rows && slices.Equal(g[same*got.Stride:][:4*size.X], w[same*want.Stride:][:4*size.X]) {
			same++
		}
		if same == rows {
			continue
		}
		for x := 0; x < size.X; x += 2 {
			columns, worst, even := min(2, size.X-x), 0, true
			for channel := range 3 {
				first, sum := 4*x+channel, 0
				for row := range rows {
					for column := range columns {
						at := first + 4*column
						a, b := g[row*got.Stride+at], w[row*want.Stride+at]
						sum += int(a) - int(b)
						even = even && a == g[first] && b == w[first]
					}
				}
				worst = max(worst, max(sum, -sum)/(rows*columns))
			}
			if worst > 0 {
				visit(image.Pt(x, y), worst, even)
			}
		}
	}
}

// mark shows where two pictures differ: the first in pale grey, and what differs
// in red over it. It is the first alone where their sizes differ.
func mark(got, want *image.NRGBA) image.Image {
	out := image.NewNRGBA(got.Rect)
	for i := 0; i < len(got.Pix); i += 4 {
		grey := 170 + uint8((int(got.Pix[i])+int(got.Pix[i+1])+int(got.Pix[i+2]))/9)
		out.Pix[i], out.Pix[i+1], out.Pix[i+2], out.Pix[i+3] = grey, grey, grey, 255
	}
	if got.Rect.Size() != want.Rect.Size() {
		return out
	}
	each(got, want, func(at image.Point, by int, even bool) {
		c := color.NRGBA{R: 255, G: 160, A: 255}
		if by > loudBy {
			c = color.NRGBA{R: 220, A: 255}
		}
		if quiet(by, even) {
			draw.Draw(out, image.Rectangle{Min: at, Max: at.Add(image.Pt(2, 2))}, image.NewUniform(c), image.Point{}, draw.Src)
		}
	})
	return out
}

// flat returns the pixels of a picture, from (0, 0).
func flat(img image.Image) *image.NRGBA {
	if is, ok := img.(*image.NRGBA); ok && is.Rect.Min == (image.Point{}) {
		return is
	}
	out := image.NewNRGBA(image.Rectangle{Max: img.Bounds().Size()})
	draw.Draw(out, out.Rect, img, img.Bounds().Min, draw.Src)
	return out
}

// reduce returns the picture in few colours, 64 where that will do, so that its
// file is small. Colours that many pixels have stay, and no channel of another
// changes by more than 8 of 255, unless the picture has a great many.
func reduce(img *image.NRGBA) image.Image {
	counts := map[color.NRGBA]int{}
	for i := 0; i < len(img.Pix); i += 4 {
		counts[pixel(img, i)]++
	}
	byCount := slices.SortedFunc(maps.Keys(counts), func(a, b color.NRGBA) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a.R, b.R), cmp.Compare(a.G, b.G), cmp.Compare(a.B, b.B))
	})
	frequent := 0
	for frequent < len(byCount) && counts[byCount[frequent]] > frequently {
		frequent++
	}
	for _, try := range []struct{ most, within int }{{64, 0}, {64, 4}, {64, 8}, {128, 8}, {256, 8}, {256, 16}, {256, 32}, {256, 64}} {
		kept, index := pick(byCount, frequent, try.most, try.within)
		if kept == nil {
			continue
		}
		out := image.NewPaletted(img.Rect, kept)
		for i := 0; i < len(img.Pix); i += 4 {
			out.Pix[i/4] = index[pixel(img, i)]
		}
		return out
	}
	return img
}

// frequently is how many pixels may have a colour that is changed: as many as
// are in quietMost spots.
const frequently = 4 * quietMost

func pixel(img *image.NRGBA, i int) color.NRGBA {
	return color.NRGBA{R: img.Pix[i], G: img.Pix[i+1], B: img.Pix[i+2], A: img.Pix[i+3]}
}

// pick keeps colours so that each is near one that is kept, and the first ones as
// they are; nil if they are more than most.
func pick(byCount []color.NRGBA, frequent, most, within int) (kept color.Palette, index map[color.NRGBA]uint8) {
	index = map[color.NRGBA]uint8{}
	var list []color.NRGBA
	for n, c := range byCount {
		nearest, by := 0, 1<<10
		for i, k := range list {
			if d := max(apart(c.R, k.R), apart(c.G, k.G), apart(c.B, k.B)); d < by {
				nearest, by = i, d
			}
		}
		if n < frequent || by > within {
			if nearest = len(list); nearest >= most {
				return nil, nil
			}
			list = append(list, c)
			kept = append(kept, c)
		}
		index[c] = uint8(nearest)
	}
	return kept, index
}

func apart(a, b uint8) int { return max(int(a)-int(b), int(b)-int(a)) }

// colours counts the different colours of a picture, as far as some.
func colours(img *image.NRGBA) int {
	seen := map[color.NRGBA]bool{}
	for i := 0; i < len(img.Pix) && len(seen) < 16; i += 12 {
		seen[pixel(img, i)] = true
	}
	return len(seen)
}

func sizeWords(s fyne.Size) string { return fmt.Sprintf("%.0f by %.0f", s.Width, s.Height) }

package transcript

import (
	"image/color"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
	"github.com/alecthomas/chroma/v2"
	"github.com/alecthomas/chroma/v2/lexers"
)

// The inks of code. They are no colours of the theme, which knows none for it.
const (
	inkKeyword  fyne.ThemeColorName = "code-keyword"
	inkString   fyne.ThemeColorName = "code-string"
	inkNumber   fyne.ThemeColorName = "code-number"
	inkComment  fyne.ThemeColorName = "code-comment"
	inkFunction fyne.ThemeColorName = "code-function"
	inkType     fyne.ThemeColorName = "code-type"
)

// codeInk returns the colour of an ink of code, on a dark ground or a light one.
func codeInk(name fyne.ThemeColorName, dark bool) (color.Color, bool) {
	var light, night uint32
	switch name {
	case inkKeyword:
		light, night = 0x6f3fb5, 0xc5a3ff
	case inkString:
		light, night = 0x0a6e38, 0x8fd19e
	case inkNumber:
		light, night = 0x9a4a00, 0xf2b072
	case inkComment:
		light, night = 0x646b75, 0x969da8
	case inkFunction:
		light, night = 0x1457b8, 0x8ab8ff
	case inkType:
		light, night = 0x006b75, 0x7fd1d8
	default:
		return nil, false
	}
	if dark {
		light = night
	}
	return color.NRGBA{uint8(light >> 16), uint8(light >> 8), uint8(light), 0xff}, true
}

func isDark(ground color.Color) bool {
	r, g, b, _ := ground.RGBA()
	return r+g+b < 3*0x8000
}

// colours are what is known of a piece of code.
type colours struct {
	text   string
	tokens []token
}

// token is a piece of code of one ink.
type token struct {
	n   int
	ink fyne.ThemeColorName
}

// highlighter colours code that is in view, away from the goroutine of the
// window, one batch at a time.
type highlighter struct {
	wanted  []*block
	running bool
	last    time.Time // when the last batch was begun
	waiting bool      // a look at what grows is due
}

const (
	// growingEvery is how often code that grows is coloured anew.
	growingEvery = 300 * time.Millisecond
	longestLine  = 2000 // bytes; code with longer ones stays plain
)

// wantColours asks for the colours of a block of code in view, and takes what is
// known of its beginning.
func (v *View) wantColours(b *block) {
	if b.lang == "" || !b.pre || v.o.Work == nil || b.group == nil {
		return
	}
	text := b.words()
	if b.coloured == 0 && b.group.known.text != "" && strings.HasPrefix(text, b.group.known.text) {
		b.colour(b.group.known)
	}
	if b.coloured < len(text) && !b.plain {
		v.code.wanted = append(v.code.wanted, b)
	}
}

// colour gives the beginning of a block the inks of what is known of it.
func (b *block) colour(c colours) {
	base := b.spans[0]
	text := b.words()
	spans := make([]span, 0, len(c.tokens)+1)
	at := 0
	for _, t := range c.tokens {
		s := base
		s.text, s.ink = text[at:at+t.n], t.ink
		spans = append(spans, s)
		at += t.n
	}
	if at < len(text) {
		s := base
		s.text, s.ink = text[at:], theme.ColorNameForeground
		spans = append(spans, s)
	}
	b.spans, b.coloured, b.width = spans, len(c.text), 0
	b.recoloured = true
	b.number()
}

// highlight begins the next batch.
func (v *View) highlight() {
	h := &v.code
	wanted := h.wanted
	h.wanted = nil
	if h.running || len(wanted) == 0 {
		return
	}
	now := v.now()
	type piece struct {
		at    spot
		group *group
		lang  string
		known colours
		fine  bool
	}
	var batch []*piece
	for _, b := range wanted {
		if b.coloured > 0 && now.Sub(h.last) < growingEvery {
			// It grew a moment ago.
			if !h.waiting && v.o.After != nil {
				h.waiting = true
				v.o.After(growingEvery, func() { h.waiting = false; v.sync() })
			}
			continue
		}
		batch = append(batch, &piece{at: spotIn(b, 0), group: b.group, lang: b.lang, known: colours{text: b.words()}})
	}
	if len(batch) == 0 {
		return
	}
	h.running, h.last = true, now
	v.o.Work(func() {
		for _, p := range batch {
			p.known.tokens, p.fine = tokens(p.lang, p.known.text)
		}
	}, func() {
		h.running = false
		for _, p := range batch {
			b := v.blockInView(p.at)
			if b == nil || b.group != p.group || !strings.HasPrefix(b.words(), p.known.text) {
				continue
			}
			if !p.fine {
				b.plain = true
				continue
			}
			p.group.known = p.known
			b.colour(p.known)
		}
		v.sync()
	})
}

// blockInView returns the block in view in which the spot is, or nil.
func (v *View) blockInView(s spot) (found *block) {
	v.eachInView(func(b *block, _ float32) {
		if s.in(b) {
			found = b
		}
	})
	return found
}

// tokens cuts code into pieces of one ink each. It is not fine where nothing is
// known of the language.
func tokens(lang, text string) (out []token, fine bool) {
	lexer := lexers.Get(lang)
	if lexer == nil {
		return nil, false
	}
	for line := range strings.Lines(text) {
		if len(line) > longestLine {
			return nil, false
		}
	}
	it, err := chroma.Coalesce(lexer).Tokenise(nil, text)
	if err != nil {
		return nil, false
	}
	rest := text
	for t := it(); t != chroma.EOF; t = it() {
		piece := t.Value
		if len(piece) > len(rest) {
			piece = strings.TrimSuffix(piece, "\n") // it ends every text with a line
		}
		if !strings.HasPrefix(rest, piece) {
			return nil, false
		}
		rest = rest[len(piece):]
		ink := inkOf(t.Type)
		if n := len(out); n > 0 && out[n-1].ink == ink {
			out[n-1].n += len(piece)
		} else if piece != "" {
			out = append(out, token{len(piece), ink})
		}
	}
	return out, rest == ""
}

func inkOf(t chroma.TokenType) fyne.ThemeColorName {
	switch {
	case t.InCategory(chroma.Comment):
		return inkComment
	case t == chroma.KeywordType, t == chroma.NameClass, t == chroma.NameBuiltin, t == chroma.NameTag:
		return inkType
	case t.InCategory(chroma.Keyword):
		return inkKeyword
	case t.InSubCategory(chroma.LiteralString):
		return inkString
	case t.InSubCategory(chroma.LiteralNumber), t == chroma.KeywordConstant:
		return inkNumber
	case t == chroma.NameFunction, t == chroma.NameAttribute, t == chroma.NameDecorator:
		return inkFunction
	}
	return theme.ColorNameForeground
}

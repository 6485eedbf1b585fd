package transcript

import (
	"bytes"
	"net/url"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
	"github.com/yuin/goldmark/ast"
	east "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/util"

	"github.com/drawbridge-app/drawbridge/app/ui/say"
)

func (b *builder) style() style { return style{size: b.set.size, ink: b.set.ink} }

// style is how text within a block looks.
type style struct {
	bold, italic, mono, strike, math bool
	size                             float32
	ink                              fyne.ThemeColorName
	link                             string
}

func (s style) span(t string) span {
	size := s.size
	if s.mono {
		size = float32(int(size*0.9*2)) / 2
	}
	return span{
		text: visible(t), ink: s.ink, code: s.mono, strike: s.strike, math: s.math, link: s.link,
		face: face{bold: s.bold && !s.mono, italic: s.italic && !s.mono, mono: s.mono, size: size},
	}
}

func (b *builder) spans(parent ast.Node, st style) []span {
	var out []span
	b.inline(parent, st, &out)
	return out
}

func (b *builder) inline(parent ast.Node, st style, out *[]span) {
	put := func(st style, t string) {
		if t == "" {
			return
		}
		s := st.span(t)
		if n := len(*out); n > 0 {
			if last := &(*out)[n-1]; last.face == s.face && last.ink == s.ink && last.code == s.code && last.strike == s.strike && last.link == s.link && last.math == s.math {
				last.text += s.text
				return
			}
		}
		*out = append(*out, s)
	}
	for n := parent.FirstChild(); n != nil; n = n.NextSibling() {
		switch n := n.(type) {
		case *ast.Text:
			t := n.Segment.Value(b.src)
			if !n.IsRaw() {
				t = resolve(t)
			}
			put(st, string(t))
			switch {
			case n.HardLineBreak():
				put(st, "\n")
			case n.SoftLineBreak():
				put(st, " ")
			}
		case *ast.String:
			put(st, string(n.Value))
		case *ast.CodeSpan:
			inner := st
			inner.mono = true
			var t []byte
			for c := n.FirstChild(); c != nil; c = c.NextSibling() {
				if seg, ok := c.(*ast.Text); ok {
					t = append(t, bytes.ReplaceAll(seg.Segment.Value(b.src), []byte("\n"), []byte(" "))...)
				}
			}
			put(inner, string(t))
		case *ast.Emphasis:
			inner := st
			if n.Level >= 2 {
				inner.bold = true
			} else {
				inner.italic = true
			}
			b.inline(n, inner, out)
		case *east.Strikethrough:
			inner := st
			inner.strike = true
			b.inline(n, inner, out)
		case *ast.Link:
			b.link(n, string(n.Destination), st, out, put)
		case *ast.AutoLink:
			target := string(n.URL(b.src))
			if n.AutoLinkType == ast.AutoLinkEmail && !strings.HasPrefix(strings.ToLower(target), "mailto:") {
				target = "mailto:" + target
			}
			inner := st
			if checked, ok := safeLink(target); ok {
				inner.link, inner.ink = checked, theme.ColorNameHyperlink
			}
			put(inner, string(n.Label(b.src)))
		case *ast.Image:
			// The picture itself is never fetched: its address is shown instead.
			put(st, "["+say.T("image")+": ")
			b.link(n, string(n.Destination), st, out, put)
			put(st, "]")
		case *ast.RawHTML:
			inner := st
			inner.mono = true
			for i := range n.Segments.Len() {
				seg := n.Segments.At(i)
				put(inner, string(seg.Value(b.src)))
			}
		case *mathNode:
			inner := st
			inner.mono, inner.math = true, true
			put(inner, n.source)
		case *footnoteNode:
			inner := st
			inner.ink = theme.ColorNameHyperlink
			inner.size = st.size * 0.8
			if !n.words {
				put(inner, "["+n.label+"]")
				break
			}
			if len(*out) > 0 {
				put(st, "\n")
			}
			inner.size, inner.bold = st.size, true
			put(inner, "["+n.label+"]")
		case *east.TaskCheckBox:
		default:
			b.inline(n, st, out)
		}
	}
}

// link shows the text of a link. A target that is not opened is written out
// after it, so that nothing is hidden.
func (b *builder) link(n ast.Node, target string, st style, out *[]span, put func(style, string)) {
	inner := st
	checked, ok := safeLink(target)
	if ok {
		inner.link, inner.ink = checked, theme.ColorNameHyperlink
	}
	before := len(*out)
	b.inline(n, inner, out)
	if ok && (n.FirstChild() == nil || len(*out) == before && before == 0) {
		put(inner, checked)
	}
	if !ok && target != "" {
		put(st, " ("+shorten(target)+")")
	}
}

// shorten cuts a target that nobody would read, and says so.
func shorten(s string) string {
	const limit = 300
	if len(s) <= limit {
		return s
	}
	return s[:cut(s, limit)] + "… " + say.N(len(s), "%d byte", "%d bytes", len(s))
}

// safeLink returns a target that may be opened when the person asks for it: an
// absolute address of the web, or one of mail.
func safeLink(target string) (string, bool) {
	u, err := url.Parse(strings.TrimSpace(target))
	if err != nil || len(target) > 8<<10 {
		return "", false
	}
	switch strings.ToLower(u.Scheme) {
	case "http", "https":
		if u.Host == "" || u.User != nil {
			return "", false
		}
	case "mailto":
		if u.Opaque == "" {
			return "", false
		}
	default:
		return "", false
	}
	return u.String(), true
}

// resolve replaces escapes and entities by what they stand for.
func resolve(t []byte) []byte {
	if bytes.IndexByte(t, '\\') >= 0 {
		t = util.UnescapePunctuations(t)
	}
	if bytes.IndexByte(t, '&') >= 0 {
		t = util.ResolveEntityNames(util.ResolveNumericReferences(t))
	}
	return t
}

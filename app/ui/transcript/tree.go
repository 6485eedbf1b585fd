package transcript

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"

	"github.com/drawbridge-app/drawbridge/app/ui/say"
	look "github.com/drawbridge-app/drawbridge/app/ui/theme"
)

// node is a value of JSON with what is in it, in the order in which it was
// written.
type node struct {
	key   string // quoted; empty in a list and at the top
	value string // of what holds nothing
	kids  []*node
	list  bool
	holds bool // it is an object or a list
	path  string
}

const (
	treeBytes = 256 << 10 // longer JSON is shown raw
	treeRows  = 1000      // JSON with more rows too
	treeDepth = 40
	openDepth = 3  // levels that are open at first
	openKids  = 30 // as long as no more than that is in one
)

// parseTree reads JSON. It returns nil for what is none, or too much of it.
func parseTree(raw string) *node {
	raw = strings.TrimSpace(raw)
	if len(raw) > treeBytes || raw == "" || raw[0] != '{' && raw[0] != '[' || !json.Valid([]byte(raw)) {
		return nil
	}
	d := json.NewDecoder(strings.NewReader(raw))
	d.UseNumber()
	rows := 0
	n := readNode(d, "", "", 0, &rows)
	if n == nil || len(n.kids) == 0 {
		return nil
	}
	return n
}

func readNode(d *json.Decoder, key, path string, depth int, rows *int) *node {
	if *rows++; *rows > treeRows || depth > treeDepth {
		return nil
	}
	t, err := d.Token()
	if err != nil {
		return nil
	}
	n := &node{key: key, path: path}
	delim, ok := t.(json.Delim)
	if !ok {
		n.value = literal(t)
		return n
	}
	n.holds, n.list = true, delim == '['
	for i := 0; d.More(); i++ {
		name, at := "", path+"/"+strconv.Itoa(i)
		if !n.list {
			k, err := d.Token()
			if err != nil {
				return nil
			}
			name = literal(k)
		}
		kid := readNode(d, name, at, depth+1, rows)
		if kid == nil {
			return nil
		}
		n.kids = append(n.kids, kid)
	}
	if _, err := d.Token(); err != nil {
		return nil
	}
	return n
}

// literal writes a token as JSON has it, without escapes that only the web needs.
func literal(t json.Token) string {
	if n, ok := t.(json.Number); ok {
		return n.String()
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if e.Encode(t) != nil {
		return ""
	}
	return strings.TrimSuffix(out.String(), "\n")
}

// tree adds the rows of a value to a card. what tells it from other values of
// the same card.
func (e *entry) tree(n *node, what string, depth int, g *group) {
	size := e.view.size(look.SizeCode)
	put := func(text string, ink fyne.ThemeColorName) span {
		return span{text: visible(text), face: face{mono: true, size: size}, ink: ink}
	}
	for i, k := range n.kids {
		b := &block{left: cardPad + 16 + float32(depth)*16, right: cardPad, group: g, pre: true}
		if k.key != "" {
			b.spans = append(b.spans, put(k.key, inkType), put(": ", look.ColorMuted))
		} else {
			b.spans = append(b.spans, put(strconv.Itoa(i)+": ", look.ColorMuted))
		}
		if !k.holds {
			b.spans = append(b.spans, put(k.value, valueInk(k.value)))
			e.blocks = append(e.blocks, b)
			continue
		}
		open := e.isOpen(what+k.path, depth, k)
		mark, words := "▸", count(len(k.kids), k.list)
		if open {
			mark = "▾"
		}
		b.spans = append(b.spans, put(words, look.ColorMuted))
		if len(k.kids) > 0 {
			toggle := func() {
				if e.folds == nil {
					e.folds = map[string]bool{}
				}
				e.folds[what+k.path] = !open
				e.rebuild()
			}
			b.marker = []span{put(mark, look.ColorMuted)}
			b.marker[0].act = toggle
			for i := range b.spans {
				b.spans[i].act = toggle
			}
		}
		e.blocks = append(e.blocks, b)
		if open {
			e.tree(k, what, depth+1, g)
		}
	}
}

func (e *entry) isOpen(path string, depth int, n *node) bool {
	if open, ok := e.folds[path]; ok && !e.all {
		return open
	}
	return e.all || depth < openDepth-1 && len(n.kids) <= openKids
}

func count(n int, list bool) string {
	switch {
	case n == 0 && list:
		return "[]"
	case n == 0:
		return "{}"
	case list:
		return "[" + say.N(n, "%d item", "%d items", n) + "]"
	}
	return "{" + say.N(n, "%d field", "%d fields", n) + "}"
}

func valueInk(v string) fyne.ThemeColorName {
	switch {
	case v == "":
		return theme.ColorNameForeground
	case v[0] == '"':
		return inkString
	case v[0] == '-' || v[0] >= '0' && v[0] <= '9':
		return inkNumber
	}
	return inkKeyword
}

//go:build linux && e2e

package driver

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"time"
)

// A Dump is what the program shows at one moment.
type Dump struct {
	Windows []Window `json:"windows"`
}

// A Window is one window of the program with what is in it.
type Window struct {
	Title  string  `json:"title"`
	Handle uint64  `json:"handle"` // the X server's number of it
	W      float64 `json:"w"`      // in pixels, as all places
	H      float64 `json:"h"`
	Scale  float64 `json:"scale"`
	Nodes  []Node  `json:"nodes"` // from the bottom to the top: what is over others comes later
}

// A Node is one thing in a window: a button, a text, an entry.
type Node struct {
	Type     string  `json:"type"` // of Go, such as "*widget.Button"
	Text     string  `json:"text"` // what it shows or holds
	Label    string  `json:"label"`
	X        float64 `json:"x"` // of its top left, from that of the window's content
	Y        float64 `json:"y"`
	W        float64 `json:"w"`
	H        float64 `json:"h"`
	Visible  bool    `json:"visible"`
	Disabled bool    `json:"disabled"`
	Checked  bool    `json:"checked"`
	Focused  bool    `json:"focused"`
	Layer    int     `json:"layer"` // 0 in the content, higher in what lies over it
	Path     string  `json:"path"`  // its place in the tree of the window

	window *Window
}

// center is the middle of what is inside the window, in pixels, and whether
// there is anything of it inside.
func (n Node) center() (x, y int, inside bool) {
	left, right := max(n.X, 0), min(n.X+n.W, n.window.W)
	top, bottom := max(n.Y, 0), min(n.Y+n.H, n.window.H)
	return int((left + right) / 2), int((top + bottom) / 2), right-left >= 2 && bottom-top >= 2
}

// reachable tells whether a click would get to the node: whether nothing lies
// over the window's content that it is not part of.
func (n Node) reachable() bool {
	for _, other := range n.window.Nodes {
		if other.Layer > n.Layer {
			return false
		}
	}
	return true
}

// String says what it is in a line.
func (n Node) String() string {
	text := n.Text
	if n.Label != "" && n.Label != n.Text {
		text += " (" + n.Label + ")"
	}
	return fmt.Sprintf("%s %q at %.0f,%.0f %.0fx%.0f", n.Type, text, n.X, n.Y, n.W, n.H)
}

// A Match picks nodes.
type Match struct {
	what  string
	fits  func(Node) bool
	first bool
	last  bool
}

// String says what is looked for.
func (m Match) String() string { return m.what }

// Text picks what shows exactly this text, or is labelled so.
func Text(text string) Match {
	return Match{what: fmt.Sprintf("%q", text), fits: func(n Node) bool { return n.Text == text || n.Label == text }}
}

// Contains picks what shows this text among other, or is labelled so.
func Contains(text string) Match {
	return Match{what: fmt.Sprintf("something with %q", text), fits: func(n Node) bool {
		return strings.Contains(n.Text, text) || strings.Contains(n.Label, text)
	}}
}

// Like picks what shows a text that the expression matches.
func Like(expression string) Match {
	re := regexp.MustCompile(expression)
	return Match{what: fmt.Sprintf("something like %q", expression), fits: func(n Node) bool {
		return re.MatchString(n.Text) || re.MatchString(n.Label)
	}}
}

// Kind narrows a match to a type, without its package: "Button", "Entry".
func (m Match) Kind(kind string) Match {
	fits := m.fits
	m.what = kind + " " + m.what
	m.fits = func(n Node) bool { return (n.Type == kind || strings.HasSuffix(n.Type, "."+kind)) && fits(n) }
	return m
}

// Where narrows a match to what the function accepts.
func (m Match) Where(what string, accepts func(Node) bool) Match {
	fits := m.fits
	m.what += " " + what
	m.fits = func(n Node) bool { return fits(n) && accepts(n) }
	return m
}

// First takes of several that match the one that a person reads first.
func (m Match) First() Match {
	m.what = "the first " + m.what
	m.first = true
	return m
}

// Last takes of several that match the one that a person reads last.
func (m Match) Last() Match {
	m.what = "the last " + m.what
	m.last = true
	return m
}

// dumpLimit bounds one look at the program.
const dumpLimit = time.Minute

// read takes one dump from the socket.
func read(ctx context.Context, socket string) (Dump, error) {
	ctx, cancel := context.WithTimeout(ctx, dumpLimit)
	defer cancel()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", socket)
	if err != nil {
		return Dump{}, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	text, err := io.ReadAll(conn)
	if err != nil {
		return Dump{}, fmt.Errorf("reading the dump: %w", err)
	}
	var d Dump
	if err := json.Unmarshal(text, &d); err != nil {
		return Dump{}, fmt.Errorf("reading the dump: %w", err)
	}
	for i := range d.Windows {
		w := &d.Windows[i]
		for j := range w.Nodes {
			w.Nodes[j].window = w
		}
	}
	return d, nil
}

// Find lists the visible nodes that match, over all windows, the topmost last.
// Of a node and another inside it that both match, such as a button and its
// text, only the outer one is listed.
func (d Dump) Find(m Match) (found []Node) {
	for _, w := range d.Windows {
		for _, n := range w.Nodes {
			if !n.Visible || !m.fits(n) {
				continue
			}
			if last := len(found) - 1; last >= 0 && found[last].window == n.window && strings.HasPrefix(n.Path, found[last].Path+"/") {
				continue
			}
			found = append(found, n)
		}
	}
	return found
}

// Texts are all that the windows show, each once, for messages.
func (d Dump) Texts() string {
	var b strings.Builder
	for _, w := range d.Windows {
		fmt.Fprintf(&b, "window %q:", w.Title)
		seen := map[string]bool{}
		for _, n := range w.Nodes {
			for _, text := range []string{n.Text, n.Label} {
				if n.Visible && text != "" && !seen[text] {
					seen[text] = true
					fmt.Fprintf(&b, " %q", text)
				}
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

// scroller is the largest thing that scrolls and is not covered.
func (d Dump) scroller() (largest Node, ok bool) {
	scrolls := Match{fits: func(n Node) bool { return n.reachable() }}.Kind("Scroll")
	for _, n := range d.Find(scrolls) {
		if n.W*n.H > largest.W*largest.H {
			largest, ok = n, true
		}
	}
	return largest, ok
}

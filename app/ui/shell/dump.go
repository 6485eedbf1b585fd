package shell

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"os"
	"reflect"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver"

	"github.com/drawbridge-app/drawbridge/app/ui/tree"
)

// dumpLimit bounds how long one dump may take, from the connection to its last
// byte.
const dumpLimit = 5 * time.Second

// dumpDoc is what one connection to the dump socket gets.
type dumpDoc struct {
	Windows []dumpWindow `json:"windows"`
}

// dumpWindow is a window. Pixels count from the corner of its content.
type dumpWindow struct {
	Title  string     `json:"title"`
	Handle uint64     `json:"handle,omitempty"` // of the X11 window
	X      int        `json:"x"`
	Y      int        `json:"y"`
	W      int        `json:"w"`
	H      int        `json:"h"`
	Scale  float32    `json:"scale"`
	Nodes  []dumpNode `json:"nodes"`
}

// dumpNode is an object that a person can see, or could by scrolling.
type dumpNode struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	Label    string `json:"label"`
	X        int    `json:"x"`
	Y        int    `json:"y"`
	W        int    `json:"w"`
	H        int    `json:"h"`
	Layer    int    `json:"layer"` // 0 is the content; what lies above it has higher ones
	Visible  bool   `json:"visible"`
	Disabled bool   `json:"disabled"`
	Checked  bool   `json:"checked"`
	Focused  bool   `json:"focused"`
	Path     string `json:"path"`
}

// serveDump answers each connection to the socket with one document. It looks
// and never acts. It returns when the context ends.
func serveDump(ctx context.Context, path string, do func(func()), windows func() []fyne.Window, logger *slog.Logger) error {
	ln, err := listenDump(path)
	if err != nil {
		return fmt.Errorf("open the dump socket: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { ln.Close() })
	defer stop()
	defer os.Remove(path)
	defer ln.Close()
	for {
		conn, err := ln.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("answer on the dump socket: %w", err)
		}
		if err := answerDump(ctx, conn, do, windows); err != nil {
			logger.Warn("a dump of the window failed", "error", err)
		}
	}
}

// listenDump makes the socket under another name, so that it has its mode when
// it appears under its own.
func listenDump(path string) (net.Listener, error) {
	early := path + ".new"
	for _, p := range []string{path, early} {
		if err := os.Remove(p); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
	}
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: early, Net: "unix"})
	if err != nil {
		return nil, err
	}
	ln.SetUnlinkOnClose(false)
	if err := os.Chmod(early, 0o600); err != nil {
		return nil, errors.Join(err, ln.Close(), os.Remove(early))
	}
	if err := os.Rename(early, path); err != nil {
		return nil, errors.Join(err, ln.Close(), os.Remove(early))
	}
	return ln, nil
}

func answerDump(ctx context.Context, conn net.Conn, do func(func()), windows func() []fyne.Window) error {
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(dumpLimit)); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, dumpLimit)
	defer cancel()
	done := make(chan dumpDoc, 1)
	do(func() { done <- dump(windows()) })
	select {
	case doc := <-done:
		return json.NewEncoder(conn).Encode(doc)
	case <-ctx.Done():
		return errors.New("the window did not answer")
	}
}

// dump describes the windows. It runs on the UI goroutine.
func dump(windows []fyne.Window) dumpDoc {
	doc := dumpDoc{Windows: []dumpWindow{}}
	for _, w := range windows {
		c := w.Canvas()
		d := dumper{canvas: c, scale: c.Scale(), nodes: []dumpNode{}}
		size := c.Size()
		full := rect{0, 0, size.Width, size.Height}
		d.walk(c.Content(), fyne.Position{}, full, "content")
		for i, o := range c.Overlays().List() {
			d.layer = i + 1
			d.walk(o, fyne.Position{}, full, fmt.Sprintf("overlay%d", i+1))
		}
		doc.Windows = append(doc.Windows, dumpWindow{
			Title: w.Title(), Handle: handle(w), W: d.px(size.Width), H: d.px(size.Height),
			Scale: d.scale, Nodes: d.nodes,
		})
	}
	return doc
}

func handle(w fyne.Window) (id uint64) {
	if n, ok := w.(driver.NativeWindow); ok {
		n.RunNative(func(c any) {
			if x, ok := c.(driver.X11WindowContext); ok {
				id = uint64(x.WindowHandle)
			}
		})
	}
	return id
}

// rect is a rectangle by its edges, in Fyne's units.
type rect struct{ left, top, right, bottom float32 }

func (r rect) cut(s rect) rect {
	return rect{max(r.left, s.left), max(r.top, s.top), min(r.right, s.right), min(r.bottom, s.bottom)}
}

// empty reports whether less than a unit of it can be seen.
func (r rect) empty() bool { return r.right-r.left < 1 || r.bottom-r.top < 1 }

type dumper struct {
	canvas fyne.Canvas
	scale  float32
	layer  int
	nodes  []dumpNode
}

func (d *dumper) px(v float32) int { return int(math.Round(float64(v * d.scale))) }

func (d *dumper) walk(o fyne.CanvasObject, offset fyne.Position, clip rect, path string) {
	if o == nil || !o.Visible() {
		return
	}
	pos, size := o.Position().Add(offset), o.Size()
	whole := rect{pos.X, pos.Y, pos.X + size.Width, pos.Y + size.Height}
	seen := whole.cut(clip)

	children, clips := tree.Children(o)
	if clips {
		clip = clip.cut(whole)
	}
	if d.add(o, whole, seen, path) {
		return
	}
	for i, child := range children {
		d.walk(child, pos, clip, fmt.Sprintf("%s/%s%d", path, shortType(child), i))
	}
}

// add notes an object, and reports whether what is inside it must not be shown.
func (d *dumper) add(o fyne.CanvasObject, whole, seen rect, path string) (secret bool) {
	switch o := o.(type) {
	case *canvas.Text:
		if o.Text == "" {
			return false
		}
	case *canvas.Image:
	case fyne.Widget:
	default:
		return false
	}
	n := dumpNode{Type: reflect.TypeOf(o).String(), Layer: d.layer, Visible: !seen.empty(), Path: path}
	n.Text, n.Label, n.Checked, secret = describe(o)
	r := whole
	if n.Visible {
		r = seen
	}
	n.X, n.Y = d.px(r.left), d.px(r.top)
	n.W, n.H = d.px(r.right)-n.X, d.px(r.bottom)-n.Y
	if dis, ok := o.(fyne.Disableable); ok {
		n.Disabled = dis.Disabled()
	}
	if f, ok := o.(fyne.Focusable); ok {
		n.Focused = d.canvas.Focused() == f
	}
	d.nodes = append(d.nodes, n)
	return secret
}

// describe returns what an object says. Widgets of our own say it through
// DumpText and AccessibilityLabel; those of Fyne, and widgets made from them,
// are read by the names of their fields. A password is never among it.
func describe(o fyne.CanvasObject) (text, label string, checked, secret bool) {
	v := reflect.ValueOf(o)
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	field := func(name string, kind reflect.Kind) reflect.Value {
		if v.Kind() != reflect.Struct {
			return reflect.Value{}
		}
		f, ok := v.Type().FieldByName(name)
		if !ok || !f.IsExported() || f.Type.Kind() != kind {
			return reflect.Value{}
		}
		fv, err := v.FieldByIndexErr(f.Index)
		if err != nil {
			return reflect.Value{}
		}
		return fv
	}
	if f := field("Password", reflect.Bool); f.IsValid() {
		secret = f.Bool()
	}
	// A password that its reveal button shows is still a password.
	if f := field("ActionItem", reflect.Interface); f.IsValid() && !f.IsNil() {
		secret = secret || strings.HasSuffix(f.Elem().Type().String(), ".passwordRevealer")
	}
	if f := field("Checked", reflect.Bool); f.IsValid() {
		checked = f.Bool()
	}
	if f := field("Item", reflect.Pointer); f.IsValid() {
		if item, ok := f.Interface().(*fyne.MenuItem); ok && item != nil {
			text, checked = item.Label, item.Checked
		}
	}
	for _, name := range []string{"Text", "Selected"} {
		if f := field(name, reflect.String); f.IsValid() && !secret && text == "" {
			text = f.String()
		}
	}
	if t, ok := o.(interface{ DumpText() string }); ok && !secret {
		text = t.DumpText()
	}
	if a, ok := o.(interface{ AccessibilityLabel() string }); ok {
		label = a.AccessibilityLabel()
	}
	if f := field("PlaceHolder", reflect.String); f.IsValid() && label == "" {
		label = f.String()
	}
	return text, label, checked, secret
}

func shortType(o fyne.CanvasObject) string {
	t := reflect.TypeOf(o)
	if t == nil {
		return "nil"
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Name()
}

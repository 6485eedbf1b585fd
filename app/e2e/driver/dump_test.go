//go:build linux && e2e

package driver

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const sample = `{"windows":[{"title":"Drawbridge","handle":7,"w":400,"h":300,"scale":1,"nodes":[
	{"type":"*widget.Button","text":"Send","x":10,"y":20,"w":80,"h":36,"visible":true,"path":"content/Button0"},
	{"type":"*canvas.Text","text":"Send","x":14,"y":24,"w":60,"h":20,"visible":true,"path":"content/Button0/Text0"},
	{"type":"*widget.Button","text":"Stop","x":10,"y":60,"w":80,"h":36,"visible":true,"disabled":true,"path":"content/Button1"},
	{"type":"*widget.Label","text":"far below","x":10,"y":900,"w":80,"h":36,"visible":false,"path":"content/Label2"},
	{"type":"*widget.Entry","text":"","label":"Message","x":390,"y":290,"w":80,"h":36,"visible":true,"path":"content/Entry3"}
	%s]}]}`

const dialog = `,{"type":"*widget.Button","text":"Allow once","x":100,"y":100,"w":90,"h":30,"layer":1,"visible":true,"path":"overlay1/Button0"}`

// serve answers each connection with a text until the test ends.
func serve(t *testing.T, answer func(net.Conn)) string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			answer(conn)
		}
	}()
	return socket
}

func take(t *testing.T, text string) Dump {
	t.Helper()
	d, err := read(t.Context(), serve(t, func(c net.Conn) {
		fmt.Fprint(c, text)
		c.Close()
	}))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestFind(t *testing.T) {
	d := take(t, fmt.Sprintf(sample, ""))
	for _, c := range []struct {
		match Match
		want  string // paths
	}{
		{Text("Send"), "content/Button0"}, // and not the text inside it
		{Text("Sen"), ""},
		{Contains("S"), "content/Button0 content/Button1"},
		{Contains("S").Kind("Button"), "content/Button0 content/Button1"},
		{Contains("S").Kind("Entry"), ""},
		{Text("Message"), "content/Entry3"},
		{Like("^S.*d$"), "content/Button0"},
		{Text("far below"), ""}, // it is not visible
		{Contains("S").Where("that can be used", func(n Node) bool { return !n.Disabled }), "content/Button0"},
	} {
		var got []string
		for _, n := range d.Find(c.match) {
			got = append(got, n.Path)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%v: %q, want %q", c.match, got, c.want)
		}
	}
}

func TestReachable(t *testing.T) {
	send := take(t, fmt.Sprintf(sample, "")).Find(Text("Send"))[0]
	if x, y, inside := send.center(); x != 50 || y != 38 || !inside || !send.reachable() {
		t.Errorf("%d,%d %v, reachable %v", x, y, inside, send.reachable())
	}
	// What sticks out of the window is clicked where it is in it.
	entry := take(t, fmt.Sprintf(sample, "")).Find(Text("Message"))[0]
	if x, y, inside := entry.center(); x != 395 || y != 295 || !inside {
		t.Errorf("%d,%d %v", x, y, inside)
	}
	covered := take(t, fmt.Sprintf(sample, dialog))
	if covered.Find(Text("Send"))[0].reachable() {
		t.Error("a button under a dialog can be reached")
	}
	if !covered.Find(Text("Allow once"))[0].reachable() {
		t.Error("a button of the dialog cannot be reached")
	}
}

func TestReadIsBounded(t *testing.T) {
	for name, answer := range map[string]func(net.Conn){
		"silence": func(net.Conn) {},
		"half": func(c net.Conn) {
			fmt.Fprint(c, `{"windows":[`)
			c.Close()
		},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if d, err := read(ctx, serve(t, answer)); err == nil {
			t.Errorf("%s: %v", name, d)
		}
	}
}

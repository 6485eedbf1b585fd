package mcphost

import (
	"bufio"
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
)

func TestVisible(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain ä 漢 😀\n\t": "plain ä 漢 😀\n\t",
		"a\u202eb":        "a‹U+202E›b",
		"a\u200bb\ufeff":  "a‹U+200B›b‹U+FEFF›",
		"\U000E0041":      "‹U+E0041›",
		"a\rb\x1b[0m\x7f": "a‹U+000D›b‹U+001B›[0m‹U+007F›",
		"\u0085\u00ad":    "‹U+0085›‹U+00AD›",
		"\xff":            "\uFFFD",
	} {
		if got := visible(in); got != want {
			t.Errorf("%q became %q, not %q", in, got, want)
		}
	}
}

func TestPrintable(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"a\x1b[1;31mb\x1b[0m\x1b]8;;http://x\x07link\x1b]8;;\x1b\\": "ablink",
		"a\x00b\rc\u009b31md":    "abcd",
		"می\u200cخواهم 👩\u200d🚀": "می\u200cخواهم 👩\u200d🚀", // joiners are part of writing
		"x\u202ey":               "x‹U+202E›y",
	} {
		if got := printable(in); got != want {
			t.Errorf("%q became %q, not %q", in, got, want)
		}
	}
}

func TestLogLongLines(t *testing.T) {
	t.Parallel()
	l := newServerLog("", "x")
	long := strings.Repeat("ä", 10_000)
	l.add(long)
	if got := strings.ReplaceAll(strings.Join(l.lines(0), ""), "…", ""); got != long {
		t.Errorf("%d bytes are left of %d", len(got), len(long))
	}
	for _, line := range l.lines(0) {
		if len(line) > logLineMax+len("…") || !utf8.ValidString(line) {
			t.Errorf("a line of %d bytes", len(line))
		}
	}
	for i := range 100_000 {
		l.add(fmt.Sprint("line ", i))
	}
	lines := l.lines(0)
	if lines[len(lines)-1] != "line 99999" || l.bytes > logRing+logRing/4 {
		t.Errorf("%d lines, %d bytes", len(lines), l.bytes)
	}
}

func TestLogNames(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"../../evil", "a/b", "", ".hidden", strings.Repeat("x", 300), "con\x00", "ä"} {
		l := newServerLog("/dir", id)
		if !strings.HasPrefix(l.path, "/dir/server-") && !strings.HasPrefix(l.path, `\dir\server-`) {
			t.Errorf("%q is kept in %s", id, l.path)
		}
	}
}

func TestAnsweredID(t *testing.T) {
	t.Parallel()
	number, _ := jsonrpc.MakeID(float64(7))
	text, _ := jsonrpc.MakeID("q7")
	for _, c := range []struct {
		head, tail string
		want       jsonrpc.ID
	}{
		{`{"jsonrpc":"2.0","id":7,"result":{`, `}}`, number},
		{`{"id": "q7", "jsonrpc": "2.0", "result": {`, `}}`, text},
		{`{"result":{"content":[`, `]},"jsonrpc":"2.0","id":7}` + "\n", number},
		{`{"result":{"content":[`, `]},"id":7,"jsonrpc":"2.0"}`, number},
		{`{"jsonrpc":"2.0","id":7,"method":"x","params":{`, `"id":7}`, jsonrpc.ID{}},
		{`{"result":{"id":7,"content":[`, `]}}`, jsonrpc.ID{}},
	} {
		if got, ok := answeredID([]byte(c.head), []byte(c.tail)); got != c.want || ok != c.want.IsValid() {
			t.Errorf("%s … %s: %v", c.head, c.tail, got.Raw())
		}
	}
}

func TestEventReader(t *testing.T) {
	t.Parallel()
	events := eventReader{data: []byte(": hello\r\nevent: message\r\ndata: a\r\ndata:b\r\n\r\n\ndata: {}\nid: 3\n\ndata: cut off")}
	var got []string
	for data, ok := events.next(); ok; data, ok = events.next() {
		got = append(got, string(data))
	}
	if fmt.Sprint(got) != "[a\nb {}]" {
		t.Errorf("%q", got)
	}
}

// FuzzLines feeds a connection what a server might write.
func FuzzLines(f *testing.F) {
	f.Add([]byte("banner\n{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n[{}]\n"))
	f.Add([]byte(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1}}`))
	f.Add([]byte(`{"jsonrpc":"2.0","id":"a","method":"ping"}` + "\n" + `{"jsonrpc":"2.0","method":"notifications/message","params":{"data":{}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var strayed int
		none := func() {}
		c := newLineConn(iotest.HalfReader(bytes.NewReader(data)), &bytes.Buffer{}, none, peerEvents{
			progress: newLink(child(t, "s", "x"), newServerLog("", "s"), nil).progress,
			notice:   newLink(child(t, "s", "x"), newServerLog("", "s"), nil).notice, stray: func([]byte) { strayed++ }, note: func(string) {},
		})
		c.in = bufio.NewReaderSize(iotest.HalfReader(bytes.NewReader(data)), 16)
		for {
			if _, err := c.Read(t.Context()); err != nil {
				break
			}
		}
		if strayed > bytes.Count(data, []byte("\n"))+1+bytes.Count(data, []byte(",")) {
			t.Fatalf("%d lines were no message", strayed)
		}
	})
}

package tools_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

func TestShapeLeavesWhatFits(t *testing.T) {
	t.Parallel()
	r := store.ToolResult{CallID: "c", Content: store.Parts{store.Text{Text: "short"}, store.Image{MIMEType: "image/png", Data: []byte("x")}}, Structured: json.RawMessage(`{"a":1}`)}
	got, cut := tools.Shape(r, "h", 2000)
	if cut || !reflect.DeepEqual(got, r) {
		t.Errorf("%+v became %+v", r, got)
	}
}

func TestShapeCuts(t *testing.T) {
	t.Parallel()
	image := store.Image{MIMEType: "image/png", Data: []byte(strings.Repeat("i", 9000))}
	file := store.File{Name: "a.zip", MIMEType: "application/zip", Data: []byte("zip")}
	text := "HEAD" + strings.Repeat("é", 5000) + "MIDDLE"
	r := store.ToolResult{CallID: "c", IsError: true, Content: store.Parts{store.Text{Text: text}, image, file}, Structured: json.RawMessage(`{"end":"TAIL"}`)}
	before := fmt.Sprintf("%+v", r)
	got, cut := tools.Shape(r, "handle-1", 2000)
	if !cut || got.CallID != "c" || !got.IsError || got.Structured != nil || len(got.Content) != 3 {
		t.Fatalf("became %+v", got)
	}
	shown := got.Content.Text()
	if len(shown) > 2000 || len(shown) < 1900 || !utf8.ValidString(shown) {
		t.Errorf("%d bytes are shown", len(shown))
	}
	for _, want := range []string{"HEAD", `{"end":"TAIL"}`, "handle-1", "read_result"} {
		if !strings.Contains(shown, want) {
			t.Errorf("no %q in %s", want, shown)
		}
	}
	if !reflect.DeepEqual(got.Content[1], image) || !reflect.DeepEqual(got.Content[2], file) {
		t.Errorf("the image or the file changed: %+v", got.Content[1:])
	}
	if fmt.Sprintf("%+v", r) != before {
		t.Error("the result itself changed")
	}
}

// TestReadGoesThrough reads a cut result from the offset that its note names, as
// a model would, until its end, and gets every byte.
func TestReadGoesThrough(t *testing.T) {
	t.Parallel()
	r := store.ToolResult{Content: store.Parts{
		store.Text{Text: strings.Repeat("日本語 und so weiter. ", 500)},
		store.File{Name: "a.txt", MIMEType: "text/plain; charset=utf-8", Data: []byte("in the file")},
	}, Structured: json.RawMessage(`{"a":"b"}`)}
	shaped, cut := tools.Shape(r, "h", 3000)
	if !cut {
		t.Fatal("it was not cut")
	}
	whole := tools.Readable(r)
	shown := shaped.Content[0].(store.Text).Text
	m := regexp.MustCompile(`left out (\d+) of (\d+) bytes here\. .* offset (\d+) `).FindStringSubmatch(shown)
	if m == nil {
		t.Fatalf("no note in %s", shown)
	}
	size, _ := strconv.Atoi(m[2])
	offset, _ := strconv.Atoi(m[3])
	if size != len(whole) || !strings.HasPrefix(shown, whole[:offset]) {
		t.Errorf("the note says %v of %d", m, len(whole))
	}
	got := whole[:offset]
	for range 100 {
		text := tools.Read(r, offset, 700, 1<<20).Content.Text()
		body, note, _ := cutLast(text, "\n\n[Bytes ")
		if len(body) > 700 || !utf8.ValidString(body) {
			t.Fatalf("%d bytes at once", len(body))
		}
		got += body
		next := regexp.MustCompile(`The next offset is (\d+)\.`).FindStringSubmatch(note)
		if next == nil {
			break
		}
		offset, _ = strconv.Atoi(next[1])
	}
	if got != whole || !strings.HasSuffix(whole, "in the file\n{\"a\":\"b\"}") {
		t.Errorf("read %d bytes of %d", len(got), len(whole))
	}
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

func TestRead(t *testing.T) {
	t.Parallel()
	r := store.ToolResult{Content: store.Parts{store.Text{Text: `{"a": 1}`}}, Structured: json.RawMessage(`{"a":1}`)}
	if got := tools.Readable(r); got != `{"a": 1}` {
		t.Errorf("what is said twice is read as %q", got)
	}
	if got := tools.Read(r, 0, 0, 0); got.IsError || !strings.HasPrefix(got.Content.Text(), `{"a": 1}`) || !strings.Contains(got.Content.Text(), "the end") {
		t.Errorf("%+v", got)
	}
	for _, offset := range []int{-1, 8, 1 << 40} {
		if got := tools.Read(r, offset, 1, 100); !got.IsError || !strings.Contains(got.Content.Text(), "0 to 7") {
			t.Errorf("from %d: %+v", offset, got)
		}
	}
	wide := store.ToolResult{Content: store.Parts{store.Text{Text: "日本"}}}
	if got := tools.Read(wide, 1, 1, 100).Content.Text(); !strings.HasPrefix(got, "日\n") {
		t.Errorf("a part of a character: %q", got)
	}
	if got := tools.Read(store.ToolResult{Content: store.Parts{store.Text{Text: strings.Repeat("x", 99_999)}}}, 0, 90_000, 5000).Content.Text(); len(got) > 5200 {
		t.Errorf("%d bytes at a limit of 5000", len(got))
	}
	for raw, want := range map[string]string{
		`{"handle":"h","offset":3,"length":4}`:     "h 3 4 <nil>",
		`{"handle":"h"}`:                           "h 0 0 <nil>",
		`{"handle":"h","offset":1e300}`:            "h 1099511627776 0 <nil>",
		`{"handle":"h","offset":-5,"length":-1e9}`: "h -1 -1 <nil>",
	} {
		h, o, l, err := tools.ReadArguments(json.RawMessage(raw))
		if got := fmt.Sprint(h, " ", o, " ", l, " ", err); got != want {
			t.Errorf("%s: %s, want %s", raw, got, want)
		}
	}
	for _, raw := range []string{``, `{}`, `{"handle":3}`, `[]`, `{"handle":"h","offset":"x"}`} {
		if _, _, _, err := tools.ReadArguments(json.RawMessage(raw)); err == nil {
			t.Errorf("%s is taken", raw)
		}
	}
}

// FuzzShape checks that a shaped result is valid text within its limit, and that
// nothing of it can be read wrong.
func FuzzShape(f *testing.F) {
	f.Add("text", "more\xff", 10, 5, 1500)
	f.Add(strings.Repeat("é", 3000), "日本", 100, 7, 1024)
	f.Fuzz(func(t *testing.T, one, two string, offset, length, limit int) {
		r := store.ToolResult{Content: store.Parts{store.Text{Text: one}, store.File{MIMEType: "text/x", Data: []byte(two)}}, Structured: json.RawMessage(strconv.Quote(two))}
		shaped, cut := tools.Shape(r, "h", limit)
		shown := shaped.Content.Text()
		if cut && (len(shown) > max(limit, tools.MinShape) || !utf8.ValidString(shown)) {
			t.Errorf("%d bytes for a limit of %d", len(shown), limit)
		}
		got := tools.Read(r, offset, length, limit)
		if !utf8.ValidString(got.Content.Text()) || got.IsError != (offset < 0 || offset >= len(tools.Readable(r))) {
			t.Errorf("from %d: %+v", offset, got)
		}
	})
}

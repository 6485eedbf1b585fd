package chat

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fyne.io/fyne/v2/test"

	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
	"github.com/drawbridge-app/drawbridge/bridge"
)

// ExportConversation writes which conversation it is, and in which form.
func (e *engine) ExportConversation(_ context.Context, id string, f bridge.ExportFormat, w io.Writer) error {
	if id == "" {
		return errors.New("there is no conversation")
	}
	_, err := io.WriteString(w, string(f)+" of a conversation")
	return err
}

// chosen answers for the person with files of a folder.
type chosen struct{ dir string }

func (c chosen) Save(name string, then func(string, error)) { then(filepath.Join(c.dir, name), nil) }
func (c chosen) Open(_ []string, then func(string, error))  { then("", nil) }

func TestExportFromTheList(t *testing.T) {
	b := newBench(t, newEngine())
	b.p.o.Files = chosen{t.TempDir()}
	b.p.NewChat()
	b.say("a/b: fish?")
	b.settle()
	row := b.row("a/b: fish?")
	for entry, want := range map[string]string{
		"Export as Markdown…": "a b fish.md", "Export as JSON…": "a b fish.json",
	} {
		test.Tap(row.more)
		b.menu(entry)
		b.settle()
		got, err := os.ReadFile(filepath.Join(b.p.o.Files.(chosen).dir, want))
		if err != nil || !strings.HasSuffix(string(got), " of a conversation") || !strings.HasPrefix(string(got), map[string]string{".md": "markdown", ".json": "json"}[filepath.Ext(want)]) {
			t.Errorf("%s: %q, %v", entry, got, err)
		}
	}
	b.p.o.Files = chosen{filepath.Join(t.TempDir(), "gone")}
	test.Tap(row.more)
	b.menu("Export as JSON…")
	b.settle()
	uitest.Shows(t, b.w, "o such file")
}

func TestFileName(t *testing.T) {
	for in, want := range map[string]string{
		"../../etc/passwd": "etc passwd", "": "conversation", "日本語 😀": "日本語", strings.Repeat("ab ", 40): strings.TrimSpace(strings.Repeat("ab ", 20)),
		"CON: a|b": "CON a b",
	} {
		if got := fileName(in); got != want {
			t.Errorf("fileName(%q) = %q, want %q", in, got, want)
		}
	}
}

//go:build linux && e2e

package e2e

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/drawbridge-app/drawbridge/app/e2e/desk"
	"github.com/drawbridge-app/drawbridge/app/e2e/driver"
)

// TestExport takes a conversation out of the program as Markdown and as JSON, and
// everything as one file, and takes that in elsewhere. No secret goes along.
func TestExport(t *testing.T) {
	k := newTold(t)
	k.begin()
	const said = "What is to be kept?"
	k.say(said)
	k.calls(k.asks(), "call_1", "note", "kept")
	k.click(driver.Text("Allow once"))
	k.answer(k.asks(), "A list:\n\n- what **was said**\n- what was called")
	k.see(driver.Contains("what was called"))
	k.idle()

	// By the menu of the conversation.
	k.must(k.app.SecondaryClick(k.ctx, driver.Text(said).Kind("row")))
	k.click(driver.Text("Export as Markdown…"))
	markdown := k.saved("said.md")
	for _, want := range []string{"# " + said, "- what **was said**", "journal", "note", `"kept"`, "It is written: kept"} {
		if !bytes.Contains(markdown, []byte(want)) {
			t.Errorf("the Markdown lacks %q:\n%s", want, markdown)
		}
	}

	// By the palette.
	k.must(k.app.Press(k.ctx, "ctrl+k"))
	k.focused("Find a command")
	k.must(k.app.Type(k.ctx, "export as json"))
	k.see(driver.Contains("Export this conversation as JSON").Kind("row"))
	k.must(k.app.Press(k.ctx, "Return"))
	document := k.saved("said.json")
	if !bytes.Contains(document, []byte("It is written: kept")) || !bytes.Contains(document, []byte("what **was said**")) {
		t.Errorf("the JSON is %s", document)
	}

	// Everything, in the settings.
	k.page("Settings")
	k.must(k.app.ScrollTo(k.ctx, driver.Text("Export everything…").Kind("Action"), true))
	k.click(driver.Text("Export everything…").Kind("Action"))
	whole := k.saved("whole.zip")
	k.must(k.app.ScrollTo(k.ctx, driver.Contains("1 conversation exported to"), true))
	k.picture("exported")
	files, err := zip.NewReader(bytes.NewReader(whole), int64(len(whole)))
	k.must(err)
	var inside bytes.Buffer
	for _, f := range files.File {
		r, err := f.Open()
		k.must(err)
		_, err = io.Copy(&inside, r)
		k.must(err)
		k.must(r.Close())
	}
	if !bytes.Contains(inside.Bytes(), []byte("It is written: kept")) {
		t.Error("the conversation is not in the file with everything")
	}
	for name, text := range map[string][]byte{"said.md": markdown, "said.json": document, "whole.zip": inside.Bytes()} {
		if bytes.Contains(text, []byte(tellerKey)) {
			t.Errorf("the key is in %s", name)
		}
		info, err := os.Stat(filepath.Join(k.desk.Home(), name))
		k.must(err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s can be read by others: %v", name, info.Mode())
		}
	}
	k.quit()

	// Elsewhere it is as it was here.
	elsewhere := filepath.Join(k.desk.Home(), "elsewhere")
	out, err := k.try(elsewhere, "", "import", filepath.Join(k.desk.Home(), "whole.zip"))
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	here, there := k.conversation(k.home, said), k.conversation(elsewhere, said)
	if len(here.Messages) != 4 || here.text() != there.text() {
		t.Errorf("here is\n%s\nand there\n%s", here.text(), there.text())
	}
	k.keptNowhere(tellerKey)
}

// saved has the sheet that asks for a place write to a file in the home folder,
// and returns what is in it once it is whole.
func (s *stage) saved(name string) (text []byte) {
	s.t.Helper()
	entry := driver.Text("Enter filename").Kind("Entry")
	s.must(s.app.Fill(s.ctx, entry, name))
	s.see(entry.Where("with "+name, func(n driver.Node) bool { return n.Text == name }))
	s.picture("save-" + strings.ReplaceAll(name, ".", "-"))
	s.click(driver.Text("Save").Kind("Button"))
	s.gone(entry)
	s.must(desk.Until(s.ctx, stepLimit, "the file "+name, func(context.Context) (err error) {
		if text, err = os.ReadFile(filepath.Join(s.desk.Home(), name)); err == nil && len(text) == 0 {
			err = fmt.Errorf("it is empty")
		}
		return err
	}))
	return text
}

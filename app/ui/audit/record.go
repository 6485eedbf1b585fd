package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/parts"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/store"
)

// open shows all of a record.
func (p *Page) open(r store.AuditRecord) {
	facts := container.New(layout.NewCustomPaddedVBoxLayout(-10))
	fact := func(name, value string) {
		if value != "" {
			facts.Add(container.NewBorder(nil, nil, form.Sized(120, 0, form.MutedWord(name)), nil, form.Label(form.Visible(value, true))))
		}
	}
	words, _ := outcomeOf(r)
	fact(say.T("When"), say.Date(r.At.Local(), "2 Jan 2006, 15:04:05.000"))
	fact(say.T("Who"), p.whoOf(r))
	fact(say.T("Outcome"), words)
	fact(say.T("Why"), r.Reason)
	fact(say.T("Error"), r.Error)
	if r.Elapsed > 0 {
		fact(say.T("Took"), took(r.Elapsed))
	}
	if r.Kind == store.AuditCall && r.Server != "" {
		fact(say.T("Result"), parts.Size(int(r.ResultBytes)))
	}
	fact(say.T("Server"), p.serverName(r.Server))
	fact(say.T("Tool"), r.Tool)
	fact(say.T("Conversation"), r.Conversation)
	fact(say.T("Session"), r.Session)
	body := form.Column(facts)
	if len(r.Arguments) > 0 {
		body.Add(form.Caption(say.T("Arguments")))
		body.Add(parts.Text(pretty(r.Arguments)))
	}
	if len(r.ArgumentShape) > 0 {
		body.Add(form.Caption(say.T("Shape of the arguments")))
		body.Add(parts.Text(pretty(r.ArgumentShape)))
		if len(r.Arguments) == 0 {
			body.Add(form.Muted(say.T("The values are not kept. “What is kept…” on this page switches that on for later calls.")))
		}
	}
	sheet := form.NewSheet(p.o.Window, p.titleOf(r), body)
	sheet.SetSize(680, 560)
	copied := form.Button(say.T("Copy as JSON"), nil)
	copied.OnTapped = func() {
		raw, err := json.Marshal(r)
		if err != nil {
			sheet.Fail(form.Sentence(err))
			return
		}
		p.o.Clipboard.SetContent(string(raw))
		copied.SetText(say.T("Copied"))
	}
	done := form.NewAction(say.T("Close"), widget.HighImportance, sheet.Close)
	buttons := []fyne.CanvasObject{copied, done}
	if r.Server != "" {
		only := form.Button(say.T("Only this tool"), func() { sheet.Close(); p.filters.only(r.Server, r.Tool) })
		if r.Tool == "" {
			only.SetText(say.T("Only this server"))
		}
		buttons = append([]fyne.CanvasObject{only}, buttons...)
	}
	sheet.SetButtons(buttons...)
	sheet.SetFocus(done)
	sheet.OnClose(func() { p.o.Window.Canvas().Focus(p.list.list) })
	sheet.Show()
}

func pretty(raw json.RawMessage) string {
	var b bytes.Buffer
	if json.Indent(&b, raw, "", "  ") != nil {
		return string(raw)
	}
	return b.String()
}

// export asks for a file and writes the records to it.
func (p *Page) export() {
	path := form.NewField(say.T("File"), "/home/you/audit.jsonl", say.T("One record a line, as JSON, the newest first. It has to be a file that is not there yet."))
	path.SetText(filepath.Join(p.o.Home, "drawbridge-audit-"+p.o.Now().Format("2006-01-02-150405")+".jsonl"))
	shown := form.NewSwitch(say.T("Only what is shown"), nil)
	shown.Set(p.filters.any())
	choose := form.Button(say.T("Choose a folder…"), func() {
		d := dialog.NewFolderOpen(func(u fyne.ListableURI, err error) {
			switch {
			case err != nil:
				path.SetError(form.Sentence(err))
			case u != nil:
				path.SetText(filepath.Join(u.Path(), filepath.Base(path.Text())))
			}
		}, p.o.Window)
		d.Resize(fyne.NewSize(760, 560))
		d.Show()
	})
	done := form.Label("")
	done.Importance = widget.SuccessImportance
	done.Hide()
	sheet := form.NewSheet(p.o.Window, say.T("Export the audit"), form.Groups(
		form.Column(path.Box, container.NewHBox(choose)),
		form.SwitchRow(shown, say.T("Only what is shown"), say.T("Off, everything that is kept is written.")), done))
	sheet.SetSize(600, 380)
	busy := form.NewBusy()
	stop := context.CancelFunc(func() {})
	write := form.NewAction(say.T("Export"), widget.HighImportance, nil)
	leave := form.NewAction(say.T("Close"), widget.MediumImportance, sheet.Close)
	write.OnTapped = func() {
		path.SetError("")
		sheet.Fail("")
		done.Hide()
		to := strings.TrimSpace(path.Text())
		if !filepath.IsAbs(to) {
			path.SetError(say.T("Type the whole path, for example /home/you/audit.jsonl."))
			return
		}
		q := store.AuditQuery{}
		if shown.Checked {
			q = p.filters.query()
		}
		write.Disable()
		var lines int
		stop = p.o.Runner.RunBusy(busy, say.T("Writing…"), func(ctx context.Context) (err error) {
			lines, err = exportTo(ctx, p.o.Engine, to, q)
			return err
		}, func(err error) {
			write.Enable()
			switch {
			case errors.Is(err, os.ErrExist):
				path.SetError(say.T("There is a file of this name already. Choose another name."))
			case err != nil:
				sheet.Fail(form.Sentence(err))
			default:
				done.SetText(say.N(lines, "%d record is in %s.", "%d records are in %s.", lines, form.Visible(to, false)))
				done.Show()
				form.Relayout(done)
			}
		})
	}
	path.Entry.OnSubmitted = func(string) { write.OnTapped() }
	sheet.OnClose(func() { stop() })
	sheet.SetButtons(busy.Box, leave, write)
	sheet.SetFocus(path.Entry)
	sheet.Show()
}

// exportTo writes records to a new file, and returns how many. A file that could
// not be written whole is removed.
func exportTo(ctx context.Context, e Engine, path string, q store.AuditQuery) (lines int, err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, fmt.Errorf(say.T("the file cannot be made: %w"), err)
	}
	c := &counter{w: f}
	err = e.ExportAudit(ctx, c, q)
	if closed := f.Close(); err == nil && closed != nil {
		err = fmt.Errorf(say.T("write the file: %w"), closed)
	}
	if err != nil {
		return 0, errors.Join(err, os.Remove(path))
	}
	return c.lines, nil
}

// counter counts the lines that go through it.
type counter struct {
	w     io.Writer
	lines int
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.lines += bytes.Count(p[:n], []byte{'\n'})
	return n, err
}

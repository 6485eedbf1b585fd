package settings

import (
	"context"
	"io"
	"path/filepath"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/store"
)

// storageEngine is what the storage needs of package bridge.
type storageEngine interface {
	Storage(ctx context.Context) (bridge.Storage, error)
	ClearLogs() error
	ExportAll(ctx context.Context, w io.Writer, told func(done, of int)) error
	ImportFile(ctx context.Context, name string) (bridge.Imported, error)
}

// storage is how much is kept, and where it can be taken to.
type storage struct {
	Box                   *fyne.Container
	o                     Options
	sizes, backups, notes *fyne.Container
	busy                  *form.Busy
	fail                  *form.Words
	export, take, clear   *form.Action
}

func newStorage(o Options) *storage {
	s := &storage{o: o, sizes: form.Column(), backups: form.Column(), notes: form.Column(), busy: form.NewBusy(), fail: form.Failure("")}
	s.export = form.Button(say.T("Export everything…"), s.choosePlace)
	s.take = form.Button(say.T("Import…"), s.chooseFile)
	s.clear = form.Button(say.T("Clear the logs"), s.askClear)
	s.Box = section(say.T("Storage"), "", form.Column(
		s.sizes, s.backups,
		form.Muted(say.T("An export has all conversations, the servers and the settings in one zip file, and no secret. Import reads such a file, or a conversation that was exported as JSON; servers in it then wait for your review.")),
		form.Wrap(s.export, s.take, s.clear), s.busy.Box, s.fail, s.notes))
	return s
}

func (s *storage) load() {
	var now bridge.Storage
	s.o.Runner.Run(func(ctx context.Context) (err error) {
		now, err = s.o.Engine.Storage(ctx)
		return err
	}, func(err error) {
		form.SetFailure(s.fail, form.Sentence(err))
		s.show(now)
	})
}

func (s *storage) show(now bridge.Storage) {
	s.sizes.RemoveAll()
	for _, row := range []struct {
		name string
		size int64
	}{{say.T("Conversations, approvals and the audit"), now.Database}, {say.T("Logs"), now.Logs}, {say.T("Everything else"), now.Other}} {
		s.sizes.Add(container.NewBorder(nil, nil, nil, form.MutedWord(form.Bytes(row.size)), form.Label(row.name)))
	}
	s.sizes.Add(form.Muted(say.F("It is all in %s", form.Visible(now.Home, false))))
	s.backups.RemoveAll()
	if len(now.Backups) > 0 {
		s.backups.Add(form.Bold(say.T("Backups")))
		s.backups.Add(form.Muted(say.T("Before an update changes the database, it is copied. To go back: quit Drawbridge, move drawbridge.db, drawbridge.db-wal and drawbridge.db-shm out of the folder, rename a backup to drawbridge.db, and start the Drawbridge that you had before.")))
		for _, k := range now.Backups {
			s.backups.Add(backupRow(k))
		}
	}
	s.Box.Refresh()
}

func backupRow(k store.Backup) fyne.CanvasObject {
	words := say.Date(k.At.Local(), "2 January 2006, 15:04") + " · " + form.Bytes(k.Size)
	return container.New(layout.NewCustomPaddedVBoxLayout(-10), form.Label(words), form.MutedLine(form.Visible(filepath.Base(k.Path), false), fyne.TextStyle{Monospace: true}))
}

// choosePlace asks where the export is to go.
func (s *storage) choosePlace() {
	s.o.Files.Save("drawbridge-export.zip", func(path string, err error) {
		if path == "" {
			form.SetFailure(s.fail, form.Sentence(err))
			return
		}
		s.exportTo(path)
	})
}

func (s *storage) exportTo(path string) {
	s.begin()
	done := 0
	s.o.Runner.RunBusy(s.busy, say.T("Exporting…"), func(ctx context.Context) error {
		return form.WriteFile(path, func(w io.Writer) error {
			return s.o.Engine.ExportAll(ctx, w, func(n, of int) {
				s.o.Runner.Do(func() {
					done = n
					s.busy.Say(say.F("Exporting… %d of %d", n, of))
				})
			})
		})
	}, func(err error) {
		s.end(err)
		if err == nil {
			s.note(say.N(done, "%d conversation exported to %s", "%d conversations exported to %s", done, form.Visible(path, false)))
		}
	})
}

// chooseFile asks what is to be imported.
func (s *storage) chooseFile() {
	s.o.Files.Open([]string{".zip", ".json"}, func(path string, err error) {
		if path == "" {
			form.SetFailure(s.fail, form.Sentence(err))
			return
		}
		s.importFrom(path)
	})
}

func (s *storage) importFrom(path string) {
	s.begin()
	var got bridge.Imported
	s.o.Runner.RunBusy(s.busy, say.T("Importing…"), func(ctx context.Context) (err error) {
		got, err = s.o.Engine.ImportFile(ctx, path)
		return err
	}, func(err error) {
		s.end(err)
		s.note(importedWords(got))
		for _, cfg := range got.Providers {
			s.askKey(cfg)
		}
		for _, n := range got.Notes {
			s.note(form.Visible(n, false))
		}
		if len(got.Providers) > 0 {
			s.o.imported()
		}
	})
}

// importedWords says what came of an import.
func importedWords(got bridge.Imported) string {
	n := len(got.Conversations)
	words := say.N(n, "%d conversation imported.", "%d conversations imported.", n)
	if n := len(got.Servers); n > 0 {
		words += " " + say.N(n, "%d server imported, to be reviewed on the Servers page.", "%d servers imported, to be reviewed on the Servers page.", n)
	}
	if n := len(got.Providers); n > 0 {
		words += " " + say.N(n, "%d provider imported.", "%d providers imported.", n)
	}
	if n := got.Presets; n > 0 {
		words += " " + say.N(n, "%d system prompt imported.", "%d system prompts imported.", n)
	}
	return words
}

// askKey asks for the key of a provider that was imported.
func (s *storage) askKey(cfg store.ProviderConfig) {
	title, address := form.Visible(cfg.Title(), false), form.Visible(store.ShowAddress(cfg.BaseURL), false)
	if cfg.NoKey {
		s.note(say.F("%s goes to %s and wants no key.", title, address))
		return
	}
	give := form.Button(say.T("Give the key…"), func() { s.o.giveKey(cfg.ID) })
	give.Name = say.F("Give the key of %s", title)
	s.notes.Add(container.NewBorder(nil, nil, nil, container.NewCenter(give), form.Label(say.F("%s goes to %s and waits for its key.", title, address))))
	s.Box.Refresh()
}

// askClear clears the logs once that cannot be taken back any more.
func (s *storage) askClear() {
	s.o.undo.Offer(form.Undoable{
		Words: say.T("The logs are cleared in a moment; conversations and the audit stay"),
		End:   func(context.Context) error { return s.o.Engine.ClearLogs() },
		Done: func(_ bool, err error) {
			s.load()
			form.SetFailure(s.fail, form.Sentence(err))
		},
	})
	s.o.undo.Focus()
}

func (s *storage) begin() {
	s.notes.RemoveAll()
	form.SetFailure(s.fail, "")
	for _, a := range []*form.Action{s.export, s.take} {
		a.Disable()
	}
}

func (s *storage) end(err error) {
	for _, a := range []*form.Action{s.export, s.take} {
		a.Enable()
	}
	s.load()
	form.SetFailure(s.fail, form.Sentence(err))
}

func (s *storage) note(words string) {
	s.notes.Add(form.Label(words))
	s.Box.Refresh()
}

package settings

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/store"
)

// folders are those that the workbench may read.
type folders struct {
	Box  *fyne.Container
	o    Options
	list *fyne.Container
	path *form.Field
}

func newFolders(o Options) *folders {
	f := &folders{o: o, list: form.Column()}
	f.path = form.NewField(say.T("Folder"), "/home/you/notes", "")
	f.path.Entry.OnSubmitted = f.grant
	choose := form.Button(say.T("Choose…"), func() {
		d := dialog.NewFolderOpen(func(u fyne.ListableURI, err error) {
			switch {
			case err != nil:
				f.path.SetError(form.Sentence(err))
			case u != nil:
				f.grant(u.Path())
			}
		}, o.Window)
		d.Resize(fyne.NewSize(760, 560))
		d.Show()
	})
	choose.Name = say.T("Choose a folder")
	add := form.Button(say.T("Grant"), func() { f.grant(f.path.Text()) })
	f.Box = section(say.T("Workbench folders"),
		say.T("The built-in server may list, read and search files in these folders, and nowhere else. What it reads can go to the model."),
		form.Column(f.list, container.NewBorder(nil, nil, nil, container.New(layout.NewCustomPaddedVBoxLayout(0), form.NewWords(""), container.NewHBox(add, choose)), f.path.Box)))
	return f
}

func (f *folders) load() {
	f.list.RemoveAll()
	all := f.o.Engine.Settings().Folders
	if len(all) == 0 {
		f.list.Add(form.Muted(say.T("None yet.")))
	}
	for _, dir := range all {
		remove := form.Quiet(say.T("Remove"), theme.DeleteIcon(), func() {
			at := slices.Index(f.o.Engine.Settings().Folders, dir)
			f.change(func(s *store.Settings) error {
				s.Folders = slices.DeleteFunc(s.Folders, func(d string) bool { return d == dir })
				return nil
			})
			f.o.undo.Offer(form.Undoable{
				Words: say.F("Took back %s: the workbench reads nothing there", form.Visible(dir, false)),
				Back: func(context.Context) error {
					return f.o.Engine.UpdateSettings(func(s *store.Settings) error {
						if !slices.Contains(s.Folders, dir) {
							s.Folders = slices.Insert(slices.Clone(s.Folders), max(min(at, len(s.Folders)), 0), dir)
						}
						return nil
					})
				},
				Done: func(_ bool, err error) {
					f.path.SetError(form.Sentence(err))
					f.load()
				},
			})
			f.o.undo.Focus()
		})
		remove.Name = say.F("Remove %s", dir)
		f.list.Add(line(form.Label(form.Visible(dir, false)), remove))
	}
	f.Box.Refresh()
}

// grant adds a folder that exists.
func (f *folders) grant(dir string) {
	f.path.SetError("")
	if !filepath.IsAbs(dir) {
		f.path.SetError(say.T("Type the whole path, for example /home/you/notes."))
		return
	}
	dir = filepath.Clean(dir)
	f.o.Runner.Run(func(context.Context) error {
		info, err := os.Stat(dir)
		switch {
		case errors.Is(err, os.ErrNotExist):
			return fmt.Errorf(say.T("there is no folder %s. Check the path"), dir)
		case err != nil:
			return fmt.Errorf(say.T("the folder cannot be looked at: %w"), err)
		case !info.IsDir():
			return fmt.Errorf(say.T("%s is a file. Grant the folder that it is in"), dir)
		}
		return f.o.Engine.UpdateSettings(func(s *store.Settings) error {
			if !slices.Contains(s.Folders, dir) {
				s.Folders = append(s.Folders, dir)
			}
			return nil
		})
	}, func(err error) {
		if err != nil {
			f.path.SetError(form.Sentence(err))
			return
		}
		f.path.SetText("")
		f.load()
	})
}

func (f *folders) change(change func(*store.Settings) error) {
	f.o.Runner.Run(func(context.Context) error { return f.o.Engine.UpdateSettings(change) }, func(err error) {
		f.path.SetError(form.Sentence(err))
		f.load()
	})
}

package form

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/storage"

	"github.com/drawbridge-app/drawbridge/app/ui/say"
)

// Files asks the person for files. What was chosen is handed over on the
// goroutine of the window; the path is empty where nothing was.
type Files interface {
	Save(name string, then func(path string, err error))
	Open(extensions []string, then func(path string, err error))
}

// Dialogs are Files that asks in sheets of the window.
type Dialogs struct{ Window fyne.Window }

// dialogSize is how large such a sheet is.
var dialogSize = fyne.NewSize(760, 560)

// Save asks for a place to write to. Where a file is there already, the person
// was asked about that.
func (d Dialogs) Save(name string, then func(path string, err error)) {
	s := dialog.NewFileSave(func(w fyne.URIWriteCloser, err error) {
		if err != nil || w == nil {
			then("", err)
			return
		}
		then(w.URI().Path(), w.Close())
	}, d.Window)
	s.SetFileName(name)
	s.Show()
	s.Resize(dialogSize) // a dialog that was not shown has no size that could be compared
}

// Open asks for a file with one of the extensions, such as ".zip".
func (d Dialogs) Open(extensions []string, then func(path string, err error)) {
	s := dialog.NewFileOpen(func(r fyne.URIReadCloser, err error) {
		if err != nil || r == nil {
			then("", err)
			return
		}
		then(r.URI().Path(), r.Close())
	}, d.Window)
	s.SetFilter(storage.NewExtensionFileFilter(extensions))
	s.Show()
	s.Resize(dialogSize) // a dialog that was not shown has no size that could be compared
}

// WriteFile writes a file for its owner alone, whole or not at all: what was there
// before stays until the new one is complete. It waits for the disk.
func WriteFile(path string, write func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".drawbridge-*") // with rights 0600
	if err != nil {
		return fmt.Errorf(say.T("write %s: %w"), path, err)
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// Bytes writes how large something is: 812 bytes, 14 KB, 3.2 MB.
func Bytes(n int64) string {
	switch {
	case n < 1000:
		return say.N(int(n), "%d byte", "%d bytes", n)
	case n < 999_500:
		return say.F("%s KB", strconv.FormatInt((n+500)/1000, 10))
	case n < 999_500_000:
		return say.F("%s MB", strconv.FormatFloat(float64(n)/1e6, 'f', 1, 64))
	}
	return say.F("%s GB", strconv.FormatFloat(float64(n)/1e9, 'f', 1, 64))
}

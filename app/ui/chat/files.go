package chat

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/dialog"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/store"
)

// The bounds of what goes with one message.
const (
	maxFile  = 4 << 20 // bytes of a file
	maxFiles = 20
)

// readFile makes of a file what goes with a message: a picture that models can
// see, or a text. The model gets its name and what is in it, and not where it is.
// The error wraps store.ErrInvalid for any other file and for one of more than
// 4 MiB.
func readFile(path string) (store.Parts, error) {
	name := filepath.Base(path)
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf(say.T("read %s: %w"), name, err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf(say.T("%s is no file; attach the files in it one by one, or grant the folder to the workbench in the settings (%w)"), name, store.ErrInvalid)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf(say.T("read %s: %w"), name, err)
	}
	defer func() { _ = f.Close() }() // it was only read
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf(say.T("read %s: %w"), name, err)
	}
	return partsOf(name, data)
}

func partsOf(name string, data []byte) (store.Parts, error) {
	switch {
	case len(data) == 0:
		return nil, fmt.Errorf(say.T("%s is empty (%w)"), name, store.ErrInvalid)
	case len(data) > maxFile:
		return nil, fmt.Errorf(say.T("%s is larger than the %d MiB that can go with a message; attach a part of it (%w)"), name, maxFile>>20, store.ErrInvalid)
	}
	switch kind := http.DetectContentType(data); kind {
	case "image/png", "image/jpeg", "image/gif", "image/webp":
		return store.Parts{store.Image{MIMEType: kind, Data: data}}, nil
	}
	if bytes.IndexByte(data, 0) >= 0 || !utf8.Valid(data) {
		return nil, fmt.Errorf(say.T("%s is neither a picture (PNG, JPEG, GIF, WebP) nor text in UTF-8, which is what models can read; convert it first (%w)"), name, store.ErrInvalid)
	}
	kind, _, _ := strings.Cut(mime.TypeByExtension(filepath.Ext(name)), ";")
	if !strings.HasPrefix(kind, "text/") && kind != "application/json" {
		kind = "text/plain"
	}
	return store.Parts{store.File{Name: name, MIMEType: kind, Data: data}}, nil
}

// Attach has files go with the next message of the conversation in view. They are
// read elsewhere; what cannot be read is said.
func (p *Page) Attach(paths []string) {
	if p.editing.message != "" {
		p.fail.say(say.T("A message that is edited keeps what it had. Send it or leave it, then attach files to the next one."))
		return
	}
	for _, path := range paths {
		if len(p.attached[p.current]) >= maxFiles {
			p.fail.say(say.N(maxFiles, "At most %d thing goes with a message.", "At most %d things go with a message.", maxFiles))
			return
		}
		p.attachFrom(filepath.Base(path), func(context.Context) (store.Parts, error) { return readFile(path) })
	}
	p.focusInput()
}

// attachFrom attaches what a function reads, which runs elsewhere.
func (p *Page) attachFrom(title string, read func(context.Context) (store.Parts, error)) {
	p.fail.say("")
	id := p.current
	a := &attachment{title: title, reading: true}
	p.attached[id] = append(p.attached[id], a)
	p.showAttached()
	p.o.Runner.Run(func(ctx context.Context) (err error) {
		a.parts, err = read(ctx)
		return err
	}, func(err error) {
		a.reading = false
		if err != nil || len(a.parts) == 0 {
			for k, list := range p.attached {
				p.attached[k] = slices.DeleteFunc(list, func(o *attachment) bool { return o == a })
			}
		}
		if err != nil {
			p.fail.say(form.Sentence(err))
		}
		p.showAttached()
	})
}

// pasted takes what the composer's field cannot paste: files that were copied,
// and pictures. It reports whether that was all.
func (p *Page) pasted(text string) bool {
	if paths := copiedFiles(text); len(paths) > 0 {
		p.Attach(paths)
		return true
	}
	if text != "" || p.o.Picture == nil || p.editing.message != "" {
		return false
	}
	p.attachFrom(say.T("Picture from the clipboard"), func(ctx context.Context) (store.Parts, error) {
		data, err := p.o.Picture(ctx)
		if err != nil || len(data) == 0 {
			return nil, err
		}
		return partsOf(say.T("The picture in the clipboard"), data)
	})
	return true
}

// copiedFiles returns the files of a list as file managers copy it: nothing but
// file: addresses, one a line.
func copiedFiles(text string) (out []string) {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line == "copy" || line == "cut" || line == "x-special/nautilus-clipboard" {
			continue
		}
		u, err := url.Parse(line)
		if err != nil || u.Scheme != "file" || u.Path == "" || u.Host != "" && u.Host != "localhost" {
			return nil
		}
		path := filepath.FromSlash(u.Path)
		if len(path) > 2 && path[0] == '\\' && path[2] == ':' {
			path = path[1:] // \C:\…
		}
		out = append(out, path)
	}
	return out
}

// chooseFile has the person choose a file to go with the message.
func (p *Page) chooseFile() {
	d := dialog.NewFileOpen(func(f fyne.URIReadCloser, err error) {
		switch {
		case err != nil:
			p.fail.say(form.Sentence(err))
		case f != nil:
			path := f.URI().Path()
			_ = f.Close() // it is read elsewhere
			p.Attach([]string{path})
		}
		p.focusInput()
	}, p.o.Window)
	d.Resize(fyne.NewSize(760, 560))
	d.Show()
}

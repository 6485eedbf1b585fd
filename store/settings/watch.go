package settings

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"time"
)

// file is one of the files as it was last seen. Files.mu protects it.
type file struct {
	path    string
	now     content
	info    fs.FileInfo // of now.data
	readAt  time.Time
	missing bool // it was not there at the last look, which may be an editor's doing
}

// content is what a look at a file found: its data, nil if there is no file, or
// why it cannot be read.
type content struct {
	data []byte
	err  error
}

func (c content) same(d content) bool {
	if (c.err == nil) != (d.err == nil) || (c.err != nil && c.err.Error() != d.err.Error()) {
		return false
	}
	return (c.data == nil) == (d.data == nil) && bytes.Equal(c.data, d.data)
}

// content returns the data, or what stands for a file that is not there.
func (f *file) content(none string) []byte {
	if f.now.data == nil {
		return []byte(none)
	}
	return f.now.data
}

// racy is the age under which a file may change again without its time and size
// telling: the clocks of file systems tick coarsely.
const racy = 3 * time.Second

// refresh looks at the file and reports whether there is something else in it.
// It is a single stat for a file that did not change, unless sure is set.
func (f *file) refresh(sure bool) bool {
	info, err := os.Stat(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		if f.now.data != nil && !f.missing {
			f.missing = true // some editors remove and rename; look once more
			return false
		}
		return f.take(content{}, nil)
	}
	f.missing = false
	if err != nil {
		return f.take(content{err: err}, nil)
	}
	if !sure && f.info != nil && f.now.err == nil && os.SameFile(info, f.info) && info.Size() == f.info.Size() &&
		info.ModTime().Equal(f.info.ModTime()) && f.readAt.Sub(info.ModTime()) > racy {
		return false
	}
	if !info.Mode().IsRegular() {
		return f.take(content{err: fmt.Errorf("%s is no regular file; move it away", f.path)}, nil)
	}
	at := time.Now()
	data, err := read(f.path)
	f.readAt = at
	return f.take(content{data, err}, info)
}

func (f *file) take(c content, info fs.FileInfo) bool {
	f.info = info
	if f.now.same(c) {
		return false
	}
	f.now = c
	return true
}

// read reads a file up to a byte more than is accepted.
func read(path string) ([]byte, error) {
	r, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	data, err := io.ReadAll(io.LimitReader(r, maxSize+1))
	if err != nil {
		return nil, err
	}
	if data == nil {
		data = []byte{}
	}
	return data, nil
}

// write replaces the file. It stays as it was if that fails.
func (f *file) write(data []byte) error {
	if len(data) > maxSize {
		return fmt.Errorf("%s would be larger than %d MB, more than can be read again; remove something first", f.path, maxSize>>20)
	}
	if err := writeFile(f.path, data); err != nil {
		return fmt.Errorf("%s cannot be written, so nothing was changed; check the free space and the rights of its folder: %w", f.path, err)
	}
	f.now, f.info, f.missing = content{data: data}, nil, false
	return nil
}

// reload takes over what was changed by hand. f.mu is held.
func (f *Files) reload(sure bool) {
	changed := false
	if f.settings.refresh(sure) {
		changed = true
		f.loadSettings()
		f.logger.Info("settings.json was changed by hand", "usable", f.settingsNow.Load().blocked == nil)
	}
	if f.servers.refresh(sure) {
		changed = true
		f.loadServers()
		s := f.serversNow.Load()
		f.logger.Info("mcp.json was changed by hand", "usable", s.blocked == nil, "servers", len(s.list), "problems", len(s.problems))
	}
	if changed {
		f.changes.Add(1)
	}
}

// lookEvery is how long an edit may take to be seen. A look is two stats; more
// often would show in what a hidden window uses of the processor.
const lookEvery = 3 * time.Second

// Watch ticks after a file was changed by hand and the change has been taken
// over, until the context ends or the loop is left. It looks every lookEvery, on
// the goroutine that ranges over it. Changes made by Update do not tick; several
// edits may be one tick.
func (f *Files) Watch(ctx context.Context) iter.Seq[struct{}] {
	return func(yield func(struct{}) bool) {
		seen := f.changes.Load()
		every := time.NewTicker(lookEvery)
		defer every.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-every.C:
			}
			f.mu.Lock()
			f.reload(false)
			f.mu.Unlock()
			if now := f.changes.Load(); now != seen {
				seen = now
				if !yield(struct{}{}) {
					return
				}
			}
		}
	}
}

package workbench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	readMax  = 1 << 20 // bytes of one answer
	readPart = 128 << 10
	listMax  = 1000 // entries of one answer
	headSize = 8 << 10
)

type pathIn struct {
	Path string `json:"path"`
}

func (s *Server) listDirectory(_ context.Context, in pathIn) (string, error) {
	a := s.access()
	defer a.close()
	f, err := a.locate(in.Path)
	if err != nil {
		return "", err
	}
	defer f.close()
	if f.name != "." {
		return "", fmt.Errorf("%s is no folder; read_file reads a file", in.Path)
	}
	entries, more, err := readDir(f.place)
	if err != nil {
		return "", explain(in.Path, err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", f.path)
	for _, e := range entries {
		fmt.Fprintln(&b, "  "+describe(e))
	}
	switch {
	case len(entries) == 0:
		b.WriteString("  (empty)\n")
	case more:
		fmt.Fprintf(&b, "  … and more; only %d entries are listed\n", listMax)
	}
	return b.String(), nil
}

// readDir returns the entries of a folder, sorted, and whether there are more
// than are read.
func readDir(p place) (entries []fs.DirEntry, more bool, err error) {
	dir, err := p.root.Open(".")
	if err != nil {
		return nil, false, err
	}
	defer dir.Close()
	entries, err = dir.ReadDir(listMax + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, false, err
	}
	if len(entries) > listMax {
		entries, more = entries[:listMax], true
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, more, nil
}

func describe(e fs.DirEntry) string {
	name := e.Name()
	if strings.ContainsAny(name, "\n\r\t") {
		name = fmt.Sprintf("%q", name)
	}
	switch {
	case privateName(name):
		return name + "  (never read)"
	case e.IsDir():
		return name + string(filepath.Separator)
	case e.Type()&fs.ModeSymlink != 0:
		return name + "  (link)"
	case !e.Type().IsRegular():
		return name + "  (no regular file)"
	}
	info, err := e.Info()
	if err != nil {
		return name
	}
	return fmt.Sprintf("%s  %d", name, info.Size())
}

type readIn struct {
	Path   string `json:"path"`
	Offset int64  `json:"offset"`
	Limit  int64  `json:"limit"`
}

func (s *Server) readFile(_ context.Context, in readIn) (string, error) {
	a := s.access()
	defer a.close()
	f, err := a.locate(in.Path)
	if err != nil {
		return "", err
	}
	defer f.close()
	if f.name == "." {
		return "", fmt.Errorf("%s is a folder; list_directory lists it", in.Path)
	}
	file, err := a.open(f)
	if err != nil {
		return "", explain(in.Path, err)
	}
	defer file.Close()
	return readPiece(file, in)
}

// open opens a regular file. It never waits, as opening a pipe would.
func (a *access) open(f found) (*os.File, error) {
	if !f.info.Mode().IsRegular() {
		return nil, errors.New("it is no regular file")
	}
	file, err := f.root.OpenFile(f.name, os.O_RDONLY|openFlags, 0)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	switch {
	case err != nil:
	case !info.Mode().IsRegular():
		err = errors.New("it is no regular file")
	case !os.SameFile(info, f.info):
		err = errors.New("it changed while it was opened; try again")
	case a.isRefused(info):
		err = errPrivate
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

func readPiece(file *os.File, in readIn) (string, error) {
	info, err := file.Stat()
	if err != nil {
		return "", explain(in.Path, err)
	}
	size := info.Size()
	head := make([]byte, headSize)
	n, err := file.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", explain(in.Path, err)
	}
	head = head[:n]
	if !isText(head) {
		return fmt.Sprintf("%s is no text: %s, %d bytes.", in.Path, http.DetectContentType(head), size), nil
	}
	if in.Offset > 0 && in.Offset >= size {
		return "", fmt.Errorf("%s has %d bytes; the offset %d lies behind its end", in.Path, size, in.Offset)
	}
	limit := in.Limit
	if limit <= 0 {
		limit = readPart
	}
	// Some more, so that a character at the end can be whole.
	buf := make([]byte, min(limit, readMax)+utf8.UTFMax)
	n, err = file.ReadAt(buf, in.Offset)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", explain(in.Path, err)
	}
	piece, from, to := whole(buf[:n], in.Offset, int(min(limit, readMax)))
	if !utf8.Valid(piece) || bytes.IndexByte(piece, 0) >= 0 {
		return fmt.Sprintf("%s is no UTF-8 text from byte %d on; it has %d bytes.", in.Path, from, size), nil
	}
	text := string(piece)
	switch {
	case size == 0 && n == 0:
		return "(the file is empty)", nil
	case to < size:
		text += fmt.Sprintf("\n\n[bytes %d to %d of %d; go on with offset %d]", from, to, size, to)
	case from > 0:
		text += fmt.Sprintf("\n\n[bytes %d to %d of %d; that is the end]", from, to, size)
	}
	return text, nil
}

// whole cuts a piece at the borders of characters: it begins with the first
// one at or after the offset, and ends with the last one that begins within the
// limit.
func whole(b []byte, offset int64, limit int) (piece []byte, from, to int64) {
	start := 0
	if offset > 0 {
		for start < len(b) && start < utf8.UTFMax && !utf8.RuneStart(b[start]) {
			start++
		}
	}
	end := min(limit, len(b))
	for end < len(b) && end < limit+utf8.UTFMax && !utf8.RuneStart(b[end]) {
		end++
	}
	end = max(end, start)
	return b[start:end], offset + int64(start), offset + int64(end)
}

// isText reports whether the beginning of a file is UTF-8 without NUL. A
// character that the end cuts off does not count.
func isText(head []byte) bool {
	if bytes.IndexByte(head, 0) >= 0 {
		return false
	}
	for i := 0; i < utf8.UTFMax && len(head) > 0; i++ {
		if r, size := utf8.DecodeLastRune(head); r != utf8.RuneError || size != 1 {
			break
		}
		if len(head) < headSize-utf8.UTFMax {
			break // the whole file: nothing was cut
		}
		head = head[:len(head)-1]
	}
	return utf8.Valid(head)
}
